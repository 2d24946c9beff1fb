"""A writer loses its file, its directory, or its descriptors."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import tbimage
from tests import readers
from tests.pipeline import logs
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
