"""``record_if`` and its conditions, which are checked before the data is read."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from tbimage import checks
from tbimage.writer import defaults
from tbimage.writer.sampling import Interval


class EveryNSteps:
    """A condition that is true at multiples of ``n``; see ``every_n_steps``."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __call__(self, step: int | None, name: str) -> bool:
        """Tell whether a summary of this step is recorded."""
        if step is None:
            raise ValueError(
                f"every_n_steps({self.n}) needs to know the step of {name!r}: pass step=, or call "
                "tbimage.set_step(step) in the loop"
            )
        return step % self.n == 0

    def __repr__(self) -> str:
        return f"every_n_steps({self.n})"


class EverySeconds:
    """A condition that is true for one step in each interval; see ``every_seconds``."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        # For calls without a step, the key is the name. All calls with a step share the key None.
        self._intervals: dict[str | None, Interval] = {}
        self._step: int | None = None  # the last recorded step

    def __call__(self, step: int | None, name: str) -> bool:
        """Tell whether a summary of this step is recorded now."""
        if step is not None and step == self._step:
            return True
        key = name if step is None else None
        interval = self._intervals.get(key) or self._intervals.setdefault(
            key, Interval(self.seconds)
        )
        passes = interval.has_passed()
        if passes and step is not None:
            self._step = step
        return passes

    def __repr__(self) -> str:
        return f"every_seconds({self.seconds})"


def every_n_steps(n: int) -> EveryNSteps:
    """Make a condition for ``record_if`` that is true at steps 0, n, 2n and so on.

    Args:
        n: 1 or more. The condition uses the step of the call. If the call has no step, the default
            step is used.

    Raises:
        TypeError: ``n`` is not an integer.
        ValueError: ``n`` is below 1. The condition also raises a ValueError if a call has no step
            and there is no default step.

    Example:
        >>> condition = every_n_steps(100)
        >>> condition(200, "loss"), condition(201, "loss")
        (True, False)
    """
    return EveryNSteps(checks.integer("n", n, 1))


def every_seconds(seconds: float) -> EverySeconds:
    """Make a condition for ``record_if`` that is true at the first call, then once per interval.

    When the condition is true for a summary, it is also true for the next summaries of the same
    step, so that the pictures of a step stay together. For calls without a step, the time is
    measured separately for each name.

    Args:
        seconds: The length of the interval; 0 or more.

    Raises:
        TypeError: ``seconds`` is not a number.
        ValueError: ``seconds`` is negative or NaN.

    Example:
        >>> condition = every_seconds(60)
        >>> condition(7, "input"), condition(7, "output"), condition(8, "input")
        (True, True, False)
    """
    return EverySeconds(checks.number("seconds", seconds, 0))


def record_if(
    condition: bool | EveryNSteps | EverySeconds | Callable[[], object],
) -> AbstractContextManager[None]:
    """Record summaries within a block only while a condition is true.

    The condition applies to all summaries that this thread or asyncio task logs in the block, with
    functions of this package or with methods of writers. An inner block replaces the condition of
    an outer block, as in tf.summary.

    Args:
        condition: ``every_n_steps(n)``, ``every_seconds(s)``, a bool, or a function without
            arguments that is called for each summary.

    Raises:
        TypeError: ``condition`` is of another type.

    Example:
        >>> with record_if(every_n_steps(100)):
        ...     defaults.should_record(100, "loss"), defaults.should_record(101, "loss")
        (True, False)
    """
    if isinstance(condition, (EveryNSteps, EverySeconds)):
        return defaults.replaced(condition=condition)
    if callable(condition):
        return defaults.replaced(condition=lambda step, name: bool(condition()))
    value = checks.plain_value(condition)
    if isinstance(value, bool):
        return defaults.replaced(condition=lambda step, name: value)
    raise TypeError(
        "condition must be a bool, every_n_steps(n), every_seconds(s) or a function without "
        f"arguments, got {checks.given(condition)}"
    )
