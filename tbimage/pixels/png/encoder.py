"""Levels to the bytes of a PNG file.

What lives here: the file itself: signature, chunks, and the zlib stream that the strips form (PNG,
third edition, sections 5 and 10, https://www.w3.org/TR/png-3/). What does not: how rows are
filtered and deflated (strips.py), which way suits a picture (strategy.py, smallest.py), and how its
samples may be stated in less (reductions.py).

Rules:
- Each strip of a large picture becomes one IDAT chunk. Strips are encoded apart; the Adler-32 of
  all is put together from theirs.
- The file is a list of pieces. It is never put together here, unless it is small.
- A file depends on the pixels, the compression and the libraries installed, not on how many workers
  there were.
"""

from __future__ import annotations

import functools
import struct
import zlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from tbimage.buffers import Piece
from tbimage.pixels.png.deflate import adler32_combine
from tbimage.pixels.png.libraries import kernel
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

#: The names of the ways to compress, from the fastest to the smallest.
COMPRESSIONS = ("fast", "balanced", "small")
#: PNG, section 11.2.1: sizes are four-byte integers below 2³¹.
MOST_PIXELS_ACROSS = 2**31 - 1

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))
# RFC 1950, section 2.2: deflate, window of 32 KiB, no dictionary, "fastest" (a hint and no more)
_ZLIB_HEADER = b"\x78\x01"
_ADLER_BYTES = 4
_CRC_OF_IDAT = zlib.crc32(b"IDAT")
_CRC_OF_FIRST_IDAT = zlib.crc32(_ZLIB_HEADER, _CRC_OF_IDAT)


class EncodedPng(NamedTuple):
    """A PNG file.

    Attributes:
        pieces: The file, when put together.
        channels: Of the picture that it decodes to: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA.
    """

    pieces: list[Piece]
    channels: int


def run_serially(parts: Sequence[Callable[[], T]], /) -> list[T]:
    """Do parts one after the other, in this thread.

    Example:
        >>> run_serially([lambda: 1, lambda: 2])
        [1, 2]
    """
    return [part() for part in parts]


def encode(pixels: Pixels, *, compression: str = "fast", run: Run = run_serially) -> EncodedPng:
    """Encode levels as a PNG file, without loss.

    Args:
        pixels: ``(height, width, channels)`` uint8 or uint16 with 1 to 4 channels (gray, gray and
            alpha, RGB, RGBA), of any strides and byte order, at least one pixel. It is only read.
        compression: ``"fast"`` takes the least time at about the size that Pillow's default has.
            ``"balanced"`` is smaller than that, at a quarter of fast's speed. Both state the pixels
            as they are. ``"small"`` is at most as large as with Pillow's ``optimize=True``, takes a
            hundred times as long as fast, and states the pixels in less where that loses nothing
            (equal red, green and blue as gray, opaque alpha not at all, up to 256 colours as a
            palette of 1 to 8 bits): the colours are the same, the number of channels may not be.
        run: Does the parts of a picture of more than 1 MiB, or the trials of ``"small"``, perhaps
            in several threads at once. Buffers belong to the thread that runs a part.

    Returns:
        The file, and the number of channels that it decodes to.

    Raises:
        TypeError: ``pixels`` is no array of uint8 or uint16.
        ValueError: ``pixels`` has another shape, or ``compression`` another name.

    Example:
        >>> photo = np.zeros((480, 640, 3), np.uint8)
        >>> encoded = encode(photo)
        >>> b"".join(encoded.pieces)[1:4], encoded.channels
        (b'PNG', 3)
        >>> encode(photo, compression="small").channels
        1
    """
    return encode_all([pixels], compression=compression, run=run)[0]


def encode_all(
    pictures: Sequence[Pixels], *, compression: str = "fast", run: Run = run_serially
) -> list[EncodedPng]:
    """Encode pictures as one PNG file each: the same files as by ``encode``, in less time.

    Args:
        pictures: Each as ``encode`` takes it. Small ones of one size are filtered at once.
        compression: As in ``encode``.
        run: As in ``encode``.

    Raises:
        TypeError: As ``encode``.
        ValueError: As ``encode``.

    Example:
        >>> noise = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 1), np.uint8)
        >>> [file.pieces for file in encode_all(noise)] == [encode(each).pieces for each in noise]
        True
    """
    planned = [_planned(pixels, compression, run) for pixels in pictures]
    if all(plan is BY_KERNEL for _, plan in planned):  # each alone: there is no call to share
        return [EncodedPng(_file(form, plan, run), form.channels) for form, plan in planned]
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
            files[number] = [b"".join(_chunks(head, [strip]))]  # each piece costs 0.5 µs later on
    return [
        EncodedPng(pieces, form.channels) for pieces, (form, _) in zip(files, planned, strict=True)
    ]


def _planned(pixels: Pixels, compression: str, run: Run) -> tuple[Form, Plan]:
    """Choose how; what is needed for the way chosen is imported here, for the first picture."""
    _check(pixels)
    if compression == "fast":
        form = full_form(pixels)
        if kernel() is not None:  # twice as fast as igzip, and smaller, for every kind of picture
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
        pieces = _chunks(head, [encode_strip(rows, plan, 0, rows.height, _CRC_OF_FIRST_IDAT)])
        return [b"".join(pieces)] if is_small(rows) else pieces
    parts = [
        functools.partial(
            encode_strip, rows, plan, start, stop, _CRC_OF_IDAT if start else _CRC_OF_FIRST_IDAT
        )
        for start, stop in edges
    ]
    return _chunks(head, run(parts))


def _chunks(head: bytes, strips: list[Strip]) -> list[Piece]:
    """Put chunks around the strips: the first also holds the zlib header, the last the Adler-32."""
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
    """All that comes before the first IDAT."""
    rows, across, bit_depth, color_type, _, palette, transparency = form
    return _head_of(rows.height, across, bit_depth, color_type, palette, transparency)


@functools.lru_cache(maxsize=256)
def _head_of(
    height: int, width: int, depth: int, color_type: int, palette: bytes, transparency: bytes
) -> bytes:
    # deflate, the five filters, not interlaced
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0))
    if palette:
        head += _chunk(b"PLTE", palette)
    if transparency:
        head += _chunk(b"tRNS", transparency)
    return _SIGNATURE + head


def _chunk(name: bytes, data: bytes) -> bytes:
    """A chunk: length, type, data, CRC-32 of type and data (section 5.3)."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
