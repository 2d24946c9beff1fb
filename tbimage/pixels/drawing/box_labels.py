"""The tags of boxes: a label and a score on the colour of the box.

What lives here: how a tag looks, and where tags stand. What does not: what they say (boxes.py), and
letters (lettering.py).

Rules:
- A tag stands on top of its box; where it does not fit in there, or another tag stands there
  already, inside of it at the top, below it, or inside at the bottom. Where all of these are taken,
  it covers the other tag.
- Tags that are drawn later choose first, as they cover others: the highest scores.
- A tag never reaches out of the picture, unless it is larger than that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage.pixels.drawing.palette import readable_on
from tbimage.pixels.drawing.text_rendering import blend, coverage
from tbimage.pixels.values.pictures import Color

__all__ = ["make_tag", "paste_tags", "places_of_tags"]

Tag = Sequence[NDArray[np.uint8]]
Place = tuple[int, int, int]  # row, first column, column behind the last

# What is kept: labels of a word or two, and scores.
_KEPT_LETTERS = 16


def make_tag(texts: Sequence[str], size: int, color: Color) -> Tag:
    """Draw a tag.

    Args:
        texts: Its parts, which are kept apart: each comes again sooner than all of them together.
        size: Of the letters in pixels.
        color: Red, green and blue of the box, 0 to 255.

    Returns:
        The parts, ``(height, width, 3)`` each, of one height.

    Example:
        >>> [part.shape[0] for part in make_tag(["cat", " 0.93"], 12, (31, 119, 220))]
        [16, 16]
    """
    return [
        _kept(text, size, color) if len(text) <= _KEPT_LETTERS else _drawn(text, size, color)
        for text in texts
    ]


# A score has 7 KB at the greatest size, and there are 101 of them for each colour.
@lru_cache(maxsize=1024)
def _kept(text: str, size: int, color: Color) -> NDArray[np.uint8]:
    return _drawn(text, size, color)


def _drawn(text: str, size: int, color: Color) -> NDArray[np.uint8]:
    covered = coverage(text, size)
    tag = np.empty((*covered.shape, 3), np.uint8)
    tag[...] = color
    blend(tag, covered, np.array(readable_on(color), np.uint8))
    return tag


def places_of_tags(
    tall: int, widths: Sequence[int], spans: Sequence[Sequence[int]], height: int, width: int
) -> list[tuple[int, int]]:
    """Find where tags stand.

    Args:
        tall: The height of each tag, in pixels.
        widths: The width of each, in the order of drawing.
        spans: Left, top, right and bottom of each box, the latter two excluded.
        height: Of the picture.
        width: Likewise.

    Returns:
        Row and column of the top left corner of each tag.

    Example:
        >>> places_of_tags(10, [30, 30], [(5, 20, 50, 60), (5, 20, 50, 60)], 100, 100)
        [(20, 5), (10, 5)]
    """
    taken: dict[int, list[Place]] = {}  # by row // tall: what is near stands in three of these
    places = []
    for wide, (left, top, _, bottom) in zip(reversed(widths), reversed(spans), strict=True):
        column = max(0, min(left, width - wide))
        wanted = top - tall, top, bottom, bottom - tall
        rows = [row for row in wanted if 0 <= row <= height - tall] or [0]
        free = (row for row in rows if not _is_taken(taken, tall, (row, column, column + wide)))
        row = next(free, rows[0])
        taken.setdefault(row // tall, []).append((row, column, column + wide))
        places.append((row, column))
    return places[::-1]


def _is_taken(taken: Mapping[int, Sequence[Place]], tall: int, place: Place) -> bool:
    row, left, right = place
    for band in range(row // tall - 1, row // tall + 2):
        for other_row, other_left, other_right in taken.get(band, ()):
            if abs(row - other_row) < tall and left < other_right and other_left < right:
                return True
    return False


def paste_tags(pixels: NDArray[Any], tags: Sequence[Tag], spans: Sequence[Sequence[int]]) -> None:
    """Draw tags onto a picture.

    Args:
        pixels: ``(H, W, C)`` uint8, 3 or 4 channels; it is changed.
        tags: As ``make_tag`` gives them, of letters of one size; the last is on top.
        spans: As in ``places_of_tags``.

    Example:
        >>> paste_tags(np.zeros((40, 40, 3), np.uint8), [], [])
    """
    if not tags:
        return
    tall, has_alpha = tags[0][0].shape[0], pixels.shape[2] == 4
    widths = [sum(part.shape[1] for part in tag) for tag in tags]
    places = places_of_tags(tall, widths, spans, *pixels.shape[:2])
    for tag, (row, column) in zip(tags, places, strict=True):
        for part in tag:
            target = pixels[row : row + tall, column : column + part.shape[1]]
            target[..., :3] = part[: target.shape[0], : target.shape[1]]
            if has_alpha:
                target[..., 3] = 255
            column += part.shape[1]
