"""Histograms whose buckets the caller has counted.

The wire form is that of ``histogram.py``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tbimage.kinds.numbers import numeric_array

__all__ = ["prepare"]


def prepare(counts: object, edges: object) -> npt.NDArray[np.float64]:
    """Check counts and edges, and put them together.

    Args:
        counts: How many values each of the k buckets has: finite, 0 or more.
        edges: Where buckets begin and, the last one, where the last one ends: k + 1 finite numbers
            that do not fall.

    Returns:
        float64 [k, 3]: left edge, right edge, count.

    Raises:
        TypeError: One of them is not numbers.
        ValueError: Their shapes do not fit each other, counts are negative, or edges fall.

    Example:
        >>> prepare([3, 1], [0.0, 0.5, 1.0])
        array([[0. , 0.5, 3. ],
               [0.5, 1. , 1. ]])
    """
    heights = _row("counts", counts)
    limits = _row("edges", edges)
    if len(limits) != len(heights) + 1:
        raise ValueError(
            f"edges must be one more than counts, got {len(limits)} edges and {len(heights)} "
            "counts; pass them as numpy.histogram returns them"
        )
    if (heights < 0).any():
        raise ValueError(f"counts must be 0 or more, got {heights.min():g}")
    if (np.diff(limits) < 0).any():
        raise ValueError("edges must not fall from one to the next; sort them")
    return np.stack([limits[:-1], limits[1:], heights], axis=1)


def _row(argument: str, data: object) -> npt.NDArray[np.float64]:
    row = numeric_array(argument, data)
    if row.ndim != 1:
        raise ValueError(f"{argument} must be of rank 1, got shape {row.shape}")
    row = row.astype(np.float64)
    if not np.isfinite(row).all():
        raise ValueError(f"{argument} must be finite, got NaN or infinities among them")
    return row
