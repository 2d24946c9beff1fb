"""Colour maps, and the conversion of levels to their colours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage import checks
from tbimage.pixels.values.colormap_tables import TABLES, decode

#: The names of the maps. A name with the suffix "_r" means the map in reverse order.
COLORMAPS = tuple(name for name in TABLES if not name.endswith("_r"))

# Maps with opposite colours at the ends and a neutral colour in the middle.
_DIVERGING = ("coolwarm", "RdBu", "PuOr", "bwr", "seismic")


def check_colormap(colormap: object, optional: bool = True) -> str | None:
    """Check a colour map: a name in ``COLORMAPS``, with or without "_r", or None."""
    if colormap is None and optional:
        return None
    if isinstance(colormap, str) and colormap.removesuffix("_r") in COLORMAPS:
        return colormap
    expected = (
        f"colormap must be {'None or ' * optional}one of {', '.join(COLORMAPS)}, or one of them "
        "with '_r' for the reverse"
    )
    if not isinstance(colormap, str):
        raise TypeError(f"{expected}, got {checks.given(colormap)}")
    from difflib import get_close_matches  # only errors need it

    near = get_close_matches(colormap, COLORMAPS, 1, 0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"{expected}, got {checks.shown(colormap)}{hint}")


def is_diverging(colormap: str | None) -> bool:
    """Tell whether a map is diverging, which means that its middle colour is neutral."""
    return colormap is not None and colormap.removesuffix("_r") in _DIVERGING


def around_zero(low: float, high: float) -> tuple[float, float]:
    """Return the smallest range that is symmetric around zero and includes both numbers."""
    greatest = max(abs(low), abs(high))
    return -greatest, greatest


def table(colormap: str) -> NDArray[np.uint8]:
    """Return the colours of a map: the same bytes as in matplotlib.

    Args:
        colormap: The name of the map.

    Returns:
        ``(256, 3)`` uint8: red, green and blue of each level; read-only.

    Raises:
        TypeError: The name is not a string.
        ValueError: There is no such map.

    Example:
        >>> table("viridis")[[0, 128, 255]].tolist()
        [[68, 1, 84], [32, 144, 140], [253, 231, 36]]
    """
    check_colormap(colormap, optional=False)
    return decode(colormap) if colormap in TABLES else decode(colormap.removesuffix("_r"))[::-1]


def colorize(levels: NDArray[Any], colormap: str) -> NDArray[np.uint8]:
    """Convert levels to colours.

    Args:
        levels: uint8 ``(H, W)``, ``(H, W, 1)``, or ``(H, W, 2)`` with alpha. More axes may come
            before H, such as the axis of a batch, if there is an axis of channels.
        colormap: The name of the map.

    Returns:
        ``(H, W, 3)`` uint8, or ``(H, W, 4)`` with unchanged alpha.

    Raises:
        TypeError: ``levels`` are not uint8, or the name is not a string.
        ValueError: The number of channels is not 1 or 2, or there is no such map.

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
