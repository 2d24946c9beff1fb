"""The threads of a pipeline: started when there is work, asleep when there is none.

What lives here: starting, waking and ending threads. What does not: what the work is; the pipeline
is asked for it.

Rules:
- A thread is started only when work comes and no thread is free. Where none can be started (the
  interpreter is ending, the system is out of threads), ``wake`` says so and the caller does the
  work itself.
- At most one sleeping thread has a timeout; all others sleep until they are woken.
- A thread never dies of a job.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

__all__ = ["Job", "WorkSource", "Workers"]

Job = Callable[[], None]


class WorkSource(Protocol):
    """What threads ask for work, always with the lock held."""

    def find_job(self) -> Job | None:
        """Take a job that can be done now, or return None."""

    def secs_until_job(self) -> float | None:
        """Return in how many seconds there will be a job; None: only a wake-up can tell."""

    def is_finished(self) -> bool:
        """Tell whether there will never be a job again."""

    def note_defect(self, error: BaseException) -> None:
        """Take note of what a job raised; called without the lock."""


class Workers:
    """Up to ``limit`` daemon threads that share one lock with their source of work.

    Args:
        lock: Guards the source; reentrant.
        limit: The most threads at once.
        source: Where jobs come from.

    Attributes:
        lock: As given.
        limit: As given.
    """

    def __init__(self, lock: threading.RLock, limit: int, source: WorkSource) -> None:
        self._wanted = threading.Condition(lock)
        self.lock = lock
        self._source = source
        self.limit = limit
        self._threads = 0
        self._waiting = 0
        self._on_the_clock = 0  # of those waiting, how many a timeout will wake: 0 or 1
        self._called = False  # a thread was woken and has not yet looked for work

    def wake(self) -> bool:
        """See to it that a thread looks for work. Call it with the lock held.

        Returns:
            False when there is no thread and none can be started.
        """
        self._called = True
        if self._waiting:
            self._wanted.notify()
            return True
        if self._threads < self.limit:
            thread = threading.Thread(target=self._run, name="tbimage", daemon=True)
            self._threads += 1
            try:
                thread.start()
            except RuntimeError:
                self._threads -= 1
        self._called = self._threads > 0
        return self._called

    def wake_for_the_clock(self) -> None:
        """See to it that a thread waits for the next job's time. Call it with the lock held."""
        if not self._on_the_clock and not self._called:
            self.wake()

    def wake_all(self) -> None:
        """Let all threads look for work, or end. Call it with the lock held."""
        self._wanted.notify_all()

    def _run(self) -> None:
        while True:
            with self.lock:
                job = self._wait_for_job()
                if job is None:
                    self._threads -= 1
                    return
            try:
                job()
            except BaseException as error:
                self._source.note_defect(error)
            del job  # it may hold a snapshot

    def _wait_for_job(self) -> Job | None:
        source = self._source
        while True:
            self._called = False
            job = source.find_job()
            if job is not None:
                return job
            if source.is_finished():
                return None
            timeout = None if self._on_the_clock else source.secs_until_job()
            on_the_clock = timeout is not None
            self._waiting += 1
            self._on_the_clock += on_the_clock
            try:
                self._wanted.wait(timeout)
            finally:
                self._waiting -= 1
                self._on_the_clock -= on_the_clock
