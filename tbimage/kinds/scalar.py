"""Scalars: one number at a step.

The wire form is ``simple_value``, a float32. Both loaders of TensorBoard show it as a scalar. (The
data server does not show tensors of DT_DOUBLE or DT_INT64, see ``data_compat.rs``.) A scalar with a
description also has metadata with a ``data_class``, because without ``data_class`` the data server
drops the description.
"""

from __future__ import annotations

import math
from functools import lru_cache

from tbimage import checks
from tbimage.events import wire

#: The smallest float that is rounded to an infinite float32 (IEEE 754, 4.3.1): 2^128 - 2^103.
TOO_LARGE = 2.0**128 - 2.0**103


def check_value(value: object, argument: str = "value") -> float:
    """Convert a number of Python or NumPy, or an array or tensor of rank 0, to a float."""
    if type(value) is float:
        return value
    if isinstance(value, (str, bytes, bytearray)):
        raise _not_a_number(argument, value)
    shape = getattr(value, "shape", ())
    if shape != ():
        raise ValueError(
            f"{argument} must be one number, got shape {tuple(shape)}; pass {argument}.item() or "
            f"{argument}.mean(), or log it as a histogram"
        )
    item = getattr(value, "item", None)
    try:
        # torch warns about float(value) for a tensor that requires grad, such as a loss.
        return float(value if item is None else item())  # type: ignore[arg-type]
    except OverflowError:  # an int beyond the range of float64
        return float("inf") if value > 0 else float("-inf")  # type: ignore[operator]
    except (TypeError, ValueError):
        raise _not_a_number(argument, value) from None


def overflows(number: float, value: object) -> bool:
    """Tell whether a finite ``value`` becomes infinite as float32. ``number`` is float(value)."""
    return abs(number) >= TOO_LARGE and (isinstance(value, int) or not math.isinf(number))


def _not_a_number(argument: str, value: object) -> TypeError:
    return TypeError(
        f"{argument} must be a real number, got {checks.given(value)}; pass float({argument}) if "
        "that is what you mean"
    )


def summary(name: str, value: float, description: str | None) -> bytes:
    """Make the serialized Summary; the value is rounded to float32."""
    before, after = _frame(name, description)
    return before + wire.float32(value) + after


# The cache is large enough for any training loop. In a service that always uses new names, it
# drops old names.
@lru_cache(maxsize=4096)
def _frame(name: str, description: str | None) -> tuple[bytes, bytes]:
    metadata = b""
    if description is not None:
        metadata = wire.summary_metadata("scalars", b"", description, wire.DATA_CLASS_SCALAR)
    return wire.scalar_frame(name, metadata)
