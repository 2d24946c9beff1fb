"""The way from a call to the file: wait for room, encode in parallel, commit in order.

What lives here: what there is to do and in which order, what follows an error, flush and close.
What does not: what comes in and how much of it may wait (``intake.py``), what a summary is (an
entry of the queue brings a function that makes it), threads (``workers.py``), writing
(``committer.py``), forks and exit (``processes.py``).

Strategy. Workers take one of two kinds of job: *encode* one ticket, any number at once, or
*commit*, one at a time: take entries from the head of the queue for as long as they are ready, and
write their records.

Rules:
- The order in the file is the order in which callers were served. A summary that cannot be made
  leaves a gap and nothing else.
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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tbimage import processes
from tbimage.committer import Committer
from tbimage.counters import Stats
from tbimage.events.batches import concatenate
from tbimage.events.segments import Segments
from tbimage.intake import Intake, IntakeOptions
from tbimage.parts import Parts
from tbimage.tickets import Ticket
from tbimage.workers import Job, Workers

__all__ = ["Pipeline", "PipelineOptions"]

T = TypeVar("T")
logger = logging.getLogger("tbimage")


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """How much a pipeline may hold, and what follows errors: see ``SummaryWriter``."""

    intake: IntakeOptions = field(default_factory=IntakeOptions)
    workers: int = 1
    on_error: str = "raise"
    close_timeout: float = 30.0


class Pipeline:
    """The queue and the workers of one writer.

    Args:
        segments: Where records go.
        options: See ``PipelineOptions``.
        sub_run: Returns where the records of a forked child go.

    Attributes:
        intake: Where summaries come in.
        close_timeout: How many seconds the end of the process waits.
    """

    def __init__(
        self, segments: Segments, options: PipelineOptions, sub_run: Callable[[], Segments]
    ) -> None:
        self.close_timeout = options.close_timeout
        self._options = options
        self._sub_run = sub_run
        self._start(segments)
        processes.register(self)

    def _start(self, segments: Segments) -> None:
        self._lock = threading.RLock()
        self._workers = Workers(self._lock, self._options.workers, self)
        self._committer = Committer(segments)
        self._committing = False
        self._committed = 0  # so many summaries are done with, in order…
        self._durable = 0  # … and so many as durable as the options ask for
        self._flush_target = 0  # up to here bundles do not wait for company
        self._given_up = 0
        self._unreported: BaseException | None = None  # the first that no flush has raised yet
        self.intake = Intake(
            self._workers,
            self._options.intake,
            self._encode,
            lambda: self._committer.error is not None,
            lambda: self.segments.directory,
        )
        self._counters = self.intake.counters
        self._progress = self.intake.progress

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
                self.intake.jobs.extendleft([group.help] * helpers)
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
            self.intake.closed = True
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
            self.intake.closed = True
            self._flush_target = self.intake.drawn
            idle = self.is_finished() and not self._committing
            if not idle:
                self._workers.wake()
            self._end_threads()
        if idle:
            self._close_segments()

    def _drain(self, timeout: float | None) -> bool:
        """Wait until what was put is durable, a write fails, or time runs out; with the lock."""
        target, failures, given_up = self.intake.drawn, self._committer.failures, self._given_up
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
        count = self.intake.give_up()
        if not self._committing:
            count += self._committer.pending
            self._counters.pending_bytes -= self._committer.pending_bytes
            self._committer.give_up()
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
        jobs = self.intake.jobs
        if not jobs:
            return None
        job = jobs.popleft()
        if jobs:
            self._workers.wake()
        return job

    def secs_until_job(self) -> float | None:
        """Return 0 when a commit is due, None when it takes more than time to make one due."""
        if self._committing:
            return None
        if self._committer.pending:
            return self._committer.secs_until_retry()
        secs = self.intake.secs_until_ready(hurry=self._committed < self._flush_target)
        if secs is None and self._durable < min(self._committed, self._flush_target):
            return 0  # all is written, but somebody waits for it to be durable
        return secs

    def is_finished(self) -> bool:
        """Tell whether all is done and no more can come."""
        return self.intake.closed and self._durable == self.intake.drawn

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
            if error is not None and self.intake.closed:
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
            taken = [] if self._committer.pending else self.intake.take_ready()
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
                pending_items=self.intake.drawn - self._committed,
                bytes_written=self.segments.bytes_written,
                segments=self.segments.count,
                healthy=self._committer.error is None,
            )

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self.intake.closed

    @property
    def segments(self) -> Segments:
        """Where records go; somewhere else in a forked child."""
        return self._committer.segments

    def _where(self) -> str:
        return self.segments.directory

    # ---- the process ----

    def drain_at_exit(self, timeout: float) -> None:
        """Write what is pending before the process ends; log what is lost for want of time."""
        with self._lock:
            done = self._drain(timeout)
            missing = self.intake.drawn - self._committed
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
        segments, closed = self.segments, self.intake.closed
        if not closed:
            segments.forget()
            segments = self._sub_run()
        self._start(segments)
        self.intake.closed = closed
