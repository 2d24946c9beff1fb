"""The pixel rule that torch and tensorboardX share, and their grid.

The rule of ``SummaryWriter.image`` is TensorFlow's, up to one level apart.

Rules:
- Floats become ``trunc(clip(x * 255, 0, 255))``: in float32 as torch has it, or in their own dtype
  as tensorboardX has it, which does not clip but wraps around.
- uint8 stays as it is. (torch sends it through float32, with the same result.)
- bool, and integers that are all 0 or 1, are black and white: masks, as both peers show them.
- Other integers, of which torch makes white and tensorboardX noise, are levels: uint16 of 16 bits,
  all others of 8, clipped.
- Pixels that are not finite are painted red. (Both peers leave them to the processor.)
- Gray stays one channel. (Both peers store it three times.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tbimage.pixels.blocks import blocks, extent

Pixels = npt.NDArray[Any]

_SCALE = 255
_RED = (255, 0, 0, 255)


@dataclass(frozen=True, slots=True)
class PeerLevels:
    """The pixels of one picture, and what was found on the way to them.

    Attributes:
        pixels: ``(H, W, C)``, uint8 or uint16.
        clipped: The lowest and highest finite value, where clipping changed a level, else None.
        non_finite: How many pixels were painted.
    """

    pixels: Pixels
    clipped: tuple[float, float] | None
    non_finite: int


def to_levels(image: Pixels, *, single: bool) -> PeerLevels:
    """Turn values into levels.

    Args:
        image: ``(H, W, C)`` of bool, any integer or any float dtype.
        single: Whether floats are scaled in float32, as torch does, and not in their own dtype.

    Returns:
        The levels, and what was found.

    Example:
        >>> to_levels(np.array([[[0.5], [1.2]]]), single=True).pixels.ravel().tolist()
        [127, 255]
        >>> to_levels(np.array([[[0], [1]]]), single=True).pixels.ravel().tolist()
        [0, 255]
    """
    if image.dtype == np.uint8:
        return PeerLevels(image, None, 0)
    if image.dtype.kind == "f":
        return _from_floats(image, np.dtype(np.float32) if single else image.dtype)
    low, high, _ = extent(image)
    if low >= 0 and high <= 1:
        return PeerLevels(np.multiply(image, _SCALE, dtype=np.uint8, casting="unsafe"), None, 0)
    if image.dtype.kind == "u" and image.dtype.itemsize == 2:
        return PeerLevels(image, None, 0)
    inside = low >= 0 and high <= 255
    levels = image if inside else image.clip(0, 255)
    return PeerLevels(levels.astype(np.uint8), None if inside else (low, high), 0)


def _from_floats(image: Pixels, dtype: np.dtype[Any]) -> PeerLevels:
    pixels: Pixels = np.empty(image.shape, np.uint8)
    dtype = dtype.newbyteorder("=")
    scale = dtype.type(_SCALE)
    lowest, highest, all_finite = math.inf, -math.inf, True
    with np.errstate(all="ignore"):  # what overflows is clipped, and casts of NaN are painted over
        for block, target in blocks(image, pixels):
            low, high, finite = extent(block)
            lowest, highest = min(lowest, low), max(highest, high)
            all_finite = all_finite and finite
            scaled = block.astype(dtype) * scale
            np.copyto(target, scaled.clip(0, _SCALE), casting="unsafe")
    outside = lowest * _SCALE <= -1 or highest * _SCALE >= _SCALE + 1
    clipped = (lowest, highest) if outside else None
    if all_finite:
        return PeerLevels(pixels, clipped, 0)
    faulty = ~np.isfinite(image).all(axis=2)
    pixels = with_colors(pixels)  # of gray, to show the red
    pixels[faulty] = _RED[: pixels.shape[-1]]
    return PeerLevels(pixels, clipped, int(np.count_nonzero(faulty)))


def with_colors(pixels: Pixels) -> Pixels:
    """Make gray pixels RGB, and gray and alpha RGBA.

    Args:
        pixels: ``(H, W, C)``.

    Returns:
        The same array if it has colours.

    Example:
        >>> with_colors(np.zeros((2, 2, 2))).shape
        (2, 2, 4)
    """
    if pixels.shape[2] >= 3:
        return pixels
    return np.concatenate([pixels[..., :1].repeat(3, axis=2), pixels[..., 1:]], axis=2)


def grid(images: Pixels, columns: int = 8) -> Pixels:
    """Put a batch side by side and row by row, in one picture; what is left over is black.

    Args:
        images: ``(N, H, W, C)``, N at least 1.
        columns: In each row, at most; 8 is what both peers have.

    Returns:
        ``(rows * H, columns * W, C)``.

    Example:
        >>> grid(np.ones((9, 4, 5, 3))).shape
        (8, 40, 3)
    """
    count, height, width, channels = images.shape
    columns = min(count, columns)
    rows = -(-count // columns)
    sheet: Pixels = np.zeros((rows * columns, height, width, channels), images.dtype)
    sheet[:count] = images
    sheet = sheet.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return sheet.reshape(rows * height, columns * width, channels)
