"""What a program pays before it logs: import, and the first image on disk from its very start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from compileall import compile_dir
from pathlib import Path
from typing import NamedTuple

from benchmarks.contestants import CONTESTANTS, OWN, TBIMAGE
from benchmarks.process import peak_of
from benchmarks.results import Metrics, Results, Task
from benchmarks.sizes import Sizes
from benchmarks.tables import mebibytes, milliseconds, table

__all__ = ["CASE", "measure", "report", "tasks"]

CASE = "start"
_FLOOR = "numpy"

# The program of a user, after the modules that it must not find, and with the times that are noted.
# CLOCK_MONOTONIC is the same in all processes. Nothing else is imported, because it would be
# measured.
_PROGRAM = """\
import sys, time
sys.modules.update(dict.fromkeys({blocked!r}))
def now():
    try:
        with open("/proc/self/status") as file:
            return time.monotonic(), file.read()
    except OSError:
        return time.monotonic(), ""
{statement}
imported = now()
{body}
done = now()
import json
print(json.dumps([imported, done]))
"""

_PIXELS = """\
import numpy
pixels = numpy.arange(512 * 512 * 3).reshape(512, 512, 3).astype(numpy.uint8)
"""
_ADD_IMAGE = """\
writer.add_image("photo", pixels, 0, dataformats="HWC")
writer.close()
"""
_FIRST_IMAGE = {
    **dict.fromkeys(
        OWN,
        """\
with tbimage.SummaryWriter(sys.argv[1]) as writer:
    writer.image("photo", pixels, step=0)
""",
    ),
    "tensorboardX": "writer = tensorboardX.SummaryWriter(sys.argv[1])\n" + _ADD_IMAGE,
    "torch": "writer = torch.utils.tensorboard.SummaryWriter(sys.argv[1])\n" + _ADD_IMAGE,
    "TensorFlow": """\
writer = tensorflow.summary.create_file_writer(sys.argv[1])
with writer.as_default():
    tensorflow.summary.image("photo", pixels[None], 0)
writer.close()
""",
}


def tasks(sizes: Sizes, contestants: Sequence[str]) -> Iterator[Task]:
    for name in (_FLOOR, *contestants):
        pairs = sizes.import_pairs if name in (_FLOOR, *OWN) else 1
        yield Task("start", name, [CASE], {"pairs": pairs})


def measure(task: Task, directory: Path) -> Mapping[str, Metrics]:
    contestant = CONTESTANTS.get(task.contestant)
    blocked = list(contestant.blocked) if contestant else []
    statement = contestant.statement if contestant else f"import {_FLOOR}"
    figures: dict[str, list[float]] = defaultdict(list)
    # pip compiles what it installs; a clone may have no bytecode (PYTHONDONTWRITEBYTECODE).
    compile_dir(Path(__file__).parents[2] / "tbimage", quiet=1)
    for number in range(int(task.arguments["pairs"])):
        logdir = directory / f"first{number}"
        body = _FIRST_IMAGE.get(task.contestant, "")
        bare, _ = _run("", "", blocked, logdir)
        imported, first = _run(statement, body and _PIXELS + body, blocked, logdir)
        for name, moment in (("bare", bare), ("import", imported), ("first", first)):
            if name != "first" or body:
                figures[name].append(moment.secs - (bare.secs if name == "import" else 0))
                figures[f"{name} rss"].append(moment.rss)
        if body and not any(path.stat().st_size > 1000 for path in logdir.iterdir()):
            raise RuntimeError(f"{task.contestant} left no image on disk")
    return {CASE: figures}


class _Moment(NamedTuple):
    secs: float  # since the process was started
    rss: float  # its greatest memory until then, in bytes


def _run(statement: str, body: str, blocked: list[str], logdir: Path) -> tuple[_Moment, _Moment]:
    """Run a program; return when its import and when the whole program was done."""
    program = _PROGRAM.format(blocked=blocked, statement=statement, body=body)
    before = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program, os.fspath(logdir)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["ended without a word"])[-1])
    imported, ended = (
        _Moment(after - before, peak_of(status))
        for after, status in json.loads(done.stdout.splitlines()[-1])
    )
    return imported, ended


def report(results: Results) -> str:
    bare = results.median("start", TBIMAGE, CASE, "bare")
    bare_rss = results.median("start", TBIMAGE, CASE, "bare rss")
    lines = [["bare Python", milliseconds(bare), mebibytes(bare_rss), "", ""]]
    for name in results.contestants("start"):
        secs = [results.median("start", name, CASE, each) for each in ("import", "first")]
        rss = [results.median("start", name, CASE, f"{each} rss") for each in ("import", "first")]
        cells = [milliseconds(secs[0]), mebibytes(rss[0]), milliseconds(secs[1]), mebibytes(rss[1])]
        label = "NumPy alone, for comparison" if name == _FLOOR else name
        lines.append([label, *cells])
    head = ["program", "import, ms over bare Python", "RSS, MiB"]
    head += ["first image on disk, ms from process start", "RSS, MiB"]
    return (
        "Files are in the page cache. torch and tensorboard run as if TensorFlow were not "
        "installed, tensorboardX as if torch were not, which makes their imports faster.\n\n"
        + table(head, lines)
    )
