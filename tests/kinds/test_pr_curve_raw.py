"""Curves that the caller has computed are written as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tests import readers
from tests.kinds import written

ROWS = np.arange(6 * 4, dtype=np.float32).reshape(6, 4)


def log(writer: tbimage.SummaryWriter, name: str, rows: Any, step: int) -> None:
    first, second, third, fourth, fifth, sixth = rows
    writer.pr_curve_raw(name, first, second, third, fourth, fifth, sixth, step, description="*raw*")


def test_loaders_show_the_rows(tmp_path: Path, loader: str) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        log(writer, "cats", ROWS, 5)
    series = readers.read_runs(tmp_path, loader)["."]["cats"]
    assert (series.plugin, series.content, series.description, series.steps) == (
        "pr_curves",
        b"\x10\x04",
        "*raw*",
        [5],
    )
    (point,) = series.points
    assert isinstance(point.value, readers.Tensor)
    np.testing.assert_array_equal(point.value.array(), ROWS)


def test_the_summary_is_that_of_torch(tmp_path: Path) -> None:
    summary = pytest.importorskip("torch.utils.tensorboard.summary")
    (theirs,) = summary.pr_curve_raw("cats", *ROWS, num_thresholds=4).value
    with tbimage.SummaryWriter(tmp_path) as writer:
        log(writer, "cats", ROWS, 0)
    ours = written.only_value(tmp_path)
    assert ours.metadata.plugin_data.SerializeToString() == (
        theirs.metadata.plugin_data.SerializeToString()
    )
    np.testing.assert_array_equal(
        np.frombuffer(ours.tensor.tensor_content, np.float32), theirs.tensor.float_val
    )


@pytest.mark.parametrize(
    ("rows", "error", "match"),
    [
        ([*ROWS[:5], ROWS[5, :3]], ValueError, r"true_positives \(4,\), .*recall \(3,\)"),
        (ROWS[:, :1], ValueError, "at least 2, got shapes"),
        (ROWS[:, :, None], ValueError, r"true_positives \(4, 1\)"),
        ([*ROWS[:5], "high"], TypeError, "recall must be numbers, got 'high'"),
    ],
)
def test_bad_input_raises_in_the_caller_and_harms_nothing(
    tmp_path: Path, rows: Any, error: type[Exception], match: str
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        log(writer, "good", ROWS, 0)
        with pytest.raises(error, match=match):
            log(writer, "bad", rows, 0)
    assert written.only_value(tmp_path).tag == "good"
