"""A handler of ``logging`` that writes records to TensorBoard."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator

from tbimage import checks
from tbimage.integrations.failures import Failures
from tbimage.writer import SummaryWriter, defaults

__all__ = ["TensorBoardHandler"]

# The attributes of every record. All others come from ``extra=`` of the call.
_OWN = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}


class TensorBoardHandler(logging.Handler):
    """Log records as texts, and the numbers of their ``extra=`` as scalars.

    A text has the tag ``log/INFO``, or that of another level, so that TensorBoard's sample of many
    records keeps the rare errors. Texts are numbered one by one. A number has its key as tag. Its
    step is ``extra={"step": …}``; without it, numbers of one tag are numbered one by one.

    A call never waits. Records are left out if there is no room for them, or if they are made while
    this handler handles another one of the same thread. Those of ``tbimage`` itself are always left
    out.

    Args:
        writer: A ``SummaryWriter`` with ``on_full="drop"``; or a run directory, for which one is
            made, and closed with the handler.
        level: The lowest level that is logged, as of every handler. Default: all.

    Attributes:
        writer: The writer.
        failures: Its ``count`` is the number of errors of logging.

    Raises:
        TypeError: ``writer`` is neither.
        ValueError: The writer has ``on_full="block"``, so that a call might wait.

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
                'writer must have on_full="drop", got "block", which lets a call wait; pass such a '
                'writer, or a directory of its own, as "runs/log"'
            )
        self.writer = writer
        self.failures: Failures = Failures("logging.TensorBoardHandler")
        self._here = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record.

        Args:
            record: As ``logging`` makes it.
        """
        if record.name.partition(".")[0] == "tbimage" or getattr(self._here, "busy", False):
            return
        self._here.busy = True
        try:
            with self.failures, defaults.replaced(default_step=None, condition=None):
                text = self.format(record)
                self.writer.text(f"log/{record.levelname}", text, markdown=False)
                step = getattr(record, "step", None)
                for name, number in _numbers(record):
                    self.writer.scalar(name, number, step, wall_time=record.created)
        finally:
            self._here.busy = False

    def close(self) -> None:
        """Close the writer if the handler made it."""
        super().close()
        if self._owns_writer:
            with self.failures:
                self.writer.close()


def _numbers(record: logging.LogRecord) -> Iterator[tuple[str, float]]:
    for name, value in vars(record).items():
        if name not in _OWN and name != "step":
            plain = checks.plain_value(value)
            if isinstance(plain, (int, float)) and not isinstance(plain, bool):
                yield name, plain
