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

from tbimage.writer.caller_warnings import warn_caller

__all__ = ["StepWarning", "Steps", "check_step"]

_INT64 = range(-(1 << 63), 1 << 63)
# A service that makes a name of each request must not fill memory through this (10 MB).
_MOST_NAMES = 100_000


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
    if not _is_boolean(step):
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


def _is_boolean(step: object) -> bool:
    # torch, and older releases of NumPy, let their booleans stand for integers.
    dtype = getattr(step, "dtype", None)
    kind = getattr(dtype, "kind", None)  # torch's types have none
    return isinstance(step, bool) or kind == "b" or (kind is None and str(dtype) == "torch.bool")


class Steps:
    """The greatest step of each name of one writer.

    ``take`` is called under the lock under which summaries get their places; the rest needs none.

    Args:
        read_history: Returns the greatest step by tag of what the run directory held before; called
            with the first automatic step.

    Attributes:
        last: The greatest step of each name; of the latest hundred thousand names at most.

    Example:
        >>> steps = Steps(lambda: {"loss": 41})
        >>> steps.prepare_automatic("loss")
        >>> steps.take("loss", None), steps.take("loss", None), steps.take("accuracy", None)
        (42, 43, 0)
    """

    def __init__(self, read_history: Callable[[], Mapping[str, int]]) -> None:
        self.last: dict[str, int] = {}
        self._read_history = read_history
        self._history: Mapping[str, int] | None = None
        self._floor = -1  # at least the last step of every name that was forgotten
        self._warned: set[str] = set()

    def prepare_automatic(self, name: str) -> None:
        """Read what an automatic step of this name needs to know, which may take a while.

        Args:
            name: The summary's name.

        Raises:
            OSError: An event file that is there cannot be read.

        Example:
            >>> Steps(dict).prepare_automatic("loss")
        """
        if self._history is None and name not in self.last:
            self._history = self._read_history()

    def take(self, name: str, step: int | None) -> int:
        """Return the step that the next summary of this name gets, and note it.

        Args:
            name: The summary's name.
            step: The step asked for, or None for the smallest one above all that this name had,
                here and in the run directory before, starting with 0.

        Raises:
            ValueError: There is none above it.

        Example:
            >>> steps = Steps(dict)
            >>> steps.take("loss", 7), steps.take("loss", None)
            (7, 8)
        """
        # No call between reading and writing, so that a signal handler that logs gets another step.
        if name in self.last:
            last = self.last[name]
            if step is None:
                if last == _INT64[-1]:
                    raise ValueError(f"{name!r} has had the greatest step that there is, {last}")
                step = last + 1
            self.last[name] = step if step > last else last
            return step
        if step is None:
            step = self._first_step(name)
        if len(self.last) >= _MOST_NAMES:
            self._forget_half()
        self.last[name] = step
        return step

    def _first_step(self, name: str) -> int:
        history = self._history or {}
        return 1 + max(self._floor, history.get(name, -1), history.get(f"{name}/image/0", -1))

    def _forget_half(self) -> None:
        names = list(self.last)
        older, newer = names[: len(names) // 2], names[len(names) // 2 :]
        self._floor = max(self._floor, max(self.last[name] for name in older))
        self.last = {name: self.last[name] for name in newer}

    def warn_of_repetition(self, name: str, step: int, last: int) -> None:
        """Warn that a step does not increase, once for each name.

        Args:
            name: The summary's name.
            step: The step asked for.
            last: The greatest one of this name so far.

        Warns:
            StepWarning: The first time.

        Example:
            >>> import warnings
            >>> with warnings.catch_warnings(record=True) as caught:
            ...     warnings.simplefilter("always")
            ...     Steps(dict).warn_of_repetition("loss", 3, 5)
            >>> caught[0].category.__name__
            'StepWarning'
        """
        if name in self._warned or len(self._warned) >= _MOST_NAMES:
            return
        self._warned.add(name)
        what = "was logged before" if step == last else f"is below {last}, which was logged before"
        warn_caller(
            f"step {step} of {name!r} {what}: TensorBoard's default loader drops every point of a "
            "tag from that step on. Pass increasing steps, or step=None for automatic ones; give "
            "each kind of summary a name of its own. This is said once for each name.",
            StepWarning,
        )
