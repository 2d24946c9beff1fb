"""Disks that write too little, fail or hang, in any operation and for any time."""

from __future__ import annotations

import errno
import itertools
import threading
import time
from pathlib import Path

import pytest

import tbimage
from tbimage.events.event_files import EventFiles
from tests import readers
from tests.pipeline import logs
from tests.pipeline.faulty import Fault, Storages, error, failing, healthy
from tests.pipeline.load import NOISE, count_points
from tests.pipeline.resources import descriptors

BOUND = 20_000


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
def test_occasional_faults_lose_nothing(tmp_path: Path, faulty: Storages, fault: Fault) -> None:
    """Plan a short write or an error for every third operation."""
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


def test_a_failed_write_is_repeated_after_growing_pauses(tmp_path: Path, faulty: Storages) -> None:
    storage = faulty(healthy)
    writer = tbimage.SummaryWriter(tmp_path, on_error="log")
    storage.plan = failing("write", error(errno.ENOSPC), times=4)
    before = storage.count("write")
    writer.scalar("a", 0.5, 0)
    readers.wait_until(lambda: writer.stats().written == 1, "the retries")
    assert storage.count("write") - before == 5
    assert writer.stats().healthy
    times: list[float] = []

    def plan(operation: str, size: int) -> Fault:
        if operation != "write":
            return None
        times.append(time.monotonic())
        return OSError(errno.ENOSPC, "full")

    storage.plan = plan
    writer.scalar("a", 0.5, 1)
    readers.wait_until(lambda: len(times) >= 6, "the retries")
    storage.plan = healthy
    pauses = [later - earlier for earlier, later in itertools.pairwise(times[:6])]
    assert all(pause >= 0.02 * 2**number for number, pause in enumerate(pauses)), pauses
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


def test_a_flush_that_waits_for_old_files_does_not_repeat_writes_without_pauses(
    tmp_path: Path, faulty: Storages, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = faulty(healthy)
    goes_on = threading.Event()
    monkeypatch.setattr(EventFiles, "history", lambda self: {"b": 6} if goes_on.wait(60) else {})
    writer = tbimage.SummaryWriter(tmp_path, on_error="log")
    storage.plan = failing("write", error(errno.ENOSPC))
    writer.scalar("a", 0.5, 0)
    writer.scalar("b", 0.5)  # its step depends on the old files
    before = storage.count("write")
    assert writer.flush(1) is False
    assert storage.count("write") - before < 50
    storage.plan = healthy
    goes_on.set()
    readers.wait_until(lambda: writer.flush(5), "all to be written")
    writer.close()
    assert logs.summaries(tmp_path) == [("a", 0), ("b", 7)]


@pytest.mark.parametrize("times", [1, 2])
def test_a_write_that_fails_after_the_close_began_is_not_its_attempt(
    tmp_path: Path, faulty: Storages, times: int
) -> None:
    """The write had begun before; the close makes an attempt of its own, and only one."""
    storage = faulty(healthy)
    writer = tbimage.SummaryWriter(tmp_path, on_error="log")
    writer.scalar("a", 0.5, 0)
    assert writer.flush()
    began, goes_on = threading.Event(), threading.Event()
    left = times

    def plan(operation: str, size: int) -> OSError | None:
        nonlocal left
        if operation != "write" or not left:
            return None
        began.set()
        assert goes_on.wait(20)
        left -= 1
        return error(errno.ENOSPC)

    storage.plan = plan
    writer.scalar("a", 0.5, 1)
    assert began.wait(20)
    closes: list[bool] = []
    thread = threading.Thread(target=lambda: closes.append(writer.close()))
    thread.start()
    readers.wait_until(lambda: writer._pipeline.channel._closing, "the owner to hear of the close")
    goes_on.set()
    thread.join(20)
    assert closes == [times == 1]
    assert logs.steps(tmp_path, "a") == [0, 1][: 3 - times]
    assert writer.stats().dropped["closed"] == times - 1


def test_each_outage_is_logged_once(
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


def test_on_a_hanging_disk_calls_drop_and_flush_returns(tmp_path: Path, faulty: Storages) -> None:
    storage = faulty(healthy)
    going_on = threading.Event()

    def hang(operation: str, size: int) -> None:
        assert going_on.wait(20)

    writer = tbimage.SummaryWriter(tmp_path, on_full="drop", max_pending_bytes=BOUND)
    storage.plan = hang
    results = [writer.image("a", NOISE, step) for step in range(50)]
    assert results[0] is True
    # Not the last one: a summary needs 640 bytes less once the owner takes it; a later one may fit.
    assert False in results
    assert writer.flush(0.05) is False
    assert writer.stats().pending_bytes <= BOUND
    assert writer.stats().dropped["full"] == results.count(False)
    going_on.set()
    assert writer.flush(10)
    assert writer.close()
    assert logs.steps(tmp_path, "a") == [step for step in range(50) if results[step]]


@pytest.mark.parametrize("more", [0, 4])
def test_close_while_the_disk_hangs(tmp_path: Path, faulty: Storages, more: int) -> None:
    """The hanging thread still writes its batch, and all other summaries are given up."""
    storage = faulty(healthy)
    begun, going_on = threading.Event(), threading.Event()

    def hang(operation: str, size: int) -> None:
        begun.set()
        assert going_on.wait(20)

    writer = tbimage.SummaryWriter(tmp_path, on_error="log")
    storage.plan = hang
    writer.scalar("a", 0.5, 0)
    assert begun.wait(20)
    for step in range(1, 1 + more):
        writer.image("b", NOISE, step)
    assert writer.close(0.1) is False
    readers.wait_until(lambda: writer.stats().dropped["closed"] == more, "the owner")
    assert writer.stats().pending_items == 1
    assert descriptors(tmp_path) == 1
    going_on.set()
    readers.wait_until(lambda: writer.stats().pending_items == 0, "the write to end")
    readers.wait_until(lambda: descriptors(tmp_path) == 0, "the file to be closed")
    assert writer.stats().written == 1
    assert writer.close() is True
    assert logs.summaries(tmp_path) == [("a", 0)]


@pytest.mark.parametrize("on_error", ["raise", "log"])
def test_a_failed_fsync_is_reported_once(tmp_path: Path, faulty: Storages, on_error: str) -> None:
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
    assert storage.count("sync") == 1  # it is not repeated
    writer.scalar("a", 0.5, 1)
    assert writer.flush()
    assert writer.stats().healthy
    assert storage.count("sync") == 2
    assert writer.close()
    assert logs.steps(tmp_path, "a") == [0, 1]
    assert len(readers.event_files(tmp_path)) == 2


@pytest.mark.parametrize("fsync", ["flush", "close"])
def test_close_raises_an_error_of_closing_the_file(
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
