"""Threads that do jobs, and one job in parts that several of them share."""

from __future__ import annotations

import contextlib
import itertools

# One step, where Thread takes a lock of Python's own. All of these are bound here, so that
# a program that replaces them later (gevent) gets either its own threads and queues or Python's.
from _thread import start_new_thread
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Lock, get_ident
from typing import Any, Generic, TypeVar, cast

__all__ = ["ForkJoin", "Workers", "take_all"]

T = TypeVar("T")
_MISSING = object()


def take_all(queue: SimpleQueue[T]) -> list[T]:
    """Take out of a queue what is in it."""
    taken: list[T] = []
    with contextlib.suppress(Empty):
        while True:
            taken.append(queue.get_nowait())
    return taken


class Workers:
    """Threads that do jobs, started as they are needed, up to a limit.

    One thread gives the jobs. An error of a job goes to ``note``. The threads of ``rivals`` count
    against ``most``, too.

    Example:
        >>> results = SimpleQueue()
        >>> workers = Workers(2, most=2, note=print)
        >>> workers.give(results.put, "done")
        >>> results.get()
        'done'
        >>> workers.dismiss()
    """

    def __init__(self, limit: int, most: int, note: Callable[[BaseException], None]) -> None:
        self.limit = limit
        self.most = most
        self.rivals: list[Workers] = []
        self.count = 0  # threads
        self.idents: dict[int, None] = {}
        self.busy: dict[int, None] = {}  # the threads that do a job
        self._note = note
        self._jobs: SimpleQueue[tuple[Callable[..., None], tuple[Any, ...], bool] | None]
        self._jobs = SimpleQueue()
        self._given = 0
        self._done: dict[int, int] = {}  # of the jobs that were given, by thread

    def give(self, function: Callable[..., None], *arguments: Any, count: int = 1) -> None:
        """Have a job done, by one of ``count`` more threads; here, where no thread can be had."""
        under_way = self._given - sum(list(self._done.values()))
        most = min(under_way + count, self.limit, self.most - sum(x.count for x in self.rivals))
        with contextlib.suppress(RuntimeError):
            while self.count < most:
                start_new_thread(self._work, ())
                self.count += 1
        if self.count:
            self._jobs.put((function, arguments, True))
            self._given += 1
        else:
            function(*arguments)

    def share(self, parts: Sequence[Callable[[], T]], count: int) -> list[T]:
        """Do the parts of one job here, with at most ``count - 1`` workers that have no other."""
        group = ForkJoin(parts)
        for _ in range(min(count, len(parts), self.count + 1) - 1):
            self._jobs.put((group.help, (), False))
        return group.finish()

    def discard(self) -> None:
        """Forget the jobs that nobody has begun."""
        take_all(self._jobs)

    def dismiss(self) -> None:
        """Let the threads end when they have done their jobs."""
        for _ in range(self.count):
            self._jobs.put(None)
        self.count = self._given = 0
        self._jobs, self._done = SimpleQueue(), {}

    def _work(self) -> None:
        jobs, done, thread = self._jobs, self._done, get_ident()
        self.idents[thread] = None
        while (job := jobs.get()) is not None:
            function, arguments, counts = job
            self.busy[thread] = None
            try:
                function(*arguments)
            except BaseException as error:
                self._note(error)
            self.busy.pop(thread, None)
            done[thread] = done.get(thread, 0) + counts
            del job, function, arguments  # they may hold a snapshot
        self.idents.pop(thread, None)


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
        self._parts = ()  # a thread that comes too late must not keep the data of the job
        if self._errors:
            raise self._errors[0]
        return cast("list[T]", self._results)
