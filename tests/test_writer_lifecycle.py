"""A writer from its making to its end: settings, flush, close, garbage, threads, counters."""

from __future__ import annotations

import dataclasses
import gc
import inspect
import json
import logging
import math
import os
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage import run_writer, settings
from tbimage.settings import Settings
from tests import readers
from tests.pipeline import logs
from tests.pipeline.faulty import FaultyStorage, error, healthy

PICTURE = np.zeros((8, 8, 3), np.uint8)


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "tbimage"]


def descriptors(directory: Path) -> int:
    """How many files of a directory this process has open."""
    targets = (os.path.realpath(each) for each in Path("/proc/self/fd").iterdir())
    return sum(target.startswith(str(directory)) for target in targets)


# Settings.


def test_every_setting_has_an_argument_and_is_documented_with_its_default() -> None:
    parameters = inspect.signature(tbimage.SummaryWriter).parameters
    documentation = inspect.getdoc(run_writer.RunWriter.__init__) or ""
    for field in dataclasses.fields(Settings):
        parameter = parameters[field.name]
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        if field.name != "keep":
            assert parameter.default == field.default, field.name
        _, _, text = documentation.partition(f"\n    {field.name}: ")
        assert text, field.name
    assert parameters.keys() - {"logdir"} == {field.name for field in dataclasses.fields(Settings)}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("max_pending_bytes", 0, "max_pending_bytes must be an integer of at least 1, got 0"),
        ("max_pending_bytes", 1e9, "max_pending_bytes must be an integer of at least 1, got 1000"),
        ("on_full", "wait", "on_full must be 'block' or 'drop', got 'wait'"),
        ("block_timeout", -1, "block_timeout must be seconds, 0 or more, or None, got -1"),
        ("block_timeout", math.inf, "pass None to wait as long as it takes"),
        ("workers", 0, "workers must be an integer of at least 1, or None, got 0"),
        ("workers", 2.5, "workers must be an integer of at least 1, or None, got 2.5"),
        ("workers", True, "workers must be an integer"),
        ("flush_secs", math.nan, "flush_secs must be seconds, 0 or more, got nan"),
        ("flush_secs", None, "flush_secs must be seconds, 0 or more, got None"),
        ("fsync", True, "fsync must be 'never' or 'flush' or 'close', got True"),
        ("on_error", None, "on_error must be 'raise' or 'log', got None"),
        ("max_file_bytes", "1MB", "max_file_bytes must be an integer of at least 1, or None"),
        ("max_file_secs", -0.1, "max_file_secs must be seconds, 0 or more, or None"),
        ("keep_files", 1, "keep_files must be an integer of at least 2, or None, got 1"),
        ("keep_bytes", -1, "keep_bytes must be an integer of at least 0, or None, got -1"),
        ("min_free_bytes", None, "min_free_bytes must be an integer of at least 0, got None"),
        ("close_timeout", 1e300, "close_timeout must be seconds, 0 or more, got 1e"),
        ("filename_suffix", 3, "filename_suffix must be a string"),
        ("filename_suffix", "a/b", "must not hold a path separator"),
        ("filename_suffix", "7", "must not start with a digit"),
        ("wire", "png", "wire must be 'image' or 'tensor'"),
    ],
)
def test_a_setting_that_makes_no_sense_says_what_would(
    tmp_path: Path, name: str, value: Any, words: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=words.replace("(", r"\(")):
        tbimage.SummaryWriter(tmp_path, **{name: value})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("timeout", ["5", -1, math.nan, math.inf, True])
def test_a_timeout_that_makes_no_sense(tmp_path: Path, timeout: Any) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        for wait in (writer.flush, writer.close):
            with pytest.raises((TypeError, ValueError), match="timeout must be seconds"):
                wait(timeout)
        assert not writer.closed


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(
        tmp_path, max_pending_bytes=np.int64(1 << 20), flush_secs=np.float64(0.05)
    ) as writer:
        assert writer.scalar("a", 0.5, 0)


