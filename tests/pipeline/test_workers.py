"""The threads of a writer run when there is work, sleep when there is none, and may be missing."""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import tbimage
from tbimage import workers
from tbimage.pipeline import owner
from tests import readers
from tests.pipeline import logs
from tests.pipeline.faulty import Storages, error, healthy


def refuse(*arguments: object) -> None:
    raise RuntimeError("can't start new thread")


def no_memory(*arguments: object) -> None:
    raise MemoryError


def rivals(limit: int, most: int) -> tuple[workers.Workers, workers.Workers]:
    one, other = workers.Workers(limit, most, print), workers.Workers(limit, most, print)
    one.rival, other.rival = other, one
    return one, other


PICTURE = np.zeros((8, 8, 3), np.uint8)


def test_a_thread_that_could_not_be_started_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a lack of memory, the next job would wait for that thread for ever."""
    pool = workers.Workers(1, 1, print)
    with monkeypatch.context() as patch:
        patch.setattr(workers, "start_new_thread", no_memory)
        with pytest.raises(MemoryError):
            pool.give(workers.Job(None, len, ()))
    job = workers.Job(None, len, ())
    pool.give(job)
    readers.wait_until(lambda: job.ended, "the job to end")
    pool.dismiss()


def test_threads_move_between_rivals_and_one_stays() -> None:
    pools = rivals(3, 4)
    for number in range(100):
        pool = pools[number % 2]
        meeting = threading.Barrier(3, timeout=20)
        jobs = [workers.Job(None, meeting.wait) for _ in range(3)]
        for job in jobs:
            pool.give(job, 3)
        readers.wait_until(pool.is_idle, "three jobs at once")
        assert not meeting.broken
        assert sorted(each.count for each in pools) == ([0, 3] if number == 0 else [1, 3])
        assert sum(len(each.busy) for each in pools) <= 4  # each thread notes itself in ``busy``
    for pool in pools:
        pool.dismiss()
    readers.wait_until(lambda: not any(each.busy for each in pools), "the threads to end")


def test_a_move_that_fails_for_lack_of_memory_changes_no_count() -> None:
    pools = rivals(6, 7)
    for _ in range(6):
        pools[0].give(workers.Job(None, time.sleep, 0.01), 6)
    readers.wait_until(pools[0].is_idle, "the jobs")
    assert pools[0].count == 6

    class NoMemory:
        def put(self, item: object) -> None:
            raise MemoryError

    queue, pools[0]._jobs = pools[0]._jobs, NoMemory()  # type: ignore[assignment]
    for _ in range(3):
        job = workers.Job(None, len, ())
        with pytest.raises(MemoryError):
            pools[1].give(job, 6)
        assert [pool.count for pool in pools] == [6, 1]
    pools[0]._jobs = queue
    for pool in pools:
        pool.dismiss()


def test_idle_threads_move_if_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    encoders, files = rivals(6, 7)
    for _ in range(4):
        encoders.give(workers.Job(None, time.sleep, 0.01), 4)
    readers.wait_until(encoders.is_idle, "the jobs")
    hangs = threading.Event()
    files.give(workers.Job(None, hangs.wait, 60))
    job = workers.Job(None, len, ())
    with monkeypatch.context() as patch:
        patch.setattr(workers, "start_new_thread", refuse)
        files.give(job)
        readers.wait_until(lambda: job.ended, "the job to end")
    hangs.set()
    for pool in (encoders, files):
        pool.dismiss()


def test_a_thread_starts_in_spite_of_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [MemoryError()]

    def ident() -> int:
        if left:
            raise left.pop()
        return threading.get_ident()

    monkeypatch.setattr(workers, "get_ident", ident)
    pool = workers.Workers(1, 1, print)
    job = workers.Job(None, len, ())
    pool.give(job)
    readers.wait_until(lambda: job.ended, "the job to end")
    pool.dismiss()


def test_no_job_follows_the_end_after_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = workers.Workers(1, 1, print)
    pool.give(workers.Job(None, len, ()))
    for name in ("SimpleQueue", "deque"):
        with monkeypatch.context() as patch:
            patch.setattr(workers, name, no_memory)
            with pytest.raises(MemoryError):
                pool.dismiss()
        job = workers.Job(None, len, ())
        pool.give(job)
        readers.wait_until(pool.is_idle, "the job to end")
        assert job.ended
    pool.dismiss()


def test_a_hanging_job_keeps_no_other_job_in_memory() -> None:
    """A disk that hangs for days, beside others that are written to."""
    hangs = threading.Event()
    pool = workers.Workers(3, 3, print)
    pool.give(workers.Job(None, hangs.wait, 60))

    def done() -> weakref.ref[workers.Job]:
        job = workers.Job(None, len, ())
        pool.give(job)
        readers.wait_until(lambda: job.ended, "a job to end")
        return weakref.ref(job)

    jobs = [done() for _ in range(200)]
    assert sum(job() is not None for job in jobs) < 20
    assert not pool.is_idle()
    hangs.set()
    readers.wait_until(pool.is_idle, "the pool to be idle")
    pool.dismiss()


def test_late_helpers_keep_no_data_of_a_job() -> None:
    """Helpers wait behind all pictures in the queue, and each one kept 4 MB."""

    class Result:
        pass

    group = workers.ForkJoin([Result, Result])
    references = [weakref.ref(result) for result in group.finish()]
    assert [reference() for reference in references] == [None, None]
    group.help()
    assert group.finish() == []


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """An owner that no other test uses, and that can start no thread until the patch is undone."""
    monkeypatch.setattr(owner, "owners", {os.getpid(): owner.Owner()})
    with monkeypatch.context() as patch:
        for module in (owner, workers):
            patch.setattr(module, "start_new_thread", refuse)
        yield patch


def test_callers_do_the_work_if_no_thread_can_be_started(
    tmp_path: Path, no_threads: pytest.MonkeyPatch
) -> None:
    """As with RLIMIT_NPROC, with a container's pids cgroup, and when the interpreter ends."""
    writer = tbimage.SummaryWriter(tmp_path, flush_secs=60, max_pending_bytes=3000)
    for step in range(20):
        assert writer.scalar("a", 0.5, step)
        assert writer.image("b", PICTURE, step)
    assert logs.steps(tmp_path, "a") == logs.steps(tmp_path, "b") == list(range(20))
    assert writer.flush()
    no_threads.undo()
    assert writer.scalar("a", 0.5, 20)  # and with a thread, when one can be started again
    assert writer.close()
    assert logs.steps(tmp_path, "a") == list(range(21))


