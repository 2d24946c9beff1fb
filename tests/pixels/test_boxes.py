"""Boxes against Pillow's rectangles, and faulty boxes."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from tbimage.pixels.drawing import boxes as module
from tbimage.pixels.drawing.box_formats import (
    BOX_FORMATS,
    box_corners,
    check_boxes,
    check_labels,
    check_scores,
)
from tbimage.pixels.drawing.box_labels import make_label
from tbimage.pixels.drawing.boxes import draw_boxes
from tbimage.pixels.drawing.palette import (
    CLASS_COLORS,
    CYCLED,
    class_color,
    label_color,
    readable_on,
)
from tbimage.pixels.drawing.text_rendering import line_height, text_width, write

HEIGHT, WIDTH = 40, 60
COORDINATES = st.floats(-30, 90, allow_nan=False)


def photo(channels: int = 3) -> Any:
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, channels), np.uint8)


def pixel_span(low: float, high: float, size: int) -> tuple[int, int] | None:
    """First and last pixel of a box along an axis, by its rule; None outside."""
    low, high = min(low, high), max(low, high)
    first, end = math.floor(low + 0.5), math.floor(high + 0.5)
    end = max(end, first + 1)
    if end <= 0 or first >= size:
        return None
    return max(first, 0), min(end, size) - 1


@given(
    st.lists(st.tuples(*[COORDINATES] * 4), max_size=6),
    st.integers(1, 9),
    st.data(),
)
def test_outlines_are_pillows_rectangles(
    boxes: list[tuple[float, ...]], width: int, data: st.DataObject
) -> None:
    colors = data.draw(
        st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=len(boxes), max_size=len(boxes))
    )
    image = Image.fromarray(photo())
    draw = ImageDraw.Draw(image)
    outside = negative = 0
    for (x1, y1, x2, y2), color in zip(boxes, colors, strict=True):
        across, down = pixel_span(x1, x2, WIDTH), pixel_span(y1, y2, HEIGHT)
        if across is None or down is None:
            outside += 1
            continue
        negative += x2 < x1 or y2 < y1
        corners = across[0], down[0], across[1], down[1]
        # Pillow's wide outlines leave small rectangles; ours never do.
        least = min(across[1] - across[0], down[1] - down[0]) + 1
        if 2 * width >= least:
            draw.rectangle(corners, fill=color)
        else:
            draw.rectangle(corners, outline=color, width=width)
    drawn = draw_boxes(photo(), boxes, colors=colors if boxes else None, width=width)
    np.testing.assert_array_equal(drawn.pixels, np.asarray(image))
    numbers = [number for box in boxes for number in box]
    fractions = len(boxes) if any(numbers) and all(0 <= each <= 1 for each in numbers) else 0
    counts = sorted(count for count in (outside, negative, fractions) if count)
    assert sorted(drawn.findings.remarks.values()) == counts


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "bool"])
def test_boxes_on_any_picture(channels: int, dtype: str) -> None:
    image = (photo(channels) > 127).astype(dtype)
    drawn = draw_boxes(image, [[10, 10, 30, 30]], colors=(1, 2, 3))
    assert drawn.pixels.dtype == np.uint8
    assert drawn.pixels.shape[2] == (4 if channels in (2, 4) else 3)
    assert drawn.pixels[10, 10].tolist() == [1, 2, 3, 255][: drawn.pixels.shape[2]]


@given(st.lists(st.tuples(*[st.floats(0, 1)] * 4), min_size=1, max_size=5), st.booleans())
def test_all_formats_say_the_same(boxes: list[tuple[float, ...]], normalized: bool) -> None:
    array = np.array(boxes)
    scale = [1, 1, 1, 1] if normalized else [WIDTH, HEIGHT] * 2
    low, size = array[:, :2], array[:, 2:]
    given_as = {
        "xyxy": np.hstack([low, low + size]),
        "xywh": array,
        "cxcywh": np.hstack([low + size / 2, size]),
    }
    expected = np.hstack([low, low + size]) * ([WIDTH, HEIGHT] * 2)
    for name in BOX_FORMATS:
        corners = box_corners(given_as[name] * scale, name, normalized, HEIGHT, WIDTH)
        np.testing.assert_allclose(corners, expected, atol=1e-9)


def test_a_tag_has_the_boxs_colour_and_its_text() -> None:
    plain = np.zeros((100, 200, 3), np.uint8)
    drawn = draw_boxes(plain, [[50, 40, 150, 90]], ["cat"], [0.934], size=14).pixels
    color = label_color("cat")
    widths = [text_width(text, 14) for text in ("cat", " 0.93")]
    tag = np.full((line_height(14), sum(widths), 3), color, np.uint8)
    write(tag, "cat", 0, 0, 14, readable_on(color))
    write(tag, " 0.93", widths[0], 0, 14, readable_on(color))
    top = 40 - len(tag)
    np.testing.assert_array_equal(drawn[top:40, 50 : 50 + tag.shape[1]], tag)
    assert not drawn[:top].any()


@given(
    st.tuples(*[st.floats(-300, 300)] * 4),
    st.text(max_size=20) | st.sampled_from(["\ud800", "x" * 5000, "日本"]),
    st.integers(8, 40),
)
@example((0.0, 0.0, 60.0, 40.0), "inside", 12)
def test_tags_stay_within_the_picture(box: Any, label: str, size: int) -> None:
    drawn = draw_boxes(photo(), [box], [label], size=size)
    assert drawn.pixels.shape == (HEIGHT, WIDTH, 3)
    seen = drawn.pixels != photo()
    assert seen.any() or drawn.findings.remarks


def test_colours_by_class_by_label_and_as_given() -> None:
    boxes = [[2, 20, 8, 30], [22, 20, 28, 30], [42, 20, 48, 30]]

    def seen(**arguments: Any) -> list[list[int]]:
        drawn = draw_boxes(np.zeros((HEIGHT, WIDTH, 3), np.uint8), boxes, **arguments).pixels
        return [drawn[29, left].tolist() for left in (2, 22, 42)]

    assert seen(labels=[0, 3, 64]) == [list(class_color(i)) for i in (0, 3, 0)]
    assert seen(labels=["a", "b", "a"]) == [list(label_color(c)) for c in "aba"]
    assert seen(labels=["a", "b", "a"], colors=(1, 2, 3)) == [[1, 2, 3]] * 3
    assert seen(colors=[(1, 2, 3), (4, 5, 6), (7, 8, 9)])[2] == [7, 8, 9]
    assert len({tuple(color) for color in seen()}) == 1


def test_names_of_classes() -> None:
    dark = np.zeros((60, 200, 3), np.uint8)
    box = [[0, 30, 190, 59]]
    by_name = draw_boxes(dark, box, [1], classes=["sky", "sea"]).pixels
    as_text = draw_boxes(dark, box, ["sea"], colors=class_color(1)).pixels
    np.testing.assert_array_equal(by_name, as_text)
    np.testing.assert_array_equal(
        draw_boxes(dark, box, [1], classes={1: "sea"}).pixels,
        by_name,
    )


def test_higher_scores_are_drawn_over_lower_ones() -> None:
    dark = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    box = [[10, 10, 30, 30]] * 3
    colors = [(1, 1, 1), (2, 2, 2), (3, 3, 3)]
    for scores, expected in (([0.1, 0.9, 0.5], 2), ([0.9, 0.1, math.nan], 1)):
        drawn = draw_boxes(dark, box, scores=scores, colors=colors, size=1).pixels
        assert drawn[29, 29].tolist() == [expected] * 3
    assert draw_boxes(dark, box, colors=colors).pixels[29, 29].tolist() == [3, 3, 3]


def test_faulty_boxes_are_counted_and_the_rest_drawn() -> None:
    boxes = [
        [10, 10, 20, 20],
        [math.nan, 0, 5, 5],
        [0, 0, math.inf, 5],
        [30, 30, 25, 35],
        [100, 100, 120, 120],
        [-9, -9, 0, 0],
    ]
    drawn = draw_boxes(photo(), boxes, colors=(9, 8, 7))
    assert sorted(drawn.findings.remarks.values()) == [1, 2, 2]
    by_phrase = {phrase.split(",")[0]: n for phrase, n in drawn.findings.remarks.items()}
    assert by_phrase["boxes with NaN or infinite coordinates"] == 2
    assert by_phrase["boxes that lie outside of the picture"] == 2
    assert by_phrase["boxes of negative width or height"] == 1
    for row, column in ((10, 10), (30, 25)):
        assert drawn.pixels[row, column].tolist() == [9, 8, 7]


def test_classes_beyond_the_palette_are_said() -> None:
    drawn = draw_boxes(photo(), [[1, 1, 9, 9]] * 3, [63, 64, 64])
    assert drawn.findings.remarks == {CYCLED: 1}
    assert len(CLASS_COLORS) == 64


def test_a_million_boxes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The drawn boxes are counted, not timed: their number does not grow."""
    outlined: list[int] = []
    pasted: list[Any] = []
    outline = module._outline_all

    def counted_outline(pixels: Any, spans: Any, *more: Any) -> None:
        outlined.append(len(spans))
        outline(pixels, spans, *more)

    def counted_tag(texts: Any, *more: Any) -> Any:
        pasted.extend(texts)
        return make_label(texts, *more)

    monkeypatch.setattr(module, "_outline_all", counted_outline)
    monkeypatch.setattr(module, "make_label", counted_tag)
    boxes = np.tile([[5.0, 5.0, 20.0, 20.0]], (10**6, 1))
    scores = np.arange(10**6) / 10**6
    drawn = draw_boxes(photo(), boxes, scores=scores)
    assert outlined == [module.MOST_BOXES]
    assert len(pasted) == module.MOST_LABELS
    assert set(pasted) == {"1.00"}
    assert drawn.findings.remarks == {
        f"boxes beyond the {module.MOST_BOXES} that one picture shows": 990_000,
        f"labels beyond the {module.MOST_LABELS} that one picture shows": 9_000,
    }
    pasted.clear()
    draw_boxes(photo(), boxes[:2000], np.arange(2000) % 7)
    assert pasted[:3] == ["0", "1", "2"]
    assert len(pasted) == module.MOST_LABELS


