"""One job in parts, which several threads share.

What lives here: handing the parts out and collecting their results. What does not: threads.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

__all__ = ["Parts"]

T = TypeVar("T")


class Parts(Generic[T]):
    """Parts of one job: any number of threads may ``help``, one must ``finish``.

    Helping is voluntary: when no thread comes, the one that finishes does all parts, so a busy pool
    can never deadlock.

    Args:
        parts: Functions that do not depend on each other.

    Example:
        >>> Parts([lambda: 1, lambda: 2]).finish()
        [1, 2]
    """

    def __init__(self, parts: Sequence[Callable[[], T]]) -> None:
        self._parts = parts
        self._next = itertools.count()  # next() is atomic in CPython
        self._results: dict[int, T] = {}
        self._errors: dict[int, BaseException] = {}
        self._unfinished = len(parts)
        self._lock = threading.Lock()
        self._all_done = threading.Event()

    def help(self) -> None:
        """Do parts until none is left to begin. Errors are kept for the thread that finishes."""
        while (index := next(self._next)) < len(self._parts):
            try:
                self._results[index] = self._parts[index]()
            except BaseException as error:
                self._errors[index] = error
            with self._lock:
                self._unfinished -= 1
                if self._unfinished == 0:
                    self._all_done.set()

    def finish(self) -> list[T]:
        """Do what is left, wait for what others are doing, and return the results in order.

        Raises:
            BaseException: What the first part that failed raised.
        """
        count = len(self._parts)
        self.help()
        if count:
            self._all_done.wait()
        self._parts = ()  # who comes to help later must not find, or keep, the data of a job done
        if self._errors:
            raise self._errors[min(self._errors)]
        return [self._results.pop(index) for index in range(count)]
