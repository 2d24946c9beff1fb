"""The threads of a pipeline: started when there is work, asleep when there is none.

What lives here: starting, waking and ending threads. What does not: what the work is; the pipeline
is asked for it.

Rules:
- A thread is started only when work comes and no thread is free. Where none can be had (the
  interpreter is ending, the system is out of threads), ``wake`` says so and the caller does the
  work itself.
- At most one sleeping thread has a timeout: it is *on the clock*. All others sleep until they are
  woken.
- A thread never dies of a job.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

__all__ = ["Job", "WorkSource", "Workers"]

Job = Callable[[], None]


class WorkSource(Protocol):
    """What threads ask for work, with the lock held but for ``note_defect``."""

    def find_job(self) -> Job | None:
        """Take a job that can be done now, or return None."""

    def secs_until_job(self) -> float | None:
        """Return in how many seconds there will be a job; None: only a wake-up can tell."""

    def is_finished(self) -> bool:
        """Tell whether there will never be a job again."""

    def note_defect(self, error: BaseException) -> None:
        """Take note of what a job raised."""


class Workers:
    """Up to ``limit`` daemon threads that share one lock with their source of work.

    All methods are called with the lock held.

    Args:
        lock: Guards the source; reentrant.
        limit: The most threads at once.
        source: Where jobs come from.
    """

    def __init__(self, lock: threading.RLock, limit: int, source: WorkSource) -> None:
        self._lock = lock
        self._limit = limit
        self._source = source
        self._wanted = threading.Condition(lock)
        self._threads: set[threading.Thread] = set()
        self._asleep = 0
        self._on_the_clock = False
        self._looks = 0  # how often a thread has looked for work
        self._called_at = -1  # what that was when one was called that has yet to look

    def wake(self) -> bool:
        """See to it that a thread looks for work; it calls the next where there is more.

        Returns:
            False when there is no thread and none can be started.
        """
        looks = self._looks  # a signal handler may flush in between, after which nobody is called
        if self._called_at != looks:
            if self._asleep:
                self._wanted.notify()
            elif len(self._threads) < self._limit:
                self._start_thread()
            # Else all are at work, and look when they are done.
            if self._threads:
                self._called_at = looks
        return bool(self._threads)

    @property
    def attentive(self) -> bool:
        """Whether a thread looks for work soon enough without being woken."""
        return self._on_the_clock or self._called_at == self._looks

    @property
    def exist(self) -> bool:
        """Whether there is any thread."""
        return bool(self._threads)

    def wake_all(self) -> None:
        """Let all threads look for work, or end."""
        self._wanted.notify_all()

    def dismiss(self) -> None:
        """Let all threads end, and start none any more."""
        self._limit = 0
        self._threads.clear()  # what one still works at, it finishes
        self._on_the_clock = False
        self._called_at = -1  # who was called and has not looked yet will not
        self.wake_all()

    def include_this_thread(self) -> bool:
        """Tell whether the calling thread is one of these, so that it must not wait for them."""
        return threading.current_thread() in self._threads

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._run, name="tbimage", daemon=True)
        self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:
            pass  # none can be had
        finally:
            if thread.ident is None:
                self._threads.discard(thread)

    def _run(self) -> None:
        thread = threading.current_thread()
        with self._lock:
            if self._limit:
                self._threads.add(thread)  # again, where its start was interrupted
        while True:
            with self._lock:
                job = self._wait_for_job()
                if job is None:
                    self._threads.discard(thread)
                    return
            try:
                job()
            except BaseException as error:
                self._source.note_defect(error)
            del job  # it may hold a snapshot

    def _wait_for_job(self) -> Job | None:
        source = self._source
        while self._limit:
            self._looks += 1
            job = source.find_job()
            if job is not None:
                return job
            if source.is_finished():
                self.wake_all()  # the others end, too
                break
            timeout = None if self._on_the_clock else source.secs_until_job()
            self._sleep(timeout)
        return None

    def _sleep(self, timeout: float | None) -> None:
        on_the_clock = timeout is not None
        if on_the_clock:
            self._on_the_clock = True
        self._asleep += 1
        try:
            self._wanted.wait(timeout)
        finally:
            self._asleep -= 1
            if on_the_clock:
                self._on_the_clock = False
