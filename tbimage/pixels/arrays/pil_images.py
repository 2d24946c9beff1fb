"""Images of PIL to arrays.

What lives here: what each of PIL's modes becomes, and transparency that is not in the pixels but
beside them. What does not: telling that an object is such an image (arrays.py). PIL itself is not
imported: who hands in an image has.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["from_pil"]

# What images become whose mode PNG lacks, and images of which one colour or index is transparent.
_MODES = {
    "P": "RGB",
    "PA": "RGBA",
    "La": "LA",
    "RGBa": "RGBA",
    "RGBX": "RGB",
    "CMYK": "RGB",
    "YCbCr": "RGB",
    "HSV": "RGB",
    "LAB": "RGB",
}
_TRANSPARENT_MODES = {"1": "LA", "L": "LA", "P": "RGBA", "RGB": "RGBA"}

_OPAQUE = np.uint16(65535)


def from_pil(image: Any) -> NDArray[Any]:
    """Give the pixels of an image of PIL.

    Args:
        image: A ``PIL.Image.Image`` of any mode.

    Returns:
        HW or HWC, in new memory.

    Raises:
        OSError: The image is of a file that is truncated, or that cannot be read.

    Example:
        >>> from PIL import Image
        >>> from_pil(Image.new("CMYK", (3, 2))).shape
        (2, 3, 3)
    """
    transparent = image.info.get("transparency")
    if image.mode.startswith("I;16") and isinstance(transparent, int):  # Pillow's LA has 8 bits
        gray = np.asarray(image)
        return np.stack([gray, np.where(gray == transparent, np.uint16(0), _OPAQUE)], axis=-1)
    modes = _MODES | ({} if transparent is None else _TRANSPARENT_MODES)
    mode = modes.get(image.mode)
    return np.asarray(image if mode is None else image.convert(mode))
