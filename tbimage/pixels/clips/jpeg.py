"""Levels to the bytes of a JPEG file.

What lives here: the call of Pillow, and which pictures JPEG can hold. What does not: PNG (png.py).
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_SIDE", "check_channels", "check_quality", "encode", "holds"]

#: JPEG, ITU-T T.81, section B.2.2: sizes are two-byte integers.
MOST_SIDE = 65535

_MODES = {1: "L", 3: "RGB"}


def check_quality(quality: object) -> int:
    """Check how good a JPEG is to be.

    Args:
        quality: 1 to 100, on the scale of the Independent JPEG Group.

    Raises:
        TypeError: It is no integer.
        ValueError: It lies outside.

    Example:
        >>> check_quality(90)
        90
    """
    problem = f"quality must be an integer from 1 to 100, got {quality!r}"
    try:
        number = int(quality.__index__())  # type: ignore[attr-defined]
    except AttributeError:
        raise TypeError(problem) from None
    if not 1 <= number <= 100:
        raise ValueError(problem)
    return number


def check_channels(channels: int) -> None:
    """Check that JPEG can hold pictures of so many channels.

    Args:
        channels: 1 to 4.

    Raises:
        ValueError: There is alpha, which JPEG lacks.

    Example:
        >>> check_channels(3)
    """
    if channels not in _MODES:
        raise ValueError(
            f"encoding='jpeg' has no transparency, and data has {channels} channels: pass "
            "encoding='png', or data[..., :-1]"
        )


def holds(height: int, width: int, channels: int) -> bool:
    """Whether JPEG can hold a picture.

    Args:
        height: In pixels.
        width: In pixels.
        channels: 1 to 4.

    Example:
        >>> holds(8, 8, 3), holds(8, 8, 4)
        (True, False)
    """
    return channels in _MODES and max(height, width) <= MOST_SIDE


def encode(pixels: NDArray[Any], quality: int = 90) -> bytes:
    """Encode levels as a JPEG file, with loss.

    Colours are stored as finely as brightness (4:4:4), since thin coloured lines and letters would
    fade otherwise: 1.3 times the size of 4:2:0.

    Args:
        pixels: ``(H, W, C)`` uint8 or uint16, gray or RGB; of 16 bits the high byte is taken.
        quality: 1 to 100.

    Returns:
        The file.

    Raises:
        ValueError: The picture has alpha, or a side of more than 65,535 pixels.

    Example:
        >>> encode(np.zeros((8, 8, 3), np.uint8))[:2].hex()
        'ffd8'
    """
    from PIL import Image

    height, width, channels = pixels.shape
    check_channels(channels)
    if max(height, width) > MOST_SIDE:
        raise ValueError(
            f"encoding='jpeg' holds at most {MOST_SIDE} pixels in each direction, got a picture of "
            f"{height}x{width}: pass encoding='png' or max_side={MOST_SIDE}"
        )
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    mode = _MODES[channels]
    flat = np.ascontiguousarray(pixels)
    image = Image.frombuffer(mode, (width, height), flat, "raw", mode, 0, 1)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, subsampling=0)
    return file.getvalue()
