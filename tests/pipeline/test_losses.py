"""A writer loses its file, its directory, or its descriptors."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tbimage
from tbimage.events.storage import LocalStorage
from tests import readers
from tests.pipeline import children, logs
from tests.pipeline.faulty import no_descriptors_left


@pytest.mark.parametrize("what", ["file", "directory", "moved"])
def test_a_file_that_is_deleted_while_it_is_written_is_replaced(
    tmp_path: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    run = tmp_path / "run"
    writer = tbimage.SummaryWriter(run)
    writer.scalar("a", 0.5, 0)
    writer.flush()
    if what == "file":
        assert writer.path is not None
        os.unlink(writer.path)
    elif what == "directory":
        shutil.rmtree(run)
    else:
        run.rename(tmp_path / "old")
    for step in range(1, 4):
        writer.scalar("a", 0.5, step)
        assert writer.flush()
    assert writer.stats().displaced_files == 1
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    writer.close()
    for loader in readers.LOADERS:
        assert logs.shown(tmp_path, loader)["run"]["a"] == [1, 2, 3]


def test_writing_waits_until_the_directory_can_be_made_again(tmp_path: Path) -> None:
    run = tmp_path / "run"
    writer = tbimage.SummaryWriter(run, on_error="log")
    shutil.rmtree(run)
    run.write_text("in the way")
    writer.scalar("a", 0.5, 0)
    assert writer.flush() is False
    run.unlink()
    assert writer.flush()
    writer.close()
    assert logs.steps(run, "a") == [0]


def test_opening_without_descriptors_raises_a_clear_error(tmp_path: Path) -> None:
    with no_descriptors_left():
        for on_error in ("raise", "log"):
            with pytest.raises(OSError, match="Too many open files"):
                tbimage.SummaryWriter(tmp_path, on_error=on_error)


def test_logging_continues_when_there_are_descriptors_again(tmp_path: Path) -> None:
    writer = tbimage.SummaryWriter(tmp_path, on_error="log", max_file_bytes=1)
    writer.scalar("a", 0.5, 0)
    assert writer.flush()
    with no_descriptors_left():
        writer.scalar("a", 0.5, 1)  # it may or may not get a new file
        writer.flush(30)
        os.unlink(writer.path or "")
        writer.scalar("b", 0.5, 2)
        writer.flush(30)
        assert writer.scalar("automatic", 0.5)
    assert writer.flush(30)
    writer.close()
    assert logs.steps(tmp_path, "b") == [2]


# The first automatic step of a name after a restart depends on the old files.

FIRST_AUTOMATIC: dict[str, Callable[[tbimage.SummaryWriter], bool]] = {
    "scalar": lambda writer: writer.scalar("a", 0.5),
    "image": lambda writer: writer.image("b", np.zeros((2, 2))),
    "scalars": lambda writer: writer.scalars("c", {"k": 0.5}),
}


def log_five(logdir: Path) -> None:
    with tbimage.SummaryWriter(logdir) as writer:
        for _ in range(5):
            for log in FIRST_AUTOMATIC.values():
                log(writer)


def steps_of_all(logdir: Path) -> list[list[int]]:
    steps = [logs.steps(logdir, tag) for tag in ("a", "b")]
    return [*steps, logs.steps(logdir / "c_k", "c")]


@pytest.mark.parametrize("on_error", ["log", "raise"])
@pytest.mark.parametrize("kind", FIRST_AUTOMATIC)
def test_automatic_steps_wait_until_there_are_descriptors(
    tmp_path: Path, kind: str, on_error: str, caplog: pytest.LogCaptureFixture
) -> None:
    log_five(tmp_path)
    writer = tbimage.SummaryWriter(tmp_path, on_error=on_error, max_pending_bytes=20_000)
    writer.scalar("x", 0.5, 0)
    assert writer.flush(30)
    with no_descriptors_left():
        assert FIRST_AUTOMATIC[kind](writer)
        if on_error == "raise":
            with pytest.raises(OSError, match="Too many open files"):
                writer.flush(30)
        else:
            assert writer.flush(30) is False
        assert not writer.stats().healthy
        accepted = 1
        while FIRST_AUTOMATIC[kind](writer):  # when memory is full, no call waits
            accepted += 1
        assert writer.stats().dropped["disk"] == 1
    assert writer.flush(30)
    assert writer.stats().healthy
    for log in FIRST_AUTOMATIC.values():
        assert log(writer)
    assert writer.close()
    for name, steps in zip(FIRST_AUTOMATIC, steps_of_all(tmp_path), strict=True):
        assert steps == list(range(6 + accepted * (name == kind)))
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert "works again" in caplog.messages[1]


def test_old_files_are_not_read_without_a_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_five(tmp_path)
    writer = tbimage.SummaryWriter(tmp_path, on_error="log")
    attempts: list[str] = []

    def refuse(self: object, directory: str) -> list[str]:
        attempts.append(directory)
        raise OSError(errno.ENFILE, "Too many open files in system")

    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "names", refuse)
        assert writer.scalar("a", 0.5)
        time.sleep(1)
        assert 2 <= len(attempts) <= 30
    assert writer.close()
    assert steps_of_all(tmp_path)[0] == list(range(6))


def test_purges_of_sub_runs_wait_until_there_are_descriptors(tmp_path: Path) -> None:
    from tbimage.kinds import session_log  # noqa: F401  # later, it could not be imported

    log_five(tmp_path)
    with tbimage.SummaryWriter(tmp_path, on_error="log") as writer:
        writer.scalars("new", {"k": 0.5}, 0)
        assert writer.flush(30)
        with no_descriptors_left():
            writer.purge(3)
            assert writer.flush(30) is False
        assert writer.flush(30)
    assert logs.shown(tmp_path, readers.LOADERS[0])["c_k"]["c"] == [0, 1, 2]


@pytest.mark.parametrize("end", ["close", "exit"])
def test_the_end_does_not_wait_for_old_files_that_cannot_be_read(tmp_path: Path, end: str) -> None:
    script = """
import errno, json, logging, sys, time
import tbimage
from tbimage.events.storage import LocalStorage
logging.basicConfig(stream=sys.stdout, format="%(message)s")
writer = tbimage.SummaryWriter(sys.argv[1], on_error="log", close_timeout=2.0)
def refuse(*_):
    raise OSError(errno.EMFILE, "Too many open files")
LocalStorage.names = refuse
for _ in range(3):
    assert writer.scalar("a", 0.5)
if sys.argv[2] == "close":
    began = time.monotonic()
    assert writer.close() is False
    assert 1 < time.monotonic() - began < 20
    stats = writer.stats()
    assert (stats.dropped["closed"], stats.pending_items) == (3, 0), stats
"""
    done = children.run(script, tmp_path, end)
    assert done.stdout.count("3 summaries were not written") == 1, done.stdout


def test_an_old_file_that_cannot_be_read_is_left_out_and_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log_five(tmp_path)
    loop = tmp_path / "events.out.tfevents.1000000000.loop"
    loop.symlink_to(loop)
    with tbimage.SummaryWriter(tmp_path) as writer:
        for log in FIRST_AUTOMATIC.values():
            assert log(writer)
        assert writer.flush(30)
    loop.unlink()
    assert steps_of_all(tmp_path) == [list(range(6))] * 3
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert caplog.messages[0].count("cannot be read") == 1
