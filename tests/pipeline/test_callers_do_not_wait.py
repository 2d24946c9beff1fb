"""Calls do no input or output, so a disk that hangs does not delay them.

No test measures time. A call has not waited if it returns while the disk still hangs. The disk
hangs until the test makes a certain file.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

import tbimage
from tests.pipeline import children, logs, lying_disk
from tests.pipeline.soundness import PICTURE, assert_adds_up, assert_goes_on, everything

# If a call waits, faulthandler prints where, and ends the program.
WATCH = """
import asyncio, faulthandler
watch_file = os.fdopen(os.dup(2), "w")
faulthandler.dump_traceback_later(60, exit=True, file=watch_file)
release = os.path.join(os.path.dirname(logdir), "release")

def let_go():
    open(release, "w").close()
"""

METADATA = (
    WATCH
    + """
first = tbimage.SummaryWriter(logdir, filename_suffix=".first")
for step in range(1000):
    first.scalar("old", 0.5, step)
    first.image("old picture", PICTURE, step) if step < 3 else None
assert first.close()
on_full = sys.argv[2]
writer = tbimage.SummaryWriter(logdir, on_full=on_full, on_error="log")
other = tbimage.SummaryWriter(os.path.dirname(logdir) + "/unused", on_full=on_full)
for each in writer, other:  # imports
    each.image("warm", PICTURE, 0)
    each.scalar("warm scalar", 0.5, 0)
    each.histogram("warm histogram", np.arange(10.0), 0)
    each.text("warm text", "words", 0)
    each.scalars("warm scalars", {"warm": 1.0}, 0)
    assert each.flush(10)
other.scalar("warm automatic", 0.5)
assert other.flush(10)
lie(metadata_mark=sys.argv[3] or logdir, metadata_hold=release)
"""
)

#: What is called while the disk does not answer, and what is in the files afterwards.
CALLS: dict[str, tuple[str, dict[str, list[int]]]] = {
    "automatic scalar": ("assert writer.scalar('old', 0.5)", {"old": [*range(1000), 1000]}),
    "automatic scalars": (
        "for _ in range(5):\n    assert writer.scalar('old', 0.5)",
        {"old": list(range(1005))},
    ),
    "automatic picture": (
        "assert writer.image('old picture', PICTURE)",
        {"old picture": [0, 1, 2, 3]},
    ),
    "automatic after explicit": (
        "assert writer.scalar('old', 0.5, 2000)\nassert writer.scalar('old', 0.5)",
        {"old": [*range(1000), 2000, 2001]},
    ),
    "new name": (
        "assert writer.scalar('new', 0.5)\nassert writer.scalar('new', 0.5)",
        {"new": [0, 1]},
    ),
    "new key of scalars": ("assert writer.scalars('s', {'a': 1.0, 'b': 2.0}, 0)", {}),
    "automatic scalars()": ("assert writer.scalars('s', {'a': 1.0})", {}),
    "picture": ("assert writer.image('picture', PICTURE, 0)", {"picture": [0]}),
    "text": ("assert writer.text('text', 'words')", {"text": [0]}),
    "histogram": ("assert writer.histogram('histogram', np.arange(9.0))", {"histogram": [0]}),
    "hparams": ("assert writer.hparams({'a': 1}, {'m': 0.5})", {}),
    "stats": ("writer.stats()", {}),
    "names": ("writer.logdir, writer.path, writer.closed", {}),
    "flush": ("writer.scalar('x', 0.5, 0)\nwriter.flush(0.2)", {"x": [0]}),
    "aflush": ("writer.scalar('x', 0.5, 0)\nasyncio.run(writer.aflush(0.2))", {"x": [0]}),
    "another run": ("assert other.scalar('y', 0.5, 0)", {}),
}


def metadata(tmp_path: Path, call: str, on_full: str, mark: str = "") -> Path:
    logdir = tmp_path / "slow-run"
    asks = "writer.scalar('old', 0.5)" in call or "scalars(" in call
    script = f"""{METADATA}
{call}
adding_up(writer.stats())
{"held()" if asks else ""}
let_go()
assert writer.flush(20)
stats = adding_up(writer.stats())
assert stats.written == stats.logged and stats.healthy, stats
assert writer.close() and other.close()
"""
    done = lying_disk.run(script, logdir, on_full, mark)
    assert done.stderr == ""
    return logdir


@pytest.mark.parametrize("on_full", ["drop", "block"])
@pytest.mark.parametrize("name", CALLS)
def test_no_call_waits_for_directories(tmp_path: Path, name: str, on_full: str) -> None:
    """``mkdir``, ``opendir``, ``stat`` and ``open`` hang in the run directory."""
    call, expected = CALLS[name]
    logdir = metadata(tmp_path, call, on_full)
    found = logs.steps_by_tag(logdir)
    for tag, steps in expected.items():
        assert found[tag] == steps
    if "scalars(" in call:
        assert logs.sub_runs(logdir)


def test_the_first_automatic_step_does_not_wait_for_old_files(tmp_path: Path) -> None:
    """Only opening the file of an earlier writer hangs."""
    call = "for _ in range(3):\n    assert writer.scalar('old', 0.5)"
    logdir = metadata(tmp_path, call, "drop", mark=".first")
    assert logs.steps(logdir, "old") == list(range(1003))


@pytest.mark.slow
def test_the_first_automatic_step_does_not_wait_for_many_old_events(tmp_path: Path) -> None:
    """There are 300,000. The call returns before any thread opens their file."""
    script = f"""
