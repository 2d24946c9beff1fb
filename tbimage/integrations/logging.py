"""A handler of ``logging`` that writes records to TensorBoard."""

from __future__ import annotations

import logging
import os
import threading
from typing import Any

from tbimage import checks
from tbimage.integrations.failures import Failures
from tbimage.writer import SummaryWriter, defaults

__all__ = ["TensorBoardHandler"]

# The attributes of every record. All other attributes come from ``extra=`` of the call.
_OWN = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}


class TensorBoardHandler(logging.Handler):
    """Log each record as a text, and the numbers of its ``extra=`` as scalars.

    The tag of a text is ``log/`` and the level, such as ``log/INFO``. TensorBoard takes a separate
    sample from each tag, so it keeps rare errors. Each text gets the next step of its tag. The tag
    of a number is its key in ``extra``. The step of the number is ``extra={"step": …}``. If
    ``extra`` has no step, the number gets the next step of its tag.

    A call never waits. A record is left out if the writer has no memory left for it, or if the
    record is made while this handler handles another record of the same thread. Records of
    ``tbimage`` itself are always left out.

    Args:
        writer: A ``SummaryWriter`` with ``on_full="drop"``; or a run directory. For a directory,
            the handler makes a writer, and closes it when the handler is closed.
        level: The lowest level that is logged, as for every handler. Default: all levels.

    Attributes:
        writer: The writer.
        failures: Its ``count`` is the number of errors of logging.

    Raises:
        TypeError: ``writer`` is neither a ``SummaryWriter`` nor a directory.
        ValueError: The writer has ``on_full="block"``, which could make a call wait.

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
        """Log a record.

        Args:
            record: A record that ``logging`` has made.
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
