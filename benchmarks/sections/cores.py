"""What a second processor gives: the same photographs with one and with two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.columns import PHOTOS
from benchmarks.contestants import OWN
from benchmarks.process import usable_cpus
from benchmarks.results import Metrics, Results, Task
from benchmarks.sections import photos
from benchmarks.sizes import Sizes
from benchmarks.tables import NOTHING, milliseconds, table, times

__all__ = ["measure", "report", "serial_fraction", "speedup", "tasks"]


def tasks(sizes: Sizes, contestants: Sequence[str]) -> Iterator[Task]:
    if usable_cpus() < 2:
        return
    arguments = {"calls": 4 * sizes.calls, "round_secs": sizes.round_secs}
    for cases in [PHOTOS] if sizes.share else [[column] for column in PHOTOS]:
        for name in contestants:
            if name in OWN:
                for cpus in (1, 2):
                    yield Task("cores", name, cases, arguments, cpus)


def measure(task: Task, directory: Path) -> Mapping[str, Metrics]:
    measured = photos.measure(task, directory)
    return {case: {f"wall{task.cpus}": measured[case]["wall"]} for case in measured}


def speedup(results: Results, name: str, case: str) -> float | None:
    """How many times faster two processors are than one."""
    one, two = (results.median("cores", name, case, f"wall{cpus}") for cpus in (1, 2))
    return one / two if one and two else None


def serial_fraction(results: Results, name: str, case: str) -> float | None:
    """Return the part of the work that only one processor can do, by Amdahl's law."""
    faster = speedup(results, name, case)
    return max(0.0, 2 / faster - 1) if faster else None


def _predicted(fraction: float | None, processors: int) -> float | None:
    return None if fraction is None else 1 / (fraction + (1 - fraction) / processors)


def report(results: Results) -> str:
    lines = [
        [
            f"{case}, {name}",
            milliseconds(results.median("cores", name, case, "wall1")),
            milliseconds(results.median("cores", name, case, "wall2")),
            times(speedup(results, name, case), 2),
            _percent(serial_fraction(results, name, case)),
            times(_predicted(serial_fraction(results, name, case), 16)),
        ]
        for case in results.cases("cores")
        for name in results.contestants("cores")
    ]
    return (
        "The process is held to one processor or to two, by its affinity, before tbimage is "
        "imported; photographs end to end as above, four times as many to a file. The serial share "
        "is what Amdahl's law makes of the two figures: mostly the time that the interpreter is "
        "held, and the writing of the file. So is what it predicts for 16 processors.\n\n"
        + table(["ms a call", "one", "two", "faster", "serial", "16, predicted"], lines)
    )


def _percent(share: float | None) -> str:
    return NOTHING if share is None else f"{100 * share:.0f} %"
