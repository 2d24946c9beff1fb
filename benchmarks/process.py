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
    """Return the greatest memory of a process, in bytes; 0 if it is not known.

    Args:
        status: The text of its ``/proc/self/status``.
    """
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    return 0


def peak_rss() -> int:
    """Return the greatest memory of this process until now, in bytes."""
    # Not getrusage if possible: on Linux its figure includes the memory of the parent process, from
    # the moment between fork and exec.
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
    """Limit this process to a number of processors, if the system supports it."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-count:])


def bytes_in(directory: Path) -> int:
    """The size of all files in a directory."""
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


class Stopwatch:
    """Return elapsed seconds, and the seconds of all processors together."""

    wall = 0.0
    cpu = 0.0


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Measure a block."""
    watch = Stopwatch()
    cpu, wall = time.process_time(), time.perf_counter()
    yield watch
    watch.wall, watch.cpu = time.perf_counter() - wall, time.process_time() - cpu
