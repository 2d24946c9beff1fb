"""Encoders of PNG against each other: time and bytes, on one core, and what a second core gives.

    python -m benchmarks.encoders             # the whole corpus, every contestant
    python -m benchmarks.encoders --quick     # pictures of up to half a megabyte, fewer rounds
    python -m benchmarks.encoders --small     # also compression="small", which is slow

Rules:
- For each picture the contestants take turns, round after round, so that other work of the machine
  affects all of them. The result is the median over the rounds, and its ratio to Pillow's default.
- Each contestant gets the array in the memory layout that it needs, so that no conversion is
  measured.
- Every file is decoded by OpenCV and compared before its figures count.
- Seconds are processor time of this process, as on an idle core. The last table is about two cores
  and measures elapsed time, so it needs an idle machine.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib.util
import io
import math
import os
import statistics
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import cv2
import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.corpus import Picture, Pixels, corpus
from tbimage.pixels.png import libraries
from tbimage.pixels.png.encoder import encode, run_serially
from tbimage.pixels.png.strips import Run

T = TypeVar("T")
Encoded = Sequence[bytes | bytearray | memoryview]

YARDSTICK = "Pillow"
#: A turn is that long at least: encoders that are done sooner encode the picture several times.
TURN_SECONDS = 0.02


@dataclass(frozen=True)
class Contestant:
    """An encoder: ``prepare`` converts the array to its layout, and ``encode`` is measured.

    ``library`` is the library of tbimage. An encoder is left out for other channels and bits than
    these.
    """

    name: str
    encode: Callable[[Any], Encoded]
    prepare: Callable[[Pixels], Any] = lambda pixels: pixels
    library: str = "kernel"
    channels: tuple[int, ...] = (1, 2, 3, 4)
    depths: tuple[int, ...] = (8, 16)


@dataclass(frozen=True)
class Measured:
    """The results of one contestant for one picture."""

    picture: Picture
    contestant: str
    seconds: float
    size: int


def _as_image(pixels: Pixels) -> Image.Image:
    return Image.fromarray(pixels.squeeze())


def _pillow(image: Image.Image, **options: Any) -> Encoded:
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return [file.getbuffer()]


_BGR = {1: [0], 2: [0, 1], 3: [2, 1, 0], 4: [2, 1, 0, 3]}


def _as_bgr(pixels: Pixels) -> npt.NDArray[np.integer]:
    return np.ascontiguousarray(pixels[:, :, _BGR[pixels.shape[2]]])


def _opencv(pixels: Pixels) -> Encoded:
    return [cv2.imencode(".png", pixels)[1].data]


def _imagecodecs(pixels: Pixels) -> Encoded:
    return [imagecodecs.png_encode(pixels)]


def _fpng(pixels: Pixels) -> Encoded:
    import fpng  # type: ignore[import-not-found, unused-ignore]

    return [fpng.from_ndarray(pixels)]


def _tbimage(pixels: Pixels, compression: str = "fast") -> Encoded:
    return encode(pixels, compression=compression).pieces


CONTESTANTS = [
    Contestant(YARDSTICK, _pillow, _as_image),
    Contestant("Pillow, level 1", functools.partial(_pillow, compress_level=1), _as_image),
    Contestant("Pillow, level 6", functools.partial(_pillow, compress_level=6), _as_image),
    Contestant(
        "Pillow, level 1, Z_RLE",
        functools.partial(_pillow, compress_level=1, compress_type=zlib.Z_RLE),
        _as_image,
    ),
    Contestant("OpenCV", _opencv, _as_bgr),
    Contestant("imagecodecs", _imagecodecs, np.squeeze),
    *(
        [Contestant("fpng", _fpng, np.ascontiguousarray, channels=(3, 4), depths=(8,))]
        if importlib.util.find_spec("fpng")
        else []
    ),
    Contestant("tbimage fast", _tbimage),
    Contestant("tbimage fast, isal", _tbimage, library="igzip"),
    Contestant("tbimage fast, zlib", _tbimage, library="zlib"),
    Contestant("tbimage balanced", functools.partial(_tbimage, compression="balanced")),
]
SMALL_CONTESTANTS = [
    Contestant("Pillow, optimize", functools.partial(_pillow, optimize=True), _as_image),
    Contestant("tbimage small", functools.partial(_tbimage, compression="small")),
]


@contextlib.contextmanager
def _installed(library: str) -> Iterator[None]:
    """Let tbimage encode by "kernel", "igzip" or "zlib" within a block."""
    hidden = {name: module for name, module in sys.modules.items() if name.startswith("isal")}
    if library == "zlib":
        for name in hidden:
            del sys.modules[name]
        sys.modules["isal"] = None  # type: ignore[assignment]
    if library != "kernel":
        os.environ["TBIMAGE_PURE"] = "1"
    libraries.forget()
    try:
        if libraries.encoder_name() != library:
            sys.exit(f"{library} is not installed")
        yield
    finally:
        os.environ.pop("TBIMAGE_PURE", None)
        if library == "zlib":
            del sys.modules["isal"]
        sys.modules.update(hidden)
        libraries.forget()


def measure(picture: Picture, contestants: Sequence[Contestant], rounds: int) -> list[Measured]:
    """Measure the contestants that can encode a picture, in turns."""
    channels, bits = picture.pixels.shape[2], 8 * picture.pixels.itemsize
    contestants = [c for c in contestants if channels in c.channels and bits in c.depths]
    inputs = [contestant.prepare(picture.pixels) for contestant in contestants]
    sizes, repeats = [], []
    for contestant, data in zip(contestants, inputs, strict=True):
        with _installed(contestant.library):
            file = b"".join(contestant.encode(data))
            _check(picture, file, contestant)
            sizes.append(len(file))
            repeats.append(max(1, int(TURN_SECONDS / _seconds(contestant, data, 1))))
    turns: list[list[float]] = [[] for _ in contestants]
    for _ in range(rounds):
        for i, contestant in enumerate(contestants):
            with _installed(contestant.library):
                turns[i].append(_seconds(contestant, inputs[i], repeats[i]))
    return [
        Measured(picture, contestant.name, statistics.median(seconds), size)
        for contestant, seconds, size in zip(contestants, turns, sizes, strict=True)
    ]


def _seconds(contestant: Contestant, data: Any, repeats: int) -> float:
    before = time.process_time()
    for _ in range(repeats):
        contestant.encode(data)
    return (time.process_time() - before) / repeats


def _check(picture: Picture, file: bytes, contestant: Contestant) -> None:
    height, width, channels = picture.pixels.shape
    decoded = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded is not None
    shown: npt.NDArray[np.generic] = decoded.reshape(height, width, -1)
    shown = shown[:, :, _BGR[shown.shape[2]]]
    if shown.shape[2] != channels:  # compression="small" stores as few channels as possible
        with Image.open(io.BytesIO(file)) as image:
            mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels]
            shown = np.asarray(image.convert(mode)).reshape(height, width, channels)
    if not np.array_equal(shown, picture.pixels):
        sys.exit(f"{contestant.name} does not give {picture.name} back")


# --- tables ---

_GROUPS: dict[str, tuple[str, ...]] = {
    "photographs": ("photograph",),
    "masks, maps, drawings": ("mask", "map", "drawing", "depth"),
    "thumbnails": ("thumbnail",),
    "noise": ("noise",),
}


def _geometric_mean(values: Sequence[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, values)))


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *lines])


def summary(measured: Sequence[Measured]) -> str:
    """One line for each contestant: times faster than Pillow's default, and bytes against its."""
    yardstick = {m.picture.name: m for m in measured if m.contestant == YARDSTICK}
    lines = []
    for name in dict.fromkeys(m.contestant for m in measured):
        own = [m for m in measured if m.contestant == name]
        line = [name]
        for kinds in _GROUPS.values():
            group = [m for m in own if m.picture.kind in kinds]
            if not group:
                line += ["", "", ""]
                continue
            faster = [yardstick[m.picture.name].seconds / m.seconds for m in group]
            larger = [m.size / yardstick[m.picture.name].size for m in group]
            speed = [m.picture.pixels.nbytes / m.seconds / 1e6 for m in group]
            line.append(f"{_geometric_mean(faster):.1f}× ({_geometric_mean(speed):.0f})")
            line += [f"{_geometric_mean(larger):.3f}", f"{max(larger):.2f}"]
        lines.append(line)
    head = ["encoder"]
    for group_name in _GROUPS:
        head += [f"{group_name}: faster (MB/s)", "bytes", "worst"]
    return _table(head, lines)


