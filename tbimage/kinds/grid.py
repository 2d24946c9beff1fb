"""Grids: several images on one sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tbimage import checks
from tbimage.kinds.numbers import Array
from tbimage.kinds.options import PictureOptions, check_captions, check_look_fits, check_size
from tbimage.kinds.pictures import Made, Prepared, Run
from tbimage.pixels.arrays import array_like, layouts
from tbimage.pixels.drawing.grid import grid, plan
from tbimage.pixels.drawing.rendering import render


@dataclass(frozen=True, slots=True)
class _Sheet:
    columns: int | None
    padding: int
    background: tuple[int, int, int]
    captions: tuple[str, ...] | None


def prepare(
    images: object,
    layout: str | None,
    options: PictureOptions,
    *,
    columns: object = None,
    padding: object = 2,
    background: object = (255, 255, 255),
    captions: Any = None,
) -> Prepared:
    """Check shapes and dtypes. Copy an array only to convert it.

    An empty batch makes no picture.
    """
    if isinstance(images, (list, tuple)):
        views = [_one(array_like.as_array(image, "images"), layout) for image in images]
        immutable = tuple(map(array_like.is_immutable, images, views))
    else:
        array = array_like.as_array(images, "images")
        batch, batched = layouts.arrange(array, layout)
        if not batched:
            raise ValueError(
                f"images of shape {array.shape} are one image; expected a batch or a list of images"
            )
        views = list(batch)
        immutable = (array_like.is_immutable(images, batch),) * len(views)
    sheet = _Sheet(
        checks.integer("columns", columns, 1, optional=True),
        checks.integer("padding", padding, 0),
        checks.color("background", background),
        check_captions(captions, len(views), True),
    )
    for view in views:
        check_look_fits(options, view.shape[2])
    if not views:
        return Prepared((), (), lambda arrays, options, run: [], ())
    planned = plan([options.look.size(*view.shape[:2]) for view in views], sheet.columns)
    check_size(planned.height, planned.width)
    return Prepared(tuple(views), immutable, partial(_parts, sheet), ("",))


def _one(array: Array, layout: str | None) -> Array:
    view, batched = layouts.arrange(array, layout)
    if batched:
        raise ValueError(
            f"images has an array of shape {array.shape}, which is a batch; expected single "
            "images: pass them one by one, or the batch as an array"
        )
    image: Array = view[0]
    return image


def _parts(
    sheet: _Sheet, snapshots: Sequence[Array], options: PictureOptions, run: Run[Any]
) -> list[partial[Made]]:
    return [partial(_made, sheet, snapshots, options, run)]


def _made(sheet: _Sheet, images: Sequence[Array], options: PictureOptions, run: Run[Any]) -> Made:
    pictures = run([partial(render, image, options.look) for image in images])
    return Made(
        grid(
            pictures,
            columns=sheet.columns,
            padding=sheet.padding,
            background=sheet.background,
            titles=sheet.captions,
        )
    )
