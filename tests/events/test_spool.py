"""What is on the local disk until a store has acknowledged it."""

from __future__ import annotations

import contextlib
import errno
import io
import itertools
import logging
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tbimage
from tbimage.events import event_files, spooled_files
from tbimage.events import spool as spool_module
from tbimage.events.batches import Batch
from tbimage.events.event_files import EventFiles, logger
from tbimage.events.object_segments import ObjectSegments
from tbimage.events.segments import SegmentOptions
from tbimage.events.spool import Attempt, Spool, SpoolFile
from tbimage.events.spooled_files import SpooledFiles, _Upload
from tbimage.kinds import scalar
from tbimage.writer import stats as writer_stats
from tests import readers
from tests.events.segmenting import batch_of
from tests.events.stores import FakeStore
from tests.events.test_object_segments import RUN, steps_of

# A name of a spool file that comes before all others.
SPOOL_NAME = f"{1:019}-1-1"


def begin(store: FakeStore, spool: Path, *, padded: bool = False) -> SpooledFiles:
    """Begin as a process does; ``padded``: behind so many bytes that S3 gets padding."""

    def make(directory: str) -> ObjectSegments:
        segments = ObjectSegments(store, directory, SegmentOptions(), upload_secs=3600)
        segments.bytes_written = (5 << 20) * padded
        return segments

    return SpooledFiles(make(RUN), Spool(str(spool), RUN, logger.log), make, 3600)


def upload(files: SpooledFiles) -> None:
    """Upload all that is in the spool, and wait for it."""
    files.sync_at_end()


def kill(files: SpooledFiles) -> None:
    """Release the locks as a kill does."""
    files._spool.close()
    if files._uploading is not None:
        files._uploading.file.close()


def files_of(spool: Path) -> list[Path]:
    return sorted(path for path in spool.rglob("*") if path.is_file())


def test_records_wait_on_the_disk_until_an_upload_is_due(tmp_path: Path) -> None:
    store = FakeStore()
    segments = begin(store, tmp_path)
    segments.open()
    assert segments.append(batch_of([0])) == 1
    assert segments.sync_at <= time.monotonic()  # the first is due at once
    upload(segments)
    segments._next_upload = time.monotonic() + 3600
    assert segments.append(batch_of([1, 2])) == 2
    assert segments.append(batch_of([3])) == 1
    assert time.monotonic() < segments.sync_at < math.inf
    assert segments.unsynced == 3
    assert steps_of(store) == [0]
    upload(segments)
    assert segments.sync_at == math.inf
    assert segments.unsynced == 0
    assert steps_of(store) == [0, 1, 2, 3]
    assert files_of(tmp_path) == []


def test_what_a_process_has_left_is_uploaded_by_the_next(tmp_path: Path) -> None:
    store = FakeStore()
    first = begin(store, tmp_path)
    first.append(batch_of([0, 1, 2]))
    (path,) = files_of(tmp_path)
    with path.open("r+b") as file:  # a kill within a write
        file.truncate(path.stat().st_size - 1)
    kill(first)
    second = begin(store, tmp_path)
    second.open()
    second.append(batch_of([3]))
    second.seal()
    assert steps_of(store) == [0, 1, 3]
    assert files_of(tmp_path) == []


def test_what_a_living_process_has_is_left_to_it(tmp_path: Path) -> None:
    store = FakeStore()
    first, second = begin(store, tmp_path), begin(store, tmp_path)
    first.append(batch_of([0]))
    second.open()
    assert steps_of(store) == []
    upload(first)
    assert steps_of(store) == [0]


# What a process does, and what its requests meet; "kill" may follow a request whose answer it has
# not seen.
_ACTIONS = st.sampled_from(["append", "append", "large", "upload", "kill"])
_FAULTS = st.sampled_from([None, None, "before", "after", "late"])


@settings(deadline=None)
@given(
    actions=st.lists(_ACTIONS, max_size=40),
    faults=st.lists(_FAULTS, max_size=60),
    grows_from=st.sampled_from([0, 1000, 5 << 20, math.inf]),
    padded=st.booleans(),
)
def test_each_record_comes_to_the_store_once_whatever_is_killed(
    actions: list[str], faults: list[str | None], grows_from: float, padded: bool
) -> None:
    store = FakeStore(grows_from, iter(faults))
    step = 0
    with tempfile.TemporaryDirectory() as spool:
        segments = begin(store, Path(spool), padded=padded)
        for action in actions:
            if action in ("append", "large"):
                sizes = (500, 70_000)
                segments.append(batch_of([step, step + 1], sizes[action == "large"]))
                step += 2
            elif action == "upload":
                with contextlib.suppress(OSError):
                    upload(segments)
            else:
                kill(segments)
                segments = begin(store, Path(spool), padded=padded)
                with contextlib.suppress(OSError):
                    segments.open()
        store.faults = iter(())
        upload(segments)
        store.arrive()
        assert files_of(Path(spool)) == []
    assert sorted(steps_of(store)) == list(range(step))


