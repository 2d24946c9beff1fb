"""What is told to people: lines for the log, and errors for the next flush.

Rules:
- No thread of the pipeline waits for a log handler, since a handler may wait for the pipeline: its
  lines go into a queue, and a job of its own logs them. A caller of ``flush`` or ``close`` waits
  for that, half a second at most.
- Whatever a handler raises is treated as ``logging`` treats it, and costs no summary.
- An error that is kept is kept without its traceback, whose frames hold what they worked on: a
  picture that could not be encoded must not stay for as long as nobody flushes. At level DEBUG the
  traceback is logged before.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Lock, get_ident
from typing import Any

logger = logging.getLogger("tbimage")

# A stream of ever new messages must fill neither memory nor the log.
_MOST_CAUSES, _MOST_LINES = 64, 10_000
# For how long a flush waits for lines that another thread is logging, and how often it looks.
_PATIENCE_SECS, _LOOK_SECS = 0.5, 0.001


class Log:
    """The lines of one process that wait to be logged."""

    def __init__(self) -> None:
        self._lines: SimpleQueue[tuple[int, str, tuple[Any, ...]]] = SimpleQueue()
        self._writers: dict[int, float] = {}  # the threads that are in ``write``, and since when
        self._role = Lock()  # held by the worker that logs: a handler that hangs has one, not all

    def say(self, level: int, message: str, *arguments: Any) -> None:
        """Take in one line; never waits."""
        if self._lines.qsize() < _MOST_LINES:
            self._lines.put((level, message, arguments))

    def write(self) -> None:
        """Log what waits, in the calling thread; nothing where a handler of the log calls this."""
        thread, now = get_ident(), time.monotonic()
        if now - self._writers.get(thread, 0.0) < _PATIENCE_SECS:
            return
        self._writers[thread] = now
        try:
            while True:
                level, message, arguments = self._lines.get_nowait()
                try:
                    logger.log(level, message, *arguments)
                except (KeyboardInterrupt, SystemExit):
                    raise  # of the caller, in whose thread this is
                except BaseException:
                    if logging.raiseExceptions:
                        traceback.print_exc()
        except Empty:
            pass
        finally:
            self._writers.pop(thread, None)

    @property
    def is_due(self) -> bool:
        """Whether lines wait and no worker is at it."""
        return not (self._lines.empty() or self._role.locked())

    def write_alone(self) -> None:
        """Log what waits, unless another worker is at it."""
        if self._role.acquire(blocking=False):
            try:
                self.write()
            finally:
                self._role.release()

    def stop_workers(self) -> None:
        """Let no worker log from here on, once the one that does has ended."""
        self._role.acquire(timeout=1.0)

    def wait(self) -> None:
        """Wait a moment until what waits is logged; a handler that hangs holds up nobody."""
        end = time.monotonic() + _PATIENCE_SECS
        while (self._writers or not self._lines.empty()) and time.monotonic() < end:
            if get_ident() in self._writers:
                return  # a handler of the log flushes
            time.sleep(_LOOK_SECS)


class Errors:
    """The errors of one pipeline; any thread may call it, and none waits."""

    def __init__(self, say: Callable[..., None], where: Callable[[], str]) -> None:
        self._say = say
        self._where = where
        self._causes: dict[object, object] = {}
        self._unreported: BaseException | None = None
        self.latest: str | None = None  # class and message

    def note(self, error: BaseException, consequence: str) -> None:
        """Log an error, unless another one of the same cause was logged."""
        try:
            message = str(error)
        except Exception:  # of a class of the caller's
            message = "(its message cannot be had)"
        self.latest = f"{type(error).__name__}: {message}"
        _forget_tracebacks(error)
        # The message of an OSError may name ever new files.
        cause = type(error), error.errno if isinstance(error, OSError) else message
        first = object()
        # One operation, so that of two threads one is the first.
        if len(self._causes) < _MOST_CAUSES and self._causes.setdefault(cause, first) is first:
            self._say(logging.ERROR, "%s: %s: %s", self._where(), consequence, self.latest)

    def lose(self, error: BaseException, consequence: str) -> None:
        """Log an error that cost something, and keep it for the next flush."""
        if logger.isEnabledFor(logging.DEBUG):
            lines = "".join(traceback.format_exception(error))
            self._say(logging.DEBUG, "%s: %s\n%s", self._where(), consequence, lines)
        if self._unreported is None:
            self._unreported = error
        self.note(error, consequence)

    def note_unwritten(self, count: int) -> None:
        """Log, each time, that summaries are lost because the writer or the process ends."""
        if count:
            message = "%s: the end came before %d summaries were written"
            self._say(logging.ERROR, message, self._where(), count)

    def note_recovery(self) -> None:
        """Log that writing works again; its next failure will be news again."""
        for cause in [each for each in list(self._causes) if issubclass(each[0], OSError)]:  # type: ignore[index]
            self._causes.pop(cause, None)
        self._say(logging.WARNING, "%s: writing works again", self._where())

    def take(self) -> BaseException | None:
        """Return the first error that cost something since this was called last."""
        error, self._unreported = self._unreported, None
        return error


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
