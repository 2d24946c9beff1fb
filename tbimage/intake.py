"""Where summaries come in: room for them, their order, and what waits.

What lives here: the bound on memory, and the queue that callers append to and commits take from.
What does not: threads (``workers.py``), and what becomes of what was taken (``pipeline.py``).

Rules:
- Each byte of a snapshot or of a record is counted from before it is allocated until it is in the
  file. One summary larger than the bound passes alone.
- A summary's step is decided under the same lock under which it gets its place in the queue.
- Nobody waits for room before a disk that fails.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from tbimage.counters import Counters
from tbimage.tickets import Bundle, Entry, Ticket
from tbimage.workers import Job, Workers

__all__ = ["Intake", "IntakeOptions", "closed_error"]

#: Given a summary's name and the step asked for, or None, decides its step.
DrawStep = Callable[[str, "int | None"], int]

# How much one commit takes from the queue: enough to make a system call for each record
# unimportant, little enough that a failed one has little to keep and that flush sees progress.
_COMMIT_SUMMARIES = 4096
_COMMIT_BYTES = 16 << 20
# A bundle waits up to flush_secs for company, but not longer than until it is so large.
_BUNDLE_SUMMARIES = 2048


@dataclass(frozen=True, slots=True)
class IntakeOptions:
    """How much may wait, and what follows when more comes: see ``SummaryWriter``."""

    max_pending_bytes: int = 256 << 20
    on_full: str = "block"
    block_timeout: float | None = None
    flush_secs: float = 0.1


def closed_error(directory: str) -> RuntimeError:
    """Return what using a closed writer raises.

    Args:
        directory: The writer's run directory.

    Example:
        >>> closed_error("run")
        RuntimeError("the SummaryWriter of 'run' is closed; make a new one to go on logging")
    """
    return RuntimeError(
        f"the SummaryWriter of {directory!r} is closed; make a new one to go on logging"
    )


class Intake:
    """The queue of one pipeline.

    Args:
        workers: Are woken when there is something to do.
        options: See ``IntakeOptions``.
        encode: Makes a ticket's record; becomes a job.
        is_failing: Tells whether writing fails at the moment.
        where: Returns the run directory, for messages.

    Attributes:
        counters: What came in, and what became of it.
        progress: Notified when room was freed or something else changed that callers wait for.
        jobs: Encoding to be done.
        drawn: How many summaries came in.
        closed: Whether no more may.
    """

    def __init__(
        self,
        workers: Workers,
        options: IntakeOptions,
        encode: Callable[[Ticket], None],
        is_failing: Callable[[], bool],
        where: Callable[[], str],
    ) -> None:
        self._lock = workers.lock
        self._workers = workers
        self._options = options
        self._most_bytes = options.max_pending_bytes
        self._encode = encode
        self._is_failing = is_failing
        self._where = where
        self._queue: deque[Entry] = deque()
        self._bundle: Bundle | None = None  # the last entry of the queue, if more may join it
        self._bundle_since = 0.0
        self.counters = Counters()
        self.progress = threading.Condition(self._lock)
        self.jobs: deque[Job] = deque()
        self.drawn = 0
        self.closed = False

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
            if self.closed:
                raise closed_error(self._where())
            self.counters.logged += 1
            if not self._has_room(cost) and not self._wait_for_room(cost):
                return False
            self.counters.pending_bytes += cost
            return True

    def _has_room(self, cost: int) -> bool:
        pending = self.counters.pending_bytes
        return pending == 0 or pending + cost <= self._most_bytes

    def _wait_for_room(self, cost: int) -> bool:
        timeout = self._options.block_timeout if self._options.on_full == "block" else 0.0
        self._workers.wake()
        # A full queue before a disk that fails is not worth waiting for.
        self.progress.wait_for(
            lambda: self._has_room(cost) or self._is_failing() or self.closed,
            timeout,
        )
        if self.closed:
            raise closed_error(self._where())
        if self._has_room(cost):
            return True
        self.counters.drop("full", 1)
        return False

    def release(self, cost: int) -> None:
        """Give back room that ``admit`` gave and that was not needed after all."""
        with self._lock:
            self.counters.logged -= 1
            self.counters.pending_bytes -= cost
            self.progress.notify_all()

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
                if self.closed:
                    raise closed_error(self._where())
                ticket.step = draw_step(ticket.name, ticket.step)
            except BaseException:
                self.release(ticket.cost)
                raise
            self._queue.append(ticket)
            self._bundle = None
            self.drawn += 1
            self.jobs.append(partial(self._encode, ticket))
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
            if self.closed:
                raise closed_error(self._where())
            counters = self.counters
            if counters.pending_bytes + cost > self._most_bytes and not self._wait_for_room(cost):
                counters.logged += 1
                return False
            step = draw_step(arguments[0], step)
            counters.pending_bytes += cost
            counters.logged += 1
            self.drawn += 1
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

    def secs_until_ready(self, hurry: bool) -> float | None:
        """Return how many seconds from now ``take_ready`` has something to give; with the lock.

        Args:
            hurry: Whether a bundle is not to wait for company.

        Returns:
            None when more than time must pass.
        """
        if not self._queue or not self._queue[0].ready:
            return None
        if hurry or self._queue[0] is not self._bundle:
            return 0
        return max(self._bundle_since + self._options.flush_secs - time.monotonic(), 0)

    def take_ready(self) -> list[Entry]:
        """Take from the head what can be written now; with the lock."""
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

    def give_up(self) -> int:
        """Forget what waits, and return how many summaries that were; with the lock."""
        count = sum(entry.count for entry in self._queue)
        self.counters.pending_bytes -= sum(entry.cost for entry in self._queue)
        self._queue.clear()
        self._bundle = None
        self.jobs.clear()
        return count
