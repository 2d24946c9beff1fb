"""Filter and deflate the rows of a strip; the compressed bytes become one IDAT chunk.

Rules:
- Strips do not depend on each other, so several workers can encode strips of the same picture. All
  strips except the last one end with a sync flush, so that another strip may follow.
- Each block of rows is filtered, deflated and checksummed before the next block, so it stays in the
  cache. A worker needs memory only for the output and a few blocks, for pictures of any size.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

from tbimage.buffers import Piece
from tbimage.pixels.mappings import moved
from tbimage.pixels.png.deflate import Method, adler32, compressor, crc32, deflated
from tbimage.pixels.png.filters import Filter, filter_rows
from tbimage.pixels.png.kernel import LEAST_CAPACITY, Stream, encode_pictures, encode_rows
from tbimage.pixels.png.rows import Rows
from tbimage.pixels.scratch import take

T = TypeVar("T")

#: The maximum number of raw bytes that are filtered at once. With half of this size, Paeth is a
#: tenth slower.
BLOCK_BYTES = 256 << 10
#: The maximum number of raw bytes in a strip. Smaller strips have two disadvantages. Each strip
#: begins with an empty deflate window, and its worker waits a few times for the GIL. With strips of
#: 256 KiB, two workers take a tenth longer for photographs of 800 kB.
STRIP_BYTES = 1 << 20
#: A picture of at most this number of raw bytes is small. Small pictures that have the same size
#: are encoded together, and each file is one buffer.
SMALL_BYTES = 16 << 10


class Run(Protocol):
    """A function that calls several independent functions, perhaps in parallel."""

    def __call__(self, parts: Sequence[Callable[[], T]], /) -> list[T]:
        """Call all functions, and return their results in order."""


class Plan(NamedTuple):
    """How to encode the rows of a picture.

    Attributes:
        filter: The filter. ``Method.KERNEL`` ignores it, and chooses a filter itself.
        method: The deflate method.
        strip_bytes: The maximum size of a strip, in raw bytes.
    """

    filter: Filter
    method: Method
    strip_bytes: int


BY_KERNEL = Plan(Filter.NONE, Method.KERNEL, STRIP_BYTES)


class Strip(NamedTuple):
    """A deflated strip of rows.

    Attributes:
        pieces: A raw deflate stream, or a part of one.
        size: The number of bytes in the pieces.
        crc: The CRC-32 of the chunk type, the zlib header (only for the first strip), and the
            pieces.
        adler: The Adler-32 of the filtered rows.
        filtered_size: The number of bytes in the filtered rows.
    """

    pieces: list[Piece]
    size: int
    crc: int
    adler: int
    filtered_size: int


def is_small(rows: Rows) -> bool:
    """Tell whether a picture has at most ``SMALL_BYTES`` raw bytes."""
    size: int = rows.height * rows.width
    return size <= SMALL_BYTES


def cut(rows: Rows, strip_bytes: int) -> list[tuple[int, int]]:
    """Cut a picture into as few strips as possible; all strips have about the same height.

    The result has a pair for each strip: its first row and the row after its last row. A strip has
    at most ``strip_bytes`` raw bytes, unless it has only one row.
    """
    height = rows.height
    if height * rows.width <= strip_bytes:
        return [(0, height)]
    count = -(-height // max(1, strip_bytes // rows.width))
    edges = [height * i // count for i in range(count + 1)]
    return list(itertools.pairwise(edges))


def encode_strip(rows: Rows, plan: Plan, start: int, stop: int, crc: int) -> Strip:
    """Filter and deflate the rows from ``start`` to ``stop - 1``.

    The deflate stream ends only if the rows include the last row of the picture. ``crc`` is the
    CRC-32 of the bytes before the strip in the same chunk.
    """
    if plan.method is Method.KERNEL:
        return _strip(encode_rows(rows, start, stop, crc), (stop - start) * (rows.width + 1))
    deflater = compressor(plan.method)
    deflated: list[bytes] = []
    adler, filtered_size = 1, 0
    block = max(1, BLOCK_BYTES // rows.width)
    for top in range(start, stop, block):
        window = rows.window(top, min(top + block, stop))
        filtered = filter_rows(plan.filter, window, rows.step)
        filtered_size += filtered.size
        adler = adler32(filtered, adler)
        deflated.append(deflater.compress(filtered))
    last = zlib.Z_FINISH if stop == rows.height else zlib.Z_SYNC_FLUSH
    deflated.append(deflater.flush(last))
    pieces = moved(list(filter(None, deflated)))
    for piece in pieces:
        crc = crc32(piece, crc)
    return Strip(pieces, sum(map(len, pieces)), crc, adler, filtered_size)


def encode_alike(pictures: Sequence[Rows], plan: Plan, crc: int) -> Iterator[Strip]:
    """Filter and deflate pictures of the same height, width and step, each as one strip.

    A NumPy call for one picture of 64×64 pixels takes 1 µs, of which 0.9 µs is overhead. So one
    call filters many pictures. This thread must not filter anything else until the caller has
    taken the last strip.
    """
    size = pictures[0].height * pictures[0].width + LEAST_CAPACITY
    at_once = max(1, BLOCK_BYTES // size)
    for first in range(0, len(pictures), at_once):
        yield from _encode_block(pictures[first : first + at_once], plan, crc)


def _strip(stream: Stream, filtered_size: int) -> Strip:
    return Strip([stream.data], len(stream.data), stream.crc, stream.adler, filtered_size)


def _encode_block(pictures: Sequence[Rows], plan: Plan, crc: int) -> Iterator[Strip]:
    count, height, width = len(pictures), pictures[0].height, pictures[0].width
    if plan.method is Method.KERNEL:
        for encoded in encode_pictures(pictures, crc):
            yield _strip(encoded, height * (width + 1))
        return
    # ``stack`` is one window of all pictures, one below another. Above each picture is a row of
    # zeros, as above the first row of a picture.
    stack = take("stack", count * (1 + height) * width).reshape(count, 1 + height, width)
    for place, picture in zip(stack, pictures, strict=True):
        picture.copy_window(0, height, place)
    filtered = filter_rows(plan.filter, stack.reshape(-1, width), pictures[0].step)
    for first in range(0, len(filtered), 1 + height):
        rows = filtered[first : first + height]
        stream = deflated(rows, plan.method)
        yield Strip([stream], len(stream), crc32(stream, crc), adler32(rows), rows.size)
