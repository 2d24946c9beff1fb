"""Convert PIL images to arrays. Transparency that is in ``image.info`` becomes alpha.

PIL is not imported here: a program that has an image has imported PIL.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_ORIENTATION = 0x0112  # the EXIF tag; the value 1 means upright (Exif 2.32, 4.6.4)

# The modes to which images are converted. The first table is for palettes, and for modes that PNG
# does not have. The second table is for images with a transparent colour or index.
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


def upright(image: Any) -> Any:
    """Rotate or mirror an image by its EXIF orientation. An upright image is returned unchanged."""
    if not hasattr(image, "getexif") or image.getexif().get(_ORIENTATION, 1) not in range(2, 9):
        return image
    from PIL import ImageOps

    return ImageOps.exif_transpose(image)


def from_pil(image: Any) -> NDArray[Any]:
    """Return the pixels of a ``PIL.Image.Image`` of any mode as HW or HWC, in new memory."""
    transparent = image.info.get("transparency")
    if image.mode.startswith("I;16") and isinstance(transparent, int):  # Pillow's LA has 8 bits
        gray = np.asarray(image)
        return np.stack([gray, np.where(gray == transparent, np.uint16(0), _OPAQUE)], axis=-1)
    modes = _MODES | ({} if transparent is None else _TRANSPARENT_MODES)
    mode = modes.get(image.mode)
    return np.asarray(image if mode is None else image.convert(mode))
