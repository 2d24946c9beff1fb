"""What callers pass for each name: its steps, and its kind; with a warning for misuse.

A step must increase: the data server, TensorBoard's default loader, drops every stored point of a
tag whose step is not smaller than a new one's (``reservoir.rs``). Five images at step 0 are one
image; a run that starts again at 0 erases what was there. The owner of the pipeline decides
automatic steps later, and in order; see ``events/steps.py``.
"""

from __future__ import annotations

import operator

from tbimage.writer.caller_warnings import warn_caller

__all__ = ["KindWarning", "KindWatch", "StepWarning", "StepWatch", "check_step"]

_INT64 = range(-(1 << 63), 1 << 63)
# A service that makes a name of each request must not fill memory through this (10 MB).
_MOST_NAMES = 100_000
_MANY_KINDS = "several kinds"


class KindWarning(UserWarning):
    """One name is given to summaries of two kinds, of which TensorBoard shows one."""


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


class StepWatch:
    """The last step that callers passed for each name, to warn where steps do not increase."""

    def __init__(self) -> None:
        self.last: dict[str, int] = {}
        self._warned: dict[str, None] = {}

    def check(self, name: str, key: str, step: int | None, last: int | None) -> None:
        """Warn if a step does not increase.

        Args:
            name: The summary's name.
            key: Under which its steps count.
            step: None for an automatic one.
            last: What the pipeline has decided for the key so far.

        Raises:
            ValueError: There is no step above the last one.
        """
        last = self.last.get(key, last)
        if last is None:
            return
        if step is None:
            if last == _INT64[-1]:
                raise ValueError(f"{name!r} has had the greatest step that there is, {last}")
        elif step <= last:
            self._warn_of_repetition(name, step, last)

    def note(self, key: str, step: int | None) -> None:
        """Take note of the step of a summary that was logged."""
        last = self.last.get(key)
        if step is None:
            if last is not None:  # the pipeline's decision, but for what other threads do meanwhile
                self.last[key] = last + 1
            return
        if last is None and len(self.last) >= _MOST_NAMES:
            self.last.clear()
        if last is None or step > last:
            self.last[key] = step

    def go_back(self, step: int) -> None:
        """Forget the steps from this one on, because they were purged."""
        self.last = {name: min(last, step - 1) for name, last in self.last.copy().items()}

    def _warn_of_repetition(self, name: str, step: int, last: int) -> None:
        if name in self._warned or len(self._warned) >= _MOST_NAMES:
            return
        self._warned[name] = None
        what = "was logged before" if step == last else f"is below {last}, which was logged before"
        warn_caller(
            f"step {step} of {name!r} {what}: TensorBoard's default loader drops every point of a "
            "tag from that step on. Pass increasing steps, or step=None for automatic ones; give "
            "each kind of summary a name of its own. This is said once for each name.",
            StepWarning,
        )


class KindWatch:
    """The kind of summary that callers gave each name first, to warn of a second one."""

    def __init__(self) -> None:
        self.kinds: dict[str, str] = {}

    def check(self, name: str, kind: str) -> None:
        """Warn once where one name is given to summaries of two kinds."""
        if len(self.kinds) >= _MOST_NAMES and name not in self.kinds:
            return
        first = self.kinds.setdefault(name, kind)
        if first not in (kind, _MANY_KINDS):
            self.kinds[name] = _MANY_KINDS
            warn_caller(
                f"{name!r} was logged as {first} and is logged as {kind} now: TensorBoard keeps "
                "one kind for each tag, its data server drops the second one. Give each kind of "
                "summary a name of its own. This is said once for each name.",
                KindWarning,
            )
