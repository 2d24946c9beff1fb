"""Encode a clip as an animated GIF file, with at most 256 colours.

The blocks are those of GIF89a (https://www.w3.org/Graphics/GIF/spec-gif89a.txt). Pillow makes the
LZW data.

Rules:
- The whole clip has one palette, so that the colours do not flicker, and each changed area can be
  encoded separately.
- Gray clips keep all their 8-bit levels. Clips of up to 256 colours (drawings, colour maps) keep
  all their colours.
- For other clips, Pillow's median cut finds the palette in a sample of pixels of up to 16 frames.
  Bayer's ordered dither is added to each pixel. It hides the steps between colours, and is the
  same in every frame. Then a table of all 15-bit colours gives the nearest colour of the palette.
"""

from __future__ import annotations

import functools
import io
import struct
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tbimage.buffers import Piece
from tbimage.pixels.blocks import BLOCK, distinct
from tbimage.pixels.clips.frames import EncodedClip, Frames, encode_changes
from tbimage.pixels.png import encoder
from tbimage.pixels.png.strips import Run
from tbimage.pixels.values.pictures import eight_bits

Image.preinit()  # otherwise Pillow imports modules for the first file, perhaps in a worker

Bytes = NDArray[np.uint8]

#: A delay is at least 2 hundredths of a second, because browsers replace 0 and 1 by 10.
MOST_FPS = 50

# GIF89a, section 18: sizes are two-byte integers.
_MOST_SIDE = 65535

# The size of the sample for the palette. Pillow's median cut takes up to 8 ms for it. With twelve
# times as many pixels, the colours of the palette are not nearer to the clip's colours.
_SAMPLED_PIXELS, _SAMPLED_FRAMES = 1 << 13, 16

# The sample of a frame follows the R2 sequence (M. Roberts, 2018), which covers frames of any shape
# evenly. Every n-th pixel would not be a good sample: if n is a multiple of the width, all sampled
# pixels are in one column.
_R2 = (0.7548776662466927, 0.5698402909980532)

# The matrix of Bayer's ordered dither, 8 × 8, with the values 0 to 63.
_PATTERN = np.zeros((1, 1), np.int16)
for _ in range(3):
    _PATTERN = np.block([[4 * _PATTERN, 4 * _PATTERN + 2], [4 * _PATTERN + 3, 4 * _PATTERN + 1]])
# The dither adds -8 to 8 levels. Neighbouring colours of a palette differ by about 20 levels.
_DITHER = ((_PATTERN - 31.5) / 4).round().astype(np.int16)

_TRAILER = b"\x3b"
_FOREVER = 0
# Each frame is drawn over the previous frame.
_DISPOSE_NONE = 1 << 2


def check_speed(fps: Fraction) -> None:
    """Raise a ValueError if browsers would show a GIF more slowly than ``fps``."""
    if fps > MOST_FPS:
        raise ValueError(
            f"format='gif' shows at most {MOST_FPS} frames a second, got fps={float(fps):g}: pass "
            "format='apng'"
        )


def check_alpha(channels: int) -> None:
    """Raise a ValueError for frames with alpha."""
    if channels in (2, 4):
        raise ValueError(
            f"format='gif' has no partial transparency, and frames have {channels} channels: "
            "pass format='apng', or frames[..., :-1]"
        )


def encode(frames: Frames, fps: Fraction, run: Run = encoder.run_serially) -> EncodedClip:
    """Encode a gray or RGB clip that loops. 16-bit levels lose their low byte.

    ``fps`` is a result of ``check_fps``. Each delay is a whole number of hundredths of a second.
    The rounding errors do not add up, because the end times of the frames are rounded.
    """
    first = eight_bits(frames.frame(0).pixels)
    height, width, channels = first.shape
    check_alpha(channels)
    if max(height, width) > _MOST_SIDE:
        raise ValueError(
            f"format='gif' allows at most {_MOST_SIDE} pixels in each direction, got "
            f"{height}x{width}: pass format='apng' or max_side={_MOST_SIDE}"
        )
    palette, index = _choose_colors(frames, first)
    encoded, findings = encode_changes(
        frames, lambda pixels: index(eight_bits(pixels)), _image_block, run
    )
    pieces: list[Piece] = [
        # 0xF7, 0, 0 mean: a palette of 256 colours of 8 bits; background 0; square pixels.
        b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF7, 0, 0) + palette.tobytes(),
        b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", _FOREVER) + b"\x00",
    ]
    for number, image in enumerate(encoded):
        delay = round(100 * (number + 1) / fps) - round(100 * number / fps)
        pieces.append(b"\x21\xf9\x04" + struct.pack("<BHBB", _DISPOSE_NONE, delay, 0, 0))
        pieces.append(image)
    pieces.append(_TRAILER)
    return EncodedClip(pieces, height, width, channels, findings)


def _image_block(area: Bytes, top: int, left: int) -> bytes:
    """Return the image descriptor and the LZW data for an area of palette indices."""
    area = np.ascontiguousarray(area)
    height, width = area.shape
    image = Image.frombuffer("P", (width, height), area, "raw", "P", 0, 1)
    image.putpalette(bytes(768))
    file = io.BytesIO()
    image.save(file, "GIF", interlace=False, optimize=False)
    data = file.getvalue()
    descriptor = struct.pack("<BHHHHB", 0x2C, left, top, width, height, 0)
    return descriptor + data[_lzw_start(data) : -1]


