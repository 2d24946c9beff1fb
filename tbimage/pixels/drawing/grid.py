"""Put several pictures on one sheet, in rows and columns.

Rules:
- A column is as wide as its widest picture, and a row is as high as its highest picture. Each
  picture is centred in its cell.
- :func:`plan` needs only the sizes of the pictures, so the size of a sheet is known before any
  picture is made.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage import checks
from tbimage.pixels.drawing.canvas import LETTERS, PAPER, blank, same_form
from tbimage.pixels.drawing.text_rendering import (
    LEAST_SIZE,
    check_text,
    lacking,
    line_height,
    size_for,
    text_width,
    wrap,
    write,
)
from tbimage.pixels.values.pictures import Color, Findings, Picture, as_picture, merge

Size = tuple[int, int]

#: The maximum number of lines of a title.
MOST_LINES = 2

# If a title is wider than its picture, the cell may be wider than the picture, up to this number
# times the size of the letters.
_LETTERS_ACROSS = 8

# The desired ratio of a sheet's width to its height. TensorBoard's cards have about this ratio.
_ASPECT = 1.4


@dataclass(frozen=True, slots=True)
class Plan:
    """The cells of pictures on a sheet."""

    height: int  # of the sheet, in pixels
    width: int  # of the sheet, in pixels
    # Top, left, height and width of the cell of each picture.
    cells: tuple[tuple[int, int, int, int], ...]


def check_titles(titles: Any, count: int) -> list[str]:
    """Check that there is one title per image."""
    checked = checks.items("titles", titles, "a list of strings, one for each image")
    if len(checked) != count:
        raise ValueError(
            f"titles must have one title for each of the {count} images, got {len(checked)}"
        )
    return [check_text("titles", title) for title in checked]


def enlarge(pixels: NDArray[Any], factor: int) -> NDArray[Any]:
    """Repeat each pixel, so that small pictures become visible.

    Args:
        pixels: ``(H, W, C)``, any dtype.
        factor: The number of copies of each pixel in each direction, 1 or more.

    Returns:
        ``(H * factor, W * factor, C)``; the same array if the factor is 1.

    Raises:
        TypeError: ``factor`` is not an integer.
        ValueError: ``factor`` is less than 1.

    Example:
        >>> enlarge(np.array([[[1], [2]]]), 2)[..., 0].tolist()
        [[1, 1, 2, 2], [1, 1, 2, 2]]
    """
    factor = checks.integer("factor", factor, 1)
    return pixels if factor == 1 else pixels.repeat(factor, axis=1).repeat(factor, axis=0)


def tile(images: NDArray[Any], columns: int) -> NDArray[Any]:
    """Put images ``(N, H, W, C)`` of one size on a sheet, row by row; empty places are black."""
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    sheet: NDArray[Any] = np.zeros((rows * columns, height, width, channels), images.dtype)
    sheet[:count] = images
    sheet = sheet.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return sheet.reshape(rows * height, columns * width, channels)


def plan(sizes: Sequence[Size], columns: int | None = None, padding: int = 2) -> Plan:
    """Return cells for pictures of ``sizes`` (height, width), with padding around each cell."""
    columns = _count_columns(sizes, columns)
    starts = range(0, len(sizes), columns)
    heights = [max(height for height, _ in sizes[start : start + columns]) for start in starts]
    widths = [max(width for _, width in sizes[column::columns]) for column in range(columns)]
    tops, lefts = (
        list(itertools.accumulate(sides, lambda edge, side: edge + side + padding, initial=padding))
        for sides in (heights, widths)
    )
    cells = [
        (tops[row], lefts[column], heights[row], widths[column])
        for row, column in (divmod(number, columns) for number in range(len(sizes)))
    ]
    return Plan(tops[-1], lefts[-1], tuple(cells))


def _count_columns(sizes: Sequence[Size], columns: int | None) -> int:
    if columns is None:
        height, width = (sum(sides) for sides in zip(*sizes, strict=True))
        columns = round(math.sqrt(_ASPECT * len(sizes) * height / width))
    return min(max(columns, 1), len(sizes))


def grid(
    images: Sequence[object],
    *,
    columns: int | None = None,
    padding: int = 2,
    background: Color = PAPER,
    titles: Sequence[str] | None = None,
    size: int | None = None,
) -> Picture:
    """Put pictures on one sheet, in rows.

    Args:
        images: One or more pictures or arrays of any sizes, as in ``caption``.
        columns: The number of columns; default: chosen to make the sheet a little wider than high.
        padding: Pixels between pictures, and around them.
        background: The colour of the sheet: red, green and blue in 0..255.
        titles: A title for each picture, below the picture, in up to two lines.
        size: The size of the titles' letters in pixels. The default is 12 or more, depending on
            the sizes of the sheet and the pictures.

    Returns:
        The sheet. It is in colour if a picture or the background is in colour. It has alpha if a
        picture has alpha. It is 16 bits deep if a picture is 16 bits deep.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: There are no images, an array is not one image, or the number of titles differs
            from the number of images.

    Example:
        >>> grid([np.zeros((8, 8)), np.zeros((4, 6))], columns=2).pixels.shape
        (12, 20, 1)
    """
    pictures = [as_picture(image) for image in checks.items("images", images, "a list of images")]
    if not pictures:
        raise ValueError("images must have one image or more, got none")
    columns = checks.integer("columns", columns, 1, optional=True)
    padding = checks.integer("padding", padding, 0)
    background = checks.color("background", background)
    size = checks.integer("size", size, 1, optional=True)
    names = [""] * len(pictures) if titles is None else check_titles(titles, len(pictures))
    pixels = same_form([picture.pixels for picture in pictures])
    if background[0] != background[1] or background[1] != background[2]:
        pixels = same_form([*pixels, np.zeros((1, 1, 3), np.uint8)])[:-1]
    shapes = [each.shape[:2] for each in pixels]
    if size is None:
        size = _title_size(shapes, plan(shapes, columns, padding))
    sides = [
        (each.shape[0], max(each.shape[1], _title_width(name, size)))
        for each, name in zip(pixels, names, strict=True)
    ]
    columns = _count_columns(sides, columns)  # counted before titles make the cells higher
    lines = [
        wrap(name, size, cell[3], MOST_LINES)
        for name, cell in zip(names, plan(sides, columns, padding).cells, strict=True)
    ]
    strip = max(map(len, lines)) * line_height(size) if titles is not None else 0
    planned = plan([(height + strip, width) for height, width in sides], columns, padding)
    sheet = blank(planned.height, planned.width, pixels[0], background)
    ink = LETTERS if sum(background) > 3 * 127 else PAPER
    for each, name, (top, left, height, width) in zip(pixels, lines, planned.cells, strict=True):
        below = top + (height - strip - each.shape[0]) // 2 + each.shape[0]
        column = left + (width - each.shape[1]) // 2
        sheet[below - each.shape[0] : below, column : column + each.shape[1]] = each
        for number, line in enumerate(() if titles is None else name):
            start = max(left, min(column, left + width - text_width(line, size)))
            write(sheet, line, start, below + number * line_height(size), size, ink)
    found = Findings(lacking=lacking(names))
    return Picture(sheet, merge([*(picture.findings for picture in pictures), found]))


def _title_size(sizes: Sequence[Size], bare: Plan) -> int:
    """Return a readable letter size that is small compared with the pictures, if possible."""
    smallest = min(max(size) for size in sizes)
    return max(LEAST_SIZE, min(size_for(bare.height, bare.width), smallest // 4))


def _title_width(title: str, size: int) -> int:
    """Return the least width of the cell of a title."""
    return min(text_width(title, size), _LETTERS_ACROSS * size) if title else 0
