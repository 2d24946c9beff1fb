"""Boxes, keypoints and polylines over images.

The checks copy the coordinates, because coordinates need little memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from tbimage import checks
from tbimage.kinds.numbers import Array
from tbimage.kinds.options import PictureOptions, check_captions, check_look_fits, check_size
from tbimage.kinds.pictures import Made, Prepared, Run, batch_suffixes
from tbimage.pixels.arrays import array_like, layouts
from tbimage.pixels.drawing.box_formats import (
    BOX_FORMATS,
    box_colors,
    box_corners,
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
from tbimage.pixels.drawing.palette import Names, check_names
from tbimage.pixels.drawing.rendering import render

Coordinates = npt.NDArray[np.float64]


# The approximate number of bytes that a short string in a list needs.
_LABEL_BYTES = 64


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Everything that is drawn over one image. Coordinates are in pixels of this image."""

    boxes: Coordinates
    labels: list[str | int] | None = None
    scores: Coordinates | None = None
    colors: npt.NDArray[np.uint8] | None = None
    keypoints: list[Coordinates] = field(default_factory=list)
    polylines: list[Coordinates] = field(default_factory=list)
    caption: str | None = None

    @property
    def nbytes(self) -> int:
        """The approximate size in bytes."""
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
    """Check shapes and dtypes. Copy an image only to convert it.

    For a batch, ``boxes``, ``labels``, ``scores``, ``colors``, ``keypoints`` and ``polylines`` are
    lists with one element for each image. ``colors`` may be one colour for all boxes.
    """
    if options.look.colorbar:
        raise ValueError(
            "colorbar=True is not for boxes, which are drawn on the picture: log the picture with "
            "image(colorbar=True)"
        )
    normalized = checks.flag("normalized", normalized)
    format = checks.choice("format", format, BOX_FORMATS)
    array = array_like.as_array(images, "images")
    view, batched = layouts.arrange(array, layout)
    check_look_fits(options, view.shape[3])
    count, height, width = view.shape[:3]
    check_size(*options.look.size(height, width))
    drawn = _check_drawn(
        count,
        batched,
        {
            "boxes": boxes,
            "labels": labels,
            "scores": scores,
            "colors": colors,
            "keypoints": keypoints,
            "polylines": polylines,
        },
        partial(box_corners, format=format, normalized=normalized, height=height, width=width),
        [width, height, 1] if normalized else [1, 1, 1],
        check_captions(captions, count, batched) or [None] * count,
    )
    make = partial(_parts, drawn, check_names("classes", classes), check_skeleton(skeleton))
    immutable = (array_like.is_immutable(images, view),)
    held = sum(each.nbytes for each in drawn)
    return Prepared((view,), immutable, make, batch_suffixes(count, batched), held)


def _check_drawn(
    count: int,
    batched: bool,
    given: Mapping[str, Any],
    corners: Callable[[Coordinates], Coordinates],
    unit: Sequence[int],
    captions: Sequence[str | None],
) -> list[_Drawn]:
    """Check everything that is drawn over each image.

    ``corners`` converts boxes to corners. The x, the y and the visibility of points are multiplied
    by the three numbers of ``unit``.
    """
    color = given["colors"] if _is_one_color(given["colors"]) else None
    if color is not None:
        given = {**given, "colors": None}
    columns = [_each(argument, values, count, batched) for argument, values in given.items()]
    drawn = []
    for row in zip(*columns, captions, strict=True):
        boxes, labels, scores, colors, keypoints, polylines, text = row
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
    """Return a list with one value of an argument for each image."""
    if values is None:
        return [None] * count
    if not batched:
        return [values]
    if isinstance(values, str) or not hasattr(values, "__len__"):
        raise TypeError(
            f"{argument} of a batch must be a list with one element for each of the {count} "
            f"images, got {checks.given(values)}"
        )
    if len(values) != count:
        raise ValueError(
            f"{argument} of a batch must have one element for each of the {count} images, got "
            f"{len(values)}"
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
