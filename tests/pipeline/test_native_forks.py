"""Forks that Python does not see, as uWSGI and other C programs make them.

No hook of Python runs: neither ``os.register_at_fork`` nor ``threading`` notices. In the child all
threads are gone, whatever Python believes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline import children, logs
from tests.pipeline.soundness import everything

START = """
import ctypes, dataclasses, json, os, signal, sys, threading, time
import numpy as np
import tbimage

PICTURE = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
LARGE = np.random.default_rng(0).integers(0, 256, (600, 600, 3), np.uint8)
logdir = sys.argv[1]

def threads():
    "The other threads: their states, and how often each went to sleep."
    found = {}
    for task in os.listdir("/proc/self/task"):
        if int(task) != os.getpid():
            lines = open(f"/proc/self/task/{task}/status").read().splitlines()
            found[task] = [x for x in lines if x.startswith(("State:", "voluntary"))]
    return found

def native_fork():
    "Fork while all other threads sleep: one that waits for the interpreter's lock wakes each 5 ms."
    while True:
        before = threads()
        time.sleep(0.03)
        if threads() == before and all("sleeping" in state for state, _ in before.values()):
            break
    pid = ctypes.PyDLL(None).fork()  # holds the lock of the interpreter meanwhile
    assert pid >= 0
    return pid

def wait_for(pid):
    "Less than close_timeout: a child that waits for threads that are gone is not quick."
    deadline = time.monotonic() + 100
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0, status
            return
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGABRT)  # faulthandler prints where it hangs
            os.waitpid(pid, 0)
            raise TimeoutError("the child hangs")
        time.sleep(0.001)

def report(name, writer, **more):
    stats = writer.stats()
    total = stats.written + sum(stats.dropped.values()) + stats.pending_items
    assert stats.logged == total, stats
    shown = dict(dataclasses.asdict(stats), logdir=str(writer.logdir), **more)
    with open(os.path.join(logdir, name + ".json"), "w") as file:
        json.dump(shown, file)

def open_writer(**settings):
    return tbimage.SummaryWriter(logdir, close_timeout=600.0, on_error="log", **settings)
"""

#: What the parent's writer does at the moment of the fork. It is not at work: where another thread
#: waits for the interpreter's lock then, the child stops when it gives the lock up for the first
#: time, whatever it does (FORCE_SWITCHING in ceval_gil.c): that thread is not there to take it.
STATES = {
    "new": "",
    "asleep": "writer.scalar('p', 0.5, 0); writer.image('q', PICTURE, 0); writer.flush()",
}

#: From CPython 3.13 on, threads that wait for a queue are in a table of the interpreter. Only
#: a fork that it sees clears the table: the child may crash in a queue of its own (parking_lot.c).
sleeping = pytest.mark.skipif(
    sys.version_info >= (3, 13), reason="CPython 3.13 needs PyOS_AfterFork_Child in the child"
)

#: What is called first in the child.
FIRST = {
    "scalar": "writer.scalar('first', 0.5, 0)",
    "image": "writer.image('first', PICTURE, 0)",
    "flush": "assert writer.flush(10)",
    "stats": "assert writer.stats().healthy",
    "path": "writer.path, writer.logdir, writer.closed",
}

#: How the child ends.
ENDS = {
    "_exit": "os._exit(0)",
    "exit": "sys.exit(0)",
    "close": "assert writer.close(10); os._exit(0)",
}


def run(tmp_path: Path, script: str) -> None:
    done = children.run(START + script, tmp_path)
    errors = [line for line in done.stderr.splitlines() if "fork()" not in line]
    assert errors == []


def told(tmp_path: Path, name: str) -> dict[str, Any]:
    return json.loads((tmp_path / f"{name}.json").read_text())


def cases() -> list[Any]:
    """List each first call and each end with a sleeping parent, and each state of the parent."""
    found = [(state, first, "exit") for state in STATES for first in FIRST]
    found += [(state, "scalar", end) for state in STATES for end in ENDS if end != "exit"]
    marks: dict[str, Any] = {"new": (), "asleep": sleeping}
    return [pytest.param(*case, id="-".join(case), marks=marks[case[0]]) for case in found]


@pytest.mark.parametrize(("state", "first", "end"), cases())
def test_a_child_of_a_fork_in_c_loses_nothing(
    tmp_path: Path, state: str, first: str, end: str
) -> None:
    script = f"""
