"""Which step a summary gets.

What lives here: the last step of each name, automatic steps, and the warning for a step that does
not increase. What does not: the default step (``context.py``), events that are on disk
(``events/history.py``).

Why it matters: the data server, TensorBoard's default loader, drops every stored point of a tag
whose step is not smaller than a new one's (``reservoir.rs``). Five images at step 0 are one image;
a run that starts again at 0 erases what was there.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping

from tbimage.misuse import warn_caller

__all__ = ["StepWarning", "Steps", "check_step"]

_INT64 = range(-(1 << 63), 1 << 63)


class StepWarning(UserWarning):
    """A tag's step does not increase, so that TensorBoard's default loader drops points."""


def check_step(step: object) -> int:
    """Turn anything that stands for an integer into a step.

    Args:
        step: Anything with ``__index__`` (int, NumPy integers), or a 0-d array or tensor of
            integers.

    Returns:
        An int64.

    Raises:
        TypeError: It is no integer; bool is none either.
        ValueError: It does not fit an int64.

    Example:
        >>> import numpy
        >>> check_step(numpy.int32(3)), check_step(numpy.array(4))
        (3, 4)
    """
    number = step if type(step) is int else _as_integer(step)
    if number not in _INT64:
        raise ValueError(f"step must fit a signed 64-bit integer, got {step!r}")
    return number


def _as_integer(step: object) -> int:
    if not isinstance(step, bool):
        try:
            return operator.index(step)  # type: ignore[arg-type]
        except TypeError:
            pass
        # tf.Variable and jax arrays of rank 0; a float such as 3.0 is an accident and not a step.
        numpy_method = getattr(step, "numpy", None)
        item_method = getattr(numpy_method() if callable(numpy_method) else step, "item", None)
        item = (
            item_method() if callable(item_method) and getattr(step, "shape", None) == () else None
        )
        if type(item) is int:
            return item
    raise TypeError(
        f"step must be an integer (int, a NumPy integer or a 0-d integer array), got {step!r} "
        f"of type {type(step).__name__}; pass int(step) if that is what you mean"
    )


class Steps:
    """The greatest step of each name of one writer.

    Not thread-safe: the writer asks under the lock under which tickets are drawn.

    Args:
        read_history: Returns the greatest step by tag of what the run directory held before; called
            at most once, with the first automatic step.

    Example:
        >>> steps = Steps(lambda: {"loss": 41})
        >>> steps.take("loss", None), steps.take("loss", None), steps.take("accuracy", None)
        (42, 43, 0)
    """

    def __init__(self, read_history: Callable[[], Mapping[str, int]]) -> None:
        self._read_history = read_history
        self._history: Mapping[str, int] | None = None
        self._last: dict[str, int] = {}
        self._warned: set[str] = set()

    def is_known(self, name: object) -> bool:
        """Tell whether a name had a step before, so that it needs no check.

        Args:
            name: Anything.

        Example:
            >>> Steps(dict).is_known("loss")
            False
        """
        return type(name) is str and name in self._last

    def prepare_automatic(self, name: str) -> None:
        """Read what an automatic step of this name needs to know, which may take a while.

        Args:
            name: The summary's name.

        Raises:
            OSError: An event file that is there cannot be read.

        Example:
            >>> Steps(dict).prepare_automatic("loss")
        """
        if self._history is None and name not in self._last:
            self._history = self._read_history()

    def take(self, name: str, step: int | None) -> int:
        """Return the step that the next summary of this name gets, and note it.

        Args:
            name: The summary's name.
            step: The step asked for, or None for the smallest one above all that this name had,
                here and in the run directory before, starting with 0.

        Warns:
            StepWarning: Once for each name, when the step asked for is not above the last one.

        Example:
            >>> steps = Steps(dict)
            >>> steps.take("loss", 7), steps.take("loss", None)
            (7, 8)
        """
        last = self._last.get(name)
        if step is None:
            step = self._next_after(name, last)
        elif last is not None and step <= last:
            self._warn(name, step, last)
        self._last[name] = step if last is None else max(step, last)
        return step

    def _next_after(self, name: str, last: int | None) -> int:
        if last is None:
            self.prepare_automatic(name)
            history = self._history or {}
            found = [history.get(tag) for tag in (name, f"{name}/image/0")]
            last = max((step for step in found if step is not None), default=-1)
        return last + 1

    def _warn(self, name: str, step: int, last: int) -> None:
        if name in self._warned:
            return
        self._warned.add(name)
        what = "was logged before" if step == last else f"is below {last}, which was logged before"
        warn_caller(
            f"step {step} of {name!r} {what}: TensorBoard's default loader drops every point of a "
            "tag from that step on. Pass increasing steps, or step=None for automatic ones. This "
            "is said once for each name.",
            StepWarning,
        )
