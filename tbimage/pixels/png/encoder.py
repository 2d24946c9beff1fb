"""Encode pixels as a PNG file: signature, chunks and the zlib stream of the strips.

Section numbers refer to PNG, third edition (https://www.w3.org/TR/png-3/).

Rules:
- Each strip of a large picture becomes one IDAT chunk. Strips are encoded separately, and their
  Adler-32s are combined.
- The file is a list of buffers. They are joined only if the picture is small.
- A file depends on the pixels, the compression and the installed libraries, but not on the number
  of workers.
"""

from __future__ import annotations

import functools
import importlib
import struct
import zlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from tbimage.buffers import Piece
from tbimage.pixels.png.deflate import adler32_combine
from tbimage.pixels.png.libraries import igzip, kernel
from tbimage.pixels.png.reductions import Form, full_form
from tbimage.pixels.png.rows import Pixels
from tbimage.pixels.png.strips import (
    BY_KERNEL,
    Plan,
    Run,
    Strip,
    cut,
    encode_alike,
    encode_strip,
    is_small,
)

T = TypeVar("T")

#: The values of ``compression``, from the fastest to the slowest.
COMPRESSIONS = ("fast", "balanced", "small")
#: PNG, section 11.2.1: height and width are four-byte integers below 2³¹.
MOST_PIXELS_ACROSS = 2**31 - 1

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))
# RFC 1950, section 2.2: deflate, window of 32 KiB, no dictionary, "fastest" (only a hint)
_ZLIB_HEADER = b"\x78\x01"
_ADLER_BYTES = 4
_CRC_OF_IDAT = zlib.crc32(b"IDAT")
_CRC_OF_FIRST_IDAT = zlib.crc32(_ZLIB_HEADER, _CRC_OF_IDAT)


class EncodedPng(NamedTuple):
    """A PNG file."""

    pieces: list[Piece]  # the parts of the file, in order
    channels: int  # of the decoded picture: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA


def run_serially(parts: Sequence[Callable[[], T]], /) -> list[T]:
    """Call the functions one after the other, in this thread."""
    return [part() for part in parts]


def encode(pixels: Pixels, *, compression: str = "fast", run: Run = run_serially) -> EncodedPng:
    """Encode pixels as a PNG file, without loss.

    Args:
        pixels: ``(height, width, channels)`` uint8 or uint16 with 1 to 4 channels, of any strides
            and byte order. It is not changed.
        compression: ``"fast"`` takes the least time, and its files are about as large as Pillow's
            default files. ``"balanced"`` makes photographs smaller, and takes ten times as long
            as ``"fast"``. These two keep the channels and bits of the pixels. With ``"small"``, a
            file is never larger than with Pillow's ``optimize=True``, but it takes more than a
            hundred times as long as ``"fast"``. ``"small"`` reduces channels and bits without
            loss. Equal red, green and blue become gray. Opaque alpha is removed. Up to 256 colours
            become a palette of 1 to 8 bits.
        run: A function that calls all functions of a list, perhaps in several threads. These
            functions encode the strips of a picture of more than 1 MiB, or encode the picture in
            several ways for ``"small"``.
    """
    return encode_all([pixels], compression=compression, run=run)[0]


def encode_all(
    pictures: Sequence[Pixels], *, compression: str = "fast", run: Run = run_serially
) -> list[EncodedPng]:
    """Encode each picture as one PNG file; small pictures of the same size are filtered together.

    The files are the same as those of ``encode``, but small pictures take less time.
    """
    planned = [_planned(pixels, compression, run) for pixels in pictures]
    files: list[list[Piece]] = [[]] * len(planned)
    alike: defaultdict[object, list[int]] = defaultdict(list)
    for number, (form, plan) in enumerate(planned):
        if is_small(form.rows):
            alike[form.rows.height, form[1:], plan].append(number)
        else:
            files[number] = _file(form, plan, run)
    for numbers in alike.values():
        form, plan = planned[numbers[0]]
        head, rows = _head(form), [planned[number][0].rows for number in numbers]
        strips = encode_alike(rows, plan, _CRC_OF_FIRST_IDAT)
        for number, strip in zip(numbers, strips, strict=True):
            files[number] = [b"".join(_chunks(head, [strip]))]  # each further buffer costs 0.5 µs
    return [
        EncodedPng(pieces, form.channels) for pieces, (form, _) in zip(files, planned, strict=True)
    ]


