"""Where summaries come in: their order, and what waits.

What lives here: the queue that callers append to and commits take from. What does not: the bound on
what it may hold (``room.py``), threads (``workers.py``), and what becomes of what was taken
(``committer.py``).

Rules:
- A summary's step is decided under the same lock under which it gets its place in the queue.
- A signal handler may log, flush or raise wherever its thread is. CPython runs handlers after calls
  and jumps only; so what belongs together is changed by statements in a row, of which at most the
  last one calls, and no local variable holds what a flush in between would take away.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from tbimage.pipeline.admission import Hooks, IntakeOptions, Room, closed_error
from tbimage.pipeline.tickets import OVERHEAD_BYTES, Entry, Ticket
from tbimage.pipeline.workers import Job, Workers

__all__ = ["Hooks", "Intake", "IntakeOptions", "closed_error"]

#: Given a summary's name and the step asked for, or None, decides its step.
DrawStep = Callable[[str, "int | None"], int]
#: A light summary (``tickets.Light``) whose step is the one asked for, or None.
Unstepped = tuple[Callable[..., bytes], "tuple[Any, ...]", "int | None", float, int]

# How much one commit takes from the queue: enough to make a system call for each record and each
# turn at the lock unimportant, little enough that a failed one has little to keep, that flush sees
# progress and that callers do not wait for the lock meanwhile (0.3 ms).
_COMMIT_SUMMARIES = 4096
_COMMIT_BYTES = 16 << 20


class Intake(Room):
    """The queue of one pipeline, and the room for what is in it.

    Attributes:
        jobs: Encoding to be done.
        taken_bytes: For how many bytes what was taken to be written is still counted as pending,
            besides what its records have.
    """

    def __init__(
        self, lock: threading.RLock, workers: Workers, options: IntakeOptions, hooks: Hooks
    ) -> None:
        super().__init__(lock, workers, options, hooks)
        self._queue: deque[Entry] = deque()
        self._due_at = 0.0  # when the light summaries at the head have waited long enough
        self.jobs: deque[Job] = deque()
        self.taken_bytes = 0

    # ---- callers ----

    def keep_out(self) -> None:
        """Count a call that ``keep`` leaves out."""
        with self._lock:
            self.counters.kept_out += 1

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
        attended = None
        if self.only_thread is None:
            with self._lock:
                if self.counters.pending_bytes + cost <= self.easy_bytes:
                    light = make, arguments, step, wall_time, cost
                    attended = self._queue_light(light, draw_step, None)
        if attended is None:
            return self._put_light_slowly((make, arguments, step, wall_time, cost), draw_step)
        if not attended:
            self._work_here()
        return True

    def _put_light_slowly(self, light: Unstepped, draw_step: DrawStep) -> bool:
        _, arguments, step, wall_time, cost = light
        room = Ticket(arguments[0], step, wall_time, cost - OVERHEAD_BYTES)
        try:
            if not self.admit(room):
                return False
            with self._lock:
                self._queue_light(light, draw_step, room)
                attended = self._workers.wake()  # memory is short: nothing waits for its time
        except BaseException:
            self.cancel(room)
            raise
        if not attended:
            self._work_here()
        return True

    def _queue_light(self, light: Unstepped, draw_step: DrawStep, room: Ticket | None) -> bool:
        """Append it, with the lock; return whether somebody will see to it."""
        make, arguments, step, wall_time, cost = light
        if not self._queue:
            self._due_at = time.monotonic() + self._options.flush_secs
        step = draw_step(arguments[0], step)
        if self.closed:
            raise closed_error(self._hooks.where())
        if room is None:
            self.counters.pending_bytes += cost
        else:
            room.queued = True
        self.counters.drawn += 1
        self._queue.append((make, arguments, step, wall_time, cost))
        return self._workers.attentive or self._workers.wake()

    def _work_here(self) -> None:
        """Do all that there is to do: no thread can be had for it."""
        self.hurry = True
        while self._hooks.work_here():
            pass

    def find_lost_jobs(self) -> None:
        """List anew what is to be encoded, where nobody is at it, with the lock."""
        waiting = (entry for entry in self._queue if isinstance(entry, Ticket) and not entry.ready)
        self.jobs = deque(partial(self._hooks.encode, ticket) for ticket in waiting)

    # ---- commits, with the lock ----

    @property
    def waiting(self) -> int:
        """How many summaries wait in the queue."""
        return len(self._queue)

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

    def take_ready(self) -> list[Entry]:
        """Take from the head what can be written now; ``taken_bytes`` says what it counts for."""
        taken: list[Entry] = []
        queue = self._queue
        for _ in range(min(len(queue), _COMMIT_SUMMARIES)):
            head = queue[0]
            if isinstance(head, tuple):
                self.taken_bytes += head[4]
            elif head.ready:
                self.taken_bytes += head.cost
                head.counted = False
            else:
                break
            taken.append(queue.popleft())
            if self.taken_bytes >= _COMMIT_BYTES:
                break
        if not queue:
            self.hurry = False
        return taken

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
