"""Cut images into blocks that fit the L2 cache, and find the range and the values of a block.

Blocks are views, so cutting copies no pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: The maximum number of elements in a block: 256 KiB of float32, half of a usual L2 cache. The
#: levels of a float32 image of 1080×1920×3 take 4.4 ms. Half of this size would make it 5.5 ms, and
#: twice this size 4.0 ms.
BLOCK = 1 << 16

#: A block of one array and the same block of another array.
Pair = tuple[NDArray[Any], NDArray[Any]]


def blocks(source: NDArray[Any], target: NDArray[Any]) -> Iterator[Pair]:
    """Cut two images ``(H, W, C)`` into the same blocks, for elementwise work.

    A block may have any number of axes. If the channels of a pixel are not adjacent in the source,
    each channel is cut separately. Otherwise NumPy's inner loop would run only over the channels
    of one pixel. For uint8 images with the axes CHW, that would be 7 times slower.
    """
    channels = source.shape[2]
    if channels > 1 and source.strides[1:] == (source.itemsize * channels, source.itemsize):
        yield from runs(source, target)
        return
    for channel in range(channels):
        plane, target_plane = source[..., channel], target[..., channel]
        if abs(plane.strides[0]) < abs(plane.strides[1]):
            plane, target_plane = plane.T, target_plane.T
        yield from runs(plane, target_plane)


def runs(source: NDArray[Any], target: NDArray[Any]) -> Iterator[Pair]:
    """Cut two arrays along their first axes into the same blocks of at most ``BLOCK`` elements."""
    if source.size <= BLOCK:
        yield source, target
        return
    rows = BLOCK * len(source) // source.size
    if rows == 0:
        for row in range(len(source)):
            yield from runs(source[row], target[row])
        return
    for start in range(0, len(source), rows):
        yield source[start : start + rows], target[start : start + rows]


def extent(block: NDArray[Any]) -> tuple[float, float, bool]:
    """Return the lowest and the highest finite value of a block, and whether all values are finite.

    If the block has no finite value, the lowest is infinity and the highest is -infinity.
    """
    if block.dtype.kind != "f":
        return int(block.min()), int(block.max()), True
    low, high = _half_extent(block) if block.dtype.itemsize == 2 else (block.min(), block.max())
    if math.isfinite(low) and math.isfinite(high):  # a NaN in the block would make low or high NaN
        return float(low), float(high), True
    finite = block[np.isfinite(block)]
    if not finite.size:
        return math.inf, -math.inf, False
    return float(finite.min()), float(finite.max()), finite.size == block.size


def distinct(values: NDArray[Any]) -> NDArray[Any]:
    """Return each value of an array once, in ascending order, as ``np.unique`` does.

    ``np.unique`` is not used in workers: since NumPy 2.3 it is C++ that waits for the interpreter's
    lock. If the process ends during this wait, the thread is stopped there, and C++ aborts.
    """
    if values.dtype.kind in "iu" and values.size and values.min() >= 0 and values.max() < 1 << 16:
        counts = np.bincount(values.reshape(-1).astype(np.intp, copy=False))
        return np.flatnonzero(counts).astype(values.dtype)
    ordered = np.sort(values, axis=None)
    is_new = np.ones(ordered.shape, bool)
    np.not_equal(ordered[1:], ordered[:-1], out=is_new[1:])
    return ordered[is_new]


def _half_extent(block: NDArray[Any]) -> tuple[np.float16, np.float16]:
    """Return the lowest and highest value of a float16 block.

    If any value of the block is not finite, at least one of the two results is not finite. NumPy
    compares integers 40 times faster than float16, so the function compares the bit patterns as
    integers. A greater positive value has a greater bit pattern. A greater negative value has a
    smaller bit pattern.
    """
    bits = bits_of(block)
    signed = bits.view(np.int16)
    least, most = signed.min(), signed.max()
    low = bits.max().view(np.int16) if least < 0 else least
    high = most if most >= 0 else least
    return low.view(np.float16), high.view(np.float16)


def bits_of(block: NDArray[Any]) -> NDArray[Any]:
    """Return values of 8 or 16 bits as native unsigned integers, as a view if possible."""
    native = block.astype(block.dtype.newbyteorder("="), copy=False)
    return native.view(f"u{native.dtype.itemsize}")
