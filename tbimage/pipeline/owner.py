"""The threads that the writers of one process share: one owner, encoders, and file workers.

The owner waits for nothing but its messages, so it always answers: files are written, directories
read and pictures encoded by workers, which are started as there is work and end with the last
writer. A disk that hangs costs the worker that waits for it, and no other writer waits.
"""

from __future__ import annotations

import contextlib
import os
import time

# One step, where Thread takes a lock of Python's own. All of these are bound here, so that
# a program that replaces them later (gevent) gets either its own threads and queues or Python's.
from _thread import start_new_thread
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Lock, get_ident, main_thread
from typing import Any, Protocol

from tbimage.events.reporting import Errors, Log

#: The most threads of one process. There is always room for an encoder and for a file worker.
MOST_THREADS = 8
_MOST_WORKERS = MOST_THREADS - 1
# The threads stay for so many seconds after the last writer, as another one may come.
_LINGER_SECS = 0.5
# A thread that was started is the owner after so many seconds, or another one is started.
_START_SECS = 0.1
# While something is pending the owner looks after so many seconds: a message is a wake-up and holds
# no state, and one that is lost costs no more than this.
_TICK_SECS = 0.05


class Member(Protocol):
    """What the owner calls of one writer's state (``channel.Channel``); nobody else does."""

    active: bool
    finished: bool
    encoders: int  # how many of its pictures may be encoded at once

    def receive(self, request: Any) -> None:
        """Take a caller's request."""

    def turn(self) -> None:
        """Do what can be done now. Not ``active`` after it: only a message changes anything."""


class Workers:
    """Threads that do jobs, started as they are needed, up to a limit."""

    def __init__(self, limit: int, errors: Errors) -> None:
        self.limit = limit
        self.idents: dict[int, None] = {}
        self.busy: dict[int, None] = {}  # the threads that do a job
        self._errors = errors
        self._jobs: SimpleQueue[tuple[Callable[..., None], tuple[Any, ...]] | None]
        self._jobs = SimpleQueue()
        self._ended: SimpleQueue[None] = SimpleQueue()  # an entry for each job done
        self._under_way = 0  # jobs that were given, less those whose end was seen
        self.count = 0
        self.others: Workers | None = None  # that share the most threads of a process with these

    def give(self, function: Callable[..., None], *arguments: Any, count: int = 1) -> None:
        """Have a job done; here, where no thread can be had. Only the owner calls it."""
        with contextlib.suppress(Empty):
            while True:
                self._ended.get_nowait()
                self._under_way -= 1
        others = 0 if self.others is None else self.others.count
        most = min(self._under_way + count, self.limit, _MOST_WORKERS - others)
        try:
            while self.count < most:
                start_new_thread(self._work, ())
                self.count += 1
        except RuntimeError:
            if not self.count:
                function(*arguments)
                return
        self._jobs.put((function, arguments))
        self._under_way += 1

    def ask_for_help(self, function: Callable[[], None], count: int) -> None:
        """Let workers that have nothing to do help the worker that calls this."""
        for _ in range(min(count, self.count)):
            self._jobs.put((function, ()))

    def discard(self) -> None:
        """Forget the jobs that nobody has begun."""
        with contextlib.suppress(Empty):
            while True:
                self._jobs.get_nowait()

    def dismiss(self) -> None:
        """Let the threads end when they have done their jobs."""
        for _ in range(self.count):
            self._jobs.put(None)
        self.count = self._under_way = 0
        self._jobs, self._ended = SimpleQueue(), SimpleQueue()

    def _work(self) -> None:
        jobs, ended, thread = self._jobs, self._ended, get_ident()
        self.idents[thread] = None
        while (job := jobs.get()) is not None:
            function, arguments = job
            self.busy[thread] = None
            try:
                function(*arguments)
            except BaseException as error:
                self._errors.note(error, "an error in the pipeline itself")
            self.busy.pop(thread, None)
            ended.put(None)
            del job, function, arguments  # they may hold a snapshot
        self.idents.pop(thread, None)


