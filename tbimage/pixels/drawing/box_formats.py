"""The forms in which boxes, scores and labels come.

What lives here: their checks, their one form, and the colour of each box. What does not: drawing
them (boxes.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage.pixels.arrays.array_like import as_numbers
from tbimage.pixels.drawing.palette import check_colors, class_color, label_color

__all__ = [
    "BOX_FORMATS",
    "box_colors",
    "box_corners",
    "check_box_format",
    "check_boxes",
    "check_labels",
    "check_scores",
]

Coordinates = NDArray[np.float64]

#: Corners; corner and size; centre and size.
BOX_FORMATS = ("xyxy", "xywh", "cxcywh")

# Of boxes without a label: one that is seen on most photographs.
_PLAIN = class_color(8)


def check_box_format(format: object) -> str:
    """Check the form in which boxes come.

    Args:
        format: One of ``BOX_FORMATS``.

    Raises:
        ValueError: It is none of them.

    Example:
        >>> check_box_format("xywh")
        'xywh'
    """
    if not isinstance(format, str) or format not in BOX_FORMATS:
        allowed = " or ".join(map(repr, BOX_FORMATS))
        raise ValueError(f"format must be {allowed}, got {format!r}")
    return format


def check_boxes(boxes: Any) -> Coordinates:
    """Check the boxes of one picture.

    Args:
        boxes: ``(M, 4)`` real numbers; an empty list is no boxes.

    Returns:
        ``(M, 4)`` float64; new memory.

    Raises:
        TypeError: They are no real numbers.
        ValueError: They have another shape.

    Example:
        >>> check_boxes([[1, 2, 3, 4]]).shape, check_boxes([]).shape
        ((1, 4), (0, 4))
    """
    array = _real(boxes, "boxes")
    if array.size == 0 and array.shape[-1] in (0, 4):
        return np.empty((0, 4))
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(
            f"boxes of one picture must have the shape (count, 4), got {array.shape}; one box is "
            "[[x1, y1, x2, y2]], the boxes of a batch are a list of such arrays"
        )
    return array


def _real(values: Any, argument: str) -> Coordinates:
    try:
        array = as_numbers(values)
        if array.dtype.kind not in "biuf":
            raise TypeError(array.dtype)
        return np.array(array, np.float64)
    except (TypeError, ValueError, Warning) as error:  # NumPy 1.23 warns of ragged lists
        raise TypeError(
            f"{argument} must be an array of real numbers, or equally long lists of them, got "
            f"{type(values).__name__} ({error})"
        ) from None


def check_scores(scores: Any, count: int) -> Coordinates | None:
    """Check one number for each box.

    Args:
        scores: ``(count,)`` real numbers, or None.
        count: How many boxes there are.

    Raises:
        TypeError: They are no real numbers.
        ValueError: There are more or fewer.

    Example:
        >>> check_scores([0.5, 1], 2).tolist()
        [0.5, 1.0]
    """
    if scores is None:
        return None
    array = _real(scores, "scores")
    if array.size == 0:
        array = array.reshape(-1)
    if array.shape != (count,):
        raise ValueError(
            f"scores must be one number for each of the {count} boxes, got shape {array.shape}"
        )
    return array


def check_labels(labels: Any, count: int) -> list[str | int] | None:
    """Check one label for each box.

    Args:
        labels: ``count`` strings or integers, or None.
        count: How many boxes there are.

    Returns:
        A new list of str and int.

    Raises:
        TypeError: One is neither a string nor an integer.
        ValueError: There are more or fewer.

    Example:
        >>> check_labels(np.array([3, 1]), 2)
        [3, 1]
    """
    if labels is None:
        return None
    if isinstance(labels, str):
        raise TypeError(f"labels must be one label for each box, got the string {labels!r}")
    if hasattr(labels, "tolist"):  # also of tensors on an accelerator, which give NumPy nothing
        labels = labels.tolist()
    elif hasattr(labels, "__array__"):
        labels = np.asarray(labels).tolist()
    checked = [label if isinstance(label, (str, int)) else _integer(label) for label in labels]
    if len(checked) != count:
        raise ValueError(f"labels must be one for each of the {count} boxes, got {len(checked)}")
    return checked


def _integer(label: Any) -> int:
    try:
        return int(label.__index__())
    except AttributeError:
        raise TypeError(
            f"labels must be strings or integers, got {label!r} of type {type(label).__name__}"
        ) from None


def box_colors(colors: Any, labels: Sequence[str | int] | None, count: int) -> NDArray[np.uint8]:
    """Give each box its colour.

    Args:
        colors: One (red, green, blue) in 0..255 for all boxes or one for each, or None: that of the
            label, which is the class's for an integer and depends on nothing else for a string.
        labels: As ``check_labels`` returns them.
        count: How many boxes there are.

    Returns:
        ``(count, 3)`` uint8.

    Raises:
        TypeError: ``colors`` are no integers.
        ValueError: ``colors`` have another shape, or lie outside 0..255.

    Example:
        >>> box_colors(None, [0, 64], 2).tolist()
        [[31, 119, 220], [31, 119, 220]]
        >>> box_colors((255, 0, 0), None, 1).tolist()
        [[255, 0, 0]]
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
    """Bring boxes into one form.

    Args:
        boxes: ``(M, 4)``.
        format: One of ``BOX_FORMATS``.
        normalized: Whether they are fractions of the picture's width and height.
        height: Of the picture, in pixels.
        width: Likewise.

    Returns:
        ``(M, 4)``: left, top, right and bottom in pixels; new memory.

    Example:
        >>> box_corners(np.array([[0.5, 0.5, 0.5, 1.0]]), "cxcywh", True, 100, 200).tolist()
        [[50.0, 0.0, 150.0, 100.0]]
    """
    corners = boxes * [width, height, width, height] if normalized else boxes.copy()
    if format == "cxcywh":
        corners[:, :2] -= corners[:, 2:] / 2
    if format != "xyxy":
        corners[:, 2:] += corners[:, :2]
    return corners
