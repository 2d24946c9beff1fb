"""The pictures that are logged: three sizes of photographs, and one small batch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["BATCH", "COLUMNS", "GRAY_BATCH", "PHOTOS", "Array", "Column", "load", "save"]

Array = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Column:
    """What is logged with one call.

    Attributes:
        make: Makes the pixels, (N, H, W, C) uint8; one call logs all N.
        calls: How many calls fill one event file in a full run.
    """

    make: Callable[[], Array]
    calls: int


@functools.cache
def _photographs() -> dict[str, Any]:
    from benchmarks.corpus import corpus  # scikit-image, which the measured processes do not need

    return {picture.name: picture.pixels for picture in corpus(("photograph",))}


def _one(name: str) -> Callable[[], Array]:
    return lambda: np.array(_photographs()[name][None])


_SIX = ("astronaut", "chelsea", "coffee", "ihc", "motorcycle_left", "hubble_deep_field")


def _six_photographs() -> Array:
    """Six photographs of 640×640, mirrored at their borders, in two rows."""
    squares = []
    for name in _SIX:
        pixels = _photographs()[name]
        missing = [(0, max(640 - length, 0)) for length in pixels.shape[:2]]
        squares.append(np.pad(pixels, [*missing, (0, 0)], mode="symmetric")[:640, :640])
    rows = [np.concatenate(squares[:3], axis=1), np.concatenate(squares[3:], axis=1)]
    return np.concatenate(rows)[None]


def _sixteen_details() -> Array:
    """Four details of 64×64 of each of four photographs."""
    corners = [(0, 0), (64, 160), (160, 64), (192, 256)]
    details = [
        _photographs()[name][y : y + 64, x : x + 64] for name in _SIX[:4] for y, x in corners
    ]
    return np.stack(details)


BATCH = "16 × 64×64"
#: Gray, as feature maps are; logged by tbimage only, since torch and tensorboardX make it RGB.
GRAY_BATCH = "16 × 64×64, gray"
COLUMNS = {
    "427×640": Column(_one("rocket"), 24),
    "512×512": Column(_one("astronaut"), 16),
    "1280×1920": Column(_six_photographs, 6),
    BATCH: Column(_sixteen_details, 64),
    GRAY_BATCH: Column(lambda: _sixteen_details()[..., 1:2].copy(), 64),
    "1080×1920": Column(_one("mosaic_1080p"), 8),
}
#: The columns that are one photograph each, of those that every contestant logs.
PHOTOS = ("427×640", "512×512", "1280×1920")


def save(directory: Path) -> None:
    """Write every column's pixels to a directory, for ``load``."""
    for name, column in COLUMNS.items():
        np.save(directory / f"{name}.npy", column.make())


def load(directory: Path, name: str) -> Array:
    """A column's pixels: (N, H, W, C) uint8, in memory that may be written to."""
    pixels: Array = np.load(directory / f"{name}.npy")
    return pixels
