"""A signal handler may flush, log, close or raise at any place of a call of its thread."""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import tbimage
from tbimage.events import reporting
from tbimage.pipeline import callers, channel, lifecycle, owner, requests
from tbimage.writer import base, steps, sub_runs
from tests import readers
from tests.pipeline import logs
from tests.pipeline.faulty import FaultyStorage
from tests.pipeline.interruptions import Ctrl_C, Interruption, interrupt, probed
from tests.pipeline.resources import descriptors

PICTURE = np.zeros((8, 8), np.uint8)


@pytest.fixture(scope="module")
def probes() -> Iterator[None]:
    pipelines = [callers, channel, lifecycle, owner, reporting, requests]
    with probed([*pipelines, base, steps, sub_runs]):
        yield


@pytest.fixture(autouse=True)
def _probed(probes: None) -> None:
    pass


# Scalars and pictures share a name, so that their order can be checked.
pytestmark = pytest.mark.filterwarnings("ignore::tbimage.KindWarning")

#: What the program is doing when the signal comes.
CALLS: dict[str, Callable[[tbimage.SummaryWriter, int], object]] = {
    "scalar": lambda writer, step: writer.scalar("a", 0.5, step),
    "image": lambda writer, step: writer.image("a", PICTURE, step),
    "flush": lambda writer, step: writer.scalar("a", 0.5, step) and writer.flush(60),
}


def assert_in_order(writer: tbimage.SummaryWriter) -> None:
    """Nothing hangs, nothing is counted twice, and the writer continues."""
    assert writer.flush(60)
    stats = writer.stats()
    assert stats.pending_items == stats.pending_bytes == 0, stats
    assert stats.logged == stats.written + stats.dropped["full"], stats
    assert writer.scalar("after", 1.0, stats.logged)
    assert writer.image("picture after", PICTURE, stats.logged)
    assert writer.flush(60)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("warm", [False, True])
def test_an_exception_loses_at_most_the_interrupted_call(
    tmp_path: Path, call: str, warm: bool
) -> None:
    for place in itertools.count():
        writer = tbimage.SummaryWriter(tmp_path / str(place), workers=2)
        if warm:
            writer.scalar("a", 0.5, 0)
            writer.image("a", PICTURE, 1)
            writer.flush()
        interruption = Interruption(place, interrupt)
        try:
            with interruption:
                CALLS[call](writer, 2)
        except Ctrl_C:
            pass
        assert_in_order(writer)
        writer.close()
        written = logs.steps(tmp_path / str(place), "a")
        assert written in ([0, 1] * warm, [*([0, 1] * warm), 2])
        if not interruption.happened:
            assert 2 in written
            break
    assert place > 10


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("warm", [False, True])
def test_a_handler_may_log_and_flush_within_any_call(tmp_path: Path, call: str, warm: bool) -> None:
    for place in itertools.count():
        # With one worker, a call that is interrupted while it starts the thread has no other one.
        writer = tbimage.SummaryWriter(tmp_path / str(place), workers=1, flush_secs=0.002)
        if warm:
            writer.scalar("b", 0.5)
            writer.image("b", PICTURE)
            writer.flush()

        def handler(writer: tbimage.SummaryWriter = writer) -> None:
            assert writer.flush(60)
            assert writer.scalar("b", 0.5)
            assert writer.image("b", PICTURE)
            assert writer.flush(60)

        with Interruption(place, handler) as interruption:
            CALLS[call](writer, 2)
        # No wake-up is lost, although the handler may have consumed it.
        readers.wait_until(lambda: writer.stats().pending_items == 0, "it to be written")  # noqa: B023
        assert_in_order(writer)
        writer.close()
        assert logs.steps(tmp_path / str(place), "a") == [2]
        assert logs.steps(tmp_path / str(place), "b") == list(
            range(2 * warm + 2 * interruption.happened)
        )
        if not interruption.happened:
            break
    assert place > 10


@pytest.mark.parametrize("call", CALLS)
def test_a_handler_may_close_within_any_call(tmp_path: Path, call: str) -> None:
    """The interrupted call is written, or refused as by any closed writer."""
    for place in itertools.count():
        writer = tbimage.SummaryWriter(tmp_path / str(place), workers=2)
        refused = False
        with Interruption(place, writer.close) as interruption:
            try:
                CALLS[call](writer, 2)
            except RuntimeError:
                refused = True
        assert writer.close(10)
        assert logs.steps(tmp_path / str(place), "a") == ([] if refused else [2])
        stats = writer.stats()
        assert stats.pending_items == stats.pending_bytes == 0
        if not interruption.happened:
            break
    assert place > 10


