"""Reading logs back: tags, scalars, one picture, checksums, many runs; against other readers.

All readers get the same files: one of photographs and scalars, and many runs of ten scalars and a
picture. Photographs are noise, which no reader here decodes. Each reader runs in a process of its
own, in turn with the others, and reads the file several times. The page cache has all of it.

EventAccumulator keeps a sample of each kind unless it is told to keep all. It is told so for what
the task needs. tbparse has no part in reading pictures, as it decodes them.
"""

from __future__ import annotations

import importlib.util
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contestants import OWN, TBIMAGE, block
from benchmarks.process import peak_rss
from benchmarks.results import Metrics, Results, Task
from benchmarks.sizes import Sizes
from benchmarks.tables import mebibytes, significant, table, times
from tbimage.events import wire
from tbimage.events.records import frame, small_record

__all__ = ["measure", "report", "tasks"]

_ACCUMULATOR, _PARSER = "EventAccumulator", "tbparse"
_WITH_TENSORFLOW = "EventAccumulator with TensorFlow"
# The bytes of a PNG of 375×375 noise.
_PHOTO_BYTES = 422_000
_SMALL_PHOTO = b"\x89PNG".ljust(8000, b"\0")
_TAGS = 10
_FOLLOWED = 10

_INDEX, _SCALARS, _PICTURE = "index of all tags", "all scalars as arrays", "one picture by its step"
_CHECKSUMS, _RUNS, _FOLLOW = "scan with all checksums", "index of many runs", "follow"
_GALLERY = "gallery of many runs"
_EVERYTHING = "all scalars, and the bytes of all pictures"
#: For each peer the packages that it needs, what it reads, and how often: the slow one once.
_PEERS = {
    _WITH_TENSORFLOW: (("tensorboard", "tensorflow"), (_SCALARS, _EVERYTHING), 5),
    _ACCUMULATOR: (("tensorboard",), (_SCALARS,), 1),
    _PARSER: (("tbparse", "tensorflow"), (_SCALARS,), 5),
}
#: Seconds to reach, and bytes of memory, for a full run.
_LIMITS = {
    _INDEX: 0.5,
    _SCALARS: 1.0,
    _PICTURE: 2e-3,
    _CHECKSUMS: 1.5,
    _RUNS: 1.5,
    _FOLLOW: 0.3,
    _GALLERY: 10.0,
}
_MOST_RSS = 60e6


def tasks(sizes: Sizes, contestants: Sequence[str]) -> Iterator[Task]:
    arguments = {
        "photos": sizes.reading_photos,
        "scalars": sizes.reading_scalars,
        "runs": sizes.reading_runs,
    }
    yield Task("reading", TBIMAGE, [*_LIMITS, _EVERYTHING], arguments)
    if any(name not in OWN for name in contestants):
        for name, (needed, cases, _) in _PEERS.items():
            if all(map(importlib.util.find_spec, needed)):
                yield Task("reading", name, cases, arguments)


