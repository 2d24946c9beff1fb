"""Disks that are full, fail, hang, or lose what is being written to."""

from __future__ import annotations

import errno
import gc
import logging
import os
import shutil
import subprocess
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import tbimage
from tbimage import run_writer
from tbimage.pieces import Piece
from tests import readers
from tests.pipeline import logs
from tests.pipeline.faulty import Fault, FaultyStorage, error, failing, healthy, no_descriptors_left

NOISE = np.random.default_rng(0).integers(0, 256, (20, 20), np.uint8)  # half a kilobyte as PNG
BOUND = 20_000

Storages = Callable[[Callable[[str, int], Fault]], FaultyStorage]


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Storages:
    """Lets the writers of a test write to a storage with faults."""

    def install(plan: Callable[[str, int], Fault]) -> FaultyStorage:
        storage = FaultyStorage(plan)
        monkeypatch.setattr(run_writer, "LocalStorage", lambda: storage)
        return storage

    return install


@pytest.fixture(params=["64k", "1m"])
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A real disk of so many bytes."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={request.param}", "tmpfs", str(path)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"mounting is not permitted: {done.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def fill(path: Path, leave: int) -> Path:
    """Fill a disk but for so many bytes."""
    filler = path / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(path).free // 4096 * 4096 - leave))
    return filler


class Load:
    """Calls without end, as a service makes them: every call is timed and none may raise."""

    def __init__(self, writer: tbimage.SummaryWriter) -> None:
        self.writer = writer
        self.step = 0
        self.accepted = 0
        self.longest = 0.0
        self.most_pending = 0

    def run(self, calls: int) -> None:
        for _ in range(calls):
            started = time.monotonic()
            # Tags that hold no more than loaders keep of one: 10 images, 1000 scalars.
            self.accepted += self.writer.image(f"image/{self.step // 10}", NOISE, self.step)
            self.accepted += self.writer.scalar("scalar", 0.5, self.step)
            self.longest = max(self.longest, time.monotonic() - started)
            self.most_pending = max(self.most_pending, self.writer.stats().pending_bytes)
            self.step += 1


def count_points(directory: Path, loader: str) -> int:
    (run,) = logs.shown(directory, loader).values()
    for steps in run.values():
        assert steps == sorted(set(steps))  # exactly once
    return sum(map(len, run.values()))


