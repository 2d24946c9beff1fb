"""Rows to deflated bytes: one strip of a picture, ready to be one IDAT chunk of it.

What lives here: cutting a picture into strips, and filter, deflate and checksums of one strip, or
of many small pictures at once. What does not: chunks and the zlib stream around the strips
(encoder.py).

Rules:
- Strips know nothing of each other, so several workers may share one picture. A strip that is not
  the last ends with a sync flush: it is a stream that another may follow.
- A block of rows at a time goes through filter, deflate and checksums, while it is in the cache. So
  what a picture needs besides its output is a few blocks for each worker, whatever its size.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

from tbimage.buffers import Piece
from tbimage.pixels.png.deflate import Method, adler32, compressor, crc32, deflated
from tbimage.pixels.png.filters import Filter, filter_rows
from tbimage.pixels.png.kernel import encode_rows
from tbimage.pixels.png.rows import Rows
from tbimage.pixels.scratch import take

T = TypeVar("T")

#: Raw bytes that are filtered at once. With half as many, Paeth is a tenth slower.
BLOCK_BYTES = 256 << 10
#: Raw bytes of a strip. Each begins with nothing in its window and costs some turns at the lock of
#: the interpreter: with 256 KiB, photographs of 800 kB took two workers a tenth longer.
STRIP_BYTES = 1 << 20
#: Of smaller pictures, those of one size are encoded together, and the file is one piece.
SMALL_BYTES = 16 << 10


class Run(Protocol):
    """Something that does parts that do not depend on each other, perhaps several at once."""

    def __call__(self, parts: Sequence[Callable[[], T]], /) -> list[T]:
        """Do all parts and give their results in order."""


class Plan(NamedTuple):
    """How to encode the rows of a picture.

    Attributes:
        filter: What filters them. ``Method.KERNEL`` chooses itself.
        method: What deflates them.
        strip_bytes: How large the strips may be, in raw bytes.
    """

    filter: Filter
    method: Method
    strip_bytes: int


#: The kernel chooses the filter itself.
BY_KERNEL = Plan(Filter.NONE, Method.KERNEL, STRIP_BYTES)


class Strip(NamedTuple):
    """A strip of rows, deflated.

    Attributes:
        pieces: A raw deflate stream, or a part of one.
        size: Bytes of the pieces.
        crc: CRC-32 of the chunk type, of what else the caller put first, and of the pieces.
        adler: Adler-32 of the filtered rows.
        filtered_size: Bytes of the filtered rows.
    """

    pieces: list[Piece]
    size: int
    crc: int
    adler: int
    filtered_size: int


def is_small(rows: Rows) -> bool:
    """Tell whether what is done for each picture takes longer than what is done for its bytes.

    Example:
        >>> import numpy as np
        >>> is_small(Rows(np.zeros((64, 64, 3), np.uint8)))
        True
    """
    size: int = rows.height * rows.width
    return size <= SMALL_BYTES


def cut(rows: Rows, strip_bytes: int) -> list[tuple[int, int]]:
    """Cut a picture into as few strips as will do, all of about the same height.

    Args:
        rows: The picture.
        strip_bytes: Raw bytes of a strip, at most; a strip is at least one row.

    Returns:
        First row and one past the last row of each strip.

    Example:
        >>> import numpy as np
        >>> cut(Rows(np.zeros((5, 10, 1), np.uint8)), 20)
        [(0, 1), (1, 3), (3, 5)]
    """
    height = rows.height
    if height * rows.width <= strip_bytes:
        return [(0, height)]
    count = -(-height // max(1, strip_bytes // rows.width))
    edges = [height * i // count for i in range(count + 1)]
    return list(itertools.pairwise(edges))


def encode_strip(rows: Rows, plan: Plan, start: int, stop: int, crc: int) -> Strip:
    r"""Filter and deflate some rows.

    Args:
        rows: The picture.
        plan: How.
        start: First row.
        stop: One past the last row; the deflate stream ends with the last row of the picture.
        crc: CRC-32 of what the caller will put before these bytes in the same chunk.

    Example:
        >>> import numpy as np
        >>> rows = Rows(np.zeros((5, 10, 1), np.uint8))
        >>> strip = encode_strip(rows, Plan(Filter.UP, Method.RUNS, 100), 0, 5, 0)
        >>> zlib.decompress(b"".join(strip.pieces), wbits=-15)[:11]
        b'\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00'
    """
    if plan.method is Method.KERNEL:
        return _encode_by_kernel(rows, start, stop, crc)
    deflater = compressor(plan.method)
    pieces: list[Piece] = []
    size, adler, filtered_size = 0, 1, 0
    block = max(1, BLOCK_BYTES // rows.width)
    for top in range(start, stop, block):
        window = rows.window(top, min(top + block, stop))
        filtered = filter_rows(plan.filter, window, rows.step)
        filtered_size += filtered.size
        adler = adler32(filtered, adler)
        if deflated := deflater.compress(filtered):
            pieces.append(deflated)
    pieces.append(deflater.flush() if stop == rows.height else deflater.flush(zlib.Z_SYNC_FLUSH))
    for piece in pieces:
        size += len(piece)
        crc = crc32(piece, crc)
    return Strip(pieces, size, crc, adler, filtered_size)


def encode_alike(pictures: Sequence[Rows], plan: Plan, crc: int) -> Iterator[Strip]:
    r"""Filter and deflate pictures of one size, each as a whole.

    NumPy takes 1 µs for a call and 0.1 µs for the pixels of 64×64: so they are filtered in one.

    Args:
        pictures: They have the same height, width and step.
        plan: How.
        crc: As in ``encode_strip``.

    Returns:
        One strip for each picture; this thread filters nothing else before it has all of them.

    Example:
        >>> import numpy as np
        >>> rows = Rows(np.zeros((5, 10, 1), np.uint8))
        >>> _, strip = encode_alike([rows, rows], Plan(Filter.UP, Method.RUNS, 100), 0)
        >>> zlib.decompress(b"".join(strip.pieces), wbits=-15)[:11]
        b'\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00'
    """
    at_once = max(1, BLOCK_BYTES // (pictures[0].height * pictures[0].width))
    for first in range(0, len(pictures), at_once):
        yield from _encode_block(pictures[first : first + at_once], plan, crc)


def _encode_by_kernel(rows: Rows, start: int, stop: int, crc: int) -> Strip:
    data, crc, adler = encode_rows(rows, start, stop, crc)
    return Strip([data], len(data), crc, adler, (stop - start) * (rows.width + 1))


def _encode_block(pictures: Sequence[Rows], plan: Plan, crc: int) -> Iterator[Strip]:
    count, height, width = len(pictures), pictures[0].height, pictures[0].width
    # One below the other, each under the row of zeros that its first row is filtered with.
    stack = take("stack", count * (1 + height) * width).reshape(count, 1 + height, width)
    for place, picture in zip(stack, pictures, strict=True):
        picture.copy_window(0, height, place)
    filtered = filter_rows(plan.filter, stack.reshape(-1, width), pictures[0].step)
    for first in range(0, len(filtered), 1 + height):
        rows = filtered[first : first + height]
        stream = deflated(rows, plan.method)
        yield Strip([stream], len(stream), crc32(stream, crc), adler32(rows), rows.size)
