"""Waiting calls are woken, summaries that fit are admitted, and lines are logged in time.

Each test was written for a change of the code that no other test noticed.
"""

from __future__ import annotations

import gc
import itertools
import json
import logging
import os
import random
import sys
import threading
import time
import tracemalloc
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tests import readers
from tests.pipeline import logs, lying_disk
from tests.pipeline.soundness import everything

WATCH = """
import faulthandler
watch_file = os.fdopen(os.dup(2), "w")
faulthandler.dump_traceback_later(90, exit=True, file=watch_file)
release = os.path.join(os.path.dirname(logdir), "release")
"""

# Threads that wait for memory, and threads that wait for a flush.
WAITERS = """
writer = tbimage.SummaryWriter(logdir, on_full="block", max_pending_bytes=20_000, close_timeout=1.0)
writer.scalar("a", 0.5, 0)
writer.image("warm", PICTURE, 0)
assert writer.flush(10)
lie(write_hold=release)
writer.scalar("a", 0.5, 1)
held()
ended = []
def work(call):
    try:
        while not writer.closed and call() is not False:
            pass
    except RuntimeError:
        pass  # it is closed
    ended.append(1)
calls = [writer.flush, lambda: writer.scalar("b", 0.5), lambda: writer.image("c", PICTURE)] * 5
threads = [threading.Thread(target=work, args=(call,), daemon=True) for call in calls]
for thread in threads:
    thread.start()
bound = writer.stats
wait_until(lambda: bound().pending_bytes > 15_000)
time.sleep(0.2)
assert len(ended) == 0, ended
"""


def test_close_wakes_all_waiting_calls(tmp_path: Path) -> None:
    """While the disk still hangs."""
    script = f"""{WATCH}{WAITERS}
assert writer.close(0.2) is False
for thread in threads:
    thread.join(20)
assert len(ended) == len(threads), len(ended)
assert not os.path.exists(release)
print(json.dumps(len(ended)))
os._exit(0)
"""
    done = lying_disk.run(script, tmp_path / "run")
    assert json.loads(done.stdout) == 15


def test_the_end_of_the_process_wakes_all_waiting_calls(tmp_path: Path) -> None:
    """``drain`` gives the summaries up, so the calls of daemon threads return."""
    script = f"""{WATCH}{WAITERS}
import atexit
from tbimage.pipeline import lifecycle
def look():
    for thread in threads:
        thread.join(20)
    print(len(ended), os.path.exists(release))
atexit.unregister(lifecycle.drain)
atexit.register(look)  # as if it was registered before the import: it runs after drain
atexit.register(lifecycle.drain)
"""
    done = lying_disk.run(script, tmp_path / "run")
    assert done.stdout == "15 False\n"
    assert "summaries were not written" in done.stderr


def test_a_disk_that_works_again_wakes_all_waiting_calls(tmp_path: Path) -> None:
    logdir = tmp_path / "run"
    script = f"""{WATCH}{WAITERS}
open(release, "w").close()
time.sleep(0.5)
assert writer.close(20)
for thread in threads:
    thread.join(20)
assert len(ended) == len(threads), len(ended)
stats = adding_up(writer.stats())
assert stats.pending_items == stats.dropped["error"] == 0, stats
report(writer)
"""
    stats = json.loads(lying_disk.run(script, logdir).stdout)
    found = everything(logdir)
    for steps in found.values():
        assert steps == list(range(len(steps)))
    assert sum(map(len, found.values())) == stats["written"]


