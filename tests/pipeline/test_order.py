"""Pictures are encoded in parallel and written in order, many with one system call."""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tests.pipeline import children, logs
from tests.pipeline.faulty import Storages, healthy


def test_encoders_run_in_parallel_and_pictures_are_written_in_call_order(tmp_path: Path) -> None:
    """All four begin before any of them ends, and the last one ends first.

    In a process of its own: file workers of other writers could leave too few threads to encode.
    """
    script = """
import sys, threading
import tbimage
from tbimage.events import messages

writer = tbimage.SummaryWriter(sys.argv[1], workers=4)
barrier = threading.Barrier(4, timeout=20)
done = [threading.Event() for _ in range(5)]
done[4].set()

def encode(number):
    barrier.wait()
    assert done[number + 1].wait(20)
    done[number].set()
    value = messages.Summary.Value(tag=f"n{number}")
    return [messages.Summary(value=[value]).SerializeToString()]

for number in range(4):
    writer._log(f"n{number}", number, 1.0, encode, number, cost=1 << 20)
writer.scalar("last", 0.5, 4)
assert writer.flush(30)
writer.close()
"""
    children.run(script, tmp_path)
    expected = [(f"n{number}", number) for number in range(4)]
    assert logs.summaries(tmp_path) == [*expected, ("last", 4)]


def test_summaries_that_are_ready_together_share_a_write(tmp_path: Path, faulty: Storages) -> None:
    storage = faulty(healthy)
    writer = tbimage.SummaryWriter(tmp_path, flush_secs=60)
    before = storage.count("write")
    for step in range(4000):
        writer.scalar("a", 0.5, step)
    assert writer.flush()
    assert storage.count("write") - before == 1
    writer.close()
    assert len(logs.steps(tmp_path, "a")) == 4000


@pytest.mark.parametrize("writable", [False, True])
def test_immutable_memory_is_not_copied(tmp_path: Path, writable: bool) -> None:
    """The references to the array are checked while the picture waits for its encoder."""
    going_on, begun = threading.Event(), threading.Event()

    def hang(data: bytes) -> list[Any]:
        begun.set()
        assert going_on.wait(20)
        return []

    writer = tbimage.SummaryWriter(tmp_path, workers=1)
    writer._log("first", 0, 1.0, hang, b"", cost=1 << 20)
    assert begun.wait(20)
    array = np.zeros((64, 64, 3), np.uint8)
    array.flags.writeable = writable
    picture = weakref.ref(array)
    writer.image("a", array, 1)
    del array
    assert (picture() is None) is writable
    going_on.set()
    assert writer.close()
    assert logs.steps(tmp_path, "a") == [1]
