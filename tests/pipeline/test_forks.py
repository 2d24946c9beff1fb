"""Forks and spawned processes: both processes continue, and nothing is written twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline import children, logs
from tests.pipeline.soundness import everything

START = """
import atexit, os, signal, sys, threading, time
import numpy as np
import tbimage

PICTURE = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)

def wait_for(pid, code=0):
    deadline = time.monotonic() + 20
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == code, status
            return
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGABRT)  # faulthandler prints where it hangs
            raise TimeoutError(pid)
        time.sleep(0.001)
"""


def run(tmp_path: Path, script: str, *arguments: object) -> str:
    done = children.run(START + script, tmp_path, *arguments)
    errors = [
        line
        for line in done.stderr.splitlines()
        if "DeprecationWarning" not in line and "os.fork()" not in line
    ]
    assert errors == []
    return done.stdout


def test_a_fork_waits_for_an_import_that_has_not_found_its_file(tmp_path: Path) -> None:
    """The child would wait for ever for the lock of that module."""
    script = """
found = threading.Event()
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "tbimage.kinds.image" and not found.is_set():
            found.set()
            time.sleep(0.5)
sys.meta_path.insert(0, Slow())
writer = tbimage.SummaryWriter(sys.argv[1])
thread = threading.Thread(target=writer.image, args=("a", PICTURE, 0))
thread.start()
assert found.wait(10)
pid = os.fork()
if pid == 0:
    assert writer.image("b", PICTURE, 0)
    assert writer.flush(15)
    os._exit(0)
wait_for(pid)
thread.join()
assert writer.close()
"""
    run(tmp_path, script)
    assert logs.steps(tmp_path, "a") == [0]


def test_fifty_forks_under_load(tmp_path: Path) -> None:
    """Other threads log scalars and images, so each lock is held at some of the forks."""
    script = """
writer = tbimage.SummaryWriter(sys.argv[1], max_pending_bytes=1 << 20)
going = True
def load(name):
    step = 0
    while going:
        assert writer.scalar(name, 0.5, step)
        if step % 10 == 0:
            assert writer.image(name + "/picture", PICTURE, step)
        step += 1
    counts[name] = step
counts = {}
threads = [threading.Thread(target=load, args=(f"t{i}",)) for i in range(4)]
for thread in threads:
    thread.start()
for number in range(50):
    pid = os.fork()
    if pid == 0:
        for step in range(20):
            assert writer.scalar("child", 0.5, step)
        assert writer.image("child/picture", PICTURE, 3)
        if number % 3 == 0:
            assert writer.flush(15)
            os._exit(0)
        if number % 3 == 1:
            assert writer.close(15)
            os._exit(0)
        sys.exit(0)
    wait_for(pid)
    time.sleep(0.002)
going = False
for thread in threads:
    thread.join()
assert writer.close()
stats = writer.stats()
assert stats.logged == stats.written
os.write(1, repr(counts).encode())
"""
    counts = eval(run(tmp_path, script))
    written = logs.steps_by_tag(tmp_path)
    for name, count in counts.items():
        assert written[name] == list(range(count))
        assert written[f"{name}/picture"] == list(range(0, count, 10))
    assert len(logs.sub_runs(tmp_path)) == 50
    for directory in logs.sub_runs(tmp_path):
        assert logs.summaries(directory) == [
            *(("child", step) for step in range(20)),
            ("child/picture", 3),
        ]


def test_pending_summaries_stay_with_the_parent(tmp_path: Path) -> None:
    script = """
writer = tbimage.SummaryWriter(sys.argv[1], flush_secs=60)
for step in range(100):
    writer.scalar("a", 0.5, step)
writer.image("picture", PICTURE, 0)
pid = os.fork()
if pid == 0:
    stats = writer.stats()
    assert stats.logged == stats.pending_items == stats.pending_bytes == stats.segments == 0
    assert writer.path is None
    assert os.path.dirname(writer.logdir) == sys.argv[1]
    sys.exit(0)
wait_for(pid)
assert writer.logdir == sys.argv[1]
"""
    run(tmp_path, script)
    assert logs.steps(tmp_path, "a") == list(range(100))
    assert logs.steps(tmp_path, "picture") == [0]
    assert logs.sub_runs(tmp_path) == []  # a child that logs nothing has no run


@pytest.mark.parametrize("flushed", [True, False])
def test_automatic_steps_continue_in_the_child(tmp_path: Path, flushed: bool) -> None:
    """Only the step of a summary that the owner takes at that moment may be used again."""
    script = """
writer = tbimage.SummaryWriter(sys.argv[1])
for _ in range(3):
    writer.scalar("a", 0.5)