@pytest.mark.parametrize("on_full", ["drop", "block"])
def test_a_summary_that_exactly_fits_is_admitted(tmp_path: Path, on_full: str) -> None:
    """A bound for N scalars admits N; with one byte less, it admits N - 1."""
    script = f"""{WATCH}
def hanging(name, bound):
    lie(write_hold=None)
    writer = tbimage.SummaryWriter(
        logdir + "/" + name, on_full="{on_full}", block_timeout=0.3, max_pending_bytes=bound,
        on_error="log", close_timeout=1.0)
    writer.scalar("a", 0.5, 0)
    assert writer.flush(10)
    lie(write_hold=release)
    return writer

def admitted(name, bound):
    writer = hanging(name, bound)
    count = 0
    while writer.scalar("a", 0.5, count + 1):
        count += 1
        assert writer.stats().pending_bytes <= max(bound, cost)
    return count

one = hanging("one", 10**6)
one.scalar("a", 0.5, 1)
cost = one.stats().pending_bytes
assert cost > 0
print(json.dumps([admitted(str(n), bound) for n, bound in enumerate(
    [10 * cost, 10 * cost - 1, cost, cost - 1, 1])]))
sys.stdout.flush()
os._exit(0)
"""
    done = lying_disk.run(script, tmp_path / "run")
    assert json.loads(done.stdout) == [10, 9, 1, 1, 1]


def test_a_flush_makes_durable_what_was_written_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if nothing is pending, and the owner sleeps."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    with tbimage.SummaryWriter(tmp_path, fsync="flush") as writer:
        for step in range(3):
            writer.scalar("a", 0.5, step)
            readers.wait_until(lambda: not writer.stats().pending_items, "all to be written")
            readers.wait_until(lambda: not writer._pipeline.channel.active, "the owner to sleep")
            synced.clear()
            assert writer.flush()
            assert synced


@pytest.mark.parametrize("on_error", ["log", "raise"])
def test_recovery_is_logged_before_flush_returns(tmp_path: Path, on_error: str) -> None:
    script = f"""{WATCH}
import logging
from tbimage.events import reporting
reporting._PATIENCE_SECS = 30.0  # half a second is too short for the handler on a busy machine
lines = []
class Handler(logging.Handler):
    def emit(self, record):
        time.sleep(0.05)  # others may go on meanwhile
        lines.append(record.getMessage())
logging.getLogger("tbimage").addHandler(Handler())
logging.getLogger("tbimage").propagate = False
writer = tbimage.SummaryWriter(logdir, on_error="{on_error}")
writer.scalar("a", 0.5, 0)
assert writer.flush(10)
for step in range(1, 4):
    del lines[:]
    lie(write="before", error=28)
    writer.scalar("a", 0.5, step)
    try:
        assert writer.flush(10) is False
    except OSError:
        assert "{on_error}" == "raise"
    assert not writer.stats().healthy
    assert lines, "the failure was not logged before the flush told of it"
    lie(write=None)
    wait_until(lambda: writer.flush(10))
    assert writer.stats().healthy
    assert sum("works again" in line for line in lines) == 1, lines
assert writer.close()
"""
    lying_disk.run(script, tmp_path / "run")


def chain(error: BaseException | None) -> list[BaseException]:
    """Yield an error and its causes."""
    found: list[BaseException] = []
    pending = [error]
    while pending:
        each = pending.pop()
        if each is not None and each not in found:
            found.append(each)
            pending += [each.__cause__, each.__context__]
    return found


def frames(traceback: types.TracebackType | None) -> list[str]:
    found = []
    while traceback is not None:
        found.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    return found


def make_errors(writer: tbimage.SummaryWriter, kind: str) -> None:
    large = np.full((2000, 2000, 3), 300, np.int32)  # 48 MB
    if kind == "levels":
        writer.image("bad", large, 0)
    elif kind == "within an except block":
        try:
            raise KeyError("of the caller")
        except KeyError:
            writer.image("bad", large, 0)
    elif kind == "several":
        for step in range(3):
            writer.image(f"bad {step}", large[:1000], step)
    else:
        writer.image("batch", np.stack([large[:500], large[:500] - 200]), 0)