def _lzw_start(data: bytes) -> int:
    """Return the position of the LZW data in a GIF of one image."""
    position = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    while data[position] == 0x21:  # an extension: a label, blocks with their sizes, and a 0
        position += 2
        while data[position]:
            position += 1 + data[position]
        position += 1
    local = data[position + 9]
    return position + 10 + (3 << (local & 7) + 1 if local & 0x80 else 0)


# --- colours --------------------------------------------------------------------------------------


def _choose_colors(frames: Frames, first: Bytes) -> tuple[Bytes, Callable[[Bytes], Bytes]]:
    """Return a palette of 256 colours, and the function that converts pixels to its indices."""
    if first.shape[2] == 1:
        return np.arange(256, dtype=np.uint8).repeat(3), lambda pixels: pixels[..., 0]
    exact = None
    if len(distinct(_packed(first[::5, ::5]))) <= 256:
        exact = _few_colors(frames.frame(number).pixels for number in range(frames.count))
    if exact is not None:
        return exact[0], functools.partial(_exact_indices, exact[1])
    palette = _median_cut(_sample(frames, *first.shape[:2]))
    return palette, functools.partial(_nearest_indices, _nearest_table(palette))


def _sample(frames: Frames, height: int, width: int) -> Bytes:
    """Return about ``_SAMPLED_PIXELS`` pixels ``(N, 3)`` from up to 16 frames."""
    if frames.count <= _SAMPLED_FRAMES:
        numbers = list(range(frames.count))
    else:  # pairs of adjacent frames: a clip may alternate between two pictures
        starts = np.linspace(0, frames.count - 2, _SAMPLED_FRAMES // 2).round().astype(int)
        numbers = distinct(np.append(starts, starts + 1)).tolist()
    each = -(-_SAMPLED_PIXELS // len(numbers))
    sample = []
    for place, number in enumerate(numbers):
        pixels = eight_bits(frames.frame(number).pixels)
        if each < height * width:
            points = np.arange(each)[:, np.newaxis] * len(numbers) + place
            rows, columns = (points * _R2 % 1 * (height, width)).astype(np.intp).T
            pixels = pixels[rows, columns]
        sample.append(pixels.reshape(-1, 3))
    return np.concatenate(sample)


def _packed(pixels: Bytes) -> NDArray[np.uint32]:
    """Return colours as numbers of 24 bits."""
    packed = pixels[..., 0].astype(np.uint32)
    for channel in (1, 2):
        packed <<= 8
        packed |= pixels[..., channel]
    return packed


def _few_colors(pictures: Iterable[NDArray[Any]]) -> tuple[Bytes, Bytes] | None:
    """Return a palette and the index of each 24-bit colour, or None for more than 256 colours."""
    seen = np.zeros(1 << 24, bool)
    colors = np.empty(0, np.intp)
    for picture in pictures:
        seen[_packed(eight_bits(picture))] = True
        colors = np.flatnonzero(seen)
        if len(colors) > 256:
            return None
    table = np.zeros(1 << 24, np.uint8)
    table[colors] = np.arange(len(colors))
    palette = np.zeros((256, 3), np.uint8)
    for channel in range(3):
        palette[: len(colors), channel] = colors >> 8 * (2 - channel) & 0xFF
    return palette, table


def _exact_indices(table: Bytes, pixels: Bytes) -> Bytes:
    return table.take(_packed(pixels))


def _median_cut(sample: Bytes) -> Bytes:
    flat = np.ascontiguousarray(sample)
    image = Image.frombuffer("RGB", (len(flat), 1), flat, "raw", "RGB", 0, 1)
    found = image.quantize(256, Image.Quantize.MEDIANCUT).getpalette() or []
    colors = np.array(found[:768], np.uint8)
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(colors) // 3] = colors.reshape(-1, 3)
    return palette


def _nearest_table(palette: Bytes) -> Bytes:
    """Return the index of the nearest palette colour for each 15-bit colour, red in high bits."""
    steps = np.arange(32, dtype=np.float32) * 8 + 3.5
    colors = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    chosen = palette.astype(np.float32)
    squares, doubled = (chosen**2).sum(axis=1), 2 * chosen.T
    nearest = np.empty(len(colors), np.uint8)
    for start in range(0, len(colors), 256):  # the distances of 256 colours fit into the cache
        some = slice(start, start + 256)
        nearest[some] = (squares - colors[some] @ doubled).argmin(axis=1)
    return nearest


def _nearest_indices(table: Bytes, pixels: Bytes) -> Bytes:
    height, width = pixels.shape[:2]
    indices = np.empty((height, width), np.uint8)
    step = 8 * max(1, BLOCK // (8 * width))  # whole patterns that fit into the cache
    pattern = np.tile(_DITHER, (step // 8, -(-width // 8)))[:, :width]
    for top in range(0, height, step):
        rows = slice(top, min(top + step, height))
        dither = pattern[: rows.stop - top]
        keys = np.zeros(dither.shape, np.int16)
        for channel in range(3):  # one by one, because NumPy is slow with a stride of 3
            level = pixels[rows, :, channel] + dither
            np.minimum(np.maximum(level, 0, out=level), 255, out=level)
            level >>= 3
            keys <<= 5
            keys |= level
        table.take(keys, out=indices[rows], mode="clip")
    return indices
