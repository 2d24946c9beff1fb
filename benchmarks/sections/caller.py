"""What a caller waits for a 512×512×3 uint8 image while there is room, against one ``np.copy``."""

from __future__ import annotations

import contextlib
import ctypes
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.columns import load
from benchmarks.contestants import OWN
from benchmarks.results import Metrics, Results, Task, percentile
from benchmarks.sizes import Sizes
from benchmarks.tables import microseconds, table

__all__ = ["PACES", "measure", "over_copy", "report", "tasks", "to_copy"]

_COLUMN = "512×512"
#: As in a training loop, where the workers are done before the next call; and as fast as possible,
#: where they are at work, 157 MB of the 256 MiB that may be pending.
PACES = ("a call each 10 ms", "200 calls at once")
_PAUSE, _AT_ONCE = 0.01, 200


def tasks(sizes: Sizes, contestants: Sequence[str]) -> Iterator[Task]:
    for name in contestants:
        if name in OWN:
            yield Task("caller", name, PACES, {"calls": sizes.caller_calls})


def measure(task: Task, directory: Path) -> Mapping[str, Metrics]:
    from tbimage import SummaryWriter

    pixels = load(directory, _COLUMN)[0]
    calls = int(task.arguments["calls"])
    with SummaryWriter(directory / "warm-up") as writer:
        writer.image("photo", pixels, step=0)
    measured: dict[str, Metrics] = {}
    with SummaryWriter(directory / "kept" / _COLUMN) as writer:
        steps = iter(range(1 << 30))

        def log() -> Any:
            writer.image("photo", pixels, next(steps))

        def copy() -> Any:
            return np.copy(pixels)

        measured[PACES[0]] = _paced(copy, log, calls)
        writer.flush()
        measured[PACES[1]] = _at_once(copy, log, writer.flush, calls)
    return measured


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    before = time.perf_counter()
    outcome = call()
    return time.perf_counter() - before, outcome


def _paced(copy: Callable[[], Any], log: Callable[[], Any], calls: int) -> Metrics:
    """Take turns, with a pause before each; copies are kept, so that each is in fresh memory."""
    seconds: dict[str, list[float]] = defaultdict(list)
    kept = []
    for _ in range(calls):
        for name, call in (("copy", copy), ("call", log)):
            time.sleep(_PAUSE)
            took, outcome = _timed(call)
            seconds[name].append(took)
            kept.append(outcome)
    return seconds


def _at_once(
    copy: Callable[[], Any], log: Callable[[], Any], flush: Callable[[], Any], calls: int
) -> Metrics:
    """Measure many at a time; copies are kept, as in the queue, so that each needs new memory."""
    seconds: dict[str, list[float]] = defaultdict(list)
    at_once = min(_AT_ONCE, 4 * calls)
    for _ in range(max(1, calls // 30)):
        copies = [_timed(copy) for _ in range(at_once)]
        seconds["copy"] += [took for took, _ in copies]
        del copies
        _give_back_memory()
        seconds["call"] += [_timed(log)[0] for _ in range(at_once)]
        flush()
    return seconds


def _give_back_memory() -> None:
    """Give freed memory back to the system: otherwise malloc may keep it for the next copies."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # only glibc has this function
        ctypes.CDLL(None).malloc_trim(0)


def over_copy(results: Results, name: str, pace: str) -> float | None:
    """Seconds of a call's p50 over that of ``np.copy`` at the same pace."""
    call, copy = (results.median("caller", name, pace, figure) for figure in ("call", "copy"))
    return call - copy if call is not None and copy is not None else None


def to_copy(results: Results, name: str, pace: str) -> float | None:
    """Return the ratio of a call's p50 to that of a new ``np.copy`` at the same pace."""
    call, copy = (results.median("caller", name, pace, figure) for figure in ("call", "copy"))
    return call / copy if call is not None and copy else None


def report(results: Results) -> str:
    lines = []
    for pace in results.cases("caller"):
        for name in results.contestants("caller"):
            copy, call = (results.values("caller", name, pace, each) for each in ("copy", "call"))
            cells = [microseconds(percentile(copy, 50)), microseconds(percentile(copy, 99))]
            cells += [microseconds(percentile(call, 50)), microseconds(percentile(call, 99))]
            cells.append(microseconds(over_copy(results, name, pace)))
            lines.append([f"{pace}, {name}", *cells])
    head = ["µs", "np.copy p50", "p99", "image() p50", "p99", "p50 over np.copy"]
    return (
        "A 512×512×3 uint8 image that the caller may change: `image()` copies it and returns. "
        "`np.copy` of the same array takes turns with it at the same pace. Its copies are kept, as "
        "pending images are, in memory that is new to the process.\n\n" + table(head, lines)
    )
