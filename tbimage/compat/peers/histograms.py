"""Make histograms as torch and tensorboardX do: a HistogramProto with the peers' buckets.

A HistogramProto has only the right edge of each bucket. So the peers write an empty first bucket,
whose right edge is the left edge of the second bucket. Programs such as tbparse need this bucket.
In the peers, its right edge may be less than the smallest value. Then the data server shows a
bucket with a negative width. Here, its right edge is never less than the smallest value.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np

from tbimage.buffers import Piece
from tbimage.compat.peers.drafts import NO_TAG, Draft, check_tag, ready
from tbimage.compat.peers.errors import as_peers
from tbimage.compat.peers.numbers import number
from tbimage.events import wire
from tbimage.kinds import histogram as kind
from tbimage.kinds import old_style, tensors
from tbimage.kinds.numbers import Array, numeric_array
from tbimage.pixels.png.strips import Run
from tbimage.writer.notices import Notices


@lru_cache(maxsize=1)
def default_bins() -> tuple[float, ...]:
    """Return the 1549 edges that both peers use for ``bins="tensorflow"``.

    They are TensorFlow's old edges (``core/lib/histogram/histogram.cc``): numbers from 1e-12 to
    1e20, each 10 % greater than the number before; the same numbers with a minus sign; and 0.
    """
    edges, edge = [], 1e-12
    while edge < 1e20:
        edges.append(edge)
        edge *= 1.1
    return (*(-edge for edge in reversed(edges)), 0, *edges)


@as_peers
def histogram(tag: str, data: Any, bins: Any, max_bins: int | None) -> Draft:
    """Make the ``Draft`` of a histogram. NaN and infinities are left out and reported."""
    tensors.import_messages()
    tag = check_tag(tag)
    values = numeric_array("values", data)
    if isinstance(bins, str) and bins == "tensorflow":
        bins = default_bins()
    else:
        np.histogram_bin_edges([0.0, 1.0], bins)  # raises errors in the caller, not in a worker
    if max_bins is not None and not max_bins > 0:
        raise ValueError(f"max_bins must be above 0, or None for all bins, got {max_bins!r}")

    def take(notices: Notices, run: Run) -> Callable[[], list[Piece]]:
        return partial(_histogram, tag, kind.snapshot(data, values), bins, max_bins, notices)

    return Draft(tag or NO_TAG, values.nbytes, take, "a histogram")


def _histogram(
    tag: str, values: Array, bins: Any, max_bins: int | None, notices: Notices
) -> list[Piece]:
    numbers = values.reshape(-1).astype(np.float64)
    finite = np.isfinite(numbers)
    if not finite.all():
        notices.report_histogram(tag, int(numbers.size - finite.sum()))
        numbers = numbers[finite]
    if not numbers.size:
        none = np.empty(0)
        return _summary(tag, none, none, 0.0, 0.0, num=0, sum=0, sum_squares=0)
    low, high = float(numbers.min()), float(numbers.max())
    with np.errstate(over="ignore"):
        totals = {"sum": numbers.sum(), "sum_squares": numbers.dot(numbers)}
    counts, edges = _counted(numbers, bins, low, high)
    if max_bins is not None and len(counts) > max_bins:
        firsts = np.arange(0, len(counts), len(counts) // max_bins)
        counts = np.add.reduceat(counts, firsts)
        edges = np.append(edges[firsts], edges[-1])
    filled = np.flatnonzero(counts)
    first, last = (filled[0], filled[-1]) if filled.size else (0, -1)
    heights = np.append(0, counts[first : last + 1])
    limits = edges[first : last + 2]
    return _summary(tag, limits, heights, low, high, num=numbers.size, **totals)


def _counted(numbers: Array, bins: Any, low: float, high: float) -> tuple[Array, Array]:
    """Count as ``numpy.histogram`` does. If it raises an error, use one bucket."""
    if bins is default_bins():
        bins = (min(bins[0], low), *bins[1:-1], max(bins[-1], high))
    try:
        with np.errstate(over="raise", invalid="raise"):
            counts, edges = np.histogram(numbers, bins)
    except (FloatingPointError, MemoryError, ValueError):
        return np.array([numbers.size]), np.array([low, high])
    return counts, edges


def _summary(
    tag: str, limits: Array, counts: Array, low: float, high: float, **totals: Any
) -> list[Piece]:
    value = old_style.histogram_value(tag, limits, counts, low, high, **totals)
    return wire.summary([value])


@as_peers
def histogram_raw(tag: str, totals: dict[str, Any], limits: Any, counts: Any) -> Draft:
    """Make a draft from bucket counts. ``totals`` has min, max, num, sum and sum_squares."""
    tag = check_tag(tag)
    ends = np.array(numeric_array("bucket_limits", limits), np.float64)
    heights = np.array(numeric_array("bucket_counts", counts), np.float64)
    if ends.ndim != 1 or ends.shape != heights.shape:
        raise ValueError(
            "bucket_limits and bucket_counts must have the same length, got shapes "
            f"{ends.shape} and {heights.shape}"
        )
    numbers = {name: number(name, value) for name, value in totals.items()}
    low, high = numbers.pop("min"), numbers.pop("max")
    return ready(tag, _summary(tag, ends, heights, low, high, **numbers), "a histogram")
