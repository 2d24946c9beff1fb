"""The values of a tag: arrays of scalars, and lazy sequences of all other values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, overload

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Scalars", "Series"]

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Scalars:
    """The numbers of one tag.

    Attributes:
        steps: int64 ``[n]``.
        values: float64 ``[n]``, although most writers store float32.
        wall_times: float64 ``[n]``, in seconds since 1970.
    """

    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    wall_times: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.steps)


class Series(Sequence[T]):
    """The items of one tag in the order of logging. An item is read when it is used.

    Attributes:
        steps: int64 ``[n]``, the step of each item.
        wall_times: float64 ``[n]``, when each item was logged, in seconds since 1970.
        sizes: int64 ``[n]``, how many bytes each item has in its file.

    Example:
        >>> from numpy import array
        >>> make = ["a", "b"].__getitem__
        >>> series = Series(array([0, 5]), array([1.0, 2.0]), array([60, 60]), make)
        >>> len(series), series[-1], series.at(5)
        (2, 'b', 'b')
    """

    def __init__(
        self,
        steps: NDArray[np.int64],
        wall_times: NDArray[np.float64],
        sizes: NDArray[np.int64],
        make: Callable[[int], T],
    ) -> None:
        self.steps = steps
        self.wall_times = wall_times
        self.sizes = sizes
        self._make = make

    def __len__(self) -> int:
        return len(self.steps)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Series[T]: ...
    def __getitem__(self, index: int | slice) -> T | Series[T]:
        numbers = range(len(self))[index]
        if isinstance(numbers, int):
            return self._make(numbers)
        make, chosen = self._make, numbers
        columns = self.steps[index], self.wall_times[index], self.sizes[index]
        return Series(*columns, lambda at: make(chosen[at]))

    def __iter__(self) -> Iterator[T]:
        return map(self._make, range(len(self)))

    def at(self, step: int, sample: int = 0) -> T:
        """Return the item of a step.

        Args:
            step: The step.
            sample: The number of the item in the step. A step has several items if, for example, a
                batch of pictures was logged.

        Raises:
            KeyError: There is no such item.
        """
        found = (self.steps == step).nonzero()[0]
        if not 0 <= sample < len(found):
            raise KeyError(f"step {step} has {len(found)} items, and sample is {sample}")
        return self[int(found[sample])]

    def __repr__(self) -> str:
        if not len(self):
            return "<no items>"
        return f"<{len(self)} items, steps {self.steps[0]} to {self.steps[-1]}>"
