"""Value ranges: which values become black and white."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tbimage import checks
from tbimage.pixels.blocks import blocks, extent

#: The values that become level 0 and level 255.
Limits = tuple[float, float]

UNIT: Limits = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class ValueRange:
    """Which values become black and white; made by :func:`check_value_range`."""

    kind: Literal["fixed", "minmax", "percentile"]  # ``"fixed"``, ``"minmax"`` or ``"percentile"``
    # The value that becomes level 0. A percentage for ``"percentile"``. Not used for ``"minmax"``.
    low: float = 0.0
    high: float = 0.0  # like ``low``, but for level 255


_NAMED_RANGES = {
    "unit": ValueRange("fixed", 0.0, 1.0),
    "signed": ValueRange("fixed", -1.0, 1.0),
    "byte": ValueRange("fixed", 0.0, 255.0),
    "minmax": ValueRange("minmax"),
}


_EXPECTED = (
    "None, (low, high) with low < high, 'unit' for (0, 1), 'signed' for (-1, 1), 'byte' for "
    "(0, 255), 'minmax', or ('percentile', p, q) with 0 <= p < q <= 100"
)


def check_value_range(
    value_range: object, argument: str = "value_range", expected: str = _EXPECTED
) -> ValueRange | None:
    """Check a value range; ``tbimage.visual.image`` describes the argument ``value_range``."""
    if value_range is None or isinstance(value_range, ValueRange):
        return value_range
    try:
        return _parsed(value_range)
    except (TypeError, ValueError) as error:
        problem = f"{argument} must be {expected}, got {checks.given(value_range)}"
        raise type(error)(problem) from None


def _parsed(value_range: object) -> ValueRange:
    kind: Literal["fixed", "percentile"] = "fixed"
    first: Any
    second: Any
    match value_range:
        case str():
            if value_range not in _NAMED_RANGES:
                raise ValueError
            return _NAMED_RANGES[value_range]
        case ("percentile", first, second):
            kind = "percentile"
        case (str(), _, _):
            raise ValueError
        case (first, second):
            pass
        case np.ndarray(shape=(2,)):
            first, second = value_range
        case _:
            raise TypeError
    low, high = (checks.number("value_range", each, -math.inf) for each in (first, second))
    lowest, highest = (0.0, 100.0) if kind == "percentile" else (-math.inf, math.inf)
    if not lowest <= low < high <= highest or math.isinf(low) or math.isinf(high):
        raise ValueError
    return ValueRange(kind, low, high)


def find_limits(colors: NDArray[Any], chosen: ValueRange) -> Limits:
    """Return the limits of a range for one image without alpha, the lower limit first.

    If the range depends on the image, and the image has no finite value, the result is ``UNIT``.
    """
    if chosen.kind == "fixed":
        return chosen.low, chosen.high
    if chosen.kind == "percentile":
        return _percentiles(colors, chosen.low, chosen.high)
    low, high = math.inf, -math.inf
    for block, _ in blocks(colors, colors):
        block_low, block_high, _ = extent(block)
        low, high = min(low, block_low), max(high, block_high)
    return (low, high) if low <= high else UNIT


def float32_holds(limits: Limits) -> bool:
    """Tell whether float32 can represent the difference of two limits, and distinguish them."""
    with np.errstate(over="ignore"):
        low, high = np.float32(limits[0]), np.float32(limits[1])
        return bool(np.isfinite(high - low) and (low < high or limits[0] == limits[1]))


def _percentiles(colors: NDArray[Any], low: float, high: float) -> Limits:
    """Return percentiles of the finite values, with linear interpolation, as in NumPy by default.

    This copies the whole image, because sorting reorders the values.
    """
    values = colors[np.isfinite(colors)]
    if not values.size:
        return UNIT
    if values.dtype == np.float16:
        values = values.astype(np.float32)  # sorting float32 is several times as fast
    positions = [percentage / 100 * (values.size - 1) for percentage in (low, high)]
    values.partition(sorted({bound(at) for at in positions for bound in (math.floor, math.ceil)}))
    first, second = (_interpolated(values, position) for position in positions)
    return first, second


def _interpolated(values: NDArray[Any], position: float) -> float:
    """Return the value at a fractional index; both neighbours must be at their sorted places."""
    below, above = float(values[math.floor(position)]), float(values[math.ceil(position)])
    # With this formula, the result never decreases when the position grows. A weighted sum of both
    # values could decrease because of rounding.
    return min(below + (above - below) * (position - math.floor(position)), above)
