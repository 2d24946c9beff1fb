"""Feature maps: activations of any number of channels.

What lives here: what is checked in the caller's thread, and the way to the sheets. What does not:
the sheets (``pixels/feature_maps.py``), and what all kinds of pictures share (pictures.py).

All maps of an image are on one sheet, or each has a tag of its own: ``name/map/0``, ``name/map/1``,
… and of a batch ``name/image/0/map/0``, ….
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy.typing as npt

from tbimage.kinds.options import PictureOptions, check_size
from tbimage.kinds.pictures import Made, Prepared, Run, batch_suffixes
from tbimage.pixels.arrays import array_like
from tbimage.pixels.arrays.layouts import MAPS, arrange
from tbimage.pixels.drawing.feature_maps import (
    check_normalize,
    draw_map,
    draw_sheet,
    joint_limits,
    sheet_plan,
)
from tbimage.pixels.drawing.grid import check_columns
from tbimage.pixels.values.ranges import Limits

__all__ = ["check_max_maps", "prepare"]

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class _Maps:
    max_maps: int | None
    normalize: str | Limits
    columns: int | None
    separate: bool


def check_max_maps(max_maps: object) -> int | None:
    """Check how many maps of an image are to be shown.

    Args:
        max_maps: 1 or more; None: all.

    Raises:
        TypeError: It is no integer.
        ValueError: It is less than 1.

    Example:
        >>> check_max_maps(64)
        64
    """
    try:
        return check_columns(max_maps)
    except (TypeError, ValueError) as error:
        raise type(error)(str(error).replace("columns", "max_maps")) from None


def prepare(
    x: object,
    layout: str | None,
    options: PictureOptions,
    *,
    max_maps: object = 64,
    normalize: object = "map",
    columns: object = None,
    separate: bool = False,
) -> Prepared:
    """Check what can be checked without touching a value, and copy nothing.

    Args:
        x: Activations of one image or of a batch of them.
        layout: The names of the axes; None: "HWC" or "NHWC".
        options: How they will look, of which the colour map and the colour of values that are not
            finite count.
        max_maps: How many maps of an image are shown, from the first; None: all.
        normalize: Which values become black and white; see ``pixels.feature_maps``.
        columns: How many maps stand in a row, or None.
        separate: Whether each map gets a tag of its own.

    Returns:
        The sheets or maps, as views of the caller's memory, without the maps that are not shown.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A shape or another value does not fit.

    Example:
        >>> import numpy as np
        >>> prepare(np.zeros((2, 8, 8, 256)), None, PictureOptions()).suffixes
        ('/image/0', '/image/1')
    """
    maps = _Maps(
        check_max_maps(max_maps), check_normalize(normalize), check_columns(columns), bool(separate)
    )
    array = array_like.as_array(x)
    array_like.check_dtype(array.dtype)
    view, batched = arrange(array, layout, MAPS)
    total = view.shape[3]
    view = view[..., : maps.max_maps]
    height, width, count = view.shape[1:]
    _, _, planned = sheet_plan(height, width, 1 if separate else count, maps.columns)
    check_size(planned.height, planned.width)
    suffixes = batch_suffixes(len(view), batched)
    if separate:
        suffixes = tuple(f"{suffix}/map/{number}" for suffix in suffixes for number in range(count))
    return Prepared(
        (view,), (array_like.is_immutable(x, array),), partial(_parts, maps, total), suffixes
    )


def _parts(
    maps: _Maps,
    total: int,
    snapshots: Sequence[Array],
    options: PictureOptions,
    run: Run[Any],
) -> list[partial[Made]]:
    (batch,) = snapshots
    limits = joint_limits(batch) if maps.normalize == "batch" else maps.normalize
    make = _separate if maps.separate else _sheet
    numbers = range(batch.shape[3]) if maps.separate else (total,)
    return [
        partial(make, maps, image, limits, options, number) for image in batch for number in numbers
    ]


def _sheet(
    maps: _Maps, image: Array, limits: str | Limits, options: PictureOptions, total: int
) -> Made:
    look = options.look
    return Made(draw_sheet(image, total, limits, look.colormap, maps.columns, look.nan_color))


def _separate(
    maps: _Maps, image: Array, limits: str | Limits, options: PictureOptions, number: int
) -> Made:
    if limits == "image":
        limits = joint_limits(image)
    chosen = None if isinstance(limits, str) else limits
    return Made(draw_map(image[..., number], chosen, options.look.colormap, options.look.nan_color))
