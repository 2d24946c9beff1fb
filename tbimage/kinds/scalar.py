"""Scalars: one number at a step.

The wire form is ``simple_value``, a float32, which both loaders show as a scalar. (A tensor of
DT_DOUBLE or DT_INT64 does not appear in the data server at all: ``data_compat.rs``.) With a
description it also has metadata with a data class, without which the data server would drop the
description.
"""

from __future__ import annotations

from functools import lru_cache

from tbimage.events import wire

__all__ = ["check_value", "summary"]


def check_value(value: object) -> float:
    """Return a scalar's value as a float.

    Args:
        value: A number: Python's, NumPy's, or an array or tensor of rank 0. NaN and infinities are
            numbers, and TensorBoard shows them.

    Raises:
        TypeError: It is no real number.
        ValueError: It is an array of rank 1 or more.

    Example:
        >>> check_value(3), check_value(float("nan"))
        (3.0, nan)
    """
    if type(value) is float:
        return value
    if isinstance(value, (str, bytes, bytearray)):
        raise _not_a_number(value)
    shape = getattr(value, "shape", ())
    if shape != ():
        raise ValueError(
            f"value must be one number, got shape {tuple(shape)}; pass value.item() or "
            "value.mean(), or log it as a histogram"
        )
    item = getattr(value, "item", None)
    try:
        # Not float(value): torch warns of that where the tensor needs grad, as a loss does.
        return float(value if item is None else item())  # type: ignore[arg-type]
    except OverflowError:  # an int beyond float64
        return float("inf") if value > 0 else float("-inf")  # type: ignore[operator]
    except (TypeError, ValueError):
        raise _not_a_number(value) from None


def _not_a_number(value: object) -> TypeError:
    return TypeError(
        f"value must be a real number, got {value!r} of type {type(value).__name__}; pass "
        "float(value) if that is what you mean"
    )


def summary(name: str, value: float, description: str | None) -> bytes:
    r"""Make the Summary of one scalar.

    Args:
        name: Becomes the tag.
        value: Rounded to float32.
        description: Markdown, or None.

    Returns:
        The serialized Summary.

    Example:
        >>> summary("a", 1.0, None)
        b'\n\x08\n\x01a\x15\x00\x00\x80?'
    """
    before, after = _frame(name, description)
    return before + wire.float32(value) + after


# Enough for the scalars of any training loop; a service that makes up names forgets old ones.
@lru_cache(maxsize=4096)
def _frame(name: str, description: str | None) -> tuple[bytes, bytes]:
    metadata = b""
    if description is not None:
        metadata = wire.summary_metadata("scalars", wire.DATA_CLASS_SCALAR, description)
    return wire.scalar_frame(name, metadata)
