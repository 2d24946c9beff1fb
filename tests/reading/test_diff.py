"""`tbimage.reading.diff` finds the differences between two runs, and no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage.reading.diff import diff
from tests.reading.peers import WRITERS


def run_of(path: Path) -> Any:
    return tbimage.read(path)["."]


def test_a_run_equals_itself_whoever_encoded_it(tmp_path: Path) -> None:
    WRITERS["tbimage"](tmp_path / "a")
    WRITERS["tbimage"](tmp_path / "b")
    assert list(diff(run_of(tmp_path / "a"), run_of(tmp_path / "b"))) == []


def test_the_same_pixels_in_other_bytes_are_equal(tmp_path: Path) -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    for name, compression in (("a", "fast"), ("b", "small")):
        with tbimage.SummaryWriter(tmp_path / name, compression=compression) as writer:
            writer.image("x", np.tile(pixels, (20, 20)), 0)
    first, second = run_of(tmp_path / "a"), run_of(tmp_path / "b")
    assert first.images("x")[0].encoded != second.images("x")[0].encoded
    assert list(diff(first, second)) == []


def write(path: Path, change: int) -> None:
    with tbimage.SummaryWriter(path) as writer:
        for step in range(4):
            number = step + (0.5 if change and step >= 2 else 0)
            writer.scalar("number", number, step)
            pixels = np.zeros((2, 3, 3), np.uint8)
            pixels[0, 0] = 7 if change and step == 3 else 0
            writer.image("picture", pixels, step)
        writer.scalar("steps", 1.0, 5 + change)
        writer.text("note", f"text {change}", 0)
        writer.tensor("tensor", np.array([1.0, 2.0 + change]), step=0)
        writer.histogram("weights", np.arange(10.0) * (1 + change), 0)
        writer.scalar(f"only{change}", 1.0, 0)
        if change:
            writer.scalar("kind", 1.0, 0)
        else:
            writer.text("kind", "x", 0)
        writer.hparams({"lr": change}, {}, 0)


def test_each_difference_is_told(tmp_path: Path) -> None:
    write(tmp_path / "a", 0)
    write(tmp_path / "b", 1)
    found = [str(each) for each in diff(run_of(tmp_path / "a"), run_of(tmp_path / "b"))]
    assert found[:9] == [
        "kind: the kinds are text and scalar",
        "note: 1 of 1 values differ, first at step 0: 'text 0' and 'text 1'",
        "number: 2 of 4 values differ, by at most 0.5, first at step 2: 2 and 2.5",
        "only0: only in the first run",
        "only1: only in the second run",
        "picture: 1 of 4 values differ, first at step 3: 1 of 6 pixels differ, by at most 7",
        "steps: 1 steps only in the first run: 5",
        "steps: 1 steps only in the second run: 6",
        "tensor: 1 of 1 values differ, first at step 0: by at most 1",
    ]
    assert [each.partition(":")[0] for each in found[9:]] == ["weights", "_hparams_"]


@pytest.mark.parametrize(("tolerance", "same"), [(0.0, False), (1e-3, False), (0.3, True)])
def test_numbers_within_the_tolerance_are_equal(
    tmp_path: Path, tolerance: float, same: bool
) -> None:
    for name, value in (("a", 1.0), ("b", 1.25)):
        with tbimage.SummaryWriter(tmp_path / name) as writer:
            writer.scalar("x", value, 0)
            writer.scalar("nan", float("nan"), 0)
            writer.scalar("inf", float("inf"), 0)
    found = list(diff(run_of(tmp_path / "a"), run_of(tmp_path / "b"), tolerance=tolerance))
    assert [each.tag for each in found] == ([] if same else ["x"])
