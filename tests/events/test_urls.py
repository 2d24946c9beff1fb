"""URLs of run directories: valid and invalid ones, and writers at memory:// URLs."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage.events.storage import filesystems, urls
from tbimage.reading import copies as module
from tbimage.reading.copies import Copies
from tbimage.reading.targets import whole_file

pytest.importorskip("fsspec")


@pytest.mark.parametrize(
    ("given", "checked"),
    [
        ("memory://runs/a", "memory://runs/a"),
        ("MEMORY://runs//a/./", "memory://runs/a"),
        ("memory:///runs/a", "memory:///runs/a"),
    ],
)
def test_urls_that_are_right(given: str, checked: str) -> None:
    assert urls.check_url(given, "logdir") == checked


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("no-such://bucket/run", "fsspec has no protocol 'no-such'"),
        ("memory://a/../b", "must not contain '..'"),
        ("simplecache::memory://a", "one URL and no chain"),
    ],
)
def test_urls_that_are_wrong(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        tbimage.SummaryWriter(url)
    with pytest.raises(ValueError, match=problem):
        tbimage.read(url)


@pytest.mark.parametrize(
    ("url", "extra", "module"),
    [("s3://b/r", "s3", "s3fs"), ("gs://b/r", "gs", "gcsfs"), ("az://b/r", "az", "adlfs")],
)
def test_a_package_that_is_missing_is_named(
    url: str, extra: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fsspec.registry import _registry

    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(_registry, url.partition(":")[0], raising=False)
    for use in (tbimage.SummaryWriter, tbimage.read):
        with pytest.raises(ImportError, match=rf"pip install 'tbimage\[{extra}\]'"):
            use(url)


def test_a_local_path_is_no_url() -> None:
    assert not urls.is_url("runs/a")
    assert not urls.is_url("C:\\runs")
    assert urls.is_url("memory://runs")


def test_a_log_in_memory_is_read_back() -> None:
    url = "memory://tests/everything"
    picture = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    for run in range(2):
        with tbimage.SummaryWriter(url) as writer:
            for _ in range(5):
                writer.scalar("loss", 0.5)
                writer.scalars("both", {"a": 1, "b": 2})
            writer.image("noise", picture)
            assert writer.flush()
            assert writer.logdir == url
            assert str(writer.path).startswith(url)
            logs = tbimage.read("memory://tests")
            assert logs.runs == ["everything", "everything/both_a", "everything/both_b"]
            assert logs["everything"].scalars("loss").steps.tolist() == list(range(5 * run + 5))
            assert logs["everything/both_a"].scalars("both").steps.size == 5 * run + 5
    assert np.array_equal(logs["everything"].images("noise")[-1].pixels(), picture)


def test_logs_are_refreshed_and_their_copies_outlive_them() -> None:
    url = "memory://tests/refreshed"
    with tbimage.SummaryWriter(url) as writer:
        writer.scalar("loss", 1.0, step=0)
        writer.text("note", "first", step=0)
        writer.flush()
        logs = tbimage.read(url)
        writer.scalar("loss", 1.0, step=1)
        writer.flush()
        logs.refresh()
    assert logs["."].scalars("loss").steps.tolist() == [0, 1]
    notes = logs["."].texts("note")
    del logs
    assert notes[0].text == "first"


def test_objects_that_are_deleted_during_a_refresh_are_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    for name in ("a", "b", "c"):
        memory.pipe(f"/tests/deleted/{name}/tfevents", b"x" * 10)
    copies = Copies("memory://tests/deleted")
    monkeypatch.setattr(module, "_MOST_RANGES", 1)  # the deletion is found between two batches
    listed = copies._list

    def list_then_delete(filesystem: Any) -> Iterator[Any]:
        yield from list(listed(filesystem))
        memory.rm("/tests/deleted/a/tfevents")

    memory.rm("/tests/deleted/c/tfevents")
    for name in ("a", "b"):
        memory.pipe(f"/tests/deleted/{name}/tfevents", b"x" * 20)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(type(memory), "cat_ranges", fail)
        with pytest.raises(OSError, match="no answer"):
            copies.refresh()
    with monkeypatch.context() as patched:
        patched.setattr(copies, "_list", list_then_delete)
        copies.refresh()
    left = {path.parent.name: path.stat().st_size for path in Path(copies.path).rglob("tfevents")}
    assert left == {"b": 20}


def test_a_file_for_a_store_is_closed_before_it_is_uploaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Windows does not open a temporary file twice."""
    import fsspec

    memory = fsspec.filesystem("memory")
    closed = []
    put_file = type(memory).put_file

    def put(*arguments: Any, **keywords: Any) -> None:
        closed.append(file.closed)
        put_file(*arguments, **keywords)

    monkeypatch.setattr(type(memory), "put_file", put)
    with whole_file("memory://tests/whole/file") as file:
        file.write(b"whole")
    assert closed == [True]
    assert memory.cat_file("/tests/whole/file") == b"whole"


