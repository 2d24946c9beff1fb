"""A clip to the bytes of an animated GIF file, of at most 256 colours.

What lives here: the choice of colours, and the blocks that make a GIF move (GIF89a,
https://www.w3.org/Graphics/GIF/spec-gif89a.txt). What does not: the LZW code, which is Pillow's,
clips without loss (apng.py), and where frames come from (frames.py).

Strategy: one palette for the whole clip, so that nothing flickers and each frame can be encoded by
itself, as far as the area that changed. Gray clips keep all their levels, and so do those of up to
256 colours (drawings, colour maps). For others Pillow's median cut finds the palette in a sample of
all frames; each colour becomes the nearest of the palette by way of a table of 15 bits, after a
pattern (Bayer's) was added that hides the steps and stands still while the clip moves.
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

from tbimage.buffers import Piece
from tbimage.pixels.blocks import BLOCK
from tbimage.pixels.clips.apng import EncodedClip
from tbimage.pixels.clips.frames import Frames, changed_area
from tbimage.pixels.png import encoder
from tbimage.pixels.values.pictures import Findings, merge

__all__ = ["MOST_FPS", "check_speed", "encode"]

Indices = NDArray[np.uint8]

#: Delays are hundredths of a second, and browsers take less than two for ten.
MOST_FPS = 50

#: Frames that are encoded one after the other; the one before them is made once more.
RUN_OF_FRAMES = 8

# Of which a palette is made: Pillow's median cut takes up to 8 ms for so many pixels. With twelve
# times as many the colours are no nearer.
_SAMPLED_PIXELS = 1 << 13

# Bayer's ordered dither, 8 by 8, as 0..63.
_PATTERN = np.zeros((1, 1), np.int16)
for _ in range(3):
    _PATTERN = np.block([[4 * _PATTERN, 4 * _PATTERN + 2], [4 * _PATTERN + 3, 4 * _PATTERN + 1]])
# From -8 to 8 levels: the distance of neighbours among 256 colours is about 20.
_DITHER = ((_PATTERN - 31.5) / 4).round().astype(np.int16)

_TRAILER = b"\x3b"
_FOREVER = 0
# Leave the frame as it is for the next one.
_DISPOSE_NONE = 1 << 2


def check_speed(fps: Fraction) -> None:
    """Check that a GIF can be as fast.

    Args:
        fps: Frames a second, as ``check_fps`` returns it.

    Raises:
        ValueError: Browsers would show it slower.

    Example:
        >>> check_speed(Fraction(25))
    """
    if fps > MOST_FPS:
        raise ValueError(
            f"format='gif' shows at most {MOST_FPS} frames a second, got fps={float(fps):g}: pass "
            "format='apng'"
        )


def encode(frames: Frames, fps: Fraction, run: encoder.Run = encoder.run_serially) -> EncodedClip:
    """Encode a clip that begins anew when it ends.

    Args:
        frames: The clip, gray or RGB; of 16 bits the high byte is taken.
        fps: Frames a second, as ``check_fps`` returns it. Each delay is rounded to hundredths of a
            second, so that their sum is right.
        run: Does runs of 8 frames, perhaps several at once.

    Returns:
        The file.

    Raises:
        ValueError: Frames have alpha, or a side of more than 65,535 pixels.

    Example:
        >>> from tbimage.pixels.values.pictures import Picture
        >>> clip = Frames(3, lambda number: Picture(np.full((4, 4, 1), number, np.uint8)))
        >>> b"".join(encode(clip, Fraction(4)).pieces)[:6]
        b'GIF89a'
    """
    first = _eight_bits(frames.frame(0).pixels)
    height, width, channels = first.shape
    if channels in (2, 4):
        raise ValueError("format='gif' has no partial transparency: pass format='apng'")
    if max(height, width) >= 1 << 16:
        raise ValueError(
            f"format='gif' holds at most 65535 pixels in each direction, got {height}x{width}: "
            "pass format='apng' or max_side=65535"
        )
    palette, index = _choose_colors(frames, first)
    starts = range(0, frames.count, RUN_OF_FRAMES)
    parts = [functools.partial(_encode_run, frames, index, start) for start in starts]
    encoded = [frame for some in run(parts) for frame in some]
    pieces: list[Piece] = [
        # a palette of 256 colours of 8 bits; background 0; square pixels
        b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF7, 0, 0) + palette.tobytes(),
        b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", _FOREVER) + b"\x00",
    ]
    for number, (image, _) in enumerate(encoded):
        delay = round(100 * (number + 1) / fps) - round(100 * number / fps)
        pieces.append(
            b"\x21\xf9\x04" + struct.pack("<BHBB", _DISPOSE_NONE, min(delay, 0xFFFF), 0, 0)
        )
        pieces.append(image)
    pieces.append(_TRAILER)
    findings = merge(found for _, found in encoded)
    return EncodedClip(pieces, height, width, 3 if channels == 3 else 1, findings)


def _encode_run(
    frames: Frames, index: Callable[[NDArray[Any]], Indices], start: int
) -> list[tuple[bytes, Findings]]:
    before = index(_eight_bits(frames.frame(start - 1).pixels)) if start else None
    encoded = []
    for number in range(start, min(start + RUN_OF_FRAMES, frames.count)):
        picture = frames.frame(number)
        indices = index(_eight_bits(picture.pixels))
        rows, columns = slice(0, indices.shape[0]), slice(0, indices.shape[1])
        if before is not None:
            rows, columns = changed_area(before, indices)
        encoded.append((_image_block(indices, rows, columns), picture.findings))
        before = indices
    return encoded


def _eight_bits(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    return (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels


def _image_block(indices: Indices, rows: slice, columns: slice) -> bytes:
    """An image descriptor and LZW data for an area of a frame."""
    from PIL import Image

    area = np.ascontiguousarray(indices[rows, columns])
    height, width = area.shape
    image = Image.frombuffer("P", (width, height), area, "raw", "P", 0, 1)
    image.putpalette(bytes(768))
    file = io.BytesIO()
    image.save(file, "GIF", interlace=False, optimize=False)
    data = file.getvalue()
    descriptor = struct.pack("<BHHHHB", 0x2C, columns.start, rows.start, width, height, 0)
    return descriptor + data[_lzw_start(data) : -1]


def _lzw_start(data: bytes) -> int:
    """Where the LZW data of a GIF of one image begin."""
    position = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    while data[position] == 0x21:  # extensions: label, then blocks with their sizes, then 0
        position += 2
        while data[position]:
            position += 1 + data[position]
        position += 1
    local = data[position + 9]
    return position + 10 + (3 << (local & 7) + 1 if local & 0x80 else 0)


# --- colours --------------------------------------------------------------------------------------


def _choose_colors(
    frames: Frames, first: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], Callable[[NDArray[Any]], Indices]]:
    """A palette, ``(256, 3)``, and the function from pixels to its indices."""
    if first.shape[2] == 1:
        return np.arange(256, dtype=np.uint8).repeat(3), lambda pixels: pixels[..., 0]
    exact = None
    if len(np.unique(_packed(first[::5, ::5]))) <= 256:
        exact = _few_colors(frames.frame(number).pixels for number in range(frames.count))
    if exact is not None:
        return exact[0], functools.partial(_exact_indices, exact[1])
    every = max(1, -(-first.shape[0] * first.shape[1] * min(frames.count, 16) // _SAMPLED_PIXELS))
    numbers = np.linspace(0, frames.count - 1, min(frames.count, 16)).round().astype(int).tolist()
    sample = np.concatenate(
        [_eight_bits(frames.frame(number).pixels).reshape(-1, 3)[::every] for number in numbers]
    )
    palette = _median_cut(sample)
    return palette, functools.partial(_nearest_indices, _nearest_table(palette))


def _packed(pixels: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Colours as numbers of 24 bits."""
    packed = pixels[..., 0].astype(np.uint32)
    for channel in (1, 2):
        packed <<= 8
        packed |= pixels[..., channel]
    return packed


