"""Tone curves: dark and bright parts of a wide range in one picture.

What lives here: the two curves, and values to the unit range through them. What does not: which
values are the ends of the range (ranges.py), and from there to levels (levels.py).

Strategy: a curve works on ``t = clip((x - low) / (high - low), 0, 1)``, before anything is rounded
to 8 bits, so that the steps of dark parts stay as fine as the data. Both keep 0 and 1.

- gamma: ``t ** (1 / gamma)``, as display encodings and OpenCV's tone mapping have it: 2.2 brings
  linear light onto the screen, more than 1 is brighter.
- log: ``log(1 + log * t) / log(1 + log)``: 1000 gives each of three decades a third of the levels.

Float32 does: an error of 1e-7 is 3e-5 of a level, also where gamma is 10.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage.pixels.blocks import blocks
from tbimage.pixels.values.ranges import Limits

__all__ = ["check_gamma", "check_log", "inverse", "tone"]


def check_gamma(gamma: object) -> float | None:
    """Check an exponent.

    Args:
        gamma: More than 0; None for none.

    Raises:
        TypeError: It is no number.
        ValueError: It is not more than 0 and at most a million.

    Example:
        >>> check_gamma(2.2)
        2.2
    """
    return _positive("gamma", gamma, 1e6, "2.2 for linear light")


def check_log(log: object) -> float | None:
    """Check the strength of a logarithmic curve.

    Args:
        log: More than 0; True for 1000; None or False for none.

    Raises:
        TypeError: It is no number.
        ValueError: It is not more than 0 and at most 1e12.

    Example:
        >>> check_log(True), check_log(50)
        (1000.0, 50.0)
    """
    if isinstance(log, bool):
        return 1000.0 if log else None
    return _positive("log", log, 1e12, "1000 for three decades")


def _positive(argument: str, value: object, most: float, example: str) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
        if isinstance(value, (bool, str)):
            raise TypeError
    except OverflowError:  # an int of more than 308 digits
        number = math.inf
    except (TypeError, ValueError):
        raise TypeError(
            f"{argument} must be a number or None, got {value!r} of type {type(value).__name__}"
        ) from None
    if not 0 < number <= most:
        raise ValueError(
            f"{argument} must be more than 0 and at most {most:g} ({example}), got {value!r}"
        )
    return number


def tone(
    values: NDArray[Any], limits: Limits, gamma: float | None = None, log: float | None = None
) -> NDArray[np.float32]:
    """Bring values into the unit range through a curve.

    Args:
        values: ``(H, W, C)``, of bool, any integer or any float dtype, any strides; without alpha.
        limits: The values that become 0 and 1; where they are equal, that value becomes one half.
        gamma: The exponent; None: 1.
        log: The strength of the logarithmic curve, which comes first; None: none.

    Returns:
        ``(H, W, C)`` float32, 0 to 1; NaN where a value is NaN or infinite.

    Example:
        >>> tone(np.array([[[0.0], [0.25], [2.0]]]), (0, 1), gamma=2).ravel().tolist()
        [0.0, 0.5, 1.0]
    """
    toned = np.empty(values.shape, np.float32)
    low, high = map(float, limits)
    wide = values.dtype.kind != "f" or values.dtype.itemsize > 4 or not _held(low, high)
    arithmetic: Any = np.float64 if wide else np.float32
    with np.errstate(all="ignore"):  # what overflows is clipped; infinities become NaN here
        for block, target in blocks(values, toned):
            unit = np.asarray(_unit(block, low, high, arithmetic), np.float32)
            np.minimum(np.maximum(unit, 0, out=unit), 1, out=unit)
            if log is not None:
                np.log(unit * np.float32(log) + np.float32(1), out=unit)
                unit *= np.float32(1 / math.log1p(log))
            if gamma is not None:  # twice as fast as np.power
                np.exp(np.log(unit, out=unit) * np.float32(1 / gamma), out=unit)
            if block.dtype.kind == "f":
                unit += block * 0  # NaN for NaN and infinities, 0 for all else
            np.copyto(target, unit)
    return toned


def _held(low: float, high: float) -> bool:
    """Whether float32 can tell the limits apart."""
    first, second = np.float32(low), np.float32(high)
    return bool(np.isfinite(second - first) and (first < second or low == high))


def _unit(block: NDArray[Any], low: float, high: float, dtype: Any) -> NDArray[Any]:
    values = block.astype(dtype)
    if math.isinf(high - low):
        values, low, high = values / 2, low / 2, high / 2
    if low == high:
        unit: NDArray[Any] = (np.sign(values - dtype(low)) + 1) / 2
        return unit
    values -= dtype(low)
    values /= dtype(high - low)
    return values


def inverse(
    fraction: float, limits: Limits, gamma: float | None = None, log: float | None = None
) -> float:
    """Give the value that a curve brings to a fraction of the range.

    Args:
        fraction: 0 to 1.
        limits: As in :func:`tone`.
        gamma: As in :func:`tone`.
        log: As in :func:`tone`.

    Example:
        >>> inverse(0.5, (0, 8), gamma=2)
        2.0
    """
    if gamma is not None:
        fraction **= gamma
    if log is not None:
        fraction = math.expm1(fraction * math.log1p(log)) / log
    return limits[0] + fraction * (limits[1] - limits[0])
