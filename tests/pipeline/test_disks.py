"""Real disks that are full: nothing hangs, and writing continues when there is space."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

import tbimage
from tests import readers
from tests.pipeline import logs
from tests.pipeline.load import Load, count_points

BOUND = 20_000


def fill(path: Path, leave: int) -> Path:
    """Fill a disk except for ``left`` bytes."""
    filler = path / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(path).free // 4096 * 4096 - leave))
    return filler


@pytest.mark.parametrize("on_full", ["block", "drop"])
def test_writing_continues_after_a_full_disk(
    small_disk: Path, on_full: str, caplog: pytest.LogCaptureFixture
) -> None:
    filler = fill(small_disk, leave=4 * 1024)
    run = small_disk / "run"
    with caplog.at_level(logging.WARNING, "tbimage"):
        writer = tbimage.SummaryWriter(
            run, on_full=on_full, on_error="log", max_pending_bytes=BOUND
        )
        load = Load(writer)
        load.run(50)
        assert writer.flush() is False  # one attempt, and the answer
        load.run(50)
        stats = writer.stats()
        assert not stats.healthy
        assert stats.last_error is not None
        assert "No space left on device" in stats.last_error
        assert stats.dropped["disk"] > 0
        filler.unlink()
        readers.wait_until(lambda: writer.stats().healthy, "writing to work again")
        assert writer.flush(20)
        load.run(4)
        assert writer.close()
    stats = writer.stats()
    assert stats.healthy
    assert stats.pending_items == stats.pending_bytes == 0
    assert stats.logged == 208 == stats.written + sum(stats.dropped.values())
    assert stats.written == load.accepted
    assert load.most_pending <= BOUND
    levels = [record.levelname for record in caplog.records]
    assert levels == ["ERROR", "WARNING"], caplog.text  # the failure, and the recovery
    assert stats.segments == 1
    assert len(logs.summaries(run)) == stats.written
    assert logs.steps(run, "scalar")[-4:] == [100, 101, 102, 103]
    for loader in readers.LOADERS:
        assert count_points(run, loader) == stats.written


def test_flush_raises_the_error_of_a_full_disk_if_on_error_is_raise(small_disk: Path) -> None:
    filler = fill(small_disk, leave=8 * 1024)
    writer = tbimage.SummaryWriter(small_disk / "run")
    for step in range(4):
        writer.image("a", np.random.default_rng(step).random((60, 60)), step)
    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            writer.flush()
    filler.unlink()
    assert writer.flush()
    writer.close()
    assert logs.steps(small_disk / "run", "a") == [0, 1, 2, 3]


def test_a_service_starts_on_a_full_disk(small_disk: Path) -> None:
    run = small_disk / "run"
    run.mkdir()
    filler = fill(small_disk, leave=0)
    with pytest.raises(OSError, match="No space left"):
        tbimage.SummaryWriter(run)
    writer = tbimage.SummaryWriter(run, on_error="log")
    assert not writer.stats().healthy
    assert writer.scalar("a", 0.5, 0)
    assert writer.flush() is False
    filler.unlink()
    assert writer.flush()
    assert writer.stats().healthy
    writer.close()
    assert logs.steps(run, "a") == [0]


def test_close_on_a_full_disk_counts_lost_summaries(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(small_disk, leave=8 * 1024)
    writer = tbimage.SummaryWriter(small_disk / "run", on_error="log")
    for step in range(4):
        writer.image("a", np.random.default_rng(step).random((60, 60)), step)
    assert writer.close() is False
    stats = writer.stats()
    assert stats.pending_items == stats.pending_bytes == 0
    assert stats.dropped["closed"] == 4 - stats.written > 0
    assert f": {stats.dropped['closed']} summaries were not written before" in caplog.text
    assert logs.steps(small_disk / "run", "a") == list(range(stats.written))


def test_min_free_bytes_stops_writing_before_the_disk_is_full(small_disk: Path) -> None:
    filler = fill(small_disk, leave=24 * 1024)
    writer = tbimage.SummaryWriter(
        small_disk / "run", on_error="log", min_free_bytes=16 * 1024, max_pending_bytes=BOUND
    )
    Load(writer).run(50)
    assert writer.flush() is False
    assert shutil.disk_usage(small_disk).free >= 16 * 1024
    assert "min_free_bytes=16384" in (writer.stats().last_error or "")
    filler.unlink()
    assert writer.flush(10)
    stats = writer.stats()
    assert stats.healthy
    assert writer.close()
    assert len(logs.summaries(small_disk / "run")) == stats.written
