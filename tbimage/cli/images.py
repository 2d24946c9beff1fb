"""Files to what a writer takes: stored as they are, or decoded.

What lives here: telling an image from another file, and decoding what TensorBoard does not show.
What does not: names and order (files.py). Pillow does both, and is imported with the first file.
"""

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
    """Tell whether a file's name claims that it is an image.

    Args:
        path: The file, which need not be there.

    Example:
        >>> looks_like_image(Path("cat.JPG")), looks_like_image(Path("notes.txt"))
        (True, False)
    """
    return path.suffix.lower() in _SUFFIXES


def identify(path: Path) -> str:
    """Tell an image's format by its header.

    Args:
        path: The file.

    Returns:
        The format, as Pillow names it.

    Raises:
        NotAnImageError: Pillow cannot read it.
        OSError: It cannot be opened.

    Example:
        >>> from PIL import Image
        >>> Image.new("L", (4, 4)).save("gray.dat", "webp")
        >>> identify(Path("gray.dat"))
        'WEBP'
    """
    with _opened(path) as image:
        return image.format or ""


def read(path: Path) -> tuple[Any, dict[str, Any]]:
    """Get what to pass to a writer for a file, and the keywords that go with it.

    Args:
        path: The file.

    Returns:
        The path itself for a PNG, JPEG, GIF or BMP, which is stored as it is. For any other the
        decoded image, upright (by its EXIF orientation), the first one where it holds several; an
        image of 32-bit numbers is to be stretched from their lowest to their highest.

    Raises:
        NotAnImageError: Pillow cannot read it.
        OSError: It cannot be opened.

    Example:
        >>> from PIL import Image
        >>> Image.new("F", (4, 4)).save("numbers.tif")
        >>> image, keywords = read(Path("numbers.tif"))
        >>> image.size, keywords
        ((4, 4), {'value_range': 'minmax'})
    """
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
