"""A MemoryError at one place of the owner stops nothing, and loses nothing without counting it.

``tests/events/test_no_memory.py`` and ``test_random_interrupts.py`` let real allocations fail. Some
places allocate only once in hundreds of calls, so these tests raise the error there themselves.
"""

from __future__ import annotations

import asyncio
import collections
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tbimage
from tbimage.events.batches import Batch
from tbimage.pipeline.channel import Channel
from tbimage.workers import Job, Workers
from tests import readers
from tests.pipeline import logs
from tests.pipeline.soundness import PICTURE, assert_adds_up, everything


def failing_once(function: Callable[..., Any], where: Callable[..., bool]) -> Callable[..., Any]:
    """Return the function with a MemoryError in the first call for which ``where`` is true."""
    left = [MemoryError()]

    def wrapper(*arguments: Any, **options: Any) -> Any:
        if left and where(*arguments, **options):
            raise left.pop()
        return function(*arguments, **options)

    wrapper.left = left  # type: ignore[attr-defined]
    return wrapper


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[tbimage.SummaryWriter]:
    with tbimage.SummaryWriter(tmp_path / "run", on_error="log") as writer:
        writer.scalar("a", 0.5, 0)
        assert writer.flush(60)
        yield writer


JOBS: dict[str, tuple[str, Callable[[tbimage.SummaryWriter], bool]]] = {
    "history": ("_read_history", lambda writer: writer.scalar("automatic", 0.5)),
    "commit": ("carry_out", lambda writer: writer.scalar("b", 0.5, 0)),
    "picture": ("_encode", lambda writer: writer.image("c", PICTURE.repeat(40, 0).repeat(40, 1))),
}


@pytest.mark.parametrize("name", JOBS)
def test_a_job_that_cannot_be_queued_is_queued_later(
    writer: tbimage.SummaryWriter, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    method, log = JOBS[name]
    give = failing_once(Workers.give, lambda _, job, *__: job.function.__name__ == method)
    monkeypatch.setattr(Workers, "give", give)
    assert log(writer)
    writer.flush(60)  # False if the picture was lost
    assert not give.left  # type: ignore[attr-defined]
    assert writer.scalar("a", 0.5, 1)
    assert writer.flush(60)
    stats = writer.stats()
    assert_adds_up(stats)
    assert stats.logged == 3
    assert stats.pending_items == 0
    assert stats.written == sum(map(len, everything(writer.logdir).values())) == 3


@pytest.mark.parametrize("wait", ["flush", "aflush"])
def test_a_lost_message_does_not_make_a_flush_endless(
    writer: tbimage.SummaryWriter, monkeypatch: pytest.MonkeyPatch, wait: str
) -> None:
    receive = failing_once(Channel.receive, lambda *_: True)
    monkeypatch.setattr(Channel, "receive", receive)
    writer.scalar("a", 0.5, 1)
    if wait == "flush":
        assert writer.flush(60)
    else:
        assert asyncio.run(asyncio.wait_for(writer.aflush(), 60))
    assert not receive.left  # type: ignore[attr-defined]


@pytest.mark.parametrize("fails", [1, 2, 64, 99])
def test_a_queue_that_cannot_grow_loses_no_summary(
    writer: tbimage.SummaryWriter, fails: int
) -> None:
    """A deque allocates memory for each 64 items."""

    class Queue(collections.deque[Any]):
        calls = 0

        def append(self, each: Any) -> None:
            Queue.calls += 1
            if Queue.calls == fails:
                raise MemoryError
            super().append(each)

    lane = writer._pipeline._channel.lanes[0]
    lane.steps.draw("a", 0)
    lane.pending = Queue()
    steps = range(1, 201)
    for step in steps:
        assert writer.scalar("a", 0.5, step)
    assert writer.flush(60) or Queue.calls >= fails
    stats = writer.stats()
    assert_adds_up(stats)
    assert stats.logged == 201
    assert stats.written + stats.dropped["error"] == 201
    assert stats.written == len(everything(writer.logdir)["a"])


def test_records_of_sub_runs_are_written_once(
    writer: tbimage.SummaryWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error comes after the write of a sub-run, and before the note of it."""
    writer.scalars("x", {"a": 0.5}, 0)
    assert writer.flush(60)

    def is_note(*_: object) -> bool:
        return sys._getframe(2).f_code.co_name == "_write_run"

    without_first = failing_once(Batch.without_first, is_note)
    monkeypatch.setattr(Batch, "without_first", without_first)
    for step in range(1, 4):
        writer.scalars("x", {"a": 0.5, "b": 0.5}, step)
    assert writer.flush(60)
    assert not without_first.left  # type: ignore[attr-defined]
    found = {run.name: logs.steps(run, "x") for run in logs.sub_runs(Path(writer.logdir))}
    assert found == {"x_a": [0, 1, 2, 3], "x_b": [1, 2, 3]}


def test_waiting_lines_do_not_fill_the_memory_while_file_workers_hang(
    writer: tbimage.SummaryWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = writer._pipeline._channel.owner
    release = threading.Event()
    given: list[Job] = []
    give = Workers.give

    def note_and_give(workers: Workers, job: Job, count: int = 1) -> Job:
        given.append(job)
        return give(workers, job, count)

    monkeypatch.setattr(Workers, "give", note_and_give)
    for _ in range(20):
        owner.files.give(Job(None, release.wait, 60))
    owner.log.say(10, "a line that no worker can log now")
    for step in range(100):
        writer.scalar("a", 0.5, step + 1)
        writer._pipeline.ask("flush", 0.001)
    release.set()
    readers.wait_until(lambda: not owner.log.is_due, "the line")
    assert sum(job.function.__name__ == "write_alone" for job in given) <= 5


def test_a_ticket_that_waits_for_old_steps_is_noted_once(
    writer: tbimage.SummaryWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = writer._pipeline._channel
    release = threading.Event()
    monkeypatch.setattr(channel.lanes[0].files, "history", lambda: {} if release.wait(60) else None)
    writer.scalar("automatic", 0.5)
    for _ in range(100):
        writer._pipeline.ask("flush", 0.001)  # each gives the channel a turn
    assert len(channel.marks) < 5
    release.set()
    assert writer.flush(60)
