"""Encoded pictures that are stored unchanged; only the header is read.

Rules:
- A picture that TensorBoard does not show is an error. TensorBoard shows files that Pillow
  identifies as PNG, JPEG, GIF or BMP. It serves other files as application/octet-stream, and
  browsers do not draw them (tensorboard/util/img_mime_type_detector.py, since TensorBoard 2.20).
- Pillow reads the header, as in TensorBoard. But the class of the format is called instead of
  ``Image.open``, because ``Image.open`` checks for decompression bombs, and may warn or raise an
  error. The application may have changed the limit of this check.
- Bytes are kept without a copy. A mutable buffer is copied, because its owner may reuse it.
"""

from __future__ import annotations

import io
import os
import re
import stat
from dataclasses import dataclass
from importlib import import_module
from typing import Any

#: For more pixels, Pillow raises DecompressionBombError in TensorBoard. This limit is twice the
#: default of ``Image.MAX_IMAGE_PIXELS``, which is a quarter of a GiB at 3 bytes per pixel.
MOST_PIXELS = 2 * (1024**3 // 4 // 3)


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """A picture in a format that TensorBoard serves."""

    data: bytes  # the bytes of the file
    format: str  # ``"PNG"``, ``"JPEG"``, ``"GIF"`` or ``"BMP"``
    width: int  # in pixels
    height: int  # in pixels
    channels: int  # of the decoded picture: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA


def read_encoded(
    data: bytes | bytearray | memoryview | str | os.PathLike[str], most_bytes: int | None = None
) -> EncodedImage:
    """Read an encoded picture from bytes, or from the path of a regular file."""
    if isinstance(data, (bytes, bytearray, memoryview)):
        return read_header(bytes(data))
    if not isinstance(data, (str, os.PathLike)):
        raise TypeError(
            f"data is a {type(data).__name__}; expected the bytes of a PNG, JPEG, GIF or BMP file, "
            "or its path"
        )
    # The object is first converted to a path. For an object with __index__, open() would use the
    # integer as a file descriptor, and close it.
    path = os.fspath(data)
    status = os.stat(path)
    # Reading a FIFO may block forever, and /dev/zero never ends. For a directory, open() raises an
    # error.
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise ValueError(f"data must be the path of a regular file, got {path!r}")
    if most_bytes is not None and status.st_size > most_bytes:
        raise ValueError(
            f"data must be a file of at most max_pending_bytes={most_bytes} bytes, got {path!r} "
            f"with {status.st_size} bytes: pass a larger max_pending_bytes to the writer"
        )
    with open(path, "rb") as file:
        content = file.read(status.st_size)
    try:
        return read_header(content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def read_header(data: bytes) -> EncodedImage:
    """Read the header of an encoded picture, or of the first frame of an animation.

    Raises a ValueError if the bytes are not a picture, if the header is damaged, or if TensorBoard
    does not show pictures of this format or size.
    """
    name = _name_of(data)
    if name is None or name not in _OPENERS:
        raise ValueError(
            f"data is {name or 'no known picture'} (it begins with {data[:12]!r}); expected "
            "PNG, JPEG, GIF or BMP, because TensorBoard shows no other format: open it with PIL "
            "and pass the image"
        )
    module, opener = _OPENERS[name]
    try:
        image = getattr(import_module(module), opener)(io.BytesIO(data))
        if not image.tile:  # such as a JPEG without a scan, which Pillow 13 accepts
            raise ValueError("the data ends before the pixels")
    except Exception as error:  # a damaged header may cause any exception in Pillow
        raise ValueError(f"data is a {name} picture with a damaged header: {error}") from error
    if image.format != name:
        raise ValueError(
            f"data is {image.format}, a {name} file of several pictures, which TensorBoard does "
            "not show: open it with PIL and pass the image"
        )
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise ValueError(
            f"data is a picture of {width} x {height} pixels; expected at most {MOST_PIXELS:,} "
            "pixels. For larger pictures, Pillow raises DecompressionBombError in TensorBoard, and "
            "no image is shown: make the picture smaller"
        )
    return EncodedImage(data, name, width, height, _channels(image, data))


# The first bytes of files, as regular expressions; a dot matches any byte.
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


# The functions that Pillow's Image.open calls. The function for JPEG also recognises MPO files,
# which contain several JPEGs.
_OPENERS = {
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "JPEG": ("PIL.JpegImagePlugin", "jpeg_factory"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
}

# Key: Pillow's mode. Value: the number of channels of the decoded picture. Palettes, CMYK and YCbCr
# are not in the table, because they become RGB, which has 3 channels.
_CHANNELS = {"1": 1, "L": 1, "I": 1, "I;16": 1, "I;16B": 1, "F": 1, "LA": 2, "PA": 4, "RGBA": 4}


# The position of the colour type in a PNG file (in IHDR), and its value for gray with alpha. For
# a picture of this type with 16 bits, Pillow reports the mode RGBA.
_COLOR_TYPE = slice(25, 26)
_GRAY_AND_ALPHA = b"\4"


def _channels(image: Any, data: bytes) -> int:
    if image.format == "PNG" and data[_COLOR_TYPE] == _GRAY_AND_ALPHA:
        return 2
    channels = 3 if image.format == "GIF" else _CHANNELS.get(image.mode, 3)
    return channels + (channels in (1, 3) and "transparency" in image.info)
