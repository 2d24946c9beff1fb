"""Decode PNGs with several channels of 16 bits. Pillow keeps only the upper 8 bits of a channel.

The format: https://www.w3.org/TR/png-3/, sections 9 (filters) and 11.2.2 (IHDR).
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["decode"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_IHDR = struct.Struct(">IIBBBBB")
# The color types with several channels: RGB, gray with alpha, RGBA.
_CHANNELS = {2: 3, 4: 2, 6: 4}
_NONE, _SUB, _UP, _AVERAGE, _PAETH = range(5)


def decode(encoded: bytes, most_pixels: int) -> NDArray[np.uint16] | None:
    """Return the pixels ``[height, width, channels]``, or None if Pillow must decode the file."""
    if not encoded.startswith(_SIGNATURE) or encoded[12:16] != b"IHDR" or len(encoded) < 29:
        return None
    width, height, depth, color, _, _, interlaced = _IHDR.unpack_from(encoded, 16)
    channels = _CHANNELS.get(color)
    if depth != 16 or channels is None or interlaced:
        return None
    if not 0 < width * height <= most_pixels:  # Pillow raises the error
        return None
    stride = 2 * channels * width
    wanted = height * (stride + 1)
    data = zlib.decompressobj().decompress(_compressed(encoded), wanted)
    if len(data) < wanted:
        raise ValueError("the PNG ends within its pixels")
    rows = np.frombuffer(data, np.uint8).reshape(height, stride + 1)
    pixels = np.empty((height, stride), np.uint8)
    above = np.zeros(stride, np.uint8)
    for row, kind, line in zip(pixels, rows[:, 0].tolist(), rows[:, 1:], strict=True):
        row[:] = _unfilter(kind, line, above, 2 * channels)
        above = row
    return pixels.view(">u2").reshape(height, width, channels).astype(np.uint16)


def _compressed(encoded: bytes) -> bytes:
    """Join the contents of the IDAT chunks."""
    parts, at = [], len(_SIGNATURE)
    while at + 12 <= len(encoded):
        (size,) = struct.unpack_from(">I", encoded, at)
        if encoded[at + 4 : at + 8] == b"IDAT":
            parts.append(encoded[at + 8 : at + 8 + size])
        at += size + 12
    return b"".join(parts)


def _unfilter(
    kind: int, line: NDArray[np.uint8], above: NDArray[np.uint8], step: int
) -> NDArray[np.uint8]:
    """Undo the filter of one row. A pixel has ``step`` bytes."""
    if kind == _NONE:
        return line
    if kind == _SUB:
        return np.cumsum(line.reshape(-1, step), axis=0, dtype=np.uint8).reshape(-1)
    if kind == _UP:
        return line + above
    if kind not in (_AVERAGE, _PAETH):
        raise ValueError(f"the PNG has the unknown filter {kind}")
    row, up = bytearray(step) + line.tobytes(), bytes(step) + above.tobytes()
    for at in range(step, len(row)):  # the pixel to the left must be decoded first
        left, top, corner = row[at - step], up[at], up[at - step]
        if kind == _AVERAGE:
            predicted = (left + top) >> 1
        else:
            estimate = left + top - corner
            predicted = min((left, top, corner), key=lambda each: abs(estimate - each))
        row[at] = (row[at] + predicted) & 0xFF
    return np.frombuffer(row, np.uint8)[step:]
