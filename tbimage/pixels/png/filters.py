"""The filters of PNG: from rows of pixels to rows of differences, a block of rows at a time.

What lives here: the five filters of the specification (PNG, third edition, section 9.2,
https://www.w3.org/TR/png-3/#9Filters) and two ways of choosing one of them for each row. What does
not: which of them suits a picture (strategy.py) and the compression of what comes out (deflate.py).

Rules:
- An encoder knows every neighbour already, so nothing here goes pixel by pixel: each filter is a
  few passes of NumPy over a block that stays in the cache.
- A block comes as a *window*: its rows and, first, the row above them (zeros above the first row of
  the picture). It is C-contiguous, so that left, above and above left are slices of one flat array;
  what such a slice gets wrong, the first pixel of each row, is put right afterwards.
- Arithmetic is that of uint8, modulo 256, as in the specification. Widening would halve the speed.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

import numpy as np

from tbimage.pixels.scratch import Bytes, take


class Filter(enum.IntEnum):
    """How rows are filtered: by one of the specification's five, or each by one of them."""

    NONE = 0
    SUB = 1
    UP = 2
    AVERAGE = 3
    PAETH = 4
    #: Up for rows that equal the row above, and so become zeros, None for all others. It leaves
    #: repetition as it is, where deflate finds it: for flat drawings, label maps, colour maps.
    REPEAT = 5
    #: For each row the one of the five whose differences are smallest, as signed numbers: what the
    #: specification advises (section 12.7).
    LEAST = 6


def filter_rows(kind: Filter, window: Bytes, step: int) -> Bytes:
    """Filter a block of rows.

    Args:
        kind: Which filter.
        window: ``(1 + n, width)`` uint8, C-contiguous: the row above, then the ``n`` rows.
        step: Bytes of one pixel, at most ``width``: how far left the left neighbour is.

    Returns:
        ``(n, 1 + width)`` uint8, each row headed by the number of its filter. Scratch, good until
        this thread's next call.

    Example:
        >>> window = np.array([[0, 0, 0], [5, 6, 7], [5, 6, 9]], np.uint8)
        >>> filter_rows(Filter.UP, window, 1).tolist()
        [[2, 5, 6, 7], [2, 0, 0, 2]]
        >>> filter_rows(Filter.SUB, window, 1).tolist()
        [[1, 5, 1, 1], [1, 5, 1, 3]]
    """
    rows, width = window.shape
    filtered = take("filtered", (rows - 1) * (width + 1)).reshape(rows - 1, width + 1)
    _FILTERS[kind](window, step, filtered)
    return filtered


def _none(window: Bytes, step: int, out: Bytes) -> None:
    out[:, 0] = 0
    out[:, 1:] = window[1:]


def _sub(window: Bytes, step: int, out: Bytes) -> None:
    rows = window[1:]
    out[:, 0] = 1
    out[:, 1 : 1 + step] = rows[:, :step]
    np.subtract(rows[:, step:], rows[:, :-step], out=out[:, 1 + step :])


def _up(window: Bytes, step: int, out: Bytes) -> None:
    out[:, 0] = 2
    np.subtract(window[1:], window[:-1], out=out[:, 1:])


def _average(window: Bytes, step: int, out: Bytes) -> None:
    rows, width = window.shape[0] - 1, window.shape[1]
    flat, size = window.reshape(-1), rows * width
    mean = take("predictor", size)
    average_predictor(flat[width - step : -step], flat[:size], mean)
    out[:, 0] = 3
    np.subtract(window[1:], mean.reshape(rows, width), out=out[:, 1:])
    np.subtract(window[1:, :step], window[:-1, :step] >> 1, out=out[:, 1 : 1 + step])


def _paeth(window: Bytes, step: int, out: Bytes) -> None:
    rows, width = window.shape[0] - 1, window.shape[1]
    flat, size = window.reshape(-1), rows * width
    nearest = take("predictor", size)
    n = size - step  # the very first pixel of the block has no corner in this window
    paeth_predictor(flat[width:-step], flat[step : step + n], flat[:n], nearest[step:])
    out[:, 0] = 4
    np.subtract(window[1:], nearest.reshape(rows, width), out=out[:, 1:])
    np.subtract(window[1:, :step], window[:-1, :step], out=out[:, 1 : 1 + step])


