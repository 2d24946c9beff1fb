"""Draw boxes with labels onto a picture.

Rules:
- A box covers the columns from ``floor(x1 + 0.5)`` to ``floor(x2 + 0.5) - 1``, but at least one
  column. Its rows are computed in the same way. The outline is inside the box, as in Pillow's
  ``ImageDraw.rectangle``.
- A box is clipped to the picture, so its outline is visible along the picture's edge.
- Boxes that cannot be drawn are counted.
- The time is bounded for any number of boxes: a picture shows at most ``MOST_BOXES`` boxes and
  ``MOST_LABELS`` labels, those with the highest scores, else the first. People could not
  distinguish more boxes or labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage import checks
from tbimage.pixels.drawing.box_formats import (
    BOX_FORMATS,
    box_colors,
    box_corners,
    check_boxes,
    check_labels,
    check_scores,
)
from tbimage.pixels.drawing.box_labels import make_label, paste_labels
from tbimage.pixels.drawing.palette import CLASS_COLORS, CYCLED, Names, check_names, class_name
from tbimage.pixels.drawing.text_rendering import lacking, size_for
from tbimage.pixels.values.pictures import Color, Picture, drawable, ink

Coordinates = NDArray[np.float64]

#: The maximum number of boxes in a picture; drawing them takes about 0.1 s.
MOST_BOXES = 10_000
MOST_LABELS = 1_000

# Larger letters and longer labels would cover the picture.
_GREATEST_LETTERS = 32
_LABEL_LETTERS = 64

_NOT_FINITE = "boxes with NaN or infinite coordinates, not drawn"
_OUTSIDE = "boxes that lie outside of the picture, not drawn (are format= and normalized= right?)"
_FRACTIONS = "boxes within 0..1, taken as pixels (pass normalized=True if they are fractions)"
_NEGATIVE = "boxes of negative width or height, drawn with exchanged corners (is format= right?)"
_TOO_MANY = f"boxes beyond the {MOST_BOXES} that one picture shows"
_TOO_MANY_LABELS = f"labels beyond the {MOST_LABELS} that one picture shows"


def draw_boxes(
    image: object,
    boxes: Any,
    labels: Any = None,
    scores: Any = None,
    *,
    colors: Any = None,
    classes: Names | None = None,
    format: str = "xyxy",
    normalized: bool = False,
    width: int | None = None,
    size: int | None = None,
) -> Picture:
    """Draw boxes with labels and scores.

    Args:
        image: A Picture or an array ``(H, W)`` or ``(H, W, C)`` with 1 to 4 channels, of any dtype.
        boxes: ``(M, 4)`` numbers, in pixels from the top left corner of the picture.
        labels: A string or a class index for each box, or None.
        scores: A number for each box, or None; boxes with higher scores are drawn over the others.
        colors: One (red, green, blue) in 0..255 for all boxes, or one per box; default: a colour
            for each label.
        classes: Names of the class indices: a sequence, or a mapping from index to name.
        format: "xyxy" (two corners), "xywh" (top left corner, width, height) or "cxcywh" (centre,
            width, height).
        normalized: Whether coordinates are fractions of the picture's width and height.
        width: The width of the outlines in pixels; default: 2 or more, depending on the size of
            the picture.
        size: The size of the labels' letters in pixels; default: 12 to 32, depending on the size of
            the picture.

    Returns:
        The picture, 8 bits deep and in colour. The findings count boxes that are not drawn: boxes
        with NaN or infinite coordinates, boxes outside of the picture, and boxes beyond 10,000.
        The 10,000 boxes with the highest scores are drawn, or the first ones if there are no
        scores. The findings also count boxes of negative width or height, which are drawn with
        exchanged corners. If all coordinates are in 0..1 and ``normalized`` is False, they count
        all boxes, because the coordinates may be fractions.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A shape or another value does not fit.

    Example:
        >>> from tbimage.pixels.drawing.palette import label_color
        >>> photo = np.zeros((64, 64, 3), np.uint8)
        >>> drawn = draw_boxes(photo, [[8, 24, 40, 60]], ["cat"], [0.93])
        >>> drawn.pixels[60 - 1, 8].tolist() == list(label_color("cat"))
        True
    """
    picture = drawable(image)
    pixels = picture.pixels
    height, across = pixels.shape[:2]
    array = check_boxes(boxes)
    classes = check_names("classes", classes)
    format = checks.choice("format", format, BOX_FORMATS)
    count = len(array)
    names = check_labels(labels, count)
    numbers = check_scores(scores, count)
    paints = box_colors(colors, names, count)
    normalized = checks.flag("normalized", normalized)
    corners = box_corners(array, format, normalized, height, across)
    order, spans, remarks = _drawable_boxes(corners, numbers, height, across)
    if not normalized and np.all((array >= 0) & (array <= 1)) and np.any(array):
        remarks[_FRACTIONS] = count
    stroke = checks.integer("width", width, 1, optional=True) or max(2, max(height, across) // 240)
    letters = checks.integer("size", size, 1, optional=True)
    letters = letters or min(size_for(height, across), _GREATEST_LETTERS)
    _outline_all(pixels, spans, paints[order], stroke)
    if names is not None or numbers is not None:
        most = slice(-MOST_LABELS, None) if numbers is not None else slice(MOST_LABELS)
        drawn = []
        said: set[str] = set()
        for index in order[most].tolist():
            red, green, blue = paints[index].tolist()
            texts = _label_texts(names, numbers, classes, index)
            said.update(texts)
            drawn.append(make_label(texts, letters, (red, green, blue)))
        paste_labels(pixels, drawn, spans[most].tolist())
        picture = picture.but(pixels, lacking=lacking(said))
        remarks[_TOO_MANY_LABELS] = max(0, len(order) - MOST_LABELS)
    if colors is None and names is not None:
        remarks[CYCLED] = sum(isinstance(n, int) and n >= len(CLASS_COLORS) for n in set(names))
    return picture.but(pixels, remarks)


def _drawable_boxes(
    corners: Coordinates, scores: Coordinates | None, height: int, width: int
) -> tuple[NDArray[np.intp], NDArray[np.int64], dict[str, int]]:
    """Choose the boxes that are drawn.

    Return their indices in drawing order, the left, top, right and bottom edges of the pixels that
    they cover, and the findings. Right and bottom are exclusive.
    """
    finite = np.all(np.isfinite(corners), axis=1)
    with np.errstate(invalid="ignore"):
        low = np.minimum(corners[:, :2], corners[:, 2:])
        high = np.maximum(corners[:, :2], corners[:, 2:])
        negative = finite & np.any(corners[:, 2:] < corners[:, :2], axis=1)
        low, high = (np.floor(np.clip(each, -1e9, 1e9) + 0.5) for each in (low, high))
        high = np.maximum(high, low + 1)
        inside = finite & (high > 0).all(axis=1) & (low < [width, height]).all(axis=1)
    order = np.flatnonzero(inside)
    found = {
        _NOT_FINITE: len(corners) - int(finite.sum()),
        _OUTSIDE: int(finite.sum()) - len(order),
        _NEGATIVE: int(negative[order].sum()),
        _TOO_MANY: max(0, len(order) - MOST_BOXES),
    }
    if scores is not None:  # NaN counts as the lowest score
        order = order[np.argsort(np.nan_to_num(scores[order], nan=-np.inf), kind="stable")]
        order = order[-MOST_BOXES:]
    else:
        order = order[:MOST_BOXES]
    spans = np.hstack([np.maximum(low[order], 0), np.minimum(high[order], [width, height])])
    return order, spans.astype(np.int64), found


def _outline_all(
    pixels: NDArray[Any], spans: NDArray[np.int64], paints: NDArray[np.uint8], width: int
) -> None:
    """Draw the outlines of boxes; later boxes cover earlier ones.

    Rows are written as bytes, not as pixels. Otherwise NumPy's inner loop would run only over the
    channels of one pixel, and a box would take three times as long.
    """
    height, across, channels = pixels.shape
    rows = pixels.reshape(height, across * channels)
    colors = map(tuple, paints.tolist())
    lines: dict[Color, NDArray[np.uint8]] = {}
    for (left, top, right, bottom), color in zip(spans.tolist(), colors, strict=True):
        line = lines.get(color)
        if line is None:
            line = lines[color] = np.tile(ink(color, pixels), across)
        begin, end, step = left * channels, right * channels, min(width, right - left) * channels
        rows[top : min(top + width, bottom), begin:end] = line[: end - begin]
        rows[max(bottom - width, top) : bottom, begin:end] = line[: end - begin]
        rows[top:bottom, begin : begin + step] = line[:step]
        rows[top:bottom, end - step : end] = line[:step]


def _label_texts(
    labels: Sequence[str | int] | None,
    scores: Coordinates | None,
    classes: Names | None,
    index: int,
) -> tuple[str, ...]:
    """Return the texts in the label of a box."""
    parts = []
    if labels is not None:
        label = labels[index]
        parts.append(label if isinstance(label, str) else class_name(label, classes))
    if scores is not None:
        parts.append(f"{' ' if parts else ''}{scores[index]:.2f}")
    return tuple(part[:_LABEL_LETTERS] for part in parts)
