"""Session logs, and the events that readers discard for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tbimage
from tests import readers
from tests.kinds import written


def test_the_events_hold_the_status_and_the_message(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        assert writer.session_log("start", 0, wall_time=1.5)
        assert writer.session_log("checkpoint", 500, checkpoint_path="model.pt", message="best")
        assert writer.session_log("stop", 501)
    logs = [(event.step, event.session_log) for event in written.events(tmp_path)]
    assert [(step, log.status) for step, log in logs] == [(0, 1), (500, 3), (501, 2)]
    assert (logs[1][1].checkpoint_path, logs[1][1].msg) == ("model.pt", "best")
    assert written.events(tmp_path)[0].wall_time == 1.5


def steps(directory: Path, loader: str) -> dict[str, list[int]]:
    return {tag: series.steps for tag, series in readers.read_runs(directory, loader)["."].items()}


def write_until(directory: Path, step: int) -> None:
    with tbimage.SummaryWriter(directory) as writer:
        for each in range(step):
            writer.scalar("a", each, each)
            writer.scalar("b", each, each)


def test_purge_discards_the_steps_that_the_program_repeats(tmp_path: Path, loader: str) -> None:
    write_until(tmp_path, 6)
    with tbimage.SummaryWriter(tmp_path) as writer:
        assert writer.purge(3)
        for each in range(3, 5):
            writer.scalar("a", -each, each)
    found = steps(tmp_path, loader)
    assert found["a"] == [0, 1, 2, 3, 4]
    # Of tags that are not written again, only the Python loader discards anything.
    assert found["b"] == ([*range(6)] if loader == "data_server" else [0, 1, 2])


@pytest.mark.parametrize("restarted", [False, True])
def test_steps_begin_anew_with_a_purge(tmp_path: Path, loader: str, restarted: bool) -> None:
    writer = tbimage.SummaryWriter(tmp_path)
    for each in range(6):
        writer.scalar("a", each, each)
        writer.scalar("b", each, each)
    if restarted:
        writer.close()
        writer = tbimage.SummaryWriter(tmp_path)
    writer.purge(3)
    writer.scalar("a", 10, 3)  # a StepWarning would be an error
    writer.scalar("a", 11)
    writer.scalar("b", 12)
    writer.close()
    found = readers.read_runs(tmp_path, loader)["."]
    points = [(p.step, p.value) for p in found["a"].points]
    assert points == [(0, 0), (1, 1), (2, 2), (3, 10), (4, 11)]
    assert [(p.step, p.value) for p in found["b"].points] == [(0, 0), (1, 1), (2, 2), (3, 12)]


def all_steps(directory: Path, loader: str) -> dict[str, list[int]]:
    return {
        f"{run} {tag}": series.steps
        for run, tags in readers.read_runs(directory, loader).items()
        for tag, series in tags.items()
    }


@pytest.mark.parametrize("restarted", [False, True])
def test_purge_reaches_the_runs_of_scalars(tmp_path: Path, loader: str, restarted: bool) -> None:
    for other, tag in (("other", "m"), ("m_of/another", "n")):  # runs of other writers
        with tbimage.SummaryWriter(tmp_path / other) as writer:
            for step in range(6):
                writer.scalar(tag, step, step)
    writer = tbimage.SummaryWriter(tmp_path)
    for step in range(6):
        writer.scalars("m", {"a": step, "b": -step, "c/d": step}, step)
    if restarted:
        writer.close()
        writer = tbimage.SummaryWriter(tmp_path)
    assert writer.purge(3)
    writer.scalars("m", {"a": 10}, 3)  # a StepWarning would be an error
    writer.scalars("m", {"a": 11})
    writer.close()
    all_six = [*range(6)]
    # Of tags that are not written again, only the Python loader discards anything.
    kept = all_six if loader == "data_server" else [0, 1, 2]
    assert all_steps(tmp_path, loader) == {
        "m_a m": [0, 1, 2, 3, 4],
        "m_b m": kept,
        "m_c_d m": kept,
        "other m": all_six,
        "m_of/another n": all_six,
    }


def test_purge_makes_no_run(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        assert writer.purge(0)
        (tmp_path / "empty").mkdir()
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["empty"]
    assert not [*(tmp_path / "empty").iterdir()]


def test_a_single_start_as_peers_write_it_discards_nothing_in_the_python_loader(
    tmp_path: Path,
) -> None:
    pytest.importorskip("tensorboard")
    write_until(tmp_path, 6)
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.session_log("start", 3)
    assert steps(tmp_path, "python")["a"] == [*range(6)]


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"status": "pause"}, ValueError, "status must be 'start', 'stop' or 'checkpoint'"),
        ({"status": 1}, ValueError, "got 1"),
        ({"step": None}, TypeError, "step must be an integer"),
        ({"step": 1.0}, TypeError, "step must be an integer"),
        ({"checkpoint_path": Path("a")}, TypeError, "checkpoint_path must be a string"),
        ({"message": "\ud800"}, ValueError, "message must be valid Unicode"),
    ],
)
def test_bad_input_raises_in_the_caller_and_harms_nothing(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], match: str
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer, pytest.raises(error, match=match):
        writer.session_log(**{"status": "start", "step": 0, **arguments})
    assert written.events(tmp_path) == []