def average_predictor(left: Bytes, above: Bytes, out: Bytes) -> None:
    """Put floor((left + above) / 2) into ``out``: what both have, plus half of what only one has.

    Args:
        left: ``(n,)`` uint8.
        above: ``(n,)`` uint8.
        out: ``(n,)`` uint8, apart from the others in memory.

    Example:
        >>> out = np.empty(2, np.uint8)
        >>> average_predictor(np.array([255, 3], np.uint8), np.array([254, 0], np.uint8), out)
        >>> out.tolist()
        [254, 1]
    """
    half = np.bitwise_xor(left, above, out=take("a", left.size))
    np.right_shift(half, 1, out=half)
    np.bitwise_and(left, above, out=out)
    np.add(out, half, out=out)


def paeth_predictor(left: Bytes, above: Bytes, corner: Bytes, out: Bytes) -> None:
    """Put into ``out`` the one of left, above and corner that is nearest to left + above - corner.

    Let low and high be the smaller and the larger of left and above, ``over`` how far the corner
    lies above low and ``under`` how far below high, neither less than 0. Comparing the three
    distances then comes down to: high if under ≥ 2·over, low if over ≥ 2·under, else corner. And
    high is corner + under, low is corner - over: no selection is needed, only two products with 0
    or 1. (tests/pixels/test_filters.py holds this against the specification's text for all 2²⁴
    neighbourhoods.)

    Args:
        left: ``(n,)`` uint8.
        above: ``(n,)`` uint8.
        corner: ``(n,)`` uint8, above left.
        out: ``(n,)`` uint8, apart from the others in memory.

    Example:
        >>> out = np.empty(2, np.uint8)
        >>> paeth_predictor(*np.array([[90, 10], [70, 20], [95, 15]], np.uint8), out)
        >>> out.tolist()
        [70, 15]
    """
    size = left.size
    high, over, under = take("a", size), take("b", size), take("c", size)
    half, chosen = take("d", size), take("e", size)
    is_chosen = chosen.view(np.bool_)
    low = np.minimum(left, above, out=out)
    np.maximum(left, above, out=high)
    np.subtract(np.maximum(low, corner, out=over), low, out=over)
    np.subtract(high, np.minimum(high, corner, out=under), out=under)
    np.greater_equal(np.right_shift(under, 1, out=half), over, out=is_chosen)
    to_high = np.multiply(under, chosen, out=high)
    np.greater_equal(np.right_shift(over, 1, out=half), under, out=is_chosen)
    to_low = np.multiply(over, chosen, out=over)
    np.subtract(np.add(corner, to_high, out=out), to_low, out=out)


def _repeat(window: Bytes, step: int, out: Bytes) -> None:
    _none(window, step, out)
    rows, width = window.shape[0] - 1, window.shape[1]
    same = take("a", rows * width).view(np.bool_).reshape(rows, width)
    repeated = np.equal(window[1:], window[:-1], out=same).all(axis=1)
    out[repeated, 0] = 2
    out[repeated, 1:] = 0


def _least(window: Bytes, step: int, out: Bytes) -> None:
    candidates = take("candidates", 5 * out.size).reshape(5, *out.shape)
    for kind, candidate in enumerate(candidates):
        _FILTERS[Filter(kind)](window, step, candidate)
    magnitudes = take("magnitudes", candidates.size).reshape(candidates.shape)
    np.abs(candidates.view(np.int8), out=magnitudes.view(np.int8))  # -128 stays: as uint8 it is 128
    sums = magnitudes[:, :, 1:].sum(axis=2, dtype=np.uint32)
    out[:] = candidates[sums.argmin(axis=0), np.arange(len(out))]


_FILTERS: dict[Filter, Callable[[Bytes, int, Bytes], None]] = {
    Filter.NONE: _none,
    Filter.SUB: _sub,
    Filter.UP: _up,
    Filter.AVERAGE: _average,
    Filter.PAETH: _paeth,
    Filter.REPEAT: _repeat,
    Filter.LEAST: _least,
}
