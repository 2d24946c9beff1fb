"""Retention: only the oldest segments are deleted, and none that somebody may be reading."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from tbimage.events.event_files import NEWEST_KEPT, YOUNG_SECS, SegmentOptions
from tbimage.events.segments import Segments
from tbimage.events.storage import LocalStorage
from tests.events.segmenting import append_all, batch_of, contents, local, steps_of


def age(directory: Path, seconds: float, but: int = 0) -> None:
    """Let all files but the newest look as if nothing had been written to them for so long."""
    then = time.time() - seconds
    files = sorted(directory.glob("*tfevents*"))
    for path in files[: len(files) - but]:
        os.utime(path, (then, then))


def fill(segments: Segments, count: int, size: int = 0) -> None:
    for step in range(count):
        append_all(segments, batch_of([step], size))


@pytest.mark.parametrize("keep", [2, 3, 7])
def test_the_oldest_files_beyond_keep_files_are_deleted(tmp_path: Path, keep: int) -> None:
    segments = local(tmp_path, max_file_bytes=1, keep_files=keep)
    for step in range(20):
        append_all(segments, batch_of([step]))
        age(tmp_path, YOUNG_SECS + 1)
    assert steps_of(tmp_path) == list(range(20 - keep, 20))


def test_the_oldest_files_beyond_keep_bytes_are_deleted(tmp_path: Path) -> None:
    segments = local(tmp_path, max_file_bytes=1, keep_bytes=5000)
    for step in range(20):
        append_all(segments, batch_of([step], 1000))
        age(tmp_path, YOUNG_SECS + 1)
    kept = contents(tmp_path)
    assert sum(map(len, kept[:-1])) <= 5000 < sum(map(len, kept)) + len(kept[0])
    assert steps_of(tmp_path) == list(range(20 - len(kept), 20))


def test_young_files_and_the_newest_two_are_kept(tmp_path: Path) -> None:
    fill(local(tmp_path, max_file_bytes=1, keep_files=2), 6)
    assert len(contents(tmp_path)) == 6
    age(tmp_path, YOUNG_SECS + 1)
    segments = local(tmp_path, keep_bytes=0)
    segments.open()
    assert len(contents(tmp_path)) == NEWEST_KEPT == 2
    assert segments.path is not None
    assert Path(segments.path).exists()


def test_a_restart_deletes_old_files_too(tmp_path: Path) -> None:
    """Otherwise a service that crashes before its first rotation would fill the disk."""
    for _ in range(10):
        segments = local(tmp_path, keep_files=3)
        fill(segments, 1)
        segments.seal()
        age(tmp_path, YOUNG_SECS + 1)
    assert len(contents(tmp_path)) == 3


def test_only_files_with_own_names_and_suffix_are_deleted(tmp_path: Path) -> None:
    others = [
        "events.out.tfevents.1000000000.host",
        "events.out.tfevents.1000000000.host.17.0.v2",
        "events.out.tfevents.1000000000.host.17.000003.other",
        "notes.txt",
    ]
    for name in others:
        (tmp_path / name).write_bytes(bytes(10_000))
    segments = local(tmp_path, max_file_bytes=1, keep_files=2, keep_bytes=0, filename_suffix=".v2")
    for step in range(6):
        append_all(segments, batch_of([step]))
        for path in tmp_path.iterdir():
            os.utime(path, (1e9, 1e9))
    assert all((tmp_path / name).exists() for name in others)
    assert len(list(tmp_path.glob("*.v2"))) == 2 + 1


def test_the_oldest_files_are_deleted_first(tmp_path: Path) -> None:
    fill(local(tmp_path, max_file_bytes=1), 8)
    age(tmp_path, YOUNG_SECS + 1)
    removed = []

    class Noting(LocalStorage):
        def remove(self, path: str) -> None:
            removed.append(path)
            super().remove(path)

    Segments(Noting(), os.fspath(tmp_path), SegmentOptions(keep_files=2)).open()
    assert removed == sorted(removed)
    assert len(removed) == 7


def test_undeletable_files_do_not_stop_logging(tmp_path: Path) -> None:
    class Refusing(LocalStorage):
        def remove(self, path: str) -> None:
            raise PermissionError(errno.EPERM, "not yours", path)

    fill(local(tmp_path, max_file_bytes=1), 4)
    age(tmp_path, YOUNG_SECS + 1)
    segments = Segments(Refusing(), os.fspath(tmp_path), SegmentOptions(keep_files=2))
    append_all(segments, batch_of([4]))
    assert steps_of(tmp_path) == [0, 1, 2, 3, 4]
