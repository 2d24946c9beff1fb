"""Boxes, keypoints and polylines over images.

What lives here: what is checked in the caller's thread, what belongs to which image of a batch, and
the way to the pictures. What does not: drawing (``pixels/boxes.py``, ``pixels/lines.py``), and what
all kinds of pictures share (pictures.py).

Whatever is drawn is small, so it is copied while it is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from tbimage.kinds.options import PictureOptions, check_captions, check_look_fits, check_size
from tbimage.kinds.pictures import Made, Prepared, Run, batch_suffixes
from tbimage.kinds.segmentation import check_classes
from tbimage.pixels.arrays import array_like, layouts
from tbimage.pixels.drawing.box_formats import (
    box_colors,
    box_corners,
    check_box_format,
    check_boxes,
    check_labels,
    check_scores,
)
from tbimage.pixels.drawing.boxes import draw_boxes
from tbimage.pixels.drawing.captions import caption
from tbimage.pixels.drawing.keypoints import (
    check_points,
    check_skeleton,
    draw_keypoints,
    draw_polylines,
    each_instance,
)
from tbimage.pixels.drawing.palette import Names
from tbimage.pixels.drawing.rendering import render

__all__ = ["prepare"]

Array = npt.NDArray[Any]
Coordinates = npt.NDArray[np.float64]


# Of a short string in a list.
_LABEL_BYTES = 64


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What is drawn over one image, in pixels of that image."""

    boxes: Coordinates
    labels: list[str | int] | None = None
    scores: Coordinates | None = None
    colors: npt.NDArray[np.uint8] | None = None
    keypoints: list[Coordinates] = field(default_factory=list)
    polylines: list[Coordinates] = field(default_factory=list)
    caption: str | None = None

    @property
    def nbytes(self) -> int:
        """About how many bytes it takes."""
        arrays: list[Array] = [self.boxes, *self.keypoints, *self.polylines]
        arrays += [each for each in (self.scores, self.colors) if each is not None]
        return sum(each.nbytes for each in arrays) + _LABEL_BYTES * len(self.labels or ())


def prepare(
    images: object,
    boxes: Any,
    layout: str | None,
    options: PictureOptions,
    *,
    labels: Any = None,
    scores: Any = None,
    colors: Any = None,
    classes: Any = None,
    format: str = "xyxy",
    normalized: bool = False,
    keypoints: Any = None,
    skeleton: Any = (),
    polylines: Any = None,
    captions: Any = None,
) -> Prepared:
    """Check what can be checked without touching a pixel, and copy no image.

    Args:
        images: One image or a batch of them.
        boxes: Of an image ``(M, 4)``; of a batch a list of these, or ``(N, M, 4)``; or None.
        layout: The names of the axes of ``images``, or None.
        options: How they will look.
        labels: A string or a class index for each box; of a batch, lists of these.
        scores: A number for each box, likewise.
        colors: One (red, green, blue) for all, or one for each box, likewise.
        classes: Names of class indices, or None.
        format: One of ``pixels.box_forms.BOX_FORMATS``.
        normalized: Whether coordinates are fractions of width and height.
        keypoints: Of an image as ``draw_keypoints`` takes them; of a batch a list of these.
        skeleton: Pairs of indices of keypoints that lines join.
        polylines: Of an image as ``draw_polylines`` takes them; of a batch a list of these.
        captions: A text for each image, or None.

    Returns:
        The pictures, with views of the caller's images.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A shape or another value does not fit.

    Example:
        >>> photos = np.zeros((2, 8, 8, 3))
        >>> prepare(photos, [[[1, 1, 4, 4]], []], None, PictureOptions()).count
        2
    """
    if options.look.colorbar:
        raise ValueError("colorbar=True is not for boxes, which stand on the picture itself")
    check_box_format(format)
    array = array_like.as_array(images)
    array_like.check_dtype(array.dtype)
    view, batched = layouts.arrange(array, layout)
    check_look_fits(options, view.shape[3])
    count, height, width = view.shape[:3]
    check_size(*options.look.size(height, width))
    shared = _is_one_color(colors)
    drawn = _check_drawn(
        [
            _each(argument, values, count, batched)
            for argument, values in (
                ("boxes", boxes),
                ("labels", labels),
                ("scores", scores),
                ("colors", None if shared else colors),
                ("keypoints", keypoints),
                ("polylines", polylines),
            )
        ]
        + [check_captions(captions, count, batched) or [None] * count],
        colors if shared else None,
        partial(box_corners, format=format, normalized=normalized, height=height, width=width),
        [width, height, 1] if normalized else [1, 1, 1],
    )
    make = partial(_parts, drawn, check_classes(classes), check_skeleton(skeleton))
    immutable = (array_like.is_immutable(images, array),)
    held = sum(each.nbytes for each in drawn)
    return Prepared((view,), immutable, make, batch_suffixes(count, batched), held)


