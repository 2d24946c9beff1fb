"""Figures: what matplotlib draws, as images.

What lives here: taking figures apart from other things, and closing them. What does not: drawing
(``pixels/arrays.py``), which must happen in the caller's thread, and images (``image.py``).

matplotlib is never imported: who hands in a figure has done so.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from tbimage.kinds.numbers import Array
from tbimage.pixels.arrays import array_like

__all__ = ["check_figures", "close", "draw"]


def check_figures(figure: object) -> tuple[Sequence[Any], bool]:
    """Check that something is a figure, or several.

    Args:
        figure: A matplotlib figure, or a list or tuple of figures.

    Returns:
        The figures, and whether they are a batch.

    Raises:
        TypeError: Something is no figure.
        ValueError: The list is empty.

    Example:
        >>> check_figures(3)
        Traceback (most recent call last):
        TypeError: figure must be a matplotlib figure or a list of them, got 3 of type int
    """
    batched = isinstance(figure, (list, tuple))
    figures: Sequence[Any] = figure if isinstance(figure, (list, tuple)) else [figure]
    if not figures:
        raise ValueError("figure must be a matplotlib figure or a list of them, got an empty list")
    figure_class = getattr(sys.modules.get("matplotlib.figure"), "Figure", ())
    for each in figures:
        if not isinstance(each, figure_class):
            raise TypeError(
                f"figure must be a matplotlib figure or a list of them, got {each!r:.80} of type "
                f"{type(each).__name__}"
            )
    return figures, batched


def draw(figures: Sequence[Any], batched: bool) -> Array:
    """Draw figures.

    Args:
        figures: What ``check_figures`` returned.
        batched: See there.

    Returns:
        uint8 [height, width, channels], or with an axis for the batch in front, RGB where all is
        opaque, else RGBA. It is new memory.

    Raises:
        ValueError: The figures of a batch are of different sizes.

    Example:
        >>> draw([np.zeros((2, 3, 3), np.uint8)], True).shape  # stands for a figure
        (1, 2, 3, 3)
    """
    pictures = [array_like.as_array(figure) for figure in figures]
    sizes = dict.fromkeys(picture.shape[:2] for picture in pictures)
    if len(sizes) > 1:
        shown = ", ".join(f"{height} x {width}" for height, width in sizes)
        raise ValueError(
            f"figures of one call must be of one size, got {shown} pixels; set their figsize and "
            "dpi, or log them one by one"
        )
    if any(picture.shape[2] == 4 for picture in pictures):
        pictures = [_with_alpha(picture) for picture in pictures]
    return np.stack(pictures) if batched else pictures[0]


def _with_alpha(picture: Array) -> Array:
    if picture.shape[2] == 4:
        return picture
    opaque = np.full((*picture.shape[:2], 1), 255, np.uint8)
    return np.concatenate([picture, opaque], axis=2)


def close(figures: Sequence[Any]) -> None:
    """Close figures in pyplot, which keeps those that it made alive.

    Args:
        figures: What ``check_figures`` returned.

    Example:
        >>> close([])
    """
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        for figure in figures:
            pyplot.close(figure)
