"""Fork and join: one job in parts, which several threads share."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, cast

T = TypeVar("T")
_MISSING = object()


class ForkJoin(Generic[T]):
    """Parts of one job: any number of threads may ``help``, one must ``finish``.

    If no thread helps, the thread that finishes does all parts, so a busy pool cannot deadlock.
    """

    def __init__(self, parts: Sequence[Callable[[], T]]) -> None:
        self._parts = parts
        self._next = itertools.count()  # next() is one step in CPython
        self._results: list[object] = [_MISSING] * len(parts)
        self._errors: list[BaseException] = []
        self._news = threading.Lock()  # released when a part is done; it only wakes a thread
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
        self._parts = ()  # a thread that helps too late must not keep the data of the job
        if self._errors:
            raise self._errors[0]
        return cast("list[T]", self._results)
