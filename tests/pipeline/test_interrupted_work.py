"""Where no thread can be had, callers do the work: a signal handler may come there, too."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import tbimage
from tbimage import pipeline
from tbimage.events import batches, segments, storage
from tbimage.pipeline import admission, committer, errors, queue, tickets, workers
from tests.pipeline import logs
from tests.pipeline.faulty import Storages, error, failing, healthy
from tests.pipeline.interruptions import Ctrl_C, Interruption, interrupt, probed

PICTURE = np.zeros((8, 8), np.uint8)


@pytest.fixture(scope="module")
def probes() -> Iterator[None]:
    pipelines = [committer, errors, queue, pipeline, admission, tickets, workers]
    with probed([*pipelines, batches, segments, storage]):
        yield


@pytest.fixture(autouse=True)
def _no_threads(probes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)


def log(writer: tbimage.SummaryWriter, step: int) -> None:
    writer.scalar("a", 0.5, step)
    writer.image("a", PICTURE, step + 1)
    writer.flush()


def test_a_handler_may_log_flush_and_look(tmp_path: Path) -> None:
    """Its flush cannot wait for what it interrupts, and says so."""
    for place in itertools.count():
        writer = tbimage.SummaryWriter(tmp_path / str(place))
        log(writer, 0)

        def handler(writer: tbimage.SummaryWriter = writer) -> None:
            assert writer.scalar("b", 0.5)
            assert writer.image("b", PICTURE)
            assert writer.flush() in (True, False)
            writer.stats()

        with Interruption(place, handler) as interruption:
            log(writer, 2)
        assert writer.flush()
        assert writer.stats().pending_bytes == 0
        assert writer.close()
        assert logs.steps(tmp_path / str(place), "a") == [0, 1, 2, 3]
        assert logs.steps(tmp_path / str(place), "b") == [0, 1] * interruption.happened
        if not interruption.happened:
            break
    assert place > 100


def test_a_handler_of_the_log_may_flush(tmp_path: Path, faulty: Storages) -> None:
    """It runs within the very work that it would wait for."""
    answers: list[bool] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            answers.append(writer.flush())

    handler = Handler()
    storage = faulty(healthy)
    logging.getLogger("tbimage").addHandler(handler)
    try:
        writer = tbimage.SummaryWriter(tmp_path, on_error="log")
        writer.image("bad", np.full((4, 4), 300), 0)
        storage.plan = failing("write", error(28), times=1)
        writer.image("a", PICTURE, 1)
        writer.scalar("b", 0.5, 2)
        writer.flush()
        assert writer.path is not None
        Path(writer.path).unlink()
        writer.scalar("b", 0.5, 3)
        assert writer.flush()
    finally:
        logging.getLogger("tbimage").removeHandler(handler)
    assert answers
    assert not any(answers)
    assert writer.close()
    assert logs.summaries(tmp_path) == [("b", 3)]


def test_a_handler_may_close_within_any_call(tmp_path: Path) -> None:
    """It gives nothing up: what it interrupts goes on to write all that was accepted."""
    for place in itertools.count():
        writer = tbimage.SummaryWriter(tmp_path / str(place))
        accepted = []
        try:
            with Interruption(place, writer.close) as interruption:
                accepted += [0] * writer.image("a", PICTURE, 0)
                accepted += [1] * writer.scalar("a", 0.5, 1)
                accepted += [2] * writer.image("a", PICTURE, 2)
        except RuntimeError:
            pass  # as with any closed writer
        assert writer.close()
        written = logs.steps(tmp_path / str(place), "a")
        assert written[: len(accepted)] == accepted
        assert sum(writer.stats().dropped.values()) == 0
        if not interruption.happened:
            break
    assert place > 50


def test_a_handler_may_raise(tmp_path: Path, no_garbage: None) -> None:
    """Nothing hangs, no file is damaged, and the writer goes on.

    What was being written may be there twice: at the end of one file and at the start of the next.
    """
    for place in itertools.count():
        writer = tbimage.SummaryWriter(tmp_path / str(place), on_error="log")
        log(writer, 0)
        interruption = Interruption(place, interrupt)
        try:
            with interruption:
                log(writer, 2)
        except Ctrl_C:
            pass
        writer.flush()  # hears of it
        assert writer.scalar("after", 0.5, 9)
        assert writer.image("after", PICTURE, 10)
        assert writer.flush()
        stats = writer.stats()
        assert stats.pending_items == stats.pending_bytes == 0
        assert stats.healthy
        assert writer.close()
        written = logs.steps_by_tag(tmp_path / str(place))
        assert written["a"] == sorted(written["a"])
        assert {0, 1} <= set(written["a"]) <= {0, 1, 2, 3}
        assert written["after"] == [9, 10]
        if not interruption.happened:
            break
    assert place > 100
