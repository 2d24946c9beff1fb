"""Filters against the specification's text, which goes a byte at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tbimage.pixels.png.filters import Filter, average_predictor, filter_rows, paeth_predictor
from tbimage.pixels.scratch import Bytes
from tests.pixels.plain_png import unfilter


@st.composite
def windows(draw: st.DrawFn) -> tuple[Bytes, int]:
    """A window of 1 to 5 rows below the first, and the bytes of one pixel."""
    step = draw(st.integers(1, 8))
    shape = (draw(st.integers(2, 6)), step * draw(st.integers(1, 6)))
    few = draw(st.sampled_from([st.integers(0, 255), st.sampled_from([0, 1, 128, 255])]))
    return draw(hnp.arrays(np.uint8, shape, elements=few)), step


@given(windows(), st.sampled_from(Filter))
def test_unfiltering_restores_filtered_rows(case: tuple[Bytes, int], kind: Filter) -> None:
    window, step = case
    before = window.copy()
    filtered = filter_rows(kind, window, step).tolist()
    assert np.array_equal(window, before)
    for above, row, (number, *differences) in zip(window, window[1:], filtered, strict=False):
        assert unfilter(number, differences, above.tolist(), step) == row.tolist()
        if kind <= Filter.PAETH:
            assert number == kind


@given(windows())
def test_repeat_touches_only_rows_that_equal_the_row_above(case: tuple[Bytes, int]) -> None:
    window, step = case
    filtered = filter_rows(Filter.REPEAT, window, step).tolist()
    for above, row, (number, *differences) in zip(window, window[1:], filtered, strict=False):
        if above.tolist() == row.tolist():
            assert (number, set(differences)) == (Filter.UP, {0})
        else:
            assert (number, differences) == (Filter.NONE, row.tolist())


@given(windows())
def test_least_takes_the_smallest_differences(case: tuple[Bytes, int]) -> None:
    def magnitudes(filtered: Bytes) -> list[int]:
        differences = filtered[:, 1:].astype(int)
        return [int(row.sum()) for row in np.minimum(differences, 256 - differences)]

    window, step = case
    each = [magnitudes(filter_rows(Filter(kind), window, step)) for kind in range(5)]
    least = magnitudes(filter_rows(Filter.LEAST, window, step))
    assert least == [min(sums) for sums in zip(*each, strict=True)]


def test_paeth_for_all_neighbourhoods() -> None:
    """The encoder's way comes down to the specification's, section 9.4, in all 2²⁴ cases."""
    left, above = (grid.reshape(-1).astype(np.uint8) for grid in np.indices((256, 256)))
    a, b = left.astype(np.int16), above.astype(np.int16)
    out = np.empty_like(left)
    for c in range(256):
        paeth_predictor(left, above, np.full_like(left, c), out)
        pa, pb, pc = abs(b - c), abs(a - c), abs(a + b - 2 * c)
        expected = np.where((pa <= pb) & (pa <= pc), a, np.where(pb <= pc, b, c))
        assert np.array_equal(out, expected), c


def test_average_for_all_neighbourhoods() -> None:
    left, above = (grid.reshape(-1).astype(np.uint8) for grid in np.indices((256, 256)))
    out = np.empty_like(left)
    average_predictor(left, above, out)
    assert np.array_equal(out, (left.astype(int) + above) // 2)


@pytest.mark.parametrize("kind", Filter)
def test_rows_of_one_pixel(kind: Filter) -> None:
    window = np.array([[9, 8, 7, 6], [1, 2, 3, 4]], np.uint8)
    [[number, *differences]] = filter_rows(kind, window, 4).tolist()
    assert unfilter(number, differences, [9, 8, 7, 6], 4) == [1, 2, 3, 4]
