"""Many writers in one process: the processor time of a scalar, if each writer logs one at a time.

    python -m benchmarks.many                # 1, 10, 100 and 1000 writers: about a minute
    python -m benchmarks.many 100 1000 5000  # other numbers

Writers share their threads, so a thousand must cost little more for each scalar than a hundred. The
numbers are measured in turn, several times, each time in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

import tbimage
from benchmarks.tables import table

__all__ = ["main"]

_ROUNDS, _TICKS = 5, 5


def measure(count: int) -> tuple[float, int]:
    """Return the microseconds of processor time for each scalar, and the threads besides main."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(count + 200, hard), hard))
    with tempfile.TemporaryDirectory() as root:
        writers = [tbimage.SummaryWriter(os.path.join(root, str(n))) for n in range(count)]
        log(writers, 0)
        before = len(os.listdir("/proc/self/task"))
        started = time.process_time()
        for tick in range(1, _TICKS + 1):
            log(writers, tick)
        each = (time.process_time() - started) / _TICKS / count * 1e6
        for writer in writers:
            writer.close()
        return each, before - 1


def log(writers: Sequence[tbimage.SummaryWriter], tick: int) -> None:
    """Log one scalar from each writer, and wait until all are in their files."""
    for writer in writers:
        writer.scalar("loss", 0.5, tick)
    while any(writer.stats().pending_items for writer in writers[::-1]):
        time.sleep(0.05)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure in processes, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", type=int, nargs="*", default=[1, 10, 100, 1000])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one is not None:
        print(*measure(options.one))
        return 0
    found: dict[int, list[list[str]]] = {count: [] for count in options.counts}
    for _ in range(_ROUNDS):
        for count, figures in found.items():
            command = [sys.executable, "-m", "benchmarks.many", "--one", str(count)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            figures.append(done.stdout.split())
    rows = []
    for count, figures in found.items():
        each = [float(figure) for figure, _ in figures]
        spread = f"{min(each):.0f} to {max(each):.0f}"
        threads = max(int(number) for _, number in figures)
        rows.append([str(count), f"{statistics.median(each):.0f}", spread, str(threads)])
    print(table(["writers", "µs of each scalar", "range", "threads"], rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
