"""Several runs through one writer: a line for each key, and few resources for each run."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest

import tbimage
from tbimage.kinds import scalars as kind
from tbimage.writer.sub_runs import MOST_DESCRIPTORS
from tests import readers
from tests.kinds import written


def points(directory: Path, loader: str, run: str, tag: str = "loss") -> list[tuple[int, Any]]:
    series = readers.read_runs(directory, loader)[run][tag]
    return [(point.step, point.value) for point in series.points]


def open_event_files() -> int:
    directory = "/proc/self/fd"
    targets = []
    for name in os.listdir(directory):
        try:
            targets.append(os.readlink(f"{directory}/{name}"))
        except OSError:
            continue  # that of the listing
    return sum("tfevents" in target for target in targets)


def all_threads() -> int:
    return len(os.listdir("/proc/self/task"))  # those of tbimage have no Thread object


def test_loaders_show_a_run_for_each_key(tmp_path: Path, loader: str) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        for step in range(3):
            values = {"train": step / 2, "test": float("nan"), "a/b": 7}
            writer.scalars("loss", values, step, description="*both*", wall_time=1.5)
        writer.scalar("own", 1, 0)
    runs = readers.read_runs(tmp_path, loader)
    assert runs.keys() == {".", "loss_train", "loss_test", "loss_a_b"}
    assert runs["."].keys() == {"own"}
    train = runs["loss_train"]["loss"]
    assert (train.plugin, train.data_class, train.description) == ("scalars", "scalar", "*both*")
    assert [(p.step, p.wall_time, p.value) for p in train.points] == [
        (0, 1.5, 0),
        (1, 1.5, 0.5),
        (2, 1.5, 1),
    ]
    assert str(runs["loss_test"]["loss"].points[1].value) == "nan"
    assert [point.value for point in runs["loss_a_b"]["loss"].points] == [7, 7, 7]


def test_values_are_those_of_torch(tmp_path: Path) -> None:
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    values = {"a": 0.5, "b": 2, "c": float("inf")}
    with warnings.catch_warnings(), tensorboard.SummaryWriter(str(tmp_path / "theirs")) as writer:
        writer.add_scalars("group/loss", values, 3)
    with tbimage.SummaryWriter(tmp_path / "ours") as writer:
        writer.scalars("group/loss", values, 3)
    runs = readers.read_runs(tmp_path, "python")
    for key in values:
        theirs = runs[f"theirs/group_loss_{key}"]["group/loss"]
        ours = runs[f"ours/group_loss_{key}"]["group/loss"]
        assert [(p.step, p.value) for p in ours.points] == [
            (p.step, p.value) for p in theirs.points
        ]


def test_a_thousand_keys_have_few_descriptors_one_thread_and_a_file_each(tmp_path: Path) -> None:
    assert MOST_DESCRIPTORS <= 32
    keys = [f"key{number}" for number in range(1000)]
    threads = all_threads()
    with tbimage.SummaryWriter(tmp_path, flush_secs=0) as writer:
        before = open_event_files()
        for step in range(3):
            writer.scalars("loss", {key: step + index for index, key in enumerate(keys)}, step)
            assert writer.flush()
            assert open_event_files() - before <= MOST_DESCRIPTORS
            # A late owner gets a rival, which ends soon.
            readers.wait_until(lambda: all_threads() - threads <= 2, "two threads")
        assert writer.stats().written == 3
    files = readers.event_files(tmp_path)
    assert len(files) == 1001  # one for each run: coming back to a run begins no new file
    for index in (0, 500, 999):
        events = written.events(tmp_path / f"loss_key{index}")
        assert [(event.step, event.summary.value[0].simple_value) for event in events] == [
            (step, step + index) for step in range(3)
        ]


def test_descriptors_of_a_small_process_are_enough(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(os.listdir("/proc/self/fd"))
    with tbimage.SummaryWriter(tmp_path) as writer:
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + MOST_DESCRIPTORS + 8, hard))
        try:
            writer.scalars("loss", {str(key): key for key in range(200)}, 0)
            assert writer.flush()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_automatic_steps_are_one_for_all_keys_and_go_on_after_a_restart(
    tmp_path: Path, loader: str
) -> None:
    for _ in range(2):
        with tbimage.SummaryWriter(tmp_path) as writer:
            writer.scalars("loss", {"a": 1})
            writer.scalars("loss", {"a": 2, "b": 2})
    runs = readers.read_runs(tmp_path, loader)
    assert runs["loss_a"]["loss"].steps == [0, 1, 2, 3]
    assert runs["loss_b"]["loss"].steps == [1, 3]


def test_steps_are_apart_from_those_of_the_writers_own_run(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.scalar("loss", 1, 5)
        writer.scalars("loss", {"a": 1}, 5)  # a StepWarning would be an error
        writer.scalars("loss", {"a": 1})
        writer.scalar("loss", 1)
        with pytest.warns(tbimage.StepWarning, match="step 6 of 'loss' was logged before"):
            writer.scalars("loss", {"a": 2}, 6)
    assert [event.step for event in written.events(tmp_path / "loss_a")] == [5, 6, 6]


def test_calls_from_many_threads_keep_the_order_of_each_key(tmp_path: Path) -> None:
    def log() -> None:
        for _ in range(50):
            writer.scalars("loss", {"a": 1, "b": 2})

    with tbimage.SummaryWriter(tmp_path) as writer:
        threads = [threading.Thread(target=log) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for run in ("loss_a", "loss_b"):
        steps = [event.step for event in written.events(tmp_path / run)]
        assert steps == list(range(200))


def test_record_if_keep_and_no_values(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path, keep={"l*": tbimage.Keep(every=2)}) as writer:
        kept = [writer.scalars("lots", {"a": 1}, step) for step in range(4)]
        assert kept == [True, False, True, False]
        assert writer.stats().kept_out == 2
    shutil.rmtree(tmp_path / "lots_a")
    with tbimage.SummaryWriter(tmp_path) as writer:
        with tbimage.record_if(False):
            assert not writer.scalars("loss", {"a": 1}, 0)
        assert writer.scalars("loss", {}, 0)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_a_writer_that_is_closed_raises(tmp_path: Path) -> None:
    writer = tbimage.SummaryWriter(tmp_path)
    writer.scalars("loss", {"a": 1}, 0)
    assert writer.close()
    with pytest.raises(RuntimeError, match="closed"):
        writer.scalars("loss", {"b": 1}, 1)
    assert writer.close()
    assert not (tmp_path / "loss_b").exists()


def test_a_run_that_is_deleted_begins_again(tmp_path: Path, loader: str) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        for step in range(3):
            writer.scalars("loss", {"a": step, "b": step}, step)
            assert writer.flush()
            if step == 1:
                shutil.rmtree(tmp_path / "loss_a")
    assert points(tmp_path, loader, "loss_a") == [(2, 2)]
    assert points(tmp_path, loader, "loss_b") == [(0, 0), (1, 1), (2, 2)]


def test_a_file_that_was_changed_while_its_descriptor_was_away_is_left_alone(
    tmp_path: Path,
) -> None:
    """Its end may be a torn record: what follows goes to a new file."""
    others = {str(number): 0 for number in range(MOST_DESCRIPTORS)}
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.scalars("loss", {"a": 1}, 0)
        writer.scalars("loss", others, 1)  # takes the descriptor
        assert writer.flush()
        (path,) = readers.event_files(tmp_path / "loss_a")
        with open(path, "ab") as file:
            file.write(b"torn")
        writer.scalars("loss", {"a": 2}, 2)
        assert writer.flush()
        assert writer.stats().displaced_files == 1
    first, second = readers.event_files(tmp_path / "loss_a")
    assert first == path
    assert first.read_bytes().endswith(b"torn")
    assert second.stat().st_size > 50


def test_one_run_that_cannot_be_written_harms_no_other(tmp_path: Path) -> None:
    writer = tbimage.SummaryWriter(tmp_path)
    writer.scalars("loss", {"bad": 0, "good": 0}, 0)
    assert writer.flush()
    shutil.rmtree(tmp_path / "loss_bad")
    (tmp_path / "loss_bad").write_text("a file")
    writer.scalars("loss", {"bad": 1, "good": 1}, 1)
    writer.scalar("own", 1, 0)
    with pytest.raises(OSError, match="loss_bad"):
        writer.flush()
    assert [event.step for event in written.events(tmp_path / "loss_good")] == [0, 1]
    # A flush that fails does not wait for the other lane.
    readers.wait_until(lambda: len(written.events(tmp_path)) == 1, "the scalar of the run itself")
    assert not writer.stats().healthy
    (tmp_path / "loss_bad").unlink()
    assert writer.flush()
    assert [event.step for event in written.events(tmp_path / "loss_bad")] == [1]
    assert [event.step for event in written.events(tmp_path / "loss_good")] == [0, 1]
    assert writer.close()


def test_a_run_whose_directory_cannot_be_made_raises_in_flush(tmp_path: Path) -> None:
    """Not in the call, which does no I/O."""
    (tmp_path / "loss_a").write_text("a file")
    writer = tbimage.SummaryWriter(tmp_path)
    assert writer.scalars("loss", {"a": 1}, 0)
    with pytest.raises(OSError, match="loss_a"):
        writer.flush()
    with pytest.raises(OSError, match="loss_a"):
        writer.close()
    assert writer.stats().dropped["closed"] == 1


def test_a_second_writer_of_a_run_is_warned(tmp_path: Path) -> None:
    own = tbimage.SummaryWriter(tmp_path / "loss_a")
    with tbimage.SummaryWriter(tmp_path) as writer:
        with pytest.warns(tbimage.TwoWritersWarning, match="loss_a"):
            writer.scalars("loss", {"a": 1}, 0)
        own.close()
    tbimage.SummaryWriter(tmp_path / "loss_a").close()  # the other one is closed: no warning


def test_a_forked_child_has_runs_of_its_own(tmp_path: Path, loader: str) -> None:
    writer = tbimage.SummaryWriter(tmp_path)
    writer.scalars("loss", {"a": 1}, 0)
    assert writer.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads and fork, from Python 3.12 on
        child = os.fork()
    if child == 0:
        status = 1
        try:
            writer.scalars("loss", {"a": 2}, 1)
            status = 0 if writer.close() else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    writer.scalars("loss", {"a": 3}, 1)
    assert writer.close()
    runs = readers.read_runs(tmp_path, loader)
    (worker,) = (run for run in runs if run.startswith("worker-"))
    assert [(p.step, p.value) for p in runs["loss_a"]["loss"].points] == [(0, 1), (1, 3)]
    assert worker.endswith("/loss_a")
    assert [(p.step, p.value) for p in runs[worker]["loss"].points] == [(1, 2)]


def test_flushed_summaries_survive_a_kill(tmp_path: Path) -> None:
    script = """
        import os, signal, sys, tbimage
        writer = tbimage.SummaryWriter(sys.argv[1])
        for step in range(5):
            writer.scalars("loss", {str(key): step for key in range(40)}, step)
        assert writer.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)], check=False
    )
    assert done.returncode == -signal.SIGKILL
    for key in range(40):
        steps = [event.step for event in written.events(tmp_path / f"loss_{key}")]
        assert steps == list(range(5))


