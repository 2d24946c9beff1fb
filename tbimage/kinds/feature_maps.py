"""Feature maps: activations with any number of channels.

All maps of an image are on one sheet. With ``separate=True``, each map has its own tag:
``name/map/0``, ``name/map/1``, …. In a batch, the tags are ``name/image/0/map/0``, ….
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tbimage import checks
from tbimage.kinds.numbers import Array
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
from tbimage.pixels.values.ranges import Limits


@dataclass(frozen=True, slots=True)
class _Maps:
    max_maps: int | None
    normalize: str | Limits
    columns: int | None
    separate: bool


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
    """Check shapes and dtypes, and copy nothing."""
    maps = _Maps(
        checks.integer("max_maps", max_maps, 1, optional=True),
        check_normalize(normalize),
        checks.integer("columns", columns, 1, optional=True),
        checks.flag("separate", separate),
    )
    array = array_like.as_array(x, "x")
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
    maps: _Maps, total: int, snapshots: Sequence[Array], options: PictureOptions, run: Run[Any]
) -> list[partial[Made]]:
    (batch,) = snapshots
    limits: str | Limits = maps.normalize
    if limits == "batch":
        limits = joint_limits(batch, options.look.colormap)
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
        limits = joint_limits(image, options.look.colormap)
    chosen = None if isinstance(limits, str) else limits
    return Made(draw_map(image[..., number], chosen, options.look.colormap, options.look.nan_color))
