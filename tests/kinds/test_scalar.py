"""Scalars: one number of any type, as float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tbimage
from tbimage.compat import tf_summary
from tbimage.kinds import scalar as kind
from tests import readers
from tests.kinds import written

NUMBERS: list[tuple[Any, float]] = [
    (0.5, 0.5),
    (3, 3.0),
    (True, 1.0),
    (np.float16(0.25), 0.25),
    (np.array(2.0), 2.0),
    (0.1, float(np.float32(0.1))),
    (float("inf"), float("inf")),
    (-float("inf"), -float("inf")),
    (float("nan"), float("nan")),
    (1e300, float("inf")),
    (-(10**400), float("-inf")),
]


def test_loaders_show_float32_of_any_number(tmp_path: Path, loader: str) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        for step, (number, _) in enumerate(NUMBERS):
            writer.scalar("loss", number, step, description="what is *left*")
    series = readers.read_runs(tmp_path, loader)["."]["loss"]
    assert (series.plugin, series.data_class, series.description) == (
        "scalars",
        "scalar",
        "what is *left*",
    )
    stored = [stored for _, stored in NUMBERS]
    np.testing.assert_equal([point.value for point in series.points], stored)


@given(st.floats() | st.integers() | st.booleans())
def test_any_number_comes_back_as_float32(number: float) -> None:
    summary = kind.summary("a", kind.check_value(number), None)
    (value,) = written.parsed([summary]).value
    with np.errstate(over="ignore"):
        expected = np.float64(kind.check_value(number)).astype(np.float32)
    np.testing.assert_equal(value.simple_value, float(expected))


def test_a_tensor_of_torch_is_a_number() -> None:
    torch = pytest.importorskip("torch")
    assert kind.check_value(torch.tensor(0.5, requires_grad=True)) == 0.5
    assert kind.check_value(torch.tensor(3, dtype=torch.int8)) == 3.0


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"value": "0.5"}, TypeError, "value must be a real number, got '0.5' of type str"),
        ({"value": b"1"}, TypeError, "value must be a real number"),
        ({"value": None}, TypeError, "value must be a real number, got None"),
        ({"value": 1j}, TypeError, "value must be a real number, got 1j"),
        ({"value": [0.5]}, TypeError, "value must be a real number"),
        ({"value": np.zeros(1)}, ValueError, r"value must be one number, got shape \(1,\)"),
        ({"value": 0.5, "step": "1"}, TypeError, "step"),
        ({"value": 0.5, "wall_time": float("inf")}, ValueError, "wall_time"),
        ({"value": 0.5, "name": ""}, ValueError, "name"),
        ({"value": 0.5, "description": b"x"}, TypeError, "description"),
    ],
)
def test_bad_input_raises_in_the_caller_and_harms_nothing(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], match: str
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.scalar("good", 0, 0)
        with pytest.raises(error, match=match):
            writer.scalar(**{"name": "bad", "step": 1, **arguments})
        writer.scalar("good", 1, 1)
    assert [event.step for event in written.events(tmp_path)] == [0, 1]


@pytest.mark.parametrize("value", [1e300, -3.5e38, 10**400, np.float64(3.4028235677973366e38)])
def test_a_value_beyond_float32_is_reported_once_for_each_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, value: Any
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        for step in range(2):
            writer.scalar("loss", value, step)
            writer.scalars("losses", {"train": value, "test": 1.0}, step)
            with writer.as_default(step):
                tf_summary.scalar("face", value)
    messages = [record.getMessage() for record in caplog.records]
    names = ("'loss'", "'losses_train'", "'face'")
    assert len(messages) == len(names)
    for name, message in zip(names, messages, strict=True):
        assert f"scalar {name} has a value beyond 3.4e38" in message


@pytest.mark.parametrize("value", [3.4028234e38, float("inf"), float("-inf"), float("nan"), 0.0])
def test_values_that_float32_holds_are_not_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, value: Any
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.scalar("loss", value, 0)
        writer.scalars("losses", {"train": value}, 0)
        with writer.as_default(0):
            tf_summary.scalar("face", value)
    assert caplog.records == []
