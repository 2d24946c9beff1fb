"""Draw a legend below a picture: the name of each colour."""

from __future__ import annotations

from collections.abc import Sequence

from tbimage import checks
from tbimage.pixels.drawing.canvas import LETTERS, QUIET, framed
from tbimage.pixels.drawing.text_rendering import (
    check_text,
    lacking,
    line_height,
    size_for,
    text_width,
    write,
)
from tbimage.pixels.values.pictures import Color, Picture, as_picture, ink, with_channels

#: The maximum number of entries in a legend. If entries are omitted, one more entry gives their
#: number.
MOST_ENTRIES = 64

# The greatest number of letters of a name.
_MOST_LETTERS = 40


def legend(image: object, entries: Sequence[tuple[str, Color]], size: int | None = None) -> Picture:
    """Put a legend of colours below a picture.

    Args:
        image: A Picture or an array ``(H, W)`` or ``(H, W, C)`` with 1 to 4 channels, of any dtype.
        entries: Pairs of a name and a colour. A colour is (red, green, blue) in 0..255. The first
            64 entries are shown.
        size: The size of the letters in pixels; default: 12 or more, depending on the size of the
            picture.

    Returns:
        The picture in colour, with a strip below. It is wider than before if a name needs more
        space. If there are no entries, the picture is unchanged.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A shape or another value does not fit.

    Example:
        >>> legend([[0, 1], [2, 3]], [("sky", (0, 0, 255))]).pixels.shape[2]
        3
    """
    picture = as_picture(image)
    entries = checks.items("entries", entries, "pairs of a name and a colour")
    if not entries:
        return picture
    pixels = with_channels(picture.pixels, 3)
    height, width = pixels.shape[:2]
    size = checks.integer("size", size, 1, optional=True) or size_for(height, width)
    margin, step = size // 3 + 1, line_height(size)
    shown = [_check_entry(entry) for entry in entries[:MOST_ENTRIES]]
    if len(entries) > len(shown):
        shown.append((f"and {len(entries) - len(shown)} more", QUIET))
    advances = [size + margin + text_width(name, size) + margin for name, _ in shown]
    across = max(width, max(advances) + margin)
    places = _places(advances, across - margin)
    rows = places[-1][0] + 1
    left = (across - width) // 2
    sheet = framed(pixels, rows * step + 2 * margin, left, across - width - left)
    for (name, color), (row, column) in zip(shown, places, strict=True):
        top, start = height + margin + row * step, margin + column
        edge = top + (step - size) // 2
        sheet[edge : edge + size, start : start + size] = ink(color, sheet)
        write(sheet, name, start + size + margin // 2, top, size, LETTERS)
    return picture.but(sheet, lacking=lacking(name for name, _ in shown))


def _check_entry(entry: object) -> tuple[str, Color]:
    parts = checks.items("entries", entry, "pairs of a name and a colour")
    if len(parts) != 2:
        raise TypeError(f"entries must be pairs of a name and a colour, got {checks.given(entry)}")
    return check_text("entries", parts[0])[:_MOST_LETTERS], checks.color("entries", parts[1])


def _places(advances: Sequence[int], across: int) -> list[tuple[int, int]]:
    """Arrange entries in rows of width ``across``; return the row and left edge of each entry."""
    places, row, column = [], 0, 0
    for advance in advances:
        if column and column + advance > across:
            row, column = row + 1, 0
        places.append((row, column))
        column += advance
    return places
