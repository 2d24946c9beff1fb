"""What a call of ``tf.summary`` takes from its surroundings: writer, step, record_if, scope.

What lives here: TF2's rules for these. What does not: where all but the scope are kept, which is
``tbimage.writer.defaults``, for each thread and asyncio task.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from tbimage.writer import SummaryWriter as RunWriter
from tbimage.writer import defaults
from tbimage.writer.conditions import EveryNSteps, EverySeconds
from tbimage.writer.steps import check_step

__all__ = [
    "as_step",
    "begin",
    "get_step",
    "missing_step",
    "record_if",
    "set_step",
    "should_record_summaries",
    "step_of",
    "summary_scope",
    "tag_of",
]

# What the name of a scope may not hold; a tag may (tensorflow/python/ops/summary_ops_v2.py).
_NOT_OF_SCOPES = re.compile(r"[^-_/.A-Za-z0-9]")

#: The scopes entered, each with a slash behind it.
_scope: ContextVar[str] = ContextVar("tbimage_tf_scope", default="")


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
    """Give the step of a call.

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


def begin(tag: str, step: Any) -> tuple[RunWriter, int] | None:
    """Decide whether a summary is to be recorded, before its data is looked at.

    Args:
        tag: Its tag.
        step: As in ``step_of``.

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
        step = as_step(step)  # also where nothing will be recorded, as TF2 does
    writer = defaults.default_writer.get()
    if writer is None:
        return None
    number = step_of(step)
    if number is None:
        if defaults.should_record(None, tag):
            raise missing_step()
        return None
    _, _, wanted = writer._begin(tag, number)
    return (writer, number) if wanted else None


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


def should_record_summaries() -> bool:
    """Tell whether summaries are recorded now.

    Returns:
        False without a default writer; else what ``record_if`` says, True where there is none.

    Raises:
        TypeError: The condition gives no bool.

    Example:
        >>> should_record_summaries()  # there is no default writer
        False
    """
    writer = defaults.default_writer.get()
    return writer is not None and defaults.should_record(step_of(None), "")


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
        ...     should_record_summaries()
        False
    """
    if isinstance(condition, (EveryNSteps, EverySeconds)):
        check: defaults.Condition = condition
    else:

        def check(step: int | None, name: str) -> bool:
            return _truth(condition() if callable(condition) else condition)

    with defaults.replaced(condition=check):
        yield


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
    defaults.default_step.set(step)


def tag_of(name: Any, default_name: Any) -> str:
    """Give a summary's tag: its name, behind the scopes entered.

    Args:
        name: The name.
        default_name: What replaces it where it is None or empty.

    Raises:
        TypeError: It is no string.

    Example:
        >>> tag_of("loss", "summary"), tag_of("", "summary")
        ('loss', 'summary')
    """
    name = name or default_name
    if not isinstance(name, str):
        raise TypeError(f"name must be a string, got {name!r} of type {type(name).__name__}")
    scope = _scope.get().rstrip("/")
    return f"{scope}/{name}" if scope else name


@contextmanager
def summary_scope(
    name: Any, default_name: Any = "summary", values: Any = None
) -> Iterator[tuple[str, str]]:
    """Enter a scope, whose name stands before the names of summaries in it.

    Args:
        name: The scope's and the summary's name. With a slash at its end the scope replaces those
            entered, as in ``tf.name_scope``.
        default_name: The name where that is empty, or has nothing that a scope's may have.
        values: Not used, as in TF2 outside graphs.

    Yields:
        The tag of a summary of that name, and the scope.

    Raises:
        TypeError: The name is no string.

    Example:
        >>> with summary_scope("my layer") as (tag, scope):
        ...     print(tag, scope, tag_of("loss", "summary"))
        my layer mylayer/ mylayer/loss
    """
    tag = tag_of(name, default_name)
    outer = _scope.get()
    scope = _NOT_OF_SCOPES.sub("", name or default_name) or default_name or ""
    if scope and not scope.endswith("/"):
        scope = f"{outer}{scope}/"
    _scope.set(scope)
    try:
        yield tag, scope
    finally:
        _scope.set(outer)
