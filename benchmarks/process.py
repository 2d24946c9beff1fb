"""This process, and the files it wrote: memory, processors, bytes on disk."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Stopwatch", "bytes_in", "peak_of", "peak_rss", "pin", "stopwatch", "usable_cpus"]


def peak_of(status: str) -> int:
    """The most memory that a process had at once, in bytes; 0 where it is not known.

    Args:
        status: The text of its ``/proc/self/status``.
    """
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    return 0


def peak_rss() -> int:
    """The most memory that this process has had at once, in bytes."""
    # Not getrusage where there is a choice: on Linux its figure has that of the process which
    # started this one in it, from the moment between fork and exec.
    try:
        with open("/proc/self/status") as file:
            return peak_of(file.read())
    except OSError:
        pass
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def usable_cpus() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def pin(count: int) -> None:
    """Keep this process and its threads to so many processors, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-count:])


def bytes_in(directory: Path) -> int:
    """The size of all files in a directory."""
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


class Stopwatch:
    """Seconds by the clock, and of all processors together."""

    wall = 0.0
    cpu = 0.0


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Measure a block."""
    watch = Stopwatch()
    cpu, wall = time.process_time(), time.perf_counter()
    yield watch
    watch.wall, watch.cpu = time.perf_counter() - wall, time.process_time() - cpu
