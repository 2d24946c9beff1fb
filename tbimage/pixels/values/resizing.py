"""Pictures in other sizes.

What lives here: which size is wanted, and the change to it. What does not: enlarging by whole
factors (tiling.enlarge).

Rules:
- Smaller is antialiased by Pillow. A whole fraction of the size is the average of blocks. Any other
  is made by a Hamming filter, after blocks of as many pixels were averaged as leave the picture
  half as large again as it will be (``reducing_gap=1.5``): 1.1 GB/s of what is read, with a root
  mean square difference of 2 levels from the filter alone, which takes twice as long. No weight is
  negative, so that no edge overshoots.
- Larger repeats pixels: nothing is shown that is not in the data.
- Colours of transparent pixels do not bleed: alpha is multiplied in first.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["check_max_side", "check_scale", "nearest", "resize", "target_size"]

Pixels = NDArray[Any]
Size = tuple[int, int]

# Pillow's modes for 1 to 4 channels of 8 bits.
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}

# It makes of a single pixel more of them than TensorBoard shows (encoded.MOST_PIXELS).
_LARGEST_SCALE = 1e9


def check_max_side(max_side: object) -> int | None:
    """Check how long the longer side may be.

    Args:
        max_side: 1 or more, in pixels; None: as long as it is.

    Raises:
        TypeError: It is no integer.
        ValueError: It is less than 1.

    Example:
        >>> check_max_side(512)
        512
    """
    if max_side is None:
        return None
    try:
        side = int(max_side.__index__())  # type: ignore[attr-defined]
    except AttributeError:
        raise TypeError(
            f"max_side must be an integer or None, got {max_side!r} of type "
            f"{type(max_side).__name__}"
        ) from None
    if side < 1:
        raise ValueError(f"max_side must be at least 1 pixel, got {side}")
    return side


def check_scale(scale: object) -> float | None:
    """Check a factor for both sides.

    Args:
        scale: More than 0: 0.5 for half of each side, 4 for each pixel four times in each
            direction; None for 1.

    Raises:
        TypeError: It is no number.
        ValueError: It is not more than 0 and at most 1e9.

    Example:
        >>> check_scale(0.5)
        0.5
    """
    if scale is None:
        return None
    try:
        factor = float(scale)  # type: ignore[arg-type]
        if isinstance(scale, (bool, str)):
            raise TypeError
    except OverflowError:  # an int of more than 308 digits
        factor = math.inf
    except (TypeError, ValueError):
        raise TypeError(
            f"scale must be a number or None, got {scale!r} of type {type(scale).__name__}"
        ) from None
    if not 0 < factor <= _LARGEST_SCALE:
        raise ValueError(
            f"scale must be more than 0 (0.5 halves both sides) and at most {_LARGEST_SCALE:g}, "
            f"got {scale!r}"
        )
    return factor


def target_size(
    height: int, width: int, max_side: int | None = None, scale: float | None = None
) -> Size:
    """Find the size that a picture will have.

    Args:
        height: Of the picture, in pixels.
        width: Likewise.
        max_side: The most pixels of the longer side, after ``scale``; never enlarges.
        scale: A factor for both sides.

    Returns:
        Height and width, 1 or more each, in nearly the same proportion.

    Example:
        >>> target_size(1080, 1920, max_side=512)
        (288, 512)
        >>> target_size(28, 28, scale=4)
        (112, 112)
    """
    factor = 1.0 if scale is None else scale
    longer = max(height, width)
    if max_side is not None and max_side < longer * factor:  # else too large for a float, perhaps
        factor = max_side / longer
    return max(1, round(height * factor)), max(1, round(width * factor))


def resize(pixels: Pixels, size: Size) -> Pixels:
    """Change the size of a picture.

    Args:
        pixels: ``(H, W, C)``, uint8 or uint16, 1 to 4 channels.
        size: Height and width, 1 or more each.

    Returns:
        ``(height, width, C)`` of the same dtype; the same array if nothing changes.

    Example:
        >>> chessboard = np.indices((64, 64)).sum(0)[..., None].astype(np.uint8) % 2 * 254
        >>> np.unique(resize(chessboard, (32, 32))).tolist()
        [127]
    """
    height, width = size
    if pixels.shape[0] < height or pixels.shape[1] < width:
        larger = nearest(pixels, (max(height, pixels.shape[0]), max(width, pixels.shape[1])))
        return resize(larger, size)
    if pixels.shape[:2] == (height, width):
        return pixels
    if pixels.dtype == np.uint8:
        return _reduced(pixels, size)
    if pixels.shape[2] in (1, 3):
        channels = [_reduced_deep(pixels[..., c], size) for c in range(pixels.shape[2])]
    else:
        alpha = pixels[..., -1].astype(np.float32)
        channels = [
            _reduced_deep(pixels[..., c] * (alpha / 65535), size)
            for c in range(pixels.shape[2] - 1)
        ]
        smaller = _reduced_deep(alpha, size)
        safe = np.where(smaller > 0, smaller, np.float32(65535))
        channels = [*(channel * 65535 / safe for channel in channels), smaller]
    levels: Pixels = np.minimum(np.stack(channels, axis=-1) + np.float32(0.5), 65535)
    return levels.astype(np.uint16)


def nearest(pixels: Pixels, size: Size) -> Pixels:
    """Change the size of a picture, or of class indices, by repeating or leaving out pixels.

    Args:
        pixels: ``(H, W)`` or ``(H, W, C)``, any dtype.
        size: Height and width, 1 or more each.

    Returns:
        ``(height, width)`` or ``(height, width, C)``: each pixel is the one that its centre falls
        into; the same array if nothing changes.

    Example:
        >>> nearest(np.array([[1, 2, 3]]), (1, 6)).tolist()
        [[1, 1, 2, 2, 3, 3]]
    """
    for axis, wanted in enumerate(size):
        count = pixels.shape[axis]
        if wanted != count:
            places = (2 * np.arange(wanted) + 1) * count // (2 * wanted)
            pixels = pixels.take(places, axis=axis)
    return pixels


def _reduced(pixels: Pixels, size: Size) -> Pixels:
    from PIL import Image

    mode = _MODES[pixels.shape[2]]
    flat = np.ascontiguousarray(pixels)
    image = Image.frombuffer(mode, flat.shape[1::-1], flat, "raw", mode, 0, 1)
    smaller = _by_pillow(image, size)
    return np.asarray(smaller).reshape(*size, pixels.shape[2])


def _reduced_deep(channel: Pixels, size: Size) -> Pixels:
    """One channel as float32, which Pillow computes with more than 8 bits."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(channel, np.float32))
    return np.asarray(_by_pillow(image, size))


def _by_pillow(image: Any, size: Size) -> Any:
    from PIL import Image

    height, width = size
    if image.height % height == 0 and image.width % width == 0:
        return image.reduce((image.width // width, image.height // height))
    return image.resize((width, height), Image.Resampling.HAMMING, reducing_gap=1.5)
