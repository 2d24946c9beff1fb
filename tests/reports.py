"""The results of tests/readers.py, as plain values that can be compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Tensor:
    """A tensor by value, so that two can be compared; `values` are row-major."""

    dtype: str
    shape: tuple[int, ...]
    values: tuple[Any, ...]

    def array(self) -> np.ndarray[Any, Any]:
        return np.array(self.values, dtype=self.dtype).reshape(self.shape)


@dataclass(frozen=True)
class Point:
    """One step of a series: a float, a `Tensor`, or the blobs, by the series' `data_class`."""

    step: int
    wall_time: float
    value: float | Tensor | tuple[bytes, ...]


@dataclass(frozen=True)
class Series:
    """The data of a loader about one tag of one run."""

    plugin: str
    data_class: str  # scalar, tensor or blob_sequence
    content: bytes
    display_name: str
    description: str
    points: tuple[Point, ...]

    @property
    def steps(self) -> list[int]:
        return [point.step for point in self.points]


@dataclass(frozen=True)
class Image:
    """One image, encoded; `width` and `height` are what was stored beside it."""

    step: int
    width: int
    height: int
    encoded: bytes


@dataclass(frozen=True)
class Pixels:
    """One image, decoded to [height, width, channels]."""

    step: int
    array: np.ndarray[Any, Any] = field(compare=False)


@dataclass(frozen=True)
class ServedImage:
    """One image as it comes over HTTP."""

    step: int
    sample: int
    content_type: str
    data: bytes


@dataclass(frozen=True)
class ServedSeries:
    """One tag of the image plugin as its routes describe it; `description` is HTML."""

    samples: int
    display_name: str
    description: str
    images: tuple[ServedImage, ...]
