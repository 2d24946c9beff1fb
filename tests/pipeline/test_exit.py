"""The end of a program: its summaries are in the file, and nothing hangs."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path

import pytest

from tests.pipeline import children, logs

START = """
import atexit, os, signal, sys, threading, time
import numpy as np
import tbimage

writer = tbimage.SummaryWriter(sys.argv[1], flush_secs=60)

def log(first=0, count=100):
    for step in range(first, first + count):
        assert writer.scalar("a", 0.5, step)
    for step in range(first, first + count, 25):
        assert writer.image("b", np.zeros((40, 40, 3), np.uint8), step)
"""

A = list(range(100))
B = [0, 25, 50, 75]


def run(tmp_path: Path, script: str, code: int = 0) -> str:
    done = children.run(START + script, tmp_path, code=code)
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("raise ValueError('uncaught')", 1),
        ("writer = None", 0),
        ("del log, writer; import gc; gc.disable()", 0),
        ("sys.exc_info(); keep = [writer]; keep.append(keep)", 0),
        ("raise KeyboardInterrupt", -2),
        ("import asyncio; asyncio.run(writer.aflush())", 0),
        ("threading.main_thread()._delete = None", 0),
        ("import concurrent.futures as f; f.ThreadPoolExecutor(2).submit(log, 100)", 0),
    ],
)
def test_nothing_is_lost_without_close(tmp_path: Path, end: str, code: int) -> None:
    run(tmp_path, f"log()\n{end}", code)
    assert logs.steps(tmp_path, "a")[:100] == A
    assert logs.steps(tmp_path, "b")[:4] == B
    assert len(logs.steps(tmp_path, "a")) == (200 if "submit" in end else 100)


def test_the_exit_waits_for_a_deleted_writer(tmp_path: Path) -> None:
    script = """
from tbimage.events.backlog import Backlog

def slow(*arguments):
    time.sleep(0.5)
    carry_out(*arguments)

carry_out, Backlog.carry_out = Backlog.carry_out, slow
for step in range(100):
    writer.scalar("a", 0.5, step)
del writer
"""
    run(tmp_path, script)
    assert logs.steps(tmp_path, "a") == A


def test_os_exit_loses_only_unflushed_summaries(tmp_path: Path) -> None:
    run(tmp_path, "log()\nwriter.flush()\nlog(100)\nos._exit(0)")
    assert logs.steps(tmp_path, "a")[:100] == A
    assert logs.steps(tmp_path, "b")[:4] == B


@pytest.mark.parametrize(
    "handler",
    [
        "lambda number, frame: sys.exit(5)",
        "lambda number, frame: (writer.close(), sys.exit(5))",
        "lambda number, frame: (writer.flush(), os._exit(5))",
    ],
)
def test_a_handled_sigterm_loses_nothing(tmp_path: Path, handler: str) -> None:
    """All calls that returned before the signal are in the file."""
    script = f"""
signal.signal(signal.SIGTERM, {handler})
step = 0
while True:
    writer.scalar("a", 0.5, step)
    os.write(1, b"%d\\n" % step)
    step += 1
"""
    with children.running(START + script, tmp_path) as process:
        assert process.stdout is not None
        for _ in range(200):
            process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=children.DEADLINE_SECONDS)
    assert process.returncode == 5, errors
    acknowledged = int(output.split()[-1]) if output.split() else 199
    steps = logs.steps(tmp_path, "a")
    assert steps == list(range(len(steps)))
    assert len(steps) >= acknowledged + 1


def test_an_unhandled_sigterm_loses_only_unflushed_summaries(tmp_path: Path) -> None:
    script = "log()\nwriter.flush()\nlog(100)\nos.kill(os.getpid(), signal.SIGTERM)"
    run(tmp_path, script, code=-signal.SIGTERM)
    assert logs.steps(tmp_path, "a")[:100] == A
    assert logs.steps(tmp_path, "b")[:4] == B


def test_threads_that_outlive_the_main_thread_lose_nothing(tmp_path: Path) -> None:
    run(tmp_path, "threading.Thread(target=lambda: (time.sleep(0.3), log())).start()")
    assert logs.steps(tmp_path, "a") == A
    assert logs.steps(tmp_path, "b") == B


def test_what_a_thread_logs_after_the_last_flush_is_written(tmp_path: Path) -> None:
    """The thread logs after the flush is answered, and before ``drain`` continues.

    The process ends just after ``drain``, like a child of ``multiprocessing``.
    """
    script = """
from tbimage.pipeline import Pipeline

wait_for, flushed, logged = Pipeline.wait_for, threading.Event(), threading.Event()

