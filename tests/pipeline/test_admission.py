"""Admission: which calls wait for memory, for how long, and in which order."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tests import readers
from tests.pipeline import logs
from tests.pipeline.faulty import Storages, error, healthy

PICTURE = np.zeros((8, 8, 3), np.uint8)


def test_a_full_queue_refuses_after_block_timeout(tmp_path: Path, faulty: Storages) -> None:
    going_on = threading.Event()
    storage = faulty(healthy)
    writer = tbimage.SummaryWriter(tmp_path, max_pending_bytes=10_000, block_timeout=0.05)
    storage.plan = lambda operation, size: None if going_on.wait(20) else error(5)
    answers: list[bool] = []
    while answers[-5:] != [False] * 5:  # a picture that is encoded later makes room for another one
        answers.append(writer.image("a", PICTURE, len(answers)))
        assert len(answers) < 100
    going_on.set()
    assert writer.flush(60)
    assert writer.stats().dropped["full"] == answers.count(False)
    assert writer.image("a", PICTURE, len(answers))
    writer.close()
    accepted = [step for step, answer in enumerate([*answers, True]) if answer]
    assert logs.steps(tmp_path, "a") == accepted


def test_a_waiting_call_raises_when_the_writer_is_closed(tmp_path: Path, faulty: Storages) -> None:
    going_on = threading.Event()
    storage = faulty(healthy)
    writer = tbimage.SummaryWriter(tmp_path, max_pending_bytes=1250, on_error="log")
    storage.plan = lambda operation, size: None if going_on.wait(20) else error(5)
    writer.image("a", PICTURE, 0)
    raised: list[BaseException] = []

    def wait(number: int) -> None:
        try:
            if number % 2:
                writer.image(f"a{number}", PICTURE, number)
            else:
                writer.scalar(f"b{number}", 0.5, number)
        except RuntimeError as closed:
            raised.append(closed)

    waiting = [threading.Thread(target=wait, args=(number,)) for number in range(1, 7)]
    for thread in waiting:
        thread.start()
    readers.wait_until(lambda: len(writer._pipeline.channel.line) == 6, "all to wait")
    writer.close(0.05)
    for thread in waiting:
        thread.join(60)
        assert not thread.is_alive()
    assert len(raised) == 6
    going_on.set()


def test_waiting_calls_are_admitted_in_fifo_order(tmp_path: Path, faulty: Storages) -> None:
    going_on = threading.Event()
    storage = faulty(healthy)
    writer = tbimage.SummaryWriter(tmp_path, max_pending_bytes=2000)
    storage.plan = lambda operation, size: None if going_on.wait(20) else error(5)
    writer.image("first", PICTURE, 0)
    waiting = []
    for number in range(10):
        large = np.zeros((10, 10 if number % 2 else 300), np.uint8)
        waiting.append(threading.Thread(target=writer.image, args=(f"i{number}", large, 0)))
        waiting[-1].start()
        readers.wait_until(
            lambda: len(writer._pipeline.channel.line) == number + 1,  # noqa: B023
            "it to wait",
            10,
        )
    going_on.set()
    for thread in waiting:
        thread.join(60)
    writer.close()
    assert [tag for tag, _ in logs.summaries(tmp_path)] == [
        "first",
        *(f"i{number}" for number in range(10)),
    ]


def test_a_failed_snapshot_releases_its_memory(tmp_path: Path) -> None:
    writer = tbimage.SummaryWriter(tmp_path)

    def take() -> Any:
        assert writer.stats().pending_bytes > 1000
        raise MemoryError

    with pytest.raises(MemoryError):
        writer._log("a", 0, 1.0, list, b"", cost=1000, take=take)
    stats = writer.stats()
    assert stats.pending_bytes == stats.logged == stats.pending_items == 0
    assert writer.flush()
    writer.close()
