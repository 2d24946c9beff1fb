"""Histograms that the caller has counted already, in the wire form of ``histogram.py``."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tbimage.kinds.numbers import numeric_array


def prepare(counts: object, edges: object) -> npt.NDArray[np.float64]:
    """Make a table [k, 3] (left edge, right edge, count) from k counts and k + 1 edges."""
    heights = _row("counts", counts)
    limits = _row("edges", edges)
    if len(limits) != len(heights) + 1:
        raise ValueError(
            f"edges must have one element more than counts, got {len(limits)} edges and "
            f"{len(heights)} counts; pass them as numpy.histogram returns them"
        )
    if (heights < 0).any():
        raise ValueError(f"counts must be 0 or more, got {heights.min():g}")
    if (np.diff(limits) < 0).any():
        raise ValueError("edges must not decrease; sort them")
    return np.stack([limits[:-1], limits[1:], heights], axis=1)


def _row(argument: str, data: object) -> npt.NDArray[np.float64]:
    row = numeric_array(argument, data)
    if row.ndim != 1:
        raise ValueError(f"{argument} must be of rank 1, got shape {row.shape}")
    row = row.astype(np.float64)
    if not np.isfinite(row).all():
        raise ValueError(f"{argument} must be finite, got NaN or infinities among them")
    return row
