"""Threads that do jobs, and jobs whose parts run in several threads."""

from __future__ import annotations

import contextlib
import itertools
import time

# ``start_new_thread`` starts a thread in one step; ``threading.Thread`` uses a lock. All names are
# imported directly. So either all of them are Python's, or all of them are gevent's, even if gevent
# patches modules later.
from _thread import start_new_thread
from collections import deque
from collections.abc import Callable, Sequence
from os import getpid
from queue import Empty, SimpleQueue
from threading import Lock, get_ident
from typing import Any, Generic, TypeAlias, TypeVar, cast

__all__ = ["Bell", "ForkJoin", "Job", "Workers", "take_all"]

T = TypeVar("T")
_MISSING = object()
_HAS_RUNG = contextlib.suppress(RuntimeError)  # raised if another thread rings at the same time


def take_all(queue: SimpleQueue[T]) -> list[T]:
    """Remove and return all items of a queue."""
    taken: list[T] = []
    with contextlib.suppress(Empty):
        while True:
            taken.append(queue.get_nowait())
    return taken


class Bell:
    """Wakes one waiting thread. If the bell rings before the wait, the wait ends at once.

    The bell uses a lock, because CPython's ``SimpleQueue.get`` can wait for ever. If a signal comes
    in the last microseconds of a timeout, ``get`` computes a negative remaining time.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._lock.acquire()

    def ring(self) -> None:
        """Wake the waiting thread; if no thread waits, the next wait ends at once."""
        # Without this test, ``release`` would often raise an error. Such an error could keep the
        # frames of an interrupted caller in memory.
        if self._lock.locked():
            with _HAS_RUNG:
                self._lock.release()

    def wait(self, secs: float | None = None) -> bool:
        """Wait at most ``secs`` seconds for a ring; tell whether the bell has rung."""
        return self._lock.acquire(timeout=-1 if secs is None else secs)


class Job:
    """A job for a worker; ``ended`` becomes True when the job has ended, also after an error."""

    __slots__ = ("__weakref__", "arguments", "ended", "function", "report")

    def __init__(
        self, report: Callable[[], object] | None, function: Callable[..., object], *arguments: Any
    ) -> None:
        self.report = report  # called when the job has ended
        self.function = function
        self.arguments: tuple[Any, ...] = arguments
        self.ended: bool = False


class Workers:
    """Threads that do jobs. They are started when they are needed.

    This object has at most ``limit`` threads. This object and its ``rival`` together have at most
    ``most`` threads. If they have this number and this object needs more threads, idle threads of
    the rival are moved to this object. If a job raises an error, ``note`` gets this error. A job
    that fails because there is no memory is not repeated. Only one thread may call ``give``; any
    thread may call ``share``.

    Example:
        >>> results = SimpleQueue()
        >>> workers = Workers(2, most=2, note=print)
        >>> job = workers.give(Job(None, results.put, "done"))
        >>> results.get()
        'done'
        >>> workers.dismiss()
    """

    def __init__(self, limit: int, most: int, note: Callable[[BaseException], None]) -> None:
        self.limit = limit
        self.most = most
        self.count = 0  #: the number of threads
        self.rival: Workers | None = None
        self.busy: dict[int, bool] = {}  # for each thread: whether it is doing a job
        self._note = note
        self.pid = getpid()
        self._jobs: Jobs = SimpleQueue()
        self._given: deque[Job] = deque()  # all jobs that have not ended, and some ended jobs

    def is_idle(self) -> bool:
        """Tell whether all given jobs have ended. If a job ends now, the answer may be False."""
        given = self._given
        for _ in range(2):
            while given and given[0].ended:
                given.popleft()
            given.rotate(-1)  # so that a job that hangs does not keep later jobs in memory
        return not given

    def give(self, job: Job, count: int = 1) -> Job:
        """Queue a job, start at most ``count`` threads for it, and return the job.

        If there are no threads and none can be started, the thread of the caller does the job.

        Raises:
            MemoryError: The job was not queued.
        """
        self._get_threads(min(self._under_way() + count, self.limit))
        if not self.count:
            self.do(job)
            return job
        self._given.append(job)
        try:
            self._jobs.put(job)
        except BaseException:
            self._given.pop()
            raise
        return job

    def grow(self) -> None:
        """Get more threads for waiting jobs, if possible: threads of the rival may be idle now."""
        self._get_threads(min(self._under_way(), self.limit))

    def _under_way(self) -> int:
        return 0 if self.is_idle() else len(self._given)

    def _get_threads(self, count: int) -> None:
        """Start threads, then take idle threads from the rival, until there are ``count`` threads.

        If an exception comes after a thread was started, ``self.count`` is too small. It is never
        too large, so a job never waits for a thread that does not exist.
        """
        rival = self.rival
        most = self.most - (rival.count if rival else 0)
        while self.count < min(count, most):
            try:
                start_new_thread(_work, (self, self._jobs))
            except RuntimeError:  # no thread can be started
                break
            self.count += 1
        while rival and self.count < count and rival.count > max(rival._under_way(), 1):
            rival.count -= 1
            try:
                rival._jobs.put((self, self._jobs))
            except MemoryError:  # no thread will move
                rival.count += 1
                raise
            self.count += 1

    def share(self, parts: Sequence[Callable[[], T]], count: int) -> list[T]:
        """Do the parts of one job in this thread and in at most ``count - 1`` workers."""
        group = ForkJoin(parts)
        for _ in range(min(count, len(parts), self.count + 1) - 1):
            self._jobs.put(Job(None, group.help))
        return group.finish()

    def wait_until_idle(self, secs: float) -> None:
        """Wait at most ``secs`` seconds until no thread does a job. Any thread may call this."""
        end = time.monotonic() + secs
        time.sleep(0.005)  # a thread that has just taken a job has not noted this yet
        while any(list(self.busy.values())) and time.monotonic() < end:
            time.sleep(0.005)

    def dismiss(self) -> None:
        """Let the threads end when they have done the queued jobs."""
        fresh: tuple[Jobs, deque[Job], int] = SimpleQueue(), deque(), 0
        try:
            self._jobs.put(_END)
        finally:  # no job may be put after _END
            self._jobs, self._given, self.count = fresh

    def do(self, job: Job) -> None:
        """Do a job in this thread."""
        try:
            job.function(*job.arguments)
        except BaseException as error:
            self.note_if_possible(error)
        job.arguments, job.ended = (), True
        try:
            if job.report is not None:
                job.report()
        except BaseException as error:
            self.note_if_possible(error)

    def note_if_possible(self, error: BaseException) -> None:
        """Note an error, unless this fails too."""
        try:
            self._note(error)
        except BaseException:
            pass  # perhaps there is no memory for noting the error


#: A queue of jobs. A thread that takes a pair moves to these ``Workers`` and their queue.
Jobs: TypeAlias = "SimpleQueue[Job | tuple[Workers, Jobs]]"
_END = Job(None, int)  # ends each thread that takes it


def _work(workers: Workers, jobs: Jobs) -> None:
    """Do the jobs of a queue, and then the jobs of each queue to which this thread is moved."""
    job: Job | tuple[Workers, Jobs] | None = None
    while True:
        try:
            ident = get_ident()
            workers.busy.setdefault(ident, False)
            job = job or jobs.get()
            if job is _END:
                jobs.put(_END)  # for the next thread
                break
            if workers.pid != getpid():  # with gevent, a fork copies this greenlet
                break
            if isinstance(job, tuple):
                workers.busy.pop(ident, None)
                workers, jobs = job
                job = None
                continue
        except BaseException:
            continue  # there is no memory: try again, with the same job if there is one
        workers.busy[ident] = True
        workers.do(job)
        workers.busy[ident] = False
        job = None  # otherwise the job could keep a snapshot in memory
    workers.busy.pop(ident, None)


class ForkJoin(Generic[T]):
    """The parts of one job. Any number of threads may call ``help``; one thread calls ``finish``.

    If no thread helps, the thread that calls ``finish`` does all parts itself. So there is no
    deadlock if all workers are busy.
    """

    def __init__(self, parts: Sequence[Callable[[], T]]) -> None:
        self._parts = parts
        self._next = itertools.count()  # next() is atomic in CPython
        self._results: list[object] = [_MISSING] * len(parts)
        # One place for each part, because a list that grows needs memory.
        self._errors: list[BaseException | None] = [None] * len(parts)
        self._news = Bell()  # rings after each part

    def help(self) -> None:
        """Do parts until all parts have begun. If parts fail, ``finish`` raises the first error."""
        while (index := next(self._next)) < len(self._results):
            try:
                self._results[index] = self._parts[index]()
            except BaseException as error:
                self._errors[index] = error
                self._results[index] = None
            self._news.ring()

    def finish(self) -> list[T]:
        """Do the remaining parts, wait for all parts, and return the results or raise an error."""
        self.help()
        while any(result is _MISSING for result in self._results):
            self._news.wait(0.1)
        # If a job that calls ``help`` is still queued, it must not keep the data in memory.
        results, self._parts, self._results = self._results, (), []
        for error in self._errors:
            if error is not None:
                raise error
        return cast("list[T]", results)