@pytest.mark.parametrize("kind", ["levels", "within an except block", "several", "batch"])
@pytest.mark.parametrize("within", ["flush", "close"])
def test_an_error_raised_later_holds_no_picture(tmp_path: Path, kind: str, within: str) -> None:
    """No traceback of the error or of its causes has a frame that holds an array."""
    writer = tbimage.SummaryWriter(tmp_path, workers=1)
    writer.image("good", np.zeros((8, 8), np.uint8), 0)
    writer.flush()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        make_errors(writer, kind)
        with pytest.raises(ValueError, match="300") as caught:
            getattr(writer, within)()
        error = caught.value
        writer.close()
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert held < 40_000_000  # the memory of copies that is kept
    main, *others = chain(error)
    assert all(each.__traceback__ is None for each in others), [repr(each) for each in others]
    assert within in frames(main.__traceback__)
    names = set(frames(main.__traceback__))
    assert not any("encode" in name or "summary" in name for name in names), names


def test_a_disk_error_holds_no_picture(tmp_path: Path) -> None:
    script = """
import tracemalloc
large = np.random.default_rng(0).integers(0, 256, (4000, 4000, 3), np.uint8)  # 48 MB
writer = tbimage.SummaryWriter(logdir, close_timeout=20.0)
writer.image("a", PICTURE, 0)
assert writer.flush(10)
tracemalloc.start()
before = tracemalloc.get_traced_memory()[0]
lie(write="before", error=5)
writer.image("a", large, 1)
try:
    writer.flush(60)
except OSError as raised:
    error = raised
lie(write=None)
wait_until(lambda: writer.flush(10))
assert writer.close()
import gc
gc.collect()
held = tracemalloc.get_traced_memory()[0] - before
assert held < 40_000_000, held  # the memory of copies that is kept
pending, seen = [error.__context__, error.__cause__], []
while pending:
    each = pending.pop()
    if each is not None:
        assert each.__traceback__ is None, each
        pending += [each.__context__, each.__cause__]
print(json.dumps(repr(error)))
"""
    done = lying_disk.run(script, tmp_path / "run")
    assert "OSError" in done.stdout


# keep=


def switching(frame: types.FrameType, event: str, argument: Any) -> Any:
    """Trace the writer, so that other threads run between any two of its bytecodes."""
    if event == "call":
        if f"{os.sep}tbimage{os.sep}" not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = True
    elif event == "opcode" and random.random() < 0.3:
        time.sleep(0)
    return switching