with tbimage.SummaryWriter(logdir, filename_suffix=".first") as first:
    for step in range(300_000):
        first.scalar("old", 0.5, step)
{WATCH}
writer = tbimage.SummaryWriter(logdir, on_full="drop")
writer.scalar("other", 0.5, 0)
assert writer.flush(20)
lie(metadata_mark=".first", metadata_hold=release)
for _ in range(3):
    assert writer.scalar("old", 0.5)
    assert writer.scalar("other", 0.5)
held()
let_go()
assert writer.flush(20)
assert writer.close()
"""
    lying_disk.run(script, tmp_path / "run")
    found = logs.steps_by_tag(tmp_path / "run")
    assert found == {"old": list(range(300_003)), "other": [0, 1, 2, 3]}


# A disk that hangs in a write.

HANGING = (
    WATCH
    + """
writer = tbimage.SummaryWriter(
    logdir, on_full="drop", on_error="log", max_pending_bytes=200_000, close_timeout=2.0)
writer.image("a", PICTURE, 0)
writer.scalar("b", 0.5, 0)
assert writer.flush(10)
lie(write_hold=release)
writer.scalar("b", 0.5, 1)
held()
"""
)


def test_drop_refuses_at_once_while_memory_is_full_and_a_write_hangs(tmp_path: Path) -> None:
    logdir = tmp_path / "run"
    script = f"""{HANGING}
accepted = [writer.image("a", PICTURE, step) for step in range(1, 2000)]
assert True in accepted and False in accepted
assert adding_up(writer.stats()).pending_bytes <= 200_000
assert writer.flush(0.1) is False
assert asyncio.run(writer.aflush(0.1)) is False
let_go()
assert writer.flush(20)
stats = adding_up(writer.stats())
assert stats.healthy and stats.written == 3 + accepted.count(True), stats
assert stats.dropped["full"] + stats.dropped["disk"] == accepted.count(False), stats
assert writer.close(60)
report(writer, accepted=accepted)
"""
    told = json.loads(lying_disk.run(script, logdir).stdout)
    steps = [step for step, accepted in enumerate(told["accepted"], 1) if accepted]
    assert everything(logdir) == {"a": [0, *steps], "b": [0, 1]}


def test_close_returns_while_a_write_hangs(tmp_path: Path) -> None:
    script = f"""{HANGING}
writer.scalar("b", 0.5, 2)
assert writer.close(0.2) is False
stats = adding_up(writer.stats())
assert stats.dropped["closed"] + stats.pending_items >= 1, stats
assert not os.path.exists(release)
print(json.dumps("closed"))
"""
    done = lying_disk.run(script, tmp_path / "run")
    assert "closed" in done.stdout
    assert re.search(r"\d+ summar(y|ies)\b", done.stderr)  # lost summaries are logged


@pytest.mark.parametrize("count", [1, 50])
def test_an_event_loop_can_end_while_a_write_hangs(tmp_path: Path, count: int) -> None:
    """``asyncio.run`` waits for its threads, so an abandoned flush must not run in one of them."""
    script = f"""{HANGING}
