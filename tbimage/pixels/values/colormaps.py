"""Levels to colours.

What lives here: the names of colour maps and their use. What does not: the colours themselves
(colormap_tables.py), which value has which level (levels.py), and the bar beside a picture
(colorbar.py).
"""

from __future__ import annotations

import difflib
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage.pixels.values.colormap_tables import TABLES, decode

__all__ = ["COLORMAPS", "check_colormap", "colorize", "is_diverging", "table"]

#: The names, without those that end in "_r", which are the same maps backwards.
COLORMAPS = tuple(name for name in TABLES if not name.endswith("_r"))

# Their middle says "nothing", their ends are opposites: zero belongs into the middle.
_DIVERGING = ("coolwarm", "RdBu", "PuOr", "bwr", "seismic")


def check_colormap(colormap: object) -> str | None:
    """Check the name of a colour map.

    Args:
        colormap: One of ``COLORMAPS``, perhaps with "_r" behind it, or None for none.

    Returns:
        What was given.

    Raises:
        TypeError: It is no string.
        ValueError: There is no such map.

    Example:
        >>> check_colormap("magma_r")
        'magma_r'
    """
    if colormap is None:
        return None
    if not isinstance(colormap, str):
        raise TypeError(
            f"colormap must be a name or None, got {colormap!r} of type {type(colormap).__name__}"
        )
    if colormap.removesuffix("_r") not in COLORMAPS:
        near = difflib.get_close_matches(colormap, COLORMAPS, 1, 0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"colormap must be one of {', '.join(COLORMAPS)}, or one of them with '_r' for the "
            f"reverse, got {colormap!r}{hint}"
        )
    return colormap


def is_diverging(colormap: str | None) -> bool:
    """Tell whether zero belongs into the middle of a map.

    Args:
        colormap: A name that ``check_colormap`` returned.

    Example:
        >>> is_diverging("coolwarm"), is_diverging("viridis")
        (True, False)
    """
    return colormap is not None and colormap.removesuffix("_r") in _DIVERGING


@cache
def table(colormap: str) -> NDArray[np.uint8]:
    """Give the colours of a map, equal to matplotlib's to the byte.

    Args:
        colormap: Its name.

    Returns:
        ``(256, 3)`` uint8: red, green and blue of each level; read-only.

    Raises:
        TypeError: As ``check_colormap``.
        ValueError: As ``check_colormap``.

    Example:
        >>> table("viridis")[[0, 128, 255]].tolist()
        [[68, 1, 84], [32, 144, 140], [253, 231, 36]]
    """
    check_colormap(colormap)
    return decode(colormap) if colormap in TABLES else decode(colormap.removesuffix("_r"))[::-1]


def colorize(levels: NDArray[Any], colormap: str) -> NDArray[np.uint8]:
    """Give each level its colour.

    Args:
        levels: ``(H, W)``, ``(H, W, 1)``, or with alpha ``(H, W, 2)``, uint8. A whole batch may
            stand before: all but the last axis stays.
        colormap: The map's name.

    Returns:
        ``(H, W, 3)`` uint8, or ``(H, W, 4)`` where there was alpha, which stays as it was.

    Raises:
        TypeError: ``levels`` are not uint8, or as ``check_colormap``.
        ValueError: There are other channels, or as ``check_colormap``.

    Example:
        >>> colorize(np.array([[0, 255]], np.uint8), "viridis").tolist()
        [[[68, 1, 84], [253, 231, 36]]]
    """
    if levels.dtype != np.uint8:
        raise TypeError(
            f"levels must be uint8, got {levels.dtype}; tbimage.visual.image makes them"
        )
    if levels.ndim == 2:
        levels = levels[..., np.newaxis]
    channels = levels.shape[-1]
    if channels > 2:
        raise ValueError(
            f"colormap={colormap!r} colours pictures of one channel, with or without alpha, but "
            f"levels have shape {levels.shape}; pass one channel, as levels[..., :1]"
        )
    colors = table(colormap)
    if channels == 1:
        return colors.take(levels[..., 0], axis=0)
    colored = np.empty((*levels.shape[:-1], 4), np.uint8)
    colored[..., :3] = colors.take(levels[..., 0], axis=0)
    colored[..., 3] = levels[..., 1]
    return colored
