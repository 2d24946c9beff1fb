"""Levels without a value range, non-finite pixels, and their cost.

Each rule is compared with a direct computation, one number at a time; with TensorFlow, which has
the same rule for floats; and, for images of several blocks, with plain NumPy.
"""

from __future__ import annotations

import io
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tbimage.pixels.arrays.array_like import check_dtype
from tbimage.pixels.values.levels import to_levels
from tests.pixels.images import (
    EVERY_DTYPE,
    FLOATS,
    INTEGERS,
    MEMORIES,
    Array,
    default_level,
    images,
    is_finite,
)

RED = (255, 0, 0)


def painted(pixels: Array, finite: Array, color: tuple[int, int, int]) -> Array:
    """Pixels by the rule of non-finite values, one at a time."""
    height, width, channels = pixels.shape
    if finite.all():
        return pixels
    gray = len(set(color)) == 1
    rows = []
    for y in range(height):
        row = []
        for x in range(width):
            *colors, alpha = list(pixels[y, x]) if channels in (2, 4) else [*pixels[y, x], 255]
            if not finite[y, x]:
                colors, alpha = list(color), 255
            if channels <= 2:
                colors = colors[:1] if gray else (colors * 3)[:3]
            row.append([*colors, alpha] if channels in (2, 4) else colors)
        rows.append(row)
    return np.array(rows, np.uint8)


# --- without a range ------------------------------------------------------------------------------


@given(images(["uint8"]))
def test_uint8_stays(image: Array) -> None:
    levels = to_levels(image)
    assert levels.pixels.dtype == np.uint8
    assert levels.pixels.flags.c_contiguous
    assert levels.pixels.tolist() == image.tolist()
    assert (levels.clipped, levels.non_finite) == (None, 0)


@given(images(["uint16"]))
def test_uint16_stays_16_bits_deep(image: Array) -> None:
    pixels = to_levels(image).pixels
    assert pixels.dtype == np.uint16
    assert pixels.dtype.isnative
    assert pixels.flags.c_contiguous
    assert pixels.tolist() == image.tolist()


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_contiguous_levels_are_not_copied(dtype: str) -> None:
    image = np.arange(24).astype(dtype).reshape(2, 4, 3)
    assert to_levels(image).pixels is image


@given(images(["bool"]))
def test_bool_becomes_black_and_white(image: Array) -> None:
    expected = [[[255 if value else 0 for value in pixel] for pixel in row] for row in image]
    assert to_levels(image).pixels.tolist() == expected


def test_bools_of_unusual_bits() -> None:
    image = np.array([0, 1, 2, 255], np.uint8).view(np.bool_).reshape(2, 2, 1)
    assert to_levels(image).pixels.ravel().tolist() == [0, 255, 255, 255]
    assert to_levels(np.tile(image, (9, 9, 1)), (0, 255)).pixels[0, :2, 0].tolist() == [0, 1]


@given(images(INTEGERS), st.randoms())
def test_other_integers_are_levels(image: Array, random: Any) -> None:
    if image.min() < 0 or image.max() > 255:
        with pytest.raises(ValueError, match=rf"from {image.min()} to {image.max()}.*value_range"):
            to_levels(image)
    small = np.array([random.randrange(128) for _ in range(image.size)]).reshape(image.shape)
    pixels = to_levels(small.astype(image.dtype)).pixels
    assert pixels.dtype == np.uint8
    assert pixels.tolist() == small.tolist()


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        (dtype, value)
        for dtype in INTEGERS
        for value in (-1, 256, -(2**31), 2**40, 2**64 - 1)
        if np.iinfo(dtype).min <= value <= np.iinfo(dtype).max
    ],
)
def test_one_integer_outside_is_enough(dtype: str, value: int) -> None:
    image = np.zeros((300, 300, 1), dtype)
    image[299, 299] = value
    with pytest.raises(ValueError, match="value_range='minmax'"):
        to_levels(image)