@pytest.mark.parametrize("handler", ["raises", "flushes", "closes"])
@pytest.mark.parametrize("idle", [False, True])
def test_close_may_be_interrupted(tmp_path: Path, handler: str, idle: bool) -> None:
    """After a second call everything is in the file, and the file is closed."""
    for place in itertools.count():
        writer = tbimage.SummaryWriter(tmp_path / str(place), workers=1)
        writer.scalar("a", 0.5, 2)
        if idle:
            writer.flush()
        actions: dict[str, Callable[[], object]] = {
            "raises": interrupt,
            "flushes": writer.flush,
            "closes": writer.close,
        }
        interruption = Interruption(place, actions[handler])
        try:
            with interruption:
                writer.close(10)
        except Ctrl_C:
            pass
        assert writer.close(10)
        assert descriptors(tmp_path / str(place)) == 0
        assert logs.steps(tmp_path / str(place), "a") == [2]
        assert writer.stats().pending_items == 0
        if not interruption.happened:
            break
    assert place > 10


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Writes wait for it."""
    opened = threading.Event()

    def plan(operation: str, size: int) -> None:
        if operation == "write":
            assert opened.wait(20)

    monkeypatch.setattr(sub_runs, "LocalStorage", lambda: FaultyStorage(plan))
    return opened


@pytest.mark.parametrize("handler", ["raises", "logs"])
def test_a_call_that_waits_for_memory_may_be_interrupted(
    tmp_path: Path, gate: threading.Event, handler: str
) -> None:
    for place in itertools.count():
        gate.set()
        writer = tbimage.SummaryWriter(tmp_path / str(place), max_pending_bytes=2000, workers=1)
        gate.clear()
        for step in range(3):
            assert writer.scalar("fill", 0.5, step)
        opener = threading.Timer(0.01, gate.set)
        opener.start()

        def log(writer: tbimage.SummaryWriter = writer) -> None:
            """There may be no memory, and it cannot wait, because its thread already waits."""
            writer.scalar("b", 0.5)
            writer.image("b", PICTURE)

        action = interrupt if handler == "raises" else log
        interruption = Interruption(place, action)
        try:
            with interruption:
                assert writer.scalar("a", 0.5, 0)
        except Ctrl_C:
            pass
        opener.join()
        # The next caller is admitted, although the interrupted one was before it in the line.
        other = threading.Thread(target=writer.image, args=("c", PICTURE, 0), daemon=True)
        other.start()
        other.join(60)
        assert not other.is_alive()
        assert_in_order(writer)
        writer.close()
        if not interruption.happened:
            break
    assert place > 10


def test_real_signals_at_random_times(tmp_path: Path, no_garbage: None) -> None:
    writer = tbimage.SummaryWriter(tmp_path)
    handled = depth = 0
    may_raise = False

    def handler(number: int, frame: object) -> None:
        nonlocal handled, depth, may_raise
        handled += 1
        raises, may_raise = may_raise and handled % 3 == 2, False  # not within another handler
        if raises:
            raise Ctrl_C
        if handled % 3 == 0 and depth < 10:  # a slow disk must not make them endless
            depth += 1
            assert writer.flush(60)
            depth -= 1
        else:
            writer.scalar("b", 0.5)

    before = signal.signal(signal.SIGALRM, handler)
    interrupted = logged = 0
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        begin = time.monotonic()
        while time.monotonic() < begin + 1.0 or (
            (handled <= 50 or interrupted <= 10) and time.monotonic() < begin + 60
        ):
            try:
                may_raise = True
                logged += writer.scalar("a", 0.5)
            except Ctrl_C:
                interrupted += 1
            may_raise = False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0, 0)
        signal.signal(signal.SIGALRM, before)
    assert_in_order(writer)
    writer.close()
    written = logs.steps(tmp_path, "a")
    assert written == sorted(set(written))
    assert logged <= len(written) <= logged + interrupted
    assert handled > 50
    assert interrupted > 10
