"""A Keras callback that logs images of predictions, feature maps and kernels."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tbimage import checks
from tbimage.integrations.failures import Failures, guarded
from tbimage.integrations.frameworks import needs
from tbimage.writer import SummaryWriter
from tbimage.writer.conditions import record_if

with needs("keras", "3.6"):
    import keras

__all__ = ["ImagesCallback"]


class ImagesCallback(keras.callbacks.Callback):
    """Log images of a model's outputs, feature maps and kernels after every ``freq``-th epoch.

    Args:
        data: Inputs of the model, such as a batch of validation images. A few images are enough.
        fn: A function that takes the model and the data, and returns images by name. Each value is
            an array for ``SummaryWriter.image``: [batch, height, width, channels] of uint8, or of
            floats from 0 to 1. The functions of ``tbimage.visual`` make such arrays. If None, only
            ``layers`` and ``kernels`` are logged.
        layers: Names of layers of a Sequential or Functional model. Their feature maps for the
            first item of ``data`` are logged.
        kernels: Names of convolution layers. Their means over the input channels are logged.
        log_dir: The run directory. Default "logs/images", next to the runs of ``TensorBoard``.
        freq: Log the epochs 0, ``freq``, 2 * ``freq`` and so on. Default 1.

    Attributes:
        failures: ``failures.count`` is the number of errors, including errors of ``fn``.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: ``freq`` is below 1, or ``set_model`` gets a model without a named layer.

    Example:
        >>> import keras, numpy as np
        >>> from tbimage.integrations.keras import ImagesCallback
        >>> convolution = keras.layers.Conv2D(3, 3, padding="same", name="convolution")
        >>> model = keras.Sequential([keras.Input((8, 8, 3)), convolution])
        >>> model.compile("sgd", "mse")
        >>> images = np.random.default_rng(0).random((2, 8, 8, 3))
        >>> def draw(model, data):
        ...     return {"output": np.clip(model.predict(data, verbose=0), 0, 1)}
        >>> names = ["convolution"]
        >>> callback = ImagesCallback(images, draw, layers=names, kernels=names)
        >>> _ = model.fit(images, images, epochs=2, callbacks=[callback], verbose=0)
        >>> callback.failures.count
        0
    """

    def __init__(
        self,
        data: Any,
        fn: Callable[[Any, Any], Mapping[str, Any]] | None = None,
        *,
        layers: Sequence[str] = (),
        kernels: Sequence[str] = (),
        log_dir: str | os.PathLike[str] = "logs/images",
        freq: int = 1,
    ) -> None:
        super().__init__()
        if fn is not None and not callable(fn):
            raise TypeError(
                f"fn must be a function of the model and the data, got {checks.given(fn)}"
            )
        for argument, names in (("layers", layers), ("kernels", kernels)):
            if isinstance(names, str):
                raise TypeError(
                    f"{argument} must be a list of names, got {names!r}; pass [{names!r}]"
                )
        self.freq: int = checks.integer("freq", freq, 1)
        self.log_dir: str = os.fspath(log_dir)
        self.failures: Failures = Failures("keras.ImagesCallback")
        self._data = data
        self._fn = fn
        self._layers = tuple(layers)
        self._kernels = tuple(kernels)
        self._writer: SummaryWriter | None = None

    def set_model(self, model: Any) -> None:
        """Set the model.

        Raises:
            ValueError: A named layer is not in the model.
        """
        super().set_model(model)
        known = [layer.name for layer in model.layers]
        for name in (*self._layers, *self._kernels):
            if name not in known:
                raise ValueError(f"the model must have a layer {name!r}; it has {', '.join(known)}")

    @guarded
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Log the images of this epoch."""
        if epoch % self.freq:
            return
        with self.failures, record_if(True):  # the batch's condition may be False
            if self._writer is None:
                self._writer = SummaryWriter(self.log_dir, on_error="log")
            if self._fn is not None:
                for name, pictures in self._fn(self.model, self._data).items():
                    with self.failures:
                        self._writer.image(name, pictures, epoch)
            for name in self._layers:
                with self.failures:
                    self._log_feature_maps(self._writer, name, epoch)
            for name in self._kernels:
                with self.failures:
                    _log_kernels(self._writer, self.model.get_layer(name), epoch)

    def _log_feature_maps(self, writer: SummaryWriter, name: str, epoch: int) -> None:
        layer = self.model.get_layer(name)
        inputs = self.model.inputs
        until = keras.Model(inputs[0] if len(inputs) == 1 else inputs, layer.output)
        first = keras.tree.map_structure(lambda array: array[:1], self._data)
        maps = until(first, training=False)
        channels_first = getattr(layer, "data_format", "") == "channels_first"
        writer.feature_maps(
            f"feature_maps/{name}",
            keras.ops.convert_to_numpy(maps),
            epoch,
            layout="NCHW" if channels_first else "NHWC",
        )

    @guarded
    def on_train_end(self, logs: Any = None) -> None:
        """Write all pending summaries, and close the writer."""
        if self._writer is not None:
            with self.failures:
                self._writer.close()
            self._writer = None


def _log_kernels(writer: SummaryWriter, layer: Any, epoch: int) -> None:
    """Log the kernels [height, width, inputs, outputs] of a two-dimensional convolution."""
    kernels = keras.ops.convert_to_numpy(layer.kernel)
    if kernels.ndim != 4:
        raise ValueError(f"kernels must name Conv2D layers, got {layer.name!r} of {kernels.shape}")
    writer.feature_maps(f"kernels/{layer.name}", kernels.mean(axis=2), epoch)
