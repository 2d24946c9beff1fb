"""Keypoints and polylines: their pixels, and faulty points."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tbimage.pixels.drawing import keypoints as module
from tbimage.pixels.drawing.keypoints import (
    check_points,
    check_skeleton,
    draw_keypoints,
    draw_polylines,
    each_instance,
)
from tbimage.pixels.drawing.palette import class_color
from tbimage.pixels.drawing.strokes import stroke

DARK = np.zeros((40, 60, 3), np.uint8)
NAN = math.nan
POINTS = st.lists(st.tuples(st.floats(0, 60), st.floats(0, 40)), min_size=2, max_size=6)


@given(POINTS, st.booleans(), st.floats(1, 5))
def test_a_polyline_is_the_stroke_of_its_segments(points: Any, closed: bool, width: float) -> None:
    expected = DARK.copy()
    chain = [*points, points[0]] if closed else points
    pairs = list(itertools.pairwise(chain))
    stroke(expected, np.array(pairs), width / 2, (9, 99, 255))
    drawn = draw_polylines(DARK, points, closed=closed, width=width, colors=(9, 99, 255))
    np.testing.assert_array_equal(drawn.pixels, expected)
    assert not drawn.findings


@given(POINTS)
def test_keypoints_have_a_dark_rim_and_the_colour_of_their_instance(points: Any) -> None:
    places = np.array(points)
    bright = np.full((40, 60, 3), 255, np.uint8)
    expected = bright.copy()
    limbs = np.array([[places[0], places[1]]])
    dots = np.stack([places, places], axis=1)
    for segments, radius, color in (
        (limbs, 2.0, class_color(0)),
        (dots, 5.0, (0, 0, 0)),
        (dots, 4.0, class_color(0)),
    ):
        stroke(expected, segments, radius, color)
    drawn = draw_keypoints(bright, points, skeleton=[(0, 1), (0, 99)], radius=4.0)
    np.testing.assert_array_equal(drawn.pixels, expected)


def test_several_instances_have_several_colours() -> None:
    drawn = draw_keypoints(DARK, [[[10, 10]], [[30, 10]], [[50, 10]]]).pixels
    assert [drawn[10, x].tolist() for x in (10, 30, 50)] == [list(class_color(i)) for i in range(3)]
    chosen = draw_keypoints(DARK, [[[10, 10]], [[30, 10]]], colors=[(1, 1, 1), (2, 2, 2)]).pixels
    assert [chosen[10, x].tolist() for x in (10, 30)] == [[1, 1, 1], [2, 2, 2]]


def test_points_may_be_fractions_of_the_picture() -> None:
    for draw in (draw_keypoints, draw_polylines):
        in_pixels = draw(DARK, [[15, 10], [45, 20]])
        normalized = draw(DARK, [[0.25, 0.25], [0.75, 0.5]], normalized=True)
        np.testing.assert_array_equal(in_pixels.pixels, normalized.pixels)


def test_invisible_points_are_left_out_and_faulty_ones_counted() -> None:
    points = [[10, 10, 1], [30, 10, 0], [50, 10, 2], [NAN, 10, 1], [NAN, NAN, 0]]
    drawn = draw_keypoints(DARK, points, skeleton=[(0, 1), (0, 3)])
    assert drawn.findings.remarks == {"points with NaN or infinite coordinates, not drawn": 1}
    seen = np.any(drawn.pixels, axis=2)
    assert seen[10, 10]
    assert seen[10, 50]
    assert not seen[10, 30]
    assert not seen[10, 20]


def test_a_faulty_point_is_a_gap_in_a_line() -> None:
    drawn = draw_polylines(DARK, [[5, 10], [15, 10], [NAN, 10], [35, 10], [45, 10], [math.inf, 0]])
    assert list(drawn.findings.remarks.values()) == [2]
    seen = np.any(drawn.pixels, axis=2)[10]
    assert seen[6:14].all()
    assert seen[36:44].all()
    assert not seen[18:33].any()


def test_a_line_of_one_point_is_a_dot() -> None:
    drawn = np.any(draw_polylines(DARK, [[10.5, 10.5]], width=6).pixels, axis=2)
    assert drawn[10, 8:13].all()
    assert drawn[8:13, 10].all()
    assert not drawn[:, 16:].any()


def test_ragged_lines_and_empty_ones() -> None:
    lines = [[[1, 1], [9, 9]], [], [[20, 20], [30, 20], [30, 30]]]
    drawn = draw_polylines(DARK, lines).pixels
    assert drawn[20, 25].tolist() == list(class_color(2))
    assert len(each_instance([[], [[1, 2]]])) == 2
    assert each_instance(None) == []


def test_any_number_of_points_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The drawn pieces are counted, not timed: their number does not grow."""
    pieces: list[int] = []

    def counting(pixels: Any, segments: Any, radius: float, color: Any, most: int) -> Any:
        left_out, room = stroke(pixels, segments, radius, color, most)
        pieces.append(most - room)
        return left_out, room

    monkeypatch.setattr(module, "stroke", counting)
    monkeypatch.setattr(module, "MOST_PIECES", 1000)
    places = np.random.default_rng(0).random((5000, 2)) * [60, 40]
    drawn = draw_polylines(DARK, places)
    (count,) = drawn.findings.remarks.values()
    assert 4000 < count < 5000
    assert sum(pieces) <= 1000
    pieces.clear()
    many = draw_keypoints(DARK, places[:, np.newaxis])
    assert sum(pieces) + 16 * len(pieces) <= 1000 + 16
    assert sum(many.findings.remarks.values()) > 9000


@pytest.mark.parametrize("wrong", [np.zeros((3, 4)), np.zeros((3, 1)), np.zeros((2, 2, 2)), [1, 2]])
def test_shapes_of_points(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"must have the shape \(count, 2\)"):
        check_points(wrong)


@pytest.mark.parametrize("wrong", [[["a", "b"]], [[1, 2], [3]], [[1j, 2]]])
def test_points_are_numbers(wrong: Any) -> None:
    with pytest.raises(TypeError, match="real numbers"):
        check_points(wrong)


def test_skeletons() -> None:
    assert check_skeleton([]) == []
    assert check_skeleton(np.array([[0, 1]])) == [(0, 1)]
    with pytest.raises(TypeError, match="pairs of indices"):
        check_skeleton([(0, 1, 2)])
    with pytest.raises(TypeError, match="skeleton must be an integer of at least 0"):
        check_skeleton([(0.5, 1.5)])
    with pytest.raises(ValueError, match="skeleton must be an integer of at least 0, got -1"):
        check_skeleton([(0, -1)])
