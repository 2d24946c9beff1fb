"""Several processes of this machine as the engine of ``compact``."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

__all__ = ["processes"]

T = TypeVar("T")
R = TypeVar("R")


@contextmanager
def processes(workers: int) -> Iterator[Callable[[Callable[[T], R], Sequence[T]], Iterable[R]]]:
    """Start processes, which end with the block.

    Args:
        workers: How many, at least 1. With 1 the calling process does the work.

    Yields:
        An engine, as ``compact`` takes it.

    Example:
        >>> with processes(1) as engine:
        ...     list(engine(abs, [1, -2, 3]))
        [1, 2, 3]
    """
    if workers == 1:
        yield map
        return
    # A process that is forked while other threads hold locks may wait for these for ever.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context) as pool:

        def engine(function: Callable[[Any], Any], items: Sequence[Any]) -> Iterable[Any]:
            return pool.map(function, items)

        try:
            yield engine
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