def test_while_the_store_fails_records_are_on_the_disk(tmp_path: Path) -> None:
    store = FakeStore(faults=itertools.cycle(["before", "after"]))
    segments = begin(store, tmp_path)
    for step in range(5):
        assert segments.append(batch_of([step])) == 1
        with pytest.raises(OSError, match=r"slow down|no answer"):
            upload(segments)
        assert segments.sync_at < math.inf
        assert segments.error is not None
    store.faults = iter(())
    upload(segments)
    assert segments.error is None
    assert steps_of(store) == list(range(5))


def test_records_of_a_deleted_spool_are_uploaded(tmp_path: Path) -> None:
    """As when a program removes old files from /tmp while the store has an outage."""
    store = FakeStore(faults=itertools.repeat("before", 2))
    segments = begin(store, tmp_path)
    segments.append(batch_of([0, 1]))
    with pytest.raises(OSError, match="slow down"):
        upload(segments)
    segments.append(batch_of([2]))
    shutil.rmtree(tmp_path)
    with pytest.raises(OSError, match="slow down"):
        upload(segments)
    segments.append(batch_of([3]))
    upload(segments)
    segments.append(batch_of([4]))
    upload(segments)
    assert steps_of(store) == list(range(5))


def test_a_closed_writer_retries_its_uploads_slowly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store with an outage got 500 requests a second."""
    pytest.importorskip("fsspec")
    attempts: list[float] = []

    def fail(*_: Any) -> int:
        attempts.append(time.monotonic())
        raise OSError(errno.EIO, "no answer")

    url = "memory://spool/closed"
    writer = tbimage.SummaryWriter(url, spool_dir=str(tmp_path), on_error="log")
    assert writer.flush()
    with monkeypatch.context() as patch:
        patch.setattr(ObjectSegments, "append", fail)
        assert writer.scalar("loss", 1.0, step=0)
        readers.wait_until(lambda: writer.stats().written == 1, "the summary to be in the spool")
        assert not writer.close(0.1)
        done = len(attempts)
        readers.wait_until(lambda: len(attempts) >= done + 5, "five attempts")
        assert attempts[done + 4] - attempts[done] > 0.3  # pauses of 0.05, 0.1, 0.2, 0.4 s, or half
    readers.wait_until(lambda: not files_of(tmp_path), "the upload")
    assert tbimage.read(url)["."].scalars("loss").steps.tolist() == [0]


def test_records_are_on_the_disk_also_while_the_store_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, goes_on = FakeStore(), threading.Event()
    put = store.put

    def hang(*arguments: Any) -> Any:
        goes_on.wait(60)
        return put(*arguments)

    monkeypatch.setattr(store, "put", hang)
    segments = begin(store, tmp_path)
    for step in range(3):
        assert segments.append(batch_of([step])) == 1
        segments.sync()
        assert segments.sync_at < math.inf
    assert segments.unsynced == 3
    on_disk = b"".join(path.read_bytes() for path in files_of(tmp_path))
    assert all(b"".join(batch_of([step]).pieces) in on_disk for step in range(3))
    assert steps_of(store) == []
    goes_on.set()
    upload(segments)
    assert steps_of(store) == [0, 1, 2]


def test_a_record_that_is_being_written_when_an_upload_begins_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upload first sends what others have left, which takes its time."""
    store, goes_on = FakeStore(), threading.Event()
    earlier = begin(store, tmp_path)
    earlier.append(batch_of([0]))
    kill(earlier)
    put, write = store.put, SpoolFile.write

    def put_later(*arguments: Any) -> Any:
        goes_on.wait(60)
        return put(*arguments)

    def write_slowly(file: SpoolFile, *arguments: Any) -> None:
        goes_on.set()
        assert segments._thread is not None
        segments._thread.join()
        write(file, *arguments)

    monkeypatch.setattr(store, "put", put_later)
    monkeypatch.setattr(SpoolFile, "write", write_slowly)
    segments = begin(store, tmp_path)
    segments.sync()
    assert segments.append(batch_of([1])) == 1
    upload(segments)
    assert steps_of(store) == [0, 1]
    assert files_of(tmp_path) == []


def test_a_spool_of_many_bytes_is_uploaded_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooled_files, "_MOST_AT_ONCE", 1000)
    store = FakeStore()
    segments = begin(store, tmp_path)
    for step in range(20):
        segments.append(batch_of([step], [10, 3000][step % 2]))
    upload(segments)
    assert steps_of(store) == list(range(20))