writer = open_writer()
{STATES[state]}
pid = native_fork()
if pid == 0:
    {FIRST[first]}
    for step in range(1, 50):
        assert writer.scalar("child", 0.5, step)
    assert writer.image("child/picture", PICTURE, 3)
    assert writer.image("child/large", LARGE, 3)
    flushed = writer.flush(15)
    report("child", writer, flushed=flushed)
    writer.scalar("behind", 0.5, 0)
    {ENDS[end]}
wait_for(pid)
for step in range(50):
    writer.scalar("parent", 0.5, step)
writer.image("parent/picture", PICTURE, 0)
flushed = writer.flush(15)
report("parent", writer, flushed=flushed)
assert writer.close(10)
"""
    run(tmp_path, script)
    found = everything(tmp_path)
    child, parent = told(tmp_path, "child"), told(tmp_path, "parent")
    assert child["flushed"]
    assert child["healthy"]
    assert child["pending_items"] == 0
    assert parent["flushed"]
    assert parent["healthy"]
    assert found["child"] == list(range(1, 50))
    assert found["child/picture"] == found["child/large"] == [3]
    assert found["parent"] == list(range(50))
    assert found["parent/picture"] == [0]
    assert logs.steps(child["logdir"], "child") == list(range(1, 50))
    if end != "_exit":
        assert found["behind"] == [0]
    # The pending summaries of the parent are in the file once.
    assert found.get("p", []) == {"new": [], "asleep": [0]}[state]
    assert found.get("q", []) == {"new": [], "asleep": [0]}[state]


@sleeping
def test_a_child_that_logs_nothing_ends_at_once_and_writes_nothing(tmp_path: Path) -> None:
    script = f"""
writer = open_writer()
{STATES["asleep"]}
pid = native_fork()
if pid == 0:
    sys.exit(0)
wait_for(pid)
assert writer.close(10)
"""
    run(tmp_path, script)
    assert everything(tmp_path) == {"p": [0], "q": [0]}


@sleeping
def test_a_writer_that_the_child_opens_works(tmp_path: Path) -> None:
    """The threads that the parent's writers share are gone."""
    script = f"""
writer = open_writer()
{STATES["asleep"]}
pid = native_fork()
if pid == 0:
    own = tbimage.SummaryWriter(os.path.join(logdir, "own"), close_timeout=600.0)
    for step in range(50):
        assert own.scalar("child", 0.5, step)
    assert own.image("child/large", LARGE, 3)
    assert own.flush(15)
    report("child", own)
    sys.exit(0)
wait_for(pid)
assert writer.close(10)
"""
    run(tmp_path, script)
    assert logs.steps_by_tag(tmp_path / "own") == {"child": list(range(50)), "child/large": [3]}
    assert told(tmp_path, "child")["healthy"]


@sleeping
def test_a_child_of_a_child_has_its_own_run(tmp_path: Path) -> None:
    script = f"""
writer = open_writer()
{STATES["asleep"]}
pid = native_fork()
if pid == 0:
    writer.scalar("child", 0.5, 0)
    assert writer.flush(10)
    report("child", writer)
    pid = native_fork()
    if pid == 0:
        writer.scalar("grandchild", 0.5, 0)
        assert writer.flush(10)
        report("grandchild", writer)
        sys.exit(0)
    wait_for(pid)
    writer.scalar("child", 0.5, 1)
    sys.exit(0)
wait_for(pid)
assert writer.close(10)
"""
    run(tmp_path, script)
    assert everything(tmp_path) == {"p": [0], "q": [0], "child": [0, 1], "grandchild": [0]}
    runs = {told(tmp_path, name)["logdir"] for name in ("child", "grandchild")}
    assert len(runs) == 2
    assert str(tmp_path) not in runs


def test_a_server_whose_four_children_are_forked_in_c(tmp_path: Path) -> None:
    """As uWSGI does: the application is loaded once, and logs from each worker."""
    script = """
writer = open_writer()
pids = []
for number in range(4):
    pid = native_fork()
    if pid == 0:
        for step in range(300):
            assert writer.scalar(f"worker {number}", 0.5, step)
            if step % 50 == 0:
                assert writer.image(f"worker {number}/picture", PICTURE, step)
        sys.exit(0)
    pids.append(pid)
for pid in pids:
    wait_for(pid)
"""
    run(tmp_path, script)
    found = everything(tmp_path)
    for number in range(4):
        assert found.pop(f"worker {number}") == list(range(300))
        assert found.pop(f"worker {number}/picture") == list(range(0, 300, 50))
    assert found == {}
