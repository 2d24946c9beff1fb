"""Small images for properties: all dtypes and channel counts, in all kinds of memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

Array = np.ndarray[Any, np.dtype[Any]]

FLOATS = ["float16", "float32", "float64"]
INTEGERS = ["int8", "int16", "uint32", "int32", "uint64", "int64"]
EVERY_DTYPE = ["bool", "uint8", "uint16", *INTEGERS, *FLOATS]


def big_endian(image: Array) -> Array:
    return image.astype(image.dtype.newbyteorder(">"))


def every_second(image: Array) -> Array:
    spread = np.zeros((2 * image.shape[0], 3 * image.shape[1], image.shape[2]), image.dtype)
    spread[::2, ::3] = image
    return spread[::2, ::3]


def read_only(image: Array) -> Array:
    image = image.copy()
    image.flags.writeable = False
    return image


def unaligned(image: Array) -> Array:
    memory = np.zeros(image.nbytes + 1, np.uint8)
    shifted: Array = memory[1:].view(image.dtype).reshape(image.shape)
    shifted[...] = image
    return shifted


#: The same numbers in other memory.
MEMORIES: dict[str, Callable[[Array], Array]] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "planes": lambda image: image.transpose(2, 0, 1).copy().transpose(1, 2, 0),
    "columns first": lambda image: image.transpose(1, 0, 2).copy().transpose(1, 0, 2),
    "every second": every_second,
    "backwards": lambda image: image[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1],
    "crop": lambda image: np.pad(image, ((1, 2), (3, 1), (0, 0)))[1:-2, 3:-1],
    "some channels": lambda image: np.pad(image, ((0, 0), (0, 0), (1, 1)))[..., 1:-1],
    "big-endian": big_endian,
    "big-endian planes": lambda image: big_endian(image.transpose(2, 0, 1)).transpose(1, 2, 0),
    "read-only": read_only,
    "unaligned": unaligned,
}


@st.composite
def images(draw: st.DrawFn, dtypes: list[str], low: float = -1, high: float = 2) -> Array:
    """Small images of all channel counts, in any memory; floats are mostly near [low, high]."""
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    shape = (draw(st.integers(1, 5)), draw(st.integers(1, 5)), draw(st.integers(1, 4)))
    elements = None
    if dtype.kind == "f":
        widths: dict[int, Literal[16, 32, 64]] = {2: 16, 4: 32, 8: 64}
        width = widths[dtype.itemsize]
        elements = st.one_of(
            st.floats(low, high, width=width),
            st.floats(width=width),
            st.sampled_from([0.0, -0.0, 1.0, 0.5, math.nan, math.inf, -math.inf]),
        )
    image = draw(hnp.arrays(dtype, shape, elements=elements, fill=st.nothing()))
    memory = draw(st.sampled_from(sorted(MEMORIES)))
    return MEMORIES[memory](image)


def default_level(value: Any) -> int:
    """The rule of floats without a range, by scalars of the value's own dtype."""
    with np.errstate(over="ignore"):
        product = float(type(value)(255.5) * value)
    return int(min(max(product, 0.0), 255.0))


def is_finite(image: Array) -> Array:
    """(H, W): whether all channels of a pixel are finite."""
    finite: Array = np.all(np.isfinite(image.astype(np.float64)), axis=-1)
    return finite
