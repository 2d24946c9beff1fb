"""`compact` a second time: it copies only changed runs, and finishes stopped copies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage.reading import compact_run as run_module
from tbimage.reading.compact import compact
from tbimage.reading.processes import processes
from tests import readers


def log(logdir: Path, steps: range, runs: Sequence[str] = ("a", "b/c", "d")) -> None:
    for run in runs:
        with tbimage.SummaryWriter(logdir / run, max_file_bytes=400) as writer:
            for step in steps:
                writer.scalar("loss", step, step)
                writer.image("noise", np.full((2, 2), step, np.uint8), step)
                writer.flush()


def content(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def steps_of(logdir: Path, run: str, loader: str) -> list[int]:
    return readers.read_runs(logdir, loader)[run]["loss"].steps


def test_a_second_time_copies_nothing(tmp_path: Path) -> None:
    log(tmp_path / "logs", range(5))
    done = compact(tmp_path / "logs", tmp_path / "small")
    assert (done.runs, done.unchanged, done.values) == (3, 0, 30)
    before = content(tmp_path / "small")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "small").rglob("*")}
    done = compact(tmp_path / "logs", tmp_path / "small")
    assert (done.runs, done.unchanged, done.values, done.left_out) == (0, 3, 0, 0)
    assert content(tmp_path / "small") == before
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "small").rglob("*")} == times


def test_a_run_that_has_grown_is_copied_again_and_replaces_its_copy(tmp_path: Path) -> None:
    log(tmp_path / "logs", range(5))
    compact(tmp_path / "logs", tmp_path / "small")
    others = {name: data for name, data in content(tmp_path / "small").items() if name[0] != "a"}
    log(tmp_path / "logs", range(5, 9), ["a"])
    done = compact(tmp_path / "logs", tmp_path / "small")
    assert (done.runs, done.unchanged, done.values) == (1, 2, 18)
    assert len(readers.event_files(tmp_path / "small" / "a")) == 1
    for loader in readers.LOADERS:
        assert steps_of(tmp_path / "small", "a", loader) == list(range(9))
    after = content(tmp_path / "small")
    assert {name: data for name, data in after.items() if name[0] != "a"} == others


def test_a_new_run_is_added_and_one_that_is_gone_stays(tmp_path: Path) -> None:
    log(tmp_path / "logs", range(5), ["a"])
    compact(tmp_path / "logs", tmp_path / "small")
    (tmp_path / "logs" / "a").rename(tmp_path / "elsewhere")
    log(tmp_path / "logs", range(5), ["new"])
    done = compact(tmp_path / "logs", tmp_path / "small")
    assert (done.runs, done.unchanged) == (1, 0)
    assert tbimage.read(tmp_path / "small").runs == ["a", "new"]


def test_other_rules_copy_all_runs_again(tmp_path: Path) -> None:
    log(tmp_path / "logs", range(9))
    compact(tmp_path / "logs", tmp_path / "small")
    done = compact(tmp_path / "logs", tmp_path / "small", every=4, rename={"loss": "train/loss"})
    assert (done.runs, done.unchanged) == (3, 0)
    run = tbimage.read(tmp_path / "small")["a"]
    assert run.scalars("train/loss").steps.tolist() == [0, 4, 8]
    assert len(run.files) == 1
    done = compact(tmp_path / "logs", tmp_path / "small", every=4, rename={"loss": "train/loss"})
    assert (done.runs, done.unchanged) == (0, 3)


def test_a_reader_that_has_the_old_copy_open_goes_on_with_the_new_one(tmp_path: Path) -> None:
    """TensorBoard's data server; its Python loader waits at a file that was deleted."""
    log(tmp_path / "logs", range(5), ["a"])
    compact(tmp_path / "logs", tmp_path / "small")
    with readers.open_loader(tmp_path / "small", "data_server", live=True) as load:

        def steps() -> list[int]:
            return readers.read_provider(load())["a"]["loss"].steps

        assert steps() == list(range(5))
        log(tmp_path / "logs", range(5, 9), ["a"])
        compact(tmp_path / "logs", tmp_path / "small")
        readers.wait_until(lambda: steps() == list(range(9)), "the new steps")


