"""PNG files: every picture is decoded exactly, with every compression and by every decoder."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from tbimage.pixels.png import encoder, strips
from tbimage.pixels.png.deflate import Method
from tbimage.pixels.png.encoder import (
    COMPRESSIONS,
    EncodedPng,
    encode,
    encode_all,
)
from tbimage.pixels.png.filters import Filter
from tbimage.pixels.png.libraries import encoder_name
from tbimage.pixels.png.rows import Pixels
from tests.pixels.images import MEMORIES
from tests.pixels.libraries import LIBRARIES, METHODS_OF_IGZIP, library
from tests.pixels.plain_png import Array, decode, read_chunks
from tests.pixels.test_reductions import as_rgba

T = TypeVar("T")


def joined(encoded: EncodedPng) -> bytes:
    return b"".join(encoded.pieces)


def run_by_threads(parts: Sequence[Callable[[], T]], /) -> list[T]:
    with ThreadPoolExecutor(3) as pool:
        return list(pool.map(lambda part: part(), parts))


@contextmanager
def small_strips() -> Iterator[None]:
    """Strips of a few rows, and blocks of fewer."""
    with (
        mock.patch.multiple(strips, STRIP_BYTES=40, SMALL_BYTES=30, BLOCK_BYTES=25),
        mock.patch.object(encoder, "BY_KERNEL", strips.BY_KERNEL._replace(strip_bytes=40)),
    ):
        yield


@st.composite
def pictures(draw: st.DrawFn) -> Pixels:
    """Both depths, all channel counts, noise and repetition, in any memory, from 1 × 1 pixel on."""
    dtype = np.dtype(draw(st.sampled_from(["uint8", "uint16"])))
    side = st.one_of(st.integers(1, 12), st.just(1))
    shape = (draw(side), draw(side), draw(st.integers(1, 4)))
    most = 2 ** (8 * dtype.itemsize) - 1
    elements = draw(st.sampled_from([st.integers(0, most), st.sampled_from([0, 1, most])]))
    picture = draw(hnp.arrays(dtype, shape, elements=elements))
    return MEMORIES[draw(st.sampled_from(sorted(MEMORIES)))](picture)


# --- decoded exactly ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize("compression", ["fast", "balanced"])
@given(picture=pictures(), many=st.booleans(), run=st.sampled_from([None, run_by_threads]))
def test_pixels_come_back(
    name: str, compression: str, picture: Pixels, many: bool, run: Any
) -> None:
    before = picture.copy()
    options = {} if run is None else {"run": run}
    with library(name), small_strips() if many else mock.patch.dict({}):
        encoded = encode(picture, compression=compression, **options)
    assert np.array_equal(picture, before)
    assert encoded.channels == picture.shape[2]
    decoded = decode(joined(encoded))
    assert decoded.stored.dtype == picture.dtype.newbyteorder("=")
    assert np.array_equal(decoded.stored, picture)


@given(picture=pictures(), run=st.sampled_from([None, run_by_threads]))
def test_colors_come_back_from_small(picture: Pixels, run: Any) -> None:
    encoded = encode(picture, compression="small", **({} if run is None else {"run": run}))
    decoded = decode(joined(encoded))
    assert decoded.shown.shape[2] == encoded.channels
    assert np.array_equal(as_rgba(decoded.shown), as_rgba(picture))


@pytest.mark.parametrize("kind", Filter)
@pytest.mark.parametrize("method", sorted(set(Method) - {Method.KERNEL}, key=str))
@pytest.mark.parametrize("shape", [(7, 5, 3), (1, 9, 4), (9, 1, 2), (1, 1, 1)])
def test_every_plan(kind: Filter, method: Method, shape: tuple[int, int, int]) -> None:
    if method in METHODS_OF_IGZIP:
        pytest.importorskip("isal")
    picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    plan = strips.Plan(kind, method, 30)
    with (
        library("zlib") if method not in METHODS_OF_IGZIP else library("igzip"),
        mock.patch("tbimage.pixels.png.strategy.plan_fast", return_value=plan),
    ):
        assert np.array_equal(decode(joined(encode(picture))).stored, picture)


def names_of_chunks(file: bytes) -> list[str]:
    return [name for name, _ in read_chunks(file[8:])]


def photograph(height: int, width: int, channels: int, dtype: str = "uint8") -> Array:
    """A texture like that of a photo: smooth, with noise, and a flat sky."""
    y, x = np.mgrid[:height, :width]
    values = 0.4 + 0.2 * np.sin(x / 29) + 0.2 * np.cos(y / 31)
    values = values[:, :, None] + np.linspace(0, 0.1, channels)
    values += np.random.default_rng(0).normal(0, 0.01, values.shape)
    values[: height // 4] = 0.9
    return (values * np.iinfo(dtype).max).astype(dtype)


SIZES = [(64, 64), (333, 517)]


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pillow_decodes(name: str, compression: str, size: tuple[int, int], channels: int) -> None:
    picture = photograph(*size, channels)
    with library(name):
        file = joined(encode(picture, compression=compression))
    with Image.open(io.BytesIO(file)) as image:
        assert np.array_equal(np.asarray(image).reshape(picture.shape), picture)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
def test_pillow_decodes_gray_of_16_bits(compression: str, dtype: str) -> None:
    picture = photograph(333, 517, 1, dtype)
    with Image.open(io.BytesIO(joined(encode(picture, compression=compression)))) as image:
        assert np.array_equal(np.asarray(image)[:, :, None], picture)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("size", SIZES)
def test_pngcheck_finds_nothing(
    tmp_path: Path, compression: str, dtype: str, size: tuple[int, int]
) -> None:
    program = shutil.which("pngcheck")
    if program is None:
        pytest.skip("pngcheck is not installed")
    files = []
    for channels in (1, 2, 3, 4):
        for name in LIBRARIES:
            files.append(tmp_path / f"{channels}_{name}.png")
            with library(name):
                encoded = encode(photograph(*size, channels, dtype), compression=compression)
            files[-1].write_bytes(joined(encoded))
    done = subprocess.run([program, "-v", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("No errors detected") == len(files)


# --- strips ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["fast", "balanced"])
def test_workers_change_nothing_but_the_time(compression: str) -> None:
    picture = photograph(700, 900, 3)
    threads = set()

    def run(parts: Sequence[Callable[[], T]], /) -> list[T]:
        def noted(part: Callable[[], T]) -> T:
            threads.add(threading.get_ident())
            barrier.wait(timeout=30)
            return part()

        first, second, *others = parts
        barrier = threading.Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(noted, [first, second]))
        return results + [part() for part in others]

    file = joined(encode(picture, compression=compression))
    assert joined(encode(picture, compression=compression, run=run)) == file
    assert len(threads) == 2
    assert names_of_chunks(file).count("IDAT") == -(-picture.nbytes // strips.STRIP_BYTES)


@given(several=st.lists(pictures(), max_size=4), repeats=st.integers(1, 3))
@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_pictures_encoded_together_are_the_same_files(
    several: list[Pixels], repeats: int, compression: str, name: str
) -> None:
    several = [*several * repeats, *[picture[::-1] for picture in several]]
    with library(name):
        alone = [joined(encode(picture, compression=compression)) for picture in several]
        assert list(map(joined, encode_all(several, compression=compression))) == alone


def test_many_small_pictures_need_little_memory() -> None:
    thumbnails = np.random.default_rng(0).integers(0, 256, (2000, 64, 64, 1), np.uint8)
    encode_all([*thumbnails[:100]])
    tracemalloc.start()
    encoded = encode_all([*thumbnails])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - sum(map(len, map(joined, encoded))) < thumbnails.nbytes // 2
    assert np.array_equal(decode(joined(encoded[1999])).stored, thumbnails[1999])


def test_small_pictures_are_not_handed_out() -> None:
    def run(parts: Sequence[Callable[[], T]], /) -> list[T]:
        raise AssertionError("one strip needs no worker")

    encode(photograph(64, 64, 3), run=run)


def test_rows_wider_than_a_strip() -> None:
    picture = photograph(3, 550_000, 2)
    assert picture[0].nbytes > strips.STRIP_BYTES
    file = joined(encode(picture))
    assert names_of_chunks(file).count("IDAT") == 3
    with Image.open(io.BytesIO(file)) as image:
        assert np.array_equal(np.asarray(image), picture)


def test_files_do_not_share_memory_with_the_next_picture() -> None:
    first, second = photograph(300, 300, 3), 255 - photograph(300, 300, 3)
    encoded = encode(first)
    before = joined(encoded)
    encode(second)
    assert joined(encoded) == before


@pytest.mark.parametrize("height", [30, 300, 2000])
def test_pieces_are_read_byte_by_byte(height: int) -> None:
    pieces = encode(photograph(height, 300, 3)).pieces
    assert [len(piece) for piece in pieces] == [len(bytes(piece)) for piece in pieces]


# --- memory ---------------------------------------------------------------------------------------

WIDE = 2000
OTHER_MEMORY: dict[str, Callable[[Array], Array]] = {
    "as PNG stores it": lambda picture: picture,
    "Fortran": np.asfortranarray,
    "crop": lambda picture: picture[1:, 1:],
    "16 bits": lambda picture: picture.astype(np.uint16),
}


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize("compression", ["fast", "balanced"])
@pytest.mark.parametrize("memory", OTHER_MEMORY)
def test_no_temporary_of_the_size_of_the_picture(name: str, compression: str, memory: str) -> None:
    picture = OTHER_MEMORY[memory](np.tile(photograph(500, 500, 3), (3, 4, 1)))
    assert picture.nbytes > 8 << 20
    with library(name):
        encode(picture, compression=compression)  # imports, and scratch that is kept
        tracemalloc.start()
        encoded = encode(picture, compression=compression)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak - len(joined(encoded)) < 2 << 20


def test_small_keeps_one_of_its_trials() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (700, 1000, 3), np.uint8)
    encode(picture[:100], compression="small")
    tracemalloc.start()
    encoded = encode(picture, compression="small")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * len(joined(encoded)) + (2 << 20)


# --- isal or not ----------------------------------------------------------------------------------

_ENCODE_AND_DECODE = """
import sys
sys.modules["isal"] = None  # the import system then raises ModuleNotFoundError
import io, numpy as np
from PIL import Image
from tbimage.pixels.png.libraries import igzip
from tbimage.pixels.png.encoder import encode
assert igzip() is None
picture = np.random.default_rng(0).integers(0, 9, (500, 500, 3), np.uint8)
file = b"".join(encode(picture).pieces)
assert np.array_equal(np.asarray(Image.open(io.BytesIO(file))), picture)
assert not any(name.startswith("isal.") for name in sys.modules)
"""


def test_zlib_does_it_where_isal_is_not_installed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ENCODE_AND_DECODE],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TBIMAGE_PURE": "1"},
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", LIBRARIES)
def test_the_fastest_that_is_installed_encodes(name: str) -> None:
    picture = photograph(333, 517, 3)
    with library("zlib"):
        by_zlib = joined(encode(picture))
    with library(name):
        assert encoder_name() == name
        assert (joined(encode(picture)) == by_zlib) == (name == "zlib")


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pixels", "error", "message"),
    [
        (np.zeros((2, 2, 1), np.float32), TypeError, "float32"),
        (np.zeros((2, 2, 1), np.int8), TypeError, "int8"),
        (np.zeros((2, 2, 1), np.uint32), TypeError, "uint32"),
        ([[[1]]], TypeError, "not list"),
        (np.zeros((2, 2), np.uint8), ValueError, r"\(2, 2\)"),
        (np.zeros((2, 2, 5), np.uint8), ValueError, "1 to 4 channels"),
        (np.zeros((2, 2, 0), np.uint8), ValueError, "1 to 4 channels"),
        (np.zeros((0, 2, 3), np.uint8), ValueError, r"\(0, 2\)"),
        (np.zeros((2, 0, 3), np.uint8), ValueError, r"\(2, 0\)"),
        (np.broadcast_to(np.uint8(0), (1, 2**31, 1)), ValueError, "high and wide"),
    ],
)
def test_arrays_that_are_no_picture(pixels: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"pixels must be.*{message}"):
        encode(pixels)


def test_unknown_compression() -> None:
    with pytest.raises(ValueError, match=r"compression='best'.*'fast', 'balanced', 'small'"):
        encode(np.zeros((2, 2, 1), np.uint8), compression="best")


# --- size -----------------------------------------------------------------------------------------


def pillow_size(picture: Pixels, **options: Any) -> int:
    file = io.BytesIO()
    Image.fromarray(picture.squeeze()).save(file, "PNG", **options)
    return len(file.getvalue())


def test_small_is_at_most_as_large_as_optimized_by_pillow() -> None:
    pytest.importorskip("skimage")
    from benchmarks.corpus import corpus

    small = [picture for picture in corpus() if picture.pixels.nbytes < 130_000]
    assert {picture.kind for picture in small} >= {"photograph", "map", "mask", "drawing"}
    for picture in small:
        size = len(joined(encode(picture.pixels, compression="small")))
        assert size <= pillow_size(picture.pixels, optimize=True), picture.name


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_small_is_at_most_as_large_on_the_whole_corpus() -> None:
    pytest.importorskip("skimage")
    from benchmarks.corpus import corpus

    for picture in corpus():
        size = len(joined(encode(picture.pixels, compression="small", run=run_by_threads)))
        assert size <= pillow_size(picture.pixels, optimize=True), picture.name
