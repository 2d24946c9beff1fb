"""Captions, legends and colour bars beside and below pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tbimage.pixels.drawing.canvas import PAPER
from tbimage.pixels.drawing.captions import MOST_LINES, caption
from tbimage.pixels.drawing.colorbar import colorbar
from tbimage.pixels.drawing.legend import MOST_ENTRIES, legend
from tbimage.pixels.drawing.palette import class_color
from tbimage.pixels.drawing.text_rendering import lacking, line_height, size_for
from tbimage.pixels.values.colormaps import table
from tbimage.pixels.values.pictures import Findings, Picture, ink

PIXELS = hnp.arrays(
    st.sampled_from([np.uint8, np.uint16]),
    st.tuples(st.integers(1, 40), st.integers(1, 60), st.integers(1, 4)),
    elements=st.integers(0, 255),
)


@settings(max_examples=50)
@given(PIXELS, st.text(max_size=200))
def test_a_caption_leaves_the_picture_alone(pixels: Any, text: str) -> None:
    captioned = caption(Picture(pixels, Findings(non_finite=1)), text)
    sheet = captioned.pixels
    height, width = pixels.shape[:2]
    assert sheet.dtype == pixels.dtype
    assert sheet.shape[2] == pixels.shape[2]
    left = (sheet.shape[1] - width) // 2
    np.testing.assert_array_equal(sheet[:height, left : left + width], pixels)
    assert (
        height < sheet.shape[0] <= height + (MOST_LINES + 1) * line_height(size_for(height, width))
    )
    assert captioned.findings == Findings(non_finite=1, lacking=lacking([text]))
    paper = ink(PAPER, pixels)
    assert (sheet[:height, :left] == paper).all()
    assert (sheet[-1] == paper).all()


def test_a_caption_says_something_and_a_wide_picture_keeps_its_width() -> None:
    wide = np.zeros((10, 500, 3), np.uint8)
    sheet = caption(wide, "hello").pixels
    assert sheet.shape[1] == 500
    assert (sheet[10:] < 128).any()
    assert not np.array_equal(sheet, caption(wide, "world").pixels)
    assert caption(wide, "hello " * 100).pixels.shape[0] > sheet.shape[0]
    longest = caption(wide, "hello " * 10**5).pixels
    assert longest.shape[0] == 10 + 8 * line_height(size_for(10, 500)) + 2 * (
        size_for(10, 500) // 3
    )


@pytest.mark.parametrize("text", [None, 5, b"x"])
def test_a_caption_is_a_string(text: Any) -> None:
    with pytest.raises(TypeError, match="text must be a string, got "):
        caption(np.zeros((8, 8), np.uint8), text)


def test_a_tiny_picture_gets_a_sheet_on_which_its_caption_can_be_read() -> None:
    sheet = caption(np.zeros((8, 8), np.uint8), "label 7").pixels
    assert 40 < sheet.shape[1] < 100
    assert sheet.shape[0] == 8 + line_height(12) + 2 * 4


@settings(max_examples=30)
@given(PIXELS, st.lists(st.text(max_size=12), max_size=12))
def test_a_legend_has_a_swatch_for_each_entry(pixels: Any, names: list[str]) -> None:
    entries = [(name, class_color(index)) for index, name in enumerate(names)]
    sheet = legend(pixels, entries).pixels
    if not entries:
        np.testing.assert_array_equal(sheet, pixels)
        return
    height, width = pixels.shape[:2]
    left = (sheet.shape[1] - width) // 2
    colors = pixels[..., :3] if pixels.shape[2] > 2 else pixels[..., :1].repeat(3, axis=2)
    np.testing.assert_array_equal(sheet[:height, left : left + width, :3], colors)
    strip = sheet[height:]
    size = size_for(height, width)
    for _, color in entries:
        swatch = (strip == ink(color, sheet)).all(axis=2)
        assert swatch.sum() >= size * size


def test_a_legend_is_bounded_and_says_so() -> None:
    entries = [(f"class {index}", class_color(index)) for index in range(1000)]
    picture = np.zeros((8, 400, 3), np.uint8)
    bounded = legend(picture, entries).pixels
    assert bounded.shape[0] < 500
    assert not np.array_equal(bounded, legend(picture, entries[:MOST_ENTRIES]).pixels)
    long_name = legend(picture, [("x" * 10**6, (1, 2, 3))]).pixels
    assert long_name.shape[1] < 1000


@settings(max_examples=30)
@given(PIXELS, st.sampled_from([None, "viridis", "coolwarm_r"]), st.integers(2, 6))
def test_a_bar_shows_all_colours_beside_the_picture(
    pixels: Any, colormap: str | None, count: int
) -> None:
    sheet = colorbar(pixels, list(range(count)), colormap).pixels
    height, width = pixels.shape[:2]
    top = (sheet.shape[0] - height) // 2
    channels = 1 if colormap is None and pixels.shape[2] < 3 else 3
    part = sheet[top : top + height, :width]
    colors = pixels[..., :3] if pixels.shape[2] > 2 else pixels[..., :1].repeat(channels, axis=2)
    np.testing.assert_array_equal(part[..., :channels], colors)
    size = size_for(height, width)
    bar = sheet[:, width + size // 2 + 1]
    depth = 257 if pixels.dtype == np.uint16 else 1
    shown = np.arange(256)[:, np.newaxis] if colormap is None else table(colormap)
    expected = shown[np.linspace(255, 0, len(bar)).round().astype(int)].astype(int) * depth
    expected = expected.repeat(3 // expected.shape[1], axis=1) if channels == 3 else expected
    np.testing.assert_array_equal(bar[:, :channels], expected)


def test_the_numbers_beside_a_bar() -> None:
    picture = np.zeros((200, 100, 1), np.uint8)
    one, other = (colorbar(picture, values).pixels for values in ((0, 1), (0, 2)))
    differs = np.flatnonzero((one != other).any(axis=(1, 2)))
    assert differs.max() < line_height(12)  # the last value stands at the top
    low = colorbar(picture, (5, 1)).pixels
    differs = np.flatnonzero((one != low).any(axis=(1, 2)))
    assert differs.min() >= 200 - line_height(12)


def test_numbers_without_room_are_left_out() -> None:
    small = np.zeros((40, 40, 1), np.uint8)
    few, many = (colorbar(small, np.linspace(0, 1, count).tolist()).pixels for count in (2, 101))
    np.testing.assert_array_equal(few, many)


@pytest.mark.parametrize(
    "function", [lambda x: caption(x, "a"), lambda x: legend(x, [("a", (1, 2, 3))])]
)
def test_a_batch_is_no_picture(function: Any) -> None:
    with pytest.raises(ValueError, match="one by one"):
        function(np.zeros((2, 4, 4, 3)))


def test_a_caption_keeps_its_distance_from_the_edge() -> None:
    dark = np.zeros((10, 200, 1), np.uint8)
    near, far = (caption(dark, "words", 12, margin).pixels for margin in (2, 20))
    first = [int(np.flatnonzero((each[10:] < 255).any(axis=(0, 2)))[0]) for each in (near, far)]
    assert first[1] - first[0] == 18
    assert far.shape[0] - near.shape[0] == 2 * 18
