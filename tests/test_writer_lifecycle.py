"""The life of a writer: opening, flush, close, garbage collection."""

from __future__ import annotations

import gc
import itertools
import logging
import os
import threading
import time
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage.pipeline.owner import current_owner
from tbimage.workers import Bell
from tests import readers
from tests.pipeline import logs
from tests.pipeline.resources import descriptors

PICTURE = np.zeros((8, 8, 3), np.uint8)


# Opening.


def test_the_run_is_there_at_once(tmp_path: Path) -> None:
    writer = tbimage.SummaryWriter(tmp_path / "a" / "run")
    assert writer.logdir == str(tmp_path / "a" / "run")
    assert writer.path is not None
    (event,) = logs.events_of(writer.path)
    assert event.file_version == "brain.Event:2"
    writer.close()


def test_a_later_chdir_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    writer = tbimage.SummaryWriter("run", max_file_bytes=1)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for step in range(3):
        writer.scalar("a", 0.5, step)
        writer.flush()
    writer.close()
    assert logs.steps(tmp_path / "run", "a") == [0, 1, 2]


@pytest.mark.parametrize("on_error", ["raise", "log"])
def test_a_directory_that_cannot_be_made_is_the_callers_error(
    tmp_path: Path, on_error: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        tbimage.SummaryWriter(tmp_path / "file" / "run", on_error=on_error)
    gc.collect()
    assert descriptors(tmp_path) == 0


def test_two_writers_of_one_directory_are_warned_of(tmp_path: Path) -> None:
    first = tbimage.SummaryWriter(tmp_path)
    link = tmp_path.parent / f"{tmp_path.name} too"
    link.symlink_to(tmp_path)
    with pytest.warns(tbimage.TwoWritersWarning, match="another SummaryWriter") as caught:
        second = tbimage.SummaryWriter(link)
    assert caught[0].filename == __file__
    first.close()
    second.close()
    tbimage.SummaryWriter(tmp_path).close()  # no warning, which would be an error here
    tbimage.SummaryWriter(tmp_path / "below").close()


@pytest.mark.parametrize("first_closed", [0, 1])
def test_each_further_writer_of_a_directory_is_warned_of(tmp_path: Path, first_closed: int) -> None:
    writers = [tbimage.SummaryWriter(tmp_path)]
    with pytest.warns(tbimage.TwoWritersWarning):
        writers.append(tbimage.SummaryWriter(tmp_path))
    writers.pop(first_closed).close()
    with pytest.warns(tbimage.TwoWritersWarning):
        writers.append(tbimage.SummaryWriter(tmp_path))
    for writer in writers:
        writer.close()
    tbimage.SummaryWriter(tmp_path).close()  # no warning, which would be an error here


def test_a_warning_that_is_an_error_leaves_no_writer(tmp_path: Path) -> None:
    first = tbimage.SummaryWriter(tmp_path)
    for _ in range(3):
        with pytest.raises(tbimage.TwoWritersWarning):
            tbimage.SummaryWriter(tmp_path)
    first.close()
    readers.wait_until(lambda: descriptors(tmp_path) == 0, "files to be closed")
    tbimage.SummaryWriter(tmp_path).close()


def test_a_writer_that_was_dropped_is_not_warned_of(tmp_path: Path) -> None:
    for _ in range(3):
        writer = tbimage.SummaryWriter(tmp_path)
        writer.scalar("a", 0.5)
        writer.flush()
        del writer
        gc.collect()
    assert logs.steps(tmp_path, "a") == [0, 1, 2]


def test_a_restart_goes_on_after_the_existing_files(tmp_path: Path) -> None:
    for restart in range(4):
        with tbimage.SummaryWriter(tmp_path) as writer:
            for _ in range(3):
                writer.scalar("a", 0.5)
        paths = readers.event_files(tmp_path)
        assert len(paths) == restart + 1
        assert writer.path == str(paths[-1])
    assert logs.steps(tmp_path, "a") == list(range(12))
    for loader in readers.LOADERS:
        assert logs.shown(tmp_path, loader)["."]["a"] == list(range(12))


def test_restarts_while_the_clock_steps_backwards_on_a_host_of_an_odd_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file sorts after the existing ones, so both loaders show all."""
    name = "gpu 7/büro.läb tfevents\n"
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(nodename=name))
    for restart in range(4):
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda: 1.7e9 - 1000 * (restart // 2))  # noqa: B023
            writer = tbimage.SummaryWriter(tmp_path)
        writer.scalar("a", 0.5)
        writer.close()
        assert writer.path == str(readers.event_files(tmp_path)[-1])
    assert len(readers.event_files(tmp_path)) == 4
    for loader in readers.LOADERS:
        assert logs.shown(tmp_path, loader)["."]["a"] == [0, 1, 2, 3]


# Flush and close.


def test_a_flush_is_a_barrier(tmp_path: Path) -> None:
    writer = tbimage.SummaryWriter(tmp_path, flush_secs=60)
    for step in range(20):
        writer.scalar("a", 0.5, step)
        writer.image("b", PICTURE, step)
        assert writer.flush() is True
        assert logs.steps(tmp_path, "a")[-1] == logs.steps(tmp_path, "b")[-1] == step
    assert writer.flush(0) is True  # there is nothing to wait for
    writer.scalar("a", 0.5, 20)
    assert writer.flush(0) is False
    writer.close()


def test_cheap_summaries_wait_for_flush_secs_and_no_longer(tmp_path: Path) -> None:
    writer = tbimage.SummaryWriter(tmp_path, flush_secs=0.05)
    for step in range(5):
        writer.scalar("a", 0.5, step)
        readers.wait_until(lambda: writer.stats().written == step + 1, "it")  # noqa: B023
    writer.close()


def test_cheap_summaries_do_not_wait_for_an_image_of_another_thread(
    tmp_path: Path,
) -> None:
    """One of two threads encodes; the other must watch the clock."""
    writer = tbimage.SummaryWriter(tmp_path, flush_secs=0.05, workers=2)
    going_on, begun = threading.Event(), threading.Event()

    def make(data: bytes) -> list[Any]:
        begun.set()
        assert going_on.wait(100)
        return []

    writer.scalar("a", 0.5, 0)
    writer._log("slow", 1, 1.0, make, b"", cost=1 << 20)
    assert begun.wait(60)
    readers.wait_until(lambda: writer.stats().written == 1, "the scalar before it")
    going_on.set()
    writer.close()


def test_close_is_final_and_may_be_called_again(tmp_path: Path) -> None:
    writer = tbimage.SummaryWriter(tmp_path)
    writer.scalar("a", 0.5, 0)
    assert repr(writer) == f"<tbimage.SummaryWriter of {str(tmp_path)!r}>"
    assert writer.close() is True
    assert writer.closed
    assert repr(writer).endswith("(closed)>")
    assert writer.close() is True
    assert writer.flush() is True
    closed = r"is closed; make a new one to log more"
    with pytest.raises(RuntimeError, match=closed):
        writer.scalar("a", 0.5, 1)
    with pytest.raises(RuntimeError, match=closed):
        writer.image("a", PICTURE, 2)
    with pytest.raises(RuntimeError, match=closed):
        writer.scalar("a", 0.5)
    stats = writer.stats()
    assert (stats.logged, stats.written) == (1, 1)
    assert stats.pending_bytes == 0
    assert logs.steps(tmp_path, "a") == [0]
    assert descriptors(tmp_path) == 0


def test_a_with_block_closes_and_lets_its_own_exception_through(tmp_path: Path) -> None:
    writer = tbimage.SummaryWriter(tmp_path / "mine")

    def fail() -> None:
        with writer:
            writer.image("bad", np.full((4, 4), 300), 0)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()
    assert writer.closed
    with (
        pytest.raises(ValueError, match="value_range"),
        tbimage.SummaryWriter(tmp_path / "other") as writer,
    ):
        writer.image("bad", np.full((4, 4), 300), 0)
    assert writer.closed


def test_errors_are_raised_once_by_the_next_flush(tmp_path: Path) -> None:
    """The first error is raised; with one encoder, it is the error of the first call."""
    writer = tbimage.SummaryWriter(tmp_path, workers=1)
    for step in range(3):
        writer.image(f"bad {step}", np.full((4, 4), 300 + step), step)
    with pytest.raises(ValueError, match="300"):
        writer.flush()
    assert writer.flush() is True
    assert writer.stats().dropped["error"] == 3
    writer.image("bad again", np.full((4, 4), 400), 0)
    with pytest.raises(ValueError, match="400"):
        writer.close()
    assert writer.close() is True


def test_flush_from_a_worker_does_not_wait_for_itself(tmp_path: Path) -> None:
    """A handler of the logger tbimage may flush, or log to this writer."""
    writer = tbimage.SummaryWriter(tmp_path, workers=1, on_error="log", max_pending_bytes=3000)
    answers: list[object] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            answers.extend(writer.scalar("log", 0.5) for _ in range(10))
            done = writer.flush()
            answers.append("all written" if done and not writer.stats().pending_items else done)

    handler = Handler()
    logging.getLogger("tbimage").addHandler(handler)
    try:
        writer.image("bad", np.full((4, 4), 300), 0)
        writer.flush(60)
        readers.wait_until(lambda: len(answers) == 11, "the handler")
    finally:
        logging.getLogger("tbimage").removeHandler(handler)
    assert answers[-1] in (False, "all written")  # the second if this thread was delayed
    assert answers[0] is True
    assert writer.close(20) in (True, False)
    stats = writer.stats()
    assert stats.pending_items == 0
    assert stats.written == answers.count(True)


# Garbage.


def test_a_collected_writer_writes_and_closes(tmp_path: Path) -> None:
    """It is deleted with the last reference, without the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        for number in range(5):
            writer = tbimage.SummaryWriter(tmp_path / str(number), flush_secs=60)
            for step in range(number * 3):
                writer.scalar("a", 0.5, step)
                writer.image("b", PICTURE, step)
            del writer
        readers.wait_until(lambda: descriptors(tmp_path) == 0, "files to be closed")
    finally:
        gc.enable()
    for number in range(5):
        assert logs.steps(tmp_path / str(number), "a") == list(range(number * 3))
        assert logs.steps(tmp_path / str(number), "b") == list(range(number * 3))


def test_writers_come_and_go_without_a_trace(tmp_path: Path) -> None:
    from tbimage.pipeline import callers
    from tbimage.writer import directories

    def live() -> int:
        gc.collect()
        return len(callers.live)

    before = live()
    for number in range(30):
        writer = tbimage.SummaryWriter(tmp_path / str(number))
        writer.scalar("a", 0.5, 0)
        writer.image("b", PICTURE, 0)
        writer.close()
    del writer
    readers.wait_until(lambda: live() <= before, "pipelines to go")
    assert not any(str(tmp_path) in key for key in directories._tenants)


def test_a_writer_may_be_opened_or_deleted_while_another_is_closed(tmp_path: Path) -> None:
    """The garbage collector may start within ``close``, and run the code of the program."""
    from tbimage.writer import directories

    class Tenant:
        pass

    names = (f"{tmp_path}/{number}" for number in itertools.count())
    closed, other = Tenant(), Tenant()

    def collect(phase: str, info: dict[str, int]) -> None:
        directories.claim(next(names), other)

    for _ in range(5000):  # CPython keeps 2000 tuples: making these does not start a collection
        directories.claim(next(names), closed)
    thresholds = gc.get_threshold()
    gc.callbacks.append(collect)
    gc.set_threshold(100)
    try:
        directories.release(closed)
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(collect)
    assert not any(id(closed) in tenants for tenants in directories._tenants.values())
    directories.release(other)
    assert not any(str(tmp_path) in key for key in directories._tenants)


def test_without_warnings_nothing_is_reported(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with tbimage.SummaryWriter(tmp_path, max_file_bytes=500, keep_files=2) as writer:
            for step in range(100):
                writer.scalar("a", 0.5, step)
                writer.image("b", PICTURE, step)
    assert capfd.readouterr() == ("", "")


def test_a_late_wake_up_does_not_end_the_thread_that_the_next_writer_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread may be stopped between its message and the wake-up, until the message is read."""

    class LateBell(Bell):
        def ring(self) -> None:
            super().ring()
            threading.Timer(0.005, super().ring).start()

    time.sleep(0.8)  # the threads of earlier tests have ended, or wait for nothing
    monkeypatch.setattr(current_owner(), "_bell", LateBell())
    for number in range(20):
        writer = tbimage.SummaryWriter(tmp_path / str(number))
        writer.scalar("a", 0.5, number)
        del writer
        readers.wait_until(lambda: descriptors(tmp_path) == 0, "the file to be closed")
        time.sleep(0.02)
