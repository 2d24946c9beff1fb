"""Tone curves, which show dark and bright parts of a wide range in one picture.

A curve is applied to ``t = clip((x - low) / (high - low), 0, 1)``. The result is rounded to 8 bits
afterwards, so that dark parts keep the fine steps of the data. A curve maps 0 to 0 and 1 to 1.

- gamma: ``t ** (1 / gamma)``, as in display encodings and in OpenCV's tone mapping. 2.2 is for
  linear light. A gamma of more than 1 makes the picture brighter.
- log: ``ln(1 + s * t) / ln(1 + s)``, where s is the argument ``log``. If s is 1000, each of these
  ranges of t has about a third of the levels: 0 to 0.01, 0.01 to 0.1, and 0.1 to 1.

The rounding error of float32 is 1e-7. Even if gamma is 10, this is only 3e-5 of the step between
two levels, so float32 is exact enough.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage import checks
from tbimage.pixels.blocks import blocks
from tbimage.pixels.values.ranges import Limits, float32_holds


def check_gamma(gamma: object) -> float | None:
    """Check an exponent: more than 0, or None."""
    return checks.positive("gamma", gamma, 1e6, "2.2 is for linear light")


def check_log(log: object) -> float | None:
    """Check the strength of a logarithmic curve, more than 0; True means 1000, False means None."""
    if isinstance(log, bool) or getattr(log, "dtype", None) == np.bool_:
        return 1000.0 if checks.flag("log", log) else None
    return checks.positive("log", log, 1e12, "1000 is for three decades")


def tone(
    values: NDArray[Any], limits: Limits, gamma: float | None = None, log: float | None = None
) -> NDArray[np.float32]:
    """Convert values ``(H, W, C)`` without alpha to float32 in 0..1, and apply the tone curves.

    ``limits`` become 0 and 1. If both limits are equal, this value becomes one half. The log curve
    is applied before the gamma curve. NaN and infinite values become NaN.
    """
    toned = np.empty(values.shape, np.float32)
    low, high = map(float, limits)
    wide = values.dtype.kind != "f" or values.dtype.itemsize > 4
    arithmetic: Any = np.float64 if wide or not float32_holds(limits) else np.float32
    with np.errstate(all="ignore"):  # overflow is clipped, and infinities become NaN
        for block, target in blocks(values, toned):
            unit = np.asarray(_unit(block, low, high, arithmetic), np.float32)
            np.minimum(np.maximum(unit, 0, out=unit), 1, out=unit)
            if log is not None:
                np.log(unit * np.float32(log) + np.float32(1), out=unit)
                unit *= np.float32(1 / math.log1p(log))
            if gamma is not None:  # twice as fast as np.power
                np.exp(np.log(unit, out=unit) * np.float32(1 / gamma), out=unit)
            if block.dtype.kind == "f":
                unit += block * 0  # NaN for NaN and infinities, else 0
            np.copyto(target, unit)
    return toned


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
    """Return the value that the tone curves map to a fraction of the range."""
    if gamma is not None:
        fraction **= gamma
    if log is not None:
        fraction = math.expm1(fraction * math.log1p(log)) / log
    return limits[0] + fraction * (limits[1] - limits[0])
