"""Checks of the step and the kind of each summary, with warnings about misuse.

The steps of a tag must increase. TensorBoard's default loader is the data server. When it reads a
new point, it drops the tag's stored points with the same or a greater step (``reservoir.rs``). If
five images have step 0, only the last remains. A run that starts again at step 0 loses its earlier
points. The owner of the pipeline decides automatic steps later, in the order of the calls; see
``events/steps.py``.
"""

from __future__ import annotations

import math

from tbimage import checks
from tbimage.writer.caller_warnings import warn_caller

#: The least int64.
FIRST_STEP = -(1 << 63)
_INT64 = range(FIRST_STEP, 1 << 63)
# This number of names takes 10 MB. A service with a new name for each request must not take more.
_MOST_NAMES = 100_000
_MANY_KINDS = "several kinds"


class KindWarning(UserWarning):
    """One name has summaries of two kinds. TensorBoard shows only one of these kinds."""


class StepWarning(UserWarning):
    """A tag's step does not increase. So TensorBoard's default loader drops points."""


def check_step(step: object) -> int:
    """Check that a step is an integer, as in ``checks.integer``, and fits an int64."""
    number = step if type(step) is int else checks.integer("step", step, -math.inf)
    if number not in _INT64:
        raise ValueError(f"step must fit a signed 64-bit integer, got {checks.shown(step)}")
    return number


class StepWatch:
    """Stores the greatest step of each name that callers passed; warns if steps do not increase."""

    def __init__(self) -> None:
        self.last: dict[str, int] = {}
        self._warned: dict[str, None] = {}

    def check(self, name: str, key: str, step: int | None, last: int | None) -> None:
        """Warn if a step does not increase; raise a ValueError if no greater step is possible.

        The greatest step is stored under ``key``. If there is none, ``last`` is used: the greatest
        step that the pipeline decided. ``step`` is None if it is automatic.
        """
        last = self.last.get(key, last)
        if last is None:
            return
        if step is None:
            if last == _INT64[-1]:
                raise ValueError(f"{name!r} has already had the greatest possible step, {last}")
        elif step <= last:
            self._warn_of_repetition(name, step, last)

    def note(self, key: str, step: int | None) -> None:
        """Store the step of a summary that was logged."""
        last = self.last.get(key)
        if step is None:
            # FIRST_STEP: so far, only a metric of hparams was logged under this name. After this
            # ``pop``, ``check`` uses the last step that the pipeline decided.
            if last == FIRST_STEP:
                self.last.pop(key, None)
            elif last is not None:  # the pipeline decides the same step, unless calls overlap
                self.last[key] = last + 1
            return
        if last is None and len(self.last) >= _MOST_NAMES:
            self.last.clear()
        if last is None or step > last:
            self.last[key] = step

    def go_back(self, step: int) -> None:
        """Forget ``step`` and all greater steps, because they were purged."""
        self.last = {name: min(last, step - 1) for name, last in self.last.copy().items()}

    def _warn_of_repetition(self, name: str, step: int, last: int) -> None:
        if name in self._warned or len(self._warned) >= _MOST_NAMES:
            return
        self._warned[name] = None
        what = "was logged before" if step == last else f"is below {last}, which was logged before"
        warn_caller(
            f"step {step} of {name!r} {what}: TensorBoard's default loader drops the tag's earlier "
            "points with the same or a greater step. Pass increasing steps, or step=None for "
            "automatic steps; give each kind of summary a name of its own. This is said once for "
            "each name.",
            StepWarning,
        )


class KindWatch:
    """Stores the first kind of summary of each name; warns about a second kind."""

    def __init__(self) -> None:
        self.of: dict[str, str] = {}

    def check(self, name: str, kind: str) -> None:
        """Warn once if one name has summaries of two kinds."""
        if len(self.of) >= _MOST_NAMES and name not in self.of:
            return
        first = self.of.setdefault(name, kind)
        if first not in (kind, _MANY_KINDS):
            self.of[name] = _MANY_KINDS
            warn_caller(
                f"{name!r} was logged as {first} and is logged as {kind} now: TensorBoard keeps "
                "one kind for each tag, and its data server drops the second kind. Give each kind "
                "of summary a name of its own. This is said once for each name.",
                KindWarning,
            )
