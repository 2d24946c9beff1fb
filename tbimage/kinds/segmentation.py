"""Segmentation masks: class indices or scores, alone or over their images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tbimage import checks
from tbimage.kinds.numbers import Array
from tbimage.kinds.options import PictureOptions, check_captions, check_look_fits, check_size
from tbimage.kinds.pictures import Made, Prepared, Run, batch_suffixes
from tbimage.pixels.arrays import array_like, layouts
from tbimage.pixels.drawing.captions import caption
from tbimage.pixels.drawing.legend import legend
from tbimage.pixels.drawing.palette import Names, check_names
from tbimage.pixels.drawing.rendering import render
from tbimage.pixels.drawing.segmentation import (
    Classes,
    class_indices,
    draw_segmentation,
    legend_entries,
)
from tbimage.pixels.values.resizing import nearest


@dataclass(frozen=True, slots=True)
class _Masks:
    classes: Names | None
    alpha: float
    ignore_index: int | None
    legend: bool
    outlines: bool
    captions: tuple[str, ...] | None


def prepare(
    labels: object,
    image: object,
    layout: str | None,
    options: PictureOptions,
    *,
    labels_layout: str | None = None,
    classes: Any = None,
    alpha: object = 0.5,
    ignore_index: int | None = None,
    show_legend: bool = False,
    outlines: bool = False,
    captions: Any = None,
) -> Prepared:
    """Check shapes and dtypes. Copy an array only to convert it."""
    if options.look.colorbar:
        raise ValueError(
            "colorbar=True is not for masks, whose colours are classes: pass legend=True"
        )
    mask = array_like.as_array(labels, "labels")
    names_axes = layout is not None and str(layout).upper() != layouts.BGR
    if labels_layout is None and names_axes and (image is None or len(layout or "") == mask.ndim):
        labels_layout = layout
    view, batched = _arrange_labels(mask, labels_layout)
    count, height, width = view.shape[:3]
    masks = _Masks(
        check_names("classes", classes),
        checks.number("alpha", alpha, 0, 1),
        checks.integer("ignore_index", ignore_index, -math.inf, optional=True),
        checks.flag("legend", show_legend),
        checks.flag("outlines", outlines),
        check_captions(captions, count, batched),
    )
    check_size(*options.look.size(height, width))
    parts, suffixes = partial(_parts, masks), batch_suffixes(count, batched)
    immutable = array_like.is_immutable(labels, mask)
    if image is None:
        return Prepared((view,), (immutable,), parts, suffixes)
    photo = array_like.as_array(image, "image")
    below, _ = layouts.arrange(photo, layout)
    if below.shape[:3] != view.shape[:3]:
        raise ValueError(
            f"labels of {' x '.join(map(str, view.shape[:3]))} pixels do not fit image of "
            f"{' x '.join(map(str, below.shape[:3]))}: expected the same number and size"
        )
    check_look_fits(options, below.shape[3])
    both = immutable, array_like.is_immutable(image, below)
    return Prepared((view, below), both, parts, suffixes)


def _arrange_labels(labels: Array, layout: str | None) -> tuple[Array, bool]:
    """Return ``(N, H, W)`` indices or ``(N, H, W, K)`` scores, and whether they are a batch."""
    if labels.dtype.kind in "bui":
        return layouts.arrange(labels, layout, layouts.MASKS)
    view, batched = layouts.arrange(labels, layout, layouts.SCORES)
    if view.shape[3] == 1:
        raise ValueError(
            f"labels of shape {labels.shape} are floats with one score for each pixel; expected "
            "two classes or more: pass labels > 0.5 for probabilities, or labels > 0 for logits"
        )
    return view, batched


def _parts(
    masks: _Masks, snapshots: Sequence[Array], options: PictureOptions, run: Run[Any]
) -> list[partial[Made]]:
    labels, *images = snapshots
    below = images[0] if images else [None] * len(labels)
    texts = masks.captions or [None] * len(labels)
    return [
        partial(_made, masks, options, *each) for each in zip(labels, below, texts, strict=True)
    ]


def _made(
    masks: _Masks, options: PictureOptions, labels: Array, image: Array | None, text: str | None
) -> Made:
    size = options.look.size(*labels.shape[:2])
    classes = class_indices(labels)
    faulty = None if classes.faulty is None else nearest(classes.faulty, size)
    classes = Classes(nearest(classes.indices, size), faulty)
    picture = draw_segmentation(
        classes,
        None if image is None else render(image, options.look),
        alpha=masks.alpha,
        ignore_index=masks.ignore_index,
        outlines=masks.outlines,
        nan_color=options.look.nan_color,
    )
    if masks.legend:
        picture = legend(picture, legend_entries(classes, masks.classes, masks.ignore_index))
    return Made(picture if text is None else caption(picture, text))