def import_for(compression: str) -> None:
    """Import the modules that encoding needs, so that no worker imports them."""
    if kernel() is None or compression != "fast":
        importlib.import_module("tbimage.pixels.png.strategy")
        igzip()
    if compression == "small":
        importlib.import_module("tbimage.pixels.png.smallest")


def _planned(pixels: Pixels, compression: str, run: Run) -> tuple[Form, Plan]:
    """Choose the form and the plan. Modules are imported when the first picture needs them."""
    _check(pixels)
    if compression == "fast":
        form = full_form(pixels)
        if kernel() is not None:  # twice as fast as ``plan_fast`` with igzip, smaller files
            return form, BY_KERNEL
        from tbimage.pixels.png.strategy import plan_fast

        return form, plan_fast(form.rows)
    if compression == "balanced":
        from tbimage.pixels.png.strategy import plan_balanced

        form = full_form(pixels)
        return form, plan_balanced(form.rows)
    if compression == "small":
        from tbimage.pixels.png.smallest import choose_smallest

        return choose_smallest(pixels, run)
    known = ", ".join(map(repr, COMPRESSIONS))
    raise ValueError(f"compression={compression!r} is not known: use one of {known}")


def _check(pixels: Pixels) -> None:
    dtype = getattr(pixels, "dtype", None)
    if not isinstance(dtype, np.dtype) or dtype.kind != "u" or dtype.itemsize > 2:
        given = type(pixels).__name__ if dtype is None else dtype
        raise TypeError(f"pixels must be a NumPy array of uint8 or uint16, not {given}: convert it")
    shape = pixels.shape
    if len(shape) != 3 or not 1 <= shape[2] <= 4:
        raise ValueError(
            f"pixels must be (height, width, channels), 1 to 4 channels, not {shape}: reshape it"
        )
    if not (0 < shape[0] <= MOST_PIXELS_ACROSS and 0 < shape[1] <= MOST_PIXELS_ACROSS):
        raise ValueError(f"pixels must be 1 to 2**31 - 1 pixels high and wide, not {shape[:2]}")


def _file(form: Form, plan: Plan, run: Run) -> list[Piece]:
    rows, head = form.rows, _head(form)
    edges = cut(rows, plan.strip_bytes)
    if len(edges) == 1:
        return _chunks(head, [encode_strip(rows, plan, 0, rows.height, _CRC_OF_FIRST_IDAT)])
    parts = [
        functools.partial(
            encode_strip, rows, plan, start, stop, _CRC_OF_IDAT if start else _CRC_OF_FIRST_IDAT
        )
        for start, stop in edges
    ]
    return _chunks(head, run(parts))


def _chunks(head: bytes, strips: list[Strip]) -> list[Piece]:
    """Make a chunk of each strip; the first has the zlib header, and the last has the Adler-32."""
    pieces: list[Piece] = []
    adler, before, zlib_header = 1, head, _ZLIB_HEADER
    for strip in strips[:-1]:
        adler = adler32_combine(adler, strip.adler, strip.filtered_size)
        size = strip.size + len(zlib_header)
        pieces.append(before + size.to_bytes(4, "big") + b"IDAT" + zlib_header)
        pieces += strip.pieces
        before, zlib_header = strip.crc.to_bytes(4, "big"), b""
    last = strips[-1]
    adler = adler32_combine(adler, last.adler, last.filtered_size)
    size = last.size + len(zlib_header) + _ADLER_BYTES
    trailer = adler.to_bytes(_ADLER_BYTES, "big")
    pieces.append(before + size.to_bytes(4, "big") + b"IDAT" + zlib_header)
    pieces += last.pieces
    pieces.append(trailer + zlib.crc32(trailer, last.crc).to_bytes(4, "big") + _END)
    return pieces


def _head(form: Form) -> bytes:
    """Return all bytes before the first IDAT chunk."""
    rows, across, bit_depth, color_type, _, palette, transparency = form
    return _head_of(rows.height, across, bit_depth, color_type, palette, transparency)


@functools.lru_cache(maxsize=256)
def _head_of(
    height: int, width: int, depth: int, color_type: int, palette: bytes, transparency: bytes
) -> bytes:
    # The three zeros mean: deflate, the five filters, not interlaced.
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0))
    if palette:
        head += _chunk(b"PLTE", palette)
    if transparency:
        head += _chunk(b"tRNS", transparency)
    return _SIGNATURE + head


def _chunk(name: bytes, data: bytes) -> bytes:
    """Make a chunk: length, type, data, CRC-32 of type and data (section 5.3)."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
