"""The threads that the writers of one process share: one owner, encoders, and file workers."""

from __future__ import annotations

import os
import time
from _thread import start_new_thread  # imported directly because of gevent: see workers.py
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from threading import Lock, get_ident, main_thread
from typing import Any

from tbimage.events.reporting import Errors, Log
from tbimage.workers import Bell, Job, Workers

#: The largest number of threads of a process: one owner, and at least one worker of each kind.
MOST_THREADS = 8
_MOST_WORKERS = MOST_THREADS - 1
_LINGER_SECS = 0.5  # after the last writer has closed, the threads wait this long for a new writer
_START_SECS = 0.1  # if the new thread is not the owner after this time, start another thread
_TICK_SECS = 0.05  # the time between checks of pending work, needed because messages can be lost


class Owner:
    """The threads of one process. Each *member* is the channel of a writer (``channel.py``)."""

    def __init__(self) -> None:
        self.log = Log()
        errors = Errors(self.log.say, lambda: "tbimage")
        note = partial(errors.note, consequence="an error in the pipeline itself")
        self.encoders = Workers(1, _MOST_WORKERS, note)
        self.files = Workers(_MOST_WORKERS - 1, _MOST_WORKERS, note)
        self.encoders.rival, self.files.rival = self.files, self.encoders
        self.messages: SimpleQueue[tuple[Any, Any]] = SimpleQueue()
        self._bell = Bell()  # rings after each message
        # True when the process is ending: then each caller waits until its summary is written. It
        # begins as True if an exit handler imports this package: the main thread has ended then.
        self.ending: bool = not main_thread().is_alive()
        self._role = Lock()  # the thread that is the owner holds this lock
        self._thread = 0  # the thread that is the owner; 0 if there is none
        self._started_at = -1.0  # when the last owner thread was started
        self._members: dict[Any, None] = {}
        self._active: dict[Any, None] = {}
        self._next_tick = 0.0
        self._logging: Job | None = None  # the last job that logs the waiting lines

    def send(self, member: Any, request: Any = None) -> None:
        """Send a request to the owner; without a request, the message only wakes the owner."""
        self.messages.put((member, request))
        self._bell.ring()
        if not self._thread:
            self.see_to_it()

    def see_to_it(self) -> None:
        """Start the owner if it does not run. If no thread can start, do the owner's work here."""
        now = time.monotonic()
        if self._thread or now - self._started_at < _START_SECS:
            return
        try:
            start_new_thread(self._own, ())
            self._started_at = now
        except RuntimeError:
            if self._role.acquire(blocking=False):
                try:
                    self._thread = get_ident()  # a log handler here must not wait for the owner
                    while self._round(0.0):
                        pass
                finally:
                    for member in self._active:
                        member.awake = False  # no owner runs, so the next call must send a message
                    self._thread = 0
                    self._role.release()

    def take_over(self) -> None:
        """Do the owner's work here, after the interpreter has stopped all other threads."""
        for workers in (self.files, self.encoders):
            workers.limit = 0
            workers.dismiss()
        for _ in range(100):
            self._round(0.0)

    def is_worker(self) -> bool:
        """Tell whether this thread is the owner or a worker: these must not wait for the owner."""
        return get_ident() in (self._thread, *self.files.busy, *self.encoders.busy)

    def _own(self) -> None:
        if not self._role.acquire(blocking=False):
            return
        self._thread, ended = get_ident(), False
        try:
            while not ended:
                try:
                    ended = not (self._round() or self._members or self._goes_on())
                except BaseException as error:  # no memory, or an exception sent to this thread
                    self.files.note_if_possible(error)
        finally:  # after any exception, let the next call start another owner
            if not ended:
                self._thread, self._started_at = 0, -1.0
                self._role.release()

    def _goes_on(self) -> bool:
        """End the workers. If a new message has come, return True: then the owner continues."""
        self.encoders.dismiss()
        self.files.dismiss()
        self._thread, self._started_at = 0, -1.0  # the next call may start an owner at once
        self._role.release()
        # A caller puts its message and then checks ``_thread``. So either this check finds the
        # message, or the caller finds that no owner is running.
        if self.messages.empty() or not self._role.acquire(blocking=False):
            return False
        self._thread = get_ident()
        return True

    def _round(self, secs: float | None = None) -> bool:
        """Wait for messages. Their channels get a turn. At a tick, active channels get a turn."""
        turns: dict[Any, None] = {}
        if secs is None and self._active:
            secs = max(self._next_tick - time.monotonic(), 0.0)
        elif secs is None and not self._members:
            secs = _LINGER_SECS
        rung = not self.messages.empty() or self._bell.wait(secs)
        while not self.messages.empty():  # one at a time: an exception loses at most one message
            member, request = self.messages.get_nowait()
            turns[member] = None
            if request is not None:
                member.receive(request)
        now = time.monotonic()
        if now >= self._next_tick:
            self._next_tick = now + _TICK_SECS
            turns.update(self._active)
        for member in turns:
            self._give_turn(member)
        self.files.grow()  # if a disk hangs and blocks workers, queued jobs need other threads
        if self.log.is_due and (self._logging is None or self._logging.ended):
            self._logging = self.files.give(Job(None, self.log.write_alone))
        return rung or bool(turns)

    def _give_turn(self, member: Any) -> None:
        if member.pid != os.getpid():  # with gevent, a fork copies the owner's greenlet
            return
        self._members[member] = None
        limit = max(self.encoders.limit, member.options.workers)
        self.encoders.limit = min(limit, _MOST_WORKERS - 1)
        try:
            member.turn()
        except BaseException as error:
            member.active = True  # so that it has another turn soon
            self.files.note_if_possible(error)
        if member.active:
            self._active[member] = None
        else:
            self._active.pop(member, None)
        if member.finished:
            self._members.pop(member, None)


owners: dict[int, Owner] = {}
at_first_use: list[Callable[[], None]] = []  #: called when a process gets its owner


def current_owner() -> Owner:
    """Return the owner of this process. The thread of the owner starts when it is needed."""
    if (owner := owners.get(pid := os.getpid())) is None:
        owner = owners.setdefault(pid, Owner())
        for hook in at_first_use:
            hook()
    return owner