@settings(max_examples=300)
@given(images(FLOATS), st.sampled_from([RED, (7, 7, 7), (0, 255, 1)]))
def test_floats(image: Array, color: tuple[int, int, int]) -> None:
    before = image.copy()
    levels = to_levels(image, nan_color=color)
    assert np.array_equal(image, before, equal_nan=True)

    native = image.astype(image.dtype.newbyteorder("="))
    finite = is_finite(native)
    rows = [
        [[default_level(v) if np.isfinite(v) else 0 for v in pixel] for pixel in row]
        for row in native
    ]
    expected = painted(np.array(rows, np.uint8), finite, color)
    assert levels.pixels.dtype == np.uint8
    assert levels.pixels.flags.c_contiguous
    assert levels.pixels.tolist() == expected.tolist()
    assert levels.non_finite == np.count_nonzero(~finite)

    values = [float(value) for value in native.ravel() if np.isfinite(value)]
    outside = any(not -1 < value * 255.5 < 256 for value in values)
    assert levels.clipped == ((min(values), max(values)) if outside else None)


def test_every_float16() -> None:
    values = np.arange(1 << 16, dtype=np.uint16).view(np.float16).reshape(256, 256, 1)
    levels = to_levels(values, nan_color=(9, 9, 9))
    expected = [default_level(v) if np.isfinite(v) else 9 for v in values.ravel()]
    assert levels.pixels.ravel().tolist() == expected
    assert levels.clipped == (-65504.0, 65504.0)
    assert levels.non_finite == 2 * 1024


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "int32", *FLOATS])
@pytest.mark.parametrize("shape", [(190, 193, 4), (191, 257, 3), (1, 70001, 2), (80001, 1, 1)])
def test_images_of_several_blocks(memory: str, dtype: str, shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(7)
    if dtype.startswith("float"):
        image = rng.uniform(-0.2, 1.2, shape).astype(dtype)
        expected = (image * image.dtype.type(255.5)).clip(0, 255).astype(np.uint8)
    elif dtype == "bool":
        image = rng.integers(0, 2, shape).astype(dtype)
        expected = image * np.uint8(255)
    else:
        image = rng.integers(0, 256, shape).astype(dtype)
        expected = image
    levels = to_levels(MEMORIES[memory](image))
    assert np.array_equal(levels.pixels, expected)
    assert levels.pixels.flags.c_contiguous


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_faults_in_images_of_several_blocks(memory: str, channels: int) -> None:
    rng = np.random.default_rng(8)
    image = rng.uniform(0, 1, (300, 301, channels)).astype(np.float32)
    faulty = rng.uniform(0, 1, image.shape) < 0.001
    image[faulty] = rng.choice([np.nan, np.inf, -np.inf], np.count_nonzero(faulty))
    levels = to_levels(MEMORIES[memory](image), nan_color=(1, 2, 3))

    good = ~faulty.any(axis=-1)
    assert good.any()
    assert levels.non_finite == np.count_nonzero(~good) > 10
    expected = (image[good] * np.float32(255.5)).astype(np.uint8)
    if channels <= 2:
        expected = expected[:, [0, 0, 0, *range(1, channels)]]
    assert np.array_equal(levels.pixels[good], expected)
    assert (levels.pixels[~good] == [1, 2, 3, 255][: levels.pixels.shape[2]]).all()
    assert levels.clipped is None


def test_non_finite_values_are_no_range() -> None:
    image = np.array([[[np.inf], [-np.inf], [0.25], [1.5]]])
    assert to_levels(image).clipped == (0.25, 1.5)
    nothing = to_levels(np.full((2, 2, 3), np.nan))
    assert (nothing.clipped, nothing.non_finite) == (None, 4)
    assert (nothing.pixels == RED).all()


# --- as TensorFlow does ---------------------------------------------------------------------------


def tensorflows_pixels(image: Array, directory: Path) -> Array:
    """The decoded picture of tf.summary.image."""
    tf = pytest.importorskip("tensorflow")
    with tf.summary.create_file_writer(str(directory)).as_default():
        tf.summary.image("x", image[np.newaxis], step=0)
    (path,) = directory.iterdir()
    *_, record = tf.data.TFRecordDataset(str(path))
    event = tf.compat.v1.Event.FromString(record.numpy())
    png = event.summary.value[0].tensor.string_val[2]
    pixels = np.asarray(Image.open(io.BytesIO(png)))
    return pixels.reshape(image.shape)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", *FLOATS])
def test_same_pixels_as_tensorflow(dtype: str, channels: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(channels)
    if dtype == "uint8":
        image = rng.integers(0, 256, (64, 64, channels)).astype(dtype)
    else:
        # Inside, outside, at each level's border and beside it, and where products overflow.
        borders = (np.arange(-2, 259) / 255.5).astype(dtype)
        values = np.concatenate(
            [
                borders,
                np.nextafter(borders, np.array(-9, dtype)),
                np.nextafter(borders, np.array(9, dtype)),
                rng.uniform(0, 1, 5000).astype(dtype),
                rng.normal(0, 3, 5000).astype(dtype),
                np.array([0, -0.0, np.finfo(dtype).max, np.finfo(dtype).min, np.finfo(dtype).tiny]),
            ]
        ).astype(dtype)
        values = np.resize(values, -(-values.size // (64 * channels)) * 64 * channels)
        image = values.reshape(-1, 64, channels)
    assert np.array_equal(to_levels(image).pixels, tensorflows_pixels(image, tmp_path))


def test_every_finite_float16_as_tensorflow(tmp_path: Path) -> None:
    values = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    image = values[np.isfinite(values)].reshape(-1, 62 * 2, 1)
    assert np.array_equal(to_levels(image).pixels, tensorflows_pixels(image, tmp_path))


# --- cost -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("memory", ["C", "planes", "Fortran", "big-endian", "every second"])
@pytest.mark.parametrize("value_range", [None, "signed", "minmax"])
@pytest.mark.parametrize("dtype", EVERY_DTYPE)
def test_no_temporary_of_the_images_size(dtype: str, value_range: Any, memory: str) -> None:
    rng = np.random.default_rng(0)
    shape = (1200, 1000, 3)
    if dtype.startswith("float"):
        image = (rng.random(shape, np.float32) * 3 - 1).astype(dtype)  # out of range: the long way
    else:
        image = rng.integers(0, 2, shape).astype(dtype)
    image = MEMORIES[memory](image)
    to_levels(image[:2, :2], value_range)
    tracemalloc.start()
    try:
        levels = to_levels(image, value_range)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    output = 0 if levels.pixels is image else levels.pixels.nbytes
    assert peak < output + 1_600_000  # of 3.6 MB and more that a temporary would have


def test_faults_cost_no_temporary_either() -> None:
    image = np.zeros((1200, 1000, 3), np.float32)
    image[::7] = np.nan
    tracemalloc.start()
    try:
        levels = to_levels(image)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert levels.non_finite == 172_000
    assert peak < levels.pixels.nbytes + 1_600_000


def test_threads_do_not_share_scratch() -> None:
    rng = np.random.default_rng(0)
    inputs = [rng.uniform(-1, 2, (400, 400, 3)).astype(np.float32) for _ in range(4)]
    alone = [to_levels(image, "signed").pixels for image in inputs]

    def always_right(number: int) -> bool:
        results = (to_levels(inputs[number], "signed").pixels for _ in range(30))
        return all(np.array_equal(pixels, alone[number]) for pixels in results)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(always_right, range(4))) == [True] * 4


@pytest.mark.parametrize("wrong", [(0, 0, 256), (-1, 0, 0)])
def test_nan_colors_not_allowed(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"nan_color.*0\.\.255"):
        to_levels(np.zeros((1, 1, 1)), nan_color=wrong)


@pytest.mark.parametrize("wrong", ["red", (1, 2), (1, 2, 3, 4), (1.0, 0, 0), 7, None, "abc"])
def test_nan_colors_of_no_kind(wrong: object) -> None:
    with pytest.raises(TypeError, match="nan_color"):
        to_levels(np.zeros((1, 1, 1)), nan_color=wrong)


@pytest.mark.parametrize("dtype", EVERY_DTYPE)
def test_dtypes(dtype: str) -> None:
    check_dtype(np.dtype(dtype))
    check_dtype(np.dtype(dtype).newbyteorder(">"))


@pytest.mark.parametrize(
    "dtype", ["complex64", "complex128", "O", "U3", "S3", "M8[s]", "m8[ns]", "V4", "f4,u1"]
)
def test_dtypes_without_levels(dtype: str) -> None:
    with pytest.raises(TypeError, match=r"data has dtype .*expected .*:"):
        check_dtype(np.dtype(dtype))
    with pytest.raises(TypeError, match="data has dtype"):
        to_levels(np.zeros((1, 1, 1), dtype))