class Owner:
    """The threads of one process. Callers use ``send`` and ``see_to_it``, workers ``send``."""

    def __init__(self) -> None:
        self.log = Log()
        errors = Errors(self.log.say, lambda: "tbimage")
        self.encoders = Workers(1, errors)
        self.files = Workers(_MOST_WORKERS - 1, errors)
        self.files.others, self.encoders.others = self.encoders, self.files
        self.messages: SimpleQueue[tuple[Member, Any]] = SimpleQueue()
        # The process ends: every caller waits for its own summary. Then Python has ended the main
        # thread already, as also where this package is imported by an exit handler.
        self.ending = not main_thread().is_alive()
        self._errors = errors
        self._role = Lock()  # held by the thread that is the owner
        self._running = False
        self._started_at = -1.0  # when a thread was last started to become the owner
        self._members: dict[Member, None] = {}
        self._active: dict[Member, None] = {}
        self._next_tick = 0.0
        self._log_role = Lock()  # held by the worker that logs

    def send(self, member: Member, request: Any = None) -> None:
        """Send a message; without a request it is a wake-up only."""
        self.messages.put((member, request))
        self.see_to_it()

    def see_to_it(self) -> None:
        """Start the owner where it does not run; where no thread can be had, do its work here."""
        now = time.monotonic()
        if self._running or now - self._started_at < _START_SECS:
            return
        try:
            start_new_thread(self._own, ())
            self._started_at = now
        except RuntimeError:
            if self._role.acquire(blocking=False):
                try:
                    while self._round(0.0):
                        pass
                finally:
                    self._role.release()

    def take_over(self) -> None:
        """Do what can be done now, when the interpreter has stopped all threads but this one."""
        self.files.limit = self.encoders.limit = 0
        for workers in (self.files, self.encoders):
            workers.dismiss()
        for _ in range(100):
            self._round(0.0)

    def stop_logging(self) -> None:
        """Let no worker log from here on, once the one that does has ended; callers log."""
        self.ending = True
        self._log_role.acquire(timeout=1.0)

    def wait_until_idle(self, secs: float) -> None:
        """Wait until no worker does a job: Python aborts if it stops a thread within C++."""
        end = time.monotonic() + secs
        while (self.encoders.busy or self.files.busy) and time.monotonic() < end:
            time.sleep(0.005)

    def is_worker(self) -> bool:
        """Tell whether the calling thread is a worker, which must not wait for itself."""
        thread = get_ident()
        return thread in self.files.idents or thread in self.encoders.idents

    def _own(self) -> None:
        if not self._role.acquire(blocking=False):
            return
        self._running = True
        while True:
            try:
                idle = not self._round(self._patience())
            except BaseException as error:  # no memory, or an exception that somebody sent here
                idle = False
                self._errors.note(error, "an error in the pipeline itself")
            if idle and not self._members and self._has_left():
                return

    def _patience(self) -> float | None:
        """Return for how many seconds the owner waits for a message."""
        if self._active:
            return max(self._next_tick - time.monotonic(), 0.0)
        return None if self._members else _LINGER_SECS

    def _has_left(self) -> bool:
        """End the threads after the last writer, unless a message comes meanwhile."""
        self.encoders.dismiss()
        self.files.dismiss()
        self._running = False
        self._role.release()
        # A caller puts its message before it looks whether the owner runs: one of both sees it.
        if self.messages.empty() or not self._role.acquire(blocking=False):
            return True
        self._running = True
        return False

    def _round(self, secs: float | None) -> bool:
        """Take the messages that are there, wait for the first one, and give turns."""
        turns: dict[Member, None] = {}
        with contextlib.suppress(Empty):
            message = self.messages.get(secs != 0, secs)
            while True:
                member, request = message
                turns[member] = None
                if request is not None:
                    member.receive(request)
                message = self.messages.get_nowait()
        now = time.monotonic()
        if now >= self._next_tick:
            self._next_tick = now + _TICK_SECS
            turns.update(self._active)
        for member in turns:
            self._give_turn(member)
        if not (self.log.is_empty or self.ending or self._log_role.locked()):
            self.files.give(self._write_log)
        return bool(turns)

    def _give_turn(self, member: Member) -> None:
        self._members[member] = None
        self.encoders.limit = min(max(self.encoders.limit, member.encoders), _MOST_WORKERS - 1)
        try:
            member.turn()
        except BaseException as error:
            self._errors.note(error, "an error in the pipeline itself")
        if member.active:
            self._active[member] = None
        else:
            self._active.pop(member, None)
        if member.finished:
            self._members.pop(member, None)

    def _write_log(self) -> None:
        if self._log_role.acquire(blocking=False):  # a handler that hangs has one worker, not all
            try:
                self.log.write()
            finally:
                self._log_role.release()


_owners: dict[int, Owner] = {}
#: Called when a process gets its owner.
at_first_use: list[Callable[[], None]] = []


def current_owner() -> Owner:
    """Return the owner of this process, which has no thread until it is needed."""
    pid = os.getpid()
    owner = _owners.get(pid)
    if owner is None:
        owner = _owners.setdefault(pid, Owner())
        for hook in at_first_use:
            hook()
    return owner
