"""The callback ``keras.callbacks.TensorBoard`` without TensorFlow."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from tbimage import checks
from tbimage.events.messages import SummaryMetadata
from tbimage.integrations.failures import Failures, guarded
from tbimage.integrations.frameworks import needs
from tbimage.integrations.keras.weights import (
    check_names,
    learning_rates,
    log_embeddings,
    log_weights,
)
from tbimage.writer import SummaryWriter, defaults

with needs("keras", "3.6"):
    import keras

__all__ = ["TensorBoard"]

# With this plugin data, the Graphs page shows a Keras model. The content is a version number.
_GRAPH = {"plugin_name": "graph_keras_model", "content": b"1"}

_SURROUNDINGS: Any = (defaults.default_writer, defaults.default_step, defaults.condition)


class TensorBoard(keras.callbacks.Callback):
    """Log Keras training on every backend, in the format of ``keras.callbacks.TensorBoard``.

    If ``update_freq`` is not "epoch", another callback, or a ``train_step`` that runs eagerly, can
    log to the current run with ``tbimage.image("input", batch)``. The default step is the number of
    the batch. With ``update_freq=n``, only every n-th batch is logged.

    Args:
        log_dir: The directory of the runs ``train`` and ``validation``.
        histogram_freq: Log a histogram of each weight after every n-th epoch; 0: never.
        write_graph: Whether to log the layers of a Sequential or Functional model (Graphs page).
        write_images: Whether to log weights as images, together with their histograms.
        write_steps_per_second: Whether to log the number of steps per second.
        update_freq: "epoch", or a number n to log losses and metrics of every n-th batch, too.
            "batch" means 1.
        profile_batch: Must be 0. Use the profiler of the backend, such as ``jax.profiler``.
        embeddings_freq: Log the vectors of ``Embedding`` layers after every n-th epoch; 0: never.
        embeddings_metadata: Label files by layer name, or one label file for all layers. A file has
            one line for each row of the embedding. A relative path is relative to ``log_dir``.

    Attributes:
        failures: ``failures.count`` is the number of logging errors.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A frequency is too small, or ``profile_batch`` is not 0.

    Example:
        >>> import keras, os, numpy as np
        >>> from tbimage.integrations.keras import TensorBoard
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x, y = np.zeros((8, 4)), np.zeros((8, 1))
        >>> callback = TensorBoard("runs/keras", histogram_freq=1)
        >>> _ = model.fit(x, y, validation_split=0.5, callbacks=[callback], verbose=0)
        >>> sorted(os.listdir("runs/keras"))
        ['train', 'validation']
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: int | str = "epoch",
        profile_batch: int = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: str | Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        if profile_batch:
            raise ValueError(
                f"profile_batch must be 0, got {profile_batch!r}: profile with jax.profiler, "
                "torch.profiler or tf.profiler in a callback of your own"
            )
        if update_freq != "epoch":
            given = 1 if update_freq == "batch" else update_freq
            update_freq = checks.integer("update_freq", given, 1)
        self.log_dir: str = os.fspath(log_dir)
        self.histogram_freq: int = checks.integer("histogram_freq", histogram_freq, 0)
        self.write_graph: bool = checks.flag("write_graph", write_graph)
        self.write_images: bool = checks.flag("write_images", write_images)
        self.write_steps_per_second = checks.flag("write_steps_per_second", write_steps_per_second)
        self.update_freq: Any = update_freq
        self.embeddings_freq: int = checks.integer("embeddings_freq", embeddings_freq, 0)
        self.embeddings_metadata = embeddings_metadata
        self.failures: Failures = Failures("keras.TensorBoard")
        self._writers: dict[str, SummaryWriter] = {}
        self._before: list[Any] | None = None  # the values of _SURROUNDINGS before the batch
        self._training = False
        self._shown: Any = None  # the model whose layers were logged
        self._batches = {"train": 0, "validation": 0}

    def set_model(self, model: Any) -> None:
        """Set the model. Raise a ValueError if a layer of ``embeddings_metadata`` is missing."""
        super().set_model(model)
        self._close()
        if self.embeddings_freq:
            check_names(self.embeddings_metadata, model)

    @guarded
    def on_train_begin(self, logs: Any = None) -> None:
        """Log the layers of the model."""
        self._training = True
        self._batches["train"] = 0
        if self.write_graph and self._shown is not self.model:
            with self.failures:
                self._log_layers()
        self._begin_batch("train")

    def on_train_end(self, logs: Any = None) -> None:
        """Write all pending summaries, and close the writers."""
        self._training = False
        self._close()

    @guarded
    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Store the time and the number of training steps at the start of the epoch."""
        if self.write_steps_per_second:
            self._epoch_began = time.perf_counter(), int(self.model.optimizer.iterations)

    @guarded
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Log losses, metrics, weights and embeddings."""
        self._end_batch()
        if logs:
            with self.failures:
                self._log_metrics(epoch, dict(logs))
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            with self.failures:
                log_weights(self._writer("train"), self.model, epoch, self.write_images)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            with self.failures:
                files = self.embeddings_metadata
                log_embeddings(self._writer("train"), self.model, epoch, self.log_dir, files)

    @guarded
    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Use the number of training batches so far as the default step."""
        self._batches["train"] += 1
        self._begin_batch("train")
        self._batch_began = time.perf_counter()

    @guarded
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Log losses and metrics of the batch."""
        step = self._batches["train"]
        if self.update_freq == "epoch" or step % self.update_freq:
            return
        values = dict(logs) if isinstance(logs, dict) else {}
        if self.write_steps_per_second:
            with self.failures:
                values["steps_per_second"] = 1 / (time.perf_counter() - self._batch_began)
        for name, value in values.items():
            with self.failures:
                self._writer("train").scalar(f"batch_{name}", value, step)

    def on_test_begin(self, logs: Any = None) -> None:
        """Use the writer of the run ``validation`` as the default writer."""
        self._begin_batch("validation")

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Use the number of validation batches so far as the default step."""
        self._batches["validation"] += 1
        self._begin_batch("validation")

    @guarded
    def on_test_end(self, logs: Any = None) -> None:
        """Log losses and metrics. The step is the number of training steps."""
        self._end_batch()
        iterations = getattr(self.model.optimizer, "iterations", None)
        if iterations is not None:
            for name, value in (logs or {}).items():
                with self.failures:
                    tag = f"evaluation_{name}_vs_iterations"
                    self._writer("validation").scalar(tag, value, int(iterations))
        if not self._training:
            self._close()

    def _log_layers(self) -> None:
        """Log the configuration of the model if it is a Sequential or a Functional model."""
        if type(self.model).__name__ not in ("Functional", "Sequential"):
            return
        metadata = SummaryMetadata(plugin_data=_GRAPH)
        self._writer("train").tensor("keras", self.model.to_json(), 0, metadata=metadata)
        self._shown = self.model

    def _log_metrics(self, epoch: int, logs: dict[str, Any]) -> None:
        validation = {name[4:]: logs.pop(name) for name in list(logs) if name.startswith("val_")}
        with self.failures:
            logs |= learning_rates(self.model.optimizer)
        if self.write_steps_per_second:
            with self.failures:
                began, iterations = self._epoch_began
                steps = int(self.model.optimizer.iterations) - iterations
                logs["steps_per_second"] = steps / (time.perf_counter() - began)
        for run, values in (("train", logs), ("validation", validation)):
            for name, value in values.items():
                with self.failures:
                    self._writer(run).scalar(f"epoch_{name}", value, epoch)

    def _writer(self, run: str) -> SummaryWriter:
        if run not in self._writers:
            directory = os.path.join(self.log_dir, run)
            self._writers[run] = SummaryWriter(directory, wire="tensor", on_error="log")
        return self._writers[run]

    def _begin_batch(self, run: str) -> None:
        """Set the default writer, step and condition until the next batch begins or the epoch ends.

        This does not use ``as_default``, because an error in training would leave its block open.
        """
        self._end_batch()
        if self.update_freq == "epoch":
            return
        with self.failures:
            writer, step = self._writer(run), self._batches[run]
            self._before = [variable.get() for variable in _SURROUNDINGS]
            wanted = step % self.update_freq == 0
            values = writer, step, lambda *_: wanted
            for variable, value in zip(_SURROUNDINGS, values, strict=True):
                variable.set(value)

    def _end_batch(self) -> None:
        if self._before is not None:
            for variable, value in zip(_SURROUNDINGS, self._before, strict=True):
                variable.set(value)
            self._before = None

    def _close(self) -> None:
        self._end_batch()
        for writer in self._writers.values():
            with self.failures:
                writer.close()
        self._writers = {}
