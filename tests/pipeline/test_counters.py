"""The counters of a writer, and the lines that it logs about errors."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import threading
from pathlib import Path

import numpy as np
import pytest

import tbimage
from tbimage.pipeline import callers, owner
from tbimage.pipeline.owner import Owner
from tests import readers
from tests.pipeline import logs
from tests.pipeline.faulty import Storages, error, failing, healthy


def test_counters_are_ready_for_a_health_endpoint(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path, max_file_bytes=200) as writer:
        fresh = writer.stats()
        for step in range(10):
            writer.scalar("a", 0.5, step)
            writer.flush()
        writer.image("bad", np.full((2, 2), 300), 0)
        with pytest.raises(ValueError, match="value_range"):
            writer.flush()
        stats = writer.stats()
    assert fresh.logged == fresh.written == fresh.pending_items == 0
    assert fresh.segments == 1
    assert fresh.healthy
    assert fresh.last_error is None
    as_json = json.loads(json.dumps(dataclasses.asdict(stats)))
    assert as_json["dropped"] == {"full": 0, "disk": 0, "error": 1, "closed": 0}
    assert as_json["logged"] == 11
    assert as_json["written"] == 10
    assert as_json["segments"] == len(readers.event_files(tmp_path)) > 1
    assert as_json["bytes_written"] == sum(
        path.stat().st_size for path in readers.event_files(tmp_path)
    )
    assert as_json["encode_secs"] > 0
    assert "ValueError" in as_json["last_error"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        stats.written = 3  # type: ignore[misc]


def test_counters_do_not_wait(tmp_path: Path) -> None:
    writer = tbimage.SummaryWriter(tmp_path)
    seen = []
    going_on = threading.Event()
    writer._log("a", 0, 1.0, lambda data: [bytes(going_on.wait(20))], b"")
    thread = threading.Thread(target=lambda: seen.append(writer.stats()))
    thread.start()
    thread.join(60)
    assert len(seen) == 1
    going_on.set()
    writer.close()


@pytest.mark.parametrize("secs", [60.0, 0.05])
def test_a_flush_is_false_if_a_close_dropped_its_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, secs: float
) -> None:
    """Also if the owner takes it out of the inbox later, or after the close has returned."""
    goes_on, waits = threading.Event(), threading.Event()
    work = Owner._round

    def late(self: Owner, secs: float | None = None) -> bool:
        if not goes_on.is_set():
            waits.set()
            goes_on.wait(60)
        return work(self, secs)

    monkeypatch.setattr(owner, "owners", {os.getpid(): Owner()})
    monkeypatch.setattr(Owner, "_round", late)
    monkeypatch.setattr(callers, "_GIVE_UP_SECS", secs)
    writer = tbimage.SummaryWriter(tmp_path)
    assert writer.scalar("a", 0.5, 0)
    assert waits.wait(60)
    answers = []
    flush = threading.Thread(target=lambda: answers.append(writer.flush(60)))
    flush.start()
    messages = owner.current_owner().messages
    readers.wait_until(lambda: messages.qsize() > 1, "the flush to be sent")
    threading.Timer(0.3, goes_on.set).start()
    answers.append(writer.close(0))
    flush.join(60)
    assert answers == [False, False]
    assert writer.stats().dropped["closed"] == 1
    readers.wait_until(lambda: "1 summaries were not written" in caplog.text, "the line")


def test_the_number_of_remembered_causes_is_bounded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = tbimage.SummaryWriter(tmp_path, on_error="log")

    def make(name: str, number: int) -> bytes:
        raise ValueError(number)

    for number in range(200):
        writer._log_light(make, ("bad", number), number, None)
    assert writer.flush() is False
    assert writer.stats().dropped["error"] == 200
    assert writer.stats().last_error == "ValueError: 199"
    assert len(caplog.records) == 64
    writer.close()


def test_a_traceback_is_logged_at_level_debug(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.DEBUG, "tbimage"),
        tbimage.SummaryWriter(tmp_path, on_error="log") as writer,
    ):
        writer.image("bad", np.full((2, 2), 300), 0)
        writer.flush()
    assert "Traceback" in caplog.text
    assert "kinds/image.py" in caplog.text


class RudeError(Exception):
    """An error whose ``str()`` raises."""

    def __str__(self) -> str:
        raise RuntimeError("rude")


def test_log_handlers_that_raise_lose_no_summary(
    tmp_path: Path, faulty: Storages, capfd: pytest.CaptureFixture[str]
) -> None:
    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise KeyError("no such handler")

    def make(name: str) -> bytes:
        raise RudeError

    handler = Handler()
    storage = faulty(healthy)
    logging.getLogger("tbimage").addHandler(handler)
    try:
        writer = tbimage.SummaryWriter(tmp_path, on_error="log")
        writer.image("bad", np.full((4, 4), 300), 0)
        writer._log_light(make, ("rude",), 0, None)
        storage.plan = failing("write", error(28), times=2)
        for step in range(5):
            writer.scalar("a", 0.5, step)
            writer.image("b", np.zeros((4, 4)), step)
            writer.flush()
        assert writer.path is not None
        Path(writer.path).unlink()
        for step in range(5, 10):
            writer.scalar("a", 0.5, step)
        readers.wait_until(writer.flush, "all to be written")
        assert writer.close()
    finally:
        logging.getLogger("tbimage").removeHandler(handler)
    stats = writer.stats()
    assert (stats.logged, stats.written, stats.dropped["error"]) == (17, 15, 2)
    assert logs.steps(tmp_path, "a") == [5, 6, 7, 8, 9]
    assert capfd.readouterr().err.count("no such handler") >= 3
