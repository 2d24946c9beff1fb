"""Lines for the log, and errors that the next flush raises.

Rules:
- No thread of the pipeline waits for a log handler, because a handler may wait for the pipeline.
  Lines go into a queue, and a separate job logs them. A caller of ``flush`` or ``close`` waits for
  this job, at most half a second.
- If a handler raises an exception, the exception is printed, as ``logging`` does. No summary is
  lost.
- The traceback of an error is deleted, because its frames refer to data. A picture that could not
  be encoded must not stay in memory until the next flush. At level DEBUG, the traceback of an error
  of ``Errors.lose`` is logged before it is deleted.
"""

from __future__ import annotations

import logging
import math
import time
import traceback
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Lock, get_ident
from typing import Any

logger: logging.Logger = logging.getLogger("tbimage")

# The largest number of different errors that are logged, and the largest number of lines that wait.
# Without these limits, an endless stream of different messages would fill the memory and the log.
_MOST_CAUSES, _MOST_LINES = 64, 10_000
# A flush waits at most _PATIENCE_SECS until another thread has logged the lines. It checks this
# every _LOOK_SECS.
_PATIENCE_SECS, _LOOK_SECS = 0.5, 0.001


class Log:
    """The lines of one process that wait to be logged."""

    def __init__(self) -> None:
        self._lines: SimpleQueue[tuple[int, str, tuple[Any, ...]]] = SimpleQueue()
        self._writers: dict[int, float] = {}  # the threads in ``write``, and when they began
        # The worker that logs holds this lock. So a handler that hangs blocks only one worker.
        self._role = Lock()
        self._workers_stopped = False

    def say(self, level: int, message: str, *arguments: Any) -> None:
        """Add one line, without waiting."""
        if self._lines.qsize() < _MOST_LINES:
            self._lines.put((level, message, arguments))

    def write(self) -> bool:
        """Log the waiting lines here, and return True.

        A call by a log handler in its first 0.5 s does nothing, and returns False.
        """
        thread, now = get_ident(), time.monotonic()
        if now - self._writers.get(thread, -math.inf) < _PATIENCE_SECS:
            return False
        self._writers[thread] = now
        try:
            while True:
                level, message, arguments = self._lines.get_nowait()
                try:
                    logger.log(level, message, *arguments)
                except (KeyboardInterrupt, SystemExit):
                    raise  # these are for the calling thread
                except BaseException:
                    if logging.raiseExceptions:
                        traceback.print_exc()
        except Empty:
            return True
        finally:
            self._writers.pop(thread, None)

    @property
    def is_due(self) -> bool:
        """Whether lines are waiting that a worker should log, and no worker is logging."""
        return not (self._lines.empty() or self._role.locked() or self._workers_stopped)

    def write_alone(self) -> None:
        """Log the waiting lines, unless another worker is logging them."""
        goes_on = True
        # While this worker has the lock, no line is due. So it looks once more after the release.
        while goes_on and self.is_due and self._role.acquire(blocking=False):
            try:
                goes_on = self.write()
            finally:
                self._role.release()

    def stop_workers(self) -> None:
        """Let no worker log any more. Wait at most 1 second for a worker that is logging now."""
        if not self._workers_stopped:
            self._role.acquire(timeout=1.0)
            self._workers_stopped = True

    def is_busy(self, since: float) -> bool:
        """Tell whether lines wait to be logged; False if ``since`` was 0.5 seconds ago or more."""
        if get_ident() in self._writers:
            return False  # a log handler has called ``flush``: it cannot wait for itself
        waiting = bool(self._writers) or not self._lines.empty()
        return waiting and time.monotonic() < since + _PATIENCE_SECS

    def wait(self, since: float | None = None) -> None:
        """Wait until the lines are logged, but at most 0.5 seconds, because a handler may hang.

        ``since``: when the wait began, on the monotonic clock; None: now.
        """
        since = time.monotonic() if since is None else since
        while self.is_busy(since):
            time.sleep(_LOOK_SECS)


class Errors:
    """The errors of one pipeline. Any thread may call the methods, which never wait."""

    def __init__(self, say: Callable[..., None], where: Callable[[], str]) -> None:
        self._say = say
        self._where = where
        self._causes: dict[object, object] = {}
        self._unreported: BaseException | None = None
        self._unwritten = 0  # how many lost summaries ``note_unwritten`` has logged
        self.latest: str | None = None  # class and message of the last error

    def note(self, error: BaseException, consequence: str) -> None:
        """Log an error, unless an error with the same cause was logged before."""
        try:
            # The cause of an OSError is its errno. Its message may have a new file name each time.
            message = str(error)
            cause = type(error), repr(error.errno) if isinstance(error, OSError) else message
        except BaseException:  # the methods of a caller's class may raise anything
            message = "(it has no message)"
            cause = type(error), message
        self.latest = f"{type(error).__name__}: {message}"
        _forget_tracebacks(error)
        first = object()
        # setdefault is atomic, so only one of two threads is the first.
        if len(self._causes) < _MOST_CAUSES and self._causes.setdefault(cause, first) is first:
            self._say(logging.ERROR, "%s: %s: %s", self._where(), consequence, self.latest)

    def lose(self, error: BaseException, consequence: str) -> None:
        """Log an error that a flush must raise. The next flush raises only the first of these."""
        # Not ``isEnabledFor``, which may wait for the lock of ``logging``. ``dictConfig`` closes
        # old handlers under this lock, and the ``close`` of a handler may flush or close a writer.
        if logger.getEffectiveLevel() <= logging.DEBUG > logger.manager.disable:
            lines = "".join(traceback.format_exception(error))
            self._say(logging.DEBUG, "%s: %s\n%s", self._where(), consequence, lines)
        if self._unreported is None:
            self._unreported = error
        self.note(error, consequence)

    def note_unwritten(self, total: int) -> None:
        """Log how many summaries are lost because the writer or the process ends.

        ``total`` is the number of all such summaries; those that were logged before are subtracted.
        """
        count, self._unwritten = total - self._unwritten, max(total, self._unwritten)
        if count > 0:
            message = "%s: %d summaries were not written before the writer or the process ended"
            self._say(logging.ERROR, message, self._where(), count)

    def note_recovery(self) -> None:
        """Log that writing works again; forget errors of writing, so that new errors are logged."""
        for cause in [each for each in list(self._causes) if issubclass(each[0], OSError)]:  # type: ignore[index]
            self._causes.pop(cause, None)
        self._say(logging.WARNING, "%s: writing works again", self._where())

    def take(self) -> BaseException | None:
        """Return and clear the error that the flush must raise; None if there is none."""
        error, self._unreported = self._unreported, None
        return error


def _forget_tracebacks(error: BaseException) -> None:
    """Delete the tracebacks of an error and of its causes: their frames refer to data."""
    links: list[BaseException | None] = [error]
    seen: set[int] = set()
    while links:
        link = links.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            link.__traceback__ = None
            links += (link.__cause__, link.__context__)
