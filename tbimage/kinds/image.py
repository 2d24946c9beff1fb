"""Images: arrays, pictures and files that are pictures already.

What lives here: what an image may be, and the way from one to its picture. What does not: what
comes before and after, which all kinds of pictures share (pictures.py), and values to pixels
(``pixels/rendering.py``).
"""

from __future__ import annotations

import operator
import os
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from tbimage.kinds.options import PictureOptions, check_captions, check_look_fits, check_size
from tbimage.kinds.pictures import Made, Prepared, Run, batch_suffixes, summary
from tbimage.pixels.arrays import array_like, encoded, layouts
from tbimage.pixels.drawing.rendering import Look, render
from tbimage.pixels.values.pictures import Findings

__all__ = ["Findings", "check_max_outputs", "prepare", "summary"]

Array = npt.NDArray[Any]

_PLAIN = PictureOptions()


def check_max_outputs(max_outputs: object) -> int | None:
    """Check how many images of a batch are to be logged.

    Args:
        max_outputs: 0 or more, or None for all.

    Raises:
        TypeError: It is no integer.
        ValueError: It is negative.

    Example:
        >>> check_max_outputs(3)
        3
    """
    if max_outputs is None:
        return None
    try:
        count = operator.index(max_outputs)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(
            f"max_outputs must be an integer or None for all images, got {max_outputs!r} of type "
            f"{type(max_outputs).__name__}"
        ) from None
    if count < 0:
        raise ValueError(f"max_outputs must be 0 or more, or None for all images, got {count}")
    return count


def prepare(
    data: object,
    layout: str | None,
    max_outputs: int | None,
    options: PictureOptions = _PLAIN,
    captions: Any = None,
) -> Prepared:
    """Check all about images that can be checked without touching a pixel, and copy nothing.

    Args:
        data: What ``SummaryWriter.image`` takes.
        layout: The names of its axes, or None.
        max_outputs: The most images of a batch, or None for all.
        options: How they will look.
        captions: A text for each image, those beyond ``max_outputs`` included, or None.

    Returns:
        The images, as views of the caller's memory.

    Raises:
        TypeError: ``data`` is nothing that has pixels, or captions are no texts.
        ValueError: Its shape, its channels or its header are not those of images, or options or
            captions do not fit.
        OSError: It is a path and the file cannot be read.

    Example:
        >>> import numpy as np
        >>> prepare(np.zeros((8, 4, 4, 3)), None, 2).arrays[0].shape
        (2, 4, 4, 3)
    """
    if _is_encoded(data):
        return _prepare_files([data], False, options, captions)
    if isinstance(data, (list, tuple)) and data and all(map(_is_encoded, data)):
        return _prepare_files(data[:max_outputs], True, options, captions)
    array = array_like.as_array(data)
    array_like.check_dtype(array.dtype)
    pixels, batched = layouts.arrange(array, layout)
    texts = check_captions(captions, len(pixels), batched)
    check_look_fits(options, pixels.shape[3])
    check_size(*options.look.size(*pixels.shape[1:3]))
    pixels = pixels[:max_outputs]
    return Prepared(
        (pixels,),
        (array_like.is_immutable(data, array),),
        partial(_parts, texts),
        batch_suffixes(len(pixels), batched),
    )


def _is_encoded(data: object) -> bool:
    if isinstance(data, np.ndarray):
        return False  # sooner than an abstract class such as PathLike can tell
    return isinstance(data, (bytes, bytearray, str, os.PathLike)) or (
        isinstance(data, memoryview) and data.ndim == 1 and data.format in ("B", "b", "c")
    )


def _prepare_files(
    data: Sequence[Any], batched: bool, options: PictureOptions, captions: Any
) -> Prepared:
    """Files are stored as they are, so nothing can be asked of their pixels."""
    look = options.look
    if captions is not None or look != Look(look.value_range, look.nan_color):
        raise ValueError(
            "data is an encoded picture, which is stored as it is: captions, colormap, colorbar, "
            "gamma, log, max_side and scale need pixels, as PIL.Image.open(file) has them"
        )
    files = [encoded.read_encoded(file) for file in data]
    return Prepared(
        (),
        (),
        lambda arrays, options, run: [partial(Made, file) for file in files],
        batch_suffixes(len(files), batched),
        sum(len(file.data) for file in files),
    )


def _parts(
    captions: Sequence[str] | None,
    snapshots: Sequence[Array],
    options: PictureOptions,
    run: Run[Any],
) -> list[partial[Made]]:
    (images,) = snapshots
    texts = [None] * len(images) if captions is None else captions[: len(images)]
    look = options.look  # once for all images of a batch
    return [partial(_made, image, text, look) for image, text in zip(images, texts, strict=True)]


def _made(image: Array, text: str | None, look: Look) -> Made:
    picture = render(image, look)
    if text is None:
        return Made(picture)
    from tbimage.pixels.drawing.captions import caption  # it reads a font

    return Made(caption(picture, text))
