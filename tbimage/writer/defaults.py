"""What logging takes from its surroundings: default writer, default step, record_if.

Rules: each thread and each asyncio task has its own values (``contextvars``), as tf.summary has for
each thread. A new thread starts with none; a new task starts with those of the task that made it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Generic, SupportsIndex, TypeVar

from tbimage.writer.steps import check_step

if TYPE_CHECKING:
    from tbimage.writer import SummaryWriter

__all__ = [
    "Condition",
    "Surrounding",
    "default_writer",
    "get_step",
    "replaced",
    "set_step",
    "should_record",
]

T = TypeVar("T")

#: Given the step of a call (None for an automatic one) and the summary's name, whether to record
#: it.
Condition = Callable[["int | None", str], bool]


class Surrounding(Generic[T]):
    """A context variable of which other threads can see what a thread set last.

    A TensorFlow graph runs in threads of TensorFlow's own, and logs there with the default writer
    and the default step of the thread that made it (``compat/tf_summary/tracing.py``).
    """

    def __init__(self, name: str) -> None:
        self._here: ContextVar[T | None] = ContextVar(name, default=None)
        self._last: dict[threading.Thread, T] = {}
        #: Returns the value of this thread or asyncio task. Not a method: each summary calls it.
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
        """Return what each thread set last, except None."""
        return self._last.copy()


default_writer: Surrounding[SummaryWriter] = Surrounding("tbimage_writer")
default_step: Surrounding[SupportsIndex] = Surrounding("tbimage_step")
condition: Surrounding[Condition] = Surrounding("tbimage_record_if")


@contextmanager
def replaced(**values: object) -> Iterator[None]:
    """Set some of this module's context variables within a block, by their names here.

    They are restored by value and not by token, so that a block may be entered in one task and left
    in another, as generators and async fixtures do.

    Args:
        values: The new value of ``default_writer``, ``default_step`` or ``condition``.

    Example:
        >>> with replaced(default_step=5):
        ...     get_step()
        5
    """
    variables = {name: globals()[name] for name in values}
    before = {name: variable.get() for name, variable in variables.items()}
    for name, variable in variables.items():
        variable.set(values[name])
    try:
        yield
    finally:
        for name, variable in variables.items():
            variable.set(before[name])


def set_step(step: SupportsIndex | None) -> None:
    """Set the default step of this thread or asyncio task: that of summaries logged without one.

    Args:
        step: An integer, or an integer 0-d array whose value is read anew with each summary; None
            for no default step.

    Raises:
        TypeError: It is no integer.
        ValueError: It does not fit an int64.

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
        The step, or None where there is none.

    Example:
        >>> get_step() is None
        True
    """
    step = default_step.get()
    return None if step is None else check_step(step)


def should_record(step: int | None, name: str) -> bool:
    """Tell whether ``record_if`` lets a summary through; True where there is no ``record_if``.

    Args:
        step: The summary's step, or None for an automatic one.
        name: The summary's name.

    Example:
        >>> should_record(0, "loss")
        True
    """
    allows = condition.get()
    return allows is None or allows(step, name)
