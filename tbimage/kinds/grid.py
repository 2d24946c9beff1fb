"""Grids: several images on one sheet.

What lives here: what is checked in the caller's thread, and the way to the sheet. What does not:
the sheet (``pixels/tiling.py``), and what all kinds of pictures share (pictures.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy.typing as npt

from tbimage.kinds.options import PictureOptions, check_captions, check_look_fits, check_size
from tbimage.kinds.pictures import Made, Prepared, Run
from tbimage.pixels.arrays import array_like, layouts
from tbimage.pixels.drawing.grid import check_columns, check_padding, grid, plan
from tbimage.pixels.drawing.rendering import render
from tbimage.pixels.values.levels import check_nan_color

__all__ = ["prepare"]

Array = npt.NDArray[Any]


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
    """Check what can be checked without touching a pixel, and copy nothing.

    Args:
        images: A batch of images as an array; or a list of images, of unequal sizes and dtypes too.
        layout: The names of the axes of the array, or of each image of a list; None: "NHWC" or
            "HWC", or without channels "HW" for those of a list.
        options: How they will look.
        columns: How many stand in a row, or None.
        padding: Pixels between them.
        background: Red, green and blue of the sheet, 0 to 255.
        captions: A text for each, or None.

    Returns:
        The sheet, as views of the caller's memory; none if there are no images.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A shape or another value does not fit.

    Example:
        >>> import numpy as np
        >>> prepare([np.zeros((4, 4)), np.zeros((2, 8))], None, PictureOptions()).count
        1
    """
    if isinstance(images, (list, tuple)):
        given = [(image, array_like.as_array(image)) for image in images]
        views = [_one(array, layout) for _, array in given]
        immutable = tuple(array_like.is_immutable(data, array) for data, array in given)
    else:
        array = array_like.as_array(images)
        batch, batched = layouts.arrange(array, layout)
        if not batched:
            raise ValueError(
                f"images of shape {array.shape} are one image; expected a batch or a list of images"
            )
        views = list(batch)
        immutable = (array_like.is_immutable(images, array),) * len(views)
    sheet = _Sheet(
        check_columns(columns),
        check_padding(padding),
        _check_background(background),
        check_captions(captions, len(views), True),
    )
    for view in views:
        array_like.check_dtype(view.dtype)
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
            f"images holds an array of shape {array.shape}, which is a batch; expected single "
            "images: pass them one by one, or the batch as an array"
        )
    image: Array = view[0]
    return image


def _check_background(background: object) -> tuple[int, int, int]:
    try:
        return check_nan_color(background)
    except (TypeError, ValueError) as error:
        raise type(error)(str(error).replace("nan_color", "background")) from None


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
