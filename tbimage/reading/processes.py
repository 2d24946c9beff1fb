"""An engine that runs ``compact`` in several processes, and functions for other engines."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import Any, TypeVar

__all__ = ["batches", "call_each", "processes"]

T = TypeVar("T")
R = TypeVar("R")


# A task of Dask or Ray has an overhead of 2 ms. Copying a run of 20 small files takes 14 ms. So a
# task is a batch of items. If there are enough items, each worker gets at least 8 batches, so that
# all workers end at about the same time.
_MOST_ITEMS, _BATCHES_OF_A_WORKER = 16, 8


def batches(items: Sequence[T], workers: int) -> list[Sequence[T]]:
    """Divide items into batches. Each batch is for one task.

    Example:
        >>> batches("abcde", 1), [len(batch) for batch in batches("a" * 50, 2)]
        (['a', 'b', 'c', 'd', 'e'], [3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2])
    """
    size = max(min(len(items) // (workers * _BATCHES_OF_A_WORKER), _MOST_ITEMS), 1)
    return [items[start : start + size] for start in range(0, len(items), size)]


def call_each(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Call a function with each item of a batch."""
    return [function(item) for item in items]


@contextmanager
def processes(workers: int) -> Iterator[Callable[[Callable[[T], R], Sequence[T]], Iterable[R]]]:
    """Start processes, and end them after the block.

    Args:
        workers: The number of processes, at least 1. With 1, the calling process does the work.

    Yields:
        An engine for ``compact``.

    Example:
        >>> with processes(1) as engine:
        ...     list(engine(abs, [1, -2, 3]))
        [1, 2, 3]
    """
    if workers == 1:
        yield map
        return
    # If another thread holds a lock during a fork, the new process may wait for the lock for ever.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context) as pool:

        def engine(function: Callable[[Any], Any], items: Sequence[Any]) -> Iterable[Any]:
            parts = pool.map(partial(call_each, function), batches(items, workers))
            return chain.from_iterable(parts)

        try:
            yield engine
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
