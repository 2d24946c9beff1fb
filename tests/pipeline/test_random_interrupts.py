"""Signals, asynchronous exceptions and failing allocations at random times.

The other tests of interrupts count places; here the machine decides. After each fault later calls
are written, ``flush`` returns True and the counters add up.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pipeline import children, logs
from tests.pipeline.soundness import everything

pytestmark = pytest.mark.timeout(900)

START = """
import ctypes, dataclasses, faulthandler, gc, itertools, json, os, random, signal, sys
import threading, time
import numpy as np
import tbimage

gc.disable()  # the interpreter ignores exceptions in finalizers
faulthandler.dump_traceback_later(600, exit=True)
logdir = sys.argv[1]
PICTURE = np.arange(64, dtype=np.uint8).reshape(8, 8)
LARGE = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
random.seed(int(sys.argv[2]))
TRIALS = int(sys.argv[3])

def open_writer(**settings):
    return tbimage.SummaryWriter(logdir, on_error="log", close_timeout=20.0, **settings)

writer = open_writer(max_pending_bytes=3 * LARGE.nbytes)

accepted = itertools.count()
def count(answer):
    "Count a call that returned True: its summary must be written."
    if answer:
        next(accepted)

def once(step):
    "What is interrupted: one call of some kind, and several of another."
    kind = step % 8
    if kind == 0:
        for _ in range(20):
            count(writer.scalar("scalar", 0.5))
    elif kind == 1:
        count(writer.image("small", PICTURE))
    elif kind == 2:
        count(writer.image("large", LARGE))
    elif kind == 3:
        count(writer.image("large", LARGE))
        writer.flush(10)
    elif kind == 4:
        count(writer.scalar("scalar", 0.5))
        writer.flush(10)
    elif kind == 5:
        count(writer.scalars("scalars", {"k": 0.5}))
        writer.stats()
    elif kind == 6:
        for _ in range(8):
            count(writer.image("large", LARGE))  # waits for memory
    else:
        count(writer.histogram("histogram", LARGE))
        count(writer.text("text", "words"))

later = 0
def check(what):
    global later
    assert writer.scalar("after", 0.5, later), what
    assert writer.image("picture after", PICTURE, later), what
    assert writer.flush(20), (what, writer.stats())
    stats = writer.stats()
    total = stats.written + sum(stats.dropped.values()) + stats.pending_items
    assert stats.logged == total, (what, stats)
    assert stats.pending_items == stats.pending_bytes == 0, (what, stats)
    assert stats.healthy, (what, stats)
    later += 1

duration = [0.0] * 8
for step in range(24):
    check("imports")
    begun = time.perf_counter()
    once(step)
    duration[step % 8] = time.perf_counter() - begun
check("imports")

def some_time_in(step):
    "When the call is likely to be going on. It begins with threads that sleep or fall asleep."
    time.sleep(random.choice([0, 0, 1e-4, 1e-3]))
    return 1e-6 + 1.2 * random.random() * min(duration[step % 8], random.choice([3e-4, 1e-3, 1.0]))

def report(faults):
    assert writer.close(20)
    told = dict(dataclasses.asdict(writer.stats()), faults=faults, later=later)
    print(json.dumps(dict(told, accepted=next(accepted) + 2 * later)))
"""


def run(tmp_path: Path, script: str, seed: int, trials: int) -> int:
    """Run a number of trials; return how many faults hit a call."""
    done = children.run(START + script, tmp_path, seed, trials)
    told = json.loads(done.stdout.splitlines()[-1])
    found = everything(tmp_path)
    assert found["after"] == found["picture after"] == list(range(told["later"]))
    for tag, steps in found.items():
        assert steps == sorted(set(steps)), tag
    assert sum(map(len, found.values())) == told["written"]
    assert told["written"] + told["dropped"]["error"] >= told["accepted"]
    return int(told["faults"])


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "DEADLINE_SECONDS", 800.0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_two_thousand_signals(tmp_path: Path, seed: int) -> None:
    script = """
class Ctrl_C(KeyboardInterrupt):
    pass

armed = False
def handler(number, frame):
    global armed
    if armed:
        armed = False
        raise Ctrl_C
signal.signal(signal.SIGALRM, handler)
faults = 0
for trial in itertools.count():
    if faults >= TRIALS or trial > 20 * TRIALS:
        break
    try:
        delay = some_time_in(trial)
        armed = True
        signal.setitimer(signal.ITIMER_REAL, delay)
        once(trial)
        armed = False
    except Ctrl_C:
        faults += 1
        check(f"trial {trial}")
    armed = False
    signal.setitimer(signal.ITIMER_REAL, 0)
