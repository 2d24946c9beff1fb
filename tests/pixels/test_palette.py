"""Class colours: how far apart they are, and whether letters can be read on them."""

from __future__ import annotations

import itertools
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tbimage.pixels.drawing.palette import (
    CLASS_COLORS,
    check_colors,
    class_color,
    class_name,
    label_color,
    readable_on,
)


def distances(first: Any, second: Any) -> Any:
    """Return the CIEDE2000 distances between two lists of colours."""
    color = pytest.importorskip("skimage.color")
    lab = [color.rgb2lab(np.asarray(colors) / 255) for colors in (first, second)]
    return color.deltaE_ciede2000(lab[0][:, np.newaxis], lab[1][np.newaxis])


def test_all_64_colours_are_well_apart_and_the_first_12_far() -> None:
    assert len(CLASS_COLORS) == 64
    apart = distances(CLASS_COLORS, CLASS_COLORS)
    np.fill_diagonal(apart, np.inf)
    assert apart.min() >= 14
    assert apart[:12, :12].min() >= 20


@pytest.mark.parametrize("index", [1.5, "cat", None])
def test_an_index_is_an_integer(index: Any) -> None:
    assert class_color(np.int64(1)) == class_color(1)
    with pytest.raises(TypeError, match=f"index must be an integer, got {index!r}"):
        class_color(index)


def test_no_colour_looks_like_black_white_or_the_red_of_nan() -> None:
    marks = [(0, 0, 0), (255, 255, 255), (255, 0, 0)]
    assert distances(CLASS_COLORS, marks).min() >= 12


def test_colours_of_classes_do_not_change() -> None:
    """Runs of different versions are compared by their colours."""
    assert [class_color(index) for index in (0, 1, 2, 9, 63)] == [
        (31, 119, 220),
        (255, 140, 0),
        (46, 160, 67),
        (8, 0, 240),
        (232, 224, 248),
    ]
    assert not CLASS_COLORS.flags.writeable


@given(st.integers(0, 10**6))
def test_colours_begin_anew(index: int) -> None:
    assert class_color(index) == tuple(CLASS_COLORS[index % 64].tolist())


def test_a_labels_colour_is_the_same_in_another_process() -> None:
    code = "from tbimage.pixels.drawing.palette import label_color; print(label_color('cat'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "7"},
    )
    assert done.stdout.strip() == str(label_color("cat"))


def test_any_text_has_a_colour() -> None:
    assert label_color("\ud800") in {tuple(color) for color in CLASS_COLORS.tolist()}


def luminance(color: tuple[int, int, int]) -> float:
    parts = [channel / 255 for channel in color]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_letters_can_be_read_on_any_colour() -> None:
    for red, green, blue in itertools.product(range(0, 256, 15), repeat=3):
        color = (red, green, blue)
        low, high = sorted([luminance(color), luminance(readable_on(color))])
        assert (high + 0.05) / (low + 0.05) >= 4.2


@pytest.mark.parametrize(
    ("colors", "count", "expected"),
    [
        ((1, 2, 3), 2, [(1, 2, 3)] * 2),
        ([(1, 2, 3), (4, 5, 6)], 2, [(1, 2, 3), (4, 5, 6)]),
        (np.zeros((0, 3), int), 0, []),
    ],
)
def test_colours_that_are_given(colors: Any, count: int, expected: Any) -> None:
    assert check_colors(colors, count) == expected


@pytest.mark.parametrize("wrong", [(1, 2), (1, 2, 256), (-1, 2, 3), [(1, 2, 3)] * 3])
def test_colours_out_of_range_or_number(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"colors must be .* or 2 such colours"):
        check_colors(wrong, 2)


def test_colours_are_integers() -> None:
    with pytest.raises(TypeError, match=r"integers in 0\.\.255"):
        check_colors((0.5, 0.5, 0.5), 1)


def test_names_of_classes() -> None:
    assert class_name(-1, ["a"]) == "-1"
    assert class_name(7, {7: "road"}) == "road"
    assert class_name(8, {7: "road"}) == "8"
    assert class_name(3, None) == "3"
