"""Choose which values of a tag are kept. Only values that TensorBoard shows are kept."""

from __future__ import annotations

from array import array

import numpy as np

from tbimage.reading.runs import not_replaced

__all__ = ["Series"]


class Series:
    """The steps of one tag. First ``add`` each step, and then call ``keeps`` with each step again.

    A new value replaces all earlier values with the same or a greater step, as in TensorBoard's
    data server (``StageReservoir::preempt`` in ``tensorboard/data/server/reservoir.rs``). Without
    ``keep``, only the places where steps go back are stored, and not all steps. So a tag with a
    billion values takes as little memory as a tag with ten values.

    Args:
        every: The first of each ``every`` values is kept, and the last value.
        keep: How many of these values are kept, evenly spread. If ``keep`` is given, all steps are
            stored. None: all of these values are kept.

    Example:
        >>> series = Series(every=1, keep=None)
        >>> steps = (0, 1, 2, 3, 2, 3, 4)
        >>> for step in steps:
        ...     series.add(step)
        >>> [series.keeps(step) for step in steps]
        [True, True, False, False, True, True, True]
    """

    __slots__ = (
        "_asked",
        "_begun",
        "_count",
        "_every",
        "_first_steps",
        "_keep",
        "_last",
        "_shown",
        "_starts",
        "_steps",
        "_thinned",
        "_wanted",
    )

    def __init__(self, every: int, keep: int | None) -> None:
        self._every = every
        self._keep = keep
        self._steps: array[int] = array("q")
        self._count = 0
        self._last = 0
        # A *stretch* is a sequence of values whose steps increase. These lists have the number and
        # the step of the first value of each stretch. A stretch is removed if later values have
        # replaced all its values. So the steps in the second list increase, too.
        self._starts: list[int] = []
        self._first_steps: list[int] = []
        # ``keeps`` counts its calls, the values that TensorBoard shows, the values that ``every``
        # keeps, and the stretches that have begun. ``_wanted`` has the numbers of the values to
        # keep; None: all.
        self._asked = self._shown = self._thinned = self._begun = 0
        self._wanted: frozenset[int] | None = None

    def add(self, step: int) -> None:
        """Add the step of the next value."""
        if not self._count or step <= self._last:
            while self._first_steps and self._first_steps[-1] >= step:
                self._first_steps.pop()
                self._starts.pop()
            self._starts.append(self._count)
            self._first_steps.append(step)
        self._last = step
        self._count += 1
        if self._keep is not None:
            self._steps.append(step)

    def keeps(self, step: int) -> bool:
        """Tell whether the next value is kept. A value that was not added is not kept."""
        number = self._asked
        if number == 0 and self._keep is not None:
            self._wanted = self._choose(self._keep)
        self._asked += 1
        if number >= self._count:  # the file has grown since the steps were added
            return False
        if self._begun < len(self._starts) and number == self._starts[self._begun]:
            self._begun += 1
        if self._begun < len(self._starts) and step >= self._first_steps[self._begun]:
            return False
        shown = self._shown
        self._shown += 1
        if shown % self._every and number < self._count - 1:
            return False
        thinned = self._thinned
        self._thinned += 1
        return self._wanted is None or thinned in self._wanted

    def _choose(self, keep: int) -> frozenset[int] | None:
        shown = int(not_replaced(np.array(self._steps, np.int64)).sum())
        thinned = len(range(0, shown, self._every)) + ((shown - 1) % self._every > 0)
        if keep >= thinned:
            return None
        return frozenset(np.linspace(thinned - 1, 0, keep).round().astype(int).tolist())
