"""Several processes and one log directory: the warning, and the writers of ranks."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import inspect
import os
import pickle
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage.writer.ranks import VARIABLES
from tests import readers
from tests.pipeline import logs

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="Windows has no flock"),
    # JAX warns in each fork of a process that has imported it.
    pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning"),
]

PICTURE = np.zeros((8, 8, 3), np.uint8)

#: Opens a writer, logs steps, and waits until its standard input is closed or it is killed.
_PROCESS = """
import sys, tbimage
writer = tbimage.SummaryWriter(sys.argv[1], **eval(sys.argv[2]))
for step in range(50):
    writer.scalar("loss", step, step)
writer.flush()
print(writer.logdir, flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def process(logdir: Path, settings: str = "{}", **environment: str) -> Iterator[Any]:
    """Another process that has logged 50 steps and has its writer open."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROCESS, str(logdir), settings],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as child:
        assert child.stdout is not None
        child.logdir = child.stdout.readline().strip()  # type: ignore[attr-defined]
        try:
            yield child
        finally:
            child.kill()


# The warning.


def test_a_second_process_is_warned_and_what_it_says_is_true(tmp_path: Path) -> None:
    with process(tmp_path) as first:
        with pytest.warns(tbimage.TwoWritersWarning, match="another process is writing") as caught:
            writer = tbimage.SummaryWriter(tmp_path)
        assert caught[0].filename == __file__
        assert str(first.pid) in str(caught[0].message)
        for step in range(50):
            writer.scalar("loss", step, step)
        writer.close()
    written = logs.steps(tmp_path, "loss")
    assert len(written) == 100
    assert len(logs.shown(tmp_path, "data_server")["."]["loss"]) == 50


def test_the_fix_that_it_names_shows_every_point(tmp_path: Path) -> None:
    for rank in ("0", "1"):
        with process(tmp_path, "{'rank': 'separate'}", RANK=rank) as child:
            assert child.logdir == str(tmp_path / f"rank-000{rank}")
    for loader in readers.LOADERS:
        shown = logs.shown(tmp_path, loader)
        assert shown == {f"rank-000{rank}": {"loss": list(range(50))} for rank in (0, 1)}


def test_it_is_said_once_for_each_directory(tmp_path: Path) -> None:
    with process(tmp_path / "a"), process(tmp_path / "b"):
        for run in ("a", "b"):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                for _ in range(3):
                    tbimage.SummaryWriter(tmp_path / run).close()
            assert [each.category for each in caught] == [tbimage.TwoWritersWarning]


@pytest.mark.parametrize("how", ["closed", "killed"])
def test_a_process_that_has_ended_is_not_warned_of(tmp_path: Path, how: str) -> None:
    with process(tmp_path) as child:
        if how == "closed":
            child.communicate(timeout=200)
    tbimage.SummaryWriter(tmp_path).close()  # no warning, which would be an error here
    assert len(readers.event_files(tmp_path)) == 2


def test_other_directories_are_not_warned_of(tmp_path: Path) -> None:
    with process(tmp_path / "runs" / "a"):
        tbimage.SummaryWriter(tmp_path / "runs").close()
        tbimage.SummaryWriter(tmp_path / "runs" / "a" / "below").close()


def test_reading_the_own_logs_does_not_release_the_lock(tmp_path: Path) -> None:
    writer = tbimage.SummaryWriter(tmp_path)
    writer.scalar("loss", 1.0)
    writer.flush()
    assert len(tbimage.read(tmp_path)["."].scalars("loss")) == 1
    with process(tmp_path) as child:
        _, errors = child.communicate(timeout=200)
    assert "TwoWritersWarning: another process" in errors
    writer.close()


def test_a_new_segment_is_locked_too(tmp_path: Path) -> None:
    writer = tbimage.SummaryWriter(tmp_path, max_file_bytes=1)
    for step in range(3):
        writer.scalar("loss", 1.0, step)
        writer.flush()
    assert writer.stats().segments > 1
    with process(tmp_path) as child:
        _, errors = child.communicate(timeout=200)
    assert Path(str(writer.path)).name in errors
    writer.close()


def in_child(code: Any) -> str:
    """Run a function in a forked child; return what it returns."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                code()
            told = " ".join(str(each.message) for each in caught) or "nothing"
        except BaseException as error:
            told = repr(error)
        os.write(writing, told.encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as stream:
        told = stream.read()
    os.waitpid(child, 0)
    return told


def test_a_forked_child_that_goes_on_with_its_writer_is_not_warned_of(tmp_path: Path) -> None:
    writer = tbimage.SummaryWriter(tmp_path)
    assert in_child(lambda: (writer.scalar("loss", 1.0), writer.close())) == "nothing"
    with process(tmp_path) as child:  # the child did not release the lock of its parent
        _, errors = child.communicate(timeout=200)
    assert "TwoWritersWarning: another process" in errors
    writer.close()


@pytest.mark.parametrize("closes", [False, True])
def test_a_forked_child_that_opens_the_directory_of_its_parent_is_warned_of_once(
    tmp_path: Path, closes: bool
) -> None:
    writer = tbimage.SummaryWriter(tmp_path)
    told = in_child(lambda: (closes and writer.close(), tbimage.SummaryWriter(tmp_path)))
    assert "another SummaryWriter" in told
    assert "another process" not in told
    writer.close()


def test_a_child_that_inherits_a_descriptor_does_not_keep_the_lock(tmp_path: Path) -> None:
    """The workers of a torch DataLoader live longer than a writer of their parent."""
    writer = tbimage.SummaryWriter(tmp_path)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        os.read(reading, 1)  # until the parent is done
        os._exit(0)
    os.close(reading)
    try:
        writer.close()
        with process(tmp_path) as other:
            _, errors = other.communicate(timeout=200)
        assert errors == ""
    finally:
        os.close(writing)
        os.waitpid(child, 0)


def test_many_processes_that_start_at_once_are_warned_of_all_but_one(tmp_path: Path) -> None:
    code = "import sys, tbimage; sys.stdin.read(1); w = tbimage.SummaryWriter(sys.argv[1]); "
    code += "print('open', flush=True); sys.stdin.read()"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(8)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("x")
        child.stdin.flush()
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
    errors = [child.communicate(timeout=200)[1] for child in children]
    assert sum("TwoWritersWarning" in each for each in errors) >= 7


def test_a_file_system_without_locks_warns_of_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", flock)
    with process(tmp_path), tbimage.SummaryWriter(tmp_path) as writer:
        assert writer.scalar("loss", 1.0)


def test_a_fifo_of_the_name_of_an_event_file_holds_up_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "events.out.tfevents.9999999999.fifo")
    tbimage.SummaryWriter(tmp_path).close()


# The ranks.


@pytest.fixture(autouse=True)
def _no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize("variable", VARIABLES)
def test_each_launcher_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "12")
    with tbimage.SummaryWriter(tmp_path, rank="separate") as writer:
        assert writer.logdir == str(tmp_path / "rank-0012")
    assert not tbimage.SummaryWriter(tmp_path, rank="zero").scalar("loss", 1.0)


