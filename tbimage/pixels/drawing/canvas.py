"""Make sheets for pictures and text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage.pixels.values.pictures import Color, ink, with_channels

Pixels = NDArray[Any]

#: White, like TensorBoard's cards.
PAPER: Color = (255, 255, 255)
#: The colour of text in TensorBoard.
LETTERS: Color = (33, 33, 33)
#: The colour of less important lines and remarks.
QUIET: Color = (158, 158, 158)


def framed(pixels: Pixels, below: int = 0, left: int = 0, right: int = 0, above: int = 0) -> Pixels:
    """Put a picture on a larger white sheet; each pixel of the sheet is written only once."""
    height, width, channels = pixels.shape
    sheet = np.empty((above + height + below, left + width + right, channels), pixels.dtype)
    rows, after = slice(above, above + height), left + width
    for part in (sheet[:above], sheet[above + height :], sheet[rows, :left], sheet[rows, after:]):
        part.fill(np.iinfo(pixels.dtype).max)  # white and opaque for any number of channels
    sheet[rows, left : left + width] = pixels
    return sheet


def blank(height: int, width: int, like: Pixels, color: Color = PAPER) -> Pixels:
    """Return an opaque sheet with the channels and the depth of the picture ``like``."""
    sheet = np.empty((height, width, like.shape[2]), like.dtype)
    paint = ink(color, like)
    if (paint == paint[0]).all():
        sheet.fill(paint[0])  # five times as fast as a broadcast
    else:
        sheet[...] = paint
    return sheet


def same_form(pictures: Sequence[Pixels]) -> list[Pixels]:
    """Convert pictures to the same number of channels and the same depth, without loss.

    Channels and depth are as small as possible. Pictures are copied only if they must change.
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
