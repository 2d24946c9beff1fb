"""Where summaries come in: room for them, their order, and what waits.

What lives here: the bound on memory, and the queue that callers append to and commits take from.
What does not: threads (``workers.py``), and what becomes of what was taken (``committer.py``).

Rules:
- Each byte of a snapshot or of a record is counted from before the copy is made until it is in the
  file. One summary larger than the bound passes alone.
- A summary's step is decided under the same lock under which it gets its place in the queue.
- Who waits for room is served in the order of coming, or a large summary would wait for ever while
  small ones slip by. Nobody waits for room before a disk that fails.
- A signal handler may log, flush or raise wherever its thread is. CPython runs handlers after calls
  and jumps only; so what belongs together is changed by statements in a row, of which at most the
  last one calls, and no local variable holds what a flush in between would take away.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from tbimage.counters import Counters
from tbimage.progress import Progress
from tbimage.tickets import OVERHEAD_BYTES, Entry, Ticket
from tbimage.workers import Job, Workers

__all__ = ["Hooks", "Intake", "IntakeOptions", "closed_error"]

#: Given a summary's name and the step asked for, or None, decides its step.
DrawStep = Callable[[str, "int | None"], int]


# How much one commit takes from the queue: enough to make a system call for each record
# and each turn at the lock unimportant, little enough that a failed one has little to keep, that
# flush sees progress and that callers do not wait for the lock meanwhile (0.3 ms).
_COMMIT_SUMMARIES = 4096
_COMMIT_BYTES = 16 << 20


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


class Intake:
    """The queue of one pipeline.

    Args:
        workers: Are woken when there is something to do.
        options: See ``IntakeOptions``.
        hooks: See ``Hooks``.

    Attributes:
        counters: What came in, and what became of it.
        progress: Is told when room was freed or something else changed that callers wait for.
        jobs: Encoding to be done.
        closed: Whether no more may come.
        hurry: Whether memory is short, so that light summaries do not wait for company.
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
        self._queue: deque[Entry] = deque()
        self._due_at = 0.0  # when the light summaries at the head have waited long enough
        self._line: deque[_Place] = deque()
        # Up to here a light summary needs no second look: half of the bound, where commits begin to
        # hurry; nothing while somebody waits in line.
        self._easy_bytes = options.max_pending_bytes // 2
        self.counters = Counters()
        self.progress = Progress(lock)
        self.jobs: deque[Job] = deque()
        self.closed = False
        self.hurry = False
        self.only_thread: int | None = None

    # ---- callers ----

    def keep_out(self) -> None:
        """Count a call that ``keep`` leaves out."""
        with self._lock:
            self.counters.kept_out += 1

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
        deadline = None
        place = _Place(threading.get_ident())
        try:
            while not self.is_shut_out():
                with self._lock:
                    gate = self.progress.gate()
                    if self._take_room(ticket):
                        return True
                    deadline = deadline or time.monotonic() + self._patience()
                    secs = deadline - time.monotonic()
                    if secs <= 0 or self._hooks.is_failing():
                        cause = "disk" if self._hooks.is_failing() else "full"
                        self.counters.dropped[cause] += 1
                        return False
                    if place not in self._line:
                        self._easy_bytes = -1  # nobody slips by
                        self._line.append(place)
                    woken = self._workers.wake()
                if woken or not self._hooks.work_here():
                    self.progress.wait(gate, secs)
            return False
        finally:
            if place in self._line:
                self._line.remove(place)
                self._tell()  # there may be room for the next one, too

    def _take_room(self, ticket: Ticket) -> bool:
        if self.closed:
            raise closed_error(self._hooks.where())
        if not self._line:
            self._easy_bytes = self._options.max_pending_bytes // 2
        pending = self.counters.pending_bytes
        self.hurry = self.hurry or pending + ticket.cost > self._easy_bytes
        if self._line and self._line[0].thread != threading.get_ident():
            return False
        if pending and pending + ticket.cost > self._options.max_pending_bytes:
            return False
        ticket.counted = True
        self.counters.pending_bytes += ticket.cost
        return True

    def _patience(self) -> float:
        """Return for how many seconds the calling thread waits for room."""
        if self._options.on_full == "drop" or self._workers.include_this_thread():
            return 0.0
        timeout = self._options.block_timeout
        return math.inf if timeout is None else timeout

    def cancel(self, ticket: Ticket) -> None:
        """Give back the room of a ticket, unless it got its place in the queue after all."""
        with self._lock:
            if ticket.counted and not ticket.queued:
                ticket.counted = False
                self.counters.pending_bytes -= ticket.cost
                self.progress.tell()

    def put(self, ticket: Ticket, draw_step: DrawStep) -> bool:
        """Take in a summary that a worker is to make, after ``admit``.

        Args:
            ticket: Its step is the one asked for, or None.
            draw_step: Decides the step; called under the lock, so that steps and places in the
                file come in the same order.

        Returns:
            False in a thread that the end of the process stops.

        Raises:
            RuntimeError: The pipeline was closed in the meantime.
        """
        if self.is_shut_out():
            return False
        encode = partial(self._hooks.encode, ticket)
        with self._lock:
            ticket.step = draw_step(ticket.name, ticket.step)
            places: Any = (self.jobs, self._queue)
            append_both = map(deque.append, places, (encode, ticket))
            if self.closed:
                raise closed_error(self._hooks.where())
            ticket.queued = True
            self.counters.drawn += 1
            list(append_both)  # two calls in one
            attended = self._workers.wake()
        if not attended:
            self._work_here()
        return True

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
        room = None
        if self.counters.pending_bytes + cost > self._easy_bytes or self.only_thread is not None:
            room = Ticket(arguments[0], step, wall_time, cost - OVERHEAD_BYTES)
        try:
            if room is not None and not self.admit(room):
                return False
            with self._lock:
                if not self._queue:
                    self._due_at = time.monotonic() + self._options.flush_secs
                step = draw_step(arguments[0], step)
                if room is not None:
                    self.cancel(room)  # it is counted again in a moment
                if self.closed:
                    raise closed_error(self._hooks.where())
                self.counters.pending_bytes += cost
                self.counters.drawn += 1
                self._queue.append((make, arguments, step, wall_time, cost))
                attended = (room is None and self._workers.attentive) or self._workers.wake()
        except BaseException:
            if room is not None:
                self.cancel(room)
            raise
        if not attended:
            self._work_here()
        return True

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

    def _work_here(self) -> None:
        """Do all that there is to do: no thread can be had for it."""
        self.hurry = True
        while self._hooks.work_here():
            pass

    def _tell(self) -> None:
        with self._lock:
            self.progress.tell()

    # ---- commits, with the lock ----

    def secs_until_ready(self, hurry: bool) -> float | None:
        """Return how many seconds from now ``take_ready`` has something to give.

        Args:
            hurry: Whether light summaries are not to wait for company.

        Returns:
            None when more than time must pass.
        """
        if not self._queue:
            return None
        head = self._queue[0]
        if isinstance(head, Ticket):
            return 0.0 if head.ready else None
        return 0.0 if hurry or self.hurry else max(self._due_at - time.monotonic(), 0.0)

    def take_ready(self) -> tuple[list[Entry], int]:
        """Take from the head what can be written now.

        Returns:
            The entries, and how many bytes they are counted for.
        """
        taken: list[Entry] = []
        size = 0
        queue = self._queue
        for _ in range(min(len(queue), _COMMIT_SUMMARIES)):
            head = queue[0]
            if isinstance(head, tuple):
                size += head[4]
            elif head.ready:
                size += head.cost
                head.counted = False
            else:
                break
            taken.append(queue.popleft())
            if size >= _COMMIT_BYTES:
                break
        if not queue:
            self.hurry = False
        return taken, size

    def give_up(self) -> int:
        """Forget what waits, and return how many summaries that were."""
        given_up, self._queue = self._queue, deque()
        self.jobs.clear()
        for entry in given_up:
            if isinstance(entry, Ticket):
                entry.counted = False
                self.counters.pending_bytes -= entry.cost
            else:
                self.counters.pending_bytes -= entry[4]
        return len(given_up)


class _Place:
    """A place in the line of those who wait for room; a handler may wait within its own thread."""

    def __init__(self, thread: int) -> None:
        self.thread = thread
