"""Check boxes, scores and labels, and choose the colour of each box."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage import checks
from tbimage.pixels.arrays.array_like import real_numbers
from tbimage.pixels.drawing.palette import check_colors, class_color, label_color

Coordinates = NDArray[np.float64]

#: The numbers of a box: two corners; the top left corner and size; the centre and size.
BOX_FORMATS = ("xyxy", "xywh", "cxcywh")

# The colour of boxes without a label. It is visible on most photographs.
_PLAIN = class_color(8)


def check_boxes(boxes: Any) -> Coordinates:
    """Check the boxes of one picture, ``(M, 4)``; an empty list means no boxes."""
    array = real_numbers(boxes, "boxes")
    if array.size == 0 and array.shape[-1] in (0, 4):
        return np.empty((0, 4))
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(
            f"boxes of one picture must have the shape (count, 4), got {array.shape}; one box is "
            "[[x1, y1, x2, y2]], the boxes of a batch are a list of such arrays"
        )
    return array


def check_scores(scores: Any, count: int) -> Coordinates | None:
    """Check that ``scores`` is None or has one number per box."""
    if scores is None:
        return None
    array = real_numbers(scores, "scores")
    if array.size == 0:
        array = array.reshape(-1)
    if array.shape != (count,):
        raise ValueError(
            f"scores must have one number for each of the {count} boxes, got shape {array.shape}"
        )
    return array


def check_labels(labels: Any, count: int) -> list[str | int] | None:
    """Check that ``labels`` is None or has one string or integer per box."""
    if labels is None:
        return None
    if hasattr(labels, "tolist"):  # NumPy cannot read tensors on an accelerator
        labels = labels.tolist()
    elif hasattr(labels, "__array__"):
        labels = np.asarray(labels).tolist()
    checked = [
        label if isinstance(label, (str, int)) else _integer(label)
        for label in checks.items("labels", labels, "one label for each box")
    ]
    if len(checked) != count:
        raise ValueError(
            f"labels must have one label for each of the {count} boxes, got {len(checked)}"
        )
    return checked


def _integer(label: Any) -> int:
    try:
        return checks.integer("labels", label, -math.inf)
    except TypeError:
        raise TypeError(f"labels must be strings or integers, got {checks.given(label)}") from None


def box_colors(colors: Any, labels: Sequence[str | int] | None, count: int) -> NDArray[np.uint8]:
    """Return the colour of each box, ``(count, 3)`` uint8.

    ``colors`` is one colour, or one per box. If it is None, the colour depends on the label: an
    integer gets the colour of its class, and equal strings always get the same colour.
    """
    if colors is not None:
        return np.array(check_colors(colors, count), np.uint8).reshape(count, 3)
    if labels is None:
        return np.broadcast_to(np.array(_PLAIN, np.uint8), (count, 3))
    known = {
        label: label_color(label) if isinstance(label, str) else class_color(label)
        for label in set(labels)
    }
    return np.array([known[label] for label in labels], np.uint8).reshape(count, 3)


def box_corners(
    boxes: Coordinates, format: str, normalized: bool, height: int, width: int
) -> Coordinates:
    """Return the left, top, right and bottom edge of each box in pixels, as a new array."""
    corners = boxes * [width, height, width, height] if normalized else boxes.copy()
    if format == "cxcywh":
        corners[:, :2] -= corners[:, 2:] / 2
    if format != "xyxy":
        corners[:, 2:] += corners[:, :2]
    return corners
