"""Scalars: what a caller waits, how many a second, and how cost grows with their number."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.contestants import CONTESTANTS, OWN
from benchmarks.process import bytes_in, peak_rss, stopwatch
from benchmarks.results import Metrics, Results, Task, percentile
from benchmarks.sizes import Sizes
from benchmarks.tables import amount, mebibytes, microseconds, table, thousands

__all__ = ["measure", "per_second", "report", "tasks"]

_TIMED_CALLS = 5_000


def tasks(sizes: Sizes, contestants: Sequence[str]) -> Iterator[Task]:
    """All run on one processor, so that a second one does not hide the cost of a scalar."""
    for name in contestants:
        most = max(sizes.scalar_counts) if name in OWN else sizes.most_peer_scalars
        counts = [str(count) for count in sizes.scalar_counts if count <= most]
        yield Task("scalars", name, counts, cpus=1)


def measure(task: Task, directory: Path) -> Mapping[str, Metrics]:
    opened = CONTESTANTS[task.contestant].open
    writer = opened(str(directory / "warm-up"))
    caller = []
    for step in range(_TIMED_CALLS):
        before = time.perf_counter()
        writer.scalar(0.5, step)
        caller.append(time.perf_counter() - before)
    writer.close()
    measured: dict[str, Metrics] = {}
    for case in task.cases:
        count, logdir = int(case), directory / case
        with stopwatch() as watch:
            writer = opened(str(logdir))
            log = writer.scalar
            for step in range(count):
                log(0.5, step)
            writer.close()
        measured[case] = {
            "wall": [watch.wall / count],
            "cpu": [watch.cpu / count],
            "bytes": [bytes_in(logdir) / count],
            "rss": [peak_rss()],
        }
    first = task.cases[0]
    return {**measured, first: {**measured[first], "caller": caller}}


def per_second(results: Results, name: str) -> float | None:
    """Scalars a second in the largest file that this contestant wrote."""
    cases = results.cases("scalars")
    walls = (results.median("scalars", name, case, "wall") for case in reversed(cases))
    wall = next((wall for wall in walls if wall), None)
    return 1 / wall if wall else None


def report(results: Results) -> str:
    cases = results.cases("scalars")
    lines = []
    for name in results.contestants("scalars"):
        walls = [results.median("scalars", name, case, "wall") for case in cases]
        largest = max(case for case, wall in zip(range(len(cases)), walls, strict=True) if wall)
        caller = results.values("scalars", name, cases[0], "caller")
        figures = [
            results.median("scalars", name, cases[largest], each)
            for each in ("cpu", "bytes", "rss")
        ]
        cells = [microseconds(percentile(caller, percent)) for percent in (50, 99)]
        cells += [amount(per_second(results, name))]
        cells += [microseconds(wall) for wall in walls]
        cells += [microseconds(figures[0]), f"{figures[1]:.0f}", mebibytes(figures[2])]
        lines.append([name, *cells])
    head = ["one processor", "p50, µs", "p99, µs", "scalars/s"]
    head += [f"µs each of {thousands(int(case))}" for case in cases]
    head += ["CPU, µs", "bytes", "peak RSS, MiB"]
    return (
        "One tag, a float, rising steps. The time is that of a whole event file, from opening to "
        "closed, divided by the scalars; percentiles are of what the caller waits, with a clock "
        f"that itself takes 0.1 µs, over {thousands(_TIMED_CALLS)} calls.\n\n" + table(head, lines)
    )
