"""Value ranges: their names, and levels within them, compared with exact arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tbimage.pixels.values.levels import to_levels
from tbimage.pixels.values.ranges import UNIT, ValueRange, check_value_range, find_limits
from tests.pixels.images import (
    EVERY_DTYPE,
    FLOATS,
    Array,
    default_level,
    images,
    is_finite,
)

# --- levels within a range ------------------------------------------------------------------------


def assert_scaled(values: Array, got: Array, low: Fraction, high: Fraction, epsilon: float) -> None:
    """Each level is the rule's in exact arithmetic, or one that rounding by epsilon may give."""
    for value, level in zip(values.ravel().tolist(), got.ravel().tolist(), strict=True):
        x = Fraction(value)
        if low == high:
            expected = {127} if x == low else {255} if x > low else {0}
            assert level in expected
            continue
        exact = (x - low) / (high - low) * Fraction("255.5")
        slack = Fraction(epsilon) * 1024 * (1 + max(abs(low), abs(high)) / (high - low))
        least, most = (
            min(max(bound, Fraction(0)), Fraction(255)) for bound in (exact - slack, exact + slack)
        )
        assert int(least) <= level <= int(most), (value, float(exact))


def epsilon_of(dtype: np.dtype[Any]) -> float:
    single = dtype.kind == "f" and dtype.itemsize <= 4
    return float(np.finfo(np.float32 if single else np.float64).eps)


def split_alpha(image: Array) -> tuple[Array, Array]:
    colors = {1: 1, 2: 1, 3: 3, 4: 3}[image.shape[-1]]
    return image[..., :colors], image[..., colors:]


def natural_alpha(value: Any) -> int | None:
    """Alpha as 8 bits, without any range; None where it is an error."""
    kind, size = value.dtype.kind, value.dtype.itemsize
    if kind == "b":
        return 255 if value else 0
    if kind == "f":
        return default_level(value)
    if kind == "u" and size == 2:
        return int(Fraction(int(value), 65535) * Fraction("255.5"))
    return int(value) if 0 <= value <= 255 else None


def assert_in_range(image: Array, value_range: object, limits: Callable[[Array], Any]) -> None:
    native = image.astype(image.dtype.newbyteorder("="))
    colors, alpha = split_alpha(native)
    alphas = [natural_alpha(value) if np.isfinite(value) else 0 for value in alpha.ravel()]
    if None in alphas:
        with pytest.raises(ValueError, match=r"0\.\.255"):
            to_levels(image, value_range)
        return
    levels = to_levels(image, value_range, nan_color=(5, 5, 5))
    assert levels.pixels.shape == image.shape
    assert levels.pixels.dtype == np.uint8
    assert levels.clipped is None
    finite = is_finite(native)
    assert levels.non_finite == np.count_nonzero(~finite)
    got_colors, got_alpha = split_alpha(levels.pixels)
    assert (got_colors[~finite] == 5).all()
    assert (got_alpha[~finite] == 255).all()
    expected_alpha = np.array(alphas, np.uint8).reshape(alpha.shape)
    assert np.array_equal(got_alpha[finite], expected_alpha[finite])
    found = limits(colors[np.isfinite(colors.astype(np.float64))])
    if found is not None:
        epsilon = epsilon_of(image.dtype)
        low, high = map(Fraction, found)
        assert_scaled(colors[finite], got_colors[finite], low, high, epsilon)


RANGES = {"unit": (0, 1), "signed": (-1, 1), "byte": (0, 255)}


@settings(max_examples=300)
@given(
    images(EVERY_DTYPE, -300, 300),
    st.one_of(
        st.sampled_from(sorted(RANGES)),
        st.tuples(st.integers(-300, 300), st.integers(1, 600)).map(lambda r: (r[0], r[0] + r[1])),
        st.tuples(st.floats(-300, 0), st.floats(0.125, 300)),
    ),
)
def test_fixed_range(image: Array, value_range: Any) -> None:
    limits = RANGES.get(value_range, value_range) if isinstance(value_range, str) else value_range
    assert_in_range(image, value_range, lambda _: limits)


def spread(values: Array) -> tuple[Any, Any] | None:
    numbers = values.ravel().tolist()
    return (min(numbers), max(numbers)) if numbers else None


@settings(max_examples=300)
@given(images(EVERY_DTYPE, -300, 300))
def test_minmax(image: Array) -> None:
    assert_in_range(image, "minmax", spread)


def percentiles(p: int, q: int) -> Callable[[Array], Any]:
    def limits(values: Array) -> Any:
        numbers = sorted(map(Fraction, values.ravel().tolist()))
        if not numbers:
            return None
        found = []
        for percentage in (p, q):
            position = Fraction(percentage, 100) * (len(numbers) - 1)
            below, above = numbers[math.floor(position)], numbers[math.ceil(position)]
            found.append(below + (above - below) * (position - math.floor(position)))
        return found

    return limits


