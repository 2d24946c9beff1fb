"""The frames of a clip, made when they are asked for.

What lives here: one look for all frames, the speed of a clip, and what changes from one frame to
the next. What does not: how frames become a file (apng.py, gif.py), values to pictures
(rendering.py).

Rules:
- A range that is found in the data is found in the whole clip: a range for each frame would
  flicker.
- All frames have one form: where a pixel of any frame is not finite and painted in colour, all are
  in colour.
- Frames are made one by one and not kept, so that a clip of any length takes the memory of a few.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage.pixels.drawing.rendering import CONSTANT, Look, fixed_limits, joint_limits, render
from tbimage.pixels.values.pictures import Picture, with_channels
from tbimage.pixels.values.ranges import Limits

__all__ = ["Frames", "changed_area", "check_fps", "render_frames"]

Pixels = NDArray[Any]

#: Blink shows frames of 10 ms and less for 100 ms (ImageDecoder's durations), and screens show 60.
MOST_FPS = 60.0


@dataclass(frozen=True, slots=True)
class Frames:
    """A clip.

    Attributes:
        count: How many frames it has, 1 or more.
        frame: Makes the one of a number, from 0; any thread may call it. All have one shape and
            dtype.
    """

    count: int
    frame: Callable[[int], Picture]


def check_fps(fps: object) -> Fraction:
    """Check how many frames a second shows.

    Args:
        fps: 0.001 to 60; browsers slow down what is faster.

    Returns:
        The number, with a denominator of at most 1000.

    Raises:
        TypeError: It is no number.
        ValueError: It lies outside.

    Example:
        >>> check_fps(29.97)
        Fraction(2997, 100)
    """
    problem = f"fps must be a number from 0.001 to {MOST_FPS:g}, got {fps!r}"
    try:
        number = float(fps)  # type: ignore[arg-type]
        if isinstance(fps, (bool, str)):
            raise TypeError
    except (TypeError, ValueError):
        raise TypeError(problem) from None
    if not 0.001 <= number <= MOST_FPS:
        raise ValueError(problem)
    return Fraction(number).limit_denominator(1000)


def render_frames(values: Pixels, look: Look) -> Frames:
    """Make a clip of values.

    Args:
        values: ``(T, H, W, C)`` with 1 to 4 channels, of bool, any integer or any float dtype, one
            frame or more. It is kept, and only read.
        look: As ``check_look`` returns it, and ``check_fit`` has passed.

    Returns:
        The clip.

    Example:
        >>> frames = render_frames(np.zeros((5, 8, 8, 1)), Look(scale=2))
        >>> frames.count, frames.frame(4).pixels.shape
        (5, (16, 16, 1))
    """
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
    """The range of a whole clip."""
    colors = values[..., : values.shape[3] - (values.shape[3] in (2, 4))]
    if look.value_range is not None and look.value_range.kind == "percentile":
        return fixed_limits(colors.reshape(-1, *colors.shape[2:]), look)
    return joint_limits(colors, look)


def changed_area(before: Pixels, after: Pixels) -> tuple[slice, slice]:
    """Find the smallest rectangle that holds all pixels that differ.

    Args:
        before: ``(H, W)`` or ``(H, W, C)``.
        after: Of the same shape.

    Returns:
        Rows and columns; one pixel where nothing differs, since a frame cannot be empty.

    Example:
        >>> changed_area(np.zeros((8, 8)), np.eye(8))
        (slice(0, 8, None), slice(0, 8, None))
    """
    width = before.shape[1]
    differs = (before != after).reshape(len(before), -1)
    rows = np.flatnonzero(differs.any(axis=1))
    if not len(rows):
        return slice(0, 1), slice(0, 1)
    columns = np.flatnonzero(differs.any(axis=0)) // (differs.shape[1] // width)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