def test_a_spool_that_cannot_be_read_for_a_moment_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FakeStore()
    segments = begin(store, tmp_path)
    for step in range(20):
        segments.append(batch_of([step], [10, 500][step % 2]))
    chunks, faults = SpoolFile.chunks, itertools.cycle([False] * 6 + [True])

    def fail(file: SpoolFile, start: int = 0) -> Iterator[tuple[str, bytes, int]]:
        for chunk in chunks(file, start):
            if next(faults):
                raise OSError(errno.EIO, "the disk fails")
            yield chunk

    monkeypatch.setattr(SpoolFile, "chunks", fail)
    monkeypatch.setattr(spooled_files, "_MOST_AT_ONCE", 1000)
    errors = 0
    while segments.unsynced:
        try:
            upload(segments)
        except OSError:
            errors += 1
            assert files_of(tmp_path)
    assert errors > 1
    assert steps_of(store) == list(range(20))


@pytest.mark.parametrize("call", ["write", "open"])
def test_a_disk_that_fails_is_logged_and_costs_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    store = FakeStore()
    segments = begin(store, tmp_path)
    segments.append(batch_of([0]))
    monkeypatch.setattr(spool_module, "_own", own := dict(spool_module._own))
    before = len(own)

    def fail(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING, "tbimage"):
        if call == "write":
            patched.setattr(SpoolFile, "write", fail)
        else:
            upload(segments)
            patched.setattr(spool_module, "_private", fail)
        assert segments.append(batch_of([1])) == 1
        assert segments.append(batch_of([2])) == 1
        assert segments.commit_secs == 3600  # each commit is an upload
        assert files_of(tmp_path) == []
        assert len(own) == before - 1
    assert caplog.text.count("nothing can be stored") == 1
    segments.append(batch_of([3]))
    assert segments.commit_secs == 0
    upload(segments)
    assert steps_of(store) == [0, 1, 2, 3]


def test_a_write_that_fails_leaves_nothing_in_front_of_the_next(tmp_path: Path) -> None:
    class File(io.FileIO):
        def truncate(self, size: int | None = None) -> int:
            raise OSError(errno.EIO, "the disk fails")

        def write(self, data: Any) -> int:
            if fails:
                super().write(data[:5])
                raise OSError(errno.EIO, "the disk fails")
            return super().write(data)

    path = tmp_path / "a"
    file = SpoolFile(str(path), cast(BinaryIO, File(path, "xb+")))
    fails = True
    with pytest.raises(OSError, match="the disk fails"):
        file.write({RUN: batch_of([0])}, 1)
    fails = False
    file.write({RUN: batch_of([1])}, 1)
    ((directory, data, _),) = file.chunks()
    assert (directory, data) == (RUN, b"".join(batch_of([1]).pieces))
    file.close()


