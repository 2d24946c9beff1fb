"""The way from a call to the file: wait for room, encode in parallel, commit in order.

What lives here: what there is to do and in which order; flush, close, and what happens when the
process forks or ends. What does not: what comes in and how much of it may wait (``intake.py``),
what a summary is (an entry of the queue brings a function that makes it), threads
(``workers.py``), writing (``committer.py``), errors (``faults.py``).

Strategy. Workers take one of two kinds of job: *encode* one ticket, any number at once, or
*commit*, one at a time: take entries from the head of the queue for as long as they are ready, and
write their records. Where no thread can be had, whoever waits does the jobs.

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

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tbimage.events.segments import PASSING_ERRORS, Segments
from tbimage.pipeline import lifecycle
from tbimage.pipeline.committer import Committer
from tbimage.pipeline.errors import Faults
from tbimage.pipeline.fork_join import Parts
from tbimage.pipeline.queue import Hooks, Intake, IntakeOptions
from tbimage.pipeline.stats import Stats
from tbimage.pipeline.tickets import RECORD_OVERHEAD_BYTES, Ticket
from tbimage.pipeline.workers import Job, Workers

__all__ = ["Pipeline", "PipelineOptions"]

T = TypeVar("T")


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
        lifecycle.register(self)

    def _start(self, segments: Segments) -> None:
        self._lock = threading.RLock()
        self._workers = Workers(self._lock, self._options.workers, self)
        self._faults = Faults(lambda: self.segments.directory)
        hooks = Hooks(
            encode=self._encode,
            is_failing=lambda: self._committer.error is not None,
            work_here=self._work_here,
            where=lambda: self.segments.directory,
        )
        self.intake = Intake(self._lock, self._workers, self._options.intake, hooks)
        self._committer = Committer(self._lock, self.intake, segments, self._faults)

    def open(self) -> None:
        """Begin the first segment now, so that the run and its errors show before the first record.

        Raises:
            OSError: The directory or the file cannot be made. With ``on_error="log"`` a full disk
                is only logged: a service must come up, and space may be freed.
        """
        try:
            self.segments.open()
        except OSError as error:
            if self._options.on_error == "raise" or error.errno not in PASSING_ERRORS:
                raise
            with self._lock:
                self._committer.note_failure(error)
            self._faults.note(error, "writing failed")

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
            with self._lock:  # behind all whole jobs, in which nobody waits for another
                self.intake.jobs.extend([group.help] * helpers)
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
        return not self.intake.is_shut_out() and self._outcome(self._drain(timeout))

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
        if self.intake.is_shut_out():
            return False
        committer = self._committer
        before = committer.given_up
        self.close_soon()
        self._wait(lambda: committer.finished, self.close_timeout if timeout is None else timeout)
        with self._lock:
            # What this very thread is at, below a handler that closes, it will write.
            left = not committer.finished and not self._workers.include_this_thread()
            count = committer.give_up() if left else 0
        if count:
            self._faults.note_unwritten(count)
            self._work_here()  # close the file, unless a thread is still writing to it
        return self._outcome(committer.finished and committer.given_up == before)

    def close_soon(self) -> None:
        """Take in no more, and close the file once all that is pending is written, without waiting.

        For writers that are garbage-collected without being closed.
        """
        with self._lock:
            self.intake.closed = True
            self._committer.hurry()
            self.intake.tell()  # who waits for room
            idle = self._committer.is_idle
            if not idle:
                self._workers.wake()
        if idle:  # a thread need not be started for it
            self._work_here()
            with self._lock:
                self._workers.wake_all()

    def _drain(self, timeout: float | None) -> bool:
        """Wait until what was put is durable, a write fails, or time runs out."""
        committer = self._committer
        with self._lock:
            target, failures, given_up = committer.hurry(), committer.failures, committer.given_up
        self._wait(lambda: committer.durable >= target or committer.failures != failures, timeout)
        return committer.durable >= target and committer.given_up == given_up

    def _wait(self, is_over: Callable[[], bool], timeout: float | None) -> None:
        """Wait for what workers bring about; where no thread can be had, do it here."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            with self._lock:
                gate = self.intake.progress.gate()
                if is_over():
                    return
                remaining = None if deadline is None else deadline - time.monotonic()
                if remaining is not None and remaining <= 0:
                    return
                undone = bool(self.intake.jobs) or self.secs_until_job() is not None
                attended = self._workers.wake() if undone else self._workers.exist
                in_vain = self._is_waiting_in_vain(undone, attended)
            if not attended and self._work_here():
                continue
            if in_vain:
                return
            self.intake.progress.wait(gate, remaining)

    def _is_waiting_in_vain(self, undone: bool, attended: bool) -> bool:
        workers = self._workers
        if workers.include_this_thread():
            return True  # it would wait for itself
        if attended:
            return False
        if self.intake.only_thread is not None:
            return True  # whoever else is at work may have been stopped for good
        return not undone and not workers.are_at_work

    def _outcome(self, done: bool) -> bool:
        error = self._faults.take()
        if error is None and not done:
            error = self._committer.error
        if error is not None and self._options.on_error == "raise":
            raise error
        return done and error is None

    # ---- workers: what there is to do (WorkSource), with the lock ----

    def find_job(self) -> Job | None:
        """Take a job that can be done now; a commit first, since only commits free memory."""
        jobs = self.intake.jobs
        if self._committer.secs_until_due() == 0:
            self._committer.begin()
            job: Job | None = self._committer.commit
        else:
            job = jobs.popleft() if jobs else None
        if job is not None:
            soon = self.secs_until_job() is not None and not self._workers.attentive
            if jobs or soon:
                self._workers.wake()
        return job

    def secs_until_job(self) -> float | None:
        """Return 0 when a commit is due, None when it takes more than time to make one due."""
        return self._committer.secs_until_due()

    def is_finished(self) -> bool:
        """Tell whether all is done and no more can come."""
        return self._committer.finished

    def recover_job(self) -> None:
        """Put in order what the calling thread was at when a signal handler raised."""
        self._committer.let_go()
        if not self._workers.are_at_work:
            self.intake.find_lost_jobs()

    def note_defect(self, error: BaseException) -> None:
        """Report what no job should raise."""
        self._faults.note(error, "an error in the pipeline itself")

    def _work_here(self) -> bool:
        """Do one job in this thread; return whether there was one."""
        return self._workers.do_here(self.find_job)

    def _encode(self, ticket: Ticket) -> None:
        started = time.perf_counter()
        try:
            ticket.make_record()
        except BaseException as error:  # whatever it is: the tickets behind this one must not wait
            self._faults.lose(error, f"{ticket.name!r} at step {ticket.step} was not written")
        cost = RECORD_OVERHEAD_BYTES + sum(map(len, ticket.record))
        elapsed = time.perf_counter() - started
        with self._lock:
            self.intake.counters.encode_secs += elapsed
            if ticket.counted:  # else it was given up meanwhile
                self.intake.counters.pending_bytes += cost - ticket.cost
                ticket.cost = cost
            ticket.ready = True
            self.intake.tell()

    # ---- observing ----

    def note_error(self, error: BaseException, consequence: str) -> None:
        """Log an error that the caller is not to see.

        Args:
            error: What was raised.
            consequence: What follows from it.
        """
        self._faults.note(error, consequence)

    def stats(self) -> Stats:
        """Return the counters at this moment, without waiting for anything."""
        segments = self.segments
        return self.intake.counters.snapshot(
            bytes_written=segments.bytes_written,
            segments=segments.count,
            displaced_files=segments.displaced,
            last_error=self._faults.latest,
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

    # ---- the process (lifecycle.Drained) ----

    def shut_out_other_threads(self) -> None:
        """From here on only the calling thread may log: others may be stopped at any moment."""
        with self._lock:
            self.intake.only_thread = threading.get_ident()

    def drain_at_exit(self, timeout: float) -> None:
        """Write what is pending, and make it durable where the options ask for that."""
        started = time.monotonic()
        self._drain(timeout)
        committer = self._committer
        elapsed = time.monotonic() - started
        self._wait(lambda: not committer.busy, max(timeout - elapsed, 0.0))
        self._workers.do_here(committer.take_last_sync)

    def do_without_threads(self) -> None:
        """Log what is lost for want of time; from here on, write within each call what it logs."""
        with self._lock:
            self._workers.dismiss()
            missing = self.intake.counters.drawn - self._committer.committed
        self._faults.note_unwritten(missing)

    def reset_after_fork(self) -> None:
        """Forget all that is the parent's, and go on in a place of this process's own."""
        closed = self.intake.closed
        with contextlib.suppress(OSError):  # somebody may have closed it, as daemons do
            self.segments.forget()
        self._start(self.segments if closed else self._sub_run())
        self.intake.closed = self._committer.finished = closed