def test_no_boxes_change_nothing() -> None:
    np.testing.assert_array_equal(draw_boxes(photo(), []).pixels, photo())
    np.testing.assert_array_equal(draw_boxes(photo(), np.empty((0, 4))).pixels, photo())


@pytest.mark.parametrize(
    "wrong", [[1, 2, 3, 4], [[1, 2, 3]], np.zeros((2, 2, 4)), np.zeros((4, 5))]
)
def test_shapes_of_boxes(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"must have the shape \(count, 4\)"):
        check_boxes(wrong)


@pytest.mark.parametrize("wrong", ["abcd", [["a", "b", "c", "d"]], [[1, 2, 3, 4], [5]], [[1j] * 4]])
def test_boxes_are_numbers(wrong: Any) -> None:
    with pytest.raises(TypeError, match="real numbers"):
        check_boxes(wrong)


def test_labels_and_scores_are_as_many_as_boxes() -> None:
    with pytest.raises(ValueError, match="one label for each of the 2 boxes, got 3"):
        check_labels(["a", "b", "c"], 2)
    with pytest.raises(ValueError, match=r"each of the 2 boxes, got shape \(3,\)"):
        check_scores([1, 2, 3], 2)
    with pytest.raises(TypeError, match="one label for each box, got 'ab'"):
        check_labels("ab", 2)
    with pytest.raises(TypeError, match=r"strings or integers, got 0\.5"):
        check_labels([0.5], 1)
    with pytest.raises(TypeError, match="real numbers"):
        check_scores(["high"], 1)
    assert check_labels(np.array([1, 2], np.uint8), 2) == [1, 2]
    assert check_labels(np.array(["a"]), 1) == ["a"]


