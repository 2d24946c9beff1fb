"""What ``tf.summary`` takes from its surroundings: default writer, default step, record_if.

The values are those of ``tbimage.writer.defaults``, of each thread and asyncio task. Here are TF2's
rules for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Thread
from typing import Any, NamedTuple

import numpy as np

from tbimage.compat.tf_summary import peer
from tbimage.writer import SummaryWriter as RunWriter
from tbimage.writer import defaults
from tbimage.writer.conditions import EveryNSteps, EverySeconds
from tbimage.writer.steps import check_step


class Surroundings(NamedTuple):
    """The default writer, the default step and the condition of ``record_if``."""

    writer: RunWriter | None
    step: Any
    condition: defaults.Condition | None


def surroundings() -> Surroundings:
    """Return those of this thread or asyncio task."""
    return Surroundings(
        defaults.default_writer.get(), defaults.default_step.get(), defaults.condition.get()
    )


def surroundings_of(thread: Thread) -> Surroundings | None:
    """Return those of a thread with a default writer: this one, or the only one that there is."""
    writers = defaults.default_writer.of_threads()
    if thread not in writers:
        if len(writers) != 1:
            return None
        (thread,) = writers
    steps, conditions = defaults.default_step.of_threads(), defaults.condition.of_threads()
    return Surroundings(writers[thread], steps.get(thread), conditions.get(thread))


#: What was set while a function was traced, which holds for what is logged there: "writer", "step"
#: and "condition". What was set before holds only until it is set anew.
set_in_graph: ContextVar[dict[str, Any]] = ContextVar("tbimage_tf_set_in_graph", default={})  # noqa: B039


def note_set(**values: Any) -> None:
    """Note that some of the surroundings are set, inside a graph or outside."""
    noted = {key: value for key, value in set_in_graph.get().items() if key not in values}
    set_in_graph.set({**noted, **values} if peer.building_graph() else noted)


def as_step(step: Any) -> int:
    """Turn what TF2 takes for a step into an int64.

    Args:
        step: An integer or a bool; a Variable or anything else with ``__int__``, read now; an array
            or a list of one of these; a NumPy float that is whole.

    Raises:
        TypeError: It is none of these. (TF2 cuts the fraction of a NumPy float off.)
        ValueError: It is several, or does not fit an int64.

    Example:
        >>> as_step(True), as_step([5]), as_step(np.float32(2))
        (1, 5, 2)
    """
    try:
        return check_step(step)
    except TypeError:
        if isinstance(step, (str, bytes)) or type(step) is float:
            raise
        array = np.asarray(step)
        if array.size != 1:
            raise ValueError(
                f"step must be one integer, got shape {array.shape}; pass one of them"
            ) from None
        item = array.item()
        fraction = isinstance(item, float) and not item.is_integer()
        if fraction or isinstance(item, (str, bytes)) or not hasattr(item, "__int__"):
            raise
        return check_step(int(item))


def step_of(step: Any) -> int | None:
    """Return the step of a call.

    Args:
        step: The call's own; None: the default step, a Variable being read now.

    Returns:
        The step, or None where there is none.

    Raises:
        TypeError: As ``as_step``.
        ValueError: As ``as_step``.

    Example:
        >>> step_of(3), step_of(None)
        (3, None)
    """
    step = defaults.default_step.get() if step is None else step
    return None if step is None else as_step(step)


def begin(tag: str, step: Any, kind: str | None = None) -> tuple[RunWriter, int] | None:
    """Decide whether a summary is to be recorded, before its data is looked at.

    Args:
        tag: Its tag.
        step: As in ``step_of``.
        kind: As what TensorBoard shows it, as "a scalar": a tag has one kind. None: any.

    Returns:
        The writer and the step; None without a default writer, or where ``record_if`` says no.

    Raises:
        TypeError: The tag is no string, or as ``as_step``.
        ValueError: There is a writer but no step, the tag is empty, or as ``as_step``.

    Example:
        >>> begin("loss", 3) is None  # there is no default writer
        True
    """
    if step is not None:
        as_step(step)  # also where nothing will be recorded, as TF2 does
    writer = defaults.default_writer.get()
    if writer is None or not should_record(step, tag):
        return None
    number = step_of(step)  # after the condition, which may have changed a Variable
    if number is None:
        raise missing_step()
    with asked():
        _, _, wanted = writer._begin(tag, number, kind)
    return (writer, number) if wanted else None


@contextmanager
def asked() -> Iterator[None]:
    """Let everything through within a block, since the condition of ``record_if`` was asked."""
    condition = defaults.condition.get()
    defaults.condition.set_unseen(None)
    try:
        yield
    finally:
        defaults.condition.set_unseen(condition)


def should_record(step: Any, tag: str) -> bool:
    """Ask the condition of ``record_if``; True where there is none.

    Args:
        step: As in ``step_of``.
        tag: The summary's tag.

    Raises:
        TypeError: The condition gives no bool, or as ``as_step``.
        ValueError: As ``as_step``.
    """
    condition = defaults.condition.get()
    if condition is None:
        return True
    if isinstance(condition, Condition):
        return condition(None, tag)
    return condition(step_of(step), tag)


def missing_step() -> ValueError:
    """Make the error of a call that has no step.

    Example:
        >>> raise missing_step()
        Traceback (most recent call last):
        ValueError: step must be given while a writer records, got none; pass step=, or call ...
    """
    return ValueError(
        "step must be given while a writer records, got none; pass step=, or call "
        "experimental.set_step(step) or as_default(step) before"
    )


@dataclass(frozen=True)
class Condition:
    """What ``record_if`` was given: a bool, a tensor of one, or a function that returns one."""

    value: Any

    def __call__(self, step: int | None, name: str) -> bool:
        """Tell whether summaries are to be recorded now."""
        return _truth(self.value() if callable(self.value) else self.value)


@contextmanager
def record_if(condition: Any) -> Iterator[None]:
    """Record summaries within a block only while a condition holds.

    Args:
        condition: A bool, or a Variable or array of rank 0 of one, read with each summary; a
            function without arguments that returns one; None for True. Also
            ``tbimage.every_n_steps(n)`` and ``tbimage.every_seconds(s)``.

    Raises:
        TypeError: With a summary: the condition is or gives no bool.

    Example:
        >>> with record_if(lambda: False):
        ...     defaults.should_record(0, "loss")
        False
    """
    check: defaults.Condition = Condition(condition)
    if isinstance(condition, (EveryNSteps, EverySeconds)):
        check = condition
    before = set_in_graph.get()
    note_set(condition=check)
    try:
        with defaults.replaced(condition=check):
            yield
    finally:
        set_in_graph.set(before)


def _truth(value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return value is not False
    array = np.asarray(value)
    if array.shape == () and array.dtype == bool:
        return bool(array)
    raise TypeError(
        f"condition must be or give a bool, got {value!r} of type {type(value).__name__}; pass "
        "a comparison, such as lambda: step % 100 == 0"
    )


def get_step() -> Any:
    """Return the default step of this thread or asyncio task.

    Returns:
        What was set, a Variable itself; None where nothing was.

    Example:
        >>> get_step() is None
        True
    """
    return defaults.default_step.get()


def set_step(step: Any) -> None:
    """Set the default step of this thread or asyncio task.

    Args:
        step: What ``as_step`` takes; a Variable is read with each summary. None for no default
            step.

    Example:
        >>> set_step(5)
        >>> get_step()
        5
        >>> set_step(None)
    """
    note_set(step=step)
    defaults.default_step.set(step)