def test_reading_a_missing_directory_is_an_error() -> None:
    with pytest.raises(FileNotFoundError, match="memory://nothing"):
        tbimage.read("memory://nothing")


def test_old_files_are_deleted_when_the_settings_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from tbimage.events import event_files

    monkeypatch.setattr(event_files, "YOUNG_SECS", -1.0)
    url = "memory://tests/retired"
    with tbimage.SummaryWriter(url, max_file_bytes=100, keep_files=3) as writer:
        for step in range(20):
            writer.scalar("loss", 1.0, step=step)
            assert writer.flush()
    logs = tbimage.read(url)
    assert len(logs["."].files) == 3
    assert logs["."].scalars("loss").steps[-1] == 19


def test_embeddings_are_listed_in_the_store() -> None:
    import fsspec

    url = "memory://tests/embeddings"
    with tbimage.SummaryWriter(url) as writer:
        for name in ("words", "more"):
            writer.embedding(name, np.zeros((3, 2), np.float32), step=0)
    files = fsspec.filesystem("memory")
    listed = files.cat_file("/tests/embeddings/projector_config.pbtxt").decode()
    assert "words" in listed
    assert "more" in listed


@pytest.mark.parametrize(("adapter", "run"), [("torch", "run_name"), ("tensorboardx", "name")])
def test_adapters_write_to_the_store(adapter: str, run: str) -> None:
    from importlib import import_module

    url = f"memory://tests/{adapter}"
    writer = import_module(f"tbimage.compat.{adapter}").SummaryWriter(url)
    writer.add_scalar("loss", 0.5, 0)
    writer.add_scalars("both", {"a": 1.0, "b": 2.0}, 0)
    writer.add_hparams({"rate": 0.1}, {"accuracy": 0.5}, **{run: "trial"})
    writer.close()
    logs = tbimage.read(url)
    assert [run.replace("/", "_") for run in logs.runs] == [".", "both_a", "both_b", "trial"]
    assert logs["."].scalars("loss").values.tolist() == [0.5]


def test_the_default_writer_writes_to_the_store() -> None:
    from tbimage.compat import tf_summary

    url = "memory://tests/tf"
    with tf_summary.create_file_writer(url).as_default():
        tf_summary.scalar("loss", 0.5, step=0)
    assert tbimage.read(url)["."].tags["loss"].count == 1


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), KeyboardInterrupt()])
def test_an_event_loop_whose_thread_cannot_start_is_made_again(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """Otherwise each request of this process would wait for ever."""
    monkeypatch.setattr(filesystems, "_loops", {})
    start, failures = threading.Thread.start, [error]

    def fail_once(thread: threading.Thread) -> None:
        if failures:
            raise failures.pop()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", fail_once)
    with pytest.raises(type(error)):
        filesystems._event_loop()
    loop = filesystems._event_loop()
    assert asyncio.run_coroutine_threadsafe(asyncio.sleep(0, "done"), loop).result(60) == "done"
    loop.call_soon_threadsafe(loop.stop)


def test_threads_that_ask_for_an_event_loop_at_once_get_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(filesystems, "_loops", {})
    barrier = threading.Barrier(8)

    def ask(_: int) -> asyncio.AbstractEventLoop:
        barrier.wait()
        return filesystems._event_loop()

    with ThreadPoolExecutor(8) as pool:
        (loop,) = set(pool.map(ask, range(8)))
    assert asyncio.run_coroutine_threadsafe(asyncio.sleep(0, "done"), loop).result(60) == "done"
    loop.call_soon_threadsafe(loop.stop)
