"""Deflate and its checksums, by the fastest library that is installed.

What lives here: the settings of deflate that suit filtered pictures, igzip (package ``isal``) where
it is installed, CRC-32 and Adler-32. What does not: which setting suits which picture
(strategy.py), and chunks (encoder.py).

Rules:
- Everything is raw deflate (RFC 1951): the strips of a picture are compressed apart, and encoder.py
  writes the header and the trailer of the zlib stream that they form.
"""

from __future__ import annotations

import enum
import zlib
from typing import Any, Protocol

from tbimage.buffers import Piece
from tbimage.pixels.png.libraries import igzip
from tbimage.pixels.scratch import Bytes

_RAW = -15  # a window of 32 KiB and no zlib header
_RAW_NEAR = -9  # the smallest window that there is
# Blocks of 32 Ki symbols: 0.2 % smaller and 3 % faster than zlib's default, 8, for 128 KiB.
_MEMORY_LEVEL = 9
_ADLER_MODULUS = 65521  # RFC 1950, section 8.2: the largest prime below 65536


class Compressor(Protocol):
    """What zlib and isal call a compression object."""

    def compress(self, data: Any, /) -> bytes:
        """Take data in and give what is ready, perhaps nothing."""

    def flush(self, mode: int = ..., /) -> bytes:
        """Return the rest."""


class Method(enum.Enum):
    """A way to deflate, named by what it looks for.

    Speeds are those of one core at 2.4 GHz with zlib 1.2.13 and isal 1.9, for photographs, colour
    maps and flat drawings after filtering.
    """

    #: The compiled encoder, which filters too (kernel.py): 900 MB/s for photographs, 1000 for
    #: drawings. Only where ``libraries.kernel()`` is not None.
    KERNEL = "kernel"
    #: igzip's first level: 280, 900, 4000 MB/s. Only where ``igzip()`` is not None.
    IGZIP = "igzip"
    #: The same, looking back over 512 bytes and not 32 KiB: 320 MB/s for photographs, and 3 %
    #: smaller. What repeats in noise does so by chance, and far matches cost more than they save.
    IGZIP_NEAR = "igzip, near"
    #: Huffman codes and runs of one byte: 80, 200, 700 MB/s. The noise in photographs hides all
    #: other repetition.
    RUNS = "runs"
    #: zlib's first level: 65, 230, 700 MB/s.
    SKIM = "skim"
    #: zlib's fourth level: 35, 120, 220 MB/s.
    QUICK = "quick"
    #: zlib's sixth level, its default: 15, 60, 170 MB/s.
    MATCHES = "matches"
    #: zlib's last level: 10, 10, 60 MB/s.
    BEST = "best"
    #: The same, leaving matches of five bytes and fewer to the Huffman codes.
    BEST_FILTERED = "best, filtered"
    #: Huffman codes and nothing else.
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
    """Make a compression object for raw deflate.

    Args:
        method: How to compress.

    Returns:
        An object with zlib's ``compress(data)`` and ``flush(mode)``. ``flush(zlib.Z_SYNC_FLUSH)``
        ends on a byte boundary, so that another stream may follow; ``flush()`` ends the stream.

    Raises:
        ModuleNotFoundError: ``Method.IGZIP`` or ``IGZIP_NEAR`` without isal.
        KeyError: ``Method.KERNEL``, which takes rows and not filtered bytes.

    Example:
        >>> deflater = compressor(Method.RUNS)
        >>> stream = deflater.compress(bytes(1000)) + deflater.flush()
        >>> zlib.decompress(stream, wbits=-15) == bytes(1000)
        True
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
    """Return the raw deflate stream of some bytes.

    Args:
        data: Contiguous bytes.
        method: How to compress.

    Raises:
        ModuleNotFoundError: A method of igzip's without isal.

    Example:
        >>> zlib.decompress(deflated(bytes(1000), Method.RUNS), wbits=-15) == bytes(1000)
        True
    """
    library = igzip()
    if library is not None and method in _WINDOWS_OF_IGZIP:
        stream: bytes = library.compress(data, 1, _WINDOWS_OF_IGZIP[method])
        return stream
    deflater = compressor(method)
    return deflater.compress(data) + deflater.flush()


def crc32(data: Piece | Bytes, start: int = 0) -> int:
    """Return the CRC-32 that PNG's chunks end with.

    Args:
        data: Contiguous bytes.
        start: The CRC-32 of what came before.

    Example:
        >>> hex(crc32(b"IEND"))
        '0xae426082'
        >>> crc32(b"ND", crc32(b"IE")) == crc32(b"IEND")
        True
    """
    crc: int = (igzip() or zlib).crc32(data, start)
    return crc


def adler32(data: Piece | Bytes, start: int = 1) -> int:
    """Return the Adler-32 that a zlib stream ends with.

    Args:
        data: Contiguous bytes.
        start: The Adler-32 of what came before.

    Example:
        >>> hex(adler32(b"Wikipedia"))
        '0x11e60398'
    """
    total: int = (igzip() or zlib).adler32(data, start)
    return total


def adler32_combine(first: int, second: int, second_bytes: int) -> int:
    """Return the Adler-32 of two blocks, one after the other, from theirs.

    This is what zlib.h defines as ``adler32_combine``. RFC 1950, section 8.2: the low half is 1
    plus all bytes, the high half is the sum of every value that the low half has taken. Behind
    another block each of those values is larger by all bytes of that block.

    Args:
        first: Adler-32 of the first block.
        second: Adler-32 of the second block.
        second_bytes: Length of the second block.

    Example:
        >>> adler32_combine(adler32(b"Wiki"), adler32(b"pedia"), 5) == adler32(b"Wikipedia")
        True
    """
    bytes_of_first = (first & 0xFFFF) - 1
    low = (bytes_of_first + (second & 0xFFFF)) % _ADLER_MODULUS
    high = ((first >> 16) + (second >> 16) + second_bytes * bytes_of_first) % _ADLER_MODULUS
    return high << 16 | low
