"""How the cost of an image grows with their number: event files of more and more small images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.columns import BATCH, load
from benchmarks.contestants import CONTESTANTS
from benchmarks.process import stopwatch
from benchmarks.results import Metrics, Results, Task
from benchmarks.sizes import Sizes
from benchmarks.tables import microseconds, table, thousands

__all__ = ["measure", "report", "tasks"]


def tasks(sizes: Sizes, contestants: Sequence[str]) -> Iterator[Task]:
    for name in contestants:
        if CONTESTANTS[name].images:
            yield Task("images", name, [str(count) for count in sizes.image_counts])


def measure(task: Task, directory: Path) -> Mapping[str, Metrics]:
    opened = CONTESTANTS[task.contestant].open
    pixels = load(directory, BATCH)[0]
    writer = opened(str(directory / "warm-up"))
    writer.image(pixels, 0)
    writer.close()
    measured: dict[str, Metrics] = {}
    for case in task.cases:
        count = int(case)
        with stopwatch() as watch:
            writer = opened(str(directory / case))
            for step in range(count):
                writer.image(pixels, step)
            writer.close()
        measured[case] = {"wall": [watch.wall / count], "cpu": [watch.cpu / count]}
    return measured


def report(results: Results) -> str:
    cases = results.cases("images")
    lines = []
    for name in results.contestants("images"):
        cells = [microseconds(results.median("images", name, case, "wall")) for case in cases]
        cells.append(microseconds(results.median("images", name, cases[-1], "cpu")))
        lines.append([name, *cells])
    head = ["one image of 64×64×3 a call", *(f"µs each of {thousands(int(c))}" for c in cases)]
    return (
        "The time of a whole event file, from opening to closed, divided by the images.\n\n"
        + table([*head, "CPU, µs"], lines)
    )
