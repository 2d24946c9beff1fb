"""Runs the tasks: each in a fresh process, contestants in turn, repeat after repeat.

Rules:
- In one repeat, the contestants run one after another, and in the next repeat in the opposite
  order. So other work of the machine affects all of them.
- Nothing else runs while a process measures. Its files are read back afterwards.
- If a process fails, only its own figures are lost, and the report names it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import columns
from benchmarks.child import RESULT
from benchmarks.contestants import OWN
from benchmarks.readback import compare
from benchmarks.results import Results, Task
from benchmarks.sections import section
from benchmarks.sizes import Sizes

__all__ = ["run"]

ROOT = Path(__file__).resolve().parent.parent

# Messages of TensorFlow about processors, which do not matter here.
_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
# A task takes seconds. One that hangs must not stop the others.
_TIMEOUT_SECS = 600


def run(names: Sequence[str], contestants: Sequence[str], sizes: Sizes) -> Results:
    """Measure sections.

    Args:
        names: Of sections.
        contestants: Names of those who take part.
        sizes: How much.
    """
    results = Results()
    with tempfile.TemporaryDirectory(prefix="tbimage-benchmarks-") as scratch:
        pixels = Path(scratch, "pixels")
        pixels.mkdir()
        columns.save(pixels)
        started = time.monotonic()
        for name in names:
            ours, peers = sizes.fewer.get(name, (sizes.repeats, sizes.repeats))
            for repeat in range(ours):
                present = [each for each in contestants if repeat < peers or each in OWN]
                tasks = list(section(name).tasks(sizes, present))
                for task in reversed(tasks) if repeat % 2 else tasks:
                    _say(f"{time.monotonic() - started:4.0f} s  {name} {repeat + 1}", task)
                    _measure(task, Path(scratch, "task"), pixels, results)
    return results


def _say(where: str, task: Task) -> None:
    """Print the progress."""
    print(f"{where}: {task.contestant}: {', '.join(task.cases)}", file=sys.stderr, flush=True)


def _measure(task: Task, directory: Path, pixels: Path, results: Results) -> None:
    shutil.copytree(pixels, directory, copy_function=os.link)
    who = f"{task.section}: {task.contestant}"
    try:
        fault = _in_fresh_process(task, directory)
        if fault is not None:
            results.faults.append(f"{who}: {fault}")
            return
        measured = json.loads((directory / RESULT).read_text(encoding="utf-8"))
        for case, metrics in measured.items():
            results.add(task.section, task.contestant, case, metrics)
        for kept in sorted(directory.glob("kept/*")):
            comparison = compare(kept, columns.load(pixels, kept.name))
            results.compared[task.contestant] += comparison.equal
            results.faults += [f"{who}: {kept.name}: {each}" for each in comparison.faults]
    finally:
        shutil.rmtree(directory)


def _in_fresh_process(task: Task, directory: Path) -> str | None:
    """Run a task; return the error, or None."""
    arguments = json.dumps(dataclasses.asdict(task))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.child", arguments, os.fspath(directory)],
            cwd=ROOT,
            env={**os.environ, **_ENVIRONMENT, **task.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_TIMEOUT_SECS,
            text=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"took more than {_TIMEOUT_SECS} s"
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
