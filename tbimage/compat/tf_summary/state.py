"""TF2's rules for the default writer, the default step and record_if.

``tbimage.writer.defaults`` stores the values, separately for each thread and asyncio task.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import Any, NamedTuple

import numpy as np

from tbimage.compat.tf_summary import peer
from tbimage.writer import SummaryWriter as RunWriter
from tbimage.writer import defaults
from tbimage.writer.caller_warnings import warn_caller
from tbimage.writer.conditions import EveryNSteps, EverySeconds
from tbimage.writer.steps import check_step


class Surroundings(NamedTuple):
    """The default writer, the default step and the condition of ``record_if``."""

    writer: RunWriter | None
    step: Any
    condition: defaults.Condition | None


def surroundings() -> Surroundings:
    """Return the ``Surroundings`` of this thread or asyncio task."""
    return Surroundings(
        defaults.default_writer.get(), defaults.default_step.get(), defaults.condition.get()
    )


def surroundings_of(thread: Thread) -> Surroundings | None:
    """Return the values of a thread, else of the only thread with a default writer, else None."""
    writers = defaults.default_writer.of_threads()
    if thread not in writers:
        if len(writers) != 1:
            return None
        (thread,) = writers
    steps, conditions = defaults.default_step.of_threads(), defaults.condition.of_threads()
    return Surroundings(writers[thread], steps.get(thread), conditions.get(thread))


#: The values that were set while a function was traced. The keys are "writer", "step" and
#: "condition". The values are used for the summaries of that function, until they are set again.
set_in_graph: ContextVar[dict[str, Any]] = ContextVar("tbimage_tf_set_in_graph", default={})  # noqa: B039


#: The name in ``defaults`` of each of the ``Surroundings``.
_VARIABLES = {"writer": "default_writer", "step": "default_step", "condition": "condition"}


def note_set(**values: Any) -> None:
    """Store ``values`` if a graph is being built; otherwise remove the keys of ``values``."""
    noted = {key: value for key, value in set_in_graph.get().items() if key not in values}
    set_in_graph.set({**noted, **values} if peer.building_graph() else noted)


@contextmanager
def replaced(**values: Any) -> Iterator[None]:
    """Set some of the ``Surroundings``, by their names, within a block."""
    before = set_in_graph.get()
    with (
        defaults.changed(partial(note_set, **values), partial(set_in_graph.set, before)),
        defaults.replaced(**{_VARIABLES[name]: value for name, value in values.items()}),
    ):
        yield


#: The tags of summaries that were traced while there was no default writer.
_never_logged: dict[str, None] = {}


def note_never_logged(tag: Any) -> None:
    """Store the tag of a summary that was traced while there was no default writer."""
    _never_logged[repr(tag) if isinstance(tag, str) else "(a name in a tensor)"] = None


def warn_of_never_logged() -> None:
    """Warn about functions that were traced before a default writer was set."""
    names = ", ".join(sorted(_never_logged))
    _never_logged.clear()
    if names:
        warn_caller(
            f"the summaries {names} were traced while there was no default writer: as in "
            "tf.summary, calls of that tf.function never log them; set the default writer before "
            "the first call of the function",
            UserWarning,
        )


def as_step(step: Any) -> int:
    """Convert a step of TF2 to an int that fits an int64.

    A step may be an integer, a bool, a NumPy float without a fraction, a Variable or another object
    with ``__int__``. It may also be an array or a list with one such element. (TF2 cuts off the
    fraction of a NumPy float. Here, a fraction raises a TypeError.)
    """
    try:
        return check_step(step)
    except TypeError:
        if isinstance(step, (str, bytes)) or type(step) is float:
            raise
        array = np.asarray(step)
        if array.size != 1:
            raise ValueError(
                f"step must be one integer, got shape {array.shape}; pass one of its elements"
            ) from None
        item = array.item()
        fraction = isinstance(item, float) and not item.is_integer()
        if fraction or isinstance(item, (str, bytes)) or not hasattr(item, "__int__"):
            raise
        return check_step(int(item))


def step_of(step: Any) -> int | None:
    """Return the step of a call: its own step, else the default step, else None."""
    step = defaults.default_step.get() if step is None else step
    return None if step is None else as_step(step)


def begin(tag: str, step: Any, kind: str | None = None) -> tuple[RunWriter, int] | None:
    """Decide whether a summary is recorded, before its data is read.

    Return the writer and the step. Return None if there is no default writer, or if ``record_if``
    leaves the summary out. ``kind`` is the kind in TensorBoard, such as "a scalar", or None.
    """
    if step is not None:
        as_step(step)  # as in TF2, a wrong step raises an error even if nothing is recorded
    writer = defaults.default_writer.get()
    if writer is None or not should_record(step, tag):
        return None
    number = step_of(step)  # read after the condition, because the condition may change a Variable
    if number is None:
        raise missing_step()
    with asked():
        _, _, wanted = writer._begin(tag, number, kind)
    return (writer, number) if wanted else None


@contextmanager
def asked() -> Iterator[None]:
    """Ignore ``record_if`` within a block, because its condition has already been checked."""
    condition = defaults.condition.get()
    put = defaults.condition.set_unseen
    with defaults.changed(partial(put, None), partial(put, condition)):
        yield


def should_record(step: Any, tag: str) -> bool:
    """Return the result of the condition of ``record_if``, or True if there is no condition."""
    condition = defaults.condition.get()
    if condition is None:
        return True
    if isinstance(condition, Condition):
        return condition(None, tag)
    return condition(step_of(step), tag)


def missing_step() -> ValueError:
    """Return the error for a call that has no step."""
    return ValueError(
        "step must be given while a writer records, got none; pass step=, or call "
        "experimental.set_step(step) or as_default(step) before"
    )


@dataclass(frozen=True)
class Condition:
    """The argument of ``record_if``: a bool, a bool tensor, or a function that returns a bool."""

    value: Any

    def __call__(self, step: int | None, name: str) -> bool:
        """Tell whether summaries are recorded now."""
        return _truth(self.value() if callable(self.value) else self.value)


@contextmanager
def record_if(condition: Any) -> Iterator[None]:
    """Record summaries within a block only while a condition is true.

    Args:
        condition: A bool, a bool Variable or array of rank 0, or a function without arguments that
            returns one of these. It is read or called for each summary. None means True.
            ``tbimage.every_n_steps(n)`` and ``tbimage.every_seconds(s)`` can also be used.

    Raises:
        TypeError: The condition is not a bool and does not return a bool. The error is raised when
            a summary is logged.

    Example:
        >>> with record_if(lambda: False):
        ...     defaults.should_record(0, "loss")
        False
    """
    check: defaults.Condition = Condition(condition)
    if isinstance(condition, (EveryNSteps, EverySeconds)):
        check = condition
    with replaced(condition=check):
        yield


def _truth(value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return value is not False
    array = np.asarray(value)
    if array.shape == () and array.dtype == bool:
        return bool(array)
    raise TypeError(
        f"condition must be or return a bool, got {value!r} of type {type(value).__name__}; pass "
        "a comparison, such as lambda: step % 100 == 0"
    )


def get_step() -> Any:
    """Return the default step of this thread or asyncio task.

    Returns:
        The object that was set, such as an int or a Variable. None: no default step.

    Example:
        >>> get_step() is None
        True
    """
    return defaults.default_step.get()


def set_step(step: Any) -> None:
    """Set the default step of this thread or asyncio task.

    Args:
        step: An integer, or a Variable or array with one integer, which is read for each summary.
            None: no default step.

    Example:
        >>> set_step(5)
        >>> get_step()
        5
        >>> set_step(None)
    """
    note_set(step=step)
    defaults.default_step.set(step)
