"""Strokes against their definition, one pixel at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tbimage.pixels.drawing.strokes import stroke

HEIGHT, WIDTH = 12, 17

Segment = tuple[tuple[float, float], tuple[float, float]]

POINTS = st.tuples(st.floats(-20, 40), st.floats(-20, 40))
SEGMENTS = st.lists(st.tuples(POINTS, POINTS), min_size=1, max_size=4)


def distance(x: float, y: float, segment: Segment) -> float:
    (x1, y1), (x2, y2) = segment
    length = (x2 - x1) ** 2 + (y2 - y1) ** 2
    along = ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length if length else 0.0
    along = min(max(along, 0.0), 1.0)
    return math.hypot(x - x1 - along * (x2 - x1), y - y1 - along * (y2 - y1))


def covered(segments: list[Segment], radius: float) -> Any:
    """The rule: how far each pixel is covered, 0 to 1."""
    return np.array(
        [
            [
                min(
                    max(radius + 0.5 - min(distance(x + 0.5, y + 0.5, s) for s in segments), 0.0),
                    1.0,
                )
                for x in range(WIDTH)
            ]
            for y in range(HEIGHT)
        ]
    )


@settings(max_examples=150)
@given(SEGMENTS, st.floats(0.3, 6))
def test_strokes_cover_near_pixels(segments: list[Segment], radius: float) -> None:
    pixels = np.zeros((HEIGHT, WIDTH, 1), np.uint8)
    stroke(pixels, np.array(segments), radius, (255, 255, 255))
    expected = covered(segments, radius) * 255
    assert np.abs(pixels[..., 0] - expected).max() <= 1


@settings(max_examples=30)
@given(SEGMENTS, st.tuples(*[st.integers(0, 255)] * 3))
def test_strokes_blend(segments: list[Segment], color: tuple[int, int, int]) -> None:
    before = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    pixels = before.copy()
    stroke(pixels, np.array(segments), 2.0, color)
    part = covered(segments, 2.0)[..., np.newaxis]
    assert np.abs(pixels - (before * (1 - part) + np.array(color) * part)).max() <= 2


def test_a_stroke_does_not_depend_on_how_it_is_cut() -> None:
    """A long line, whose pieces overlap, and the same in two halves."""
    whole, halves = (np.zeros((100, 100, 1), np.uint8) for _ in range(2))
    ends = [[3.25, 4.5], [96.75, 81.0]]
    middle = np.mean(ends, axis=0).tolist()
    stroke(whole, np.array([ends]), 1.3, (255, 255, 255))
    stroke(halves, np.array([[ends[0], middle], [middle, ends[1]]]), 1.3, (255, 255, 255))
    assert np.abs(whole.astype(int) - halves).max() <= 1


def test_far_points_cost_nothing_and_show_nothing() -> None:
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    far = np.array([[[-1e9, -1e9], [1e9, -1e9]], [[1e9, 3.0], [1e9, 9.0]]])
    assert stroke(pixels, far, 3.0, (255, 255, 255), 10) == (0, 10)
    assert not pixels.any()


def test_a_line_from_far_to_far_crosses_the_picture_where_it_should() -> None:
    pixels = np.zeros((HEIGHT, WIDTH, 1), np.uint8)
    stroke(pixels, np.array([[[-1e9, 5.5], [1e9, 5.5]]]), 0.5, (255, 255, 255))
    assert pixels[5].min() == 255
    assert not pixels[[4, 6]].any()


def test_pieces_beyond_the_limit_are_counted() -> None:
    pixels = np.zeros((HEIGHT, WIDTH, 1), np.uint8)
    dots = np.full((9, 2, 2), 5.0)
    assert stroke(pixels, dots, 1.0, (255, 255, 255), 4) == (5, 0)


def test_nothing_to_draw() -> None:
    pixels = np.zeros((HEIGHT, WIDTH, 1), np.uint8)
    assert stroke(pixels, np.empty((0, 2, 2)), 1.0, (255, 255, 255), 4) == (0, 4)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_full_cover_is_the_colour(dtype: Any) -> None:
    pixels = np.zeros((9, 9, 4), dtype)
    stroke(pixels, np.array([[[4.5, 4.5], [4.5, 4.5]]]), 3.0, (10, 20, 30))
    most = 65535 if dtype == np.uint16 else 255
    assert pixels[4, 4].tolist() == [c * most // 255 for c in (10, 20, 30, 255)]
    assert pixels[0, 0].tolist() == [0, 0, 0, 0]
