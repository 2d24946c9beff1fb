"""Draw the labels of boxes: texts on a background of the box's colour.

Rules:
- A label is directly above its box, if it fits there and no other label is there. Otherwise these
  places are tried: inside the box at the top, below the box, inside the box at the bottom. If no
  place is free, the label overlaps another label.
- Places are chosen in reverse drawing order, because later labels cover earlier ones. If the boxes
  have scores, the labels with the highest scores are drawn last.
- A label is completely inside the picture, unless it is larger than the picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage.pixels.drawing import fonts
from tbimage.pixels.drawing.palette import readable_on
from tbimage.pixels.drawing.text_rendering import blend, coverage
from tbimage.pixels.values.pictures import Color

Label = Sequence[NDArray[np.uint8]]
Place = tuple[int, int, int]  # row, first column, column after the last column

# The maximum length of cached texts: scores, and labels of one or two words.
_KEPT_LETTERS = 16


def make_label(texts: Sequence[str], size: int, color: Color) -> Label:
    """Draw a label: one part ``(height, width, 3)`` for each text; all have the same height.

    Each text is cached separately, because a class or a score occurs more often than the same pair
    of class and score.
    """
    return [
        _kept(text, size, color, fonts.current())
        if len(text) <= _KEPT_LETTERS
        else _drawn(text, size, color)
        for text in texts
    ]


# The pixels of a score take 7 KB at the maximum size. Each colour may have 101 different scores.
@lru_cache(maxsize=1024)
def _kept(text: str, size: int, color: Color, used: fonts.Fonts) -> NDArray[np.uint8]:
    return _drawn(text, size, color)


def _drawn(text: str, size: int, color: Color) -> NDArray[np.uint8]:
    covered = coverage(text, size)
    label = np.empty((*covered.shape, 3), np.uint8)
    label[...] = color
    blend(label, covered, np.array(readable_on(color), np.uint8))
    return label


def label_places(
    tall: int, widths: Sequence[int], spans: Sequence[Sequence[int]], height: int, width: int
) -> list[tuple[int, int]]:
    """Return the row and column of the top left corner of each label.

    ``tall`` is the height of each label. ``widths`` are the widths of the labels, in drawing order.
    ``spans`` are the left, top, right and bottom edge of each box; right and bottom are exclusive.
    """
    # The occupied places by ``row // tall``. The keys of overlapping labels differ by at most 1.
    taken: dict[int, list[Place]] = {}
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


def paste_labels(
    pixels: NDArray[Any], labels: Sequence[Label], spans: Sequence[Sequence[int]]
) -> None:
    """Draw labels onto a picture of 3 or 4 channels; later labels cover earlier ones.

    The letters of all labels must have the same size.
    """
    if not labels:
        return
    tall, has_alpha = labels[0][0].shape[0], pixels.shape[2] == 4
    widths = [sum(part.shape[1] for part in label) for label in labels]
    places = label_places(tall, widths, spans, *pixels.shape[:2])
    for label, (row, column) in zip(labels, places, strict=True):
        for part in label:
            target = pixels[row : row + tall, column : column + part.shape[1]]
            target[..., :3] = part[: target.shape[0], : target.shape[1]]
            if has_alpha:
                target[..., 3] = 255
            column += part.shape[1]
