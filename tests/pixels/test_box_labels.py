"""The places of labels, compared with a definition that checks every pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tbimage.pixels.drawing.box_labels import label_places, make_label, paste_labels

HEIGHT, WIDTH = 60, 80

Span = tuple[int, int, int, int]


@st.composite
def boxes_in_the_picture(draw: st.DrawFn) -> Span:
    left, top = draw(st.integers(0, WIDTH - 1)), draw(st.integers(0, HEIGHT - 1))
    return left, top, draw(st.integers(left + 1, WIDTH)), draw(st.integers(top + 1, HEIGHT))


def pixels_of(place: tuple[int, int], size: tuple[int, int]) -> set[tuple[int, int]]:
    (row, column), (height, width) = place, size
    return {(row + y, column + x) for y in range(height) for x in range(width)}


def places_by_definition(
    height: int, widths: list[int], spans: list[Span]
) -> list[tuple[int, int]]:
    taken: set[tuple[int, int]] = set()
    places = {}
    for number in reversed(range(len(widths))):
        width, (left, top, _, bottom) = widths[number], spans[number]
        column = left if left + width <= WIDTH else max(0, WIDTH - width)
        fitting = [
            (row, column)
            for row in (top - height, top, bottom, bottom - height)
            if row >= 0 and row + height <= HEIGHT
        ]
        free = [place for place in fitting if not taken & pixels_of(place, (height, width))]
        places[number] = (free + fitting + [(0, column)])[0]
        taken |= pixels_of(places[number], (height, width))
    return [places[number] for number in range(len(widths))]


@given(
    st.integers(1, 30),
    st.lists(st.tuples(st.integers(1, 90), boxes_in_the_picture()), max_size=9),
)
@example(20, [(30, (5, 20, 60, 60))] * 5)  # one place after the other
@example(61, [(81, (5, 20, 60, 40))])  # larger than the picture
def test_places(height: int, tags: list[tuple[int, Span]]) -> None:
    widths, spans = [width for width, _ in tags], [span for _, span in tags]
    expected = places_by_definition(height, widths, spans)
    assert label_places(height, widths, spans, HEIGHT, WIDTH) == expected


def test_neighbours_do_not_cover_each_other() -> None:
    places = label_places(10, [40, 40], [(5, 30, 25, 50), (30, 30, 50, 50)], 60, 80)
    assert places == [(30, 5), (20, 30)]


@pytest.mark.parametrize("channels", [3, 4])
def test_the_last_tag_is_on_top_and_all_are_opaque(channels: int) -> None:
    first, second = make_label(["aa", "b"], 12, (10, 20, 30)), make_label(["c"], 12, (200, 0, 0))
    size = first[0].shape[0]
    pixels = np.zeros((size, 100, channels), np.uint8)  # there is one place only
    paste_labels(pixels, [first, second], [(0, 0, 100, size)] * 2)
    widths = [part.shape[1] for part in (*first, *second)]
    np.testing.assert_array_equal(pixels[:, : widths[2], :3], second[0])
    rest = np.hstack(first)[:, widths[2] :]
    np.testing.assert_array_equal(pixels[:, widths[2] : widths[0] + widths[1], :3], rest)
    assert (pixels[:, : widths[0] + widths[1], 3:] == 255).all()
    assert not pixels[:, widths[0] + widths[1] :].any()
