"""The common rules of torch and tensorboardX for pixels, and their grid of images.

The levels differ by at most 1 from the levels of ``SummaryWriter.image``, which uses TensorFlow's
rule.

Rules:
- Floats become ``trunc(clip(x * 255, 0, 255))``. This is computed in float32 for torch, and in the
  dtype of the floats for tensorboardX. (tensorboardX itself does not clip: its levels wrap around.)
- uint8 stays unchanged. (torch converts it to float32 and back, with the same result.)
- bool, and other integers that are all 0 or 1, become black and white, as in both peers.
- Other integers are levels. The levels of uint16 have 16 bits. The levels of all other types have 8
  bits, and are clipped. (With torch, values above 0 become white. With tensorboardX, levels wrap
  around.)
- Pixels that are not finite are painted red. (With both peers, the levels of such pixels depend on
  the processor.)
- Gray images keep one channel. (Both peers store this channel three times.)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from tbimage.pixels.blocks import blocks, extent
from tbimage.pixels.values.levels import Levels, paint_non_finite

Pixels = npt.NDArray[Any]

_SCALE = 255
_RED = (255, 0, 0)


def to_levels(image: Pixels, *, single: bool) -> Levels:
    """Turn values ``(H, W, C)`` into levels.

    If ``single`` is True, floats are scaled in float32, as torch does. Otherwise they are scaled in
    their own dtype.
    """
    if image.dtype == np.uint8:
        return Levels(image, None, 0)
    if image.dtype.kind == "f":
        return _from_floats(image, np.dtype(np.float32) if single else image.dtype)
    low, high, _ = extent(image)
    if low >= 0 and high <= 1:
        return Levels(np.multiply(image, _SCALE, dtype=np.uint8, casting="unsafe"), None, 0)
    if image.dtype.kind == "u" and image.dtype.itemsize == 2:
        return Levels(image, None, 0)
    inside = low >= 0 and high <= 255
    levels = image if inside else image.clip(0, 255)
    return Levels(levels.astype(np.uint8), None if inside else (low, high), 0)


def _from_floats(image: Pixels, dtype: np.dtype[Any]) -> Levels:
    pixels: Pixels = np.empty(image.shape, np.uint8)
    dtype = dtype.newbyteorder("=")
    scale = dtype.type(_SCALE)
    lowest, highest, all_finite = math.inf, -math.inf, True
    with np.errstate(all="ignore"):  # overflow is clipped, and NaN is painted red
        for block, target in blocks(image, pixels):
            low, high, finite = extent(block)
            lowest, highest = min(lowest, low), max(highest, high)
            all_finite = all_finite and finite
            scaled = block.astype(dtype) * scale
            np.copyto(target, scaled.clip(0, _SCALE), casting="unsafe")
    outside = lowest * _SCALE <= -1 or highest * _SCALE >= _SCALE + 1
    clipped = (lowest, highest) if outside else None
    if all_finite:
        return Levels(pixels, clipped, 0)
    pixels, painted = paint_non_finite(pixels, image, _RED)
    return Levels(pixels, clipped, painted)


def grid(images: Pixels) -> Pixels:
    """Put a batch ``(N, H, W, C)`` on one sheet, in at most 8 columns, as both peers do."""
    from tbimage.pixels.drawing.grid import tile

    return tile(images, min(len(images), 8))
