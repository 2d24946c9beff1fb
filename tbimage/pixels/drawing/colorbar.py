"""Draw a colour bar beside a picture, with the values of the colours."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tbimage import checks
from tbimage.pixels.drawing.canvas import LETTERS, framed
from tbimage.pixels.drawing.text_rendering import (
    line_height,
    number_text,
    size_for,
    text_width,
    write,
)
from tbimage.pixels.values.colormaps import table
from tbimage.pixels.values.pictures import Picture, as_picture, with_channels


def colorbar(
    image: object,
    values: Sequence[float],
    colormap: str | None = None,
    size: int | None = None,
) -> Picture:
    """Put a bar with numbers to the right of a picture.

    Args:
        image: A Picture or an array ``(H, W)`` or ``(H, W, C)`` with 1 to 4 channels, of any dtype.
        values: Two or more numbers. They are shown beside the bar at equal distances, the first at
            the bottom and the last at the top. If there is not enough space, some numbers between
            these two are omitted.
        colormap: The name of the colour map; None: a bar from black to white.
        size: The size of the letters in pixels; default: 12 or more, depending on the size of the
            picture.

    Returns:
        The picture with the bar. It is higher than before if the numbers need more space. It is in
        colour if ``colormap`` is given, or if the picture was in colour.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A shape or another value does not fit.

    Example:
        >>> barred = colorbar(np.zeros((64, 64)), [0, 0.5, 1], "viridis")
        >>> barred.pixels.shape[0], barred.pixels.shape[1] > 64
        (64, True)
    """
    picture = as_picture(image)
    values = [
        checks.number("values", value, -math.inf)
        for value in checks.items("values", values, "two numbers or more")
    ]
    if len(values) < 2:
        raise ValueError(f"values must be two numbers or more, got {len(values)}")
    pixels = with_channels(picture.pixels, 3) if colormap is not None else picture.pixels
    height, width = pixels.shape[:2]
    size = checks.integer("size", size, 1, optional=True) or size_for(height, width)
    step, gap = line_height(size), size // 2
    ladder = np.linspace(255, 0, max(height, 2 * step)).round().astype(np.uint8)
    if colormap is None:
        bar = ladder[:, np.newaxis, np.newaxis]
    else:
        bar = table(colormap)[ladder][:, np.newaxis]
    bar = with_channels(bar, pixels.shape[2])
    if pixels.dtype == np.uint16:
        bar = bar.astype(np.uint16) * np.uint16(257)
    shown = _with_room(len(values), len(bar), step)
    texts = [number_text(values[number]) for number in shown]
    thick = size + size // 4
    letters = width + gap + thick + gap // 2
    across = letters + max(text_width(text, size) for text in texts)
    top = (len(bar) - height) // 2
    sheet = framed(pixels, len(bar) - height - top, 0, across - width, top)
    sheet[:, width + gap : width + gap + thick] = bar
    for number, text in zip(shown, texts, strict=True):
        row = round((len(bar) - step) * (1 - number / (len(values) - 1)))
        write(sheet, text, letters, row, size, LETTERS)
    return picture.but(sheet)


def _with_room(count: int, height: int, step: int) -> Sequence[int]:
    """Return the indices of the numbers that fit beside a bar: all, or every n-th number.

    The first and the last number are always included.
    """
    for every in range(1, count):
        if (count - 1) % every == 0 and (count - 1) // every * step <= height - step:
            return range(0, count, every)
    return (0, count - 1)