@pytest.mark.parametrize("faults", [[], ["before"], ["after", "after"]])
@pytest.mark.parametrize("is_left", [False, True])
def test_a_spool_that_can_no_longer_be_changed_is_uploaded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faults: list[str], is_left: bool
) -> None:
    """The directory has lost the permission to write: its files can be written, but no others."""
    store = FakeStore()
    segments = begin(store, tmp_path)
    segments.append(batch_of([0, 1]))
    if is_left:
        kill(segments)
        segments = begin(store, tmp_path)
    store.faults = iter(faults)

    def refuse(*_: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    def open_file(file: Any, mode: str, **options: Any) -> Any:
        return refuse() if mode in ("ab", "xb+") else open(file, mode, **options)

    monkeypatch.setattr(os, "remove", refuse)
    monkeypatch.setattr(spool_module, "open", open_file, raising=False)
    for _ in range(len(faults) + 2):
        with contextlib.suppress(OSError):
            upload(segments)
    assert segments.append(batch_of([2])) == 1
    kill(segments)
    begin(store, tmp_path).open()
    assert steps_of(store) == [0, 1, 2]


def test_a_file_that_another_process_uploads_meanwhile_is_not_uploaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was opened before, and is locked after the other process has deleted it."""
    fcntl = pytest.importorskip("fcntl", reason="Windows has no flock")
    store, flock = FakeStore(), fcntl.flock
    first = begin(store, tmp_path)
    first.open()
    first.append(batch_of([0]))

    def lock_later(file: Any, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        upload(first)
        flock(file, how)

    monkeypatch.setattr(spool_module, "_own", {})  # the second is another process
    monkeypatch.setattr(fcntl, "flock", lock_later)
    begin(store, tmp_path).open()
    assert steps_of(store) == [0]


def test_files_are_uploaded_in_order_though_the_clock_was_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FakeStore()
    segments = begin(store, tmp_path)
    for step, now in enumerate([2 * 10**18, 10**18, 5]):
        monkeypatch.setattr(time, "time_ns", lambda now=now: now)
        segments.append(batch_of([step]))
        segments._spool.close()
    begin(store, tmp_path).open()
    assert steps_of(store) == [0, 1, 2]


def test_an_incomplete_note_does_not_hide_the_next(tmp_path: Path) -> None:
    """The disk was full for a moment."""
    segments = begin(FakeStore(), tmp_path)
    segments.append(batch_of([0]))
    file = segments._spool.take()
    assert file is not None
    Path(file.path + ".uploads").write_bytes(b'["s3://')
    file.note(RUN, attempt := Attempt("s3://a", "me", 1, 2, 3, 4))
    assert file.attempts() == {RUN: attempt}
    file.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_forked_child_does_not_keep_the_locks_of_its_parent(tmp_path: Path) -> None:
    store = FakeStore(faults=iter(["before"]))
    first = begin(store, tmp_path)
    first.append(batch_of([0]))
    with pytest.raises(OSError, match="slow down"):
        upload(first)
    is_ready, may_end = os.pipe(), os.pipe()
    if (child := os.fork()) == 0:
        os.write(is_ready[1], b"1")
        os.read(may_end[0], 1)
        os._exit(0)
    os.read(is_ready[0], 1)
    kill(first)
    second = begin(store, tmp_path)
    second.open()
    os.write(may_end[1], b"1")
    os.waitpid(child, 0)
    for each in (*is_ready, *may_end):
        os.close(each)
    assert steps_of(store) == [0]


def test_a_directory_that_cannot_be_written_does_not_stop_the_others(tmp_path: Path) -> None:
    store = FakeStore()
    good, bad = [ObjectSegments(store, f"{RUN}/{x}", SegmentOptions()) for x in ("good", "bad")]
    spool = Spool(str(tmp_path), RUN, logger.log)
    spool.keep({bad.directory: batch_of([0]), good.directory: batch_of([1])}, 1)
    file = spool.take()
    assert file is not None

    def append(files: EventFiles, batch: Batch) -> int:
        if files is bad:
            raise PermissionError(errno.EACCES, "Permission denied")
        return files.append(batch)

    one = _Upload(file, lambda directory: good if directory == good.directory else bad, {})
    assert isinstance(one.go_on(append, logger.log), PermissionError)
    assert steps_of(store) == [1]
    assert one.go_on(ObjectSegments.append, logger.log) is None  # type: ignore[arg-type]
    assert sorted(steps_of(store)) == [0, 1]


def test_pauses_between_uploads_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``upload_secs=0``, a store with an outage got 2,000 requests a second."""
    store = FakeStore(faults=itertools.repeat("before", 8))
    segments = begin(store, tmp_path)
    segments._upload_secs = 0
    segments.append(batch_of([0]))
    clock = SimpleNamespace(monotonic=lambda: 100.0)  # a multiple of 0.5: the longest pauses
    monkeypatch.setattr(event_files, "time", clock)
    pauses = []
    for _ in range(8):
        with pytest.raises(OSError, match="slow down"):
            upload(segments)
        pauses.append(segments.sync_at - 100)
    assert pauses == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2, 2])
    upload(segments)
    assert steps_of(store) == [0]


def test_the_records_of_earlier_processes_come_before_those_of_sub_runs(tmp_path: Path) -> None:
    """While the store failed, nothing was uploaded when the writer was opened."""
    store = FakeStore()
    earlier = begin(store, tmp_path)
    earlier.append(batch_of([0]))
    kill(earlier)
    main, files = begin(store, tmp_path), ObjectSegments(store, RUN, SegmentOptions())
    runs = SpooledFiles(files, Spool(str(tmp_path), RUN, logger.log), None, 3600, main)
    runs.append(batch_of([1]))
    upload(runs)
    assert steps_of(store) == [0, 1]
    upload(main)
    assert steps_of(store) == [0, 1]


def test_the_name_of_a_run_may_have_any_characters(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path), "memory://" + "\U00020000" * 60, logger.log)
    assert spool.keep({RUN: batch_of([0])}, 1)
    spool.close()


@pytest.mark.parametrize("call", ["open", "flock", "listdir"])
def test_what_cannot_be_opened_or_locked_is_logged_once_and_uploads_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """A directory, a file of another user, or a file system without locks."""
    fcntl = pytest.importorskip("fcntl", reason="Windows has no flock")
    store = FakeStore(faults=iter(["before"]))
    first = begin(store, tmp_path)
    first.append(batch_of([0]))
    (path,) = files_of(tmp_path)
    if call == "open":
        (path.parent / SPOOL_NAME).mkdir()
        kill(first)

    monkeypatch.setattr(spool_module, "_own", {})  # the second is another process

    def refuse(*_: Any) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    second = begin(store, tmp_path)
    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING, "tbimage"):
        if call == "flock":
            patched.setattr(fcntl, "flock", refuse)
        if call == "listdir":
            patched.setattr(os, "listdir", refuse)
        with contextlib.suppress(OSError):
            second.open()
        second.append(batch_of([1]))
        with contextlib.suppress(OSError):
            upload(second)
        upload(second)
    assert caplog.text.count("are not uploaded") == 1
    assert steps_of(store) == ([0, 1] if call == "open" else [1])
    if call != "open":
        assert files_of(tmp_path) == [path]  # its process may be running
        upload(first)


