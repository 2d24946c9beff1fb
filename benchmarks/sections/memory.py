"""Peak memory when a caller logs photographs of 1080×1920 as fast as it can."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.columns import load
from benchmarks.contestants import OWN
from benchmarks.process import peak_rss, stopwatch
from benchmarks.results import Metrics, Results, Task
from benchmarks.sizes import Sizes
from benchmarks.tables import mebibytes, milliseconds, table

__all__ = ["BOUND", "measure", "report", "tasks"]

_COLUMN = "1080×1920"
#: The default of ``max_pending_bytes``.
BOUND = 256 << 20


def tasks(sizes: Sizes, contestants: Sequence[str]) -> Iterator[Task]:
    for name in contestants:
        if name in OWN:
            yield Task("memory", name, [str(sizes.memory_photos)])


def measure(task: Task, directory: Path) -> Mapping[str, Metrics]:
    from tbimage import SummaryWriter

    pixels, count = load(directory, _COLUMN)[0], int(task.cases[0])
    before = peak_rss()
    with SummaryWriter(directory / "many") as writer, stopwatch() as watch:
        for step in range(count):
            writer.image("photo", pixels, step)
        writer.flush()
        written = writer.stats().written
    if written != count:
        raise RuntimeError(f"{written} of {count} photographs were written")
    return {
        task.cases[0]: {
            "before": [before],
            "over": [peak_rss() - BOUND],
            "rss": [peak_rss()],
            "wall": [watch.wall / count],
        }
    }


def report(results: Results) -> str:
    lines = []
    for count in results.cases("memory"):
        for name in results.contestants("memory"):
            figures = [
                results.median("memory", name, count, each) for each in ("before", "rss", "over")
            ]
            wall = milliseconds(results.median("memory", name, count, "wall"))
            lines.append([f"{count} photographs, {name}", *map(mebibytes, figures), wall])
    head = ["MiB", "before the first call", "peak RSS", "over the bound", "ms a photograph"]
    return (
        "The bound on what may be pending is the default, 256 MiB; everything else that the "
        "process has (Python, NumPy, the photograph) counts against tbimage.\n\n"
        + table(head, lines)
    )
