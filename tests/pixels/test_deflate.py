"""Deflate by either library, and combined checksums."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tbimage.pixels.png.deflate import Method, adler32, adler32_combine, compressor, crc32
from tbimage.pixels.png.libraries import igzip
from tests.pixels.libraries import LIBRARIES, METHODS_OF_IGZIP, library


@pytest.mark.parametrize("method", METHODS_OF_IGZIP)
def test_without_isal_there_is_no_igzip(method: Method) -> None:
    with library("zlib"):
        assert igzip() is None
        with pytest.raises(ModuleNotFoundError, match=r"pip install 'tbimage\[fast\]'"):
            compressor(method)
    with library("igzip"):
        assert igzip() is not None


@pytest.mark.parametrize("method", sorted(set(Method) - {Method.KERNEL}, key=str))
@given(parts=st.lists(st.binary(max_size=300), min_size=1, max_size=4))
def test_streams_that_were_flushed_follow_each_other(method: Method, parts: list[bytes]) -> None:
    if method in METHODS_OF_IGZIP:
        pytest.importorskip("isal")
    stream = b""
    for last, part in zip([False] * (len(parts) - 1) + [True], parts, strict=True):
        deflater = compressor(method)
        stream += deflater.compress(np.frombuffer(part * 3, np.uint8))
        stream += deflater.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)
    inflater = zlib.decompressobj(wbits=-15)
    assert inflater.decompress(stream) == b"".join(part * 3 for part in parts)
    assert inflater.eof


@pytest.mark.parametrize("name", LIBRARIES)
@given(data=st.binary(max_size=200), start=st.integers(0, 2**32 - 1))
def test_checksums(name: str, data: bytes, start: int) -> None:
    with library(name):
        assert crc32(data, start) == zlib.crc32(data, start)
        assert adler32(data) == zlib.adler32(data)
        assert adler32(np.frombuffer(data, np.uint8)) == zlib.adler32(data)


@given(st.binary(max_size=3000), st.binary(max_size=3000))
def test_adler_of_two_blocks(first: bytes, second: bytes) -> None:
    combined = adler32_combine(zlib.adler32(first), zlib.adler32(second), len(second))
    assert combined == zlib.adler32(first + second)


def test_adler_of_two_large_blocks() -> None:
    first, second = b"\xff" * 300_000, b"\xfe" * 5_000_000
    combined = adler32_combine(zlib.adler32(first), zlib.adler32(second), len(second))
    assert combined == zlib.adler32(first + second)
