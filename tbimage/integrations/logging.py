"""A ``logging`` handler that writes log records to an event file."""

from __future__ import annotations

import logging
import os
import threading
from typing import Any

from tbimage import checks
from tbimage.integrations.failures import Failures
from tbimage.writer import SummaryWriter, defaults

__all__ = ["TensorBoardHandler"]

# The attributes of every log record. All other attributes come from ``extra=`` of the call.
_OWN = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}


class TensorBoardHandler(logging.Handler):
    """Log each log record as a text summary, and the numbers of its ``extra=`` as scalars.

    The tag of a text is ``log/`` plus the level, such as ``log/INFO``. TensorBoard samples each tag
    separately, so frequent messages do not displace rare errors. Each text gets the next step of
    its tag. The tag of a number is its key in ``extra``. The step of a number is ``extra["step"]``,
    or the next step of its tag.

    A logging call never blocks. A record is dropped if the writer's memory bound is reached, or if
    its thread is already in this handler. Records of the logger ``tbimage`` and of its children are
    always dropped.

    Args:
        writer: A ``SummaryWriter`` with ``on_full="drop"``, or a run directory. For a directory,
            the handler makes a writer, and closes the writer in ``close``.
        level: The lowest level that is logged. By default, all levels are logged.

    Attributes:
        writer: The writer.
        failures: ``failures.count`` is the number of logging errors.

    Raises:
        TypeError: ``writer`` is neither a ``SummaryWriter`` nor a directory.
        ValueError: The writer has ``on_full="block"``, so a logging call could block.

    Example:
        >>> import logging
        >>> from tbimage.integrations.logging import TensorBoardHandler
        >>> handler = TensorBoardHandler("runs/log", level=logging.INFO)
        >>> logger = logging.getLogger("training")
        >>> logger.setLevel(logging.INFO)
        >>> logger.addHandler(handler)
        >>> logger.info("epoch %d is done", 3, extra={"loss": 0.25, "step": 3})
        >>> logger.removeHandler(handler)
        >>> handler.close()
    """

    def __init__(
        self, writer: SummaryWriter | str | os.PathLike[str], level: int | str = logging.NOTSET
    ) -> None:
        super().__init__(level)
        self._owns_writer = isinstance(writer, (str, os.PathLike))
        if isinstance(writer, (str, os.PathLike)):
            writer = SummaryWriter(writer, on_full="drop", on_error="log")
        if not isinstance(writer, SummaryWriter):
            raise TypeError(
                f"writer must be a tbimage.SummaryWriter or a directory, got {checks.given(writer)}"
            )
        if writer._settings.on_full != "drop":
            raise ValueError(
                'writer must have on_full="drop", got "block", so calls could wait; pass a writer '
                'with on_full="drop", or a directory for this handler, such as "runs/log"'
            )
        self.writer = writer
        self.failures: Failures = Failures("logging.TensorBoardHandler")
        self._here = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record; ``logging`` calls this.

        Args:
            record: The log record.
        """
        if record.name.partition(".")[0] == "tbimage" or getattr(self._here, "busy", False):
            return
        self._here.busy = True
        try:
            with self.failures, defaults.replaced(default_step=None, condition=None):
                with self.failures:
                    text = self.format(record)
                    self.writer.text(f"log/{record.levelname}", text, markdown=False)
                step = getattr(record, "step", None)
                for name, value in vars(record).items():
                    if name not in _OWN and name != "step":
                        with self.failures:
                            self._log_number(name, value, step, record.created)
        finally:
            self._here.busy = False

    def _log_number(self, name: str, value: object, step: Any, wall_time: float) -> None:
        plain = checks.plain_value(value)
        if isinstance(plain, (int, float)) and not isinstance(plain, bool):
            self.writer.scalar(name, plain, step, wall_time=wall_time)

    def close(self) -> None:
        """Close the writer if the handler made it."""
        super().close()
        if self._owns_writer:
            with self.failures:
                self.writer.close()