def _few_colors(
    pictures: Iterable[NDArray[Any]],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
    """A palette of all colours, and the index of each of 24 bits; None if there are too many."""
    seen = np.zeros(1 << 24, bool)
    colors = np.empty(0, np.intp)
    for picture in pictures:
        seen[_packed(_eight_bits(picture))] = True
        colors = np.flatnonzero(seen)
        if len(colors) > 256:
            return None
    table = np.zeros(1 << 24, np.uint8)
    table[colors] = np.arange(len(colors))
    palette = np.zeros((256, 3), np.uint8)
    for channel in range(3):
        palette[: len(colors), channel] = colors >> 8 * (2 - channel) & 0xFF
    return palette, table


def _exact_indices(table: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> Indices:
    return table.take(_packed(pixels))


def _median_cut(sample: NDArray[np.uint8]) -> NDArray[np.uint8]:
    from PIL import Image

    flat = np.ascontiguousarray(sample)
    image = Image.frombuffer("RGB", (len(flat), 1), flat, "raw", "RGB", 0, 1)
    found = image.quantize(256, Image.Quantize.MEDIANCUT).getpalette() or []
    colors = np.array(found[:768], np.uint8)
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(colors) // 3] = colors.reshape(-1, 3)
    return palette


def _nearest_table(palette: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The nearest colour of a palette for each colour of 15 bits, red in the highest."""
    steps = np.arange(32, dtype=np.float32) * 8 + 3.5
    colors = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    chosen = palette.astype(np.float32)
    squares, doubled = (chosen**2).sum(axis=1), 2 * chosen.T
    nearest = np.empty(len(colors), np.uint8)
    for start in range(0, len(colors), 256):  # distances of 256 colours stay in the cache
        some = slice(start, start + 256)
        nearest[some] = (squares - colors[some] @ doubled).argmin(axis=1)
    return nearest


def _nearest_indices(table: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> Indices:
    height, width = pixels.shape[:2]
    indices = np.empty((height, width), np.uint8)
    step = 8 * max(1, BLOCK // (8 * width))  # whole patterns, while they are in the cache
    pattern = np.tile(_DITHER, (step // 8, -(-width // 8)))[:, :width]
    for top in range(0, height, step):
        rows = slice(top, min(top + step, height))
        dither = pattern[: rows.stop - top]
        keys = np.zeros(dither.shape, np.int16)
        for channel in range(3):  # by channel, as NumPy is slow on every third element
            level = pixels[rows, :, channel] + dither
            np.minimum(np.maximum(level, 0, out=level), 255, out=level)
            level >>= 3
            keys <<= 5
            keys |= level
        table.take(keys, out=indices[rows], mode="clip")
    return indices
