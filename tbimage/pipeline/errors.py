"""What went wrong on the way to the file, and who is told.

What lives here: one log line for each cause, the latest error for ``stats()``, and the first one
that no flush has raised yet. What does not: what follows an error (``pipeline.py``,
``committer.py``).

Rules:
- An error that is kept is kept without its traceback, whose frames hold what they worked on: a
  picture that could not be encoded must not stay for as long as nobody flushes. At level DEBUG the
  traceback is logged before.
- Logging happens without the pipeline's lock: a handler may be slow, or log to this very writer.
- What a handler raises costs no summary: it is treated as ``logging`` does with its own.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

__all__ = ["Faults"]

logger = logging.getLogger("tbimage")

# A stream of ever new messages must fill neither memory nor the log.
_MOST_CAUSES = 64


class Faults:
    """The errors of one pipeline. Its methods may be called by any thread, without a lock.

    Args:
        where: Returns the run directory, for messages.

    Attributes:
        latest: Class and message of the latest error, or None.

    Example:
        >>> faults = Faults(lambda: "run")
        >>> faults.note(OSError(28, "No space left on device"), "writing failed")
        >>> faults.latest
        'OSError: [Errno 28] No space left on device'
    """

    def __init__(self, where: Callable[[], str]) -> None:
        self._where = where
        self._causes: dict[object, object] = {}
        self._unreported: BaseException | None = None
        self.latest: str | None = None

    def note(self, error: BaseException, consequence: str) -> None:
        """Log an error, unless another one of the same cause was logged.

        Args:
            error: What was raised.
            consequence: What follows from it.
        """
        self.latest = f"{type(error).__name__}: {_message(error)}"
        first = object()
        # One operation, so that of two threads one is the first.
        if (
            len(self._causes) < _MOST_CAUSES
            and self._causes.setdefault(_cause(error), first) is first
        ):
            _log(logging.ERROR, "%s: %s: %s", self._where(), consequence, self.latest)

    def lose(self, error: BaseException, consequence: str) -> None:
        """Log an error that cost something, and keep it for the next flush.

        Args:
            error: What was raised.
            consequence: What it cost.
        """
        _log(logging.DEBUG, "%s: %s", self._where(), consequence, exc_info=error)
        _forget_tracebacks(error)
        if self._unreported is None:
            self._unreported = error
        self.note(error, consequence)

    def note_unwritten(self, count: int) -> None:
        """Log, each time, that summaries are lost because the writer or the process ends.

        Args:
            count: How many; nothing is said of none.
        """
        if count:
            message = "%s: the end came before %d summaries were written"
            _log(logging.ERROR, message, self._where(), count)

    def take(self) -> BaseException | None:
        """Return the first error that cost something since this was called last."""
        error, self._unreported = self._unreported, None
        return error

    def note_recovery(self) -> None:
        """Log that writing works again; its next failure will be news again."""
        for cause in list(self._causes):
            if isinstance(cause, _DiskCause):
                del self._causes[cause]
        _log(logging.WARNING, "%s: writing works again", self._where())


class _DiskCause(tuple[object, ...]):
    """The cause of an OSError: its class and number; its message may name ever new files."""


def _cause(error: BaseException) -> object:
    if isinstance(error, OSError):
        return _DiskCause((type(error), error.errno))
    return type(error), _message(error)


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # of a class of the caller's
        return "(its message cannot be had)"


def _log(
    level: int, message: str, *arguments: object, exc_info: BaseException | None = None
) -> None:
    try:
        logger.log(level, message, *arguments, exc_info=exc_info, stacklevel=2)
    except Exception:
        if logging.raiseExceptions:
            traceback.print_exc()


def _forget_tracebacks(error: BaseException) -> None:
    """Let go of the frames that an error and those behind it came through."""
    links: list[BaseException | None] = [error]
    seen: set[int] = set()
    while links:
        link = links.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            link.__traceback__ = None
            links += (link.__cause__, link.__context__)
