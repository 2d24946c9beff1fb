"""Ctrl-C while the exit drains: all is in the files, or one line says how many are lost."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import pytest

from tests.pipeline import children, logs, lying_disk
from tests.pipeline.soundness import everything

PICTURES = 60

# Encoding takes about a second in all.
SCRIPT = """
import os, sys, threading
import numpy as np
import tbimage

picture = np.random.default_rng(0).integers(0, 64, (300, 300, 3), np.uint8)
writers = [
    tbimage.SummaryWriter(os.path.join(sys.argv[1], str(number)), workers=1, compression="small")
    for number in range(int(sys.argv[2]))
]
for step in range(60 // len(writers)):
    for writer in writers:
        assert writer.image("a", picture, step)
{more}
sys.stdout.write("draining\\n")
sys.stdout.flush()
"""


def told_lost(errors: str) -> list[int]:
    """Return the numbers of lost summaries in the log."""
    return [int(number) for number in re.findall(r"(\d+) summar(?:y|ies)\b", errors)]


def interrupted(logdir: Path, delay: float, signals: int, writers: int, more: str) -> None:
    script = SCRIPT.format(more=more)
    with children.running(script, logdir, writers) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "draining\n"
        for _ in range(signals):
            time.sleep(delay)
            process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=children.DEADLINE_SECONDS)
    assert process.returncode in (0, 1, 130, -signal.SIGINT), (process.returncode, errors)
    assert "Fatal Python error" not in errors
    written = sum(map(len, everything(logdir).values()))
    for run in logs.runs(logdir):
        steps = logs.steps(run, "a")
        assert steps == list(range(len(steps)))
    if written == PICTURES:
        return
    lost = told_lost(errors)
    assert len(lost) <= writers, errors
    assert sum(lost) == PICTURES - written, errors


@pytest.mark.parametrize("signals", [1, 2])
@pytest.mark.parametrize("delay", [0.0, 0.03, 0.1])
def test_ctrl_c_while_the_exit_drains(tmp_path: Path, signals: int, delay: float) -> None:
    interrupted(tmp_path, delay, signals, writers=1, more="")


@pytest.mark.parametrize("signals", [1, 2])
def test_ctrl_c_while_several_writers_drain(tmp_path: Path, signals: int) -> None:
    interrupted(tmp_path, 0.05, signals, writers=3, more="")


@pytest.mark.parametrize("signals", [1, 2])
def test_ctrl_c_while_other_threads_still_run(tmp_path: Path, signals: int) -> None:
    """Python waits for them before its exit handlers run."""
    more = "threading.Thread(target=__import__('time').sleep, args=(0.2,)).start()"
    interrupted(tmp_path, 0.05, signals, writers=1, more=more)


def test_ctrl_c_at_any_instruction_of_drain(tmp_path: Path) -> None:
    """Also outside of its ``try``, where the exit handler itself ends, and the next one follows."""
    script = """
import os, sys
import tbimage
from tbimage.pipeline import lifecycle

def interrupt(instruction):
    count, drain = 0, lifecycle.drain.__code__  # modules are cleared at the end
    sys._getframe().f_trace_opcodes = True  # Python 3.12 needs this before ``settrace``

    def trace(frame, event, argument):
        nonlocal count
        if frame.f_code is not drain or (event == "call" and count):
            return None
        frame.f_trace_opcodes = True
        if event in ("call", "opcode"):
            count += 1
            if count == instruction:
                print("interrupted", flush=True)
                raise KeyboardInterrupt
        return trace

    sys.settrace(trace)

for instruction in range(1, 150):
    child = os.fork()
    if child == 0:
        writer = tbimage.SummaryWriter(f"{sys.argv[1]}/{instruction}", flush_secs=60)
        for step in range(5):
            writer.scalar("a", 0.5, step)
        interrupt(instruction)
        break
    os.waitpid(child, 0)
"""
    done = children.run(script, tmp_path)
    assert 20 < done.stdout.count("interrupted") < 149  # every instruction
    steps = [logs.steps(tmp_path / str(instruction), "a") for instruction in range(1, 150)]
    lost = [5 - len(each) for each in steps if len(each) < 5]
    assert sorted(told_lost(done.stderr)) == sorted(lost)
    assert len(lost) < 75


@pytest.mark.parametrize("late", ["during", "after"])
def test_no_encoder_begins_after_an_interrupted_drain(tmp_path: Path, late: str) -> None:
    """When Python ends, it stops daemon threads. If one of them runs C++, the process aborts."""
    script = """
import sys, threading, time
import numpy as np
import tbimage
from tbimage.events import tickets
from tbimage.pipeline import callers, lifecycle
from tbimage.pipeline.callers import Pipeline
from tbimage.pipeline.channel import Channel

begun, goes_on, gives_up = [], threading.Event(), threading.Event()
make_record, take_in, give_up = tickets.make_record, Channel._take_in, Pipeline.give_up

def slow(ticket, work):
    begun.append(ticket)
    gives_up.wait(20)
    time.sleep(0.05)
    return make_record(ticket, work)

def late(self):
    goes_on.wait()
    take_in(self)

def later(self):  # a busy owner takes the pictures while the drain gives them up, or after it
    if sys.argv[2] == "during":
        goes_on.set()
        while not begun:
            time.sleep(0.001)
        callers._GIVE_UP_SECS = 30.0  # the owner answers, if late
    give_up(self)
    gives_up.set()

tickets.make_record, Channel._take_in, Pipeline.give_up = slow, late, later
writer = tbimage.SummaryWriter(sys.argv[1], workers=1)
picture = np.random.default_rng(0).integers(0, 64, (300, 300, 3), np.uint8)
for step in range(20):
    assert writer.image("a", picture, step)
lifecycle._end([None])  # as after one Ctrl-C
before = len(begun)
goes_on.set()
time.sleep(1)
print(before == len(begun) < 20)
"""
    done = children.run(script, tmp_path, late)
    assert done.stdout == "True\n", done.stderr
    assert told_lost(done.stderr) == [20]


@pytest.mark.parametrize("interrupts", [1, 2, 5, 9])
def test_ctrl_c_at_the_first_instruction_of_each_call_of_drain(
    tmp_path: Path, interrupts: int
) -> None:
    """A signal that comes in C code waits for the next instruction, which is that of ``drain``."""
    script = """
import sys
import tbimage
from tbimage.pipeline import lifecycle

left, drain = int(sys.argv[2]), lifecycle.drain.__code__

def trace(frame, event, argument):
    global left
    if frame.f_code is drain and left > 0:
        left -= 1
        print("interrupted", flush=True)
        raise KeyboardInterrupt

sys.unraisablehook = lambda _: sys.settrace(trace)  # an exception ends the tracing
writer = tbimage.SummaryWriter(sys.argv[1], flush_secs=60)
for step in range(5):
    writer.scalar("a", 0.5, step)
sys.settrace(trace)
"""
    done = children.run(script, tmp_path, interrupts)
    assert done.stdout.count("interrupted") == interrupts
    assert logs.steps(tmp_path, "a") == list(range(5))


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("signals", [1, 2, 5])
def test_ctrl_c_at_many_times(tmp_path: Path, signals: int) -> None:
    for number in range(40):
        interrupted(tmp_path / str(number), 0.004 * number / signals, signals, 1, "")


@pytest.mark.parametrize("signals", [1, 2])
def test_ctrl_c_while_the_disk_hangs(tmp_path: Path, signals: int) -> None:
    """The process ends, and logs how many summaries are lost."""
    script = f"""
writer = tbimage.SummaryWriter(logdir, close_timeout=3.0)
writer.scalar("a", 0.5, 0)
assert writer.flush(10)
lie(write_hold=logdir + ".never")
for step in range(1, 11):
    writer.scalar("a", 0.5, step)
held()
for number in range({signals}):
    timer = threading.Timer(0.5 + 0.2 * number, os.kill, (os.getpid(), signal.SIGINT))
    timer.daemon = True
    timer.start()
"""
    logdir = tmp_path / "run"
    done = lying_disk.run(script, logdir)
    assert logs.steps(logdir, "a") == [0]
    assert told_lost(done.stderr) == [10], done.stderr


@pytest.mark.parametrize("process", ["program", "child of multiprocessing"])
@pytest.mark.parametrize("how", ["sys.exit(7)", "raise KeyboardInterrupt"])
def test_a_handler_that_ends_the_process_while_it_ends(
    tmp_path: Path, process: str, how: str
) -> None:
    """A second SIGTERM, for example: the lost summaries are told, and ``drain`` waits no longer."""
    script = f"""
import multiprocessing

def stop(*_):
    {how}

def log():
    signal.signal(signal.SIGTERM, stop)
    writer = tbimage.SummaryWriter(logdir, close_timeout=600.0)
    writer.scalar("a", 0.5, 0)
    assert writer.flush(10)
    lie(write_hold=logdir + ".never")
    for step in range(1, 11):
        writer.scalar("a", 0.5, step)
    held()
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM))
    timer.daemon = True
    timer.start()