def wait_and_log(pipeline, request, interrupts=()):
    wait_for(pipeline, request, interrupts)
    if threading.current_thread() is threading.main_thread():
        flushed.set()
        assert logged.wait(30)

def log_when_flushed():
    flushed.wait()
    assert writer.scalar("a", 0.5, 100)
    logged.set()

Pipeline.wait_for = wait_and_log
threading.Thread(target=log_when_flushed, daemon=True).start()
log()
"""
    end_at_once = "import atexit, os; atexit.register(os._exit, 0)\n"  # registered before drain
    done = children.run(end_at_once + START + script, tmp_path)
    assert (done.stdout, done.stderr) == ("", "")
    assert logs.steps(tmp_path, "a") == [*A, 100]


@pytest.mark.slow
def test_daemon_threads_do_not_delay_the_exit(tmp_path: Path) -> None:
    """Summaries logged before the main thread ended are in the file."""
    script = """
done = []
def hammer(name):
    step = 0
    while writer.scalar(name, 0.5, step):
        done.append(name)
        step += 1
for name in "uvwxyz":
    threading.Thread(target=hammer, args=(name,), daemon=True).start()
time.sleep(0.2)
counts = {name: done.count(name) for name in "uvwxyz"}
os.write(1, repr(counts).encode())
"""
    for attempt in range(3):
        done = children.run(START + script, tmp_path / str(attempt))
        assert done.stderr == ""
        written = logs.steps_by_tag(tmp_path / str(attempt))
        for name, count in eval(done.stdout).items():
            steps = written.get(name, [])
            assert steps == list(range(len(steps)))
            assert len(steps) >= count


def test_close_during_interpreter_finalization_does_not_hang(tmp_path: Path) -> None:
    """Daemon threads have been stopped, at any place of their code."""
    script = """
class Late:
    def __init__(self, writer, log):
        self.writer, self.log = writer, log
    def __del__(self):
        self.log("late", 1.0, 7)
        self.writer.flush()
        self.writer.close()
late = Late(writer, writer.scalar)
sys.modules["kept until modules go"] = late
def hammer():
    step = 0
    while True:
        writer.scalar("a", 0.5)
        writer.stats(), writer.flush(0.001)
for _ in range(4):
    threading.Thread(target=hammer, daemon=True).start()
time.sleep(0.1)
"""
    for attempt in range(3):
        done = children.run(START + script, tmp_path / str(attempt))
        assert done.stderr == ""


@pytest.mark.parametrize("when", ["before", "after"])
def test_exit_handlers_may_log_whenever_they_were_registered(tmp_path: Path, when: str) -> None:
    script = (
        """
import atexit, sys
def at_exit():
    log()
    if len(sys.argv) > 3:
        writer.close()
if sys.argv[2] == "before":
    atexit.register(at_exit)
"""
        + START
    )
    if when == "after":
        script += "atexit.register(at_exit)\n"
    for number, arguments in enumerate([(), ("close",)]):
        done = children.run(script, tmp_path / str(number), when, *arguments)
        assert (done.stdout, done.stderr) == ("", "")
        assert logs.steps(tmp_path / str(number), "a") == A
        assert logs.steps(tmp_path / str(number), "b") == B


@pytest.mark.parametrize("compression", ["fast", "small"])
def test_an_exit_handler_may_log_while_daemon_threads_log_pictures(
    tmp_path: Path, compression: str
) -> None:
    """Python stops the encoders at the end, wherever they are; C++ would abort the process then."""
    script = """
import atexit
def at_exit():  # registered before tbimage is imported, so it runs after drain
    assert writer.scalar("last", 0.5, 0)
    print("logged", flush=True)
atexit.register(at_exit)
import sys, threading, time
import numpy as np
import tbimage
writer = tbimage.SummaryWriter(
    sys.argv[1], workers=1, max_pending_bytes=1_200_000, compression=sys.argv[2])
noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
writer.image("first", noise, 0)
writer.flush()
def work(name):
    while writer.image(name, noise):
        pass
for name in "abcd":
    threading.Thread(target=work, args=(name,), daemon=True).start()
time.sleep(0.1)
"""
    for attempt in range(3):
        done = children.run(script, tmp_path / str(attempt), compression)
        assert (done.stdout, done.stderr) == ("logged\n", "")
        assert logs.steps(tmp_path / str(attempt), "last") == [0]


def test_exit_handlers_may_make_writers(tmp_path: Path) -> None:
    """Also if the package was not imported before. Most programs have imported ``threading``."""
    script = """
import atexit, sys, threading
def at_exit():
    import numpy as np
    import tbimage
    writer = tbimage.SummaryWriter(sys.argv[1], flush_secs=60)
    for step in range(100):
        assert writer.scalar("a", 0.5, step)
    assert writer.image("b", np.zeros((40, 40), np.uint8), 3)
    kept.append(writer)