if sys.argv[2] == "True":
    assert writer.flush(10)
pid = os.fork()
for _ in range(2):
    writer.scalar("a", 0.5)
    writer.scalar("b", 0.5)
if pid:
    wait_for(pid)
"""
    run(tmp_path, script, flushed)
    assert logs.steps(tmp_path, "a") == [0, 1, 2, 3, 4]
    (child,) = logs.sub_runs(tmp_path)
    assert logs.steps(child, "a") in ([[3, 4]] if flushed else [[3, 4], [2, 3]])
    assert logs.steps(child, "b") == [0, 1]


@pytest.mark.parametrize("how", ["flush", "close", "_exit", "exit", "raise"])
def test_the_child_never_changes_the_file_of_its_parent(tmp_path: Path, how: str) -> None:
    script = """
writer = tbimage.SummaryWriter(sys.argv[1], fsync="close")
writer.scalar("a", 0.5, 0)
writer.flush()
size = os.path.getsize(writer.path)
path = writer.path
pid = os.fork()
if pid == 0:
    if sys.argv[2] in ("flush", "close"):
        getattr(writer, sys.argv[2])()
    if sys.argv[2] == "raise":
        sys.stderr = None
        raise ValueError
    (os._exit if sys.argv[2] == "_exit" else sys.exit)(0)
wait_for(pid, 1 if sys.argv[2] == "raise" else 0)
assert os.path.getsize(path) == size
assert writer.scalar("a", 0.5, 1)
assert writer.flush() and writer.path == path
"""
    run(tmp_path, script, how)
    assert logs.steps(tmp_path, "a") == [0, 1]


def test_children_of_children_and_of_closed_writers(tmp_path: Path) -> None:
    script = """
writer = tbimage.SummaryWriter(sys.argv[1])
closed = tbimage.SummaryWriter(sys.argv[1] + "/closed")
closed.close()
pid = os.fork()
if pid == 0:
    writer.scalar("a", 0.5, 1)
    grandchild = os.fork()
    if grandchild == 0:
        writer.scalar("a", 0.5, 2)
        try:
            closed.scalar("a", 0.5, 2)
        except RuntimeError:
            assert closed.close() and closed.flush()
            sys.exit(0)
        sys.exit(9)
    wait_for(grandchild)
    writer.scalar("a", 0.5, 3)
    sys.exit(0)
wait_for(pid)
"""
    run(tmp_path, script)
    written = [logs.steps(directory, "a") for directory in logs.runs(tmp_path)]
    assert sorted(filter(None, written)) == [[1, 3], [2]]
    assert all(directory.parent in (tmp_path, tmp_path.parent) for directory in logs.runs(tmp_path))


def test_two_writers_of_one_run_have_two_sub_runs_in_a_child(tmp_path: Path) -> None:
    script = """
import warnings
warnings.simplefilter("ignore", tbimage.TwoWritersWarning)
writers = [tbimage.SummaryWriter(sys.argv[1]) for _ in range(2)]
pid = os.fork()
if pid == 0:
    for writer in writers:
        writer.scalar("a", 0.5, 0)
    assert writers[0].logdir != writers[1].logdir
    sys.exit(0)
wait_for(pid)
"""
    run(tmp_path, script)
    assert [logs.steps(directory, "a") for directory in logs.sub_runs(tmp_path)] == [[0], [0]]


def test_a_daemon_that_closes_all_descriptors_and_forks_again(tmp_path: Path) -> None:
    script = """
writer = tbimage.SummaryWriter(sys.argv[1])
pid = os.fork()
if pid == 0:
    writer.scalar("a", 0.5, 0)
    writer.flush()
    os.closerange(3, 256)
    grandchild = os.fork()
    if grandchild == 0:
        writer.scalar("a", 0.5, 1)
        sys.exit(0)
    wait_for(grandchild)
    os._exit(0)
