"""From values to pictures: each step against its parts, and against a loop."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tbimage.pixels.drawing.rendering import (
    CONSTANT,
    Look,
    check_fit,
    check_look,
    fixed_limits,
    joint_limits,
    picture,
    render,
)
from tbimage.pixels.values.colormaps import table
from tbimage.pixels.values.levels import to_levels
from tbimage.pixels.values.pictures import Findings
from tbimage.pixels.values.ranges import check_value_range
from tests.pixels.images import EVERY_DTYPE, FLOATS, Array, images

RED = [255, 0, 0]
RANGES = st.sampled_from([None, "minmax", "signed", "byte", (-3.0, 7.0), ("percentile", 5, 90)])


@given(images(EVERY_DTYPE, low=0, high=1), RANGES)
def test_a_range_alone_gives_the_levels_of_that_range(image: Array, value_range: Any) -> None:
    try:
        expected = to_levels(image, value_range)
    except ValueError:
        with pytest.raises(ValueError, match="value_range"):
            render(image, check_look(value_range=value_range))
        return
    made = render(image, check_look(value_range=value_range))
    np.testing.assert_array_equal(made.pixels, expected.pixels)
    assert made.findings.non_finite == expected.non_finite
    assert made.findings.clipped == expected.clipped


def one_channel(image: Array) -> Array:
    return image[..., :1]


@given(
    images(FLOATS),
    st.sampled_from([None, "minmax", (-3.0, 7.0)]),
    st.sampled_from(["turbo", "gray_r"]),
)
def test_each_value_gets_the_colour_of_its_level(
    image: Array, value_range: Any, colormap: str
) -> None:
    image = one_channel(image)
    levels = to_levels(image, value_range, (0, 0, 0)).pixels
    made = render(image, check_look(value_range=value_range, colormap=colormap))
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            finite = math.isfinite(image[row, column, 0])
            expected = table(colormap)[levels[row, column, 0]].tolist() if finite else RED
            assert made.pixels[row, column].tolist() == expected
    assert made.findings.non_finite == int((~np.isfinite(image)).sum())


@given(images(FLOATS))
def test_zero_stands_in_the_middle_of_a_diverging_map(image: Array) -> None:
    colors = one_channel(image)
    for value_range in ("minmax", ("percentile", 5, 95)):
        look = check_look(value_range=value_range, colormap="coolwarm")
        found = fixed_limits(colors, look)
        assert found is not None
        assert found[0] == -found[1]
    natural = check_look(colormap="coolwarm")
    assert fixed_limits(colors, natural) == (-1.0, 1.0)
    assert fixed_limits(colors, check_look(colormap="coolwarm", value_range=(0, 5))) == (0.0, 5.0)


def test_clipping_by_a_diverging_map_is_reported_with_its_range() -> None:
    look = check_look(colormap="RdBu")
    assert render(np.array([[[-0.5], [1.0]]]), look).findings == Findings()
    found = render(np.array([[[-3.0], [1.0]]]), look).findings
    assert found.clipped == (-3.0, 1.0)
    assert found.natural == (-1.0, 1.0)


@pytest.mark.parametrize(
    "extra", [{"gamma": 2.0}, {"max_side": 2}, {"colormap": "viridis"}, {"log": 9}]
)
def test_clipping_is_reported_with_any_other_option(extra: dict[str, Any]) -> None:
    image = np.linspace(0, 2, 16).reshape(4, 4, 1)
    assert render(image, check_look(**extra)).findings.clipped == (0.0, 2.0)
    assert render(image, check_look(value_range=(0, 1), **extra)).findings.clipped is None
    hardly = np.full((4, 4, 1), 1.0000001)
    assert render(hardly, check_look(**extra)).findings.clipped is None


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "bool", "float16", "float64"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_alpha_does_not_depend_on_the_colours(dtype: str, channels: int) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 2 if dtype == "bool" else 256, (8, 8, channels)).astype(dtype)
    if dtype in ("float16", "float64"):
        image = image / 255
    natural = to_levels(image).pixels
    if natural.dtype == np.uint16:
        natural = (natural >> 8).astype(np.uint8)
    for look in ({"gamma": 2.2}, {"value_range": "minmax"}, {"log": 10, "value_range": (0, 300)}):
        made = render(image, check_look(**look)).pixels
        assert made.shape == image.shape
        if channels in (2, 4):
            assert np.abs(made[..., -1].astype(int) - natural[..., -1]).max() <= 1
    if channels == 2:
        made = render(image, check_look(colormap="viridis")).pixels
        assert made.shape == (8, 8, 4)
        assert np.abs(made[..., 3].astype(int) - natural[..., 1]).max() <= 1


def test_a_curve_is_applied_before_rounding_to_8_bits() -> None:
    """255 values that are all black in 8 bits, and of which gamma makes 60 levels."""
    faint = (np.arange(255) / 255 / 300).reshape(1, -1, 1)
    assert len(np.unique(render(faint, Look()).pixels)) == 1
    found = render(faint, check_look(gamma=2.2)).pixels.ravel()
    expected = [int((value ** (1 / 2.2)) * 255.5) for value in faint.ravel()]
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert len(np.unique(found)) > 15


def test_integers_that_are_levels_are_checked_before_a_curve() -> None:
    image = np.full((2, 2, 1), 300)
    with pytest.raises(ValueError, match="from 300 to 300"):
        render(image, check_look(gamma=2.2))
    np.testing.assert_array_equal(
        render(np.full((2, 2, 1), 64), check_look(gamma=2.0)).pixels,
        int(math.sqrt(64 / 255) * 255.5),
    )


def test_16_bits_stay_16_bits_also_when_smaller() -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (8, 8, 3), np.uint16)
    assert render(deep, Look()).pixels is deep
    smaller = render(deep, check_look(max_side=4)).pixels
    assert smaller.dtype == np.uint16
    mean = deep.reshape(4, 2, 4, 2, 3).mean(axis=(1, 3))
    assert np.abs(smaller - mean).max() <= 1
    barred = render(deep[..., :1], check_look(colorbar=True)).pixels
    assert barred.dtype == np.uint16
    assert render(deep[..., :1], check_look(colormap="gray")).pixels.dtype == np.uint8


def test_levels_are_averaged_and_not_colours() -> None:
    image = np.array([[[-1.0], [1.0]], [[1.0], [-1.0]]])
    look = check_look(value_range="signed", colormap="coolwarm", max_side=1)
    middle = render(image, look).pixels[0, 0]
    assert np.abs(middle.astype(int) - table("coolwarm")[127]).max() <= 2


@given(
    st.integers(1, 20),
    st.integers(1, 20),
    st.integers(1, 12),
    st.sampled_from([1, 2, 3, 4]),
    st.sampled_from([None, "viridis"]),
    st.sampled_from([(255, 0, 0), (7, 7, 7)]),
)
def test_one_faulty_pixel_is_seen_in_any_size(
    height: int, width: int, side: int, channels: int, colormap: str | None, color: Any
) -> None:
    colormap = colormap if channels <= 2 else None
    image = np.full((height, width, channels), 0.25)
    row, column = height // 2, width // 3
    image[row, column, 0] = np.nan
    for look in ({"max_side": side}, {"scale": 3}):
        chosen = check_look(colormap=colormap, nan_color=color, **look)
        made = render(image, chosen)
        assert made.findings.non_finite == 1
        new_height, new_width = made.pixels.shape[:2]
        painted = (
            made.pixels[..., : 3 if made.pixels.shape[2] > 2 else 1]
            == color[: 3 if made.pixels.shape[2] > 2 else 1]
        ).all(axis=2)
        y, x = (
            (2 * row + 1) * new_height // (2 * height),
            (2 * column + 1) * new_width // (2 * width),
        )
        assert painted[y, x]
        if "scale" in look:
            assert painted.sum() == 9
        else:
            assert painted.sum() == 1


def test_an_empty_range_is_gray_and_said() -> None:
    for value_range in ("minmax", ("percentile", 1, 99)):
        made = render(np.full((3, 3, 1), 5.0), check_look(value_range=value_range))
        assert np.unique(made.pixels).tolist() == [127]
        assert made.findings.remarks == {CONSTANT: 1}
    assert not render(np.full((3, 3, 1), 5.0), check_look(value_range=(0, 10))).findings


def test_all_nan_is_painted_and_no_range() -> None:
    made = render(np.full((3, 3, 1), np.nan), check_look(value_range="minmax", colormap="magma"))
    assert (made.pixels == RED).all()
    assert made.findings == Findings(non_finite=9)


def test_the_bar_tells_the_range() -> None:
    image = np.linspace(0, 8, 100 * 50).reshape(100, 50, 1)
    plain = render(image, check_look(value_range="minmax", colormap="turbo")).pixels
    barred = render(image, check_look(value_range="minmax", colormap="turbo", colorbar=True)).pixels
    np.testing.assert_array_equal(barred[:, :50], plain)
    other = render(
        image * 2, check_look(value_range="minmax", colormap="turbo", colorbar=True)
    ).pixels
    assert not np.array_equal(barred, other)  # the numbers


def test_joint_limits() -> None:
    one, other = np.array([[[0.0], [2.0]]]), np.array([[[-1.0], [1.0]]])
    assert joint_limits([one, other], check_look(value_range="minmax")) == (-1.0, 2.0)
    assert joint_limits([one, other], Look()) == (0.0, 1.0)
    assert joint_limits([np.zeros((1, 1, 1), int)], Look()) is None


def test_colours_get_no_map_and_no_bar() -> None:
    for look in ({"colormap": "viridis"}, {"colorbar": True}):
        check_fit(check_look(**look), 2)
        with pytest.raises(ValueError, match="one channel, and data has 3"):
            check_fit(check_look(**look), 3)


def test_numbers_beyond_any_range_are_painted() -> None:
    values = np.array([[0, 1, np.longdouble("1e400")]])
    found = picture(values, value_range="minmax")
    assert found.pixels.tolist() == [[[0] * 3, [255] * 3, [255, 0, 0]]]
    assert found.findings.non_finite == 1


def test_every_keyword_is_checked() -> None:
    for wrong in (
        {"value_range": "mimmax"},
        {"nan_color": (1, 2)},
        {"colormap": "virids"},
        {"colorbar": "viridis"},
        {"colorbar": np.array([True, False])},
        {"gamma": 0},
        {"log": -1},
        {"max_side": 0},
        {"scale": 0},
    ):
        (argument,) = wrong
        with pytest.raises((TypeError, ValueError), match=argument):
            check_look(**wrong)
    look = check_look(value_range=(1, 2), colormap="gray", colorbar=True, gamma=2, log=True)
    assert look == Look(check_value_range((1, 2)), RED_COLOR, "gray", True, 2.0, 1000.0)


RED_COLOR = (255, 0, 0)


def test_a_picture_of_anything_array_like() -> None:
    assert picture([[0.0, 1.0]]).pixels.ravel().tolist() == [0, 255]
    assert picture(np.zeros((3, 4, 5)), layout="CHW", scale=2).pixels.shape == (8, 10, 3)
    with pytest.raises(ValueError, match="batch of 2"):
        picture(np.zeros((2, 4, 4, 3)))
    with pytest.raises(ValueError, match="one channel"):
        picture(np.zeros((4, 4, 3)), colormap="viridis")
