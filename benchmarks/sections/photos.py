"""End to end: calls with one picture each, until the event file is closed."""

from __future__ import annotations

import shutil
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.columns import BATCH, COLUMNS, GRAY_BATCH, PHOTOS, Array, load
from benchmarks.contestants import CONTESTANTS, OWN, Writer
from benchmarks.process import bytes_in, peak_rss, stopwatch
from benchmarks.results import Metrics, Results, Task, percentile
from benchmarks.sizes import Sizes
from benchmarks.tables import amount, mebibytes, microseconds, milliseconds, table, times

__all__ = ["fill", "measure", "report", "tasks"]


def tasks(sizes: Sizes, contestants: Sequence[str]) -> Iterator[Task]:
    columns = [*PHOTOS, BATCH, GRAY_BATCH]
    arguments = {"calls": sizes.calls, "round_secs": sizes.round_secs}
    for cases in [columns] if sizes.share else [[column] for column in columns]:
        for name in contestants:
            own = [case for case in cases if name in OWN or case != GRAY_BATCH]
            if own and CONTESTANTS[name].images:
                yield Task("photos", name, own, arguments)


def measure(task: Task, directory: Path) -> Mapping[str, Metrics]:
    opened = CONTESTANTS[task.contestant].open
    measured: dict[str, Metrics] = {}
    for case in task.cases:
        pixels, kept = load(directory, case), directory / "kept" / case
        calls = max(2, round(COLUMNS[case].calls * task.arguments["calls"]))
        fill(opened(str(directory / "warm-up" / case)), pixels, 1)
        metrics: dict[str, list[float]] = defaultdict(list)
        ends = time.perf_counter() + task.arguments["round_secs"]
        while not metrics or time.perf_counter() < ends:
            shutil.rmtree(kept, ignore_errors=True)
            with stopwatch() as watch:
                metrics["caller"] += fill(opened(str(kept)), pixels, calls)
            metrics["wall"].append(watch.wall / calls)
            metrics["cpu"].append(watch.cpu / calls)
        metrics["bytes"].append(bytes_in(kept) / calls)
        metrics["rss"].append(peak_rss())
        measured[case] = metrics
    return measured


def fill(writer: Writer, pixels: Array, calls: int) -> list[float]:
    """Log the pixels of a column several times and close; return the seconds of each call."""
    log = writer.image if len(pixels) == 1 else writer.batch
    picture = pixels[0] if len(pixels) == 1 else pixels
    seconds = []
    for step in range(calls):
        before = time.perf_counter()
        log(picture, step)
        seconds.append(time.perf_counter() - before)
    writer.close()
    return seconds


def report(results: Results) -> str:
    parts = [
        "One call logs one picture; the time is that of a whole event file, from opening to closed,"
        " divided by the calls. How much slower than tbimage each is stands in brackets: with its "
        "compiled encoder, and as a pure wheel. CPU seconds are those of all threads; "
        "the peak RSS is that of a process with Python, NumPy, the contestant and the picture. "
        "Percentiles are of what the caller waits for one call, logging without a pause, so that "
        "tbimage's include waiting for room once 256 MiB are pending and for the interpreter that "
        "its workers use too; the section on callers looks at the call alone."
    ]
    for case in results.cases("photos"):
        lines = []
        for name in results.contestants("photos"):
            if results.median("photos", name, case, "wall") is None:
                continue
            slower = [times(results.ratio("photos", "wall", case, name, own)) for own in OWN]
            calls = results.values("photos", name, case, "caller")
            lines.append(
                [
                    name,
                    milliseconds(results.median("photos", name, case, "wall"))
                    + ("" if name in OWN else f" ({', '.join(slower)})"),
                    microseconds(percentile(calls, 50)),
                    microseconds(percentile(calls, 99)),
                    milliseconds(results.median("photos", name, case, "cpu")),
                    amount(results.median("photos", name, case, "bytes")),
                    mebibytes(results.median("photos", name, case, "rss")),
                ]
            )
        head = [case, "ms a call", "p50, µs", "p99, µs", "CPU, ms", "bytes a call", "peak RSS, MiB"]
        parts.append(table(head, lines))
    return "\n\n".join(parts)