async def main():
    async def impatient():
        try:
            await asyncio.wait_for(writer.aflush(), 0.5)
        except asyncio.TimeoutError:
            return "given up"
    return await asyncio.gather(*[impatient() for _ in range({count})])
assert asyncio.run(main()) == ["given up"] * {count}
assert not os.path.exists(release)
print("the loop has ended")
"""
    assert "the loop has ended" in lying_disk.run(script, tmp_path / "run").stdout


def test_a_cancelled_aflush_leaves_no_request(tmp_path: Path) -> None:
    logdir = tmp_path / "run"
    script = f"""{HANGING}
async def main():
    tasks = [asyncio.ensure_future(writer.aflush()) for _ in range(20)]
    await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended
    let_go()
    assert await writer.aflush() is True
    assert writer.scalar("b", 0.5, 2)
    assert await writer.aflush(10) is True
asyncio.run(main())
assert writer.close(60)
"""
    done = lying_disk.run(script, logdir)
    assert done.stderr == ""
    assert everything(logdir) == {"a": [0], "b": [0, 1, 2]}


def test_the_event_loop_runs_while_aflush_waits(tmp_path: Path) -> None:
    logdir = tmp_path / "run"
    script = f"""{HANGING}
async def main():
    flush = asyncio.ensure_future(writer.aflush())
    for _ in range(50):
        await asyncio.sleep(0.001)
    assert not flush.done()
    let_go()
    assert await flush is True
asyncio.run(main())
assert writer.close(60)
"""
    lying_disk.run(script, logdir)


# No thread can be started.


def test_the_event_loop_runs_while_a_log_handler_is_slow(tmp_path: Path) -> None:
    script = """
import asyncio, logging
from tbimage.events import reporting
reporting._PATIENCE_SECS = 30.0
order, begun, goes_on = [], threading.Event(), threading.Event()

class Slow(logging.Handler):
    def emit(self, record):
        begun.set()
        goes_on.wait(100)

logging.getLogger("tbimage").addHandler(Slow())
writer = tbimage.SummaryWriter(logdir, on_error="log")

async def flush():
    writer.image("x", np.full((2, 2), 300), 0)  # an error, which is logged
    await writer.aflush()
    order.append("flushed")

async def tick():
    while not begun.is_set():
        await asyncio.sleep(0.001)
    order.append("ticked")
    goes_on.set()

async def both():
    await asyncio.gather(flush(), tick())

asyncio.run(both())
assert order == ["ticked", "flushed"], order
"""
    lying_disk.run(script, tmp_path / "run")


@pytest.mark.parametrize("used", [False, True])
def test_aflush_needs_no_thread_of_its_own(tmp_path: Path, used: bool) -> None:
    """The system refuses stacks of this size."""
    script = """
import asyncio, sys, threading
import numpy as np
import tbimage
writer = tbimage.SummaryWriter(sys.argv[1], on_error="log")
if sys.argv[2] == "True":
    writer.scalar("a", 0.5, 0)
    writer.image("b", np.zeros((400, 400, 3), np.uint8), 0)
    assert writer.flush(10)
threading.stack_size(1 << 46)
try:
    threading.Thread(target=print).start()
    raise AssertionError("a thread was started")
except RuntimeError:
    pass
async def main():
    for step in range(1, 20):
        assert writer.scalar("a", 0.5, step)
        assert writer.image("b", np.zeros((400, 400, 3), np.uint8), step)
        assert await asyncio.wait_for(writer.aflush(), 20) is True
asyncio.run(main())
stats = writer.stats()
assert stats.healthy and stats.pending_items == 0, stats
assert writer.close()
"""
    children.run(script, tmp_path, used)
    steps = list(range(0 if used else 1, 20))
    assert everything(tmp_path) == {"a": steps, "b": steps}


# Pictures that are given as paths are read in the call.


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Any]:
    """Paths that are not regular files, or are too large."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to(tmp_path / "fifo")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    noise = np.random.default_rng(0).integers(0, 256, (700, 700, 3), np.uint8)
    PIL.Image.fromarray(noise).save(tmp_path / "large.png")  # 1.5 MB, and otherwise valid
    return {
        "fifo": tmp_path / "fifo",
        "link to a fifo": tmp_path / "link",
        "dangling": tmp_path / "dangling",
        "nowhere": tmp_path / "nowhere",
        "directory": tmp_path,
        "zero": "/dev/zero",
        "null": "/dev/null",
        "random": Path("/dev/urandom"),
        "larger than memory": tmp_path / "large.png",
    }


