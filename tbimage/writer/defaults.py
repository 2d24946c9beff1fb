"""The default writer, the default step and the condition of ``record_if``.

Each thread and each asyncio task has its own values (``contextvars``). In tf.summary, each thread
has its own values, too. A new thread starts without values. A new task starts with the values of
the task that made it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Generic, SupportsIndex, TypeVar

from tbimage.writer.steps import check_step

if TYPE_CHECKING:
    from tbimage.writer import SummaryWriter

T = TypeVar("T")

#: A function of a call's step (None: automatic) and name. It tells whether to record the summary.
Condition = Callable[["int | None", str], bool]


class Surrounding(Generic[T]):
    """A context variable. Each thread can also read the values that other threads set last.

    TensorFlow runs a graph in its own threads. In these threads, the graph logs with the default
    writer and the default step of the thread that traced it (``compat/tf_summary/tracing.py``).
    """

    def __init__(self, name: str) -> None:
        self._here: ContextVar[T | None] = ContextVar(name, default=None)
        self._last: dict[threading.Thread, T] = {}
        #: Returns the value of this thread or asyncio task. It is an attribute and not a method,
        #: because it is called for each summary, and a method would be slower.
        self.get: Callable[[], T | None] = self._here.get

    def set(self, value: T | None) -> None:
        """Set the value of this thread or asyncio task."""
        self._here.set(value)
        thread = threading.current_thread()
        if value is None:
            self._last.pop(thread, None)
            return
        if thread not in self._last:
            for other in list(self._last):
                if not other.is_alive():
                    self._last.pop(other, None)
        self._last[thread] = value

    def set_unseen(self, value: T | None) -> None:
        """Set the value of this thread or asyncio task, and do not show it to other threads."""
        self._here.set(value)

    def of_threads(self) -> dict[threading.Thread, T]:
        """Return the last value of each thread, without threads whose last value is None."""
        return self._last.copy()


default_writer: Surrounding[SummaryWriter] = Surrounding("tbimage_writer")
default_step: Surrounding[SupportsIndex] = Surrounding("tbimage_step")
condition: Surrounding[Condition] = Surrounding("tbimage_record_if")


@contextmanager
def replaced(**values: object) -> Iterator[None]:
    """Set some of this module's context variables, by their names, within a block.

    At the end, the old values are set again without tokens (``ContextVar.reset``), because
    generators and async fixtures may enter the block in one task and leave it in another task.
    """
    before = {name: globals()[name].get() for name in values}
    with changed(partial(_set, values), partial(_set, before)):
        yield


def _set(values: Mapping[str, object]) -> None:
    for name, value in values.items():
        globals()[name].set(value)


@contextmanager
def changed(change: Callable[[], object], restore: Callable[[], object]) -> Iterator[None]:
    """Change something within a block; restore it even if an interrupt (Ctrl-C) ends a call."""
    try:
        try:
            change()
            yield
        finally:
            restore()
    finally:
        restore()  # again, because an interrupt may have ended the first call


def set_step(step: SupportsIndex | None) -> None:
    """Set the default step of this thread or asyncio task, for summaries that have no step.

    Args:
        step: An integer, or a 0-d array of integers, which is read again for each summary. None: no
            default step.

    Raises:
        TypeError: ``step`` is not an integer.
        ValueError: ``step`` does not fit an int64.

    Example:
        >>> set_step(100)
        >>> get_step()
        100
        >>> set_step(None)
    """
    if step is not None:
        check_step(step)
    default_step.set(step)


def get_step() -> int | None:
    """Return the default step of this thread or asyncio task.

    Returns:
        The step, or None if there is no default step.

    Example:
        >>> get_step() is None
        True
    """
    step = default_step.get()
    return None if step is None else check_step(step)


def should_record(step: int | None, name: str) -> bool:
    """Tell whether ``record_if`` allows a summary. ``step`` is None if it is automatic."""
    allows = condition.get()
    return allows is None or allows(step, name)
