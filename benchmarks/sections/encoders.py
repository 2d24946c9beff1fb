"""Encoders alone, from an array to a PNG in memory, on one processor and the whole corpus."""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.contestants import PLAIN, TBIMAGE
from benchmarks.results import Metrics, Results, Task, geometric_mean
from benchmarks.sizes import Sizes
from benchmarks.tables import table, times

__all__ = [
    "GROUPS",
    "NAMES",
    "YARDSTICK",
    "beaten",
    "faster",
    "larger",
    "measure",
    "megabytes_per_second",
    "report",
    "tasks",
]

#: What ``benchmarks.encoders`` calls the encoder of tbimage's two contestants, and Pillow's.
NAMES = {TBIMAGE: "tbimage fast", PLAIN: "tbimage fast, zlib"}
YARDSTICK = "Pillow"
_NEEDED = ("cv2", "imagecodecs", "isal", "skimage")

#: Kinds of pictures that are reported together.
GROUPS = {
    "photographs": ("photograph",),
    "masks, maps and drawings": ("mask", "map", "drawing", "depth"),
    "thumbnails": ("thumbnail",),
    "noise": ("noise",),
}


def tasks(sizes: Sizes, contestants: Sequence[str]) -> Iterator[Task]:
    if all(importlib.util.find_spec(module) for module in _NEEDED):
        arguments = {"rounds": sizes.encoder_rounds, "most_bytes": sizes.encoder_most_bytes}
        yield Task("encoders", TBIMAGE, ["corpus"], arguments, cpus=1)


def measure(task: Task, directory: Path) -> Mapping[str, Metrics]:
    from benchmarks import encoders
    from benchmarks.corpus import corpus

    group_of = {kind: group for group, kinds in GROUPS.items() for kind in kinds}
    measured: dict[str, dict[str, list[float]]] = {}
    for picture in corpus():
        if picture.pixels.nbytes > task.arguments["most_bytes"]:
            continue
        figures: dict[str, list[float]] = defaultdict(list)
        for one in encoders.measure(picture, encoders.CONTESTANTS, int(task.arguments["rounds"])):
            figures[f"{one.contestant}: secs"].append(one.seconds)
            figures[f"{one.contestant}: bytes"].append(one.size)
        figures["raw"].append(picture.pixels.nbytes)
        measured[f"{group_of[picture.kind]}: {picture.name}"] = figures
    return measured


def _of_group(results: Results, group: str | None) -> list[str]:
    cases = results.cases("encoders")
    return [case for case in cases if group is None or case.startswith(f"{group}: ")]


def faster(results: Results, encoder: str, group: str | None = None) -> list[float]:
    """Return how many times faster an encoder is than Pillow's default, for each picture."""
    return _against_yardstick(results, encoder, "secs", group, inverse=True)


def larger(results: Results, encoder: str, group: str | None = None) -> list[float]:
    """Return the ratio of an encoder's bytes to those of Pillow's default, for each picture."""
    return _against_yardstick(results, encoder, "bytes", group, inverse=False)


def _against_yardstick(
    results: Results, encoder: str, figure: str, group: str | None, *, inverse: bool
) -> list[float]:
    ratios = []
    for case in _of_group(results, group):
        own = results.median("encoders", TBIMAGE, case, f"{encoder}: {figure}")
        pillow = results.median("encoders", TBIMAGE, case, f"{YARDSTICK}: {figure}")
        if own and pillow:
            ratios.append(pillow / own if inverse else own / pillow)
    return ratios


def megabytes_per_second(results: Results, encoder: str, group: str) -> list[float]:
    """Bytes of pixels a second, in millions, for each picture of a group that it encodes."""
    speeds = []
    for case in _of_group(results, group):
        raw = results.median("encoders", TBIMAGE, case, "raw")
        secs = results.median("encoders", TBIMAGE, case, f"{encoder}: secs")
        if raw and secs:
            speeds.append(raw / secs / 1e6)
    return speeds


def beaten(results: Results, encoder: str) -> list[str]:
    """Return the pictures for which another encoder is faster and makes a smaller file."""
    figures = results.figures("encoders")
    others = [figure.removesuffix(": secs") for figure in figures if figure.endswith(": secs")]
    found = []
    for case in results.cases("encoders"):
        for other in others:
            if other.startswith("tbimage"):
                continue
            ratios = [_ratio(results, case, other, encoder, figure) for figure in ("secs", "bytes")]
            if all(ratio is not None and ratio < 1 for ratio in ratios):
                found.append(f"{case} ({other})")
    return found


def _ratio(results: Results, case: str, first: str, second: str, figure: str) -> float | None:
    above, below = (
        results.median("encoders", TBIMAGE, case, f"{each}: {figure}") for each in (first, second)
    )
    return above / below if above is not None and below else None


def report(results: Results) -> str:
    figures = results.figures("encoders")
    encoders = [figure.removesuffix(": secs") for figure in figures if figure.endswith(": secs")]
    parts = [
        "One process, held to one processor, in which the encoders take turns at each picture. "
        "Times faster than Pillow's default, MB of pixels a second, and bytes in terms of Pillow's "
        "default: geometric means over the pictures, and the largest. Every picture was decoded by "
        "OpenCV and compared. fpng encodes RGB and RGBA of 8 bits only."
    ]
    for group in GROUPS:
        count = len(_of_group(results, group))
        if not count:
            continue
        lines = []
        for encoder in encoders:
            speeds = megabytes_per_second(results, encoder, group)
            if not speeds:
                continue
            sizes = larger(results, encoder, group)
            lines.append(
                [
                    encoder,
                    times(geometric_mean(faster(results, encoder, group))),
                    f"{geometric_mean(speeds):.0f}",
                    f"{geometric_mean(sizes):.3f}",
                    f"{max(sizes):.2f}",
                ]
            )
        parts.append(table([f"{group} ({count})", "faster", "MB/s", "bytes", "worst"], lines))
    better = beaten(results, NAMES[TBIMAGE])
    parts.append(
        f"Others are both faster and smaller at: {', '.join(better)}."
        if better
        else "No other encoder is both faster and smaller at any picture."
    )
    return "\n\n".join(parts)
