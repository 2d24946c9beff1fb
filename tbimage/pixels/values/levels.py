"""Values of any dtype to levels of 8 or 16 bits: ranges, clipping, the colour of non-finite pixels.

What lives here: the one formula from values to levels, and the painting of NaN and infinity. What
does not: value ranges (ranges.py), where arrays come from (arrays.py), what their axes mean
(layouts.py), how levels become bytes (png.py), and warnings: what was clipped or painted is
returned.

Strategy: an image is walked once, in blocks that fit the L2 cache, through scratch memory that each
thread keeps, so that the output is the only new memory of the image's size. Values of at most 16
bits become levels by a table that the same formula fills.

Rules:
- One formula: ``level = trunc(clip(t * 255.5, 0, 255))`` with ``t = (x - low) / (high - low)``. For
  floats in the range (0, 1) it is that of ``tf.image.convert_image_dtype(…, saturate=True)``.
- The range (0, 1) is computed in the dtype of the data, as TensorFlow does; any other range of
  float16 and float32 in float32, or in float64 where float32 cannot hold the range; of wider
  floats in their own dtype, and of integers in float64.
- Without a value range uint8 stays what it is and uint16 stays 16 bits deep; other integers are
  taken as levels and must lie in 0..255.
- A value range concerns colour. Alpha, the last of 2 or 4 channels, means the same whatever the
  colours are, so it keeps the natural range of its dtype: (0, 1) for floats and bools, (0, 65535)
  for uint16, 0..255 for other integers.
- Where the range found in an image is empty (all its values, or both its percentiles, are equal),
  that value becomes mid-gray: t = 0.5, which is level 127.
- A pixel is non-finite if any of its channels is, and is painted as a whole and opaque: what is
  left of the other channels would hide the fault.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from operator import index
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage.pixels.arrays.array_like import check_dtype
from tbimage.pixels.blocks import bits_of, blocks, extent, runs
from tbimage.pixels.scratch import take
from tbimage.pixels.values.ranges import UNIT, Limits, ValueRange, check_value_range, find_limits

__all__ = [
    "Levels",
    "ValueRange",
    "check_nan_color",
    "check_value_range",
    "to_levels",
]

# From [0, 1] to levels: the largest uint8 and a half, as convert_image_dtype in TensorFlow's
# tensorflow/python/ops/image_ops_impl.py has it.
_SCALE = 255.5


@dataclass(frozen=True, slots=True)
class Levels:
    """The pixels of one image, and what was found on the way to them.

    Attributes:
        pixels: ``(H, W, C)``, uint8 or uint16 in native byte order, C-contiguous. It may be the
            very array that was given.
        clipped: The lowest and highest finite value of the image where floats without a value range
            lay so far outside [0, 1] that clipping changed a level, else None. (1.0000001, as
            resizing and sigmoids leave behind, has the level of 1.)
        non_finite: How many pixels were painted because one of their channels was NaN or infinite.
    """

    pixels: NDArray[Any]
    clipped: tuple[float, float] | None
    non_finite: int


def check_nan_color(nan_color: object) -> tuple[int, int, int]:
    """Check the colour of non-finite pixels.

    Args:
        nan_color: Red, green and blue: three integers in 0..255.

    Returns:
        The three as ints.

    Raises:
        TypeError: It is not three integers.
        ValueError: One lies outside 0..255.

    Example:
        >>> check_nan_color([255, 0, 255])
        (255, 0, 255)
    """
    problem = f"nan_color is {nan_color!r}; expected (red, green, blue), integers in 0..255"
    try:
        red, green, blue = (index(value) for value in nan_color)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise TypeError(problem) from None
    if not all(0 <= value <= 255 for value in (red, green, blue)):
        raise ValueError(problem)
    return red, green, blue


def to_levels(
    image: NDArray[Any],
    value_range: object = None,
    nan_color: object = (255, 0, 0),
) -> Levels:
    """Turn the values of one image into levels.

    Args:
        image: ``(H, W, C)`` with 1 to 4 channels and at least one pixel, of bool, any integer or
            any float dtype, any strides and byte order. It is only read.
        value_range: Which values become black and white; see :func:`check_value_range`. Default:
            the natural range of the dtype, which is [0, 1] for floats.
        nan_color: Red, green and blue in 0..255 of pixels that are NaN or infinite; default red.
            Gray images become RGB to show it, and gray+alpha RGBA, unless it is a gray itself.

    Returns:
        The levels, uint8 except for uint16 data without a value range, and what was found.

    Raises:
        TypeError: The dtype, ``value_range`` or ``nan_color`` is of a kind that has no levels.
        ValueError: Integers other than uint8 and uint16 lie outside 0..255 without a value range,
            or ``value_range`` or ``nan_color`` is not allowed.

    Example:
        >>> levels = to_levels(np.array([[[0.0], [0.5], [2.0]]]))
        >>> levels.pixels.ravel().tolist(), levels.clipped
        ([0, 127, 255], (0.0, 2.0))
        >>> to_levels(np.array([[[0.0], [np.nan]]])).pixels.tolist()
        [[[0, 0, 0], [255, 0, 0]]]
    """
    if value_range is None and image.dtype.char in "BH":  # first, as small pictures are many
        return Levels(_as_it_is(image), None, 0)
    check_dtype(image.dtype)
    chosen = check_value_range(value_range)
    color = check_nan_color(nan_color)
    pixels = np.empty(image.shape, np.uint8)
    clipped = None
    with np.errstate(all="ignore"):  # what overflows is clipped, and casts of NaN are painted over
        if chosen is None:
            low, high, finite = _fill(pixels, image, _natural_limits(image.dtype))
            if image.dtype.kind == "f" and (low * _SCALE <= -1 or high * _SCALE >= 256):
                clipped = low, high
        else:
            finite = _fill_in_range(pixels, image, chosen)
    if finite:
        return Levels(pixels, clipped, 0)
    pixels, painted = _paint(pixels, image, color)
    return Levels(pixels, clipped, painted)


def _as_it_is(image: NDArray[Any]) -> NDArray[Any]:
    """The same numbers in C order and native byte order: the array itself where it has both."""
    if image.flags.c_contiguous and image.dtype.isnative:
        return image
    pixels = np.empty(image.shape, image.dtype.newbyteorder("="))
    for block, target in blocks(image, pixels):
        np.copyto(target, block)
    return pixels


def _fill_in_range(pixels: NDArray[Any], image: NDArray[Any], chosen: ValueRange) -> bool:
    """Write the levels of an image that has a value range; return whether all of it is finite."""
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
    """The values of a dtype that become 0 and 255 in 8 bits; None for integers that are levels."""
    if dtype.kind in "bf":
        return UNIT
    return (0.0, 65535.0) if dtype.kind == "u" and dtype.itemsize == 2 else None


def _fill(
    pixels: NDArray[Any], image: NDArray[Any], limits: Limits | None
) -> tuple[float, float, bool]:
    """Write the levels of values.

    Args:
        pixels: uint8, written.
        image: The values, of the same shape.
        limits: What becomes 0 and 255; None for integers that are levels already.

    Returns:
        The image's extent, as `blocks.extent` gives it.
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
            f"data of dtype {image.dtype} has values from {lowest} to {highest}; where value_range "
            "does not apply, integers are levels and must lie in 0..255: pass value_range='minmax' "
            "or the (low, high) that are to be black and white, or convert data to uint8"
        )
    return lowest, highest, all_finite