def run_in_threads(count: int, work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("names", [1, 3])
def test_keep_counts_exactly_under_threads(tmp_path: Path, traced: bool, names: int) -> None:
    calls = 100 if traced else 1000
    writer = tbimage.SummaryWriter(tmp_path, keep={"*": tbimage.Keep(every=10)})
    for number in range(names):
        writer.scalar(f"n{number}", 0.5, -1)  # the first is kept; nine more follow
        for _ in range(9):
            writer.scalar(f"n{number}", 0.5, -1)
    before = writer.stats()
    accepted: list[bool] = []
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        if traced:
            sys.settrace(switching)
        accepted.extend(
            [writer.scalar(f"n{number % names}", 0.5, number) for number in range(calls)]
        )
        sys.settrace(None)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run_in_threads(8, work)
    finally:
        sys.setswitchinterval(interval)
    assert writer.close()
    stats = writer.stats()
    calls_of_name = [8 * len(range(number, calls, names)) for number in range(names)]
    assert accepted.count(True) == sum(-(-each // 10) for each in calls_of_name)
    assert stats.logged - before.logged == accepted.count(True)
    assert stats.kept_out - before.kept_out == accepted.count(False)
    assert stats.written == stats.logged


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        pytest.param(tbimage.Keep(every=7), 35, id="every"),
        pytest.param(tbimage.Keep(min_interval=1e6), 1, id="min_interval"),
        pytest.param(tbimage.Keep(reservoir=1000), 240, id="reservoir"),
    ],
)
def test_threads_that_use_a_name_first_agree_on_what_is_kept(
    tmp_path: Path, keep: tbimage.Keep, kept: int
) -> None:
    """Threads switch at any bytecode, also while the first call of a name makes its counter."""
    writer = tbimage.SummaryWriter(tmp_path, keep={"*": keep})
    accepted: list[bool] = []
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        sys.settrace(switching)
        accepted.extend([writer.scalar("a", 0.5) for _ in range(30)])
        sys.settrace(None)

    run_in_threads(8, work)
    assert writer.close()
    assert accepted.count(True) == kept
    assert everything(tmp_path) == {"a": list(range(kept))}


@pytest.mark.parametrize("call", ["scalar", "image", "scalars"])
def test_automatic_steps_are_exact_under_threads(tmp_path: Path, call: str) -> None:
    """Threads switch at any bytecode, and no step is repeated or left out."""
    writer = tbimage.SummaryWriter(tmp_path)
    picture = np.zeros((4, 4), np.uint8)
    log: Callable[[], bool] = {
        "scalar": lambda: writer.scalar("a", 0.5),
        "image": lambda: writer.image("a", picture),
        "scalars": lambda: writer.scalars("a", {"k": 0.5}),
    }[call]
    log()
    barrier = threading.Barrier(6)

    def work() -> None:
        barrier.wait()
        sys.settrace(switching)
        for _ in range(30):
            assert log()
        sys.settrace(None)

    run_in_threads(6, work)
    assert writer.close()
    assert everything(tmp_path) == {"a": list(range(181))}
    assert writer.stats().logged == writer.stats().written == 181


# Files of many runs on few descriptors.


def test_the_most_recently_used_descriptors_stay_open(tmp_path: Path) -> None:
    def opened() -> list[int]:
        found = []
        for link in os.listdir("/proc/self/fd"):
            try:
                target = os.readlink(f"/proc/self/fd/{link}")
            except OSError:
                continue
            if target.startswith(str(tmp_path)) and "loss_" in target:
                found.append(int(Path(target).parent.name.rpartition("_")[2]))
        return sorted(found)

    writer = tbimage.SummaryWriter(tmp_path)

    numbers = itertools.count()
    used: dict[int, list[int]] = {}

    def use(key: int) -> None:
        step = next(numbers)
        assert writer.scalars("loss", {str(key): 0.5}, step)
        assert writer.flush(10)
        used.setdefault(key, []).append(step)

    for key in range(100):
        use(key)
    most = len(opened())
    if most in (0, 100):
        pytest.skip("descriptors of runs are not kept open, or all are")
    assert opened() == list(range(100 - most, 100))
    oldest = 100 - most
    use(oldest)
    use(100)
    assert opened() == [oldest, *range(oldest + 2, 101)]
    for key in range(101):
        use(key)
    assert writer.close()
    found = {run.name: logs.steps(run, "loss") for run in logs.sub_runs(tmp_path)}
    assert found == {f"loss_{key}": steps for key, steps in used.items()}


def test_opening_and_closing_logs_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A process that opens and closes many writers logs nothing about it."""
    with caplog.at_level(logging.INFO, logger="tbimage"):
        for number in range(20):
            with tbimage.SummaryWriter(tmp_path / str(number)) as writer:
                writer.scalar("a", 0.5, 0)
            assert writer.close()
    assert caplog.records == []


def test_a_signal_at_the_end_of_a_wait_does_not_make_it_endless(tmp_path: Path) -> None:
    """After a signal, a wait begins again: with a negative timeout it would never end."""
    script = f"""
{WATCH}
writer = tbimage.SummaryWriter(logdir, max_pending_bytes=1000, block_timeout=0.0005)
writer.scalar("a", 0.5, 0)
assert writer.flush(10)
lie(write_hold=release)
assert writer.image("picture", PICTURE, 0)
held()
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.000037)
deadline = time.monotonic() + 3
while time.monotonic() < deadline:
    assert not writer.flush(0.0005)
    assert not writer.image("picture", PICTURE, 1)  # the first one takes all the memory
signal.setitimer(signal.ITIMER_REAL, 0)
open(release, "w").close()
assert writer.close()
"""
    lying_disk.run(script, tmp_path / "run")
    assert everything(tmp_path / "run") == {"a": [0], "picture": [0]}
