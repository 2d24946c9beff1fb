"""Comparisons: input, output and their difference side by side.

With ``scalars=True``, the MAE and the PSNR are also logged as scalars with the tags ``name/mae``
and ``name/psnr``. For a batch, each scalar is the mean over the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tbimage import checks
from tbimage.kinds.numbers import Array
from tbimage.kinds.options import PictureOptions, check_captions, check_look_fits, check_size
from tbimage.kinds.pictures import Made, Prepared, Run, batch_suffixes
from tbimage.pixels.arrays import array_like, layouts
from tbimage.pixels.drawing.comparison import check_comparable, check_diff, compare_values
from tbimage.pixels.drawing.grid import plan


@dataclass(frozen=True, slots=True)
class _Panels:
    titles: tuple[str, ...] | None
    diff: str | None
    scalars: bool


def prepare(
    images: Sequence[object],
    layout: str | None,
    options: PictureOptions,
    *,
    titles: Any = None,
    diff: object = "abs",
    scalars: bool = False,
) -> Prepared:
    """Check shapes and dtypes. Copy an array only to convert it."""
    given = [array_like.as_array(image, "images") for image in images]
    if images and given[-1].ndim == 0:
        raise TypeError(
            "compare takes any number of images, so the step is a keyword: pass "
            f"step={images[-1]!r}"
        )
    views, batched = [], False
    without_bar = replace(options, look=replace(options.look, colorbar=False))
    for array in given:
        view, batched = layouts.arrange(array, layout)
        views.append(view)
        check_look_fits(without_bar, view.shape[3])
    panels = _Panels(
        check_captions(titles, len(views), True, "titles"),
        check_diff(diff),
        checks.flag("scalars", scalars),
    )
    check_comparable([view.shape for view in views], [view.dtype for view in views], panels.diff)
    if len({len(view) for view in views}) > 1:
        raise ValueError(
            "images to compare must be batches of the same size, got "
            f"{[len(view) for view in views]}"
        )
    if panels.scalars and views[-1].shape != views[-2].shape:
        raise ValueError(
            "scalars=True needs the last two images to have the same shape, got "
            f"{views[-2].shape[1:]} and {views[-1].shape[1:]}"
        )
    shown = views if panels.diff is None else [*views, views[-1]]
    sizes = [options.look.size(*view.shape[1:3]) for view in shown]
    planned = plan(sizes, len(sizes))
    check_size(planned.height, planned.width)
    return Prepared(
        tuple(views),
        tuple(array_like.is_immutable(*pair) for pair in zip(images, views, strict=True)),
        partial(_parts, panels),
        batch_suffixes(len(views[0]), batched),
    )


def _parts(
    panels: _Panels, snapshots: Sequence[Array], options: PictureOptions, run: Run[Any]
) -> list[partial[Made]]:
    return [partial(_made, panels, sample, options) for sample in zip(*snapshots, strict=True)]


def _made(panels: _Panels, images: Sequence[Array], options: PictureOptions) -> Made:
    found = compare_values(images, options.look, panels.titles, panels.diff)
    numbers = {"mae": found.mae, "psnr": found.psnr} if panels.scalars else {}
    return Made(found.picture, numbers)
