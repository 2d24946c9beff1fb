"""Text: any text can be drawn, and lines are broken so that they fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tbimage.pixels.drawing import fonts, text_rendering
from tbimage.pixels.drawing.text_rendering import (
    blend,
    line_height,
    size_for,
    text_width,
    wrap,
    write,
)

TEXT = st.text(max_size=30) | st.text(st.characters(codec="latin-1"), max_size=30)
ANY_TEXT = TEXT | st.sampled_from(["\ud800", "\0", "a\nb", "日本", "😀", "é", "\u202eabc", "ﬁ"])


@settings(max_examples=60)
@given(text=ANY_TEXT, size=st.integers(6, 40), left=st.integers(-99, 99), top=st.integers(-50, 50))
def test_any_text_can_be_written_anywhere(text: str, size: int, left: int, top: int) -> None:
    whole = np.zeros((200, 2000, 1), np.uint8)
    width, height = write(whole, text, 100, 60, size, (255, 255, 255))
    assert (width, height) == (text_width(text, size), line_height(size))
    assert not whole[:60].any()
    assert not whole[60 + height :].any()
    assert not whole[:, :100].any()
    assert not whole[:, 100 + width :].any()
    part = np.zeros((50, 100, 1), np.uint8)
    write(part, text, left, top, size, (255, 255, 255))
    shifted = whole[60 - top : 110 - top, 100 - left : 200 - left]
    np.testing.assert_array_equal(part, shifted)


def test_missing_characters_are_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in the middle of its left edge's neighbour is empty: a box has two upright edges."""
    monkeypatch.setattr(fonts, "_fonts", fonts.DEFAULT)  # no installed font has it
    lacking = np.zeros((40, 60, 1), np.uint8)
    write(lacking, "中", 0, 0, 24, (255, 255, 255))
    assert lacking.max() > 127
    rows, columns = np.nonzero(lacking[..., 0] > 127)
    left, right = columns.min(), columns.max()
    upright = slice(rows.min() + 1, rows.max())
    assert (lacking[upright, left, 0] > 127).all()
    assert (lacking[upright, right, 0] > 127).all()
    other = np.zeros_like(lacking)
    write(other, "文", 0, 0, 24, (255, 255, 255))
    np.testing.assert_array_equal(lacking, other)


def test_letters_differ() -> None:
    drawn = set()
    for letter in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789":
        pixels = np.zeros((30, 40, 1), np.uint8)
        write(pixels, letter, 0, 0, 20, (255, 255, 255))
        drawn.add(pixels.tobytes())
    assert len(drawn) == 62


def test_larger_letters_are_larger() -> None:
    assert text_width("hello", 12) < text_width("hello", 24) < text_width("hello", 48)
    assert size_for(10, 10) == text_rendering.LEAST_SIZE
    assert size_for(10**6, 10) == 96


def test_dashes_and_controls_become_characters_of_the_font() -> None:
    for given_text, same in (("a—b", "a-b"), ("3×4", "3x4"), ("a\tb\x7f", "a b "), ("−1", "-1")):
        first, second = (np.zeros((20, 60, 1), np.uint8) for _ in range(2))
        write(first, given_text, 0, 0, 14, (255, 255, 255))
        write(second, same, 0, 0, 14, (255, 255, 255))
        np.testing.assert_array_equal(first, second)


@settings(max_examples=60)
@given(ANY_TEXT, st.integers(8, 24), st.integers(1, 200), st.integers(1, 6))
def test_lines_fit_and_lose_nothing(text: str, size: int, width: int, most: int) -> None:
    lines = wrap(text, size, width, most)
    assert 1 <= len(lines) <= most
    for line in lines:
        assert text_width(line, size) <= width or len(line) <= 1
    everything = wrap(text, size, width, 10**6)
    kept = [each for paragraph in text.splitlines() for each in paragraph if not each.isspace()]
    seen = [each for each in "".join(everything) if not each.isspace()]
    assert len(seen) == len([each for each in kept if text_rendering._plain(each) != " "])
    if len(everything) > most:
        assert lines[-1].endswith("…")
        assert lines[:-1] == everything[: most - 1]
    else:
        assert lines == everything


def test_lines_break_at_spaces() -> None:
    width = text_width("aaaa bbbb", 14)
    assert wrap("aaaa bbbb cccc\ndd", 14, width, 9) == ["aaaa bbbb", "cccc", "dd"]
    assert wrap("", 14, width, 9) == [""]


def test_a_long_text_takes_no_long_time() -> None:
    assert len(wrap("word " * 10**6, 12, 400, 8)) == 8
    pixels = np.zeros((20, 100, 1), np.uint8)
    write(pixels, "w" * 10**6, 0, 0, 12, (255, 255, 255))


@given(
    hnp.arrays(np.uint8, (3, 4, 3)) | hnp.arrays(np.uint16, (3, 4, 3)),
    hnp.arrays(np.uint8, (3, 4)),
    st.tuples(*[st.integers(0, 255)] * 3),
)
def test_blending(target: Any, coverage: Any, color: tuple[int, int, int]) -> None:
    paint = ink_of(color, target.dtype)
    expected = [
        [
            [
                int((int(old) * (255 - int(part)) + int(new) * int(part)) / 255 + 0.5)
                for old, new in zip(pixel, paint, strict=True)
            ]
            for pixel, part in zip(row, parts, strict=True)
        ]
        for row, parts in zip(target, coverage, strict=True)
    ]
    blend(target, coverage, paint)
    assert target.tolist() == expected


def ink_of(color: tuple[int, int, int], dtype: Any) -> Any:
    return np.array(color, dtype) * dtype.type(257 if dtype == np.uint16 else 1)