@pytest.mark.parametrize("call", ["flush", "close"])
def test_a_log_handler_may_use_the_writer_if_no_thread_can_be_started(
    tmp_path: Path, no_threads: object, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            with monkeypatch.context() as patch:
                patch.setattr(workers.Bell, "wait", refuse)  # it would wait for itself
                results.append(getattr(writer, call)())

    results: list[bool] = []
    writer = tbimage.SummaryWriter(tmp_path, on_error="log", close_timeout=5.0)
    handler = Handler()
    logging.getLogger("tbimage").addHandler(handler)
    try:
        assert writer.image("a", np.full((4, 4), np.nan), 0)  # there is a line about the values
        assert writer.close()
    finally:
        logging.getLogger("tbimage").removeHandler(handler)
    assert results == [False]
    assert writer.stats().written == 1


def test_a_failing_disk_delays_no_caller_if_no_thread_can_be_started(
    tmp_path: Path, no_threads: pytest.MonkeyPatch, faulty: Storages
) -> None:
    storage = faulty(healthy)
    writer = tbimage.SummaryWriter(tmp_path, on_error="log", max_pending_bytes=3000)
    storage.plan = lambda operation, size: error(28) if operation == "write" else None
    answers = [writer.scalar("a", 0.5, step) for step in range(20)]
    assert answers[0] is True
    assert answers[-1] is False
    assert writer.flush() is False
    storage.plan = healthy
    assert writer.flush()
    assert writer.close()
    assert logs.steps(tmp_path, "a") == [step for step in range(20) if answers[step]]