def test_as_many_workers_as_processors_and_four_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    for processors, expected in [(1, 1), (3, 3), (64, 4)]:
        monkeypatch.setattr(
            os, "sched_getaffinity", lambda pid, n=processors: range(n), raising=False
        )
        assert Settings().worker_count == expected
    assert Settings(workers=16).worker_count == 16
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert settings.Settings().worker_count == 1


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


def test_a_writer_that_was_dropped_is_not_warned_of(tmp_path: Path) -> None:
    for _ in range(3):
        writer = tbimage.SummaryWriter(tmp_path)
        writer.scalar("a", 0.5)
        writer.flush()
        del writer
        gc.collect()
    assert logs.steps(tmp_path, "a") == [0, 1, 2]


def test_a_restart_goes_on_after_what_is_there(tmp_path: Path) -> None:
    for restart in range(4):
        with tbimage.SummaryWriter(tmp_path) as writer:
            for _ in range(3):
                writer.scalar("a", 0.5)
        paths = logs.event_files(tmp_path)
        assert len(paths) == restart + 1
        assert writer.path == str(paths[-1])
    assert logs.steps(tmp_path, "a") == list(range(12))
    for loader in readers.LOADERS:
        assert logs.shown(tmp_path, loader)["."]["a"] == list(range(12))


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


def test_what_is_cheap_waits_for_flush_secs_and_no_longer(tmp_path: Path) -> None:
    writer = tbimage.SummaryWriter(tmp_path, flush_secs=0.05)
    for step in range(5):
        writer.scalar("a", 0.5, step)
        readers.wait_until(lambda: writer.stats().written == step + 1, "it", 10)  # noqa: B023
    writer.close()


def test_what_is_cheap_does_not_wait_for_an_image_that_another_thread_makes(
    tmp_path: Path,
) -> None:
    """Of two threads one encodes; the other must see to the clock."""
    writer = tbimage.SummaryWriter(tmp_path, flush_secs=0.05, workers=2)
    going_on, begun = threading.Event(), threading.Event()

    def make() -> list[Any]:
        begun.set()
        assert going_on.wait(20)
        return []

    writer.scalar("a", 0.5, 0)
    writer._log("slow", 1, 1.0, 10, lambda: make)
    assert begun.wait(10)
    readers.wait_until(lambda: writer.stats().written == 1, "the scalar before it", 10)
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
    for log in (
        lambda: writer.scalar("a", 0.5, 1),
        lambda: writer.image("a", PICTURE, 2),
        lambda: writer.scalar("a", 0.5),
    ):
        with pytest.raises(RuntimeError, match=r"is closed; make a new one to go on logging"):
            log()
    stats = writer.stats()
    assert (stats.logged, stats.written) == (1, 1)
    assert stats.pending_bytes == 0
    assert logs.steps(tmp_path, "a") == [0]
    assert descriptors(tmp_path) == 0


def test_threads_end_with_close(tmp_path: Path) -> None:
    before = len(threads())
    writer = tbimage.SummaryWriter(tmp_path, workers=4)
    for step in range(50):
        writer.image("a", PICTURE, step)
    writer.flush()
    assert len(threads()) > before
    writer.close()
    readers.wait_until(lambda: len(threads()) <= before, "threads to end", 10)


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
    writer = tbimage.SummaryWriter(tmp_path)
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
    """As a handler of the logger tbimage does that flushes, or logs to this writer."""
    writer = tbimage.SummaryWriter(tmp_path, workers=1, on_error="log", max_pending_bytes=3000)
    answers: list[object] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            answers.extend(writer.scalar("log", 0.5) for _ in range(10))
            answers.append(writer.flush())

    handler = Handler()
    logging.getLogger("tbimage").addHandler(handler)
    try:
        writer.image("bad", np.full((4, 4), 300), 0)
        writer.flush(20)
    finally:
        logging.getLogger("tbimage").removeHandler(handler)
    readers.wait_until(lambda: answers and answers[-1] is False, "the handler", 20)
    assert answers[0] is True
    assert writer.close(20) in (True, False)
    stats = writer.stats()
    assert stats.pending_items == 0
    assert stats.written == answers.count(True)