wait_for(pid)
writer.scalar("a", 0.5, 2)
"""
    run(tmp_path, script)
    assert logs.steps(tmp_path, "a") == [2]
    assert sorted(logs.steps(each, "a") for each in logs.sub_runs(tmp_path)) == [[0], [1]]


def test_the_first_call_of_a_child_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    """It leaves the files of the parent to a worker, whose errors are not the caller's."""
    script = """
import errno, json
from tbimage.events.storage import local
writer = tbimage.SummaryWriter(sys.argv[1], on_error="log")
writer.scalar("a", 0.5, 0)
writer.scalars("b", {"k": 0.5}, 0)
assert writer.flush()
inherited = [int(name) for name in os.listdir("/proc/self/fd") if sys.argv[1] in
             os.path.realpath(f"/proc/self/fd/{name}")]
assert len(inherited) == 2
pid = os.fork()
if pid == 0:
    callers, real = [], (os.fstat, os.close)
    def watched(function, error):
        def call(descriptor):
            callers.append(threading.get_ident())
            function(descriptor)
            if error:
                raise OSError(errno.EDQUOT, "as NFS does")
            return function
        return call
    os.fstat, os.close = lambda each: callers.append(threading.get_ident()) or real[0](each), \
        watched(real[1], True)
    assert writer.scalar("a", 0.5, 1)
    assert threading.get_ident() not in callers
    deadline = time.monotonic() + 30
    while any(os.path.exists(f"/proc/self/fd/{each}") and sys.argv[1] + "/events" in
              os.path.realpath(f"/proc/self/fd/{each}") for each in inherited):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.fstat, os.close = real
    assert writer.flush(30)
    os._exit(0)
wait_for(pid)
"""
    done = children.run(START + script, tmp_path)
    assert "Traceback" not in done.stderr
    assert [logs.steps(each, "a") for each in logs.sub_runs(tmp_path) if "worker" in each.name] == [
        [1]
    ]


