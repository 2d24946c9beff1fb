"""Histograms equal those of tf.summary, for any numbers."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tbimage
from tbimage.kinds import histogram as kind
from tests import readers
from tests.kinds import written

RNG = np.random.default_rng(0)

#: Data of which every bucket is to be that of tf.summary.
DATA: dict[str, Any] = {
    "normal": RNG.normal(size=10_000),
    "normal32": RNG.normal(size=10_000).astype(np.float32),
    "on edges": np.arange(31, dtype=np.float64),
    "tenths": np.arange(0, 3, 0.1),
    "half": RNG.normal(size=1000).astype(np.float16),
    "matrix": RNG.integers(-5, 100, (20, 30)),
    "transposed": np.asfortranarray(RNG.normal(size=(40, 30))),
    "bytes": RNG.integers(0, 256, 5000).astype(np.uint8),
    "wide": np.array([-(2**62), 0, 2**62 + 1]),
    "bool": RNG.random(100) < 0.3,
    "constant": np.full(7, 2.5),
    "one": 3.0,
    "empty": np.zeros((0, 4)),
    "negative zero": np.array([-0.0, 0.0]),
    "list": [[1, 2], [3, 4]],
}

finite = st.floats(allow_nan=False, allow_infinity=False)
DTYPES = ["f8", "f4", "f2", "i8", "u1", "?", ">f8"]
arrays: st.SearchStrategy[Any] = hnp.arrays(
    st.sampled_from(list(map(np.dtype, DTYPES))),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=20),
)


@pytest.fixture(scope="module")
def of_tensorflow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, readers.Tensor]:
    tensorflow = pytest.importorskip("tensorflow")
    directory = tmp_path_factory.mktemp("tensorflow")
    with tensorflow.summary.create_file_writer(str(directory)).as_default():
        for name, data in DATA.items():
            tensor = tensorflow.cast(data, tensorflow.float64)
            tensorflow.summary.histogram(name, tensor, step=0)
        tensorflow.summary.histogram("five", DATA["normal"], step=0, buckets=5)
    return written.tensors(directory, "python")


def test_the_tensor_is_that_of_tensorflow(
    tmp_path: Path, loader: str, of_tensorflow: dict[str, readers.Tensor]
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        for name, data in DATA.items():
            writer.histogram(name, data, 0)
        writer.histogram("five", DATA["normal"], 0, buckets=5)
    assert written.tensors(tmp_path, loader) == of_tensorflow


@pytest.mark.parametrize("name", DATA)
def test_the_message_is_that_of_tensorboard(name: str) -> None:
    summary_v2 = pytest.importorskip("tensorboard.plugins.histogram.summary_v2")
    theirs = summary_v2.histogram_pb("a/b", DATA[name], description="*why*")
    ours = kind.summary("a/b", kind.prepare(DATA[name]), 30, "*why*", print)
    assert b"".join(ours) == theirs.SerializeToString()


def test_loaders_show_it_with_its_description(tmp_path: Path, loader: str) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        for step in (3, 5):
            writer.histogram("weights", [1, 2, 2], step, buckets=1, description="*of* a layer")
    series = readers.read_runs(tmp_path, loader)["."]["weights"]
    assert (series.plugin, series.data_class, series.description, series.steps) == (
        "histograms",
        "tensor",
        "*of* a layer",
        [3, 5],
    )
    assert series.points[0].value == readers.Tensor("float64", (1, 3), (1.0, 2.0, 3.0))


@given(data=arrays, buckets=st.integers(1, 40))
def test_counts_are_conserved_and_edges_cover_the_data(data: Any, buckets: int) -> None:
    table, non_finite = kind.bucketed(data, buckets)
    flat = data.astype(np.float64).ravel()
    kept = flat[np.isfinite(flat)]
    assert non_finite == flat.size - kept.size
    left, right, counts = table.T
    assert (counts >= 0).all()
    assert counts.sum() == kept.size
    assert table.shape == (buckets, 3)
    assert np.isfinite(table).all()
    assert (left <= right).all()
    assert (left[1:] == right[:-1]).all()
    if kept.size:
        assert (left[0], right[-1]) == (kept.min(), kept.max())
    else:
        assert not table.any()


@given(data=hnp.arrays(np.float64, st.integers(1, 50), elements=finite), buckets=st.integers(1, 12))
def test_each_value_is_counted_where_the_edges_say(data: Any, buckets: int) -> None:
    """By a plain loop, but for values within rounding of an edge."""
    table, _ = kind.bucketed(data, buckets)
    edges = np.append(table[:, 0], table[-1, 1])
    least = np.zeros(buckets)
    with np.errstate(over="ignore"):
        near = np.maximum(np.abs(edges).max() * 1e-12, 1e-300)
        for value in data:
            inside = (edges[:-1] + near < value) & (value < edges[1:] - near)
            least += inside
    assert (table[:, 2] >= least).all()


@pytest.mark.parametrize("data", [[-1.7e308, 1.7e308, 0.0], [0.0, 5e-324, 1e-323]])
def test_ranges_that_float64_cannot_divide_have_buckets_too(data: list[float]) -> None:
    table, _ = kind.bucketed(np.array(data), 4)
    assert table[:, 2].sum() == 3
    assert (table[0, 0], table[-1, 1]) == (min(data), max(data))
    assert table[0, 2] == 1
    assert table[-1, 2] == 1


def test_many_values_are_all_counted() -> None:
    counts = [kind._BLOCK + 1, 5, 2 * kind._BLOCK - 3]
    data = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], counts))
    table, _ = kind.bucketed(data, 3)
    np.testing.assert_array_equal(table[:, 2], counts)


def test_non_finite_values_are_left_out_and_reported_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = np.array([1.0, np.nan, 2.0, np.inf, -np.inf])
    with caplog.at_level(logging.WARNING, "tbimage"), tbimage.SummaryWriter(tmp_path) as writer:
        for step in range(3):
            writer.histogram("a", data, step, buckets=2)
        writer.histogram("b", data.astype(np.float16), 0, buckets=2)
        writer.histogram("nothing else", [np.nan], 0, buckets=2)
    assert [tuple(record.args or ())[:2] for record in caplog.records] == [
        ("a", 3),
        ("b", 3),
        ("nothing else", 1),
    ]
    expected = ((1.0, 1.5, 1.0), (1.5, 2.0, 1.0))
    for value in written.values(tmp_path)[:4]:
        table = np.frombuffer(value.tensor.tensor_content).reshape(2, 3)
        np.testing.assert_array_equal(table, expected)
    assert not any(written.values(tmp_path)[-1].tensor.tensor_content)


def test_the_caller_may_change_its_array_at_once(tmp_path: Path) -> None:
    data = np.arange(100.0)
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.histogram("a", data, 0, buckets=1)
        data[:] = -1
    table = np.frombuffer(written.only_value(tmp_path).tensor.tensor_content)
    assert tuple(table) == (0.0, 99.0, 100.0)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"data": "text"}, TypeError, "data must be numbers, got 'text'"),
        ({"data": ["a", "b"]}, TypeError, "data must be numbers"),
        ({"data": np.array(["a"])}, TypeError, "data .*dtype"),
        # Advice about images does not concern histograms.
        ({"data": [1j]}, TypeError, "complex.* log its absolute values, angles.* parts$"),
        ({"data": [[1], [2, 3]]}, ValueError, "data is ragged.* log arrays of unequal size"),
        (
            {"data": [1], "buckets": 0},
            ValueError,
            "buckets must be an integer of at least 1, got 0",
        ),
        (
            {"data": [1], "buckets": 2.5},
            TypeError,
            "buckets must be an integer of at least 1, got 2.5 of type float",
        ),
        ({"data": [1], "description": 3}, TypeError, "description"),
        ({"data": [1], "wall_time": float("nan")}, ValueError, "wall_time"),
    ],
)
def test_bad_input_raises_in_the_caller_and_harms_nothing(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], match: str
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.histogram("good", [1, 2], 0)
        with pytest.raises(error, match=match):
            writer.histogram("bad", step=0, **arguments)
    assert written.only_value(tmp_path).tag == "good"
