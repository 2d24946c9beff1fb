"""Numbers as arguments: what all kinds that take arrays of numbers check in the caller.

What lives here: an array from anything array-like, with errors that name the argument; counts.
What does not: how arrays are found in objects (``pixels/arrays.py``), what their axes mean.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import numpy.typing as npt

from tbimage.pixels.arrays import array_like

__all__ = ["Array", "check_count", "numeric_array"]

Array = npt.NDArray[Any]


def numeric_array(argument: str, data: object) -> Array:
    """Give the numbers of an argument as an array, without copying where that is possible.

    Args:
        argument: The argument's name, for errors.
        data: Anything that ``pixels.arrays.as_array`` takes, or a number.

    Returns:
        An array of bools, integers or floats.

    Raises:
        TypeError: It holds no real numbers.
        ValueError: Lists are ragged, or an array has masked elements.

    Example:
        >>> numeric_array("labels", [True, False])
        array([ True, False])
        >>> numeric_array("labels", "cat")
        Traceback (most recent call last):
        TypeError: labels must be numbers, got 'cat' of type str
    """
    if isinstance(data, (str, bytes)) or _holds_text(data):
        raise TypeError(f"{argument} must be numbers, got {data!r:.80} of type {_type(data)}")
    try:
        return array_like.as_array(data)
    except (TypeError, ValueError) as error:
        message = str(error)
        if message.startswith("data "):  # as_array names the argument of image()
            message = argument + message[len("data") :]
        raise type(error)(message) from None


def _holds_text(data: object) -> bool:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return isinstance(data, (str, bytes))


def _type(data: object) -> str:
    return type(data).__name__


def check_count(argument: str, count: object, least: int) -> int:
    """Check how many of something are wanted.

    Args:
        argument: The argument's name, for errors.
        count: Anything that stands for an integer.
        least: The smallest count that makes sense.

    Raises:
        TypeError: It is no integer.
        ValueError: It is less.

    Example:
        >>> check_count("buckets", np.int64(30), 1)
        30
    """
    try:
        number = operator.index(count)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(
            f"{argument} must be an integer, got {count!r} of type {_type(count)}"
        ) from None
    if isinstance(count, (bool, np.bool_)):
        raise TypeError(f"{argument} must be an integer, got {count!r} of type {_type(count)}")
    if number < least:
        raise ValueError(f"{argument} must be at least {least}, got {number}")
    return number
