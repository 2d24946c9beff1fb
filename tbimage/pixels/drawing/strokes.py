"""Draw antialiased lines and dots at fractional positions.

A stroke consists of all pixels near some line segments. The coverage of a pixel is ``clip(radius +
1/2 - d, 0, 1)``, where ``d`` is the distance from its centre to the nearest segment. The pixel in
column x and row y has its centre at (x + 1/2, y + 1/2).

Segments are cut into pieces of at most ``PIECE`` pixels. Each piece covers pixels of a small
square, and the squares of many pieces are computed at once. If squares overlap, a pixel gets the
greatest coverage. So the result does not depend on the cuts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage.pixels.drawing.text_rendering import blend
from tbimage.pixels.values.pictures import Color, ink

Points = NDArray[np.float64]

#: The maximum length of a piece in pixels. With a radius of 1 to 5 pixels, a piece of this length
#: covers 20 to 45 % of its square.
PIECE = 8.0
# The maximum number of pixels that are computed at once. The large temporary arrays are float32, so
# each has 1 MiB.
_AT_ONCE = 1 << 18


def stroke(
    pixels: NDArray[Any], segments: Points, radius: float, color: Color, most_pieces: int = 1 << 20
) -> tuple[int, int]:
    """Paint the pixels of a picture ``(H, W, C)`` that are near some segments.

    ``segments`` are finite numbers ``(M, 2, 2)``: (x, y) of both ends of each segment, in pixels
    from the top left corner. A segment with equal ends is a dot. ``radius`` is half of the stroke's
    width in pixels, and more than 0. If the segments together need more than ``most_pieces``
    pieces, the last segments are omitted. Return the number of omitted segments, and the number of
    pieces that remain.
    """
    height, width = pixels.shape[:2]
    near = _clipped(segments, width, height, radius + 1)
    starts, ends, kept = _cut(near, most_pieces)
    side = math.ceil(PIECE + 2 * radius + 2)
    flat = pixels.reshape(height * width, -1)
    spots = [_covered(a, b, side, radius, (height, width)) for a, b in _chunks(starts, ends, side)]
    if spots:
        where = np.concatenate([where for where, _ in spots])
        coverage = np.concatenate([coverage for _, coverage in spots])
        coverage = _greatest(where, coverage, len(flat))
        painted = flat[where]
        blend(painted, coverage, ink(color, pixels))
        flat[where] = painted
    return len(near) - kept, most_pieces - len(starts)


def _clipped(segments: Points, width: int, height: int, margin: float) -> Points:
    """Clip segments to the picture with a margin around it (Liang and Barsky, 1984)."""
    start, direction = segments[:, 0], segments[:, 1] - segments[:, 0]
    enter, leave = np.zeros(len(segments)), np.ones(len(segments))
    inside = np.ones(len(segments), bool)
    for axis, size in ((0, width), (1, height)):
        step, origin = direction[:, axis], start[:, axis]
        still = step == 0
        inside &= ~still | ((origin >= -margin) & (origin <= size + margin))
        safe = np.where(still, 1.0, step)
        with np.errstate(over="ignore"):  # comparisons with infinity are correct
            first, second = (-margin - origin) / safe, (size + margin - origin) / safe
        enter = np.where(still, enter, np.maximum(enter, np.minimum(first, second)))
        leave = np.where(still, leave, np.minimum(leave, np.maximum(first, second)))
    inside &= enter <= leave
    start, direction = start[inside], direction[inside]
    enter, leave = enter[inside, np.newaxis], leave[inside, np.newaxis]
    return np.stack([start + enter * direction, start + leave * direction], axis=1)


def _cut(segments: Points, most_pieces: int) -> tuple[Points, Points, int]:
    """Cut segments into pieces; return their starts and ends, and the number of cut segments."""
    lengths = np.hypot(*(segments[:, 1] - segments[:, 0]).T)
    counts = np.maximum(np.ceil(lengths / PIECE), 1).astype(np.int64)
    kept = int(np.searchsorted(counts.cumsum(), most_pieces, side="right"))
    counts = counts[:kept]
    owner = np.repeat(np.arange(kept), counts)
    number = np.arange(len(owner)) - np.repeat(counts.cumsum() - counts, counts)
    start = segments[owner, 0]
    step = (segments[owner, 1] - start) / counts[owner, np.newaxis]
    begin = start + step * number[:, np.newaxis]
    return begin, begin + step, kept


def _chunks(starts: Points, ends: Points, side: int) -> Iterator[tuple[Points, Points]]:
    size = max(1, _AT_ONCE // (side * side))
    for first in range(0, len(starts), size):
        yield starts[first : first + size], ends[first : first + size]


def _covered(
    starts: Points, ends: Points, side: int, radius: float, shape: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return the flat index and the coverage (0 to 255) of each pixel that the pieces cover."""
    height, width = shape
    corner = np.floor(np.minimum(starts, ends) - radius - 0.5)
    # The coordinates of pixels are relative to the piece's start. So they are small, and float32 is
    # precise enough.
    offsets = np.arange(side) + 0.5
    x, y = ((corner - starts)[:, :, np.newaxis] + offsets).astype(np.float32).transpose(1, 0, 2)
    x, y = x[:, np.newaxis, :], y[:, :, np.newaxis]  # (pieces, 1, side) and (pieces, side, 1)
    direction = (ends - starts).astype(np.float32)
    length_squared = (direction**2).sum(axis=1)
    unit = direction / np.where(length_squared > 0, length_squared, 1)[:, np.newaxis]
    step_x, step_y, unit_x, unit_y = np.hstack([direction, unit]).T[..., np.newaxis, np.newaxis]
    nearest = x * unit_x + y * unit_y  # 0 at the start, 1 at the end
    np.minimum(np.maximum(nearest, 0, out=nearest), 1, out=nearest)
    distance = (x - nearest * step_x) ** 2
    distance += (y - nearest * step_y) ** 2
    near = np.flatnonzero(distance < np.float32(radius + 0.5) ** 2)
    piece, cell = np.divmod(near, side * side)
    corner_column, corner_row = corner.astype(np.int64).T
    columns, rows = corner_column[piece] + cell % side, corner_row[piece] + cell // side
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    covered = radius + 0.5 - np.sqrt(distance.reshape(-1)[near[inside]])
    coverage = (np.minimum(covered, 1) * 255 + 0.5).astype(np.uint8)
    return rows[inside] * width + columns[inside], coverage


def _greatest(
    where: NDArray[np.int64], coverage: NDArray[np.uint8], size: int
) -> NDArray[np.uint8]:
    """Return the greatest coverage of each index in ``where``; indices are less than ``size``."""
    sheet = np.zeros(size, np.uint8)
    rest, higher = where, coverage
    while len(rest):  # if an index is repeated, NumPy keeps its last value
        sheet[rest] = higher
        lost = sheet[rest] < higher
        rest, higher = rest[lost], higher[lost]
    return sheet[where]
