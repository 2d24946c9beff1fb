"""From the head of the queue to the file: the one place where records are written.

What lives here: when a commit is due, what it does, how far commits have come, and what is left
when a write fails. What does not: the queue (``intake.py``), threads, callers that wait
(``pipeline.py``), and what a segment is (``events/segments.py``).

Rules:
- One commit at a time. What is ready at the head of the queue is written, in order; what could not
  be written stays here, and nothing passes it.
- A failed write is tried again after a while, soon at first; at once for somebody who waits.
- Whatever a commit meets, it ends as one: the thread goes on, and each summary that was taken is
  counted, once, as written, as lost to an error, or as given up.
- What failed, or works again, is logged before anybody who waits for it goes on.
- Who closes waits for one attempt and not for the disk: once a write fails, the rest is given up.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

from tbimage.events.batches import Batch
from tbimage.events.segments import Segments
from tbimage.pipeline.errors import Faults
from tbimage.pipeline.queue import Intake
from tbimage.pipeline.tickets import Entry, make_records

__all__ = ["Committer"]

# The disk is tried again after this many seconds, doubled each time up to the second figure.
_FIRST_RETRY = 0.05
_LAST_RETRY = 2.0


class Committer:
    """What becomes of the entries of the queue.

    ``commit`` is called without the lock, after ``begin``; all else with it.

    Args:
        lock: The pipeline's.
        intake: Where entries come from.
        segments: Where records go.
        faults: Is told what fails.

    Attributes:
        segments: As given.
        committed: How many summaries are done with, in order.
        target: Up to here, light summaries do not wait for company.
        error: What the last write failed with, None once one succeeds.
        failures: How many commits failed and left something to be tried again.
        given_up: How many summaries were given up.
        busy: Whether a commit is going on.
        finished: Whether the file was closed, with nothing left to write.
    """

    def __init__(
        self, lock: threading.RLock, intake: Intake, segments: Segments, faults: Faults
    ) -> None:
        self._lock = lock
        self._intake = intake
        self._counters = intake.counters
        self._faults = faults
        self.segments = segments
        self.committed = 0
        self.target = 0
        self.error: BaseException | None = None
        self.failures = 0
        self.given_up = 0
        self.busy = False
        self.finished = False
        self._thread = 0  # the one that commits, or was the last to
        self._synced = 0  # of the committed ones, how many no loss of power can take
        self._batch = Batch()  # what is being written, or could not be
        self._retry_at = 0.0
        self._retry_secs = _FIRST_RETRY

    @property
    def durable(self) -> int:
        """How many summaries are as durable as a flush is to make them."""
        return self._synced if self.segments.syncs_on_flush else self.committed

    @property
    def is_idle(self) -> bool:
        """Whether nothing is pending and nothing is being written."""
        return self.committed == self._counters.drawn and not self.busy

    def hurry(self) -> int:
        """Write what was drawn without waiting for company or for a retry; return its number."""
        self.target = self._counters.drawn
        self._retry_at = 0.0
        return self.target

    def secs_until_due(self) -> float | None:
        """Return 0 when a commit is due, None when it takes more than time to make one due."""
        if self.busy or self.finished:
            return None
        if self._batch.sizes:
            return max(self._retry_at - time.monotonic(), 0.0)
        if self._must_sync() or self._may_finish():
            return 0.0
        return self._intake.secs_until_ready(hurry=self.committed < self.target)

    def begin(self) -> None:
        """Take the role of the one that commits."""
        self._thread = threading.get_ident()
        self.busy = True

    def let_go(self) -> None:
        """Give the role back if the calling thread has it, interrupted before it could commit."""
        if self._thread == threading.get_ident():
            self.busy = False

    def give_up(self) -> int:
        """Forget, for good, all that no thread is writing right now; return how many that were."""
        return self._count_given_up(self._intake.give_up()) if self.busy else self._give_up_all()

    def _give_up_all(self) -> int:
        count = self._intake.give_up() + len(self._batch.sizes)
        self._counters.pending_bytes -= self._batch.size + self._intake.taken_bytes
        self._batch, self._intake.taken_bytes = Batch(), 0
        return self._count_given_up(count)

    def _count_given_up(self, count: int) -> int:
        self._counters.dropped["closed"] += count
        self.committed += count
        self.given_up += count
        return count

    def note_failure(self, error: BaseException) -> None:
        """Take note of a failed write, which is to be tried again after a while."""
        self.error = error
        self.failures += 1
        self._retry_at = time.monotonic() + self._retry_secs
        self._retry_secs = min(self._retry_secs * 2, _LAST_RETRY)

    def commit(self) -> None:
        """Write what is ready, make it durable where somebody waits for that, close the file."""
        failure: BaseException | None = None
        try:
            self._write_ready()
            self._sync()
            self._finish()
        except BaseException as error:  # an OSError, or a defect, which must not keep the role
            failure = error
        try:
            if failure is not None:  # before anybody who waits goes on and looks
                self._report(failure)
        finally:
            with self._lock:
                self.busy = False
                if failure is not None:
                    self.note_failure(failure)
                self._intake.tell()
        if failure is not None and not isinstance(failure, Exception):
            raise failure  # KeyboardInterrupt, where the main thread does the work itself

    def _report(self, failure: BaseException) -> None:
        if not isinstance(failure, OSError):
            # How far the write came is not known: whatever follows goes to another file.
            with contextlib.suppress(OSError):
                self.segments.forget()
        self._faults.note(failure, "writing failed")
        with self._lock:
            self._count_lost()
            given_up = self._give_up_all() if self._intake.closed else 0
        self._faults.note_unwritten(given_up)

    def _count_lost(self) -> None:
        """Count what was taken from the queue and came no further, where that was interrupted."""
        left = self._intake.waiting + len(self._batch.sizes)
        lost = self._counters.drawn - self.committed - left
        self._counters.dropped["error"] += lost
        self.committed += lost

    def take_last_sync(self) -> Callable[[], None] | None:
        """Take the role, if it is free, to call what is returned as the process ends."""
        if self.busy:
            return None
        self.begin()
        return self._sync_at_end

    def _sync_at_end(self) -> None:
        """Make what was written durable: nobody will seal the file."""
        try:
            self.segments.sync_at_end()
        except OSError as error:
            self._faults.note(error, "what was written may not survive a loss of power")
        finally:
            with self._lock:
                self.busy = False

    def _write_ready(self) -> None:
        taken = self._advance(0)
        while taken or self._batch.sizes:
            if taken:
                self._make_batch(taken)
            taken = self._advance(self.segments.append(self._batch))

    def _advance(self, done: int) -> list[Entry]:
        """Take note of so many records that are done with; take what is to be written next.

        Both at once, since with many callers this thread may wait long for the lock.
        """
        sizes = self._batch.sizes[:done]
        size, lost = sum(sizes), sizes.count(0)
        rest = self._batch.without_first(done)
        if lost < done and self.error is not None:
            self._faults.note_recovery()  # before anybody who waits goes on and looks
        with self._lock:
            self._counters.pending_bytes -= size + self._intake.taken_bytes
            self._intake.taken_bytes = 0
            self._counters.written += done - lost
            self._counters.dropped["error"] += lost
            self.committed += done
            self._batch = rest
            if lost < done:
                self.error = None
                self._retry_secs = _FIRST_RETRY
            self._intake.tell()
            if self._batch.sizes or self._must_sync():
                return []
            return self._intake.take_ready()

    def _make_batch(self, taken: list[Entry]) -> None:
        try:
            batch = make_records(taken, self._faults.lose)
        except BaseException as error:  # no memory to join them, say
            self._faults.lose(error, f"{len(taken)} summaries were not written")
            batch = Batch((), [0] * len(taken))
        size = batch.size
        self._batch = batch
        self._intake.taken_bytes -= size

    def _must_sync(self) -> bool:
        return self.durable < min(self.committed, self.target)

    def _sync(self) -> None:
        if not self._must_sync():
            return
        committed = self.committed
        try:
            self.segments.sync()
        except OSError as error:  # which no later attempt would undo: the system forgets the bytes
            self._faults.lose(error, "what was written may not survive a loss of power")
            self.error = error
        self._synced = committed

    def _may_finish(self) -> bool:
        return self._intake.closed and self.committed == self._counters.drawn

    def _finish(self) -> None:
        if not self._may_finish():
            return
        try:
            self.segments.seal()
        except OSError as error:
            self._faults.lose(error, "closing the file failed")
            self.error = error
        self._synced = self.committed
        self.finished = True