def test_the_rank_of_torchrun_comes_before_that_of_the_launcher_that_started_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, variable in enumerate(VARIABLES):
        monkeypatch.setenv(variable, str(number + 5))
    with tbimage.SummaryWriter(tmp_path, rank="separate") as writer:
        assert writer.logdir == str(tmp_path / "rank-0005")
    monkeypatch.setenv("RANK", "")
    with tbimage.SummaryWriter(tmp_path, rank="separate") as writer:
        assert writer.logdir == str(tmp_path / "rank-0006")


def test_a_process_without_a_launcher_is_rank_0(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path / "a", rank="separate") as writer:
        assert writer.logdir == str(tmp_path / "a" / "rank-0000")
    with tbimage.SummaryWriter(tmp_path / "b", rank="zero") as writer:
        assert writer.logdir == str(tmp_path / "b")
        assert writer.scalar("loss", 1.0)


def test_a_rank_may_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "7")
    for rank, name in ((0, "rank-0000"), (np.int64(31), "rank-0031"), (12345, "rank-12345")):
        with tbimage.SummaryWriter(tmp_path, rank=rank) as writer:
            assert writer.logdir == str(tmp_path / name)


@pytest.mark.parametrize(
    ("rank", "words"),
    [
        ("one", "rank must be 'separate', 'zero', an integer or None, got 'one'"),
        (-1, "rank must be an integer of at least 0, got -1"),
        (True, "rank must be an integer of at least 0, got True"),
        (0.5, "rank must be an integer of at least 0, got 0.5"),
    ],
)
def test_a_wrong_rank_is_refused(tmp_path: Path, rank: Any, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        tbimage.SummaryWriter(tmp_path / "run", rank=rank)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("text", ["x", "-1", "1.0", "0x1", "²"])
def test_a_rank_of_the_environment_that_is_no_number_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("SLURM_PROCID", text)
    for rank in ("separate", "zero"):
        with pytest.raises(ValueError, match="variable SLURM_PROCID must be an integer"):
            tbimage.SummaryWriter(tmp_path, rank=rank)
    tbimage.SummaryWriter(tmp_path).close()  # without rank= the environment does not matter


# Writers of ranks that log nothing.


@pytest.fixture
def silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tbimage.SummaryWriter:
    monkeypatch.setenv("RANK", "1")
    return tbimage.SummaryWriter(tmp_path / "run", rank="zero")


def test_every_public_name_is_there_and_nothing_is_written(
    silent: tbimage.SummaryWriter, tmp_path: Path
) -> None:
    names = [name for name in dir(tbimage.SummaryWriter) if not name.startswith("_")]
    assert {"scalar", "image", "hparams", "purge", "raw_event", "stats"} <= set(names)
    for name in names:
        own = inspect.getattr_static(tbimage.SummaryWriter, name)
        if inspect.isfunction(own) and ".methods." in own.__module__:
            assert getattr(silent, name)("a", 0.5, step=3) is False, name
        else:
            getattr(silent, name)
    assert silent.flush() is True
    assert asyncio.run(silent.aflush(timeout=1)) is True
    assert silent.logdir == str(tmp_path / "run")
    assert silent.path is None
    assert not silent.closed
    assert "SummaryWriter" in repr(silent)
    assert silent.close() is True
    assert silent.closed
    assert not (tmp_path / "run").exists()


def test_its_counters_are_zero(silent: tbimage.SummaryWriter, tmp_path: Path) -> None:
    silent.scalar("loss", 0.5)
    counters = dataclasses.asdict(silent.stats())
    with tbimage.SummaryWriter(tmp_path / "fresh") as fresh:
        expected = dataclasses.asdict(fresh.stats())
    assert counters == {**expected, "bytes_written": 0, "segments": 0}
    assert counters["healthy"] is True


def test_functions_on_the_default_writer_and_blocks_work(silent: tbimage.SummaryWriter) -> None:
    with silent, silent.as_default(step=3):
        assert tbimage.scalar("loss", 0.5) is False
        assert tbimage.image("photo", PICTURE) is False
        tbimage.flush()
    assert silent.closed


def test_a_pickled_one_is_silent_where_its_rank_is_not_zero(
    tmp_path: Path, silent: tbimage.SummaryWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    pickled = pickle.dumps(silent)
    assert pickle.loads(pickled).scalar("loss", 0.5) is False
    assert not (tmp_path / "run").exists()
    monkeypatch.setenv("RANK", "0")
    with pickle.loads(pickled) as writer:
        assert writer.scalar("loss", 0.5) is True
        assert Path(writer.logdir).parent == tmp_path / "run"


def test_a_subclass_keeps_its_own_methods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Trainer(tbimage.SummaryWriter):
        def losses(self) -> list[bool]:
            return [self.scalar("loss", 0.5, 0), self.image("photo", PICTURE, 0)]

    monkeypatch.setenv("RANK", "1")
    writer = Trainer(tmp_path, rank="zero")
    assert isinstance(writer, tbimage.SummaryWriter)
    assert writer.losses() == [False, False]
