"""Threads that do jobs, and one job in parts that several of them share."""

from __future__ import annotations

import contextlib
import itertools

# One step, where Thread takes a lock of Python's own. All of these are bound here, so that
# a program that replaces them later (gevent) gets either its own threads and queues or Python's.
from _thread import start_new_thread
from collections import deque
from collections.abc import Callable, Sequence
from os import getpid
from queue import Empty, SimpleQueue
from threading import Lock, get_ident
from typing import Any, Generic, TypeVar, cast

__all__ = ["ForkJoin", "Job", "Workers", "take_all"]

T = TypeVar("T")
_MISSING = object()


def take_all(queue: SimpleQueue[T]) -> list[T]:
    """Take out of a queue what is in it."""
    taken: list[T] = []
    with contextlib.suppress(Empty):
        while True:
            taken.append(queue.get_nowait())
    return taken


class Job:
    """What a worker is to do; ``ended`` once that is over, whatever came of it: see ``report``."""

    __slots__ = ("__weakref__", "arguments", "ended", "function", "report")

    def __init__(
        self, report: Callable[[], object] | None, function: Callable[..., object], *arguments: Any
    ) -> None:
        self.report = report  # called when the job has ended
        self.function = function
        self.arguments: tuple[Any, ...] = arguments
        self.ended: bool = False


class Workers:
    """Threads that do jobs, started as they are needed, up to a limit.

    One thread gives the jobs. An error of a job goes to ``note``. The threads of ``rivals`` count
    against ``most``, too. A job that meets a lack of memory ends.

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
        self.busy: dict[int, bool] = {}  # by thread, whether it does a job
        self._note = note
        self._pid = getpid()
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._given: deque[Job] = deque()  # all that have not ended, and some that have
        self._threads: dict[object, None] = {}

    @property
    def count(self) -> int:
        """How many threads there are."""
        return len(self._threads)

    def is_idle(self) -> bool:
        """Tell whether all jobs that were given have ended, if that is sure."""
        given = self._given
        for _ in range(2):
            while given and given[0].ended:
                given.popleft()
            given.rotate(-1)  # a job that hangs must not keep all that follow it
        return not given

    def give(self, job: Job, count: int = 1) -> None:
        """Have a job done, by one of ``count`` more threads; here, where no thread can be had.

        Raises:
            MemoryError: The job is not given.
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
            except RuntimeError:  # no thread can be had
                del self._threads[thread]
                return

    def share(self, parts: Sequence[Callable[[], T]], count: int) -> list[T]:
        """Do the parts of one job here, with at most ``count - 1`` workers that have no other."""
        group = ForkJoin(parts)
        for _ in range(min(count, len(parts), self.count + 1) - 1):
            self._jobs.put(Job(None, group.help))
        return group.finish()

    def discard(self) -> None:
        """Forget the jobs that nobody has begun."""
        take_all(self._jobs)

    def dismiss(self) -> None:
        """Let the threads end when they have done their jobs."""
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
                if job is None or self._pid != getpid():  # a greenlet that was forked: see gevent
                    break
            except BaseException:
                continue  # there was no memory: a job that was taken is begun all the same
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
            pass  # there is no memory to note that there was none


class ForkJoin(Generic[T]):
    """Parts of one job: any number of threads may ``help``, one must ``finish``.

    Helping is voluntary: when no thread comes, the one that finishes does all parts, so a busy pool
    can never deadlock.
    """

    def __init__(self, parts: Sequence[Callable[[], T]]) -> None:
        self._parts = parts
        self._next = itertools.count()  # next() is one step in CPython
        self._results: list[object] = [_MISSING] * len(parts)
        self._errors: list[BaseException] = []
        self._news = Lock()  # released where a part is done; only ever a wake-up
        self._news.acquire()

    def help(self) -> None:
        """Do parts until none is left to begin. Errors are kept for the thread that finishes."""
        while (index := next(self._next)) < len(self._results):
            try:
                self._results[index] = self._parts[index]()
            except BaseException as error:
                self._errors.append(error)
                self._results[index] = None
            with contextlib.suppress(RuntimeError):  # another thread has released it
                self._news.release()

    def finish(self) -> list[T]:
        """Do what is left, wait for others, and return the results; raise an error of a part."""
        self.help()
        while any(result is _MISSING for result in self._results):
            self._news.acquire(timeout=0.1)
        # A thread that comes too late, maybe much later, must not keep what the job is about.
        results, self._parts, self._results = self._results, (), []
        if self._errors:
            raise self._errors[0]
        return cast("list[T]", results)
