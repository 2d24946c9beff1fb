"""Figures of matplotlib, drawn as images in the caller's thread.

matplotlib is not imported here: a program that has a figure has already imported matplotlib.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from tbimage import checks
from tbimage.kinds.numbers import Array
from tbimage.pixels.arrays import array_like


def check_figures(figure: object) -> tuple[Sequence[Any], bool]:
    """Check a figure or a list of figures; return the figures, and whether they were in a list."""
    batched = isinstance(figure, (list, tuple))
    figures: Sequence[Any] = figure if isinstance(figure, (list, tuple)) else [figure]
    if not figures:
        raise ValueError("figure must be a matplotlib figure or a list of them, got an empty list")
    figure_class = getattr(sys.modules.get("matplotlib.figure"), "Figure", ())
    for each in figures:
        if not isinstance(each, figure_class):
            raise TypeError(
                f"figure must be a matplotlib figure or a list of them, got {checks.given(each)}"
            )
    return figures, batched


def draw(figures: Sequence[Any], batched: bool, tight: bool = False) -> Array:
    """Draw a figure as a uint8 array [height, width, channels], or a list of figures as a batch.

    If ``tight`` is True, a picture contains everything that a figure draws, even outside of the
    borders of the figure.
    """
    pictures = [_tight(figure) if tight else array_like.as_array(figure) for figure in figures]
    sizes = dict.fromkeys(picture.shape[:2] for picture in pictures)
    if len(sizes) > 1:
        shown = ", ".join(f"{height} x {width}" for height, width in sizes)
        raise ValueError(
            f"figures of one call must have the same size, got {shown} pixels; set their figsize "
            "and dpi, pass tight=False, or log them one by one"
        )
    if any(picture.shape[2] == 4 for picture in pictures):
        pictures = [_with_alpha(picture) for picture in pictures]
    return np.stack(pictures) if batched else pictures[0]


def _tight(figure: Any) -> Array:
    from PIL import Image

    file = io.BytesIO()
    fast = {"compress_level": 0}
    figure.savefig(file, format="png", dpi=figure.dpi, bbox_inches="tight", pil_kwargs=fast)
    with Image.open(file) as image:
        picture = np.asarray(image.convert("RGBA"))
    return picture[..., :3] if picture[..., 3].min() == 255 else picture


def _with_alpha(picture: Array) -> Array:
    if picture.shape[2] == 4:
        return picture
    opaque = np.full((*picture.shape[:2], 1), 255, np.uint8)
    return np.concatenate([picture, opaque], axis=2)


def close(figures: Sequence[Any]) -> None:
    """Close figures in pyplot. Otherwise, pyplot would keep the figures in memory."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        for figure in figures:
            pyplot.close(figure)
