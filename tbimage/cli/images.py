"""Read image files for a writer. Pillow decodes files that browsers cannot show."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["NotAnImageError", "identify", "looks_like_image", "read"]

# The formats that TensorBoard and browsers show; see tbimage/pixels/arrays/encoded.py.
_STORED = {"PNG", "JPEG", "GIF", "BMP"}

# An unreadable file with one of these suffixes is reported as a damaged image.
_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}

# Pillow's modes with 32-bit pixels. Their pixels have no fixed range of values.
_STRETCHED = {"I", "F"}


class NotAnImageError(ValueError):
    """A file is not an image, or Pillow cannot decode it."""


def looks_like_image(path: Path) -> bool:
    """Tell whether a file has the suffix of an image."""
    return path.suffix.lower() in _SUFFIXES


def identify(path: Path) -> str:
    """Return Pillow's name of the file's format. Raise NotAnImageError if Pillow cannot open it."""
    with _opened(path) as image:
        return image.format or ""


def read(path: Path) -> tuple[Any, dict[str, Any]]:
    """Return the data and the keyword arguments for ``SummaryWriter.image``."""
    from PIL import ImageOps

    with _opened(path) as image:
        if image.format in _STORED:
            return path, {}
        upright = ImageOps.exif_transpose(image)
        upright.load()
    return upright, {"value_range": "minmax"} if upright.mode in _STRETCHED else {}


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    from PIL import Image, ImageFile, UnidentifiedImageError

    with open(path, "rb") as file, warnings.catch_warnings():
        # Pillow warns about unusual metadata and large images. TensorBoard can show such images.
        warnings.simplefilter("ignore")
        try:
            image = Image.open(file)
            if isinstance(image, ImageFile.StubImageFile):  # known, but not decodable: HDF5
                raise UnidentifiedImageError
            yield image
        except UnidentifiedImageError as error:
            raise NotAnImageError(f"{path}: not an image, or a damaged one") from error
        except Exception as error:  # a damaged file may raise any exception
            raise NotAnImageError(f"{path}: an image that cannot be read: {error}") from error