@pytest.mark.parametrize("name", [SPOOL_NAME, f"{SPOOL_NAME}.uploads"])
@pytest.mark.parametrize("kind", ["link", "dangling link", "pipe", "directory"])
def test_what_is_no_file_is_not_changed_and_uploads_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, name: str
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("precious\n")
    store, spool = FakeStore(), tmp_path / "spool"
    first = begin(store, spool)
    first.append(batch_of([0]))
    (path,) = files_of(spool)
    kill(first)
    if name != SPOOL_NAME:  # the second file of this spool file
        path.rename(path.with_name(SPOOL_NAME))
    entry = path.with_name(name)
    if kind == "directory":
        entry.mkdir()
    elif kind == "pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("Windows has no named pipes")
        os.mkfifo(entry)
    else:
        if not hasattr(os, "O_NOFOLLOW"):
            pytest.skip("Windows opens the target of a link")
        entry.symlink_to(outside if kind == "link" else tmp_path / "missing")
    second = begin(store, spool)
    with caplog.at_level(logging.WARNING, "tbimage"):
        second.open()
        second.append(batch_of([1]))
        upload(second)
    assert outside.read_text() == "precious\n"
    assert not (tmp_path / "missing").exists()
    assert (entry.is_symlink(), entry.is_fifo(), entry.is_dir()).count(True) == 1
    assert caplog.text.count("are not uploaded") == 1
    # Without its notes, it is not known which records of a file are in the store.
    assert steps_of(store) == ([0, 1] if name == SPOOL_NAME else [1])


@pytest.mark.parametrize("call", ["attempts", "chunks", "later chunks"])
@pytest.mark.parametrize("faults", [[], ["before"], ["after"]])
def test_a_file_of_another_process_that_cannot_be_read_is_left_to_a_later_writer(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    faults: list[str],
) -> None:
    """Its records come to the store once, though a part of them may already be there."""
    store = FakeStore(faults=iter(faults))
    monkeypatch.setattr(spooled_files, "_MOST_AT_ONCE", 1000)
    for steps in (range(10), range(10, 20)):
        earlier = begin(store, tmp_path)
        for step in steps:
            earlier.append(batch_of([step], 500))
        kill(earlier)
    bad, _ = files_of(tmp_path)
    chunks, attempts = SpoolFile.chunks, SpoolFile.attempts

    def fail(file: SpoolFile, *_: Any) -> None:
        if file.path == str(bad):
            raise OSError(errno.EIO, "the disk fails")

    def read_chunks(file: SpoolFile, start: int = 0) -> Iterator[tuple[str, bytes, int]]:
        for number, chunk in enumerate(chunks(file, start)):
            if call == "chunks" or (start and number):
                fail(file)
            yield chunk

    def read_attempts(file: SpoolFile) -> dict[str, Attempt]:
        fail(file)
        return attempts(file)

    second = begin(store, tmp_path)
    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING, "tbimage"):
        if call == "attempts":
            patched.setattr(SpoolFile, "attempts", read_attempts)
        else:
            patched.setattr(SpoolFile, "chunks", read_chunks)
        for _ in faults:
            with pytest.raises(OSError, match=r"slow down|no answer"):
                second.open()
        second.open()
        second.append(batch_of([20]))
        upload(second)
    assert bad in files_of(tmp_path)
    assert caplog.text.count("are not uploaded") == 1
    assert set(range(10, 21)) <= set(steps_of(store))
    begin(store, tmp_path).open()
    assert sorted(steps_of(store)) == list(range(21))
    assert files_of(tmp_path) == []