def _scale(block: NDArray[Any], target: NDArray[Any], limits: Limits, inside: bool) -> None:
    """Write the levels of one block: the formula of this module.

    Args:
        block: The values, at most `blocks.BLOCK` of them.
        target: uint8 of the same shape, written.
        limits: What becomes 0 and 255.
        inside: Whether all values are known to lie within the limits, so that none needs clipping.
    """
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
    """Write ``(block - low) / (high - low)``; where that is 0 / 0, one half."""
    if np.isinf(high - low):  # not in float32, see _arithmetic; halves are exact
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
    """The dtype to compute in; see the rules of this module."""
    if dtype.kind != "f":
        return np.dtype(np.float64)
    native: np.dtype[Any] = dtype.newbyteorder("=")
    if limits == UNIT or dtype.itemsize > 4:
        return native
    low, high = np.float32(limits[0]), np.float32(limits[1])
    held = np.isfinite(high - low) and (low < high or limits[0] == limits[1])
    return np.dtype(np.float32 if held else np.float64)


def _table_for(image: NDArray[Any], limits: Limits | None) -> NDArray[Any] | None:
    """The level of each value by its bits, for dtypes of 8 and 16 bits, where it saves work."""
    values = 1 << 8 * image.dtype.itemsize
    if limits is None or values > 1 << 16 or (limits != UNIT and image.size < values):
        return None
    return _table(image.dtype.newbyteorder("="), limits)


@lru_cache(maxsize=32)  # of at most 64 KiB each
def _table(dtype: np.dtype[Any], limits: Limits) -> NDArray[Any]:
    bits = np.arange(1 << 8 * dtype.itemsize).astype(f"u{dtype.itemsize}")
    table = np.empty(bits.shape, np.uint8)
    for block, target in runs(bits.view(dtype), table):
        _scale(block, target, limits, inside=False)
    return table


def _paint(
    pixels: NDArray[Any], image: NDArray[Any], color: tuple[int, int, int]
) -> tuple[NDArray[Any], int]:
    """Paint the pixels of which a channel is not finite.

    Args:
        pixels: ``(H, W, C)``, uint8.
        image: The values, likewise.
        color: Red, green and blue.

    Returns:
        The painted pixels, with two channels more if they were gray and the colour is not; and how
        many were painted.
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
