"""Pictures and their pixels for the tests: what to log, and what a PNG decodes to.

It makes arrays that look like something, and decodes with Pillow. Event files are read by
readers.py.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

Array = npt.NDArray[Any]


def decode(data: bytes) -> Array:
    """The pixels of an encoded picture, [height, width] or [height, width, channels]."""
    with PIL.Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def gradient(height: int = 24, width: int = 40, channels: int = 3) -> Array:
    """A smooth uint8 picture in which each channel differs."""
    rows, columns = np.mgrid[:height, :width]
    planes = [(rows * (3 + c) + columns * (7 - c)) % 256 for c in range(channels)]
    return np.stack(planes, axis=-1).astype(np.uint8)


def noise(*shape: int, seed: int = 0) -> Array:
    """Uniform uint8 noise."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
