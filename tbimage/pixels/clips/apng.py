"""A clip to the bytes of an animated PNG file, without loss.

What lives here: the chunks that make a PNG move (PNG, third edition, section 11.3.6,
https://www.w3.org/TR/png-3/#apng-frame-based-animation). What does not: how a picture is encoded
(png.py), and where frames come from (frames.py).

Strategy: each frame is a PNG file of its own as far as the area that changed, of which the IDAT
chunks are taken. Their data go into fdAT chunks as they are. Frames are encoded in runs, apart from
each other, so that several workers may share a clip.

Rules:
- The first frame is the picture that readers show which do not know APNG.
- All frames stay: also one that changes nothing has its time.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from tbimage.buffers import Piece
from tbimage.pixels.clips.frames import Frames, changed_area
from tbimage.pixels.png import encoder
from tbimage.pixels.png.deflate import crc32
from tbimage.pixels.values.pictures import Findings, merge

__all__ = ["EncodedClip", "encode"]

#: Frames that are encoded one after the other; the one before them is made once more.
RUN_OF_FRAMES = 8

_SIGNATURE_AND_IHDR_BYTES = 8 + 25
_END = struct.pack(">I4sI", 0, b"IEND", crc32(b"IEND"))
_FOREVER = 0
# Leave the frame as it is for the next one; replace what was there.
_DISPOSE_NONE, _BLEND_SOURCE = 0, 0


@dataclass(frozen=True, slots=True)
class EncodedClip:
    """A file.

    Attributes:
        pieces: The file, when put together.
        height: In pixels.
        width: In pixels.
        channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA.
        findings: What was found while its frames were made.
    """

    pieces: list[Piece]
    height: int
    width: int
    channels: int
    findings: Findings


@dataclass(frozen=True, slots=True)
class _Frame:
    top: int
    left: int
    height: int
    width: int
    channels: int
    head: bytes  # signature and IHDR
    data: list[memoryview]  # what the IDAT chunks hold
    findings: Findings


def encode(
    frames: Frames,
    fps: Fraction,
    compression: str = "fast",
    run: encoder.Run = encoder.run_serially,
) -> EncodedClip:
    """Encode a clip that begins anew when it ends.

    Args:
        frames: The clip.
        fps: Frames a second, as ``check_fps`` returns it.
        compression: "fast" or "balanced", as in ``encoder.encode``. "small" is taken as
            "balanced": it would give each frame a form of its own, and all must have one.
        run: Does runs of 8 frames, perhaps several at once.

    Returns:
        The file.

    Example:
        >>> from tbimage.pixels.values.pictures import Picture
        >>> import numpy as np
        >>> clip = Frames(3, lambda number: Picture(np.full((4, 4, 1), number, np.uint8)))
        >>> b"".join(encode(clip, Fraction(4)).pieces).count(b"fcTL")
        3
    """
    way = "balanced" if compression == "small" else compression
    starts = range(0, frames.count, RUN_OF_FRAMES)
    parts = [functools.partial(_encode_run, frames, start, way) for start in starts]
    encoded = [frame for some in run(parts) for frame in some]
    first = encoded[0]
    pieces: list[Piece] = [
        first.head,
        _chunk(b"acTL", struct.pack(">II", len(encoded), _FOREVER)),
    ]
    sequence = 0
    for frame in encoded:
        pieces.append(_chunk(b"fcTL", _control(frame, sequence, fps)))
        sequence += 1
        for data in frame.data:
            if frame is first:
                pieces += _pieces(b"IDAT", b"", data)
            else:
                pieces += _pieces(b"fdAT", struct.pack(">I", sequence), data)
                sequence += 1
    pieces.append(_END)
    findings = merge(frame.findings for frame in encoded)
    return EncodedClip(pieces, first.height, first.width, first.channels, findings)


def _encode_run(frames: Frames, start: int, compression: str) -> list[_Frame]:
    before = frames.frame(start - 1).pixels if start else None
    encoded = []
    for number in range(start, min(start + RUN_OF_FRAMES, frames.count)):
        picture = frames.frame(number)
        pixels = picture.pixels
        if before is None:
            rows, columns = slice(0, pixels.shape[0]), slice(0, pixels.shape[1])
        else:
            rows, columns = changed_area(before, pixels)
        area = pixels[rows, columns]
        file = b"".join(encoder.encode(area, compression=compression).pieces)
        encoded.append(
            _Frame(
                rows.start,
                columns.start,
                area.shape[0],
                area.shape[1],
                area.shape[2],
                file[:_SIGNATURE_AND_IHDR_BYTES],
                list(_image_data(file)),
                picture.findings,
            )
        )
        before = pixels
    return encoded


def _image_data(file: bytes) -> Iterator[memoryview]:
    """What the IDAT chunks of a PNG file hold."""
    view, position = memoryview(file), 8
    while position < len(file):
        size, name = struct.unpack_from(">I4s", file, position)
        if name == b"IDAT":
            yield view[position + 8 : position + 8 + size]
        position += 12 + size


def _control(frame: _Frame, sequence: int, fps: Fraction) -> bytes:
    """What a fcTL chunk holds: section 11.3.6.2."""
    delay = 1 / fps
    return struct.pack(
        ">IIIIIHHBB",
        sequence,
        frame.width,
        frame.height,
        frame.left,
        frame.top,
        delay.numerator,
        delay.denominator,
        _DISPOSE_NONE,
        _BLEND_SOURCE,
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return b"".join(_pieces(name, b"", memoryview(data)))


def _pieces(name: bytes, before: bytes, data: memoryview) -> list[Piece]:
    """A chunk whose data are not copied."""
    crc = crc32(data, crc32(name + before))
    return [
        struct.pack(">I", len(before) + len(data)) + name + before,
        data,
        struct.pack(">I", crc),
    ]