def test_the_end_of_the_process_drains(tmp_path: Path) -> None:
    script = """
        import sys, tbimage
        writer = tbimage.SummaryWriter(sys.argv[1], flush_secs=60)
        writer.scalars("loss", {"a": 1, "b": 2}, 0)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(tmp_path)], check=True)
    assert len(written.events(tmp_path / "loss_a")) == 1
    assert len(written.events(tmp_path / "loss_b")) == 1


def test_a_writer_that_is_collected_writes_what_is_pending(tmp_path: Path) -> None:
    writer = tbimage.SummaryWriter(tmp_path, flush_secs=60)
    writer.scalars("loss", {"a": 1}, 0)
    del writer
    run = tmp_path / "loss_a"
    readers.wait_until(lambda: run.exists() and written.events(run), "the value")


@pytest.mark.parametrize("fsync", ["flush", "close"])
def test_durable_files_of_more_runs_than_descriptors(tmp_path: Path, fsync: str) -> None:
    with tbimage.SummaryWriter(tmp_path, fsync=fsync) as writer:
        for step in range(2):
            writer.scalars("loss", {str(key): step for key in range(40)}, step)
            assert writer.flush()
    assert len(readers.event_files(tmp_path)) == 41


@pytest.mark.parametrize(
    ("values", "error", "match"),
    [
        ([1, 2], TypeError, r"values must be a mapping of keys to numbers, got \[1, 2\]"),
        ({1: 2}, TypeError, "a key of values must be a string, got 1"),
        ({"a": "high"}, TypeError, r"values\['a'\] must be a real number, got 'high'"),
        ({"a": [1]}, TypeError, r"values\['a'\] must be a real number"),
        ({"a/b": 1, "a:b": 2}, ValueError, "got two keys that make 'loss_a_b'"),
        ({"x" * 300: 1}, ValueError, "makes a directory's name of 305 bytes"),
        ({"\ud800": 1}, ValueError, "lone surrogate"),
    ],
)
def test_bad_input_raises_in_the_caller_and_harms_nothing(
    tmp_path: Path, values: Any, error: type[Exception], match: str
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.scalars("loss", {"good": 1}, 0)
        with pytest.raises(error, match=match):
            writer.scalars("loss", values, 1)
    assert len(written.events(tmp_path / "loss_good")) == 1
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["loss_good"]


def test_packages_hold_any_run_and_summary() -> None:
    values = [("ü" * 100, 1.0), ("", 2.0)]
    package = kind.pack("tag", values, "words")
    for (run, _), (name, _) in zip(kind.unpack(package), values, strict=True):
        assert run == name
