"""`thinning.Series` keeps the same values as a simple computation with all steps in memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tbimage.reading.runs import not_replaced
from tbimage.reading.thinning import Series

steps_of_a_tag = st.lists(st.integers(-5, 12), min_size=1, max_size=40)


def kept_at_once(steps: list[int], every: int, keep: int | None) -> list[bool]:
    shown = np.flatnonzero(not_replaced(np.array(steps, np.int64)))
    thinned = np.union1d(shown[::every], shown[-1:])
    if keep is not None and keep < len(thinned):
        thinned = thinned[np.linspace(len(thinned) - 1, 0, keep).round().astype(int)]
    kept = np.zeros(len(steps), bool)
    kept[thinned] = True
    return kept.tolist()


@given(steps_of_a_tag, st.integers(1, 7), st.none() | st.integers(1, 6))
def test_it_keeps_the_same(steps: list[int], every: int, keep: int | None) -> None:
    series = Series(every, keep)
    for step in steps:
        series.add(step)
    assert [series.keeps(step) for step in steps] == kept_at_once(steps, every, keep)
    assert not series.keeps(100)  # was not there in the first pass


@pytest.mark.parametrize("restarts", [1, 100])
def test_its_memory_does_not_grow_with_the_values(restarts: int) -> None:
    series = Series(10, None)
    tracemalloc.start()
    for _ in range(restarts):
        for step in range(100_000 // restarts):
            series.add(step)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 10_000
