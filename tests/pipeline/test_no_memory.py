"""A MemoryError at one place of the owner stops nothing, and loses nothing without counting it.

``tests/events/test_no_memory.py`` and ``test_random_interrupts.py`` let real allocations fail. Some
places allocate only once in hundreds of calls, so these tests raise the error there themselves.
"""

from __future__ import annotations

import asyncio
import collections
import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tbimage
from tbimage.events import backlog
from tbimage.events.backlog import Backlog
from tbimage.events.batches import Batch
from tbimage.pipeline.channel import Channel
from tbimage.workers import Job, Workers
from tests import readers
from tests.pipeline import children, logs
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


class Queue(collections.deque[Any]):
    """Has no memory for one item. As CPython's own deque then does, it keeps this item for ever."""

    fails = calls = 0
    kept: Any = None

    def append(self, each: Any) -> None:
        self.calls += 1
        if self.calls == self.fails:
            self.kept = each
            raise MemoryError
        super().append(each)


@pytest.mark.parametrize("queue", ["pending", "_encoding"])
@pytest.mark.parametrize("fails", [1, 2, 17, 20])
def test_a_queue_that_cannot_grow_loses_no_summary(
    writer: tbimage.SummaryWriter, queue: str, fails: int
) -> None:
    """A deque allocates memory for each 64 items."""
    channel = writer._pipeline._channel
    channel.lanes[0].steps.draw("a", 0)
    failing = Queue()
    failing.fails = fails
    setattr(channel.lanes[0] if queue == "pending" else channel, queue, failing)
    large = PICTURE.repeat(40, 0).repeat(40, 1)
    for step in range(1, 21):
        assert writer.scalar("a", 0.5, step)
        assert writer.image("large", large)
    assert writer.flush(60)
    assert failing.kept is not None
    stats = writer.stats()
    assert_adds_up(stats)
    assert stats.written == stats.logged == 41
    assert stats.pending_items == stats.pending_bytes == 0
    found = everything(writer.logdir)
    assert (found["a"], found["large"]) == (list(range(21)), list(range(20)))


TURNS = """
import dataclasses, gc, json, sys, time
from _testcapi import remove_mem_hooks, set_nomemory
import numpy as np
import tbimage
from tbimage.pipeline.channel import Channel

gc.disable()  # a reservation must end, even if an error keeps its summary in memory
count = int(sys.argv[2])
large = np.random.default_rng(0).integers(0, 256, (100, 300, 3), np.uint8)
writer = tbimage.SummaryWriter(sys.argv[1], on_error="log")
assert writer.scalar("known", 0.5) and writer.image("large", large) and writer.flush(60)
logged, turn, start = 2, Channel.turn, 0
faults = []

def one_turn(channel):
    if start:
        if channel.inbox.qsize() < 6:
            return
        first, globals()["start"] = start, 0
        set_nomemory(first, first + count)
        try:
            turn(channel)
        except (MemoryError, SystemError):
            faults.append(first)
            raise
        finally:
            remove_mem_hooks()
    else:
        turn(channel)

Channel.turn = one_turn
for first in range(1, 200):
    start = first
    for _ in range(2):
        assert writer.scalar("known", 0.5) and writer.image("large", large)
        assert writer.scalar(f"new {first}", 0.5)
        logged += 3
    while start:
        time.sleep(0.0001)
    for _ in range(3):  # a failed encoder raises its error here
        if writer.flush(60):
            break
    stats = writer.stats()
    assert stats.pending_items == stats.pending_bytes == 0, (first, stats)
    assert stats.written + stats.dropped["error"] == logged, (first, stats)
assert writer.close(60)
print(json.dumps([len(faults), logged, writer.stats().dropped["error"]]))
"""


@pytest.mark.timeout(300)
@pytest.mark.skipif(
    sys.version_info >= (3, 12),
    reason="CPython 3.12 and 3.13 crash by themselves where an allocation fails",
)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_each_allocation_of_a_turn_may_fail(tmp_path: Path, count: int) -> None:
    pytest.importorskip("_testcapi", reason="_testcapi, CPython's own test module, is not there")
    faults, logged, lost = json.loads(children.run(TURNS, tmp_path, count).stdout)
    assert faults > 20
    assert lost < 10  # only an encoder can lose a summary
    found = everything(tmp_path)
    assert sum(map(len, found.values())) == logged - lost
    assert all(steps == sorted(set(steps)) for steps in found.values())


@pytest.mark.parametrize(
    "fails",
    [(backlog, "make_batch"), (Backlog, "_write"), (Backlog, "_end"), (Workers, "give")],
    ids=lambda fails: fails[1],
)
@pytest.mark.parametrize("pending", [True, False], ids=["pending", "flushed"])
def test_a_close_tries_again_after_a_lack_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: tuple[Any, str], pending: bool
) -> None:
    writer = tbimage.SummaryWriter(tmp_path, flush_secs=60.0)
    for step in range(3):
        writer.scalar("a", 0.5, step)
    if not pending:
        assert writer.flush(60)
    attempt = failing_once(getattr(*fails), lambda *_, **__: writer.closed)
    monkeypatch.setattr(*fails, attempt)
    assert writer.close(60)
    assert not attempt.left  # type: ignore[attr-defined]
    stats = writer.stats()
    assert (stats.written, stats.healthy) == (3, True)
    assert logs.steps(tmp_path, "a") == [0, 1, 2]


def test_the_owner_survives_an_error_that_cannot_be_noted(
    writer: tbimage.SummaryWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = writer._pipeline._channel.owner
    thread = owner._thread
    assert thread
    turn = failing_once(Channel.turn, lambda *_: True)
    monkeypatch.setattr(Channel, "turn", turn)

    def note(error: BaseException) -> None:
        raise MemoryError

    for workers in (owner.files, owner.encoders):
        monkeypatch.setattr(workers, "_note", note)
    assert writer.scalar("a", 0.5, 1)
    assert writer.flush(60)
    assert not turn.left  # type: ignore[attr-defined]
    assert owner._thread == thread


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
