"""Encode levels as a JPEG file, with Pillow."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tbimage.pixels.values.pictures import eight_bits

Image.preinit()  # otherwise Pillow imports modules for the first file, perhaps in a worker

#: JPEG, ITU-T T.81, section B.2.2: sizes are two-byte integers.
MOST_SIDE = 65535

_MODES = {1: "L", 3: "RGB"}


def check_channels(channels: int) -> None:
    """Raise a ValueError for pictures with alpha, because JPEG has no alpha."""
    if channels not in _MODES:
        raise ValueError(
            f"encoding='jpeg' has no transparency, and data has {channels} channels: pass "
            "encoding='png', or data[..., :-1]"
        )


def holds(height: int, width: int, channels: int) -> bool:
    """Tell whether a picture of this size and number of channels can be encoded as JPEG."""
    return channels in _MODES and max(height, width) <= MOST_SIDE


def encode(pixels: NDArray[Any], quality: int = 90) -> bytes:
    """Encode gray or RGB levels ``(H, W, C)``. 16-bit levels lose their low byte.

    Colours are stored at the full resolution (4:4:4), because with 4:2:0 thin coloured lines and
    letters would become pale. The files are 1.3 times as large as with 4:2:0.
    """
    height, width, channels = pixels.shape
    check_channels(channels)
    if max(height, width) > MOST_SIDE:
        raise ValueError(
            f"encoding='jpeg' allows at most {MOST_SIDE} pixels in each direction, got a picture "
            f"of {height}x{width}: pass encoding='png' or max_side={MOST_SIDE}"
        )
    mode = _MODES[channels]
    flat = np.ascontiguousarray(eight_bits(pixels))
    image = Image.frombuffer(mode, (width, height), flat, "raw", mode, 0, 1)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, subsampling=0)
    return file.getvalue()