def each(measured: Sequence[Measured], contestants: Sequence[str]) -> str:
    """One line for each picture: MB/s, times faster than Pillow's default, bytes against its."""
    yardstick = {m.picture.name: m for m in measured if m.contestant == YARDSTICK}
    lines = []
    for name, reference in yardstick.items():
        raw = reference.picture.pixels.nbytes
        line = [name, f"{raw / 1e3:.0f}", f"{raw / reference.seconds / 1e6:.0f}"]
        for contestant in contestants:
            own = next(m for m in measured if (m.picture.name, m.contestant) == (name, contestant))
            faster, larger = reference.seconds / own.seconds, own.size / reference.size
            line.append(f"{faster:.1f}× {larger:.3f}")
        lines.append(line)
    return _table(["picture", "kB", "Pillow, MB/s", *contestants], lines)


def beaten(measured: Sequence[Measured]) -> str:
    """Name the pictures of which another encoder makes a smaller file than tbimage, and sooner."""
    own = {m.picture.name: m for m in measured if m.contestant == "tbimage fast"}
    lines = [
        f"{m.contestant} beats tbimage fast at {m.picture.name}"
        for m in measured
        if not m.contestant.startswith("tbimage")
        and m.size < own[m.picture.name].size
        and m.seconds < own[m.picture.name].seconds
    ]
    return "\n".join(lines) or "No other encoder is both faster and smaller at any picture."


