"""Threads that do jobs, and jobs whose parts run in several threads."""

from __future__ import annotations

import contextlib
import itertools

# This starts a thread in one step; Thread uses a lock. All of these are bound here, so that they
# are all Python's or all gevent's, also if gevent patches them later.
from _thread import start_new_thread
from collections import deque
from collections.abc import Callable, Sequence
from os import getpid
from queue import Empty, SimpleQueue
from threading import Lock, get_ident
from typing import Any, Generic, TypeVar, cast

__all__ = ["Bell", "ForkJoin", "Job", "Workers", "take_all"]

T = TypeVar("T")
_MISSING = object()
_HAS_RUNG = contextlib.suppress(RuntimeError)  # and nobody has waited since


def take_all(queue: SimpleQueue[T]) -> list[T]:
    """Remove and return all items of a queue."""
    taken: list[T] = []
    with contextlib.suppress(Empty):
        while True:
            taken.append(queue.get_nowait())
    return taken


class Bell:
    """Wakes one thread that waits for news. A ring before the wait ends the wait at once.

    It is a lock, because CPython's ``SimpleQueue.get`` waits for ever if a signal comes in the last
    microseconds of its timeout: it then computes a negative rest.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._lock.acquire()

    def ring(self) -> None:
        """Wake the thread that waits, or the next one that does."""
        with _HAS_RUNG:
            self._lock.release()

    def wait(self, secs: float | None = None) -> bool:
        """Wait for a ring, at most so many seconds; tell whether there was one."""
        return self._lock.acquire(timeout=-1 if secs is None else secs)


class Job:
    """A job for a worker; ``ended`` becomes true when it is over, also after an error."""

    __slots__ = ("__weakref__", "arguments", "ended", "function", "report")

    def __init__(
        self, report: Callable[[], object] | None, function: Callable[..., object], *arguments: Any
    ) -> None:
        self.report = report  # called when the job has ended
        self.function = function
        self.arguments: tuple[Any, ...] = arguments
        self.ended: bool = False


class Workers:
    """Threads that do jobs. They are started when they are needed, up to a limit.

    One thread gives the jobs. ``note`` gets the error of a job. The threads of ``rivals`` count
    towards ``most``, too. A job ends when there is no memory for it.

    Example:
        >>> results = SimpleQueue()
        >>> workers = Workers(2, most=2, note=print)
        >>> workers.give(Job(None, results.put, "done"))
        >>> results.get()
        'done'
        >>> workers.dismiss()
    """

    def __init__(self, limit: int, most: int, note: Callable[[BaseException], None]) -> None:
        self.limit = limit
        self.most = most
        self.rivals: list[Workers] = []
        self.busy: dict[int, bool] = {}  # by thread: whether it does a job
        self._note = note
        self._pid = getpid()
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._given: deque[Job] = deque()  # all jobs that run, and some that ended
        self._threads: dict[object, None] = {}

    @property
    def count(self) -> int:
        """How many threads there are."""
        return len(self._threads)

    def is_idle(self) -> bool:
        """Tell whether all given jobs have ended; False if this is not certain."""
        given = self._given
        for _ in range(2):
            while given and given[0].ended:
                given.popleft()
            given.rotate(-1)  # so that a hanging job does not keep the later ones in memory
        return not given

    def give(self, job: Job, count: int = 1) -> None:
        """Queue a job and start up to ``count`` threads; do it here if no thread can be started.

        Raises:
            MemoryError: The job was not queued.
        """
        under_way = 0 if self.is_idle() else len(self._given)
        most = min(under_way + count, self.limit)
        self._start(min(most, self.most - sum(each.count for each in self.rivals)))
        if not self._threads:
            self._do(job)
            return
        self._given.append(job)
        try:
            self._jobs.put(job)
        except BaseException:
            self._given.pop()
            raise

    def _start(self, count: int) -> None:
        while self.count < count:
            thread = object()
            self._threads[thread] = None
            try:
                start_new_thread(self._work, (thread, self._jobs, self._threads))
            except RuntimeError:  # no thread can be started
                del self._threads[thread]
                return

    def share(self, parts: Sequence[Callable[[], T]], count: int) -> list[T]:
        """Do the parts of one job in this thread and in at most ``count - 1`` idle workers."""
        group = ForkJoin(parts)
        for _ in range(min(count, len(parts), self.count + 1) - 1):
            self._jobs.put(Job(None, group.help))
        return group.finish()

    def discard(self) -> None:
        """Drop the jobs that no thread has begun."""
        take_all(self._jobs)

    def dismiss(self) -> None:
        """End the threads after their jobs."""
        for _ in range(self.count):
            self._jobs.put(None)
        self._jobs, self._given, self._threads = SimpleQueue(), deque(), {}

    def _work(
        self, thread: object, jobs: SimpleQueue[Job | None], threads: dict[object, None]
    ) -> None:
        job: Job | None = None
        while True:
            try:
                ident = get_ident()
                self.busy.setdefault(ident, False)
                job = job or jobs.get()
                if job is None or self._pid != getpid():  # a greenlet in a forked child
                    break
            except BaseException:
                continue  # no memory; a job that was taken begins anyway
            self.busy[ident] = True
            self._do(job)
            self.busy[ident] = False
            job = None  # it may hold a snapshot
        threads.pop(thread, None)
        self.busy.pop(ident, None)

    def _do(self, job: Job) -> None:
        try:
            job.function(*job.arguments)
        except BaseException as error:
            self._note_if_possible(error)
        job.arguments, job.ended = (), True
        try:
            if job.report is not None:
                job.report()
        except BaseException as error:
            self._note_if_possible(error)

    def _note_if_possible(self, error: BaseException) -> None:
        try:
            self._note(error)
        except BaseException:
            pass  # no memory to note the lack of memory


class ForkJoin(Generic[T]):
    """The parts of one job. Any number of threads may ``help``; one must ``finish``.

    If no thread helps, the thread that finishes does all parts. So a busy pool cannot deadlock.
    """

    def __init__(self, parts: Sequence[Callable[[], T]]) -> None:
        self._parts = parts
        self._next = itertools.count()  # next() is atomic in CPython
        self._results: list[object] = [_MISSING] * len(parts)
        self._errors: list[BaseException] = []
        self._news = Bell()  # rings after each part

    def help(self) -> None:
        """Do parts until all have begun. ``finish`` raises their errors."""
        while (index := next(self._next)) < len(self._results):
            try:
                self._results[index] = self._parts[index]()
            except BaseException as error:
                self._errors.append(error)
                self._results[index] = None
            self._news.ring()

    def finish(self) -> list[T]:
        """Do the remaining parts, wait for the others, and return the results or raise an error."""
        self.help()
        while any(result is _MISSING for result in self._results):
            self._news.wait(0.1)
        # A thread that comes too late must not keep the data of the job in memory.
        results, self._parts, self._results = self._results, (), []
        if self._errors:
            raise self._errors[0]
        return cast("list[T]", results)
