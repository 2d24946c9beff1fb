"""Reads back the files of a contestant, and compares every pixel with the logged pictures.

Rules:
- tbimage reads the files and checks every checksum, and Pillow decodes the pictures.
- A contestant may store a batch as single images, as strings of one tensor (TensorFlow), or as one
  image with the batch as tiles (torch, tensorboardX).
"""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.columns import Array
from tbimage.reading.events import read_run

__all__ = ["Comparison", "compare"]


class Comparison(NamedTuple):
    """The number of equal pictures of an event file, and the differences."""

    equal: int
    faults: Sequence[str]


def compare(directory: Path, expected: Array) -> Comparison:
    """Compare the event files in a directory with the logged pictures.

    Args:
        directory: The run.
        expected: The pictures that each call logged, (N, H, W, C).
    """
    equal, faults = 0, []
    number = 0
    for number, tile in enumerate(_tiles(directory, *expected.shape[1:3]), start=1):
        if np.array_equal(tile, expected[(number - 1) % len(expected)]):
            equal += 1
        else:
            faults.append(f"picture {number} differs from what was logged")
    if number == 0 or number % len(expected):
        faults.append(f"{number} pictures were read back, {len(expected)} logged with each call")
    return Comparison(equal, faults)


def _tiles(directory: Path, height: int, width: int) -> Iterator[npt.NDArray[Any]]:
    """Cut every image into tiles of this size, row by row."""
    for encoded in _encoded_images(directory):
        pixels = _decode(encoded)
        for y in range(0, pixels.shape[0], height):
            for x in range(0, pixels.shape[1], width):
                yield pixels[y : y + height, x : x + width]


@functools.lru_cache(maxsize=32)  # calls log the same picture repeatedly
def _decode(encoded: bytes) -> npt.NDArray[Any]:
    with Image.open(io.BytesIO(encoded)) as image:
        return np.asarray(image).reshape(image.height, image.width, -1)


def _encoded_images(directory: Path) -> Iterator[bytes]:
    for event in read_run(directory):
        for value in event.summary.value:
            if value.HasField("image"):
                yield value.image.encoded_image_string
            elif value.HasField("tensor"):
                yield from value.tensor.string_val[2:]  # after width and height