if {process!r} == "program":
    log()
else:
    child = multiprocessing.get_context("fork").Process(target=log)
    child.start()
    child.join()
"""
    logdir = tmp_path / "run"
    done = lying_disk.run(script, logdir)
    assert told_lost(done.stderr) == [10], done.stderr
    assert everything(logdir) == {"a": [0]}


@pytest.mark.parametrize("exceptions", [3, 25])
def test_exceptions_of_a_signal_handler_at_the_exit(tmp_path: Path, exceptions: int) -> None:
    """A few do not end the exit. After many, one line says how many summaries are lost."""
    script = """
import atexit, os, signal, sys, time
import tbimage

write, writev = os.write, os.writev
def slow(function):
    return lambda *arguments: (time.sleep(2), function(*arguments))[1]

class TimeUp(Exception):
    pass

left = int(sys.argv[2])

def end_call(*_):
    global left
    left -= 1
    if not left:
        signal.setitimer(signal.ITIMER_REAL, 0)
    raise TimeUp

writer = tbimage.SummaryWriter(sys.argv[1], flush_secs=60)
writer.scalar("a", 0.5, 0)
os.write, os.writev = slow(write), slow(writev)
signal.signal(signal.SIGALRM, end_call)
atexit.register(signal.setitimer, signal.ITIMER_REAL, 0.05, 0.05)
"""
    done = children.run(script, tmp_path, exceptions)
    if logs.steps(tmp_path, "a") != [0]:
        assert exceptions > 10
        assert told_lost(done.stderr) == [1], done.stderr
