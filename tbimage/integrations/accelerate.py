"""A tracker for the package ``accelerate``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from tbimage.integrations.failures import Failures, guarded
from tbimage.integrations.frameworks import needs
from tbimage.integrations.hyperparameters import flattened
from tbimage.writer import SummaryWriter

with needs("accelerate", "1.0"):
    from accelerate.tracking import GeneralTracker, on_main_process

__all__ = ["TBImageTracker"]


class TBImageTracker(GeneralTracker):
    """Log the values that an ``Accelerator`` tracks.

    A logging error never stops the training. The tracker counts all errors, and reports the first
    error of each class.

    Args:
        logdir: The run directory.
        settings: Settings of ``tbimage.SummaryWriter``.

    Attributes:
        failures: ``failures.count`` is the number of logging errors.

    Example:
        >>> from accelerate import Accelerator
        >>> from tbimage.integrations.accelerate import TBImageTracker
        >>> accelerator = Accelerator(cpu=True, log_with=TBImageTracker("runs/accelerate"))
        >>> accelerator.init_trackers("project", config={"lr": 0.1})
        >>> for step in range(3):
        ...     accelerator.log({"loss": 1 / (step + 1)}, step=step)
        >>> accelerator.end_training()
    """

    name = "tbimage"
    requires_logging_directory = False

    def __init__(self, logdir: str | os.PathLike[str], **settings: Any) -> None:
        super().__init__()
        self.failures: Failures = Failures("accelerate.TBImageTracker")
        self._logdir = logdir
        self._settings = {"on_error": "log", **settings}
        self._writer: SummaryWriter | None = None

    @property
    def tracker(self) -> SummaryWriter:
        """The writer of the main process."""
        if self._writer is None:
            self._writer = SummaryWriter(self._logdir, **self._settings)
        return self._writer

    @on_main_process
    @guarded
    def store_init_configuration(self, values: Mapping[str, Any]) -> None:
        """Log the configuration ``values`` as hyperparameters of the run."""
        with self.failures:
            self.tracker.hparams(flattened(values))

    @on_main_process
    @guarded
    def log(self, values: Mapping[str, Any], step: int | None = None, **kwargs: Any) -> None:
        """Log numbers and strings.

        Args:
            values: A mapping of tags to values. A value is a number, a string, or a mapping of
                names to numbers. Each number of such a mapping gets its own run.
            step: An integer, greater than the last step of each tag. If None, each tag's next step.
            kwargs: More arguments of the writer's methods, such as ``description``.
        """
        for name, value in values.items():
            with self.failures:
                if isinstance(value, str):
                    self.tracker.text(name, value, step, **kwargs)
                elif isinstance(value, Mapping):
                    self.tracker.scalars(name, value, step, **kwargs)
                else:
                    self.tracker.scalar(name, value, step, **kwargs)

    @on_main_process
    @guarded
    def log_images(self, values: Mapping[str, Any], step: int | None = None, **kwargs: Any) -> None:
        """Log images.

        Args:
            values: Images by tag, in a form that ``SummaryWriter.image`` accepts.
            step: As in ``log``.
            kwargs: More arguments of ``SummaryWriter.image``, such as ``layout="NCHW"``.
        """
        for name, images in values.items():
            with self.failures:
                self.tracker.image(name, images, step, **kwargs)

    @on_main_process
    @guarded
    def finish(self) -> None:
        """Write all pending summaries, and close the writer."""
        with self.failures:
            if self._writer is not None:
                self._writer.close()