@pytest.mark.parametrize("call", ["listdir", "open", "attempts", "chunks"])
@pytest.mark.parametrize(
    "error",
    [MemoryError(), *[OSError(each, "") for each in (errno.EMFILE, errno.ENFILE, errno.ENOMEM)]],
    ids=str,
)
def test_what_earlier_processes_have_left_is_uploaded_when_resources_are_free_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: Exception
) -> None:
    """The writer still refers to the error, and so to the spool file that it had locked."""
    store = FakeStore()
    first = begin(store, tmp_path)
    first.append(batch_of([0]))
    kill(first)

    def fail(*_: Any) -> Any:
        raise error

    owner: Any = {"listdir": os, "open": os}.get(call, SpoolFile)
    second = begin(store, tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(owner, call, fail)
        with pytest.raises(type(error)) as raised:
            second.open()
    second.append(batch_of([1]))
    upload(second)
    assert raised.value is error
    assert steps_of(store) == [0, 1]
    assert files_of(tmp_path) == []


@pytest.mark.parametrize("name", ["README", "README.uploads", ".nfs0001", "1-lost+found", "1-1-1"])
def test_files_with_other_names_are_not_changed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    store = FakeStore()
    first = begin(store, tmp_path)
    first.append(batch_of([0]))
    (path,) = files_of(tmp_path)
    path.with_name(name).write_text("precious\n")
    kill(first)
    upload(begin(store, tmp_path))
    assert path.with_name(name).read_text() == "precious\n"
    assert files_of(tmp_path) == [path.with_name(name)]
    assert not caplog.text
    assert steps_of(store) == [0]


@pytest.mark.parametrize("line", [b"5", b'"ab"', b"[1, 2]", b'["a", "b"]', b'["a", -1]', b"{}"])
def test_damaged_lines_cost_only_what_follows_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, line: bytes
) -> None:
    store = FakeStore()
    first = begin(store, tmp_path)
    first.append(batch_of([0]))
    (path,) = files_of(tmp_path)
    with path.open("ab") as file:
        file.write(line + b"\n")
    path.with_name(path.name + ".uploads").write_bytes(line + b"\n")
    kill(first)
    second = begin(store, tmp_path)
    second.append(batch_of([1]))
    upload(second)
    assert steps_of(store) == [0, 1]
    assert files_of(tmp_path) == []
    assert caplog.text.count(f"{path} is damaged or incomplete") == 1


