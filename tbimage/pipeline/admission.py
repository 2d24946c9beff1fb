"""Room for what waits: the bound on memory, and the line of those for whom there is none.

What lives here: admitting what comes, waiting for room, giving it back. What does not: the queue
(``intake.py``).

Rules:
- Each byte of a snapshot or of a record is counted from before the copy is made until it is in the
  file. One summary larger than the bound passes alone.
- Who waits for room is let in in the order of coming, by whoever frees it: a large summary would
  wait for ever if small ones slipped by, and with many threads most would wake in vain.
- Nobody waits for room before a disk that fails.
- A signal may come at any moment, and its handler log or raise: see ``intake.py``.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from tbimage.pipeline.notifier import Progress
from tbimage.pipeline.stats import Counters
from tbimage.pipeline.tickets import Ticket
from tbimage.pipeline.workers import Workers

__all__ = ["Hooks", "IntakeOptions", "Room", "closed_error"]


@dataclass(frozen=True, slots=True)
class IntakeOptions:
    """How much may wait, and what follows when more comes: see ``SummaryWriter``."""

    max_pending_bytes: int = 256 << 20
    on_full: str = "block"
    block_timeout: float | None = None
    flush_secs: float = 0.1


@dataclass(frozen=True, slots=True)
class Hooks:
    """What an intake needs of its pipeline.

    Attributes:
        encode: Makes a ticket's record; becomes a job.
        is_failing: Tells whether writing fails at the moment.
        work_here: Does one job in the calling thread, because no other can be had; tells whether
            there was one.
        where: Returns the run directory, for messages.
    """

    encode: Callable[[Ticket], None]
    is_failing: Callable[[], bool]
    work_here: Callable[[], bool]
    where: Callable[[], str]


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


class Room:
    """What a pipeline may hold, and who waits for a part of it.

    Args:
        lock: The pipeline's.
        workers: Are woken when room is short.
        options: See ``IntakeOptions``.
        hooks: See ``Hooks``.

    Attributes:
        counters: What came in, and what became of it.
        progress: Is told when something changed that callers wait for.
        closed: Whether no more may come.
        hurry: Whether memory is short, so that light summaries do not wait for company.
        easy_bytes: Up to here a light summary needs no second look: half of the bound, where
            commits begin to hurry; nothing while somebody waits in line.
        only_thread: Once the process ends, the thread that ends it: no other may take the lock, as
            it could be stopped for good while holding it.
    """

    def __init__(
        self, lock: threading.RLock, workers: Workers, options: IntakeOptions, hooks: Hooks
    ) -> None:
        self._lock = lock
        self._workers = workers
        self._options = options
        self._hooks = hooks
        self._line: deque[_Place] = deque()
        self._waiting: set[int] = set()  # the threads that are in line
        self.counters = Counters()
        self.progress = Progress(lock)
        self.closed = False
        self.hurry = False
        self.easy_bytes = options.max_pending_bytes // 2
        self.only_thread: int | None = None

    def admit(self, ticket: Ticket) -> bool:
        """Ask for room before making a snapshot, and wait for it as the options say.

        Args:
            ticket: Its cost is counted from here on, until it is in the file or ``cancel`` is
                called, which must follow an exception. One above the bound is let through when
                nothing else is pending.

        Returns:
            Whether there is room.

        Raises:
            RuntimeError: The pipeline is closed.
        """
        if self.is_shut_out():
            return False
        thread = threading.get_ident()
        with self._lock:
            # In a signal handler that interrupted such a wait nobody can wait.
            nested = thread in self._waiting
            room = self._take_room(ticket, nested)
            secs = 0.0 if room or nested else self._patience()
            if not room and not secs:
                self._count_drop()
        return room or (secs > 0 and self._wait_for_room(ticket, thread, secs))

    def _take_room(self, ticket: Ticket, may_pass: bool) -> bool:
        if self.closed:
            raise closed_error(self._hooks.where())
        if not self._line:
            self.easy_bytes = self._options.max_pending_bytes // 2
        if self.counters.pending_bytes + ticket.cost > self.easy_bytes:
            self.hurry = True
        if (self._line and not may_pass) or not self._has_room(ticket.cost):
            return False
        ticket.counted = True
        self.counters.pending_bytes += ticket.cost
        return True

    def _has_room(self, cost: int) -> bool:
        pending = self.counters.pending_bytes
        return not pending or pending + cost <= self._options.max_pending_bytes

    def _patience(self) -> float:
        """Return for how many seconds the calling thread waits for room."""
        if self._options.on_full == "drop" or self._hooks.is_failing():
            return 0.0
        if self._workers.include_this_thread():
            return 0.0
        timeout = self._options.block_timeout
        return math.inf if timeout is None else timeout

    def _count_drop(self) -> None:
        self.counters.dropped["disk" if self._hooks.is_failing() else "full"] += 1

    def _wait_for_room(self, ticket: Ticket, thread: int, secs: float) -> bool:
        deadline = time.monotonic() + secs
        place = _Place(ticket)
        try:
            self._waiting.add(thread)
            with self._lock:
                self.easy_bytes = -1  # nobody slips by
                self._line.append(place)
                self._serve_line()
            while True:
                with self._lock:
                    if ticket.counted:
                        return True
                    if self.closed:
                        raise closed_error(self._hooks.where())
                    secs = deadline - time.monotonic()
                    if secs <= 0 or self._hooks.is_failing():
                        self._count_drop()
                        return False
                    woken = self._workers.wake()
                if woken or not self._hooks.work_here():
                    self.progress.wait(place.gate, secs)
        finally:
            self._waiting.discard(thread)
            if place in self._line:
                self._line.remove(place)
                self._tell()  # there may be room for the next one, too

    def tell(self) -> None:
        """Let in whom there is room for now, and wake who waits for something else to happen.

        With the lock held.
        """
        self._serve_line()
        self.progress.tell()

    def _serve_line(self) -> None:
        hopeless = self.closed or self._hooks.is_failing()
        while self._line and (hopeless or self._has_room(self._line[0].ticket.cost)):
            place = self._line.popleft()
            if not hopeless:
                place.ticket.counted = True
                self.counters.pending_bytes += place.ticket.cost
            place.gate.release()

    def _tell(self) -> None:
        with self._lock:
            self.tell()

    def cancel(self, ticket: Ticket) -> None:
        """Give back the room of a ticket, unless it got its place in the queue after all."""
        with self._lock:
            if ticket.counted and not ticket.queued:
                ticket.counted = False
                self.counters.pending_bytes -= ticket.cost
                self.tell()

    def is_shut_out(self) -> bool:
        """Tell whether the process ends and the calling thread must not take the lock.

        Only the thread that ends it may; nor may that, where another one was stopped holding it.
        """
        if self.only_thread is None:
            return False
        if self.only_thread != threading.get_ident() or not self._lock.acquire(timeout=1.0):
            return True
        self._lock.release()
        return False


class _Place:
    """A place in the line of those who wait for room, and the gate that opens with it."""

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket
        self.gate = threading.Lock()
        self.gate.acquire()