# Few bits, so that float32 holds each percentile and the limits are exact enough for the slack.
@settings(max_examples=200)
@given(
    st.sampled_from(["bool", "uint8", "uint16", "int16", "int64", *FLOATS]),
    st.integers(1, 4),
    st.lists(st.integers(0, 200), min_size=1, max_size=40),
    st.tuples(st.integers(0, 98), st.integers(1, 100)).map(sorted).filter(lambda r: r[0] < r[1]),
)
def test_percentile(dtype: str, channels: int, numbers: list[int], range_: list[int]) -> None:
    p, q = range_
    pixels = np.array(numbers).reshape(-1, 1, 1) + np.arange(channels)
    image = pixels.astype(dtype)
    limits = percentiles(p, q)
    low, high = map(Fraction, limits(split_alpha(image)[0]))
    if low != high and high - low < Fraction(1, 1000):
        return
    assert_in_range(image, ("percentile", p, q), limits)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", *FLOATS])
@pytest.mark.parametrize("value_range", ["minmax", "byte", (20, 200), ("percentile", 1, 99)])
def test_many_values_give_the_levels_of_few(dtype: str, value_range: Any) -> None:
    """Tables, blocks and the direct way agree: an image's repetition has its levels repeated."""
    few = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(dtype)
    if dtype.startswith("float"):
        few += few.dtype.type(0.25)
    many = np.tile(few, (20, 20, 1))
    if isinstance(value_range, tuple) and value_range[0] == "percentile":
        # Repetition changes interpolated percentiles, so pass them as limits.
        limits = np.percentile(few.astype(np.float64), value_range[1:], method="nearest")
        value_range = tuple(map(float, limits))
    expected = np.tile(to_levels(few, value_range).pixels, (20, 20, 1))
    assert np.array_equal(to_levels(many, value_range).pixels, expected)


def test_the_range_byte_is_the_identity_of_uint8() -> None:
    image = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    assert np.array_equal(to_levels(image, "byte").pixels, image)
    assert np.array_equal(to_levels(image[:4], "byte").pixels, image[:4])


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_range_unit_is_the_default_of_floats(dtype: str) -> None:
    image = np.random.default_rng(0).uniform(-0.5, 1.5, (300, 300, 3)).astype(dtype)
    assert np.array_equal(to_levels(image, "unit").pixels, to_levels(image).pixels)
    assert to_levels(image, "unit").clipped is None


@pytest.mark.parametrize("value_range", ["minmax", ("percentile", 0, 100)])
@pytest.mark.parametrize("dtype", EVERY_DTYPE)
@pytest.mark.parametrize("size", [1, 300])
def test_constant_images_become_mid_gray(dtype: str, size: int, value_range: Any) -> None:
    image = np.ones((size, size, 3), dtype)
    assert set(to_levels(image, value_range).pixels.ravel().tolist()) == {127}


def test_equal_percentiles_separate_lower_and_higher_values() -> None:
    image = np.zeros((1, 1000, 1), np.float32)
    image[0, 0], image[0, 1] = -3, 5
    pixels = to_levels(image, ("percentile", 1, 99)).pixels.ravel().tolist()
    assert pixels == [0, 255, *[127] * 998]


@pytest.mark.parametrize("value_range", ["minmax", ("percentile", 1, 99), "unit"])
def test_nothing_finite(value_range: Any) -> None:
    levels = to_levels(np.full((2, 3, 4), np.nan, np.float32), value_range)
    assert levels.non_finite == 6
    assert (levels.pixels == [255, 0, 0, 255]).all()


@pytest.mark.parametrize(
    ("dtype", "values", "value_range", "expected"),
    [
        ("float64", [-1.7e308, 0, 1.7e308], "minmax", [0, 127, 255]),  # high - low overflows
        ("float32", [-3.4e38, 0, 3.4e38], "minmax", [0, 127, 255]),
        ("float16", [-65504, 0, 65504], "minmax", [0, 127, 255]),
        ("float64", [0, 5e-324, 1e-323], "minmax", [0, 127, 255]),  # the smallest numbers there are
        ("float32", [0, 1e-45, 3e-45], "minmax", [0, 127, 255]),
        ("float32", [0, 1, 3e38], (1e300, 2e300), [0, 0, 0]),  # a range that float32 cannot hold
        ("float32", [-1, 0, 1], (0, 1e-50), [0, 0, 255]),
        ("float32", [1, 1 + 2**-23, 2], (1, 1 + 1e-12), [0, 255, 255]),
        ("float16", [0.5, 0.75, 1], (-1e9, 1e9), [127, 127, 127]),
        ("float32", [1e6, 1e6 + 0.5, 1e6 + 1], "minmax", [0, 127, 255]),  # a small difference
        ("int64", [-(2**63), 0, 2**63 - 1], "minmax", [0, 127, 255]),
        ("uint64", [0, 2**63, 2**64 - 1], "minmax", [0, 127, 255]),
        ("bool", [False, True, True], (-1, 1), [127, 255, 255]),
    ],
)
def test_extreme_ranges(dtype: str, values: list[Any], value_range: Any, expected: Any) -> None:
    image = np.array(values, dtype).reshape(1, -1, 1)
    assert to_levels(image, value_range).pixels.ravel().tolist() == expected
    # and once more with an image large enough for a table
    many = np.tile(image, (300, 300, 1))
    assert np.array_equal(to_levels(many, value_range).pixels[0, :3].ravel(), expected)


