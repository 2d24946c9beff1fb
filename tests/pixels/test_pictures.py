"""Pictures and findings: arguments and results of all functions that draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tbimage.pixels.drawing.canvas import blank, same_form
from tbimage.pixels.values.pictures import (
    Findings,
    Picture,
    as_picture,
    drawable,
    ink,
    merge,
    with_channels,
)

Array = np.ndarray[Any, np.dtype[Any]]

PIXELS = hnp.arrays(
    st.sampled_from([np.uint8, np.uint16]),
    st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4)),
)


def color_and_alpha(pixels: Array) -> tuple[Array, Array]:
    """Return red, green, blue and alpha of each pixel by the definition, in 16 bits."""
    wide = pixels.astype(np.int64) * (257 if pixels.dtype == np.uint8 else 1)
    colors = wide[..., :3] if pixels.shape[2] > 2 else wide[..., :1].repeat(3, axis=2)
    alpha = wide[..., -1] if pixels.shape[2] in (2, 4) else np.full(wide.shape[:2], 65535)
    return colors, alpha


def same_look(first: Array, second: Array) -> bool:
    return all(map(np.array_equal, color_and_alpha(first), color_and_alpha(second)))


@given(PIXELS, st.integers(1, 4))
def test_more_channels_look_the_same(pixels: Array, channels: int) -> None:
    if channels >= pixels.shape[2] and (channels, pixels.shape[2]) != (3, 4):
        wider = with_channels(pixels, channels)
        assert wider.shape[2] == (4 if channels == 3 and pixels.shape[2] == 2 else channels)
        assert same_look(pixels, wider)


@given(st.lists(PIXELS, min_size=1, max_size=4))
def test_pictures_of_one_form_look_as_they_did(pictures: list[Array]) -> None:
    formed = same_form(pictures)
    assert len({(each.shape[2], each.dtype) for each in formed}) == 1
    for before, after in zip(pictures, formed, strict=True):
        assert same_look(before, after)


def test_pictures_in_that_form_are_not_copied() -> None:
    pictures = [np.zeros((1, 1, 3), np.uint8), np.ones((2, 2, 3), np.uint8)]
    assert all(a is b for a, b in zip(same_form(pictures), pictures, strict=True))


@given(PIXELS, st.tuples(*[st.integers(0, 255)] * 3))
def test_ink_and_sheets_have_the_colour(pixels: Array, color: tuple[int, int, int]) -> None:
    paint = ink(color, pixels)
    colors, alpha = color_and_alpha(paint[np.newaxis, np.newaxis])
    gray = round(0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2])
    wanted = color if pixels.shape[2] > 2 else (gray,) * 3
    assert (colors[0, 0] // 257).tolist() == list(wanted)
    assert alpha.tolist() == [[65535]]
    sheet = blank(2, 3, pixels, color)
    assert sheet.dtype == pixels.dtype
    np.testing.assert_array_equal(sheet, np.broadcast_to(paint, (2, 3, pixels.shape[2])))


@given(PIXELS)
def test_paintable_pictures_are_new_and_in_colour_and_of_8_bits(pixels: Array) -> None:
    before = pixels.copy()
    picture = drawable(pixels)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.shape[2] >= 3
    eight = (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels
    assert same_look(picture.pixels, eight)
    picture.pixels[...] = 77
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize(
    ("image", "shape", "findings"),
    [
        (np.zeros((2, 3), np.uint8), (2, 3, 1), Findings()),
        (np.zeros((2, 3, 4), np.uint16), (2, 3, 4), Findings()),
        ([[0.0, 2.0]], (1, 2, 1), Findings((0.0, 2.0))),
        ([[0.0, np.nan]], (1, 2, 3), Findings(non_finite=1)),
    ],
)
def test_anything_array_like_is_a_picture(image: Any, shape: Any, findings: Findings) -> None:
    picture = as_picture(image)
    assert picture.pixels.shape == shape
    assert picture.findings == findings
    assert as_picture(picture) is picture


def test_a_batch_is_no_picture() -> None:
    with pytest.raises(ValueError, match="one by one"):
        as_picture(np.zeros((2, 4, 4, 3)))


def test_functions_that_take_arrays_take_pictures() -> None:
    picture = Picture(np.arange(6, dtype=np.uint8).reshape(1, 2, 3))
    assert np.asarray(picture) is picture.pixels
    assert np.array(picture) is not picture.pixels
    assert np.asarray(picture, np.float32).dtype == np.float32
    np.testing.assert_array_equal(np.array(picture), picture.pixels)


FINDINGS = st.builds(
    Findings,
    st.none() | st.tuples(st.floats(-9, 0), st.floats(1, 9)),
    st.integers(0, 3),
    remarks=st.dictionaries(st.sampled_from("abc"), st.integers(1, 5)),
)


@given(st.lists(FINDINGS, max_size=4))
def test_findings_add_up(findings: list[Findings]) -> None:
    merged = merge(findings)
    extents = [each.clipped for each in findings if each.clipped is not None]
    expected = (
        (min(low for low, _ in extents), max(high for _, high in extents)) if extents else None
    )
    assert merged.clipped == expected
    assert merged.non_finite == sum(each.non_finite for each in findings)
    for phrase in "abc":
        count = sum(each.remarks.get(phrase, 0) for each in findings)
        assert merged.remarks.get(phrase, 0) == count
    assert bool(merged) == any(findings)


def test_remarks_that_count_nothing_are_left_out() -> None:
    picture = Picture(np.zeros((1, 1, 1), np.uint8), Findings(non_finite=1))
    changed = picture.but(picture.pixels, {"a": 0, "b": 2})
    assert changed.findings == Findings(non_finite=1, remarks={"b": 2})
    assert picture.but(picture.pixels, {"a": 0}).findings is picture.findings
