"""Histograms that the caller has counted are written as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tbimage
from tbimage.kinds import histogram_raw as kind
from tests import readers
from tests.kinds import written


def test_loaders_show_the_counts_of_numpy(tmp_path: Path, loader: str) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.histogram_raw("sizes", *np.histogram([1, 2, 4, 4], bins=3), 7, description="*s*")
    series = readers.read_runs(tmp_path, loader)["."]["sizes"]
    assert (series.plugin, series.description, series.steps) == ("histograms", "*s*", [7])
    assert series.points[0].value == readers.Tensor(
        "float64", (3, 3), (1.0, 2.0, 1.0, 2.0, 3.0, 1.0, 3.0, 4.0, 2.0)
    )


@given(data=st.lists(st.floats(-1e6, 1e6), min_size=1), bins=st.integers(1, 20))
def test_numpys_histograms_stay_unchanged(data: list[float], bins: int) -> None:
    counts, edges = np.histogram(data, bins)
    table = kind.prepare(counts, edges)
    np.testing.assert_array_equal(table[:, 2], counts)
    np.testing.assert_array_equal(table[:, 0], edges[:-1])
    np.testing.assert_array_equal(table[:, 1], edges[1:])


@pytest.mark.parametrize(
    ("counts", "edges", "error", "match"),
    [
        ([1, 2], [0, 1], ValueError, "edges must have one element more .* got 2 edges and 2"),
        ([1, -2], [0, 1, 2], ValueError, "counts must be 0 or more, got -2"),
        ([1, 2], [0, 2, 1], ValueError, "edges must not decrease"),
        ([1, np.nan], [0, 1, 2], ValueError, "counts must be finite"),
        ([1, 2], [0, 1, np.inf], ValueError, "edges must be finite"),
        ([[1, 2]], [0, 1, 2], ValueError, r"counts must be of rank 1, got shape \(1, 2\)"),
        ("ab", [0, 1, 2], TypeError, "counts must be numbers"),
    ],
)
def test_bad_input_raises_in_the_caller_and_harms_nothing(
    tmp_path: Path, counts: Any, edges: Any, error: type[Exception], match: str
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.histogram_raw("good", [1], [0, 1], 0)
        with pytest.raises(error, match=match):
            writer.histogram_raw("bad", counts, edges, 0)
    assert written.only_value(tmp_path).tag == "good"