def test_a_child_with_the_process_id_of_an_ancestor_logs(tmp_path: Path) -> None:
    """The ancestor has ended, and its daemon goes on; ids are used again."""
    namespace = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
    program = """
import os, sys, time
import tbimage
writer = tbimage.SummaryWriter(sys.argv[1])
writer.scalar("a", 0.5, 0)
writer.flush()
first = os.getpid()
ended, end = os.pipe()
if os.fork():
    os._exit(0)  # the other end of the pipe is closed at this moment
os.close(end)
os.read(ended, 1)
time.sleep(0.1)
for _ in range(200):
    with open("/proc/sys/kernel/ns_last_pid", "w") as file:
        file.write(str(first - 1))
    pid = os.fork()
    if pid == 0:
        if os.getpid() != first:
            os._exit(1)
        assert writer.scalar("a", 0.5, 1)
        os._exit(0 if writer.flush(30) else 2)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code != 1:
        break
print(code)
"""
    shell = f'"$@"; while ! [ -s "{tmp_path}/code" ]; do sleep 0.05; done'
    arguments = [sys.executable, "-c", program, str(tmp_path / "run")]
    command = [*namespace, "sh", "-c", shell, "sh", *arguments]
    try:
        subprocess.run([*namespace, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("unshare, of util-linux, cannot make a PID namespace here")
    with (tmp_path / "code").open("w") as output:
        subprocess.run(command, check=True, stdout=output, timeout=200)
    assert (tmp_path / "code").read_text() == "0\n"
    (child,) = logs.sub_runs(tmp_path / "run")
    assert logs.steps(child, "a") == [1]


@pytest.mark.parametrize("own", [False, True], ids=["inherited writer", "own writer"])
def test_a_fork_hook_of_the_program_may_log(tmp_path: Path, own: bool) -> None:
    """It is registered before the first writer exists, so it runs before all hooks of tbimage."""
    script = """
def hook():
    global writer
    if sys.argv[2] == "True":
        writer = tbimage.SummaryWriter(f"{sys.argv[1]}/own")
    assert writer.scalar("hook", 0.5, 0)

os.register_at_fork(after_in_child=hook)
writer = tbimage.SummaryWriter(sys.argv[1])
writer.scalar("parent", 0.5, 0)
writer.flush()
if child := os.fork():
    wait_for(child)
else:
    assert writer.flush(20)
    stats = writer.stats()
    assert (stats.logged, stats.written, stats.healthy) == (1, 1, True), stats
    writer.scalar("after", 0.5, 0)
"""
    run(tmp_path, script, own)
    assert everything(tmp_path) == {"parent": [0], "hook": [0], "after": [0]}


@pytest.mark.parametrize("call", ["flush", "close", "image"])
def test_a_signal_handler_may_fork_while_a_call_waits(tmp_path: Path, call: str) -> None:
    """In the child, nobody answers the call: it returns False, and later calls are written."""
    script = """
write, writev = os.write, os.writev
def slow(function):
    return lambda *arguments: (time.sleep(1), function(*arguments))[1]
os.write, os.writev = slow(write), slow(writev)

children = []
signal.signal(signal.SIGALRM, lambda *_: children.append(os.fork()))
writer = tbimage.SummaryWriter(sys.argv[1], max_pending_bytes=2 * PICTURE.nbytes)
for step in range(2):
    writer.image("a", PICTURE, step)
signal.setitimer(signal.ITIMER_REAL, 0.3)
if sys.argv[2] == "image":
    done = writer.image("a", PICTURE, 2)  # waits for memory
else:
    done = getattr(writer, sys.argv[2])()
assert len(children) == 1, children
assert done is bool(children[0]), done
if children[0]:
    wait_for(children[0])
elif sys.argv[2] != "close":
    assert writer.scalar("child", 0.5, 0)
    assert writer.flush(20)
"""
    run(tmp_path, script, call)
    expected = {"a": list(range(3 if call == "image" else 2))}
    assert everything(tmp_path) == expected | ({} if call == "close" else {"child": [0]})


def test_started_programs_do_not_affect_the_writer(tmp_path: Path) -> None:
    script = """
import subprocess
writer = tbimage.SummaryWriter(sys.argv[1], flush_secs=60)
writer.scalar("a", 0.5, 0)
subprocess.run(["true"], check=True)
subprocess.run(["true"], check=True, preexec_fn=lambda: None)
subprocess.run([sys.executable, "-c", "import os; os.fstat(3)"], stderr=subprocess.DEVNULL)
"""
    run(tmp_path, script)
    assert logs.steps(tmp_path, "a") == [0]
    assert logs.sub_runs(tmp_path) == []


def test_a_prefork_server(tmp_path: Path) -> None:
    """The parent opens the writer and forks, and the workers handle SIGTERM, as in servers."""
    script = """
writer = tbimage.SummaryWriter(sys.argv[1], on_full="drop", on_error="log")
writer.scalar("parent", 0.5)

def serve():
    going = [True]
    signal.signal(signal.SIGTERM, lambda number, frame: going.clear())
    os.write(ready, b".")
    count = 0
    while going:
        assert writer.image("request/input", PICTURE)
        assert writer.scalar("request/seconds", 0.1)
        count += 1
        if count == 20:
            os.write(ready, b".")
        time.sleep(0.001)
    sys.exit(0)

reader, ready = os.pipe()
pids = []
for _ in range(4):
    pid = os.fork()
    if pid == 0:
        serve()
    pids.append(pid)
count = 0
while count < 8:
    count += len(os.read(reader, 8))
for pid in pids:
    os.kill(pid, signal.SIGTERM)
for pid in pids:
    wait_for(pid)
writer.scalar("parent", 0.5)
"""
    run(tmp_path, script)
    assert logs.summaries(tmp_path) == [("parent", 0), ("parent", 1)]
    assert len(logs.sub_runs(tmp_path)) == 4
    for directory in logs.sub_runs(tmp_path):
        steps = logs.steps(directory, "request/input")
        assert steps == list(range(len(steps))) == logs.steps(directory, "request/seconds")
        assert len(steps) >= 20


MULTIPROCESSING = """
import multiprocessing, os, sys, threading, time
import numpy as np
import tbimage

def later(writer):
    time.sleep(0.2)
    for step in range(10, 20):
        writer.scalar("child", 0.5, step)

def work(writer):
    for step in range(10):
        writer.scalar("child", 0.5, step)
    writer.image("picture", np.zeros((30, 30, 3), np.uint8), 7)
    threading.Thread(target=later, args=(writer,)).start()

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[2])
    writer = tbimage.SummaryWriter(sys.argv[1], flush_secs=60)
    writer.scalar("parent", 0.5, 0)
    processes = [context.Process(target=work, args=(writer,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    writer.scalar("parent", 0.5, 1)
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_lose_nothing(tmp_path: Path, method: str) -> None:
    """No process closes the writer, and a thread outlives the child's main function."""
    program = tmp_path / "program.py"
    program.write_text(MULTIPROCESSING)
    logdir = tmp_path / "log"
    done = children.run_file(program, logdir, method)
    assert "Error" not in done.stderr
    assert logs.summaries(logdir) == [("parent", 0), ("parent", 1)]
    assert len(logs.sub_runs(logdir)) == 3
    for directory in logs.sub_runs(logdir):
        assert logs.steps(directory, "child") == list(range(20))
        assert logs.steps(directory, "picture") == [7]


def test_a_pool_that_flushes_loses_nothing(tmp_path: Path) -> None:
    """The end of the block kills the workers of a Pool; flushed summaries are in the file."""
    script = """
import multiprocessing
writer = tbimage.SummaryWriter(sys.argv[1])

def task(step):
    writer.scalar("a", 0.5, step)
    return writer.flush(10)

with multiprocessing.get_context("fork").Pool(2) as pool:
    assert all(pool.map(task, range(30), chunksize=1))
"""
    run(tmp_path, script)
    steps = [step for directory in logs.sub_runs(tmp_path) for step in logs.steps(directory, "a")]
    assert sorted(steps) == list(range(30))
