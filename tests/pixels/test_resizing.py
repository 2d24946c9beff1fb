"""Other sizes against plain definitions: repetition, averages of blocks, a Hamming filter."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tbimage.pixels.values.resizing import check_scale, nearest, resize, target_size

DTYPES = [np.uint8, np.uint16]


def noise(height: int, width: int, channels: int, dtype: Any = np.uint8) -> Any:
    most = np.iinfo(dtype).max
    return np.random.default_rng(0).integers(0, most, (height, width, channels), dtype, True)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 25), st.integers(1, 25))
def test_the_nearest_pixel_is_the_one_under_the_centre(
    height: int, width: int, new_height: int, new_width: int
) -> None:
    pixels = noise(height, width, 3)
    changed = nearest(pixels, (new_height, new_width))
    assert changed.shape == (new_height, new_width, 3)
    for row in range(new_height):
        for column in range(new_width):
            y = math.floor((row + 0.5) * height / new_height)
            x = math.floor((column + 0.5) * width / new_width)
            assert changed[row, column].tolist() == pixels[y, x].tolist()


def hamming(count: int, wanted: int) -> Any:
    """Weights (wanted, count) of a Hamming-windowed sinc of the width of a pixel to be."""
    step = count / wanted
    weights = np.zeros((wanted, count))
    for place in range(wanted):
        centre = (place + 0.5) * step
        first, last = int(max(centre - step + 0.5, 0)), int(min(centre + step + 0.5, count))
        for source in range(first, last):
            x = abs((source - centre + 0.5) / step)
            if x == 0:
                weights[place, source] = 1
            elif x < 1:
                weights[place, source] = (
                    math.sin(math.pi * x) / (math.pi * x) * (0.54 + 0.46 * math.cos(math.pi * x))
                )
    return weights / weights.sum(axis=1, keepdims=True)


@settings(max_examples=60)
@given(
    st.sampled_from(DTYPES),
    st.sampled_from([1, 3]),
    st.integers(8, 20),
    st.integers(8, 20),
    st.data(),
)
def test_a_little_smaller_is_a_hamming_filter(
    dtype: Any, channels: int, height: int, width: int, data: st.DataObject
) -> None:
    new_height = data.draw(st.integers(height * 2 // 3 + 1, height - 1))
    new_width = data.draw(st.integers(width * 2 // 3 + 1, width))
    pixels = noise(height, width, channels, dtype)
    changed = resize(pixels, (new_height, new_width)).astype(float)
    expected = np.einsum(
        "yh,xw,hwc->yxc", hamming(height, new_height), hamming(width, new_width), pixels
    )
    tolerance = 2.0 if dtype == np.uint8 else 1.0
    assert np.abs(changed - expected).max() <= tolerance


@given(
    st.sampled_from(DTYPES),
    st.integers(1, 4),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(1, 6),
    st.integers(1, 6),
)
def test_a_whole_fraction_is_the_average_of_blocks(
    dtype: Any, channels: int, height: int, width: int, down: int, across: int
) -> None:
    pixels = noise(height * down, width * across, channels, dtype).astype(np.float64)
    if channels in (2, 4):
        pixels[..., -1] = np.iinfo(dtype).max  # transparency has a test of its own
    changed = resize(pixels.astype(dtype), (height, width))
    assert changed.dtype == dtype
    expected = pixels.reshape(height, down, width, across, channels).mean(axis=(1, 3))
    assert np.abs(changed - expected).max() <= 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [(4, 4), (5, 5), (3, 7)])
def test_colours_of_transparent_pixels_do_not_bleed(dtype: Any, size: tuple[int, int]) -> None:
    most = np.iinfo(dtype).max
    pixels = np.zeros((16, 16, 4), dtype)
    pixels[:, ::2] = (most // 2, 0, 0, most)  # every other column opaque, the others clear white
    pixels[:, 1::2] = (most, most, most, 0)
    changed = resize(pixels, size)
    red, green, blue, alpha = changed.reshape(-1, 4).T.astype(int)
    assert np.abs(red - most // 2).max() <= most // 64
    assert max(green.max(), blue.max()) <= most // 64
    assert alpha.min() > 0


@given(
    st.sampled_from(DTYPES),
    st.integers(1, 4),
    st.integers(1, 30),
    st.integers(1, 30),
    st.integers(1, 40),
    st.integers(1, 40),
)
def test_one_colour_stays_and_no_level_is_new(
    dtype: Any, channels: int, height: int, width: int, new_height: int, new_width: int
) -> None:
    most = np.iinfo(dtype).max
    flat = np.full((height, width, channels), most - 7, dtype)
    flat[..., -1] = most
    changed = resize(flat, (new_height, new_width))
    assert changed.shape == (new_height, new_width, channels)
    assert (changed == flat[0, 0]).all()
    low, high = most // 4, most // 2
    two = np.where(noise(height, width, 1) > 127, low, high).astype(dtype)
    changed = resize(two, (new_height, new_width))
    assert low - 1 <= changed.min()
    assert changed.max() <= high + 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_larger_repeats_pixels(dtype: Any) -> None:
    pixels = noise(3, 5, 3, dtype)
    np.testing.assert_array_equal(resize(pixels, (6, 20)), pixels.repeat(2, 0).repeat(4, 1))
    assert resize(pixels, (3, 5)) is pixels


def test_any_memory() -> None:
    pixels = noise(30, 40, 3)
    expected = resize(pixels, (15, 20))
    for other in (np.asfortranarray(pixels), pixels.repeat(2, 0)[::2], pixels[::-1][::-1]):
        np.testing.assert_array_equal(resize(other, (15, 20)), expected)


@given(
    st.integers(1, 5000),
    st.integers(1, 5000),
    st.none() | st.integers(1, 3000),
    st.none() | st.floats(0.01, 4),
)
def test_sizes(height: int, width: int, max_side: int | None, scale: float | None) -> None:
    new_height, new_width = target_size(height, width, max_side, scale)
    assert new_height >= 1
    assert new_width >= 1
    if max_side is not None:
        assert max(new_height, new_width) <= max_side
    factor = 1.0 if scale is None else scale
    if max_side is None or max(height, width) * factor <= max_side:
        assert abs(new_height - height * factor) <= 0.5 or new_height == 1
        assert abs(new_width - width * factor) <= 0.5 or new_width == 1
    else:
        assert max(new_height, new_width) == max_side


@pytest.mark.parametrize(
    ("check", "wrong"),
    [
        (check_scale, 0),
        (check_scale, -1.0),
        (check_scale, 1e308),
        (check_scale, 10**400),
    ],
)
def test_numbers_out_of_range(check: Any, wrong: Any) -> None:
    with pytest.raises(ValueError, match=f"got {re.escape(str(wrong)[:9])}"):
        check(wrong)


@pytest.mark.parametrize(
    ("check", "wrong"),
    [
        (check_scale, "2"),
        (check_scale, True),
        (check_scale, [1]),
    ],
)
def test_values_that_are_no_numbers(check: Any, wrong: Any) -> None:
    with pytest.raises(TypeError, match="must be"):
        check(wrong)


def test_a_longer_side_of_any_length_changes_nothing() -> None:
    assert target_size(30, 20, max_side=10**400, scale=2.0) == (60, 40)


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_scale_is_finite(wrong: float) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        check_scale(wrong)
