"""Compress with deflate, and compute checksums with the fastest installed library.

All streams are raw deflate (RFC 1951). The strips of a picture are compressed separately. Together
they become one zlib stream. encoder.py writes the header and the trailer of this stream.
"""

from __future__ import annotations

import enum
import zlib
from typing import Any, Protocol

from tbimage.buffers import Piece
from tbimage.pixels.png.libraries import igzip
from tbimage.pixels.scratch import Bytes

_RAW = -15  # a window of 32 KiB and no zlib header
_RAW_NEAR = -9  # the smallest window, 512 bytes
# Memory level 9 means blocks of 32 Ki symbols. Compared with level 8, zlib's default, the output is
# 0.2 % smaller. Compression is 3 % faster, but needs 128 KiB more memory.
_MEMORY_LEVEL = 9
_ADLER_MODULUS = 65521  # RFC 1950, section 8.2: the largest prime below 65536


class Compressor(Protocol):
    """The compression objects of zlib and isal."""

    def compress(self, data: Any, /) -> bytes:
        """Add data, and return the compressed bytes that are ready, perhaps none."""

    def flush(self, mode: int = ..., /) -> bytes:
        """Return the remaining compressed bytes."""


class Method(enum.Enum):
    """A deflate method.

    The speeds are those of one core at 2.4 GHz with zlib 1.2.13 and isal 1.9, without filtering
    except for ``KERNEL``. Three speeds are for photographs, colour maps and flat drawings.
    """

    #: The compiled encoder, which also filters (kernel.py): 900 MB/s for photographs, 1000 for
    #: drawings. It is used only if ``libraries.kernel()`` is not None.
    KERNEL = "kernel"
    #: igzip's level 1: 280, 900, 4000 MB/s. It is used only if ``igzip()`` is not None.
    IGZIP = "igzip"
    #: igzip's level 1 with a window of 512 bytes instead of 32 KiB: 320 MB/s for photographs, whose
    #: files are 3 % smaller. In noise, matches occur only by chance, and distant matches cost more
    #: bits than they save.
    IGZIP_NEAR = "igzip, near"
    #: Huffman codes and runs of one byte: 80, 200, 700 MB/s. Photographs are noisy, so other
    #: matches are rare.
    RUNS = "runs"
    #: zlib's level 1: 65, 230, 700 MB/s.
    SKIM = "skim"
    #: zlib's level 4: 35, 120, 220 MB/s.
    QUICK = "quick"
    #: zlib's level 6, the default: 15, 60, 170 MB/s.
    MATCHES = "matches"
    #: zlib's level 9: 10, 10, 60 MB/s.
    BEST = "best"
    #: zlib's level 9, but without matches of five bytes or fewer.
    BEST_FILTERED = "best, filtered"
    #: Huffman codes only.
    CODES = "codes"


_WINDOWS_OF_IGZIP = {Method.IGZIP: _RAW, Method.IGZIP_NEAR: _RAW_NEAR}
_LEVELS_AND_STRATEGIES = {
    Method.RUNS: (1, zlib.Z_RLE),
    Method.SKIM: (1, zlib.Z_DEFAULT_STRATEGY),
    Method.QUICK: (4, zlib.Z_DEFAULT_STRATEGY),
    Method.MATCHES: (6, zlib.Z_DEFAULT_STRATEGY),
    Method.BEST: (9, zlib.Z_DEFAULT_STRATEGY),
    Method.BEST_FILTERED: (9, zlib.Z_FILTERED),
    Method.CODES: (9, zlib.Z_HUFFMAN_ONLY),
}


def compressor(method: Method) -> Compressor:
    """Make a compression object for raw deflate, for any method except ``Method.KERNEL``.

    ``flush(zlib.Z_SYNC_FLUSH)`` ends on a byte boundary, so that another stream may follow.
    ``flush()`` ends the stream.
    """
    if method in _WINDOWS_OF_IGZIP:
        library = igzip()
        if library is None:
            raise ModuleNotFoundError("igzip needs the package isal: pip install 'tbimage[fast]'")
        made: Compressor = library.compressobj(1, zlib.DEFLATED, _WINDOWS_OF_IGZIP[method])
        return made
    level, strategy = _LEVELS_AND_STRATEGIES[method]
    return zlib.compressobj(level, zlib.DEFLATED, _RAW, _MEMORY_LEVEL, strategy)


def deflated(data: Piece | Bytes, method: Method) -> bytes:
    """Return the raw deflate stream of contiguous bytes."""
    library = igzip()
    if library is not None and method in _WINDOWS_OF_IGZIP:
        stream: bytes = library.compress(data, 1, _WINDOWS_OF_IGZIP[method])
        return stream
    deflater = compressor(method)
    return deflater.compress(data) + deflater.flush()


def crc32(data: Piece | Bytes, start: int = 0) -> int:
    """Compute the CRC-32 of contiguous bytes; ``start`` is the CRC-32 of the bytes before them."""
    crc: int = (igzip() or zlib).crc32(data, start)
    return crc


def adler32(data: Piece | Bytes, start: int = 1) -> int:
    """Compute the Adler-32 of contiguous bytes; ``start`` is the Adler-32 of earlier bytes."""
    total: int = (igzip() or zlib).adler32(data, start)
    return total


def adler32_combine(first: int, second: int, second_bytes: int) -> int:
    """Combine the Adler-32s of two adjacent blocks into the Adler-32 of both blocks together.

    ``second_bytes`` is the size of the second block. The result is that of ``adler32_combine`` in
    zlib.h. The low half of an Adler-32 is 1 plus the sum of all bytes. The high half is the sum of
    the low halves after each byte (RFC 1950, section 8.2). If the blocks are joined, each low half
    in the second block increases by the sum of the bytes of the first block.
    """
    bytes_of_first = (first & 0xFFFF) - 1
    low = (bytes_of_first + (second & 0xFFFF)) % _ADLER_MODULUS
    high = ((first >> 16) + (second >> 16) + second_bytes * bytes_of_first) % _ADLER_MODULUS
    return high << 16 | low