def test_a_damaged_record_costs_only_the_records_that_were_written_with_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = FakeStore(faults=iter([None, "after"]))
    first = begin(store, tmp_path)
    for step in range(3):
        first.append(batch_of([step]))
    (path,) = files_of(tmp_path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    kill(first)
    for _ in range(2):  # the first does not see the answer, and is killed
        with contextlib.suppress(OSError):
            begin(store, tmp_path).open()
    assert steps_of(store) == [0, 2]
    assert caplog.text.count(f"{path} is damaged or incomplete") == 1


@pytest.mark.parametrize("on_error", ["log", "raise"])
@pytest.mark.parametrize("more", [0, 20])
@pytest.mark.parametrize("damage", ["empty", "a record less", "a part", "other bytes", "a bit"])
def test_a_flush_tells_that_another_program_has_damaged_the_spool(
    tmp_path: Path, damage: str, more: int, on_error: Any
) -> None:
    """After a loss of bytes, all that is logged afterwards comes to the store."""
    pytest.importorskip("fsspec")
    url = f"memory://bucket/{tmp_path.name}"
    options: Any = {"upload_secs": 3600, "flush_secs": 0, "on_error": on_error}
    writer = tbimage.SummaryWriter(url, spool_dir=tmp_path, **options)
    writer.scalar("loss", 1.0, step=0)  # the first upload is due at once
    assert writer.flush()
    for step in range(1, 20):
        writer.scalar("loss", 1.0, step)
    (path,) = files_of(tmp_path)
    before = path.read_bytes()
    rest = {
        "empty": b"",
        "a record less": before[: before.rindex(b"[")],  # without the last chunk
        "a part": before[:500],
        "other bytes": bytes(len(before)),
        "a bit": before[:-1] + bytes([before[-1] ^ 1]),
    }
    with path.open("rb+") as file:
        file.write(rest[damage])
        file.truncate()
    for step in range(20, 20 + more):
        writer.scalar("loss", 1.0, step)
    if on_error == "raise":
        with pytest.raises(OSError, match="some of the summaries in this file are lost"):
            writer.flush()
    else:
        assert not writer.flush()
    writer.scalar("loss", 1.0, step=100)
    assert writer.flush()
    assert writer.stats().healthy
    assert writer.close()
    steps = tbimage.read(url)["."].scalars("loss").steps.tolist()
    assert 0 < len(steps) < 21 + more
    if damage != "other bytes":  # nothing behind a damaged line can be read
        assert steps[-more - 1 :] == [*range(20, 20 + more), 100]
    assert files_of(tmp_path) == []


@pytest.mark.parametrize("more", [0, 1])
def test_a_close_tells_that_another_program_has_damaged_the_spool(
    tmp_path: Path, more: int
) -> None:
    pytest.importorskip("fsspec")
    url = f"memory://bucket/{tmp_path.name}"
    options: Any = {"upload_secs": 3600, "flush_secs": 0, "on_error": "log"}
    writer = tbimage.SummaryWriter(url, spool_dir=tmp_path, **options)
    writer.scalars("both", {"a": 1.0}, step=0)  # the first upload of a sub-run is due at once
    assert writer.flush()
    writer.scalars("both", {"a": 1.0}, step=1)
    (path,) = files_of(tmp_path)
    os.truncate(path, 0)
    for _ in range(more):
        writer.scalars("both", {"a": 1.0}, step=2)
    assert not writer.close()
    assert "are lost" in str(writer.stats().last_error)
    assert files_of(tmp_path) == []


def test_a_size_beyond_the_file_takes_no_memory(tmp_path: Path) -> None:
    store = FakeStore()
    first = begin(store, tmp_path)
    first.append(batch_of([0]))
    (path,) = files_of(tmp_path)
    data = path.read_bytes()
    size = str(batch_of([0]).size).encode()
    path.write_bytes(data.replace(size, b"9" * 30, 1))
    kill(first)
    upload(begin(store, tmp_path))
    assert steps_of(store) == [0]


def test_a_writer_with_a_spool_uploads_everything(tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    url = "memory://spool/spooled"
    with tbimage.SummaryWriter(url, upload_secs=0.3, spool_dir=str(tmp_path)) as writer:
        for step in range(200):
            writer.scalar("loss", 1.0, step=step)
            writer.scalars("both", {"a": 1.0}, step=step)
            if step % 50 == 49:
                assert writer.flush()
        writer.scalar("loss", 1.0, step=200)
        while tbimage.read(url)["."].scalars("loss").steps[-1] < 200:  # without a flush
            pass
    logs = tbimage.read(url)
    assert logs["."].scalars("loss").steps.tolist() == list(range(201))
    assert logs["both_a"].scalars("both").steps.size == 200
    assert files_of(tmp_path) == []


def test_what_was_accepted_before_a_kill_is_uploaded_by_the_next_writer(tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    program = f"""
import os, time
import tbimage
url = "memory://spool/killed"
writer = tbimage.SummaryWriter(url, upload_secs=3600, spool_dir={str(tmp_path)!r})
writer.scalar("loss", 1.0, step=0)
assert writer.flush()
for step in range(1, 100):
    writer.scalar("loss", 1.0, step=step)
end = time.monotonic() + 100
while writer.stats().written < 100 and time.monotonic() < end:  # the rest after flush_secs
    time.sleep(0.01)
os._exit(9)
"""
    subprocess.run([sys.executable, "-c", program], check=False, timeout=200)
    assert files_of(tmp_path)
    with tbimage.SummaryWriter("memory://spool/killed", spool_dir=str(tmp_path)) as writer:
        writer.scalar("loss", 1.0)
    steps = tbimage.read("memory://spool/killed")["."].scalars("loss").steps.tolist()
    assert steps == [*range(1, 100), 100]  # step 0 was in the memory of the other process


@pytest.mark.parametrize("error", [MemoryError, RuntimeError])
def test_an_upload_whose_thread_cannot_start_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    pytest.importorskip("fsspec")
    run = f"memory://bucket/{tmp_path.name}"
    writer = tbimage.SummaryWriter(run, spool_dir=tmp_path / "spool", on_error="log")
    start, failures = threading.Thread.start, [error()]

    def fail_once(thread: threading.Thread) -> None:
        if failures:
            raise failures.pop()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", fail_once)
    for step in range(3):
        writer.scalar("loss", 1.0, step)
        readers.wait_until(lambda: writer.flush(60), "the upload")
    assert not failures
    assert writer.stats().healthy
    assert writer.close()
    assert tbimage.read(run)["."].scalars("loss").steps.tolist() == [0, 1, 2]


def test_a_call_to_a_local_run_returns_when_its_summary_is_on_the_disk(tmp_path: Path) -> None:
    writer = tbimage.SummaryWriter(tmp_path / "run", flush_secs=0, spool_dir=tmp_path / "spool")
    for step in range(5):
        writer.scalar("loss", 1.0, step)
        assert tbimage.read(tmp_path)["run"].scalars("loss").steps.tolist() == [*range(step + 1)]
    writer.close()
    assert not (tmp_path / "spool").exists()


def test_a_call_returns_when_its_summary_is_on_the_disk_though_uploads_fail_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fsspec")

    def fail(*_: Any) -> int:
        raise OSError(errno.EIO, "no answer")

    def make(step: int) -> bytes:
        """A summary that takes as long as several uploads that fail."""
        time.sleep(0.5)
        return scalar.summary("slow", float(step), None)

    with monkeypatch.context() as patch:
        patch.setattr(ObjectSegments, "append", fail)
        writer = tbimage.SummaryWriter(
            "memory://spool/slow",
            upload_secs=0.01,
            flush_secs=0,
            spool_dir=str(tmp_path),
            on_error="log",
            close_timeout=100,
        )
        writer.scalar("loss", 1.0, step=0)
        for step in range(1, 4):
            before = sum(path.stat().st_size for path in files_of(tmp_path))
            assert writer._log("slow", step, time.time(), make, step, cost=100_000)
            assert sum(path.stat().st_size for path in files_of(tmp_path)) > before
        writer.close(0.1)
    readers.wait_until(lambda: not files_of(tmp_path), "the upload")


def no_answer(*_: Any) -> Any:
    raise OSError(errno.EIO, "no answer")


@pytest.mark.parametrize("with_spool", [False, True])
@pytest.mark.parametrize("kind", ["scalar", "scalars"])
def test_each_outage_of_a_store_and_its_end_are_logged_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    with_spool: bool,
) -> None:
    pytest.importorskip("fsspec")
    writer = tbimage.SummaryWriter(
        f"memory://spool/{tmp_path.name}",
        upload_secs=0.05,
        spool_dir=tmp_path if with_spool else None,
        on_error="log",
    )

    def log(step: int) -> None:
        assert (
            writer.scalar("a", 0.5, step) if kind == "scalar" else writer.scalars("a", {"k": 0.5})
        )

    for outage in range(3):
        log(2 * outage)
        assert writer.flush(60)
        with monkeypatch.context() as patch:
            patch.setattr(ObjectSegments, "append", no_answer)
            log(2 * outage + 1)
            for _ in range(3):
                assert writer.flush(60) is False
            assert not writer.stats().healthy
        assert writer.flush(60)
        assert writer.stats().healthy
        lines = [record.levelname for record in caplog.records]
        assert lines == ["ERROR", "WARNING"] * (outage + 1), caplog.messages
    assert all("works again" in message for message in caplog.messages[1::2])
    assert writer.close()


@pytest.mark.parametrize("failing", ["open", "append"])
def test_writing_works_again_only_after_an_upload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, failing: str
) -> None:
    """A writer is opened while the store fails; "append": another process has left records."""
    pytest.importorskip("fsspec")
    run, spool = f"memory://spool/{tmp_path.name}", tmp_path / "spool"
    if failing == "append":
        left = Spool(str(spool), run, logger.log)
        assert left.keep({run: batch_of([0])}, 1)
        left.close()
    with monkeypatch.context() as patch:
        patch.setattr(ObjectSegments, failing, no_answer)
        patch.setattr(ObjectSegments, "append", no_answer)
        writer = tbimage.SummaryWriter(run, spool_dir=spool, on_error="log", upload_secs=0.05)
        assert not writer.stats().healthy
        for step in range(3):
            assert writer.scalar("a", 0.5, step)
            readers.wait_until(lambda: writer.stats().written > step, "the spool")  # noqa: B023
            assert writer.flush(60) is False
        assert not writer.stats().healthy
        assert [record.levelname for record in caplog.records] == ["ERROR"], caplog.messages
    assert writer.flush(60)
    assert writer.stats().healthy
    assert writer.close()
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


@pytest.mark.parametrize("kind", ["scalar", "scalars"])
def test_a_writer_whose_uploads_hang_is_not_healthy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The summaries are on the local disk, so none of them is pending."""
    pytest.importorskip("fsspec")
    goes_on, append = threading.Event(), ObjectSegments.append

    def hang(*arguments: Any) -> int:
        goes_on.wait(30)
        return append(*arguments)

    def in_spool() -> bool:
        return writer.stats().pending_items == 0

    writer = tbimage.SummaryWriter(
        f"memory://spool/{tmp_path.name}", spool_dir=tmp_path, upload_secs=0.05
    )
    assert writer.flush(60)
    monkeypatch.setattr(ObjectSegments, "append", hang)
    monkeypatch.setattr(writer_stats, "STUCK_SECS", 1.0)
    for step in range(3):
        writer.scalar("a", 0.5, step) if kind == "scalar" else writer.scalars("a", {"k": 0.5})
    readers.wait_until(in_spool, "the spool")
    readers.wait_until(lambda: not writer.stats().healthy, "the end of patience", 15)
    assert writer.stats().pending_items == 0
    goes_on.set()
    readers.wait_until(lambda: writer.stats().healthy, "the upload")
    assert writer.close()


def test_a_writer_whose_uploads_are_not_due_is_healthy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fsspec")
    writer = tbimage.SummaryWriter(
        f"memory://spool/{tmp_path.name}", spool_dir=tmp_path, upload_secs=3600
    )
    for step in range(3):  # the first upload is due at once
        assert writer.scalar("a", 0.5, step)
        assert step or writer.flush(60)
    readers.wait_until(lambda: writer.stats().pending_items == 0, "the spool")
    assert files_of(tmp_path)
    monkeypatch.setattr(writer_stats, "STUCK_SECS", 0.0)
    assert writer.stats().healthy
    assert writer.close()


def test_each_part_of_an_upload_is_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooled_files, "_MOST_AT_ONCE", 1)
    append, due = ObjectSegments.append, []

    def note(files: ObjectSegments, batch: Batch) -> int:
        due.append(segments.upload_due)
        time.sleep(0.001)
        return append(files, batch)

    monkeypatch.setattr(ObjectSegments, "append", note)
    segments = begin(FakeStore(), tmp_path)
    for step in range(5):
        segments.append(batch_of([step]))
    upload(segments)
    assert len(due) == 5
    assert due == sorted(set(due))
