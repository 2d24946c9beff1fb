"""A thousand writers in one process share a few threads."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest

from tests.pipeline import children, logs

SCRIPT = """
import dataclasses, json, os, resource, sys, threading
import numpy as np
import tbimage

count, ticks = int(sys.argv[2]), int(sys.argv[3])
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (count + 200, hard))
picture = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
most = 0
def look():
    global most
    ours = [thread for thread in threading.enumerate() if thread.name.startswith("tbimage")]
    with open("/proc/self/status") as status:
        (all_of_them,) = [int(line.split()[1]) for line in status if line.startswith("Threads:")]
    most = max(most, len(ours), all_of_them - before)

with open("/proc/self/status") as status:
    (before,) = [int(line.split()[1]) for line in status if line.startswith("Threads:")]
writers = [
    tbimage.SummaryWriter(os.path.join(sys.argv[1], f"{number:04}"), on_error="log")
    for number in range(count)
]
look()
for tick in range(ticks):
    for writer in writers:
        assert writer.scalar("a", 0.5, tick)
    look()
    for writer in writers[:: 10]:
        assert writer.image("b", picture, tick)
        assert writer.scalars("c", {"k": 0.5}, tick)
    look()
for writer in writers[:: 3]:
    assert writer.flush(30)
look()
if sys.argv[4] == "close":
    for writer in writers:
        assert writer.close(30)
        stats = writer.stats()
        assert stats.logged == stats.written and stats.healthy, stats
print(json.dumps(most))
"""


@pytest.mark.parametrize(
    ("count", "ticks"), [(60, 5), pytest.param(1000, 5, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("end", ["close", "exit"])
def test_many_writers_share_at_most_eight_threads(
    tmp_path: Path, count: int, ticks: int, end: str
) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if 0 <= hard < count + 200:
        pytest.skip(f"a process may have no more than {hard} open files")
    done = children.run(SCRIPT, tmp_path, count, ticks, end)
    assert done.stderr == ""
    assert 1 <= json.loads(done.stdout) <= 8
    for number in range(count):
        run = tmp_path / f"{number:04}"
        expected = {"a": list(range(ticks))}
        if number % 10 == 0:
            expected["b"] = list(range(ticks))
            (sub_run,) = logs.sub_runs(run)
            assert logs.steps_by_tag(sub_run) == {"c": list(range(ticks))}
        assert logs.steps_by_tag(run) == expected


def test_encoders_get_the_threads_of_idle_file_workers(tmp_path: Path) -> None:
    """Fifty writers flush at once, then four pictures are encoded at once, then all again."""
    script = """
import asyncio, sys, threading
import tbimage
from tbimage.events import messages

async def flush_all(writers):
    return await asyncio.gather(*(each.aflush(30) for each in writers))

def threads():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("Threads:"))

def encode(barrier):
    barrier.wait()
    most.append(threads() - others)
    value = messages.Summary.Value(tag="n")
    return [messages.Summary(value=[value]).SerializeToString()]

others, most = threads(), []
with tbimage.SummaryWriter(sys.argv[1] + "/pictures", workers=4) as writer:
    writer.scalar("first", 0.5, 0)  # so that the threads do not end when the fifty writers close
    for turn in range(200):
        if turn % 20 == 0:
            writers = [tbimage.SummaryWriter(f"{sys.argv[1]}/{turn}-{n}") for n in range(50)]
            for each in writers:
                each.scalar("a", 0.5, 0)
            assert all(asyncio.run(flush_all(writers)))
            for each in writers:
                assert each.close(30)
        barrier = threading.Barrier(4, timeout=20)
        for number in range(4):
            writer._log("n", 4 * turn + number, 1.0, encode, barrier, cost=1 << 20)
        assert writer.flush(30)
assert writer.stats().written == 801
assert max(most) <= 8, most
"""
    children.run(script, tmp_path)
    assert logs.steps(tmp_path / "pictures", "n") == list(range(800))


def test_a_disk_that_hangs_does_not_stop_a_writer_whose_encoders_were_busy(tmp_path: Path) -> None:
    """When its commit comes, no thread can be started for it; later the encoders are idle."""
    script = """
import sys, threading
import numpy as np
import tbimage
from tbimage.events.storage import LocalStorage

create, works, hung = LocalStorage.create, threading.Event(), threading.Event()

class Slow:
    def __init__(self, file):
        self._file = file
    def write(self, pieces):
        if not works.is_set():
            hung.set()
            works.wait()
        return self._file.write(pieces)
    def __getattr__(self, name):
        return getattr(self._file, name)

def slow(self, path):
    file = create(self, path)
    return Slow(file) if "/hangs/" in path else file

LocalStorage.create = slow
picture = np.random.default_rng(0).integers(0, 256, (700, 700, 3), np.uint8)
works.set()
writer = tbimage.SummaryWriter(sys.argv[1] + "/works", workers=6)
other = tbimage.SummaryWriter(sys.argv[1] + "/hangs", workers=1)
works.clear()
other.scalar("a", 0.5, 0)
assert hung.wait(20)
for step in range(20):
    assert writer.image("b", picture, step)
assert writer.flush(30)
works.set()
assert other.close(20) and writer.close(20)
"""
    children.run(script, tmp_path)
    assert logs.steps(tmp_path / "works", "b") == list(range(20))
    assert logs.steps(tmp_path / "hangs", "a") == [0]


def test_one_writer_that_hangs_or_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    """Writers share threads, but a missing directory affects only its writer."""
    script = """
import os, shutil, sys
import numpy as np
import tbimage
writers = [
    tbimage.SummaryWriter(os.path.join(sys.argv[1], str(n)), on_error="log") for n in range(20)
]
for writer in writers:
    writer.scalar("a", 0.5, 0)
    assert writer.flush(10)
shutil.rmtree(writers[0].logdir)
with open(writers[0].logdir, "w") as file:
    file.write("a file where its directory was")
for step in range(1, 200):
    for writer in writers:
        writer.scalar("a", 0.5, step)
for writer in writers[1:]:
    assert writer.flush(10)
    assert writer.stats().healthy
assert not writers[0].flush(2)
assert not writers[0].stats().healthy
assert writers[0].stats().pending_items + writers[0].stats().dropped["disk"] > 0
os.unlink(writers[0].logdir)
for _ in range(100):
    if writers[0].flush(2):
        break
assert writers[0].stats().healthy
for writer in writers:
    assert writer.close(10)
"""
    children.run(script, tmp_path)
    assert logs.steps(tmp_path / "0", "a") == list(range(1, 200))
    for number in range(1, 20):
        assert logs.steps(tmp_path / str(number), "a") == list(range(200))
