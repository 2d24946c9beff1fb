"""The functions of ``tbimage.visual``, from arrays to pixels on one processor, as in a worker."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contestants import TBIMAGE
from benchmarks.results import Metrics, Results, Task
from benchmarks.sizes import Sizes
from benchmarks.tables import milliseconds, table

__all__ = ["measure", "report", "tasks"]

_HEIGHT, _WIDTH = 1080, 1920
_SLOWEST_MB = 100  # the least pixels a second of every drawing
_MOST_ADDED_MS = 2  # the most time of captions and boxes, beyond the copy of the picture

#: Those that draw onto a picture, and are judged by what they add to its copy.
_ADDED = ("caption", "10 boxes with labels", "100 boxes with labels")
#: Those that read much more than they give, and are judged by what they read.
_READ = ("smaller: 512 pixels", "mask of 21 scores")

Drawing = Callable[[], Any]


def tasks(sizes: Sizes, contestants: Sequence[str]) -> Iterator[Task]:
    yield Task("drawings", TBIMAGE, ["all"], {"rounds": sizes.encoder_rounds}, cpus=1)


def measure(task: Task, directory: Path) -> Mapping[str, Metrics]:
    measured: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    drawings = _drawings()
    for _ in range(1 + int(task.arguments["rounds"])):  # the first is left out
        for case, (draw, read_bytes) in drawings.items():
            started = time.perf_counter()
            drawn = draw()
            secs = time.perf_counter() - started
            measured[case]["secs"].append(secs)
            measured[case]["given"] = [_bytes_of(drawn)]
            measured[case]["read"] = [read_bytes]
    return {
        case: {"secs": figures["secs"][1:], "given": figures["given"], "read": figures["read"]}
        for case, figures in measured.items()
    }


def _bytes_of(drawn: Any) -> int:
    """Return the size of pixels, or of the frames of a clip."""
    return int(drawn) if isinstance(drawn, int) else int(np.asarray(drawn).nbytes)


def _drawings() -> dict[str, tuple[Drawing, int]]:
    """Each drawing, and how many bytes it reads."""
    from tbimage import visual

    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:_HEIGHT, :_WIDTH]
    photo = random.integers(0, 256, (_HEIGHT, _WIDTH, 3), np.uint8)
    floats = (photo / 255).astype(np.float32)
    depth = (np.hypot(rows, columns) / 10).astype(np.float32)
    labels = (rows // 99 + columns // 99) % 21
    scores = random.random((_HEIGHT // 2, _WIDTH // 2, 21), np.float32)
    corners = random.random((100, 2)) * (_WIDTH * 0.8, _HEIGHT * 0.8)
    boxes = np.hstack([corners, corners + 20 + random.random((100, 2)) * 200])
    maps = random.random((56, 56, 256), np.float32)
    small_maps = random.random((8, 8, 256), np.float32)
    waves = np.sin(rows[..., np.newaxis] / 90) * np.cos(columns[..., np.newaxis] / [70, 90, 110])
    scene = (127 + 80 * waves[:256, :256] + random.normal(0, 4, (256, 256, 3))).astype(np.uint8)
    clip = np.stack([np.roll(scene, 4 * number, axis=1) for number in range(32)])
    people = random.random((5, 1, 2)) * (1600, 700) + random.random((5, 17, 2)) * (150, 350)
    names, found = [f"class {n % 9}" for n in range(100)], np.arange(100) / 100

    def image(values: Any, **look: Any) -> tuple[Drawing, int]:
        return lambda: visual.image(values, **look), values.nbytes

    def of_photo(draw: Drawing) -> tuple[Drawing, int]:
        return draw, photo.nbytes

    def animation(format: str) -> tuple[Drawing, int]:
        def draw() -> int:
            visual.animation(clip, format=format)
            return clip.nbytes

        return draw, clip.nbytes

    return {
        "copy": of_photo(photo.copy),
        "colour map": image(depth[..., np.newaxis], value_range="minmax", colormap="turbo"),
        "colour map, percentiles, bar": image(
            depth, value_range=("percentile", 2, 98), colormap="turbo", colorbar=True
        ),
        "gamma": image(floats, gamma=2.2),
        "logarithm": image(floats, log=True),
        "smaller: 512 pixels": image(photo, max_side=512),
        "larger: twice": image(photo, scale=2),
        "64 feature maps of 56 × 56": (lambda: visual.feature_maps(maps), maps.nbytes),
        "64 feature maps of 8 × 8, in colour": (
            lambda: visual.feature_maps(small_maps, colormap="viridis"),
            small_maps.nbytes,
        ),
        "mask": (lambda: visual.segmentation(labels), labels.nbytes),
        "mask over a photograph": of_photo(lambda: visual.segmentation(labels, photo)),
        "mask with outlines and legend": of_photo(
            lambda: visual.legend(
                visual.segmentation(labels, photo, outlines=True), visual.legend_entries(labels)
            )
        ),
        "mask of 21 scores": (lambda: visual.segmentation(scores), scores.nbytes),
        "caption": of_photo(lambda: visual.caption(photo, "a caption of a few words")),
        "10 boxes with labels": of_photo(
            lambda: visual.boxes(photo, boxes[:10], names[:10], found[:10])
        ),
        "100 boxes with labels": of_photo(lambda: visual.boxes(photo, boxes, names, found)),
        "5 skeletons of 17 keypoints": of_photo(
            lambda: visual.keypoints(photo, people, skeleton=[(n, n + 1) for n in range(16)])
        ),
        "grid of 16": of_photo(lambda: visual.grid([photo[:270, :480]] * 16)),
        "comparison": of_photo(lambda: visual.compare([floats, floats[::-1]]).picture),
        "APNG, with its encoding": animation("apng"),
        "GIF, with its encoding": animation("gif"),
    }


def report(results: Results) -> str:
    lines = []
    copy = results.median("drawings", TBIMAGE, "copy", "secs") or 0.0
    for case in results.cases("drawings"):
        secs = results.median("drawings", TBIMAGE, case, "secs")
        counted = "read" if case in _READ else "given"
        size = results.median("drawings", TBIMAGE, case, counted)
        if secs is None or size is None:
            continue
        speed = size / secs / 1e6
        added = max(secs - copy, 0.0) if case in _ADDED else None
        reached = speed >= _SLOWEST_MB
        if added is not None:
            reached = added * 1e3 <= _MOST_ADDED_MS
        lines.append(
            [
                case,
                milliseconds(secs),
                f"{speed:.0f}{' read' if case in _READ else ''}",
                "" if added is None else f"+{milliseconds(added)} ms",
                "yes" if reached else "no",
            ]
        )
    return (
        "What `tbimage.visual` draws, in one process that is held to one processor. Where "
        "no size is named, pictures are of 1080 × 1920. "
        f"A drawing is to give {_SLOWEST_MB} MB of pixels a second; captions and boxes may add "
        f"{_MOST_ADDED_MS} ms to a picture's copy. What reads much more than it gives is judged by "
        "what it reads.\n\n" + table(["drawing", "ms", "MB/s", "beyond the copy", "reached"], lines)
    )
