"""Records on the local disk that a store has not acknowledged."""

from __future__ import annotations

import errno
import itertools
import logging
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import tbimage
from tbimage.events import object_segments
from tbimage.events.object_segments import ObjectSegments
from tbimage.events.segments import SegmentOptions
from tests.events.segmenting import batch_of
from tests.events.stores import FakeStore
from tests.events.test_object_segments import RUN, steps_of


def begin(store: FakeStore, spool: Path, **options: Any) -> ObjectSegments:
    return ObjectSegments(store, RUN, SegmentOptions(), upload_secs=3600, spool_dir=str(spool))


def files(spool: Path) -> list[int]:
    """Return the sizes of the files in a spool."""
    return sorted(path.stat().st_size for path in spool.rglob("*") if path.is_file())


def test_records_wait_on_the_disk_until_an_upload_is_due(tmp_path: Path) -> None:
    store = FakeStore()
    segments = begin(store, tmp_path)
    segments.open()
    assert segments.append(batch_of([0])) == 1
    assert segments.sync_at <= time.monotonic()  # the first is due at once
    segments.sync()
    assert segments.append(batch_of([1, 2])) == 2
    assert segments.append(batch_of([3])) == 1
    assert time.monotonic() < segments.sync_at < math.inf
    assert files(tmp_path) == [batch_of([1, 2, 3]).size]
    assert steps_of(store) == [0]
    segments.sync()
    assert segments.sync_at == math.inf
    assert steps_of(store) == [0, 1, 2, 3]
    assert files(tmp_path) == [0]
    segments.seal()
    assert files(tmp_path) == []


def test_the_next_process_uploads_what_an_ended_one_has_left(tmp_path: Path) -> None:
    store = FakeStore()
    first = begin(store, tmp_path)
    first.append(batch_of([0, 1, 2]))
    assert first._spool is not None
    assert first._spool._file is not None
    os.write(first._spool._file, b"half a record")
    os.close(first._spool._file)  # as a kill does
    second = begin(store, tmp_path)
    second.open()
    second.append(batch_of([3]))
    second.seal()
    assert steps_of(store) == [0, 1, 2, 3]
    assert files(tmp_path) == []


def test_the_spool_of_a_running_process_is_not_uploaded_by_another(tmp_path: Path) -> None:
    store = FakeStore()
    first, second = begin(store, tmp_path), begin(store, tmp_path)
    first.append(batch_of([0]))
    second.open()
    assert steps_of(store) == []
    first.sync()
    assert steps_of(store) == [0]


def test_records_are_on_the_disk_while_the_store_fails(tmp_path: Path) -> None:
    store = FakeStore(faults=itertools.cycle(["before", "after"]))
    segments = begin(store, tmp_path)
    for step in range(5):
        assert segments.append(batch_of([step])) == 1
        with pytest.raises(OSError, match=r"slow down|no answer"):
            segments.sync()
        assert segments.sync_at < math.inf
    store.faults = iter(())
    segments.sync()
    assert steps_of(store) == list(range(5))


def test_a_spool_of_many_bytes_is_uploaded_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_segments, "_MOST_AT_ONCE", 1000)
    store = FakeStore()
    segments = begin(store, tmp_path)
    for step in range(20):
        segments.append(batch_of([step], [10, 3000][step % 2]))
    segments.sync()
    assert steps_of(store) == list(range(20))


def test_a_failing_disk_is_logged_and_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FakeStore()
    segments = begin(store, tmp_path)
    segments.append(batch_of([0]))

    def write(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING, "tbimage"):
        patched.setattr(os, "write", write)
        assert segments.append(batch_of([1])) == 1
        assert segments.append(batch_of([2])) == 1
    assert caplog.text.count("nothing can be kept") == 1
    segments.append(batch_of([3]))
    segments.sync()
    assert steps_of(store) == [0, 1, 2, 3]


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
    assert files(tmp_path) == []


def test_the_next_writer_uploads_what_was_accepted_before_a_kill(tmp_path: Path) -> None:
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
time.sleep(1)  # more than flush_secs
os._exit(9)
"""
    subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    assert len(files(tmp_path)) == 1
    with tbimage.SummaryWriter("memory://spool/killed", spool_dir=str(tmp_path)) as writer:
        writer.scalar("loss", 1.0)
    steps = tbimage.read("memory://spool/killed")["."].scalars("loss").steps.tolist()
    assert steps == [*range(1, 100), 100]  # step 0 was in the memory of the other process