# Copies that are stopped.


class StoppedError(Exception):
    """Raise an error, in place of a killed process."""


@pytest.mark.parametrize("function", ["whole_file", "write_text", "remove"])
@pytest.mark.parametrize("call", [1, 2])
def test_a_compaction_that_was_stopped_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, call: int
) -> None:
    log(tmp_path / "logs", range(3))
    compact(tmp_path / "logs", tmp_path / "small")
    log(tmp_path / "logs", range(3, 6))
    calls = 0
    real: Callable[..., Any] = getattr(run_module, function)

    def stopping(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            raise StoppedError
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(run_module, function, stopping)
        with pytest.raises(StoppedError):
            compact(tmp_path / "logs", tmp_path / "small")
    for run in ("a", "b/c", "d"):  # the target is whole at every instant
        shown = steps_of(tmp_path / "small", run, "data_server")
        assert shown in ([0, 1, 2], list(range(6)))
        # The Python loader may show what is in the old file and in the new one twice.
        assert set(steps_of(tmp_path / "small", run, "python")) == set(shown)
    done = compact(tmp_path / "logs", tmp_path / "small")
    assert done.runs + done.unchanged == 3
    assert done.runs >= 1
    for run in ("a", "b/c", "d"):
        assert len(readers.event_files(tmp_path / "small" / run)) == 1
        assert steps_of(tmp_path / "small", run, "data_server") == list(range(6))


def test_a_process_that_is_killed_leaves_nothing_that_stays(tmp_path: Path) -> None:
    log(tmp_path / "logs", range(30), [f"run{number:02}" for number in range(20)])
    (tmp_path / "small").mkdir()
    unfinished = tmp_path / "small" / "run00" / ".unfinished-old"
    unfinished.parent.mkdir()
    unfinished.touch()
    os.utime(unfinished, (time.time() - 7200,) * 2)
    (tmp_path / "small" / "compaction.json").write_text(
        json.dumps({"source": os.path.realpath(tmp_path / "logs")})
    )
    paths = [str(tmp_path / "logs"), str(tmp_path / "small")]
    command = [sys.executable, "-m", "tbimage", "compact", *paths]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
        readers.wait_until(
            lambda: len(readers.event_files(tmp_path / "small")) >= 3, "the third run"
        )
        child.kill()
    done = compact(tmp_path / "logs", tmp_path / "small")
    assert done.runs + done.unchanged == 20
    assert done.unchanged >= 2
    assert not unfinished.exists()
    compact(tmp_path / "logs", tmp_path / "whole")
    copies = [
        {path.parent.name: path.read_bytes() for path in readers.event_files(tmp_path / name)}
        for name in ("small", "whole")
    ]
    assert copies[0] == copies[1]
    assert len(readers.event_files(tmp_path / "small")) == 20


def test_a_copy_or_a_record_that_is_missing_or_damaged_is_made_anew(tmp_path: Path) -> None:
    log(tmp_path / "logs", range(3))
    compact(tmp_path / "logs", tmp_path / "small")
    readers.event_files(tmp_path / "small" / "a")[0].unlink()
    (tmp_path / "small" / "b" / "c" / "compacted.json").write_text("{")
    (tmp_path / "small" / "d" / "compacted.json").unlink()
    done = compact(tmp_path / "logs", tmp_path / "small")
    assert (done.runs, done.unchanged) == (3, 0)
    assert [len(run.files) for run in tbimage.read(tmp_path / "small").values()] == [1, 1, 1]


def test_two_that_copy_one_run_at_once_make_one_file(tmp_path: Path) -> None:
    """Engines repeat a task if its worker does not answer."""
    log(tmp_path / "logs", range(3), ["a"])

    def twice(function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        for item in items:
            first = function(item)
            second = function(item)
            assert (first.runs, second.unchanged) == (1, 1)
            yield first

    compact(tmp_path / "logs", tmp_path / "small", engine=twice)
    assert len(readers.event_files(tmp_path / "small")) == 1


# Targets that are refused.


def test_a_copy_of_another_directory_is_refused(tmp_path: Path) -> None:
    log(tmp_path / "logs", range(3), ["a"])
    log(tmp_path / "others", range(3), ["b"])
    compact(tmp_path / "logs", tmp_path / "small")
    before = content(tmp_path / "small")
    with pytest.raises(ValueError, match=r"was made from .*logs'"):
        compact(tmp_path / "others", tmp_path / "small")
    assert content(tmp_path / "small") == before


def test_event_files_of_others_in_the_target_are_not_deleted(tmp_path: Path) -> None:
    log(tmp_path / "logs", range(3), ["a"])
    compact(tmp_path / "logs", tmp_path / "small")
    with tbimage.SummaryWriter(tmp_path / "small" / "a") as writer:
        writer.scalar("own", 1.0, 0)
    log(tmp_path / "logs", range(3, 6), ["a"])
    compact(tmp_path / "logs", tmp_path / "small")
    assert sorted(tbimage.read(tmp_path / "small")["a"].tags) == ["loss", "noise", "own"]
    assert len(readers.event_files(tmp_path / "small")) == 2


def test_a_file_that_vanishes_costs_itself_and_the_run_is_copied_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(tmp_path / "logs", range(3), ["a"])
    first = readers.event_files(tmp_path / "logs")[0]
    real = os.listdir

    def vanishing(directory: str) -> Any:
        first.unlink(missing_ok=True)
        return real(directory) if os.path.isdir(directory) else []

    monkeypatch.setattr(run_module, "names_in", vanishing)
    done = compact(tmp_path / "logs", tmp_path / "small")
    assert {damage.kind for damage in done.lost} == {"unreadable"}
    done = compact(tmp_path / "logs", tmp_path / "small")
    assert (done.runs, done.lost) == (1, [])
    assert len(readers.event_files(tmp_path / "small")) == 1


# In parallel.


def test_processes_copy_the_same(tmp_path: Path) -> None:
    log(tmp_path / "logs", range(3))
    compact(tmp_path / "logs", tmp_path / "one")
    with processes(2) as engine:
        done = compact(tmp_path / "logs", tmp_path / "two", engine=engine)
    assert done.runs == 3
    assert content(tmp_path / "two") == content(tmp_path / "one")


_MEASURED = """
import resource, sys
from tbimage.reading.compact import compact
import tbimage.events.messages
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
compact(sys.argv[1], sys.argv[3])
before = peak()
done = compact(sys.argv[2], sys.argv[4], every=10, keep_images=5)
print(peak() - before, done.values + done.left_out)
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_task_takes_little_memory_whatever_the_size_of_its_run(tmp_path: Path) -> None:
    """300 MB of pictures and scalars, in one run."""
    log(tmp_path / "few", range(3), ["a"])
    picture = np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8)
    with tbimage.SummaryWriter(tmp_path / "many" / "a", max_file_bytes=32 << 20) as writer:
        for step in range(200):
            writer.image("noise", picture, step)
        for step in range(300_000):
            writer.scalar("loss", 0.5, step)
    paths = [tmp_path / name for name in ("few", "many", "small", "thin")]
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, *paths], capture_output=True, text=True, check=True
    )
    grown, values = map(int, done.stdout.split())
    assert values == 300_200
    assert grown < 100e6
    assert tbimage.read(tmp_path / "thin")["a"].images("noise").steps.tolist() == [
        0, 50, 100, 150, 199,
    ]  # fmt: skip
