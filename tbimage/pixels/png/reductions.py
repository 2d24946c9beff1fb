"""Smaller ways to state the same picture: fewer channels, fewer bits, a palette.

What lives here: the forms that PNG gives a picture's samples (PNG, third edition, section 11.2) and
which of them lose nothing. What does not: which form deflates best (smallest.py).

Rules:
- Every form decodes to the same colours, not to the same array: a reader that asks for RGB or RGBA
  sees no difference, one that takes the samples as they are stored gets indices where there is a
  palette. Hence ``compression="small"`` alone uses them.
- A picture of 16 bits keeps 16 bits: only its channels may become fewer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tbimage.pixels.png.rows import Pixels, Rows
from tbimage.pixels.scratch import Bytes

_COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
_PALETTE_COLOR_TYPE = 3
# bits → what a gray sample of so many bits is multiplied by to give 8 bits
_GRAY_STEPS = {1: 255, 2: 85, 4: 17}
#: Colours are counted in so many pixels at a time, so that a photograph is given up at the first.
COUNTED_PIXELS = 1 << 16


class Form(NamedTuple):
    """What a file says of its samples.

    Attributes:
        rows: The samples, as bytes.
        across: Width of the picture in pixels.
        bit_depth: Bits of one sample: 1, 2, 4, 8 or 16.
        color_type: 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGBA.
        channels: Of the colours that come out: 1 to 4.
        palette: Red, green and blue of each index, or nothing.
        transparency: Alpha of the first indices, or nothing; the others are opaque.
    """

    rows: Rows
    across: int
    bit_depth: int
    color_type: int
    channels: int
    palette: bytes = b""
    transparency: bytes = b""


def full_form(pixels: Pixels) -> Form:
    """State a picture as it is.

    Args:
        pixels: ``(height, across, channels)`` uint8 or uint16.

    Example:
        >>> full_form(np.zeros((2, 3, 4), np.uint8))[1:5]
        (3, 8, 6, 4)
    """
    _, across, channels = pixels.shape
    return Form(Rows(pixels), across, 8 * pixels.itemsize, _COLOR_TYPES[channels], channels)


def forms(pixels: Pixels) -> list[Form]:
    """State a picture with as few channels as it needs and, if it can be, with fewer bits.

    Args:
        pixels: ``(height, across, channels)`` uint8 or uint16.

    Returns:
        One or two forms; which one deflates better is not known yet.

    Example:
        >>> chessboard = np.indices((8, 8)).sum(0).astype(np.uint8)[:, :, None] % 2 * 255
        >>> [form.bit_depth for form in forms(chessboard.repeat(3, axis=2))]
        [8, 1]
    """
    fewer = _without_gray_channels(_without_opaque_alpha(pixels))
    full = full_form(fewer)
    if fewer.itemsize > 1:
        return [full]
    colors = _few_colors(fewer)
    if colors is None:
        return [full]
    if fewer.shape[2] > 1:
        return [full, _palette_form(fewer, colors)]
    levels = colors >> 24
    for bits, step in _GRAY_STEPS.items():
        if not (levels % step).any():
            return [full, _gray_form(fewer, bits)]
    return [full, _palette_form(fewer, colors)] if len(colors) <= 16 else [full]


def _without_opaque_alpha(pixels: Pixels) -> Pixels:
    if pixels.shape[2] in (2, 4) and bool((pixels[:, :, -1] == np.iinfo(pixels.dtype).max).all()):
        return pixels[:, :, :-1]
    return pixels


def _without_gray_channels(pixels: Pixels) -> Pixels:
    if pixels.shape[2] < 3:
        return pixels
    red = pixels[:, :, 0]
    if not ((red == pixels[:, :, 1]).all() and (red == pixels[:, :, 2]).all()):
        return pixels
    return pixels[:, :, ::3]  # gray, and alpha where there is one


def _as_integers(pixels: Pixels) -> npt.NDArray[np.uint32]:
    """Each pixel's colour as one number: red, green, blue, alpha, from the highest byte down."""
    wide = np.zeros((*pixels.shape[:2], 4), np.uint8)
    color = pixels[:, :, : (1 if pixels.shape[2] < 3 else 3)]
    wide[:, :, :3] = color
    wide[:, :, 3] = 255 if pixels.shape[2] in (1, 3) else pixels[:, :, -1]
    return wide.view(">u4")[:, :, 0].astype(np.uint32)


def _few_colors(pixels: Pixels) -> npt.NDArray[np.uint32] | None:
    """The picture's colours in ascending order, or None if there are more than 256."""
    colors = np.empty(0, np.uint32)
    for top in range(0, len(pixels), _rows_at_once(pixels)):
        found = _as_integers(pixels[top : top + _rows_at_once(pixels)])
        colors = np.union1d(colors, found)
        if len(colors) > 256:
            return None
    return colors


def _rows_at_once(pixels: Pixels) -> int:
    across: int = pixels.shape[1]
    return max(1, COUNTED_PIXELS // across)


def _gray_form(pixels: Pixels, bits: int) -> Form:
    samples = pixels[:, :, 0] // np.uint8(_GRAY_STEPS[bits])
    return Form(_packed(samples, bits), pixels.shape[1], bits, 0, 1)


def _palette_form(pixels: Pixels, colors: npt.NDArray[np.uint32]) -> Form:
    opaque = (colors & 0xFF) == 0xFF
    order = np.argsort(opaque, kind="stable")  # opaque ones last: their alpha need not be stored
    rank = np.empty(len(colors), np.uint8)
    rank[order] = np.arange(len(colors))
    indices = np.empty(pixels.shape[:2], np.uint8)
    for top in range(0, len(pixels), _rows_at_once(pixels)):
        rows = slice(top, top + _rows_at_once(pixels))
        indices[rows] = rank[np.searchsorted(colors, _as_integers(pixels[rows]))]
    entries = colors[order].astype(">u4").view(np.uint8).reshape(-1, 4)
    transparency = entries[: np.count_nonzero(~opaque), 3].tobytes()
    bits = min(bits for bits in (1, 2, 4, 8) if len(colors) <= 1 << bits)
    return Form(
        _packed(indices, bits),
        pixels.shape[1],
        bits,
        _PALETTE_COLOR_TYPE,
        4 if transparency else 3,
        entries[:, :3].tobytes(),
        transparency,
    )


def _packed(samples: Bytes, bits: int) -> Rows:
    """Pack samples of so many bits, the first in the high bits, each row filled up to bytes."""
    for_each_byte = 8 // bits
    height, across = samples.shape
    packed = np.zeros((height, -(-across // for_each_byte), 1), np.uint8)
    for i in range(for_each_byte):
        taken = samples[:, i::for_each_byte]
        packed[:, : taken.shape[1], 0] |= taken << np.uint8(8 - bits * (i + 1))
    return Rows(packed)