@pytest.mark.parametrize("value_range", ["minmax", "signed", ("percentile", 0, 100)])
def test_faults_of_alpha_alone_are_painted(value_range: Any) -> None:
    image = np.array([[[0.0, 1.0], [1.0, np.nan], [0.5, np.inf]]], np.float32)
    levels = to_levels(image, value_range, nan_color=(1, 2, 3))
    assert levels.non_finite == 2
    assert levels.pixels[0, 1:].tolist() == [[1, 2, 3, 255]] * 2


def test_faults_are_no_part_of_percentiles() -> None:
    image = np.arange(100, dtype=np.float32).reshape(10, 10, 1)
    faulty = np.concatenate([image, np.full((10, 30, 1), np.nan), np.full((10, 30, 1), np.inf)], 1)
    expected = to_levels(image, ("percentile", 10, 90)).pixels
    got = to_levels(faulty.astype(np.float16), ("percentile", 10, 90), nan_color=(0, 0, 0)).pixels
    assert np.array_equal(got[:, :10], expected)


@pytest.mark.parametrize("chosen", [ValueRange("minmax"), ValueRange("percentile", 1, 99)])
def test_limits_without_finite_values(chosen: ValueRange) -> None:
    assert find_limits(np.full((2, 2, 1), np.nan), chosen) == UNIT


@given(
    st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=9),
    st.floats(0, 100),
    st.floats(0, 100),
)
def test_percentiles_are_in_order(values: list[float], p: float, q: float) -> None:
    image = np.array(values).reshape(1, -1, 1)
    p, q = sorted((p, q))
    low, high = find_limits(image, ValueRange("percentile", p, q))
    assert min(values) <= low <= high <= max(values)


def test_close_percentiles_are_in_order() -> None:
    image = np.array([0.7011335372, np.nextafter(0.7011335372, 1)]).reshape(1, 2, 1)
    found = [
        find_limits(image, ValueRange("percentile", p, p + 0.05)) for p in np.arange(0, 99.9, 0.05)
    ]
    assert all(low <= high for low, high in found)
    assert sorted(found) == found


def test_alpha_is_no_colour() -> None:
    image = np.array([[[10.0, 20.0, 30.0, 0.5], [20.0, 30.0, 40.0, 1.0]]])
    assert to_levels(image, "minmax").pixels.tolist() == [[[0, 85, 170, 127], [85, 170, 255, 255]]]


# --- what callers may name ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_range", "expected"),
    [
        (None, None),
        ("unit", ValueRange("fixed", 0, 1)),
        ("signed", ValueRange("fixed", -1, 1)),
        ("byte", ValueRange("fixed", 0, 255)),
        ("minmax", ValueRange("minmax")),
        ((0, 5), ValueRange("fixed", 0, 5)),
        ([-0.5, 0.5], ValueRange("fixed", -0.5, 0.5)),
        (np.array([1, 2], np.uint8), ValueRange("fixed", 1, 2)),
        ((np.float16(1), np.array(2)), ValueRange("fixed", 1, 2)),
        (("percentile", 0, 100), ValueRange("percentile", 0, 100)),
        (["percentile", 2.5, np.int64(97)], ValueRange("percentile", 2.5, 97)),
    ],
)
def test_value_ranges(given_range: object, expected: ValueRange | None) -> None:
    checked = check_value_range(given_range)
    assert checked == expected
    assert check_value_range(checked) == expected
    if checked is not None:
        hash(checked)
        assert type(checked.low) is float


@pytest.mark.parametrize(
    "wrong",
    [
        "percentile", "MINMAX", "", (1, 1), (2, 1), (0, math.nan), (math.nan, 1), (-math.inf, 1),
        (0, math.inf), (0, 10**400), ("percentile", 1, 1), ("percentile", -1, 5),
        ("percentile", 5, 101), ("percentile", 99, 1), ("quantile", 1, 99),
    ],
)  # fmt: skip
def test_value_ranges_not_allowed(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"^value_range must be .*minmax.*percentile.*, got "):
        check_value_range(wrong)
    with pytest.raises(ValueError, match="value_range"):
        to_levels(np.zeros((1, 1, 1)), wrong)


@pytest.mark.parametrize(
    "wrong",
    [1, 0.5, True, b"unit", (), (1,), (1, 2, 3), (None, 1), ("0", "1"), (1j, 2), {1, 2}, object(),
     ([0], [1]), np.zeros(3), np.zeros((2, 2)), ("percentile", "1", 2), (b"0", 1)],
)  # fmt: skip
def test_value_ranges_of_no_kind(wrong: object) -> None:
    with pytest.raises(TypeError, match="value_range"):
        check_value_range(wrong)
