"""Encode a clip as an animated PNG file (APNG), without loss.

The chunks are those of PNG, third edition, section 11.3.6
(https://www.w3.org/TR/png-3/#apng-frame-based-animation). The changed area of each frame is encoded
as a separate PNG file. Its image data is copied into IDAT (first frame) or fdAT chunks.

Rules:
- A reader that does not know APNG shows the first frame.
- A frame that equals the previous frame is not left out, because it has its own display time.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from numpy.typing import NDArray

from tbimage.buffers import Piece
from tbimage.pixels.clips.frames import EncodedClip, Frames, encode_changes
from tbimage.pixels.png import encoder
from tbimage.pixels.png.deflate import crc32
from tbimage.pixels.png.strips import Run

_SIGNATURE_AND_IHDR_BYTES = 8 + 25
_END = struct.pack(">I4sI", 0, b"IEND", crc32(b"IEND"))
_FOREVER = 0
# Each frame is drawn over the previous frame, and replaces the pixels in its area.
_DISPOSE_NONE, _BLEND_SOURCE = 0, 0


@dataclass(frozen=True, slots=True)
class _Frame:
    top: int
    left: int
    height: int
    width: int
    channels: int
    head: bytes  # signature and IHDR
    data: list[memoryview]  # the contents of the IDAT chunks


def encode(
    frames: Frames,
    fps: Fraction,
    compression: str = "fast",
    run: Run = encoder.run_serially,
) -> EncodedClip:
    """Encode a clip that loops.

    ``compression="small"`` has the effect of "balanced". "small" could reduce the channels and the
    bit depth of single frames, but these must be the same in all frames.
    """
    way = "balanced" if compression == "small" else compression
    encoded, findings = encode_changes(
        frames, lambda pixels: pixels, functools.partial(_encode_area, way), run
    )
    first = encoded[0]
    pieces: list[Piece] = [
        first.head,
        *_chunk(b"acTL", struct.pack(">II", len(encoded), _FOREVER)),
    ]
    sequence = 0
    for frame in encoded:
        pieces += _chunk(b"fcTL", _control(frame, sequence, fps))
        sequence += 1
        for data in frame.data:
            if frame is first:
                pieces += _chunk(b"IDAT", b"", data)
            else:
                pieces += _chunk(b"fdAT", struct.pack(">I", sequence), data)
                sequence += 1
    pieces.append(_END)
    return EncodedClip(pieces, first.height, first.width, first.channels, findings)


def _encode_area(compression: str, area: NDArray[Any], top: int, left: int) -> _Frame:
    file = b"".join(encoder.encode(area, compression=compression).pieces)
    head, data = file[:_SIGNATURE_AND_IHDR_BYTES], list(_image_data(file))
    height, width, channels = area.shape
    return _Frame(top, left, height, width, channels, head, data)


def _image_data(file: bytes) -> Iterator[memoryview]:
    """Yield the contents of the IDAT chunks of a PNG file."""
    view, position = memoryview(file), 8
    while position < len(file):
        size, name = struct.unpack_from(">I4s", file, position)
        if name == b"IDAT":
            yield view[position + 8 : position + 8 + size]
        position += 12 + size


def _control(frame: _Frame, sequence: int, fps: Fraction) -> bytes:
    """Return the contents of a fcTL chunk (section 11.3.6.2)."""
    area = frame.width, frame.height, frame.left, frame.top
    delay = 1 / fps
    return struct.pack(
        ">IIIIIHHBB",
        sequence,
        *area,
        delay.numerator,
        delay.denominator,
        _DISPOSE_NONE,
        _BLEND_SOURCE,
    )


def _chunk(name: bytes, start: bytes, data: bytes | memoryview = b"") -> list[Piece]:
    """Return a chunk with the content ``start`` and ``data``; ``data`` is not copied."""
    crc = crc32(data, crc32(name + start))
    head, tail = struct.pack(">I", len(start) + len(data)) + name + start, struct.pack(">I", crc)
    return [head, data, tail] if data else [head + tail]
