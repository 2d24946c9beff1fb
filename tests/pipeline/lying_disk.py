"""Run a program on a disk that reports wrong results: it preloads the library of lying_disk.c."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.pipeline import children

_SOURCE = Path(__file__).with_name("lying_disk.c")

#: Programs begin with this. ``lie`` sets the variables that lying_disk.c names, ``faults`` counts.
START = """
import dataclasses, json, os, signal, sys, threading, time
import numpy as np
import tbimage

os.environ.pop("LD_PRELOAD")  # not for the children of this program
logdir = sys.argv[1]
count = os.path.join(os.path.dirname(logdir), "count")  # not in a directory that does not answer
PICTURE = np.random.default_rng(0).integers(0, 256, (20, 20), np.uint8)

def lie(**settings):
    for name, value in settings.items():
        name = "LYING_" + name.upper()
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = str(value)

lie(count=count)

def faults():
    try:
        with open(count) as file:
            return file.read()
    except FileNotFoundError:
        return ""

def wait_until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("waited in vain")
        time.sleep(0.002)

def held():
    "Wait until something waits for the disk."
    wait_until(lambda: "h" in faults())

def adding_up(stats):
    total = stats.written + sum(stats.dropped.values()) + stats.pending_items
    assert stats.logged == total, stats
    return stats

def report(writer, **more):
    shown = dict(dataclasses.asdict(adding_up(writer.stats())), faults=faults(), **more)
    print(json.dumps(shown))
"""


@functools.cache
def library() -> str:
    """Build the library, once for each version of its source, and return where it is."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("cc, a C compiler, is not installed")
    digest = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:16]
    path = Path(tempfile.gettempdir()) / f"tbimage-lying-disk-{os.getuid()}-{digest}.so"
    if not path.exists():
        new = path.with_suffix(f".{os.getpid()}")
        options = ["-O1", "-Wall", "-Werror", "-shared", "-fPIC"]
        subprocess.run([compiler, *options, "-o", new, _SOURCE, "-ldl"], check=True)
        new.replace(path)  # atomically, because other test processes build it, too
    return str(path)


def run(script: str, *arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a program with the library to its end, and check its exit code."""
    preload = library()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LD_PRELOAD", preload)
        environment.delenv("LYING_WRITE", raising=False)
        return children.run(START + script, *arguments, code=code)