@pytest.mark.parametrize("on_full", ["block", "drop"])
def test_a_full_disk_is_outlived(
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
    assert load.longest < 10  # and not for ever
    assert load.most_pending <= BOUND
    levels = [record.levelname for record in caplog.records]
    assert levels == ["ERROR", "WARNING"], caplog.text  # it fails, it works again
    assert stats.segments == 1
    assert len(logs.summaries(run)) == stats.written
    assert logs.steps(run, "scalar")[-4:] == [100, 101, 102, 103]
    for loader in readers.LOADERS:
        assert count_points(run, loader) == stats.written


def test_a_full_disk_is_an_error_of_flush_where_errors_are_raised(small_disk: Path) -> None:
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


def test_a_service_comes_up_on_a_full_disk(small_disk: Path) -> None:
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


def test_closing_on_a_full_disk_gives_up_and_counts(
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
    assert f"the end came before {stats.dropped['closed']} summaries" in caplog.text
    assert logs.steps(small_disk / "run", "a") == list(range(stats.written))


def test_the_guard_stops_before_the_disk_is_full(small_disk: Path) -> None:
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


# Faults put in.


@pytest.mark.parametrize(
    "fault",
    [
        7,
        error(errno.EIO),
        error(errno.EINTR),
        error(errno.ENOSPC),
        error(errno.EDQUOT),
        error(errno.EBADF),
    ],
    ids=str,
)
def test_faults_here_and_there_cost_nothing(tmp_path: Path, faulty: Storages, fault: Fault) -> None:
    """A short write, or an error, at every third."""
    storage = faulty(healthy)
    writes = 0

    def plan(operation: str, size: int) -> Fault:
        nonlocal writes
        writes += operation == "write"
        return fault if operation == "write" and writes % 3 == 0 else None

    writer = tbimage.SummaryWriter(tmp_path, on_error="log", max_pending_bytes=1 << 20)
    storage.plan = plan
    for step in range(40):
        assert writer.image(f"image/{step // 10}", NOISE, step)
        assert writer.scalar("scalar", 0.5, step)
        if step % 4 == 0:
            writer.flush(5)
    readers.wait_until(lambda: writer.flush(5), "all to be written")
    storage.plan = healthy
    assert writer.close()
    stats = writer.stats()
    assert stats.written == stats.logged == 80
    assert len(logs.summaries(tmp_path)) == 80
    assert logs.steps(tmp_path, "scalar") == list(range(40))
    for loader in readers.LOADERS:
        assert count_points(tmp_path, loader) == 80


def test_a_failing_disk_is_tried_again_by_itself_and_not_all_the_time(
    tmp_path: Path, faulty: Storages
) -> None:
    storage = faulty(healthy)
    writer = tbimage.SummaryWriter(tmp_path, on_error="log")
    storage.plan = failing("write", error(errno.ENOSPC), times=4)
    before = storage.count("write")
    writer.scalar("a", 0.5, 0)
    readers.wait_until(lambda: writer.stats().written == 1, "the retries")
    assert storage.count("write") - before == 5
    assert writer.stats().healthy
    storage.plan = failing("write", error(errno.ENOSPC))
    before = storage.count("write")
    writer.scalar("a", 0.5, 1)
    time.sleep(0.8)
    assert 2 <= storage.count("write") - before <= 6  # after 0, 50, 150, 350, 750 ms
    storage.plan = healthy
    assert writer.close()


def test_every_flush_makes_one_attempt(tmp_path: Path, faulty: Storages) -> None:
    storage = faulty(healthy)
    writer = tbimage.SummaryWriter(tmp_path, on_error="log")
    storage.plan = failing("write", error(errno.ENOSPC))
    writer.scalar("a", 0.5, 0)
    for _ in range(5):
        before = storage.count("write")
        assert writer.flush() is False
        assert storage.count("write") > before
    storage.plan = healthy
    assert writer.flush()
    writer.close()


def test_each_outage_is_one_line_in_the_log(
    tmp_path: Path, faulty: Storages, caplog: pytest.LogCaptureFixture
) -> None:
    storage = faulty(healthy)
    with tbimage.SummaryWriter(tmp_path, on_error="log") as writer:
        for step in range(3):
            storage.plan = failing("write", error(errno.ENOSPC))
            writer.scalar("a", 0.5, step)
            for _ in range(5):
                writer.flush()
            storage.plan = healthy
            assert writer.flush()
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"] * 3
    assert logs.steps(tmp_path, "a") == [0, 1, 2]


def test_a_disk_that_hangs_drops_and_lets_flush_return(tmp_path: Path, faulty: Storages) -> None:
    storage = faulty(healthy)
    going_on = threading.Event()

    def hang(operation: str, size: int) -> None:
        assert going_on.wait(20)

    writer = tbimage.SummaryWriter(tmp_path, on_full="drop", max_pending_bytes=BOUND)
    storage.plan = hang
    results = [writer.image("a", NOISE, step) for step in range(50)]
    assert results[0] is True
    assert results[-1] is False
    assert writer.flush(0.05) is False
    assert writer.stats().pending_bytes <= BOUND
    assert writer.stats().dropped["full"] == results.count(False)
    going_on.set()
    assert writer.flush(10)
    assert writer.close()
    assert logs.steps(tmp_path, "a") == [step for step in range(50) if results[step]]


def test_closing_while_the_disk_hangs(tmp_path: Path, faulty: Storages) -> None:
    """What the hanging thread has in its hands it still writes, the rest is given up."""
    storage = faulty(healthy)
    going_on = threading.Event()

    def hang(operation: str, size: int) -> None:
        assert going_on.wait(20)

    writer = tbimage.SummaryWriter(tmp_path, on_error="log")
    storage.plan = hang
    writer.scalar("a", 0.5, 0)
    readers.wait_until(lambda: storage.count("write") > 0, "the write to begin")
    time.sleep(0.15)
    for step in range(1, 5):
        writer.image("b", NOISE, step)
    assert writer.close(0.1) is False
    assert writer.stats().dropped["closed"] == 4
    assert writer.stats().pending_items == 1
    before = len(os.listdir("/proc/self/fd"))
    going_on.set()
    readers.wait_until(lambda: writer.stats().pending_items == 0, "the write to end")
    readers.wait_until(lambda: len(os.listdir("/proc/self/fd")) < before, "the file to be closed")
    assert writer.stats().written == 1
    assert logs.summaries(tmp_path) == [("a", 0)]


@pytest.mark.parametrize("on_error", ["raise", "log"])
def test_what_cannot_be_made_durable_is_reported_once(
    tmp_path: Path, faulty: Storages, on_error: str
) -> None:
    storage = faulty(healthy)
    writer = tbimage.SummaryWriter(tmp_path, fsync="flush", on_error=on_error)
    writer.scalar("a", 0.5, 0)
    storage.plan = failing("sync", error(errno.EIO), times=1)
    if on_error == "raise":
        with pytest.raises(OSError, match="Input/output"):
            writer.flush()
    else:
        assert writer.flush() is False
    assert not writer.stats().healthy
    time.sleep(0.1)
    assert storage.count("sync") == 1  # it is not tried over and over
    writer.scalar("a", 0.5, 1)
    assert writer.flush()
    assert writer.stats().healthy
    assert storage.count("sync") == 2
    assert writer.close()
    assert logs.steps(tmp_path, "a") == [0, 1]
    assert len(logs.event_files(tmp_path)) == 2


@pytest.mark.parametrize("fsync", ["flush", "close"])
def test_an_error_in_closing_the_file_is_an_error_of_close(
    tmp_path: Path, faulty: Storages, fsync: str
) -> None:
    storage = faulty(healthy)
    writer = tbimage.SummaryWriter(tmp_path, fsync=fsync)
    writer.scalar("a", 0.5, 0)
    writer.flush()
    storage.plan = failing("sync", error(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        writer.close()
    assert writer.close()


@pytest.mark.parametrize(("fsync", "syncs"), [("never", 0), ("flush", 3 + 1), ("close", 1)])
def test_fsync_happens_when_it_was_asked_for(
    tmp_path: Path, faulty: Storages, fsync: str, syncs: int
) -> None:
    storage = faulty(healthy)
    with tbimage.SummaryWriter(tmp_path, fsync=fsync, flush_secs=0) as writer:
        for step in range(3):
            writer.scalar("a", 0.5, step)
            assert writer.flush()
            assert writer.flush()  # nothing new: no wait for the disk
    assert storage.count("sync") == syncs


# What is deleted.


@pytest.mark.parametrize("what", ["file", "directory", "moved"])
def test_what_is_deleted_while_it_is_written_is_made_anew(
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


def test_a_directory_that_cannot_be_made_again_is_waited_for(tmp_path: Path) -> None:
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


# No descriptors.


def test_without_descriptors_opening_says_so(tmp_path: Path) -> None:
    with no_descriptors_left():
        for on_error in ("raise", "log"):
            with pytest.raises(OSError, match="Too many open files"):
                tbimage.SummaryWriter(tmp_path, on_error=on_error)


def test_without_descriptors_logging_goes_on_later(tmp_path: Path) -> None:
    writer = tbimage.SummaryWriter(tmp_path, on_error="log", max_file_bytes=1)
    writer.scalar("a", 0.5, 0)
    assert writer.flush()
    with no_descriptors_left():
        writer.scalar("a", 0.5, 1)  # whether it gets a new file is a matter of luck
        writer.flush(5)
        os.unlink(writer.path or "")
        writer.scalar("b", 0.5, 2)
        writer.flush(5)
        assert writer.scalar("automatic", 0.5)
    assert writer.flush(5)
    writer.close()
    assert logs.steps(tmp_path, "b") == [2]


# Encoders.


@pytest.mark.parametrize("on_error", ["raise", "log"])
def test_one_image_that_cannot_be_encoded_harms_no_other(
    tmp_path: Path, on_error: str, caplog: pytest.LogCaptureFixture
) -> None:
    writer = tbimage.SummaryWriter(tmp_path, on_error=on_error)
    for step in range(20):
        data = np.full((8, 8), 300 if step == 7 else step, np.int64)
        assert writer.image("a", data, step)
    if on_error == "raise":
        with pytest.raises(ValueError, match="value_range"):
            writer.flush()
    else:
        assert writer.flush() is False
    assert writer.flush()  # it is said once
    stats = writer.stats()
    assert (stats.logged, stats.written, stats.dropped["error"]) == (20, 19, 1)
    assert stats.healthy  # the disk is
    assert "ValueError" in (stats.last_error or "")
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "'a' at step 7" in caplog.text
    writer.close()
    assert logs.steps(tmp_path, "a") == [step for step in range(20) if step != 7]


class Unusual(BaseException):
    """What no encoder should raise."""


@pytest.mark.parametrize(
    "raised", [ValueError, MemoryError, SystemExit, KeyboardInterrupt, Unusual]
)
@pytest.mark.parametrize("light", [False, True])
def test_whatever_making_a_summary_raises_costs_that_summary(
    tmp_path: Path, raised: type[BaseException], light: bool
) -> None:
    def make(name: str) -> bytes:
        raise raised(name)

    writer = tbimage.SummaryWriter(tmp_path, on_error="log")
    for step in range(3):
        writer.scalar("a", 0.5, step)
        if light:
            assert writer._log_light(make, ("bad",), step, None)
        else:
            assert writer._log("bad", step, 1.0, 10, lambda: lambda: [make("bad")])
        writer.image("b", NOISE, step)
    assert writer.flush() is False
    stats = writer.stats()
    assert (stats.written, stats.dropped["error"]) == (6, 3)
    assert stats.pending_items == stats.pending_bytes == 0
    assert writer.close()
    assert logs.summaries(tmp_path) == [(tag, step) for step in range(3) for tag in "ab"]


def test_no_memory_for_a_commit_costs_what_it_had_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tbimage import committer

    writer = tbimage.SummaryWriter(tmp_path, on_error="log")

    def make_records(entries: object, on_error: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(committer, "make_records", make_records)
        writer.scalar("a", 0.5, 0)
        writer.image("a", NOISE, 1)
        assert writer.flush(10) is False
    writer.scalar("a", 0.5, 2)
    assert writer.flush(10)
    stats = writer.stats()
    assert (stats.written, stats.dropped["error"]) == (1, 2)
    assert stats.pending_bytes == 0
    writer.close()


def test_an_error_that_nobody_asks_for_does_not_keep_its_picture(tmp_path: Path) -> None:
    class Picture(np.ndarray):  # type: ignore[type-arg]
        """An array that can be watched."""

    writer = tbimage.SummaryWriter(tmp_path, on_error="log")
    watched = []

    def take_snapshot() -> Callable[[], list[Piece]]:
        picture = np.full((100, 100), 300).view(Picture)
        watched.append(weakref.ref(picture))

        def make() -> list[Piece]:
            held = picture  # by a frame of the traceback
            raise ValueError(held.shape)

        return make

    writer._log("a", 0, 1.0, 10, take_snapshot)
    readers.wait_until(lambda: writer.stats().last_error, "the error")
    readers.wait_until(lambda: gc.collect() + 1 and watched[0]() is None, "the memory")
    assert writer.flush() is False
    writer.close()