kept = []
atexit.register(at_exit)
"""
    done = children.run(script, tmp_path)
    assert (done.stdout, done.stderr) == ("", "")
    assert logs.steps(tmp_path, "a") == A
    assert logs.steps(tmp_path, "b") == [3]


def test_exit_handlers_may_wait_for_threads_that_log(tmp_path: Path) -> None:
    """Their summaries are written, too."""
    script = (
        """
import atexit
def at_exit():
    ending.set()
    thread.join()
atexit.register(at_exit)
"""
        + START
        + """
ending = threading.Event()
def work():
    ending.wait()
    assert writer.scalar("late", 0.5, 0)
    assert writer.image("late picture", np.zeros((4, 4)), 0)
    assert writer.flush()
    assert writer.close()
    assert writer.stats().healthy
thread = threading.Thread(target=work, daemon=True)
thread.start()
log()
"""
    )
    done = children.run(script, tmp_path)
    assert (done.stdout, done.stderr) == ("", "")
    assert logs.steps(tmp_path, "a") == A


def test_exit_waits_for_an_image_that_is_being_encoded(tmp_path: Path) -> None:
    script = """
for step in range(6):
    writer.image("b", np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), np.uint8), step)
"""
    assert run(tmp_path, script) == ""
    assert logs.steps(tmp_path, "b") == list(range(6))


def test_only_the_first_call_of_drain_waits(tmp_path: Path) -> None:
    """While a daemon thread goes on logging large pictures."""
    script = """
import sys, threading, time
import numpy as np
import tbimage
from tbimage.pipeline import lifecycle

end, calls = lifecycle._end, []

def measured(interrupts):
    calls.append(None)
    started = time.monotonic()
    end(interrupts)
    print(len(calls), time.monotonic() - started < 90, flush=True)

lifecycle._end = measured
writer = tbimage.SummaryWriter(sys.argv[1], close_timeout=100.0)
picture = np.random.default_rng(0).integers(0, 256, (1200, 1200, 3), np.uint8)

def log_for_ever():
    for step in range(10**9):
        writer.image("a", picture, step)

threading.Thread(target=log_for_ever, daemon=True).start()
time.sleep(0.5)
"""
    done = children.run(script, tmp_path)
    assert (done.stdout, done.stderr) == ("".join(f"{call} True\n" for call in range(1, 11)), "")


CLOCK = """
import atexit, os, time
atexit.register(lambda: os.write(1, b"%d" % (time.monotonic() - ending)))  # the last to be called
"""

HUNG = """
from tbimage.writer import sub_runs
from tests.pipeline.faulty import FaultyStorage

def plan(operation, size):
    if operation == "write" and hang:
        hanging.set()
        hang_here.wait()
hang = False
hanging, hang_here = threading.Event(), threading.Event()
sub_runs.LocalStorage = lambda: FaultyStorage(plan)
writer = tbimage.SummaryWriter(sys.argv[1] + "/hung", close_timeout=0.5, on_full="drop")
log(0, 10)
writer.flush()
hang = True
log(10)
"""


@pytest.mark.parametrize(
    "end",
    [
        "",
        "writer.close()",
        "assert writer.flush(0.2) is False",
        "late = lambda: (writer.scalar('a', 1.0, 7), writer.flush(0.2), writer.close())\n"
        "atexit.register(late)\n",
        "writer = None",
    ],
)
def test_a_hanging_disk_delays_the_exit_by_close_timeout_at_most(tmp_path: Path, end: str) -> None:
    done = children.run(f"{CLOCK}{START}{HUNG}\nending = time.monotonic()\n{end}", tmp_path)
    assert int(done.stdout) < 28  # half a second, not the default of 30
    assert " not written before the writer or the process ended" in done.stderr
    assert logs.steps(tmp_path / "hung", "a") == list(range(10))


def test_what_is_lost_is_counted_if_the_owner_answers_too_late(tmp_path: Path) -> None:
    """As on a busy machine: then no line told how many summaries were lost."""
    script = """
from tbimage.pipeline import callers
callers._GIVE_UP_SECS = 0.0
assert hanging.wait(20)
log(200, 5)  # these are in no commit
"""
    done = children.run(START + HUNG + script, tmp_path)
    assert re.findall(r"hung: (\d+) summaries were not written before", done.stderr) == ["110"]


@pytest.mark.parametrize("end", ["", "; raise OSError(5, 'Input/output error')"])
def test_a_write_that_ends_at_the_last_moment_is_counted_rightly(tmp_path: Path, end: str) -> None:
    """On a busy machine, the owner does not know yet that the write has ended."""
    script = """