def _check_drawn(
    columns: Sequence[Sequence[Any]],
    color: Any,
    corners: Callable[[Coordinates], Coordinates],
    unit: Sequence[int],
) -> list[_Drawn]:
    """Check what is drawn over each image.

    Args:
        columns: Boxes, labels, scores, colours, keypoints, polylines and caption of each image.
        color: That of all boxes, or None.
        corners: Brings boxes into one form.
        unit: What coordinates and visibility of points are multiplied by.
    """
    drawn = []
    for boxes, labels, scores, colors, keypoints, polylines, text in zip(*columns, strict=True):
        checked = check_boxes([] if boxes is None else boxes)
        names = check_labels(labels, len(checked))
        paint = colors if color is None else color
        drawn.append(
            _Drawn(
                corners(checked),
                names,
                check_scores(scores, len(checked)),
                None if paint is None else np.array(box_colors(paint, names, len(checked))),
                [check_points(each, "keypoints") * unit for each in each_instance(keypoints)],
                [check_points(each, "polylines") * unit for each in each_instance(polylines)],
                text,
            )
        )
    return drawn


def _each(argument: str, values: Any, count: int, batched: bool) -> Sequence[Any]:
    """What belongs to each image."""
    if values is None:
        return [None] * count
    if not batched:
        return [values]
    if isinstance(values, str) or not hasattr(values, "__len__"):
        raise TypeError(
            f"{argument} of a batch must be a list of those of each of the {count} images, got "
            f"{values!r}"
        )
    if len(values) != count:
        raise ValueError(
            f"{argument} of a batch must be those of each of the {count} images, got {len(values)}"
        )
    return list(values)


def _is_one_color(colors: Any) -> bool:
    return colors is not None and len(colors) == 3 and all(np.ndim(part) == 0 for part in colors)


def _parts(
    drawn: Sequence[_Drawn],
    classes: Names | None,
    skeleton: Sequence[tuple[int, int]],
    snapshots: Sequence[Array],
    options: PictureOptions,
    run: Run[Any],
) -> list[partial[Made]]:
    return [
        partial(_made, image, each, classes, skeleton, options)
        for image, each in zip(snapshots[0], drawn, strict=True)
    ]


def _made(
    image: Array,
    drawn: _Drawn,
    classes: Names | None,
    skeleton: Sequence[tuple[int, int]],
    options: PictureOptions,
) -> Made:
    picture = render(image, options.look)
    height, width = picture.pixels.shape[:2]
    across, down = width / image.shape[1], height / image.shape[0]
    if drawn.polylines:
        lines = [line * [across, down, 1] for line in drawn.polylines]
        picture = draw_polylines(picture, lines)
    if len(drawn.boxes):
        picture = draw_boxes(
            picture,
            drawn.boxes * [across, down, across, down],
            drawn.labels,
            drawn.scores,
            colors=drawn.colors,
            classes=classes,
        )
    if drawn.keypoints:
        points = [some * [across, down, 1] for some in drawn.keypoints]
        picture = draw_keypoints(picture, points, skeleton=skeleton)
    return Made(picture if drawn.caption is None else caption(picture, drawn.caption))
