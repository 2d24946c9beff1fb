"""The threads of a pipeline: started when there is work, asleep when there is none.

What lives here: starting, waking and ending threads. What does not: what the work is; the pipeline
is asked for it.

Rules:
- A thread is started only when work comes and no thread is free. Where none can be had (the
  interpreter is ending, the system is out of threads), ``wake`` says so and the caller does the
  work itself: it is *borrowed*.
- One thread is called at a time, and calls the next where it finds more work than it takes.
- Who does a job never waits for jobs, nor does a handler that has interrupted it.
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

    def recover_job(self) -> None:
        """Put in order what the calling thread was at when a signal handler raised."""

    def note_defect(self, error: BaseException) -> None:
        """Take note of what a job raised."""


class Workers:
    """Up to ``limit`` daemon threads that share one lock with their source of work.

    All methods but ``do_here`` are called with the lock held.

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
        self._borrowed: set[int] = set()  # other threads that do a job
        self._asleep = 0
        self._on_the_clock = False
        self._looks = 0  # how often a thread has looked for work
        self._called_at = -1  # what that was when one was called that has yet to look

    def wake(self) -> bool:
        """See to it that a thread looks for work; it calls the next where there is more.

        Returns:
            False when there is no thread and none can be started.
        """
        if not self._limit:
            return False
        looks = self._looks  # a signal handler may flush in between, after which nobody is called
        if self._called_at == looks:
            return True
        if self._asleep:
            self._wanted.notify()
        elif len(self._threads) < self._limit and not self._start_thread() and not self._threads:
            return False
        # Else all are at work, and look when they are done.
        self._called_at = looks
        return True

    @property
    def attentive(self) -> bool:
        """Whether a thread looks for work soon enough without being woken."""
        return self._on_the_clock or self._called_at == self._looks

    @property
    def exist(self) -> bool:
        """Whether there is any thread that goes on looking for work."""
        return bool(self._limit and self._threads)

    def wake_all(self) -> None:
        """Let all threads look for work, or end."""
        self._wanted.notify_all()

    def dismiss(self) -> None:
        """Let all threads end, once they have finished what they work at, and start none."""
        self._limit = 0
        self._on_the_clock = False
        self._called_at = -1  # who was called and has not looked yet will not
        self.wake_all()

    def include_this_thread(self) -> bool:
        """Tell whether the calling thread is at work, so that it must not wait for that."""
        return (
            threading.current_thread() in self._threads or threading.get_ident() in self._borrowed
        )

    @property
    def are_at_work(self) -> bool:
        """Whether anybody does a job, or will without being asked."""
        return bool(self._threads or self._borrowed)

    def do_here(self, find_job: Callable[[], Job | None]) -> bool:
        """Do one job in the calling thread.

        Args:
            find_job: Takes a job, with the lock, or returns None.

        Returns:
            Whether there was one.
        """
        thread = threading.get_ident()
        if thread in self._borrowed:  # by a job that a signal handler interrupts
            return self._find_and_do(find_job)
        try:
            self._borrowed.add(thread)
            return self._find_and_do(find_job)
        except BaseException:
            with self._lock:
                self._borrowed.discard(thread)
                self._source.recover_job()
            raise
        finally:
            self._borrowed.discard(thread)

    def _find_and_do(self, find_job: Callable[[], Job | None]) -> bool:
        with self._lock:
            job = find_job()
        if job is not None:
            job()
        return job is not None

    def _start_thread(self) -> bool:
        try:
            threading.Thread(target=self._run, name="tbimage", daemon=True).start()
        except RuntimeError:
            return False  # none can be had
        return True

    def _run(self) -> None:
        thread = threading.current_thread()
        with self._lock:
            if len(self._threads) >= self._limit:  # a signal handler has started another one
                return
            self._threads.add(thread)
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
