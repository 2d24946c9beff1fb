"""Precision and recall that the caller has computed.

The wire form is that of ``pr_curve.py``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tbimage.kinds.numbers import numeric_array

__all__ = ["prepare"]


def prepare(rows: Mapping[str, object]) -> npt.NDArray[np.float32]:
    """Check the rows of a curve, and put them together.

    Args:
        rows: By the argument's name and in the order of ``pr_curve.curve``: true positives, false
            positives, true negatives, false negatives, precision, recall. Each has one number for
            each threshold from 0 to 1.

    Returns:
        float32 [6, thresholds].

    Raises:
        TypeError: One of them is not numbers.
        ValueError: They are not of rank 1 and one length of at least 2.

    Example:
        >>> row = [1.0, 0.5]
        >>> prepare({"true_positives": row, "false_positives": row}).shape
        (2, 2)
    """
    found = {name: numeric_array(name, row) for name, row in rows.items()}
    shapes = {name: row.shape for name, row in found.items()}
    first = next(iter(shapes.values()))
    if len(set(shapes.values())) > 1 or len(first) != 1 or first[0] < 2:
        shown = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(
            f"each row must have one number for each threshold, at least 2, got shapes: {shown}"
        )
    return np.stack(list(found.values())).astype(np.float32)
