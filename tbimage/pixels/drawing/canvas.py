"""The paper that pictures, text and keys are put together on.

What lives here: its colours, blank sheets of it, and pictures of one form. What does not: where
things stand on it (captions.py, tiling.py, legend.py, colorbar.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage.pixels.values.pictures import Color, ink, with_channels

__all__ = ["LETTERS", "PAPER", "QUIET", "blank", "framed", "same_form"]

Pixels = NDArray[Any]

#: White, as TensorBoard's cards are, so that strips look like a part of the page.
PAPER: Color = (255, 255, 255)
#: The text of TensorBoard's page.
LETTERS: Color = (33, 33, 33)
#: Lines and remarks that should not be seen first.
QUIET: Color = (158, 158, 158)


def framed(pixels: Pixels, below: int = 0, left: int = 0, right: int = 0, above: int = 0) -> Pixels:
    """Put a picture on a larger sheet of paper, and write to each pixel only once.

    Args:
        pixels: ``(H, W, C)``, uint8 or uint16.
        below: Rows of paper below it.
        left: Columns of paper to its left.
        right: Columns of paper to its right.
        above: Rows of paper above it.

    Returns:
        The sheet, of the same channels and depth.

    Example:
        >>> framed(np.zeros((1, 1, 1), np.uint8), below=1, left=1)[..., 0].tolist()
        [[255, 0], [255, 255]]
    """
    height, width, channels = pixels.shape
    sheet = np.empty((above + height + below, left + width + right, channels), pixels.dtype)
    rows, after = slice(above, above + height), left + width
    for part in (sheet[:above], sheet[above + height :], sheet[rows, :left], sheet[rows, after:]):
        part.fill(np.iinfo(pixels.dtype).max)  # white and opaque in any form
    sheet[rows, left : left + width] = pixels
    return sheet


def blank(height: int, width: int, like: Pixels, color: Color = PAPER) -> Pixels:
    """Make a sheet.

    Args:
        height: In pixels.
        width: In pixels.
        like: ``(H, W, C)``, whose channels and depth the sheet gets.
        color: Red, green and blue in 0..255.

    Returns:
        ``(height, width, C)``, opaque.

    Example:
        >>> blank(1, 2, np.zeros((8, 8, 2), np.uint8)).tolist()
        [[[255, 255], [255, 255]]]
    """
    sheet = np.empty((height, width, like.shape[2]), like.dtype)
    paint = ink(color, like)
    if (paint == paint[0]).all():
        sheet.fill(paint[0])  # five times as fast as what follows
    else:
        sheet[...] = paint
    return sheet


def same_form(pictures: Sequence[Pixels]) -> list[Pixels]:
    """Give pictures the channels and the depth that all of them can be stated in.

    Args:
        pictures: Each ``(H, W, C)``, uint8 or uint16, one or more.

    Returns:
        The same pictures: RGB if one has colours, with alpha if one has alpha, 16 bits deep if one
        is. What has that form already is not copied.

    Example:
        >>> gray, color = np.zeros((1, 1, 1), np.uint8), np.zeros((1, 1, 3), np.uint16)
        >>> [(p.shape, str(p.dtype)) for p in same_form([gray, color])]
        [((1, 1, 3), 'uint16'), ((1, 1, 3), 'uint16')]
    """
    counts = {picture.shape[2] for picture in pictures}
    channels = (3 if counts & {3, 4} else 1) + bool(counts & {2, 4})
    deep = any(picture.dtype == np.uint16 for picture in pictures)
    return [_deepened(with_channels(picture, channels), deep) for picture in pictures]


def _deepened(pixels: Pixels, deep: bool) -> Pixels:
    if not deep or pixels.dtype == np.uint16:
        return pixels
    deepened: Pixels = pixels.astype(np.uint16) * np.uint16(257)
    return deepened