def two_cores(pictures: Sequence[Picture], rounds: int) -> str:
    """The gain of a second core, with two threads for the strips of large pictures.

    The first line is its gain for deflate alone, which is the greatest possible gain.
    """

    def by_two(parts: Sequence[Callable[[], T]], /) -> list[T]:
        return list(pool.map(lambda part: part(), parts))

    def line(name: str, work: Callable[[Run], object]) -> list[str]:
        turns: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds):
            for run, seconds in zip((run_serially, by_two), turns, strict=True):
                before = time.perf_counter()
                for _ in range(5):
                    work(run)
                seconds.append((time.perf_counter() - before) / 5)
        one, two = map(statistics.median, turns)
        return [name, f"{1e3 * one:.1f}", f"{1e3 * two:.1f}", f"{one / two:.2f}×"]

    def deflate_alone(run: Run) -> object:
        return run([functools.partial(zlib.compress, bytes(1 << 20), 6)] * 8)

    lines = []
    with ThreadPoolExecutor(2) as pool:
        lines.append(line("zlib.compress", deflate_alone))
        for name, library in (("tbimage fast", "kernel"), ("tbimage fast, zlib", "zlib")):
            with _installed(library):
                for picture in pictures:
                    work = functools.partial(_encode_by, picture.pixels)
                    lines.append(line(f"{name}: {picture.name}", work))
    return _table(["two threads", "one, ms", "two, ms", "faster"], lines)


def _encode_by(pixels: Pixels, run: Run) -> object:
    return encode(pixels, run=run)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="pictures up to 0.5 MB, 3 rounds")
    parser.add_argument("--small", action="store_true", help="with Pillow's optimize and 'small'")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each contestant")
    options = parser.parse_args(arguments)
    rounds = 3 if options.quick else options.rounds
    pictures = [p for p in corpus() if not options.quick or p.pixels.nbytes < 500_000]
    contestants = CONTESTANTS + SMALL_CONTESTANTS * options.small
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if cores:
        os.sched_setaffinity(0, {max(cores)})
    measured = [m for picture in pictures for m in measure(picture, contestants, rounds)]
    names = [c.name for c in contestants if c.name.startswith("tbimage")]
    print(summary(measured), each(measured, names), beaten(measured), sep="\n\n")
    if len(cores) > 1:
        os.sched_setaffinity(0, cores)
        large = [p for p in pictures if p.pixels.nbytes > 1e6 and p.kind in ("photograph", "depth")]
        print("\n" + two_cores(large, rounds))


if __name__ == "__main__":
    main()
