"""The filters of PNG, which turn the rows of a block of pixels into rows of differences.

The module has the five filters of PNG, third edition, section 9.2
(https://www.w3.org/TR/png-3/#9Filters), and two rules that choose one of them for each row.

Rules:
- An encoder knows all pixels before it begins. So each filter consists of a few NumPy operations on
  a whole block. The block is small enough to stay in the cache.
- The input is a *window*: the row above a block, then the rows of the block. (The row above the
  first row of the picture consists of zeros.) A window is C-contiguous, so the left, upper and
  upper left neighbours of all pixels are slices of the flat window. The slices are wrong for the
  first pixel of each row, so the filters correct the results for these pixels.
- Arithmetic is modulo 256 in uint8, as in the specification. Wider types would halve the speed.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

import numpy as np

from tbimage.pixels.scratch import Bytes, take


class Filter(enum.IntEnum):
    """A filter for all rows (from the specification), or a rule that chooses one for each row."""

    NONE = 0
    SUB = 1
    UP = 2
    AVERAGE = 3
    PAETH = 4
    #: Up for rows that equal the row above, which become zeros; None for all other rows. This is
    #: for drawings with areas of one colour, label maps and images with a colour map. Their rows
    #: repeat, and deflate finds repetition best in unfiltered rows.
    REPEAT = 5
    #: For each row, the filter with the smallest sum of absolute differences, as the specification
    #: advises (section 12.7).
    LEAST = 6


def filter_rows(kind: Filter, window: Bytes, step: int) -> Bytes:
    """Filter the n rows of a window ``(1 + n, width)``; ``step`` is the size of a pixel in bytes.

    The result is ``(n, 1 + width)`` uint8: each row begins with the number of its filter. The
    result is scratch memory that is valid until this thread's next call.
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
    n = size - step  # the first pixel of the block has no upper left neighbour in this window
    paeth_predictor(flat[width:-step], flat[step : step + n], flat[:n], nearest[step:])
    out[:, 0] = 4
    np.subtract(window[1:], nearest.reshape(rows, width), out=out[:, 1:])
    np.subtract(window[1:, :step], window[:-1, :step], out=out[:, 1 : 1 + step])


def average_predictor(left: Bytes, above: Bytes, out: Bytes) -> None:
    """Write floor((left + above) / 2): the common bits, plus half of the differing bits."""
    half = np.bitwise_xor(left, above, out=take("a", left.size))
    np.right_shift(half, 1, out=half)
    np.bitwise_and(left, above, out=out)
    np.add(out, half, out=out)


def paeth_predictor(left: Bytes, above: Bytes, corner: Bytes, out: Bytes) -> None:
    """Write the neighbour (left, above or corner) that is nearest to left + above - corner.

    Let low and high be the smaller and the larger of left and above. Let ``over`` be
    max(corner - low, 0) and ``under`` be max(high - corner, 0). Then the nearest neighbour is high
    if under ≥ 2·over, low if over ≥ 2·under, and corner in all other cases. If high is nearest, it
    equals corner + under. If low is nearest, it equals corner - over. So the result is corner, plus
    under times 0 or 1, minus over times 0 or 1.
    (tests/pixels/test_filters.py compares the results with the specification for all 2²⁴ inputs.)
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
    # In int8, the absolute value of -128 is -128. Its bits mean 128 in uint8, which is correct.
    np.abs(candidates.view(np.int8), out=magnitudes.view(np.int8))
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
