"""`tbimage.reading.compact`: one file for each run, which shows the same in both loaders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage.reading.compact import compact
from tests import readers
from tests.reading.peers import WRITERS
from tests.reading.test_values import write_steps


def shown(logdir: Path, loader: str) -> dict[str, dict[str, Any]]:
    return readers.read_runs(logdir, loader)


@pytest.mark.parametrize("writer", sorted(WRITERS))
def test_a_compacted_run_shows_the_same(tmp_path: Path, writer: str) -> None:
    WRITERS[writer](tmp_path / "logs" / "run")
    compact(tmp_path / "logs", tmp_path / "small")
    for loader in ("data_server", "python"):
        assert shown(tmp_path / "small", loader) == shown(tmp_path / "logs", loader)


@pytest.mark.parametrize("kind", ["scalar", "image"])
def test_many_files_and_restarts_become_one_file(tmp_path: Path, kind: str) -> None:
    logs = tmp_path / "logs" / "run"
    logs.mkdir(parents=True)
    for number, steps in enumerate([range(10), range(6), [3, 8, 7, 9]]):
        write_steps(logs / f"events.out.tfevents.{number}", list(steps), kind)
    done = compact(tmp_path / "logs", tmp_path / "small")
    (file,) = readers.event_files(tmp_path / "small")
    before = shown(tmp_path / "logs", "data_server")["run"]["x"]
    assert before.steps == [0, 1, 2, 3, 7, 9]
    for loader in ("data_server", "python"):
        assert shown(tmp_path / "small", loader)["run"]["x"].points == before.points
    assert (done.runs, done.values, done.left_out) == (1, 6, 14)
    assert file.parent == tmp_path / "small" / "run"


def test_series_are_thinned(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path / "logs") as writer:
        for step in range(50):
            writer.scalar("loss", step, step, description="*Loss*" if step == 0 else None)
            writer.image("noise", np.full((2, 2), step, np.uint8), step)
    compact(tmp_path / "logs", tmp_path / "a", every=20)
    run = tbimage.read(tmp_path / "a")["."]
    assert run.scalars("loss").steps.tolist() == [0, 20, 40, 49]
    assert run.images("noise").steps.tolist() == [0, 20, 40, 49]
    for keep, steps in ((1, [49]), (3, [0, 24, 49]), (100, list(range(50)))):
        compact(tmp_path / "logs", tmp_path / f"keep{keep}", keep_images=keep)
        run = tbimage.read(tmp_path / f"keep{keep}")["."]
        assert run.images("noise").steps.tolist() == steps
        assert len(run.scalars("loss")) == 50
        assert run.tags["loss"].description == "*Loss*"
        loaded = shown(tmp_path / f"keep{keep}", "data_server")["."]
        assert len(loaded["noise"].steps) == min(keep, 10)  # of more, the data server draws 10
        assert set(loaded["noise"].steps) <= set(steps)
        assert loaded["noise"].plugin == "images"


def test_the_first_value_that_is_kept_gets_the_metadata(tmp_path: Path) -> None:
    from tbimage.events.messages import Event
    from tbimage.events.records import frame

    (tmp_path / "logs").mkdir()
    events = [Event(wall_time=1.0, file_version="brain.Event:2")]
    for step in (5, 1, 2):  # the first one, which has the metadata, is replaced by the second
        event = Event(wall_time=1.0, step=step)
        value = event.summary.value.add(tag="note")
        value.tensor.dtype = 7
        value.tensor.tensor_shape.SetInParent()
        value.tensor.string_val.append(b"step %d" % step)
        if step == 5:
            value.metadata.plugin_data.plugin_name = "text"
        events.append(event)
    records = [b"".join(frame([each.SerializeToString()])) for each in events]
    (tmp_path / "logs" / "events.out.tfevents.1").write_bytes(b"".join(records))
    compact(tmp_path / "logs", tmp_path / "small")
    for loader in ("data_server", "python"):
        series = shown(tmp_path / "small", loader)["."]["note"]
        assert (series.plugin, series.steps) == ("text", [1, 2])


def test_tags_are_renamed_and_dropped(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path / "logs" / "a") as writer:
        for tag in ("loss", "old/x", "old/y", "debug/1", "debug/2"):
            writer.scalar(tag, 1.0, 0)
    with tbimage.SummaryWriter(tmp_path / "logs" / "b") as writer:
        writer.scalar("loss", 1.0, 0)
    rename = {"loss": "train/loss", "old/": "new/"}
    compact(tmp_path / "logs", tmp_path / "small", runs="a", rename=rename, drop=["debug/*"])
    logs = tbimage.read(tmp_path / "small")
    assert logs.runs == ["a"]
    assert list(logs["a"].tags) == ["new/x", "new/y", "train/loss"]


@pytest.mark.parametrize(
    ("keywords", "says"),
    [
        ({"every": 0}, "every must be at least 1, got 0"),
        ({"keep_images": 0}, "keep_images must be at least 1, got 0"),
        ({"runs": "x*"}, r"no run of .* matches 'x\*'; the first runs are \['a'\]"),
        ({"rename": {"loss": "x"}}, "the tags 'loss' and 'x' of run 'a' would both become 'x'"),
    ],
)
def test_wrong_arguments_write_nothing(tmp_path: Path, keywords: Any, says: str) -> None:
    with tbimage.SummaryWriter(tmp_path / "logs" / "a") as writer:
        writer.scalar("loss", 1.0, 0)
        writer.scalar("x", 1.0, 0)
    with pytest.raises(ValueError, match=says):
        compact(tmp_path / "logs", tmp_path / "small", **keywords)
    assert not (tmp_path / "small").exists()


def test_a_target_in_the_source_or_with_files_is_refused(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path / "logs" / "a") as writer:
        writer.scalar("loss", 1.0, 0)
    with pytest.raises(ValueError, match="target must not be within"):
        compact(tmp_path / "logs", tmp_path / "logs" / "small")
    with pytest.raises(ValueError, match="target must not be within"):
        compact(tmp_path / "logs", tmp_path / "logs")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(ValueError, match="target must be missing or empty"):
        compact(tmp_path / "logs", tmp_path / "full")
    assert len(readers.event_files(tmp_path)) == 1