PATHS = [
    "fifo",
    "link to a fifo",
    "dangling",
    "nowhere",
    "directory",
    "zero",
    "null",
    "random",
    "larger than memory",
]


@pytest.mark.parametrize("on_full", ["drop", "block"])
@pytest.mark.parametrize("name", PATHS)
def test_a_path_must_be_a_regular_file_within_the_memory_bound(
    tmp_path: Path, paths: dict[str, Any], name: str, on_full: str
) -> None:
    script = """
import faulthandler, resource, sys
import numpy as np
import tbimage
faulthandler.dump_traceback_later(25, exit=True)
writer = tbimage.SummaryWriter(sys.argv[1], on_full=sys.argv[3], max_pending_bytes=1_000_000)
writer.image("a", np.zeros((8, 8), np.uint8), 0)
assert writer.flush(10)
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
try:
    writer.image("bad", sys.argv[2], 0)
    raise AssertionError("no error")
except (ValueError, OSError) as error:
    assert sys.argv[2] in str(error), error
(peak,) = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")]
assert int(peak) < 400_000, "kilobytes"
assert writer.image("a", np.zeros((8, 8), np.uint8), 1)
assert writer.flush(10)
stats = writer.stats()
assert stats.logged == stats.written == 2, stats
"""
    children.run(script, tmp_path / "run", paths[name], on_full)
    assert everything(tmp_path / "run") == {"a": [0, 1]}


def test_a_path_may_be_a_link_to_a_file(tmp_path: Path) -> None:
    PIL.Image.fromarray(PICTURE).save(tmp_path / "a.png")
    (tmp_path / "link").symlink_to(tmp_path / "a.png")
    size = (tmp_path / "a.png").stat().st_size
    with tbimage.SummaryWriter(tmp_path / "run", max_pending_bytes=size + 2000) as writer:
        assert writer.image("a", tmp_path / "link", 0)
        assert writer.image("a", tmp_path / "a.png", 1)
        (tmp_path / "a.png").unlink()  # the call has read it
    assert everything(tmp_path / "run") == {"a": [0, 1]}


def test_a_refused_path_does_not_change_the_counters(tmp_path: Path, paths: dict[str, Any]) -> None:
    writer = tbimage.SummaryWriter(tmp_path / "run", max_pending_bytes=1_000_000)
    assert_goes_on(writer, 0)
    before = writer.stats()
    with pytest.raises((ValueError, OSError)):
        writer.image("a", paths["larger than memory"], 0)
    after = writer.stats()
    assert_adds_up(after)
    assert (after.logged, after.pending_bytes) == (before.logged, before.pending_bytes)
    assert_goes_on(writer, 1)
    assert writer.close()


@pytest.mark.parametrize("call", ["flush", "close"])
@pytest.mark.parametrize("thread", ["Channel._serve_line", "Backlog._write", "Channel._encode"])
def test_a_finalizer_may_use_a_writer_in_any_thread(tmp_path: Path, thread: str, call: str) -> None:
    """The owner and the workers start the garbage collector, too, and must not wait for others."""
    script = f"""
import gc, sys
import numpy as np
import tbimage
from tbimage.events.backlog import Backlog
from tbimage.pipeline.channel import Channel

class Logger:
    def __init__(self):
        self.me = self
        self.writer = tbimage.SummaryWriter(sys.argv[1] + "/logger", flush_secs=60)

    def __del__(self):
        self.writer.{call}()
        done.append(True)

def collect(*arguments):
    gc.collect()
    return function(*arguments)

gc.disable()
done = []
logger = Logger()
for step in range(10):
    logger.writer.scalar("a", 0.5, step)
del logger
writer = tbimage.SummaryWriter(sys.argv[1] + "/other")
function = {thread}
{thread} = collect
writer.image("b", np.zeros((300, 300, 3), np.uint8), 0)
assert writer.flush(30) and done
"""
    assert children.run(script, tmp_path).stderr == ""
    assert logs.steps(tmp_path / "logger", "a") == list(range(10))
    assert logs.steps(tmp_path / "other", "b") == [0]
