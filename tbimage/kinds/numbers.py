"""Arrays of real numbers, from whatever array-like object a caller passes."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from tbimage import checks
from tbimage.pixels.arrays import array_like

__all__ = ["Array", "first_leaf", "numeric_array"]

Array = npt.NDArray[Any]


def numeric_array(argument: str, data: object) -> Array:
    """Give the numbers of an argument as an array, without a copy where that is possible."""
    if isinstance(first_leaf(data), (str, bytes)):
        raise TypeError(f"{argument} must be numbers, got {checks.given(data)}")
    return array_like.as_array(data, argument)


def first_leaf(data: object) -> object:
    """Give the first element of nested lists, or what is no list itself."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return data
