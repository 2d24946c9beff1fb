"""Segments: files that both loaders can read, also after faults."""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tbimage.events import segments as segments_module
from tbimage.events.descriptors import SharingStorage
from tbimage.events.segments import SegmentOptions, Segments
from tbimage.events.storage import LocalStorage
from tests.events.memory_storage import MemoryStorage
from tests.events.segmenting import append_all, batch_of, contents, decode, local, steps_of
from tests.pipeline.faulty import FaultyStorage, error, failing, healthy
from tests.pipeline.resources import descriptors

# Rotation.


def test_a_segment_is_complete_and_closed_before_the_next_exists(tmp_path: Path) -> None:
    class Watching(LocalStorage):
        def create(self, path: str) -> Any:
            assert descriptors(tmp_path) == 0
            return super().create(path)

    segments = Segments(Watching(), os.fspath(tmp_path), SegmentOptions(max_file_bytes=200))
    for step in range(30):
        append_all(segments, batch_of([step]))
    segments.seal()
    assert steps_of(tmp_path) == list(range(30))
    assert segments.count == len(contents(tmp_path)) > 5
    assert segments.bytes_written == sum(map(len, contents(tmp_path)))
    assert all(len(content) <= 200 for content in contents(tmp_path))


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 300)), max_size=8), st.integers(1, 600))
def test_no_segment_grows_beyond_its_limit(parts: list[tuple[int, int]], limit: int) -> None:
    """A segment may be larger if it holds a single record."""
    storage = MemoryStorage()
    segments = Segments(storage, "run", SegmentOptions(max_file_bytes=limit))
    segments.open()
    step = 0
    for count, size in parts:
        append_all(segments, batch_of(range(step, step + count), size))
        step += count
    assert steps_of(storage) == list(range(step))
    for content in contents(storage):
        assert len(content) <= limit or len(decode(content)) <= 2
    # The first segment is there from the start; any other holds at least one record.
    assert all(len(decode(content)) >= 2 for content in contents(storage)[1:])


def test_a_record_above_the_limit_leaves_no_empty_segment() -> None:
    storage = MemoryStorage()
    segments = Segments(storage, "run", SegmentOptions(max_file_bytes=100))
    segments.open()
    append_all(segments, batch_of([0], 500))
    append_all(segments, batch_of([1], 500))
    assert [len(decode(content)) for content in contents(storage)] == [2, 2]


