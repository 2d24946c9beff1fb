"""The way from a call to the file: wait for room, encode in parallel, commit in order.

What lives here: the queue, the bound on memory, what follows an error, flush and close. What does
not: what a summary is (an entry of the queue brings a function that makes it), threads
(``workers.py``), writing (``committer.py``), forks and exit (``processes.py``).

Strategy. Callers append to one queue. Workers take one of two kinds of job: *encode* one ticket,
any number at once, or *commit*, one at a time: take entries from the head of the queue for as long
as they are ready, and write their records.

Rules:
- The order in the file is the order in which callers were served. A summary that cannot be made
  leaves a gap and nothing else.
- Each byte of a snapshot or of a record is counted from before it is allocated until it is in the
  file.
- No wait is unbounded when the disk fails: then a full queue refuses, and flush and close try once
  and report.
- The lock is reentrant and held for a few hundred bytecodes at most: a signal handler may flush
  while its thread holds it. Nothing slow (encoding, writing, logging) happens under it.
- An idle pipeline has no thread that wakes up; one that was never used has no thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from tbimage import processes
from tbimage.committer import Committer
from tbimage.counters import Counters, Stats
from tbimage.events.batches import concatenate
from tbimage.events.segments import Segments
from tbimage.parts import Parts
from tbimage.tickets import Bundle, Entry, Ticket
from tbimage.workers import Job, Workers

__all__ = ["Pipeline", "PipelineOptions"]

T = TypeVar("T")
#: Given a summary's name and the step asked for, or None, decides its step.
DrawStep = Callable[[str, "int | None"], int]
logger = logging.getLogger("tbimage")

# How much one commit takes from the queue: enough to make a system call for each record
# unimportant, little enough that a failed one has little to keep and that flush sees progress.
_COMMIT_SUMMARIES = 4096
_COMMIT_BYTES = 16 << 20
# A bundle waits up to flush_secs for company, but not longer than until it is so large.
_BUNDLE_SUMMARIES = 2048


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """How much a pipeline may hold, and what follows errors: see ``SummaryWriter``."""

    max_pending_bytes: int = 256 << 20
    on_full: str = "block"
    block_timeout: float | None = None
    workers: int = 1
    flush_secs: float = 0.1
    on_error: str = "raise"
    close_timeout: float = 30.0


class Pipeline:
    """The queue and the workers of one writer.

    Args:
        segments: Where records go.
        options: See ``PipelineOptions``.
        sub_run: Returns where the records of a forked child go.

    Attributes:
        close_timeout: How many seconds the end of the process waits.
    """

    def __init__(
        self, segments: Segments, options: PipelineOptions, sub_run: Callable[[], Segments]
    ) -> None:
        self.close_timeout = options.close_timeout
        self._options = options
        self._most_bytes = options.max_pending_bytes
        self._sub_run = sub_run
        self._closed = False
        self._start(segments)
        processes.register(self)

    def _start(self, segments: Segments) -> None:
        self._lock = threading.RLock()
        self._progress = threading.Condition(self._lock)  # callers wait: for room, flush, close
        self._workers = Workers(self._lock, self._options.workers, self)
        self._committer = Committer(segments)
        self._committing = False
        self._queue: deque[Entry] = deque()  # not yet taken by a commit
        self._bundle: Bundle | None = None  # the last entry of the queue, if more may join it
        self._bundle_since = 0.0
        self._jobs: deque[Job] = deque()  # encoding to be done
        self._drawn = 0  # summaries that were put…
        self._committed = 0  # … of which so many are done with, in order…
        self._durable = 0  # … and so many as durable as the options ask for
        self._flush_target = 0  # up to here bundles do not wait for company
        self._given_up = 0
        self._unreported: BaseException | None = None  # the first that no flush has raised yet
        self._counters = Counters()

    # ---- callers: summaries come in ----

    def admit(self, cost: int) -> bool:
        """Ask for room before making a snapshot, and wait for it as the options say.

        Args:
            cost: Bytes. More than the bound is let through when nothing else is pending.

        Returns:
            Whether there is room; it must then be used with a ``put`` or given back with
            ``release``.

        Raises:
            RuntimeError: The pipeline is closed.
        """
        with self._lock:
            if self._closed:
                raise self._closed_error()
            self._counters.logged += 1
            if not self._has_room(cost) and not self._wait_for_room(cost):
                return False
            self._counters.pending_bytes += cost
            return True

    def _has_room(self, cost: int) -> bool:
        pending = self._counters.pending_bytes
        return pending == 0 or pending + cost <= self._most_bytes

    def _wait_for_room(self, cost: int) -> bool:
        options = self._options
        timeout = options.block_timeout if options.on_full == "block" else 0.0
        self._workers.wake()
        # A full queue before a disk that fails is not worth waiting for.
        self._progress.wait_for(
            lambda: self._has_room(cost) or self._committer.error is not None or self._closed,
            timeout,
        )
        if self._closed:
            raise self._closed_error()
        if self._has_room(cost):
            return True
        self._counters.drop("full", 1)
        return False

    def release(self, cost: int) -> None:
        """Give back room that ``admit`` gave and that was not needed after all."""
        with self._lock:
            self._counters.logged -= 1
            self._counters.pending_bytes -= cost
            self._progress.notify_all()

    def put(self, ticket: Ticket, draw_step: DrawStep) -> None:
        """Take in a summary that a worker is to make, after ``admit``.

        Args:
            ticket: Its step is the one asked for, or None.
            draw_step: Decides the step; called under the lock, so that steps and places in the
                file come in the same order.

        Raises:
            RuntimeError: The pipeline was closed in the meantime.
        """
        with self._lock:
            try:
                if self._closed:
                    raise self._closed_error()
                ticket.step = draw_step(ticket.name, ticket.step)
            except BaseException:
                self.release(ticket.cost)
                raise
            self._queue.append(ticket)
            self._bundle = None
            self._drawn += 1
            self._jobs.append(partial(self._encode, ticket))
            self._workers.wake()

    def put_light(
        self,
        make: Callable[..., bytes],
        arguments: tuple[Any, ...],
        draw_step: DrawStep,
        step: int | None,
        wall_time: float,
        cost: int,
    ) -> bool:
        """Take in a summary that costs less to make than to hand over.

        Args:
            make: Makes the serialized Summary.
            arguments: Its arguments, of which the first is the summary's name.
            draw_step: As in ``put``.
            step: The step asked for, or None.
            wall_time: Seconds since the epoch.
            cost: Bytes.

        Returns:
            False when there was no room, as in ``admit``.

        Raises:
            RuntimeError: The pipeline is closed.
        """
        with self._lock:
            if self._closed:
                raise self._closed_error()
            counters = self._counters
            if counters.pending_bytes + cost > self._most_bytes and not self._wait_for_room(cost):
                counters.logged += 1
                return False
            step = draw_step(arguments[0], step)
            counters.pending_bytes += cost
            counters.logged += 1
            self._drawn += 1
            bundle = self._bundle
            if bundle is None:
                bundle = self._bundle = Bundle()
                self._queue.append(bundle)
                self._bundle_since = time.monotonic()
                self._workers.wake_for_the_clock()
            items = bundle.items
            items.append((make, arguments, step, wall_time))
            bundle.cost += cost
            if len(items) == _BUNDLE_SUMMARIES:
                self._bundle = None
                self._workers.wake()
            return True

    def run_parts(self, parts: Sequence[Callable[[], T]]) -> list[T]:
        """Run the parts of one job on this thread and on the workers that have nothing else to do.

        Args:
            parts: Functions that do not depend on each other.

        Returns:
            Their results, in order.
        """
        group = Parts(parts)
        helpers = min(self._options.workers, len(parts)) - 1
        if helpers > 0:
            with self._lock:
                self._jobs.extendleft([group.help] * helpers)
                self._workers.wake()
        return group.finish()

    # ---- callers: waiting for the file ----

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was put before is in the file.

        Args:
            timeout: Seconds; None: as long as it takes, but with a failing disk only for one more
                attempt.

        Returns:
            True when everything put before is in the file; False when time ran out, or something
            was lost and ``on_error`` is "log".

        Raises:
            Exception: With ``on_error="raise"``, the first error that no flush has raised yet.
        """
        with self._lock:
            done = self._drain(timeout)
            error = self._take_error(done)
        return self._outcome(done, error)

    def close(self, timeout: float | None = None) -> bool:
        """Flush, end the threads and close the file. A second call does nothing.

        Args:
            timeout: Seconds after which what is left is given up and counted; None:
                ``close_timeout``.

        Returns:
            As ``flush``.

        Raises:
            Exception: As ``flush``.
        """
        with self._lock:
            self._closed = True
            done = self._drain(self.close_timeout if timeout is None else timeout)
            error = self._take_error(done)
            if not done:
                self._give_up()
            self._end_threads()
            may_close = not self._committing  # else the thread that commits does, when it is back
        if may_close:
            self._close_segments()
        return self._outcome(done, error)

    def close_when_drained(self) -> None:
        """Write what is pending, end the threads and close the file, without waiting for it.

        For writers that are garbage-collected without being closed.
        """
        with self._lock:
            self._closed = True
            self._flush_target = self._drawn
            idle = self.is_finished() and not self._committing
            if not idle:
                self._workers.wake()
            self._end_threads()
        if idle:
            self._close_segments()

    def _drain(self, timeout: float | None) -> bool:
        """Wait until what was put is durable, a write fails, or time runs out; with the lock."""
        target, failures, given_up = self._drawn, self._committer.failures, self._given_up
        deadline = None if timeout is None else time.monotonic() + timeout
        self._flush_target = max(self._flush_target, target)
        self._committer.retry_now()
        while self._durable < target and self._committer.failures == failures:
            if not self._workers.wake():
                # No thread can be had any more, so that nobody else needs the lock meanwhile.
                job = self.find_job()
                if job is None:
                    break
                job()
                continue
            remaining = None if deadline is None else deadline - time.monotonic()
            if remaining is not None and remaining <= 0:
                break
            self._progress.wait(remaining)
        return self._durable >= target and self._given_up == given_up

    def _take_error(self, done: bool) -> BaseException | None:
        """Return what lost something since the last flush, or what keeps this one from its end."""
        error, self._unreported = self._unreported, None
        return error or (None if done else self._committer.error)

    def _outcome(self, done: bool, error: BaseException | None) -> bool:
        if error is not None and self._options.on_error == "raise":
            raise error
        return done and error is None

    def _give_up(self) -> None:
        """Forget everything that no thread is writing right now; with the lock."""
        count = sum(entry.count for entry in self._queue)
        size = sum(entry.cost for entry in self._queue)
        self._queue.clear()
        self._jobs.clear()
        if not self._committing:
            count += self._committer.pending
            size += self._committer.pending_bytes
            self._committer.give_up()
        self._counters.pending_bytes -= size
        self._counters.drop("closed", count)
        self._given_up += count
        self._committed += count
        self._durable = self._committed
        if count:
            logger.error("%s: closed before %d summaries were written", self._where(), count)

    def _end_threads(self) -> None:
        self._workers.wake_all()
        self._progress.notify_all()

    # ---- workers: what there is to do (WorkSource), with the lock ----

    def find_job(self) -> Job | None:
        """Take a job that can be done now; a commit first, since only commits free memory."""
        if self.secs_until_job() == 0:
            self._committing = True
            return self._commit
        if not self._jobs:
            return None
        job = self._jobs.popleft()
        if self._jobs:
            self._workers.wake()
        return job

    def secs_until_job(self) -> float | None:
        """Return 0 when a commit is due, None when it takes more than time to make one due."""
        if self._committing:
            return None
        if self._committer.pending:
            return self._committer.secs_until_retry()
        if not self._queue:
            return 0 if self._durable < min(self._committed, self._flush_target) else None
        head = self._queue[0]
        if not head.ready:
            return None
        if head is not self._bundle or self._committed < self._flush_target:
            return 0
        return max(self._bundle_since + self._options.flush_secs - time.monotonic(), 0)

    def is_finished(self) -> bool:
        """Tell whether all is done and no more can come."""
        return self._closed and self._durable == self._drawn

    def note_defect(self, error: BaseException) -> None:
        """Report what no job should raise."""
        self._report(error, "an error in the pipeline itself")

    # ---- workers: doing it ----

    def _encode(self, ticket: Ticket) -> None:
        started = time.perf_counter()
        size = ticket.make_record(self._on_summary_error)
        elapsed = time.perf_counter() - started
        with self._lock:
            self._counters.encode_secs += elapsed
            if not self.is_finished():  # else it was given up while it was encoded
                self._counters.pending_bytes += size - ticket.cost
                ticket.cost = size
            ticket.ready = True

    def _commit(self) -> None:
        """Write what is ready. Only one thread at a time is here: ``_committing``."""
        error: Exception | None = None
        try:
            self._write_ready()
        except Exception as failure:  # OSError, or a defect of ours, which must not keep the role
            error = failure
        with self._lock:
            self._committing = False
            recovered = self._committer.note_outcome(error)
            if error is not None and self._closed:
                self._give_up()  # who closes waits for one attempt and not for the disk
            finished = self.is_finished()
            if finished:
                self._end_threads()
            self._progress.notify_all()
        if error is not None:
            self._report(error, "writing failed" + ("" if finished else ", will be tried again"))
        elif recovered:
            logger.warning("%s: writing works again", self._where())
        if finished:
            self._close_segments()

    def _write_ready(self) -> None:
        with self._lock:
            taken = [] if self._committer.pending else self._take_ready()
        batch = concatenate(entry.records(self._on_summary_error) for entry in taken)
        with self._lock:
            self._counters.pending_bytes += batch.size - sum(entry.cost for entry in taken)
        self._committer.write(batch, self._on_written)
        with self._lock:
            committed = self._committed
            flushing = self._durable < self._flush_target <= committed
        if flushing:
            self._committer.segments.sync()
        with self._lock:
            if flushing or not self._committer.segments.syncs_on_flush:
                self._durable = max(self._durable, committed)

    def _take_ready(self) -> list[Entry]:
        taken: list[Entry] = []
        count = size = 0
        queue = self._queue
        while queue and queue[0].ready and count < _COMMIT_SUMMARIES and size < _COMMIT_BYTES:
            entry = queue.popleft()
            count += entry.count
            size += entry.cost
            taken.append(entry)
        if not queue:
            self._bundle = None
        return taken

    def _on_written(self, done: int, written: int, size: int) -> None:
        with self._lock:
            self._counters.pending_bytes -= size
            self._counters.written += written
            self._committed += done
            self._progress.notify_all()

    def _on_summary_error(self, error: BaseException, which: str) -> None:
        with self._lock:
            self._unreported = self._unreported or error
            self._counters.drop("error", 1)
        self._report(error, f"{which} was not written")

    def _close_segments(self) -> None:
        try:
            self._committer.segments.close()
        except OSError as error:
            self._report(error, "closing failed")

    # ---- reports ----

    def _report(self, error: BaseException, consequence: str) -> None:
        with self._lock:
            first = self._counters.note_error(error)
        if first:
            kind = type(error).__name__
            logger.error("%s: %s: %s: %s", self._where(), consequence, kind, error)

    def stats(self) -> Stats:
        """Return the counters at this moment."""
        with self._lock:
            return self._counters.snapshot(
                pending_items=self._drawn - self._committed,
                bytes_written=self.segments.bytes_written,
                segments=self.segments.count,
                healthy=self._committer.error is None,
            )

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    @property
    def segments(self) -> Segments:
        """Where records go; somewhere else in a forked child."""
        return self._committer.segments

    def _where(self) -> str:
        return self.segments.directory

    def _closed_error(self) -> RuntimeError:
        return RuntimeError(
            f"the SummaryWriter of {self._where()!r} is closed; make a new one to go on logging"
        )

    # ---- the process ----

    def drain_at_exit(self, timeout: float) -> None:
        """Write what is pending before the process ends; log what is lost for want of time."""
        with self._lock:
            done = self._drain(timeout)
            missing = self._drawn - self._committed
        if not done:
            logger.error(
                "%s: the process ends before %d summaries were written", self._where(), missing
            )
        try:
            self.segments.sync_before_exit()
        except OSError as error:
            self._report(error, "making the file durable failed")

    def reset_after_fork(self) -> None:
        """Forget all that is the parent's, and go on in a place of this process's own."""
        segments = self.segments
        if not self._closed:
            segments.forget()
            segments = self._sub_run()
        self._start(segments)
