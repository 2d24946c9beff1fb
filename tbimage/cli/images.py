"""Files to what a writer takes: stored as they are, or decoded with Pillow."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["NotAnImageError", "identify", "looks_like_image", "read"]

# What TensorBoard serves and browsers draw; see tbimage/pixels/arrays/encoded.py.
_STORED = {"PNG", "JPEG", "GIF", "BMP"}

# Of these a file that cannot be read is damaged, and not of some other kind.
_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}

# Modes of 32-bit numbers, which have no natural range.
_STRETCHED = {"I", "F"}


class NotAnImageError(ValueError):
    """Pillow cannot read a file."""


def looks_like_image(path: Path) -> bool:
    """Tell whether the name of a file claims that it is an image."""
    return path.suffix.lower() in _SUFFIXES


def identify(path: Path) -> str:
    """Return an image's format, as Pillow names it; NotAnImageError where there is none."""
    with _opened(path) as image:
        return image.format or ""


def read(path: Path) -> tuple[Any, dict[str, Any]]:
    """Return what to pass to a writer for a file, and the keywords that go with it."""
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
        # Of odd metadata, and of large images, which TensorBoard shows all the same.
        warnings.simplefilter("ignore")
        try:
            image = Image.open(file)
            if isinstance(image, ImageFile.StubImageFile):  # HDF5 and others, known by name only
                raise UnidentifiedImageError
            yield image
        except UnidentifiedImageError as error:
            raise NotAnImageError(f"{path}: not an image, or a damaged one") from error
        except Exception as error:  # Pillow raises whatever a damaged file leads to
            raise NotAnImageError(f"{path}: an image that cannot be read: {error}") from error
