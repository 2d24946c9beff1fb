"""Masks against their definition, one pixel at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tbimage.pixels.drawing.palette import CLASS_COLORS, CYCLED
from tbimage.pixels.drawing.segmentation import (
    IGNORED_COLOR,
    NEGATIVE,
    NOT_FINITE,
    Classes,
    class_indices,
    draw_segmentation,
    legend_entries,
)

SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 6))
INTEGERS = ["int8", "uint8", "int16", "uint16", "int32", "int64", "uint64"]


@st.composite
def masks(draw: st.DrawFn) -> Any:
    dtype = np.dtype(draw(st.sampled_from(INTEGERS)))
    low = -3 if dtype.kind == "i" else 0
    most = 100 if dtype.itemsize == 1 else 200
    return draw(hnp.arrays(dtype, draw(SHAPES), elements=st.integers(low, most), fill=st.nothing()))


def color_of(index: int, ignore_index: int | None) -> tuple[list[int] | None, bool]:
    """A pixel's colour by its class, None for ignored, and whether it covers wholly."""
    if index == ignore_index:
        return None, False
    if index < 0:
        return [255, 0, 0], True
    return CLASS_COLORS[index % 64].tolist(), False


@given(masks(), st.none() | st.integers(-2, 100))
def test_each_pixel_has_its_classs_colour(mask: Any, ignore_index: int | None) -> None:
    drawn = draw_segmentation(mask, ignore_index=ignore_index)
    for row in range(mask.shape[0]):
        for column in range(mask.shape[1]):
            color, _ = color_of(int(mask[row, column]), ignore_index)
            expected = list(IGNORED_COLOR) if color is None else color
            assert drawn.pixels[row, column].tolist() == expected
    kept = [index for index in mask.ravel().tolist() if index != ignore_index]
    expected_remarks = {
        NEGATIVE: sum(index < 0 for index in kept),
        CYCLED: len({index for index in kept if index >= 64}),
    }
    assert drawn.findings.remarks == {p: n for p, n in expected_remarks.items() if n}


@given(masks(), st.floats(0, 1), st.sampled_from([1, 2, 3, 4]), st.none() | st.integers(-2, 100))
def test_colours_are_blended_over_the_image(
    mask: Any, alpha: float, channels: int, ignore_index: int | None
) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*mask.shape, channels), np.uint8)
    drawn = draw_segmentation(mask, image, alpha=alpha, ignore_index=ignore_index).pixels
    weight = round(256 * alpha)
    for row in range(mask.shape[0]):
        for column in range(mask.shape[1]):
            old = image[row, column].tolist()
            colors = old[:3] if channels > 2 else [old[0]] * 3
            old = colors + ([old[-1]] if channels in (2, 4) else [])
            color, wholly = color_of(int(mask[row, column]), ignore_index)
            share = 0 if color is None else 256 if wholly else weight
            paint = [*(color or [0, 0, 0]), 255]
            expected = [
                (a * (256 - share) + b * share + 128) >> 8 for a, b in zip(old, paint, strict=False)
            ]
            assert drawn[row, column].tolist() == expected


@given(masks(), st.none() | st.integers(0, 3), st.booleans())
def test_outlines(mask: Any, ignore_index: int | None, over: bool) -> None:
    image = np.full((*mask.shape, 3), 77, np.uint8) if over else None
    plain = draw_segmentation(mask, image, ignore_index=ignore_index).pixels
    drawn = draw_segmentation(mask, image, ignore_index=ignore_index, outlines=True).pixels
    height, width = mask.shape
    for row in range(height):
        for column in range(width):
            around = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
            index = int(mask[row, column])
            edge = (
                index != ignore_index
                and index >= 0
                and any(
                    0 <= y < height and 0 <= x < width and mask[y, x] != index for y, x in around
                )
            )
            if edge:
                expected = CLASS_COLORS[index % 64].tolist() if over else [255, 255, 255]
            else:
                expected = plain[row, column].tolist()
            assert drawn[row, column].tolist() == expected


SCORES = hnp.arrays(
    st.sampled_from([np.float16, np.float32, np.float64]),
    st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(2, 5)),
    elements=st.floats(-4, 4, width=16) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0]),
    fill=st.nothing(),
)


