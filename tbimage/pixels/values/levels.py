"""Convert values of any dtype to levels of 8 or 16 bits.

An image is read in blocks that fit the L2 cache. Each thread keeps scratch memory for a block, so
the output is the only new memory of the image's size. Values of at most 16 bits are converted with
a lookup table if this is faster.

Rules:
- The formula is ``level = trunc(clip(t * 255.5, 0, 255))`` with ``t = (x - low) / (high - low)``.
  For floats with the range (0, 1), ``tf.image.convert_image_dtype(…, saturate=True)`` uses the same
  formula.
- Levels of floats with the range (0, 1) are computed in the dtype of the floats, as in TensorFlow.
  With other ranges, float16 and float32 are computed in float32, or in float64 if float32 cannot
  represent the range. Wider floats are computed in their own dtype, and integers in float64.
- Without a value range, uint8 stays uint8 and uint16 stays uint16. Other integers are levels and
  must be in 0..255.
- A value range applies to colours only. Alpha, the last of 2 or 4 channels, keeps the natural range
  of its dtype: (0, 1) for floats and bools, (0, 65535) for uint16, 0..255 for other integers.
- A range that is computed from an image may have only one value, because all values or both
  percentiles are equal. This value becomes mid-gray (t = 0.5, level 127).
- A pixel is not finite if one of its channels is not finite. Then all its channels are painted, and
  its alpha becomes opaque, because the other channels could hide the non-finite channel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage import checks
from tbimage.pixels.arrays.array_like import check_dtype
from tbimage.pixels.blocks import bits_of, blocks, extent, runs
from tbimage.pixels.scratch import take
from tbimage.pixels.values.ranges import (
    UNIT,
    Limits,
    ValueRange,
    check_value_range,
    find_limits,
    float32_holds,
)

# The factor from [0, 1] to levels: the largest uint8 plus one half, as in convert_image_dtype of
# TensorFlow's tensorflow/python/ops/image_ops_impl.py.
_SCALE = 255.5


@dataclass(frozen=True, slots=True)
class Levels:
    """The levels of one image, and the findings about its values."""

    # ``(H, W, C)``, uint8 or uint16 in native byte order, C-contiguous. It may be the caller's
    # array.
    pixels: NDArray[Any]
    # The lowest and the highest finite value if clipping changes the level of a float without a
    # value range, else None. (1.0000001, which resizing and sigmoids produce, has the same level as
    # 1.)
    clipped: tuple[float, float] | None
    non_finite: int  # the number of pixels with a channel that is NaN or infinite


def to_levels(
    image: NDArray[Any],
    value_range: object = None,
    nan_color: object = (255, 0, 0),
) -> Levels:
    """Convert the values of one image ``(H, W, C)`` to levels.

    The levels are uint16 for uint16 data without a value range, else uint8. ``value_range`` has a
    form that :func:`check_value_range` accepts. Non-finite pixels get ``nan_color``. If this colour
    is not a gray, gray images with such pixels become RGB, and gray images with alpha become RGBA.
    Without a value range, integers outside 0..255, except uint16, raise a ValueError.
    """
    if value_range is None and image.dtype.char in "BH":  # checked first: fast for small pictures
        return Levels(_as_it_is(image), None, 0)
    check_dtype(image.dtype)
    chosen = check_value_range(value_range)
    color = checks.color("nan_color", nan_color)
    pixels = np.empty(image.shape, np.uint8)
    clipped = None
    with np.errstate(all="ignore"):  # overflow is clipped, and NaN is painted over
        if chosen is None:
            low, high, finite = _fill(pixels, image, _natural_limits(image.dtype))
            if image.dtype.kind == "f" and (low * _SCALE <= -1 or high * _SCALE >= 256):
                clipped = low, high
        else:
            finite = _fill_in_range(pixels, image, chosen)
    if finite:
        return Levels(pixels, clipped, 0)
    pixels, painted = paint_non_finite(pixels, image, color)
    return Levels(pixels, clipped, painted)


def _as_it_is(image: NDArray[Any]) -> NDArray[Any]:
    """Return the same numbers in C order and native byte order, without a copy if possible."""
    if image.flags.c_contiguous and image.dtype.isnative:
        return image
    pixels = np.empty(image.shape, image.dtype.newbyteorder("="))
    for block, target in blocks(image, pixels):
        np.copyto(target, block)
    return pixels


def _fill_in_range(pixels: NDArray[Any], image: NDArray[Any], chosen: ValueRange) -> bool:
    """Write the levels of an image with a value range; return whether all its values are finite."""
    alpha = image.shape[2] in (2, 4)
    colors = slice(0, image.shape[2] - alpha)
    limits = find_limits(image[..., colors], chosen)
    _, _, finite = _fill(pixels[..., colors], image[..., colors], limits)
    if alpha:
        natural = _natural_limits(image.dtype)
        _, _, finite_alpha = _fill(pixels[..., -1:], image[..., -1:], natural)
        finite = finite and finite_alpha
    return finite


def _natural_limits(dtype: np.dtype[Any]) -> Limits | None:
    """Return the values that become 0 and 255, or None for integers that are levels."""
    if dtype.kind in "bf":
        return UNIT
    return (0.0, 65535.0) if dtype.kind == "u" and dtype.itemsize == 2 else None


def _fill(
    pixels: NDArray[Any], image: NDArray[Any], limits: Limits | None
) -> tuple[float, float, bool]:
    """Write the levels of values into ``pixels``, and return the :func:`extent` of the values.

    ``limits`` are the values that become 0 and 255; None for integers that are levels.
    """
    table = _table_for(image, limits)
    lowest, highest, all_finite = math.inf, -math.inf, True
    for block, target in blocks(image, pixels):
        low, high, finite = extent(block)
        lowest, highest, all_finite = min(lowest, low), max(highest, high), all_finite and finite
        if limits is None:
            np.copyto(target, block, casting="unsafe")
        elif table is not None:
            table.take(bits_of(block), out=target, mode="clip")
        else:
            _scale(block, target, limits, finite and limits[0] <= low and high <= limits[1])
    if limits is None and not (lowest >= 0 and highest <= 255):
        raise ValueError(
            f"data of dtype {image.dtype} has values from {lowest} to {highest}; without "
            "value_range (and in alpha), integers are levels and must be in 0..255: pass "
            "value_range='minmax' or (low, high), the values of black and white, or convert data "
            "to uint8"
        )
    return lowest, highest, all_finite


def _scale(block: NDArray[Any], target: NDArray[Any], limits: Limits, inside: bool) -> None:
    """Write the levels of a block by the formula. ``inside`` means that no value needs clipping."""
    dtype = _arithmetic(block.dtype, limits)
    values = take("levels", block.size * dtype.itemsize).view(dtype).reshape(block.shape)
    scale = dtype.type(_SCALE)
    if limits == UNIT:
        np.multiply(block, scale, out=values, dtype=dtype)
    else:
        _normalize(block, values, dtype.type(limits[0]), dtype.type(limits[1]))
        np.multiply(values, scale, out=values)
    if not inside:
        np.clip(values, dtype.type(0), dtype.type(255), out=values)
    np.copyto(target, values, casting="unsafe")


def _normalize(block: NDArray[Any], out: NDArray[Any], low: Any, high: Any) -> None:
    """Write ``(block - low) / (high - low)``; if this is 0 / 0, write one half."""
    if np.isinf(high - low):  # never in float32, see _arithmetic; division by 2 is exact
        np.multiply(block, 0.5, out=out, dtype=out.dtype)
        block, low, high = out, low / 2, high / 2
    np.subtract(block, low, out=out, dtype=out.dtype)
    if low < high:
        np.divide(out, high - low, out=out)
    else:  # the sign, -1, 0 or 1, becomes 0, one half or 1
        np.sign(out, out=out)
        np.add(out, 1, out=out)
        np.divide(out, 2, out=out)


def _arithmetic(dtype: np.dtype[Any], limits: Limits) -> np.dtype[Any]:
    """Return the dtype of the computation; see the rules of this module."""
    if dtype.kind != "f":
        return np.dtype(np.float64)
    native: np.dtype[Any] = dtype.newbyteorder("=")
    if limits == UNIT or dtype.itemsize > 4:
        return native
    return np.dtype(np.float32 if float32_holds(limits) else np.float64)


def _table_for(image: NDArray[Any], limits: Limits | None) -> NDArray[Any] | None:
    """Return a table of the levels of all bit patterns, or None if a table is not faster."""
    values = 1 << 8 * image.dtype.itemsize
    if limits is None or values > 1 << 16 or (limits != UNIT and image.size < values):
        return None
    return _table(image.dtype.newbyteorder("="), limits)


@lru_cache(maxsize=32)  # a table has at most 64 KiB
def _table(dtype: np.dtype[Any], limits: Limits) -> NDArray[Any]:
    bits = np.arange(1 << 8 * dtype.itemsize).astype(f"u{dtype.itemsize}")
    table = np.empty(bits.shape, np.uint8)
    for block, target in runs(bits.view(dtype), table):
        _scale(block, target, limits, inside=False)
    return table


def paint_non_finite(
    pixels: NDArray[Any], image: NDArray[Any], color: tuple[int, int, int]
) -> tuple[NDArray[Any], int]:
    """Paint pixels that are not finite in ``image``; return all pixels, and how many are painted.

    Gray pixels get two more channels if the colour is not gray.
    """
    height, width, channels = pixels.shape
    if channels <= 2 and len(set(color)) > 1:
        wider = np.empty((height, width, channels + 2), np.uint8)
        wider[..., :3] = pixels[..., :1]
        wider[..., 3:] = pixels[..., 1:]
        pixels = wider
    paint = (*color, 255) if pixels.shape[2] > 2 else (color[0], 255)
    painted = 0
    for block, target in runs(image, pixels):
        faulty = ~np.isfinite(block[..., 0])
        for channel in range(1, channels):
            faulty |= ~np.isfinite(block[..., channel])
        target[faulty] = paint[: pixels.shape[2]]
        painted += int(np.count_nonzero(faulty))
    return pixels, painted