check("the end")
report(faults)
"""
    assert run(tmp_path, script, seed, 500) == 500


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_signals_that_other_threads_raise(tmp_path: Path, seed: int) -> None:
    """``_thread.interrupt_main`` and ``signal.raise_signal``, as web servers use them."""
    script = """
import _thread
armed = threading.Event()
over = False
current = 0
may_raise = False
def handler(number, frame):  # uses no Event: it may run while the main thread has its lock
    global may_raise
    if may_raise:
        may_raise = False
        raise KeyboardInterrupt
signal.signal(signal.SIGINT, handler)
def disturb():
    while not over:
        if armed.wait(1):
            time.sleep(some_time_in(current))
            if random.random() < 0.5:
                _thread.interrupt_main()
            else:
                os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=disturb, daemon=True).start()
faults = 0
for trial in itertools.count():
    if faults >= TRIALS or trial > 20 * TRIALS:
        break
    try:
        current = trial
        armed.set()
        may_raise = True
        once(trial)
        may_raise = False
    except KeyboardInterrupt:
        faults += 1
        may_raise = False
        armed.clear()
        check(f"trial {trial}")
    armed.clear()
over = True
check("the end")
report(faults)
"""
    assert run(tmp_path, script, seed, 200) == 200


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_asynchronous_exceptions_in_threads(tmp_path: Path, seed: int) -> None:
    """``PyThreadState_SetAsyncExc``, as libraries for time-outs use it."""
    script = """
class TimeOut(BaseException):
    pass

faults = 0
def victim(trial, started):
    global faults
    try:
        started.set()
        once(trial)
        once(trial + 3)
        time.sleep(0.0001)
    except TimeOut:
        faults += 1
for trial in range(TRIALS):
    threads = []
    for offset in range(3):
        started = threading.Event()
        thread = threading.Thread(target=victim, args=(trial + offset, started), daemon=True)
        thread.start()
        started.wait(5)
        threads.append(thread)
    time.sleep(random.choice([0, 1e-4, 1e-3, 4e-3]) * random.random())
    for thread in threads:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(TimeOut))
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), trial
    check(f"trial {trial}")
report(faults)
"""
    script = "threading.excepthook = lambda arguments: None\n" + script
    assert run(tmp_path, script, seed, 300) > 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_failing_allocations(tmp_path: Path, seed: int) -> None:
    """From one allocation on, several fail, in all threads, so MemoryError is raised anywhere."""
    pytest.importorskip("_testcapi", reason="_testcapi, CPython's own test module, is not there")
    script = """
import _testcapi
faults = 0
for trial in range(TRIALS):
    start = random.randrange(1, 400)
    stop = start + random.choice([1, 1, 1, 2, 5])
    try:
        _testcapi.set_nomemory(start, stop)
        try:
            once(trial)
        finally:
            _testcapi.remove_mem_hooks()
    except MemoryError:
        faults += 1
    except Exception as error:
        # Without memory, NumPy takes a writable buffer as read-only.
        expected = isinstance(error, (SystemError, OSError, RuntimeError))
        assert expected or "read-only" in str(error), repr(error)
        faults += 1
    for _ in range(3):  # an error of a thread may be raised here, and lose a picture
        if writer.flush(20):
            break
    check(f"trial {trial}: {start} to {stop}")
report(faults)
"""
    assert run(tmp_path, script, seed, 500) > 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_signals_while_closing_and_opening(tmp_path: Path, seed: int) -> None:
    script = """
class Ctrl_C(KeyboardInterrupt):
    pass

armed = False
def handler(number, frame):
    global armed
    if armed:
        armed = False
        raise Ctrl_C
signal.signal(signal.SIGALRM, handler)
faults = 0
for trial in range(TRIALS):
    each = None
    directory = os.path.join(logdir, f"run {trial}")
    try:
        armed = True
        signal.setitimer(signal.ITIMER_REAL, 2e-3 * (1e-3 + random.random()))
        each = tbimage.SummaryWriter(directory, close_timeout=20.0)
        each.scalar("closed", 0.5, trial)
        each.image("closed picture", LARGE, trial)
        each.close()
        armed = False
    except Ctrl_C:
        faults += 1
    armed = False
    signal.setitimer(signal.ITIMER_REAL, 0)
    if each is not None:
        assert each.close(20), trial
        stats = each.stats()
        assert stats.logged == stats.written, stats
    check(f"trial {trial}")
assert writer.close(20)
print(json.dumps({"faults": faults, "later": later}))
"""
    done = children.run(START + script, tmp_path, seed, 300)
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["faults"] > 30
    assert logs.steps(tmp_path, "after") == list(range(told["later"]))