@given(SCORES, st.booleans())
def test_the_highest_score_counts(scores: Any, classes_first: bool) -> None:
    if classes_first:
        scores = scores.transpose(2, 0, 1).copy().transpose(1, 2, 0)
    drawn = draw_segmentation(scores)
    faulty = 0
    for row in range(scores.shape[0]):
        for column in range(scores.shape[1]):
            values = scores[row, column].astype(float).tolist()
            if all(map(math.isfinite, values)):
                expected = CLASS_COLORS[values.index(max(values))].tolist()
            else:
                expected, faulty = [255, 0, 0], faulty + 1
            assert drawn.pixels[row, column].tolist() == expected
    assert drawn.findings.remarks == ({NOT_FINITE: faulty} if faulty else {})


def test_logits_and_probabilities_give_the_same() -> None:
    logits = np.random.default_rng(0).normal(size=(8, 8, 7))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    np.testing.assert_array_equal(
        draw_segmentation(logits).pixels, draw_segmentation(probabilities).pixels
    )


def test_bools_are_two_classes() -> None:
    drawn = draw_segmentation(np.array([[False, True]])).pixels
    assert drawn[0].tolist() == CLASS_COLORS[:2].tolist()


def test_an_image_of_many_blocks() -> None:
    rng = np.random.default_rng(0)
    mask = rng.integers(0, 70, (300, 301))
    image = rng.integers(0, 256, (300, 301, 3), np.uint8)
    drawn = draw_segmentation(mask, image, alpha=0.25, ignore_index=5).pixels
    share = np.where(mask == 5, 0, 64)[..., np.newaxis]
    expected = (image * (256 - share) + CLASS_COLORS[mask % 64] * share + 128) >> 8
    np.testing.assert_array_equal(drawn, expected)


def test_a_16_bit_image_becomes_8_bits() -> None:
    deep = np.full((2, 2), 0xABCD, np.uint16)
    assert (
        draw_segmentation(np.zeros((2, 2), int), deep, alpha=0).pixels.tolist()
        == [[[0xAB] * 3] * 2] * 2
    )


def test_the_image_is_not_written_to() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    draw_segmentation(np.ones((4, 4), int), image, outlines=True)
    assert not image.any()


def test_a_legend_names_the_classes_that_are_there() -> None:
    mask = np.array([[3, 0, 70], [255, -1, 3]])
    colors = [tuple(CLASS_COLORS[index].tolist()) for index in (0, 3, 6)]
    assert legend_entries(mask, ["sky", "sea"], 255) == [
        ("sky", colors[0]),
        ("3", colors[1]),
        ("70", colors[2]),
    ]
    assert legend_entries(mask, {3: "road"}, 255)[1][0] == "road"
    scores = np.array([[[0.0, 1.0], [np.nan, 0.0]]])
    assert [name for name, _ in legend_entries(scores)] == ["1"]
    huge = np.array([[2**60, 7]], np.uint64)
    assert [name for name, _ in legend_entries(huge)] == ["7", str(2**60)]


@pytest.mark.parametrize(
    ("labels", "error"),
    [
        (np.zeros((2, 2, 2), int), ValueError),
        (np.zeros((2, 2)), ValueError),
        (np.zeros((2, 2, 1)), ValueError),
        (np.zeros((0, 2), int), ValueError),
        (np.zeros((2, 2), complex), TypeError),
        (np.zeros((2, 2), object), TypeError),
    ],
)
def test_labels_of_another_kind(labels: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="labels"):
        class_indices(labels)


def test_shapes_and_alpha() -> None:
    with pytest.raises(ValueError, match="labels of 2x2 pixels do not fit an image of 3x2"):
        draw_segmentation(np.zeros((2, 2), int), np.zeros((3, 2)))
    for wrong in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="alpha must be a number from 0 to 1"):
            draw_segmentation(np.zeros((2, 2), int), alpha=wrong)
    assert draw_segmentation(Classes(np.zeros((2, 2), np.uint8))).pixels.shape == (2, 2, 3)
