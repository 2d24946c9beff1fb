"""Precision and recall follow their definition, and equal those of peers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tbimage
from tbimage.kinds import pr_curve as kind
from tests import readers
from tests.kinds import written

RNG = np.random.default_rng(0)


def definition(
    labels: list[int], predictions: list[float], weights: list[float], num_thresholds: int
) -> list[list[float]]:
    """One threshold and one prediction at a time."""
    rows: list[list[float]] = [[], [], [], [], [], []]
    for threshold in range(num_thresholds):
        counts = {(True, 1): 0.0, (True, 0): 0.0, (False, 0): 0.0, (False, 1): 0.0}
        for label, prediction, weight in zip(labels, predictions, weights, strict=True):
            counts[prediction * (num_thresholds - 1) >= threshold, label] += weight
        true_positives, false_positives, _, false_negatives = counts.values()
        precision = true_positives / max(1e-7, true_positives + false_positives)
        recall = true_positives / max(1e-7, true_positives + false_negatives)
        for row, number in zip(rows, [*counts.values(), precision, recall], strict=True):
            row.append(number)
    return rows


outcomes = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.one_of(st.floats(0, 1), st.integers(0, 16).map(lambda i: i / 16)),
        st.sampled_from([0.0, 2.0**-26, 0.5, 1.0, 3.0]),  # of which sums are exact
    ),
    max_size=30,
)


@given(outcomes=outcomes, num_thresholds=st.integers(2, 20))
def test_curves_follow_the_definition(outcomes: Any, num_thresholds: int) -> None:
    labels, predictions, weights = ([each[column] for each in outcomes] for column in range(3))
    expected = definition(labels, predictions, weights, num_thresholds)
    prepared = kind.prepare(labels, np.array(predictions, np.float64), np.array(weights))
    np.testing.assert_allclose(kind.curve(prepared, num_thresholds), expected, rtol=1e-12)
    unweighted = definition(labels, predictions, [1.0] * len(labels), num_thresholds)
    prepared = kind.prepare(np.array(labels, bool), np.array(predictions, np.float64))
    np.testing.assert_array_equal(kind.curve(prepared, num_thresholds)[:4], unweighted[:4])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weights", [None, "each"])
def test_curves_equal_those_of_torch(dtype: Any, weights: str | None) -> None:
    summary = pytest.importorskip("torch.utils.tensorboard.summary")
    labels = RNG.integers(0, 2, 1000)
    predictions = np.round(RNG.random(1000), 3).astype(dtype)
    each = None if weights is None else RNG.integers(1, 5, 1000).astype(np.float64)
    theirs = summary.compute_curve(labels, predictions, num_thresholds=127, weights=each)
    ours = kind.curve(kind.prepare(labels, predictions, each), 127)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_the_summary_is_that_of_torch() -> None:
    summary = pytest.importorskip("torch.utils.tensorboard.summary")
    labels, predictions = RNG.integers(0, 2, 100), RNG.random(100).astype(np.float32)
    (theirs,) = summary.pr_curve("a/b", labels, predictions, 33).value
    pieces = kind.summary("a/b", kind.prepare(labels, predictions), 33, None)
    (ours,) = written.parsed(pieces).value
    assert ours.tag == theirs.tag
    assert ours.metadata.plugin_data.SerializeToString() == (
        theirs.metadata.plugin_data.SerializeToString()
    )
    np.testing.assert_array_equal(
        np.frombuffer(ours.tensor.tensor_content, np.float32), theirs.tensor.float_val
    )


def test_loaders_show_it_with_its_description(tmp_path: Path, loader: str) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        arguments = [True, False, True], [0.9, 0.4, 0.3]
        writer.pr_curve("cats", *arguments, 3, num_thresholds=3, description="*are* they?")
        writer.pr_curve("cats", *arguments, 4, weights=2, num_thresholds=3)
    series = readers.read_runs(tmp_path, loader)["."]["cats"]
    assert (series.plugin, series.content, series.description, series.steps) == (
        "pr_curves",
        b"\x10\x03",  # PrCurvePluginData(num_thresholds=3)
        "*are* they?",
        [3, 4],
    )
    once, twice = (point.value for point in series.points)
    assert isinstance(once, readers.Tensor)
    assert isinstance(twice, readers.Tensor)
    counts = [[2, 1, 0], [1, 0, 0], [0, 1, 1], [0, 1, 2]]
    np.testing.assert_array_equal(once.array()[:4], counts)
    np.testing.assert_array_equal(twice.array()[:4], np.multiply(counts, 2))


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"labels": [1, 0, 1]}, ValueError, r"labels and predictions .* got \(3,\) and \(2,\)"),
        ({"weights": [1, 2, 3]}, ValueError, r"weights must be one number or .*\(2,\).*\(3,\)"),
        ({"labels": ["cat", "dog"]}, TypeError, "labels must be numbers, got"),
        ({"predictions": None}, TypeError, "predictions is a builtins.NoneType"),
        (
            {"num_thresholds": 1},
            ValueError,
            "num_thresholds must be an integer of at least 2, got 1",
        ),
        ({"num_thresholds": "3"}, TypeError, "num_thresholds must be an integer"),
    ],
)
def test_bad_input_raises_in_the_caller_and_harms_nothing(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], match: str
) -> None:
    given = {"labels": [1, 0], "predictions": [0.5, 0.5], **arguments}
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.pr_curve("good", [1], [1.0], 0)
        with pytest.raises(error, match=match):
            writer.pr_curve("bad", step=0, **given)
    assert written.only_value(tmp_path).tag == "good"


@pytest.mark.parametrize(
    ("labels", "predictions", "match"),
    [
        ([1, 0], [0.5, 1.5], "predictions must lie within 0 and 1 .* got 0.5 to 1.5"),
        ([1, 0], [0.5, np.nan], "predictions must lie within 0 and 1"),
        ([1, 2], [0.5, 0.5], "labels must be 0 or 1, got 1 to 2"),
    ],
)
def test_values_out_of_range_are_raised_by_flush_and_harm_nothing(
    tmp_path: Path, labels: list[int], predictions: list[float], match: str
) -> None:
    writer = tbimage.SummaryWriter(tmp_path)
    writer.pr_curve("bad", labels, predictions, 0)
    writer.pr_curve("good", [1], [1.0], 0)
    with pytest.raises(ValueError, match=match):
        writer.flush()
    assert writer.close()
    assert written.only_value(tmp_path).tag == "good"


def test_the_caller_may_change_its_arrays_at_once(tmp_path: Path) -> None:
    labels, predictions, weights = np.array([1, 1]), np.array([1.0, 1.0]), np.array([2.0, 3.0])
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.pr_curve("a", labels, predictions, 0, weights=weights, num_thresholds=2)
        labels[:], predictions[:], weights[:] = 0, 0, 0
    table = np.frombuffer(written.only_value(tmp_path).tensor.tensor_content, np.float32)
    np.testing.assert_array_equal(table.reshape(6, 2)[0], [5, 5])