def test_an_old_segment_ends_with_the_next_record(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    clock = SimpleNamespace(monotonic=lambda: now, time=time.time)
    monkeypatch.setattr(segments_module, "time", clock)  # not of threads of other tests
    storage = MemoryStorage()
    segments = Segments(storage, "run", SegmentOptions(max_file_secs=60))
    append_all(segments, batch_of([0, 1]))
    now += 59
    append_all(segments, batch_of([2]))
    now += 1
    append_all(segments, batch_of([3, 4]))
    assert [len(decode(content)) for content in contents(storage)] == [4, 3]


def test_names_sort_also_when_the_clock_steps_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1.7e9
    monkeypatch.setattr(time, "time", lambda: now)
    storage = MemoryStorage()
    segments = Segments(storage, "run", SegmentOptions(max_file_bytes=1))
    for step in range(12):
        append_all(segments, batch_of([step]))
        now -= 1000
    assert steps_of(storage) == list(range(12))


def test_two_segments_of_one_second_and_one_process_have_two_names(tmp_path: Path) -> None:
    one, two = local(tmp_path), local(tmp_path)
    one.open()
    two.open()
    assert one.path != two.path
    append_all(one, batch_of([1]))
    append_all(two, batch_of([2]))
    assert steps_of(tmp_path) == [1, 2]


def test_a_name_that_is_taken_but_not_listed_is_passed_over(tmp_path: Path) -> None:
    """As on NFS, where a directory's listing may be a minute old."""

    class Stale(LocalStorage):
        def names(self, directory: str) -> list[str]:
            return []

    for step in range(3):
        segments = Segments(Stale(), os.fspath(tmp_path), SegmentOptions())
        append_all(segments, batch_of([step]))
    assert steps_of(tmp_path) == [0, 1, 2]


def test_a_directory_in_which_no_name_is_free_is_an_error(tmp_path: Path) -> None:
    class Taken(LocalStorage):
        def create(self, path: str) -> Any:
            raise FileExistsError(errno.EEXIST, "taken", path)

    segments = Segments(Taken(), os.fspath(tmp_path), SegmentOptions())
    with pytest.raises(FileExistsError, match="all names"):
        segments.open()


# Faults.


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=6),
    st.lists(
        st.one_of(
            st.none(),
            st.integers(1, 120),
            st.sampled_from([errno.ENOSPC, errno.EINTR, errno.EIO, errno.EDQUOT, errno.EBADF]).map(
                error
            ),
        ),
        max_size=25,
    ),
    st.sampled_from([None, 150, 400]),
)
def test_each_record_is_written_once_and_in_order_in_spite_of_faults(
    batches: list[int], faults: list[OSError | int | None], limit: int | None
) -> None:
    """At every instant, each file is a prefix of its final content, torn at most at its end."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        left = list(faults)
        seen: dict[Path, bytes] = {}

        def plan(operation: str, size: int) -> OSError | int | None:
            for path in directory.iterdir():
                content = path.read_bytes()
                assert content.startswith(seen.get(path, b""))
                seen[path] = content
                decode(content)  # nothing behind a torn record
            return left.pop(0) if operation == "write" and left else None

        segments = Segments(FaultyStorage(plan), name, SegmentOptions(max_file_bytes=limit))
        step = 0
        for count in batches:
            append_all(segments, batch_of(range(step, step + count)))
            step += count
        segments.seal()
        assert steps_of(directory) == list(range(step))
        assert segments.bytes_written == sum(map(len, contents(directory)))
        assert segments.count == len(contents(directory))


def test_a_segment_continues_after_a_full_disk(tmp_path: Path) -> None:
    storage = FaultyStorage(healthy)
    segments = Segments(storage, os.fspath(tmp_path), SegmentOptions())
    append_all(segments, batch_of([0]))
    full: Iterator[OSError | int] = iter([10, error(errno.ENOSPC), error(errno.ENOSPC)])
    storage.plan = lambda operation, size: next(full, None) if operation == "write" else None
    batch = batch_of([1, 2])
    for _ in range(2):
        with pytest.raises(OSError, match="No space"):
            segments.append(batch)
        assert steps_of(tmp_path) == [0]
    append_all(segments, batch)
    assert steps_of(tmp_path) == [0, 1, 2]
    assert segments.count == 1


def test_after_a_broken_file_the_record_begins_a_new_one(tmp_path: Path) -> None:
    storage = FaultyStorage(healthy)
    segments = Segments(storage, os.fspath(tmp_path), SegmentOptions())
    append_all(segments, batch_of([0]))
    broken: Iterator[OSError | int] = iter([10, error(errno.EIO)])
    storage.plan = lambda operation, size: next(broken, None) if operation == "write" else None
    batch = batch_of([1, 2])
    with pytest.raises(OSError, match="Input/output"):
        segments.append(batch)
    append_all(segments, batch)
    first, second = contents(tmp_path)
    assert len(decode(first)) == 2
    assert len(decode(second)) == 3


def test_a_disk_that_always_fails_leaves_one_file(
    tmp_path: Path,
) -> None:
    storage = FaultyStorage(healthy)
    segments = Segments(storage, os.fspath(tmp_path), SegmentOptions())
    append_all(segments, batch_of([0]))
    storage.plan = failing("write", error(errno.EIO))
    for _ in range(20):
        with pytest.raises(OSError, match="Input/output"):
            segments.append(batch_of([1]))
    assert len(contents(tmp_path)) == 2
    storage.plan = healthy
    append_all(segments, batch_of([1]))
    assert steps_of(tmp_path) == [0, 1]
    assert len(contents(tmp_path)) == 2


def test_a_descriptor_that_other_code_closed_is_replaced(tmp_path: Path) -> None:
    segments = local(tmp_path)
    segments.open()
    os.close(segments._file._descriptor)  # type: ignore[union-attr]
    append_all(segments, batch_of([0]))
    assert steps_of(tmp_path) == [0]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_a_file_that_cannot_be_opened_again_for_lack_of_descriptors_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*arguments: object) -> None:
        raise error(number)

    storage = SharingStorage(1)
    runs = [Segments(storage, os.fspath(tmp_path / name), SegmentOptions()) for name in "ab"]
    for run in runs:
        append_all(run, batch_of([0]))
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", fail)
        with pytest.raises(OSError, match="Too many open files"):
            runs[0].append(batch_of([1]))
    append_all(runs[0], batch_of([1]))
    assert (runs[0].count, runs[0].displaced) == (1, 0)
    assert steps_of(tmp_path / "a") == [0, 1]


def test_a_storage_that_writes_nothing_is_an_error() -> None:
    class Lazy(MemoryStorage):
        def create(self, path: str) -> Any:
            file = super().create(path)
            file.write = lambda pieces: 0  # type: ignore[method-assign]
            return file

    segments = Segments(Lazy(), "run", SegmentOptions())
    with pytest.raises(OSError, match="wrote nothing"):
        segments.append(batch_of([0]))


@pytest.mark.parametrize("what", ["file", "directory", "replaced", "moved"])
def test_a_deleted_file_is_replaced_and_logged_once(
    tmp_path: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    run = tmp_path / "run"
    segments = local(run)
    append_all(segments, batch_of([0]))
    assert segments.path is not None
    path = Path(segments.path)
    if what == "moved":
        run.rename(tmp_path / "elsewhere")
    else:
        path.unlink()
    if what == "directory":
        run.rmdir()
    if what == "replaced":
        path.write_bytes(b"")
    with caplog.at_level(logging.WARNING, "tbimage"):
        for step in (1, 2, 3):
            append_all(segments, batch_of([step]))
    assert segments.displaced == 1
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert str(path) in caplog.text
    assert steps_of(run) == [1, 2, 3]


def test_min_free_bytes_counts_as_a_full_disk(tmp_path: Path) -> None:
    class Shrinking(LocalStorage):
        free = 5000

        def free_bytes(self, directory: str) -> int:
            return self.free

    storage = Shrinking()
    segments = Segments(storage, os.fspath(tmp_path), SegmentOptions(min_free_bytes=1000))
    append_all(segments, batch_of([0]))
    messages_seen = set()
    for storage.free in (1027, 1001, 17):
        with pytest.raises(OSError, match="min_free_bytes=1000") as caught:
            segments.append(batch_of([1]))
        assert caught.value.errno == errno.ENOSPC
        messages_seen.add(str(caught.value))
    assert len(messages_seen) == 1  # one cause is one line in the log
    storage.free = 5000
    append_all(segments, batch_of([1]))
    assert steps_of(tmp_path) == [0, 1]
    assert segments.count == 1


# Durability.


@pytest.mark.parametrize(
    ("fsync", "flushed", "sealed"), [("never", 0, 0), ("flush", 1, 2), ("close", 0, 1)]
)
def test_fsync_happens_when_it_was_asked_for(
    tmp_path: Path, fsync: str, flushed: int, sealed: int
) -> None:
    storage = FaultyStorage(healthy)
    segments = Segments(storage, os.fspath(tmp_path), SegmentOptions(fsync=fsync))
    append_all(segments, batch_of([0]))
    segments.sync()
    assert storage.count("sync") == flushed
    segments.seal()
    assert storage.count("sync") == sealed
    assert storage.count("sync_directory") == min(sealed, 1)  # its name is new only once


def test_a_segment_that_cannot_be_synced_is_not_continued(tmp_path: Path) -> None:
    """The system forgets data that it could not write: a second fsync succeeds without effect."""
    storage = FaultyStorage(healthy)
    segments = Segments(storage, os.fspath(tmp_path), SegmentOptions(fsync="flush"))
    append_all(segments, batch_of([0]))
    storage.plan = failing("sync", error(errno.EIO), times=1)
    with pytest.raises(OSError, match="Input/output"):
        segments.sync()
    append_all(segments, batch_of([1]))
    segments.sync()
    assert [len(decode(content)) for content in contents(tmp_path)] == [2, 2]


@pytest.mark.parametrize("end", ["rotation", "broken"])
def test_a_sync_reports_an_earlier_segment_that_could_not_be_synced(
    tmp_path: Path, end: str
) -> None:
    storage = FaultyStorage(healthy)
    options = SegmentOptions(fsync="flush", max_file_bytes=100 if end == "rotation" else None)
    segments = Segments(storage, os.fspath(tmp_path), options)
    append_all(segments, batch_of([0]))
    fault = error(errno.EIO)
    storage.plan = lambda operation, size: fault if operation in ("write", "sync") else None
    with pytest.raises(OSError, match="Input/output"):
        segments.append(batch_of([1]))
    storage.plan = healthy
    append_all(segments, batch_of([1]))
    with pytest.raises(OSError, match="Input/output"):
        segments.sync()
    append_all(segments, batch_of([2]))
    segments.sync()
    assert steps_of(tmp_path) == [0, 1, 2]


def test_a_segment_that_cannot_be_synced_is_closed_anyway(tmp_path: Path) -> None:
    storage = FaultyStorage(failing("sync", error(errno.EIO), times=1))
    segments = Segments(storage, os.fspath(tmp_path), SegmentOptions(fsync="close"))
    append_all(segments, batch_of([0]))
    assert descriptors(tmp_path) == 1
    with pytest.raises(OSError, match="Input/output"):
        segments.seal()
    assert descriptors(tmp_path) == 0
    append_all(segments, batch_of([1]))
    assert steps_of(tmp_path) == [0, 1]


def test_a_forgotten_file_is_not_changed(tmp_path: Path) -> None:
    storage = FaultyStorage(healthy)
    segments = Segments(storage, os.fspath(tmp_path), SegmentOptions(fsync="close"))
    append_all(segments, batch_of([0]))
    segments.forget()
    segments.forget()
    assert storage.count("sync") == 0
    append_all(segments, batch_of([1]))
    assert segments.count == 2
