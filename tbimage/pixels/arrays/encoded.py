"""Pictures that arrive encoded and are stored as they are: only their header is read.

What lives here: the formats that TensorBoard serves, and what their headers say. What does not:
arrays (arrays.py), and decoding, which nothing here does.

Rules:
- What TensorBoard would not show is refused. It serves what Pillow identifies as PNG, JPEG, GIF or
  BMP, and all else, WebP and TIFF among it, as application/octet-stream, which browsers do not draw
  (tensorboard/util/img_mime_type_detector.py, TensorBoard 2.20 and newer).
- The header is read by Pillow, as there, but by the class of one format and not by ``Image.open``,
  whose check for decompression bombs warns, or raises, by a limit that belongs to the application.
- Bytes are kept as they are. A mutable buffer is copied, since its owner may reuse it.
"""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass
from importlib import import_module
from typing import Any

__all__ = ["MOST_PIXELS", "EncodedImage", "read_encoded", "read_header"]

#: Above it Pillow raises DecompressionBombError in TensorBoard: twice ``Image.MAX_IMAGE_PIXELS``,
#: which is a quarter of a GiB at 3 bytes a pixel.
MOST_PIXELS = 2 * (1024**3 // 4 // 3)


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """A picture in a format that TensorBoard serves.

    Attributes:
        data: The bytes, as they were given.
        format: ``"PNG"``, ``"JPEG"``, ``"GIF"`` or ``"BMP"``.
        width: In pixels.
        height: In pixels.
        channels: What a decoder gives: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA.
    """

    data: bytes
    format: str
    width: int
    height: int
    channels: int


def read_encoded(
    data: bytes | bytearray | memoryview | str | os.PathLike[str],
) -> EncodedImage:
    """Take an encoded picture from memory or from a file.

    Args:
        data: The bytes of a PNG, JPEG, GIF or BMP file, or the path of one, which is read whole.

    Returns:
        The picture.

    Raises:
        TypeError: It is neither bytes nor a path.
        ValueError: See :func:`read_header`.
        OSError: The file cannot be read.

    Example:
        >>> import pathlib, tempfile
        >>> bmp = b"BM" + bytes([30, 0, 0, 0, 0, 0, 0, 0, 26, 0, 0, 0, 12, 0, 0, 0, 1, 0, 1, 0])
        >>> bmp += bytes([1, 0, 24, 0, 0, 0, 255, 0])  # one red pixel
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = pathlib.Path(directory, "red.bmp")
        ...     _ = path.write_bytes(bmp)
        ...     read_encoded(path).format
        'BMP'
    """
    if isinstance(data, (bytes, bytearray, memoryview)):
        return read_header(bytes(data))
    if not isinstance(data, (str, os.PathLike)):
        raise TypeError(
            f"data is a {type(data).__name__}; expected the bytes of a PNG, JPEG, GIF or BMP file, "
            "or its path"
        )
    path = os.fspath(data)  # open() prefers __index__, and would close that descriptor
    with open(path, "rb") as file:
        content = file.read()
    try:
        return read_header(content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def read_header(data: bytes) -> EncodedImage:
    """Read the header of an encoded picture; nothing is decoded.

    Args:
        data: The bytes of a PNG, JPEG, GIF or BMP file.

    Returns:
        The picture with what its header says. Animations are described by their first frame.

    Raises:
        ValueError: The bytes are no picture, their header is damaged, or the picture is of a format
            or of a size that TensorBoard does not show.

    Example:
        >>> gif = b"GIF89a" + bytes([2, 0, 1, 0, 0, 0, 0, 44, 0, 0, 0, 0, 2, 0, 1, 0, 0, 2, 0, 59])
        >>> picture = read_header(gif)
        >>> picture.format, picture.width, picture.height, picture.channels
        ('GIF', 2, 1, 3)
    """
    name = _name_of(data)
    if name is None or name not in _OPENERS:
        raise ValueError(
            f"data holds {name or 'no known picture'} (it begins with {data[:12]!r}); expected "
            "PNG, JPEG, GIF or BMP, as TensorBoard shows no other: open it with PIL and pass the "
            "image"
        )
    module, opener = _OPENERS[name]
    try:
        image = getattr(import_module(module), opener)(io.BytesIO(data))
        if not image.tile:  # as with a JPEG without its scan, which Pillow 13 takes
            raise ValueError("it ends before its pixels")
    except Exception as error:  # Pillow raises whatever a damaged header leads to
        raise ValueError(f"data holds a {name} picture with a damaged header: {error}") from error
    if image.format != name:
        raise ValueError(
            f"data holds {image.format}, a {name} file of several pictures, which TensorBoard does "
            "not show: open it with PIL and pass the image"
        )
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise ValueError(
            f"data holds a picture of {width} x {height} pixels; expected at most {MOST_PIXELS:,} "
            "in all, above which Pillow raises DecompressionBombError in TensorBoard, which then "
            "serves no image: make it smaller"
        )
    return EncodedImage(data, name, width, height, _channels(image, data))


# What files begin with; a dot stands for any byte.
_SIGNATURES = {
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "JPEG": rb"\xff\xd8\xff",
    "GIF": rb"GIF8[79]a",
    "BMP": rb"BM",
    "WebP": rb"RIFF....WEBP",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "AVIF": rb"....ftypavi[fs]",
    "HEIF": rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)",
    "JPEG 2000": rb"\0\0\0\x0cjP  ",
}


def _name_of(data: bytes) -> str | None:
    for name, signature in _SIGNATURES.items():
        if re.match(signature, data, re.DOTALL):
            return name
    return None


# What Pillow's Image.open would call. It tells a JPEG from an MPO, several JPEGs in one file.
_OPENERS = {
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "JPEG": ("PIL.JpegImagePlugin", "jpeg_factory"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
}

# Modes of which decoders do not give 3 channels, as they do of palettes, CMYK and YCbCr.
_CHANNELS = {"1": 1, "L": 1, "I": 1, "I;16": 1, "I;16B": 1, "F": 1, "LA": 2, "PA": 4, "RGBA": 4}


# What a PNG's header (IHDR) says of gray and alpha, and where; of 16 bits Pillow makes RGBA.
_COLOR_TYPE = slice(25, 26)
_GRAY_AND_ALPHA = b"\4"


def _channels(image: Any, data: bytes) -> int:
    if image.format == "PNG" and data[_COLOR_TYPE] == _GRAY_AND_ALPHA:
        return 2
    channels = 3 if image.format == "GIF" else _CHANNELS.get(image.mode, 3)
    return channels + (channels in (1, 3) and "transparency" in image.info)