# Room.


def test_a_full_queue_refuses_after_block_timeout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going_on = threading.Event()
    storage = FaultyStorage(healthy)
    monkeypatch.setattr(run_writer, "LocalStorage", lambda: storage)
    writer = tbimage.SummaryWriter(tmp_path, max_pending_bytes=10_000, block_timeout=0.05)
    storage.plan = lambda operation, size: None if going_on.wait(20) else error(5)
    answers = [writer.image("a", PICTURE, step) for step in range(25)]
    assert answers == [True] * answers.index(False) + [False] * answers.count(False)
    going_on.set()
    assert writer.flush(10)
    assert writer.stats().dropped["full"] == answers.count(False) > 0
    assert writer.image("a", PICTURE, 25)
    writer.close()


def test_who_waits_for_room_when_it_is_closed_hears_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going_on = threading.Event()
    storage = FaultyStorage(healthy)
    monkeypatch.setattr(run_writer, "LocalStorage", lambda: storage)
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
    readers.wait_until(lambda: len(writer._pipeline.intake._line) == 6, "all to wait", 10)
    writer.close(0.05)
    for thread in waiting:
        thread.join(10)
        assert not thread.is_alive()
    assert len(raised) == 6
    going_on.set()


def test_who_waits_for_room_is_let_in_in_the_order_of_coming(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going_on = threading.Event()
    storage = FaultyStorage(healthy)
    monkeypatch.setattr(run_writer, "LocalStorage", lambda: storage)
    writer = tbimage.SummaryWriter(tmp_path, max_pending_bytes=2000)
    storage.plan = lambda operation, size: None if going_on.wait(20) else error(5)
    writer.image("first", PICTURE, 0)
    waiting = []
    for number in range(10):
        large = np.zeros((10, 10 if number % 2 else 300), np.uint8)
        waiting.append(threading.Thread(target=writer.image, args=(f"i{number}", large, 0)))
        waiting[-1].start()
        readers.wait_until(
            lambda: len(writer._pipeline.intake._line) == number + 1,  # noqa: B023
            "it to wait",
            10,
        )
    going_on.set()
    for thread in waiting:
        thread.join(10)
    writer.close()
    assert [tag for tag, _ in logs.summaries(tmp_path)] == [
        "first",
        *(f"i{number}" for number in range(10)),
    ]


def test_a_snapshot_that_cannot_be_taken_gives_its_room_back(tmp_path: Path) -> None:
    writer = tbimage.SummaryWriter(tmp_path)

    def take_snapshot() -> Any:
        assert writer.stats().pending_bytes > 1000
        raise MemoryError

    with pytest.raises(MemoryError):
        writer._log("a", 0, 1.0, 1000, take_snapshot)
    stats = writer.stats()
    assert stats.pending_bytes == stats.logged == stats.pending_items == 0
    assert writer.flush()
    writer.close()


# Garbage.


def test_a_writer_that_is_dropped_writes_and_closes_by_itself(tmp_path: Path) -> None:
    """With the last reference, without the help of the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        for number in range(5):
            writer = tbimage.SummaryWriter(tmp_path / str(number), flush_secs=60)
            for step in range(number * 3):
                writer.scalar("a", 0.5, step)
                writer.image("b", PICTURE, step)
            del writer
        readers.wait_until(lambda: descriptors(tmp_path) == 0, "files to be closed", 20)
    finally:
        gc.enable()
    for number in range(5):
        assert logs.steps(tmp_path / str(number), "a") == list(range(number * 3))
        assert logs.steps(tmp_path / str(number), "b") == list(range(number * 3))


def test_an_idle_writer_that_is_dropped_needs_no_thread(tmp_path: Path) -> None:
    before = len(threads())
    for number in range(20):
        tbimage.SummaryWriter(tmp_path / str(number))
    assert len(threads()) == before
    readers.wait_until(lambda: descriptors(tmp_path) == 0, "files to be closed", 20)


def test_writers_come_and_go_without_a_trace(tmp_path: Path) -> None:
    from tbimage import processes, runs

    def live() -> int:
        gc.collect()
        return len(processes._live)

    before = live()
    for number in range(30):
        writer = tbimage.SummaryWriter(tmp_path / str(number))
        writer.scalar("a", 0.5, 0)
        writer.image("b", PICTURE, 0)
        writer.close()
    del writer
    readers.wait_until(lambda: live() <= before, "pipelines to go", 20)
    assert not any(str(tmp_path) in key for key in runs._tenants)


# Threads.


def test_threads_start_with_the_first_work_and_sleep_without_it(tmp_path: Path) -> None:
    before = len(threads())
    writer = tbimage.SummaryWriter(tmp_path, workers=2)
    assert len(threads()) == before
    writer.scalar("a", 0.5, 0)
    writer.flush()
    assert len(threads()) == before + 1
    time.sleep(0.3)  # longer than flush_secs: all are asleep
    condition = writer._pipeline._workers._wanted
    woken = 0
    wait = condition.wait

    def counting(timeout: float | None = None) -> bool:
        nonlocal woken
        woken += 1
        return wait(timeout)

    condition.wait = counting  # type: ignore[method-assign]
    time.sleep(0.5)
    assert woken == 0
    writer.close()


def test_where_no_thread_can_be_started_callers_do_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with RLIMIT_NPROC, in a container's pids cgroup, and when the interpreter ends."""

    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        writer = tbimage.SummaryWriter(tmp_path, flush_secs=60, max_pending_bytes=3000)
        for step in range(20):
            assert writer.scalar("a", 0.5, step)
            assert writer.image("b", PICTURE, step)
        assert logs.steps(tmp_path, "a") == logs.steps(tmp_path, "b") == list(range(20))
        assert writer.flush()
        assert not threads() or all(thread.is_alive() for thread in threads())
    assert writer.scalar("a", 0.5, 20)  # and once there are threads again, with one
    assert writer.close()
    assert logs.steps(tmp_path, "a") == list(range(21))


def test_where_no_thread_can_be_started_a_failing_disk_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    storage = FaultyStorage(healthy)
    monkeypatch.setattr(run_writer, "LocalStorage", lambda: storage)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
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


# Counters.


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
    assert as_json["segments"] == len(logs.event_files(tmp_path)) > 1
    assert as_json["bytes_written"] == sum(
        path.stat().st_size for path in logs.event_files(tmp_path)
    )
    assert as_json["encode_secs"] > 0
    assert "ValueError" in as_json["last_error"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        stats.written = 3  # type: ignore[misc]


def test_counters_do_not_wait_for_anybody(tmp_path: Path) -> None:
    writer = tbimage.SummaryWriter(tmp_path)
    seen = []
    with writer._pipeline._lock:
        thread = threading.Thread(target=lambda: seen.append(writer.stats()))
        thread.start()
        thread.join(10)
    assert len(seen) == 1
    writer.close()


def test_causes_beyond_some_are_not_remembered(
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


def test_a_traceback_is_logged_for_who_asks_for_it(
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


def test_without_warnings_nothing_is_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with tbimage.SummaryWriter(tmp_path, max_file_bytes=500, keep_files=2) as writer:
            for step in range(100):
                writer.scalar("a", 0.5, step)
                writer.image("b", PICTURE, step)
    assert capfd.readouterr() == ("", "")