@pytest.mark.parametrize("wrong", ["XYXY", "yxyx", None, 3, np.array(["xyxy", "xywh"])])
def test_formats(wrong: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(f"'cxcywh', got {wrong!r}")):
        draw_boxes(np.zeros((8, 8)), [], format=wrong)


@pytest.mark.parametrize("format", BOX_FORMATS)
@pytest.mark.parametrize("boxes", [[[0.1, 0.2, 0.5, 1]], [[0, 0, 1, 1]], [[0, 0, 0.5, 0.5]] * 2])
def test_boxes_that_look_like_fractions_are_counted(boxes: Any, format: str) -> None:
    found = draw_boxes(photo(), boxes, format=format).findings.remarks
    assert found[module._FRACTIONS] == len(boxes)
    assert "pass normalized=True" in module._FRACTIONS
    normalized = draw_boxes(photo(), boxes, format=format, normalized=True).findings.remarks
    assert module._FRACTIONS not in normalized


@pytest.mark.parametrize("boxes", [[], [[0, 0, 0, 0]], [[0.1, 0.2, 0.5, 1], [3, 4, 9, 9]]])
def test_boxes_that_are_pixels_are_not_counted_as_fractions(boxes: Any) -> None:
    assert module._FRACTIONS not in draw_boxes(photo(), boxes).findings.remarks
