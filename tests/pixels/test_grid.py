"""Grids: places by their definition, and their pictures and titles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tbimage.pixels.drawing.grid import enlarge, grid, plan
from tbimage.pixels.drawing.text_rendering import line_height
from tbimage.pixels.values.pictures import Findings, Picture

SIZES = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=12)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(1, 5))
def test_enlarging_repeats_each_pixel(height: int, width: int, channels: int, factor: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, channels), np.uint8)
    larger = enlarge(pixels, factor)
    for row in range(height * factor):
        for column in range(width * factor):
            expected = pixels[row // factor, column // factor]
            assert larger[row, column].tolist() == expected.tolist()
    assert larger.shape == (height * factor, width * factor, channels)
    assert factor > 1 or larger is pixels


@pytest.mark.parametrize(("factor", "error"), [(0, ValueError), (1.5, TypeError)])
def test_pixels_are_repeated_whole(factor: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"factor must be .* got {factor}"):
        enlarge(np.zeros((2, 2, 1), np.uint8), factor)


@given(SIZES, st.integers(1, 14), st.integers(0, 5))
def test_places(sizes: list[tuple[int, int]], columns: int, padding: int) -> None:
    """Add up the widest cells of the columns to the left, and the highest of the rows above."""
    planned = plan(sizes, columns, padding)
    across = min(columns, len(sizes))
    rows = [sizes[start : start + across] for start in range(0, len(sizes), across)]
    for number, cell in enumerate(planned.cells):
        row, column = divmod(number, across)
        heights = [max(height for height, _ in each) for each in rows]
        widths = [max(each[i][1] for each in rows if i < len(each)) for i in range(across)]
        assert cell == (
            padding + sum(height + padding for height in heights[:row]),
            padding + sum(width + padding for width in widths[:column]),
            heights[row],
            widths[column],
        )
        assert planned.height == padding + sum(height + padding for height in heights)
        assert planned.width == padding + sum(width + padding for width in widths)


@given(st.integers(1, 300), st.integers(1, 50), st.integers(1, 50))
def test_sheets_are_a_little_wider_than_high(count: int, height: int, width: int) -> None:
    planned = plan([(height, width)] * count, padding=0)
    columns = len({left for _, left, _, _ in planned.cells})
    ideal = (1.4 * count * height / width) ** 0.5
    assert columns == min(max(round(ideal), 1), count)


def random_images(sizes: list[tuple[int, int]], channels: int) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*size, channels), np.uint8) for size in sizes]


@given(SIZES, st.integers(1, 5), st.integers(0, 3), st.integers(1, 4))
def test_each_picture_stands_in_the_middle_of_its_place(
    sizes: list[tuple[int, int]], columns: int, padding: int, channels: int
) -> None:
    images = random_images(sizes, channels)
    sheet = grid(images, columns=columns, padding=padding, background=(9, 9, 9)).pixels
    planned = plan(sizes, columns, padding)
    expected = np.full((planned.height, planned.width, channels), 9, np.uint8)
    if channels in (2, 4):
        expected[..., -1] = 255
    for image, (top, left, height, width) in zip(images, planned.cells, strict=True):
        row = top + (height - image.shape[0]) // 2
        column = left + (width - image.shape[1]) // 2
        expected[row : row + image.shape[0], column : column + image.shape[1]] = image
    np.testing.assert_array_equal(sheet, expected)


def test_pictures_of_several_kinds_share_a_form() -> None:
    sheet = grid(
        [np.zeros((4, 4), np.uint8), np.full((2, 2, 3), 7, np.uint16)], columns=1, padding=1
    )
    assert sheet.pixels.dtype == np.uint16
    assert sheet.pixels.shape == (9, 6, 3)
    assert grid([np.zeros((4, 4))], background=(255, 0, 0)).pixels.shape[2] == 3


def test_findings_are_those_of_all() -> None:
    pixels = np.zeros((2, 2, 1), np.uint8)
    one, other = Findings(non_finite=1), Findings(non_finite=2, remarks={"a": 1})
    sheet = grid([Picture(pixels, one), Picture(pixels, other)])
    assert sheet.findings == Findings(non_finite=3, remarks={"a": 1})


@settings(max_examples=40)
@given(SIZES, st.integers(1, 5), st.data())
def test_titles_stand_below_and_cover_nothing(
    sizes: list[tuple[int, int]], columns: int, data: st.DataObject
) -> None:
    titles = data.draw(st.lists(st.text(max_size=30), min_size=len(sizes), max_size=len(sizes)))
    images = [np.full((*size, 3), (255, 0, 7), np.uint8) for size in sizes]
    sheet = grid(images, columns=columns, titles=titles).pixels
    covered = (sheet == (255, 0, 7)).all(axis=2).sum()
    assert covered == sum(height * width for height, width in sizes)


def test_titles_are_read_on_any_background() -> None:
    images = [np.full((8, 60, 1), 128, np.uint8)]
    for level, contrast in ((255, np.min), (0, np.max)):
        sheet = grid(images, titles=["title"], background=(level,) * 3).pixels
        assert sheet.shape[0] == 8 + line_height(12) + 4
        assert abs(int(contrast(sheet[10:])) - level) > 200


def test_a_long_title_has_two_lines_at_most() -> None:
    sheet = grid([np.zeros((8, 60))], titles=["a very long title " * 9]).pixels
    assert sheet.shape[0] == 8 + 2 * line_height(12) + 4


def test_no_images_and_other_numbers_of_titles() -> None:
    with pytest.raises(ValueError, match="one image or more"):
        grid([])
    with pytest.raises(ValueError, match="one title for each of the 1 images, got 2"):
        grid([np.zeros((2, 2))], titles=["a", "b"])
