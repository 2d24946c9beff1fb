"""Images: arrays, objects such as PIL images, and encoded files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from tbimage import checks
from tbimage.kinds.numbers import Array
from tbimage.kinds.options import PictureOptions, check_captions, check_look_fits, check_size
from tbimage.kinds.pictures import Made, Prepared, Run, batch_suffixes
from tbimage.pixels.arrays import array_like, encoded, layouts
from tbimage.pixels.drawing.rendering import Look, render

_PLAIN = PictureOptions()

_TURNED = (
    "images of PIL that were turned by their EXIF orientation (pass numpy.asarray(image) for the "
    "pixels as they are stored)"
)


def check_max_outputs(max_outputs: object) -> int | None:
    """Check the greatest number of images of a batch to log. None means all images."""
    return checks.integer("max_outputs", max_outputs, 0, optional=True)


def prepare(
    data: object,
    layout: str | None,
    max_outputs: int | None,
    options: PictureOptions = _PLAIN,
    captions: Any = None,
    most_bytes: int | None = None,
) -> Prepared:
    """Check shapes, dtypes and the headers of files. Copy an array only to convert it."""
    if _is_encoded(data):
        return _prepare_files([data], False, options, captions, most_bytes)
    if isinstance(data, (list, tuple)) and data and all(map(_is_encoded, data)):
        return _prepare_files(data[:max_outputs], True, options, captions, most_bytes)
    data, turned = array_like.upright(data)
    array = array_like.as_array(data)
    pixels, batched = layouts.arrange(array, layout)
    texts = check_captions(captions, len(pixels), batched)
    check_look_fits(options, pixels.shape[3])
    check_size(*options.look.size(*pixels.shape[1:3]))
    pixels = pixels[:max_outputs]
    return Prepared(
        (pixels,),
        (array_like.is_immutable(data, pixels),),
        partial(_parts, texts, turned),
        batch_suffixes(len(pixels), batched),
    )


def _is_encoded(data: object) -> bool:
    if isinstance(data, np.ndarray):
        return False  # checked first, because isinstance is slow for the abstract class PathLike
    return isinstance(data, (bytes, bytearray, str, os.PathLike)) or (
        isinstance(data, memoryview) and data.ndim == 1 and data.format in ("B", "b", "c")
    )


def _prepare_files(
    data: Sequence[Any],
    batched: bool,
    options: PictureOptions,
    captions: Any,
    most_bytes: int | None,
) -> Prepared:
    """Read encoded pictures. Options that need pixels raise a ValueError."""
    look = options.look
    if captions is not None or look != Look(look.value_range, look.nan_color):
        raise ValueError(
            "data is an encoded picture, which is stored as it is: captions, colormap, colorbar, "
            "gamma, log, max_side and scale need pixels; pass PIL.Image.open(file)"
        )
    files = [encoded.read_encoded(file, most_bytes) for file in data]
    return Prepared(
        (),
        (),
        lambda arrays, options, run: [partial(Made, file) for file in files],
        batch_suffixes(len(files), batched),
        sum(len(file.data) for file in files),
    )


def _parts(
    captions: Sequence[str] | None,
    turned: int,
    snapshots: Sequence[Array],
    options: PictureOptions,
    run: Run[Any],
) -> list[partial[Made]]:
    (images,) = snapshots
    texts = [None] * len(images) if captions is None else captions[: len(images)]
    look = options.look  # looked up once for all images of a batch
    counts = [turned, *[0] * len(images)][: len(images)]  # reported with the first image
    return [
        partial(_made, image, text, count, look)
        for image, text, count in zip(images, texts, counts, strict=True)
    ]


def _made(image: Array, text: str | None, turned: int, look: Look) -> Made:
    picture = render(image, look)
    if turned:
        picture = picture.but(picture.pixels, {_TURNED: turned})
    if text is None:
        return Made(picture)
    from tbimage.pixels.drawing.captions import caption  # only captions need a font

    return Made(caption(picture, text))
