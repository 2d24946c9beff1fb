"""A callback for the ``Trainer`` of the package ``transformers``."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from tbimage import checks
from tbimage.integrations.failures import Failures, guarded
from tbimage.integrations.frameworks import needs
from tbimage.integrations.hyperparameters import flattened
from tbimage.writer import SummaryWriter

with needs("transformers", "4.46"):
    from transformers import TrainerCallback

__all__ = ["TBImageCallback"]


class TBImageCallback(TrainerCallback):
    """Log the Trainer's arguments, the model's configuration, and the values that the Trainer logs.

    The tags are the same as in ``TensorBoardCallback`` of transformers: ``train/loss``,
    ``eval/loss`` and so on, and the texts ``args`` and ``model_config``. Pass ``report_to="none"``
    to ``TrainingArguments``, so that values are not logged twice.

    Args:
        logdir: The run directory. If None, ``logs`` in the Trainer's output directory is used.
        draw: A function that takes the model after each evaluation, and returns images by name, in
            a form that ``SummaryWriter.image`` accepts. If None, no images are logged.

    Attributes:
        writer: The writer of the run, or None if no run is open.
        failures: ``failures.count`` is the number of logging errors.

    Raises:
        TypeError: An argument is of the wrong type.

    Example:
        >>> from tbimage.integrations.transformers import TBImageCallback
        >>> callback = TBImageCallback("runs/transformers")
        >>> # trainer = Trainer(model, arguments, callbacks=[callback], ...)
    """

    def __init__(
        self,
        logdir: str | os.PathLike[str] | None = None,
        draw: Callable[[Any], Mapping[str, Any]] | None = None,
    ) -> None:
        if draw is not None and not callable(draw):
            raise TypeError(f"draw must be a function of the model, got {checks.given(draw)}")
        self.writer: SummaryWriter | None = None
        self.failures: Failures = Failures("transformers.TBImageCallback")
        self._logdir = logdir
        self._draw = draw

    @guarded
    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Open the run. Log the training arguments and the model's configuration."""
        with self.failures:
            self._log_configuration(args, state, kwargs.get("model"))

    def _log_configuration(self, args: Any, state: Any, model: Any) -> None:
        writer = self._open(args, state)
        if writer is not None:
            writer.text("args", args.to_json_string(), markdown=False)
            config = getattr(model, "config", None)
            if config is not None:
                writer.text("model_config", config.to_json_string(), markdown=False)

    @guarded
    def on_log(
        self,
        args: Any,
        state: Any,
        control: Any,
        logs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Log numbers and strings."""
        with self.failures:
            writer = self._open(args, state)
            for name, value in (logs or {}).items():
                with self.failures:
                    if writer is not None:
                        log = writer.text if isinstance(value, str) else writer.scalar
                        log(_tag(name), value, state.global_step)

    @guarded
    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Log the images that ``draw`` returns."""
        with self.failures:
            writer = self._open(args, state)
            if writer is not None and self._draw is not None:
                for name, pictures in self._draw(kwargs["model"]).items():
                    with self.failures:
                        writer.image(name, pictures, state.global_step)

    @guarded
    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Write all pending summaries, and close the writer.

        If the Trainer logs later, as in ``evaluate``, the run is opened again. Its pending
        summaries are written when the process ends.
        """
        with self.failures:
            if self.writer is not None:
                self.writer.close()
        self.writer = None

    def _open(self, args: Any, state: Any) -> SummaryWriter | None:
        """Return the writer in the first process. Return None in all other processes."""
        if self.writer is None and state.is_world_process_zero:
            logdir = os.path.join(args.output_dir, "logs") if self._logdir is None else self._logdir
            if state.is_hyper_param_search and state.trial_name is not None:
                logdir = os.path.join(logdir, state.trial_name)
            self.writer = SummaryWriter(logdir, on_error="log")
            trial = state.trial_params
            if trial:
                self.writer.hparams(flattened(trial))
        return self.writer


def _tag(name: str) -> str:
    """Return the tag of a metric, which begins with ``eval/``, ``test/`` or ``train/``."""
    for group in ("eval", "test"):
        if name.startswith(f"{group}_"):
            return f"{group}/{name[len(group) + 1 :]}"
    return f"train/{name}"
