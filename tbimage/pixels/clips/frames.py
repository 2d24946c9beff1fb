"""Make the frames of a clip when they are needed, and encode only their changed areas.

Rules:
- A value range that depends on the data is computed from the whole clip. With a range for each
  frame, the clip would flicker.
- All frames have the same channels. If ``nan_color`` is not a gray, and at least one pixel of the
  clip is not finite, all frames are in colour.
- Frames are not kept after they are encoded, so memory does not grow with the clip's length.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tbimage import checks
from tbimage.buffers import Piece
from tbimage.pixels.arrays.layouts import without_alpha
from tbimage.pixels.drawing.rendering import CONSTANT, Look, fixed_limits, joint_limits, render
from tbimage.pixels.png.strips import Run
from tbimage.pixels.values.pictures import Findings, Picture, merge, with_channels
from tbimage.pixels.values.ranges import Limits

Pixels = NDArray[Any]
Encoded = TypeVar("Encoded")

# The delay is then 50,000 hundredths of a second. In a GIF, it is at most 65,535 of them.
_LEAST_FPS = 0.002
#: The greatest number of frames per second. Most screens show 60. Blink, the engine of Chrome,
#: shows a frame for 100 ms if its duration is 10 ms or less (see Blink's ImageDecoder).
MOST_FPS = 60.0

#: The number of frames that one call encodes. To find changes, a call also makes the frame before.
FRAMES_OF_A_CALL = 8


@dataclass(frozen=True, slots=True)
class Frames:
    """A clip."""

    count: int  # the number of frames, 1 or more
    # A function that makes the frame with a number, from 0. Any thread may call it. All frames have
    # the same shape and dtype.
    frame: Callable[[int], Picture]


@dataclass(frozen=True, slots=True)
class EncodedClip:
    """A file of several frames."""

    pieces: list[Piece]  # the parts of the file, in order
    height: int  # in pixels
    width: int  # in pixels
    channels: int  # 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA
    findings: Findings  # the findings about the data of the frames


def check_fps(fps: object) -> Fraction:
    """Check frames per second; return a fraction with a denominator of at most 1000."""
    return Fraction(checks.number("fps", fps, _LEAST_FPS, MOST_FPS)).limit_denominator(1000)


def render_frames(values: Pixels, look: Look) -> Frames:
    """Make a clip of values ``(T, H, W, C)``. Do not change the values while the clip is used."""
    limits = None if look.value_range is None else _limits(values, look)
    constant = limits is not None and limits[0] == limits[1]
    gray = values.shape[3] <= 2 and look.colormap is None and len(set(look.nan_color)) > 1
    colored = gray and not all(np.isfinite(frame).all() for frame in values)

    def frame(number: int) -> Picture:
        picture = render(values[number], look, limits)
        pixels = with_channels(picture.pixels, 3) if colored else picture.pixels
        return picture.but(pixels, {CONSTANT: int(constant and number == 0)})

    return Frames(len(values), frame)


def _limits(values: Pixels, look: Look) -> Limits | None:
    """Return the range of a whole clip."""
    colors = without_alpha(values)
    if look.value_range is not None and look.value_range.kind == "percentile":
        return fixed_limits(colors.reshape(-1, *colors.shape[2:]), look)
    return joint_limits(colors, look)


def changed_area(before: Pixels, after: Pixels) -> tuple[slice, slice]:
    """Find the smallest rectangle with all pixels that differ; one pixel if no pixel differs."""
    width = before.shape[1]
    differs = (before != after).reshape(len(before), -1)
    rows = np.flatnonzero(differs.any(axis=1))
    if not len(rows):
        return slice(0, 1), slice(0, 1)
    columns = np.flatnonzero(differs.any(axis=0)) // (differs.shape[1] // width)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def encode_changes(
    frames: Frames,
    prepare: Callable[[Pixels], Pixels],
    encode: Callable[[Pixels, int, int], Encoded],
    run: Run,
) -> tuple[list[Encoded], Findings]:
    """Encode the first frame as a whole, and the changed area of each later frame.

    ``prepare`` converts the pixels of a frame, and the converted frames are compared. ``encode``
    gets the changed area of a frame, and the top row and the left column of this area. ``run``
    calls functions, perhaps in parallel. Each function encodes ``FRAMES_OF_A_CALL`` frames.
    """
    starts = range(0, frames.count, FRAMES_OF_A_CALL)
    parts = [functools.partial(_encode_some, frames, prepare, encode, start) for start in starts]
    encoded = [frame for some in run(parts) for frame in some]
    return [each for each, _ in encoded], merge(found for _, found in encoded)


def _encode_some(
    frames: Frames,
    prepare: Callable[[Pixels], Pixels],
    encode: Callable[[Pixels, int, int], Encoded],
    start: int,
) -> list[tuple[Encoded, Findings]]:
    before = prepare(frames.frame(start - 1).pixels) if start else None
    encoded = []
    for number in range(start, min(start + FRAMES_OF_A_CALL, frames.count)):
        picture = frames.frame(number)
        pixels = prepare(picture.pixels)
        if before is None:
            area, top, left = pixels, 0, 0
        else:
            rows, columns = changed_area(before, pixels)
            area, top, left = pixels[rows, columns], rows.start, columns.start
        encoded.append((encode(area, top, left), picture.findings))
        before = pixels
    return encoded