from tbimage.pipeline import callers, lifecycle
from tbimage.pipeline.channel import Channel
Channel.wake = lambda channel: None  # the owner learns it 0.05 seconds later
give_up = callers.Pipeline.give_up
callers._GIVE_UP_SECS = lifecycle._WRITE_SECS = 30.0

def give_up_first(self):
    give_up(self)
    hang_here.set()

callers.Pipeline.give_up = give_up_first
assert hanging.wait(20)
log(200, 5)  # these are in no commit
"""
    slow = HUNG.replace("hang_here.wait()", "hang_here.wait()" + end)
    done = children.run(START + slow + script, tmp_path)
    (lost,) = re.findall(r"hung: (\d+) summaries were not written before", done.stderr)
    written = len(logs.summaries(tmp_path / "hung"))
    assert (written > 11) is (not end)
    assert written + int(lost) == 11 + 104 + 6


def test_each_lost_summary_is_counted_once(tmp_path: Path) -> None:
    """The close counts what it drops, and the exit counts only what still hangs."""
    script = """
assert hanging.wait(20)
log(200, 5)  # these are in no commit
assert writer.close(0.1) is False
"""
    done = children.run(START + HUNG + script, tmp_path)
    lost = re.findall(r"hung: (\d+) summaries were not written before", done.stderr)
    assert sum(map(int, lost)) == 104 + 6


def test_a_summary_that_the_ending_process_cannot_write_is_not_accepted(tmp_path: Path) -> None:
    """Nothing counts what is pending after ``drain``, so the call tells it."""
    script = (
        HUNG.replace("hang = True\nlog(10)", "")
        + """
def after_drain():
    global hang
    hang = True
    print(writer.scalar("a", 0.5, 10), writer.image("b", np.zeros((400, 400), np.uint8), 10))
"""
    )
    first = "import atexit; atexit.register(lambda: after_drain())\n"
    done = children.run(first + START + script, tmp_path)
    assert (done.stdout, done.stderr) == ("False False\n", "")


def test_a_failing_disk_does_not_delay_the_exit(tmp_path: Path) -> None:
    script = HUNG.replace("hang_here.wait()", "raise OSError(28, 'No space left on device')")
    errors = run(tmp_path, script)
    assert errors.count("No space left") == 1
    assert errors.count(" not written before the writer or the process ended") >= 1
    assert logs.steps(tmp_path / "hung", "a") == list(range(10))


def test_the_exit_waits_for_all_writers_together(tmp_path: Path) -> None:
    """The timeouts of hanging writers run in parallel: 3 seconds in all, and not 24."""
    script = """
hanging.wait()  # so that the first writer does not write before the disk hangs
hang = False
writers = [tbimage.SummaryWriter(sys.argv[1] + f"/{i}", close_timeout=3.0) for i in range(8)]
hang = True
for each in writers:
    each.scalar("a", 0.5, 0)
ending = time.monotonic()
"""
    done = children.run(CLOCK + START + HUNG + script, tmp_path)
    assert done.stderr.count(" not written before the writer or the process ended") == 9
    assert 3 <= int(done.stdout) < 20


@pytest.mark.skipif(sys.version_info < (3, 9), reason="not there")
def test_importing_at_exit_works(tmp_path: Path) -> None:
    script = "import atexit; atexit.register(lambda: __import__('tbimage').SummaryWriter)"
    done = children.run(script)
    assert (done.stdout, done.stderr) == ("", "")


NOTEBOOK = """
import ast, asyncio

async def kernel(cells):
    for cell in cells:
        code = compile(cell, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        try:
            result = eval(code, globals())
            if asyncio.iscoroutine(result):
                await result
        except (Exception, KeyboardInterrupt) as error:  # which holds all variables of the cell
            sys.last_value, sys.last_traceback = error, error.__traceback__

asyncio.new_event_loop().run_until_complete(kernel([
    "log()",
    "assert await writer.aflush()",
    "keep = writer; raise ValueError",
    "signal.raise_signal(signal.SIGINT); log(500)",
    "log(100)",
    "writer = tbimage.SummaryWriter(sys.argv[1] + '/again'); log()",
    "del writer",
]))
"""


def test_a_notebook_without_close_loses_nothing(tmp_path: Path) -> None:
    """As in a Jupyter kernel: cells in a running event loop, kept tracebacks, and Ctrl-C."""
    assert run(tmp_path, NOTEBOOK) == ""
    assert logs.steps(tmp_path, "a") == list(range(200))
    assert logs.steps(tmp_path / "again", "a") == A
    assert logs.steps(tmp_path / "again", "b") == B