def measure(task: Task, directory: Path) -> Mapping[str, Metrics]:
    logs = directory / "logs"
    _write_file(logs, int(task.arguments["photos"]), int(task.arguments["scalars"]))
    if task.contestant == TBIMAGE:
        return _measure_own(directory, logs, int(task.arguments["runs"]))
    if task.contestant == _ACCUMULATOR:
        block(["tensorflow"])
    else:
        import_module("tensorflow")  # TensorBoard reads records with it if it is installed
    figures, repeats = {}, _PEERS[task.contestant][2]
    expected = int(task.arguments["scalars"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in task.cases:
            read = _prepare_parser() if task.contestant == _PARSER else _prepare_accumulator(case)
            figures[case] = _repeated(partial(_check, read, logs, expected), repeats)
    return figures


def _check(read: Callable[[Path], int], logs: Path, expected: int) -> None:
    count = read(logs)
    if count != expected:
        raise RuntimeError(f"{count} scalars were read, and {expected} are there")


def _repeated(call: Callable[[], Any], repeats: int) -> dict[str, list[float]]:
    """Measure time, processor time of all threads, and memory."""
    wall, cpu = [], []
    for _ in range(repeats):
        before = time.process_time()
        wall.append(_timed(call)[0])
        cpu.append(time.process_time() - before)
    return {"wall": wall, "cpu": cpu, "rss": [peak_rss()]}


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    before = time.perf_counter()
    result = call()
    return time.perf_counter() - before, result


def _write_file(logs: Path, photos: int, scalars: int) -> None:
    logs.mkdir()
    noise = np.random.default_rng(0).bytes(_PHOTO_BYTES)
    with open(logs / "events.out.tfevents.1700000000.host", "wb") as file:
        file.write(small_record(wire.file_version_event(1.7e9, "tbimage")))
        for step in range(photos):
            file.writelines(frame(_photo(step, noise)))
        frames = [wire.scalar_frame(f"train/metric_{tag}") for tag in range(_TAGS)]
        for number in range(scalars):
            step, tag = divmod(number, _TAGS)
            before, after = frames[tag]
            value = before + wire.float32(number / 7) + after
            file.write(small_record(wire.small_event(1.7e9 + step, step, value)))


def _photo(step: int, encoded: bytes) -> list[Any]:
    metadata = wire.summary_metadata("images", b"", None, wire.DATA_CLASS_BLOB_SEQUENCE)
    value = wire.image_value("photo", 375, 375, 3, [encoded], metadata)
    return wire.event(1.7e9 + step, step, wire.summary([value]))


def _write_runs(logs: Path, runs: int) -> None:
    """Ten scalars and one picture in each."""
    for number in range(runs):
        directory = logs / f"run_{number:04d}"
        directory.mkdir(parents=True)
        records = [small_record(wire.file_version_event(1.7e9, "tbimage"))]
        for tag in range(_TAGS):
            before, after = wire.scalar_frame(f"train/metric_{tag}")
            value = before + wire.float32(number) + after
            records.append(small_record(wire.small_event(1.7e9, 1, value)))
        records.append(small_record(b"".join(_photo(1, _SMALL_PHOTO))))
        (directory / "events.out.tfevents.1700000000.host").write_bytes(b"".join(records))


def _measure_own(directory: Path, logs: Path, runs: int) -> Mapping[str, Metrics]:
    import tbimage
    import tbimage.reading.gallery  # the imports of readers and of logs are not measured

    def index() -> int:
        return sum(len(run.tags) for run in tbimage.read(logs).values())

    def scalars() -> int:
        run = tbimage.read(logs)["."]
        return sum(len(run.scalars(tag)) for tag, about in run.tags.items() if tag != "photo")

    def everything() -> int:
        count = scalars()
        sum(len(picture.encoded) for picture in tbimage.read(logs)["."].images("photo"))
        return count

    secs = {_INDEX: [_timed(index)[0]]}
    rss = peak_rss()
    compared = {_SCALARS: _repeated(scalars, 5), _EVERYTHING: _repeated(everything, 5)}
    pictures = tbimage.read(logs)["."].images("photo")
    secs[_PICTURE] = [
        _timed(lambda step=step: pictures.at(step).encoded)[0]  # type: ignore[misc]
        for step in pictures.steps.tolist()[::7]
    ]
    secs[_CHECKSUMS] = [_timed(lambda: tbimage.read(logs, verify=True))[0]]
    secs[_FOLLOW] = _delays(logs)
    _write_runs(directory / "runs", runs)
    many = directory / "runs"
    secs[_RUNS] = [_timed(lambda: [run.tags for run in tbimage.read(many).values()])[0]]
    page = directory / "page.html"
    secs[_GALLERY] = [_timed(lambda: tbimage.gallery(many, page, max_bytes=1 << 30))[0]]
    figures: dict[str, dict[str, list[float]]] = {
        case: {"wall": each} for case, each in secs.items()
    }
    figures[_INDEX]["rss"] = [rss]
    return figures | compared


def _delays(logs: Path) -> list[float]:
    """Return the time until ``follow`` yields an event that was appended."""
    import tbimage

    followed = tbimage.read(logs)
    before, after = wire.scalar_frame("followed")
    written: list[float] = []

    def append() -> None:
        with open(logs / "events.out.tfevents.1700000000.host", "ab", buffering=0) as file:
            for step in range(_FOLLOWED):
                time.sleep(0.137)
                value = before + wire.float32(step) + after
                record = small_record(wire.small_event(1.7e9, step, value))
                written.append(time.perf_counter())
                file.write(record)

    thread = threading.Thread(target=append)
    thread.start()
    delays = []
    for logged in followed.follow():
        delays.append(time.perf_counter() - written[logged.step])
        if logged.step == _FOLLOWED - 1:
            break
    thread.join()
    return delays


def _prepare_accumulator(case: str) -> Callable[[Path], int]:
    from tensorboard.backend.event_processing import event_accumulator

    kept = event_accumulator.DEFAULT_SIZE_GUIDANCE if case == _EVERYTHING else ("scalars",)

    def read(logs: Path) -> int:
        accumulator = event_accumulator.EventAccumulator(
            str(logs), size_guidance=dict.fromkeys(kept, 0)
        )
        accumulator.Reload()
        if case == _EVERYTHING:
            sum(len(each.encoded_image_string) for each in accumulator.Images("photo"))
        return sum(len(accumulator.Scalars(tag)) for tag in accumulator.Tags()["scalars"])

    return read


def _prepare_parser() -> Callable[[Path], int]:
    import tbparse

    return lambda logs: len(tbparse.SummaryReader(str(logs), event_types={"scalars"}).scalars)


def report(results: Results) -> str:
    lines = []
    for case, limit in _LIMITS.items():
        wall = results.median("reading", TBIMAGE, case, "wall")
        rss = results.median("reading", TBIMAGE, case, "rss")
        unit = (1e3, "ms") if limit < 0.1 else (1.0, "s")
        shown = "–" if wall is None else f"{significant(wall * unit[0])} {unit[1]}"
        reached = "" if wall is None else "✓" if wall <= limit else "✗"
        if rss is not None:
            shown += f", {mebibytes(rss)} MiB"
            reached = "✓" if reached == "✓" and rss <= _MOST_RSS else "✗"
        lines.append([case, shown, f"≤ {limit * unit[0]:g} {unit[1]}", reached])
    lines[0][2] += f", {_MOST_RSS / 1e6:g} MB"
    readers = []
    for case in (_SCALARS, _EVERYTHING):
        own = results.median("reading", TBIMAGE, case, "cpu")
        for name in results.contestants("reading"):
            wall, cpu, rss = (
                results.median("reading", name, case, figure) for figure in ("wall", "cpu", "rss")
            )
            if cpu is not None:
                ratio = times(cpu / own) if own else "–"
                readers.append([case, name, *map(significant, (wall, cpu)), ratio, mebibytes(rss)])
    head = ["what", TBIMAGE, "to reach in a full run", ""]
    peers = ["what", "by", "s", "s of processor", f"against {TBIMAGE}", "peak RSS, MiB"]
    return (
        "One file of 211 MB, with 500 pictures and 100 000 scalars of ten tags, and 1000 runs of "
        "ten scalars and a picture; a quick run has a tenth. Imports are not "
        "counted. Readers are compared by processor time.\n\n"
        f"{table(head, lines)}\n\n{table(peers, readers)}"
    )
