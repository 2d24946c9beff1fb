"""Reduce a picture to fewer channels, fewer bits or a palette, without loss.

The resulting forms are color types and bit depths of PNG, third edition, section 11.2.

Rules:
- Every form decodes to the same colours, but not to the same array. Programs that decode to RGB or
  RGBA see no difference. Programs that read the stored samples get indices if there is a palette.
  Therefore only ``compression="small"`` uses these forms.
- A picture of 16 bits keeps its 16 bits. Only its number of channels may become smaller.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tbimage.pixels.blocks import distinct
from tbimage.pixels.png.rows import Pixels, Rows
from tbimage.pixels.scratch import Bytes

_COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
_PALETTE_COLOR_TYPE = 3
# Key: the bits of a gray sample. Value: the factor that turns the sample into an 8-bit level.
_GRAY_STEPS = {1: 255, 2: 85, 4: 17}
#: Colours are counted in blocks of this number of pixels. For a photograph, the count usually stops
#: after the first block, which has more than 256 colours.
COUNTED_PIXELS = 1 << 16


class Form(NamedTuple):
    """The samples of a file, and their description in the header."""

    rows: Rows  # the samples, as bytes
    across: int  # width of the picture in pixels
    bit_depth: int  # bits of one sample: 1, 2, 4, 8 or 16
    color_type: int  # 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGBA
    channels: int  # number of channels of the decoded picture: 1 to 4
    palette: bytes = b""  # red, green and blue of each index, or empty
    transparency: bytes = b""  # alpha of the first indices, or empty; the other indices are opaque


def full_form(pixels: Pixels) -> Form:
    """Return the form that keeps all channels and bits."""
    _, across, channels = pixels.shape
    return Form(Rows(pixels), across, 8 * pixels.itemsize, _COLOR_TYPES[channels], channels)


def forms(pixels: Pixels) -> list[Form]:
    """Return one or two forms with as few channels as possible; the second one has fewer bits.

    The caller encodes both forms to find the smaller file.
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
    return pixels[:, :, ::3]  # gray, and alpha if there is any


def _as_integers(pixels: Pixels) -> npt.NDArray[np.uint32]:
    """Return each pixel's colour as one number: red (the highest byte), green, blue, alpha."""
    wide = np.zeros((*pixels.shape[:2], 4), np.uint8)
    color = pixels[:, :, : (1 if pixels.shape[2] < 3 else 3)]
    wide[:, :, :3] = color
    wide[:, :, 3] = 255 if pixels.shape[2] in (1, 3) else pixels[:, :, -1]
    return wide.view(">u4")[:, :, 0].astype(np.uint32)


def _few_colors(pixels: Pixels) -> npt.NDArray[np.uint32] | None:
    """Return the picture's colours in ascending order, or None if there are more than 256."""
    colors = np.empty(0, np.uint32)
    for top in range(0, len(pixels), _rows_at_once(pixels)):
        found = _as_integers(pixels[top : top + _rows_at_once(pixels)])
        colors = distinct(np.append(colors, distinct(found)))
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
    order = np.argsort(opaque, kind="stable")  # opaque colours last: their alpha is not stored
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
    """Pack the samples of each row into bytes, the first sample in the high bits."""
    for_each_byte = 8 // bits
    height, across = samples.shape
    packed = np.zeros((height, -(-across // for_each_byte), 1), np.uint8)
    for i in range(for_each_byte):
        taken = samples[:, i::for_each_byte]
        packed[:, : taken.shape[1], 0] |= taken << np.uint8(8 - bits * (i + 1))
    return Rows(packed)
