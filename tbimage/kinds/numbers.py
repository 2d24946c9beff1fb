"""Arrays of real numbers, from any array-like object."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from tbimage import checks
from tbimage.pixels.arrays import array_like

Array = npt.NDArray[Any]


def numeric_array(argument: str, data: object) -> Array:
    """Return the numbers of an argument as an array, without a copy if possible."""
    if isinstance(first_leaf(data), (str, bytes)):
        raise TypeError(f"{argument} must be numbers, got {checks.given(data)}")
    return array_like.as_array(data, argument)


def first_leaf(data: object) -> object:
    """Return the first element of nested lists; any other object is returned unchanged."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return data
