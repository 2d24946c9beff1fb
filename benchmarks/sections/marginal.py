"""Whether the last of many summaries in one file costs more than the first ones."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.columns import BATCH, load
from benchmarks.contestants import OWN
from benchmarks.process import stopwatch
from benchmarks.results import Metrics, Results, Task
from benchmarks.sizes import Sizes
from benchmarks.tables import microseconds, table, thousands, times

__all__ = ["EARLY", "IMAGES", "SCALARS", "growth", "measure", "report", "tasks"]

IMAGES, SCALARS = "image", "scalar"
#: Windows at the start, behind the first, and at the end, whose medians are compared; and the
#: events in a window.
EARLY = 15
_WINDOW = {IMAGES: 50, SCALARS: 1000}


def tasks(sizes: Sizes, contestants: Sequence[str]) -> Iterator[Task]:
    counts = {IMAGES: sizes.marginal_images, SCALARS: sizes.marginal_scalars}
    for name in contestants:
        if name in OWN:
            yield Task("marginal", name, [IMAGES, SCALARS], counts)


def measure(task: Task, directory: Path) -> Mapping[str, Metrics]:
    from tbimage import SummaryWriter

    pixels = load(directory, BATCH)[0]
    measured: dict[str, Metrics] = {}
    for case in task.cases:
        with SummaryWriter(directory / case) as writer:
            log = {
                IMAGES: partial(writer.image, "photo", pixels),
                SCALARS: partial(writer.scalar, "loss", 0.5),
            }
            costs = _windows(log[case], writer.flush, int(task.arguments[case]), _WINDOW[case])
        measured[case] = {
            "early": [statistics.median(costs[1 : 1 + EARLY])],
            "late": [statistics.median(costs[-EARLY:])],
            "count": [task.arguments[case]],
        }
    return measured


def _windows(
    log: Callable[[int], Any], flush: Callable[[], Any], count: int, window: int
) -> list[float]:
    """Log ``count`` images; return the seconds of one image of each window, with its flush."""
    costs = []
    for start in range(0, count, window):
        with stopwatch() as watch:
            for step in range(start, start + window):
                log(step)
            flush()
        costs.append(watch.wall / window)
    return costs


def growth(results: Results, name: str, case: str) -> float | None:
    """Return the ratio of the last cost to the first."""
    early, late = (results.median("marginal", name, case, each) for each in ("early", "late"))
    return late / early if early and late else None


def report(results: Results) -> str:
    lines = []
    for case in results.cases("marginal"):
        for name in results.contestants("marginal"):
            count = int(results.median("marginal", name, case, "count") or 0)
            early, late = (
                microseconds(results.median("marginal", name, case, each))
                for each in ("early", "late")
            )
            label = f"{thousands(count)}th {case}, {name}"
            lines.append([label, early, late, times(growth(results, name, case), 2)])
    return (
        f"One file; a flush after each {_WINDOW[IMAGES]} images of 64×64×3 or {_WINDOW[SCALARS]} "
        f"scalars ends a window. Medians of {EARLY} windows: behind the very first one, and at the "
        "end.\n\n" + table(["µs each", "at the start", "at the end", "growth"], lines)
    )
