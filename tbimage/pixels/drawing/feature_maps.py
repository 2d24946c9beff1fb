"""Draw activations with any number of channels as one sheet of numbered feature maps.

Rules:
- A map is enlarged by repeating pixels until its longer side has about ``LEAST_SIDE`` pixels. So
  8 × 8 values are visible as 8 × 8 squares.
- The number of each map is below the map.
- A map is constant if its finite values are all equal. It is crossed out. If each map has its own
  range, it has the middle colour of the colour map, which is mid-gray by default. In a diverging
  colour map, the middle means zero. So other constant values have one of the two end colours.
- NaN and infinite values are painted in ``nan_color``.
- A line of text below the sheet gives the range if all maps have the same one, the number of
  constant maps if there are any, and the number of shown maps if some are omitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage import checks
from tbimage.pixels.arrays.array_like import as_array
from tbimage.pixels.drawing.canvas import LETTERS, QUIET, blank
from tbimage.pixels.drawing.captions import caption
from tbimage.pixels.drawing.grid import Plan, enlarge, plan
from tbimage.pixels.drawing.text_rendering import (
    LEAST_SIZE,
    line_height,
    number_text,
    text_width,
    write,
)
from tbimage.pixels.values.colormaps import around_zero, check_colormap, colorize, is_diverging
from tbimage.pixels.values.levels import to_levels
from tbimage.pixels.values.pictures import Color, Findings, Picture, ink, with_channels
from tbimage.pixels.values.ranges import Limits, check_value_range

Array = NDArray[Any]

#: The approximate length of the longer side of an enlarged map, in pixels.
LEAST_SIDE = 64

_PADDING = 4
# The maximum letter size of the numbers below maps.
_GREATEST_SIZE = 48
_FLOAT32_RANGE = 1e38
_BLACK: Color = (0, 0, 0)
_WHITE: Color = (255, 255, 255)

_NORMALIZE = "'map', 'image', 'batch', 'unit', 'signed', 'byte' or (low, high) with low < high"

CONSTANT = "feature maps whose values are all equal, crossed out"


def check_normalize(normalize: object) -> str | Limits:
    """Check ``normalize``: return "map", "image" or "batch", or the limits of a fixed range."""
    if isinstance(normalize, str) and normalize in ("map", "image", "batch"):
        return normalize
    chosen = check_value_range(normalize, "normalize", _NORMALIZE)
    if chosen is None or chosen.kind != "fixed":
        raise ValueError(f"normalize must be {_NORMALIZE}, got {checks.shown(normalize)}")
    return chosen.low, chosen.high


def joint_limits(maps: Array, colormap: str | None) -> Limits:
    """Return the lowest and highest finite value of some maps; (0, 1) if no value is finite.

    With a diverging colour map, the two limits become symmetric around zero.
    """
    lows, highs = _extents(maps.reshape(1, -1) if maps.ndim < 2 else maps)
    low, high = float(lows.min()), float(highs.max())
    if low > high:
        low, high = 0.0, 1.0
    return around_zero(low, high) if is_diverging(colormap) else (low, high)


def sheet_plan(height: int, width: int, count: int, columns: int | None) -> tuple[int, int, Plan]:
    """Return the factor that enlarges maps, the letter size of the numbers, and the cells."""
    longer = max(height, width)
    factor = max(1, round(LEAST_SIDE / longer))
    size = min(max(LEAST_SIZE, min(height, width) * factor // 4), _GREATEST_SIZE)
    across = max(width * factor, text_width(str(count - 1), size))
    cell = height * factor + line_height(size), across
    return factor, size, plan([cell] * count, columns, _PADDING)


def draw_feature_maps(
    maps: Any,
    *,
    max_maps: int | None = 64,
    normalize: object = "map",
    colormap: str | None = None,
    columns: int | None = None,
    nan_color: Color = (255, 0, 0),
) -> Picture:
    """Put the maps of one image on one sheet, each with its number.

    Args:
        maps: ``(H, W, K)`` with any number K of channels, of bool, any integer or any float dtype.
        max_maps: The maximum number of maps on the sheet. The first maps are shown, and the others
            are omitted. None: all maps.
        normalize: The values that become black and white: "map" (the lowest and highest value of
            each map), "image" or "batch" (here both mean the lowest and highest value of all maps),
            or a fixed range: "unit", "signed", "byte" or ``(low, high)``. With a diverging colour
            map, ranges found in the data become symmetric around zero.
        colormap: The name of a colour map; None: gray.
        columns: The number of columns; default: chosen to make the sheet a little wider than high.
        nan_color: Red, green and blue, 0 to 255, of values that are NaN or infinite.

    Returns:
        The sheet, uint8, gray or in colour. The findings count the maps whose values are all equal,
        and the values that are NaN or infinite.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A shape or another value does not fit.

    Example:
        >>> sheet = draw_feature_maps(np.random.default_rng(0).random((8, 8, 16)), columns=4)
        >>> sheet.pixels.shape[1]
        276
    """
    array = as_array(maps, "maps")
    if array.ndim != 3 or not array.size:
        raise ValueError(
            f"maps must have the shape (height, width, channels) and no length 0, got {array.shape}"
        )
    check_colormap(colormap)
    color = checks.color("nan_color", nan_color)
    limits = check_normalize(normalize)
    most = checks.integer("max_maps", max_maps, 1, optional=True)
    across = checks.integer("columns", columns, 1, optional=True)
    return draw_sheet(array[..., :most], array.shape[2], limits, colormap, across, color)


def draw_sheet(
    maps: Array,
    total: int,
    limits: str | Limits,
    colormap: str | None,
    columns: int | None,
    nan_color: Color,
) -> Picture:
    """Draw maps ``(H, W, K)``, the first K of ``total`` maps; the arguments must be valid."""
    planes = np.moveaxis(maps, 2, 0)
    if limits in ("image", "batch"):
        limits = joint_limits(planes, colormap)
    pixels, dead, found = _drawn(planes, limits, colormap, nan_color)
    factor, size, planned = sheet_plan(planes.shape[1], planes.shape[2], len(planes), columns)
    sheet = blank(planned.height, planned.width, pixels[0])
    for number, cell in enumerate(planned.cells):
        target = _place(sheet, pixels[number], cell, factor, size)
        if dead[number]:
            _cross_out(target)
        stamp = _number(number, size, QUIET if dead[number] else LETTERS)
        bottom, left = cell[0] + cell[2], cell[1]
        sheet[bottom - stamp.shape[0] : bottom, left : left + stamp.shape[1]] = stamp
    told = [f"{len(planes)} of {total} maps"] if len(planes) < total else []
    if not isinstance(limits, str):
        told.append(f"{number_text(limits[0])} to {number_text(limits[1])}")
    if dead.any():
        told.append(f"{int(dead.sum())} constant")
    picture = Picture(sheet, found)
    return caption(picture, " · ".join(told)) if told else picture


def draw_map(
    values: Array, limits: Limits | None, colormap: str | None, nan_color: Color
) -> Picture:
    """Draw one map ``(H, W)`` alone; ``limits=None`` means the map's lowest and highest value."""
    pixels, dead, found = _drawn(values[np.newaxis], limits or "map", colormap, nan_color)
    factor, _, _ = sheet_plan(values.shape[0], values.shape[1], 1, 1)
    enlarged = enlarge(pixels[0], factor)
    if dead[0]:
        enlarged = enlarged.copy()
        _cross_out(enlarged)
    return Picture(enlarged, found)


def _drawn(
    planes: Array, limits: str | Limits, colormap: str | None, nan_color: Color
) -> tuple[Array, NDArray[np.bool_], Findings]:
    """Return the maps as pixels ``(K, H, W, C)``, whether each is constant, and the findings."""
    planes = np.ascontiguousarray(planes)  # else each loop would read all channels
    count, height, width = planes.shape
    lows, highs = _extents(planes)
    dead = lows == highs
    if not isinstance(limits, str):
        lows, highs = np.full(count, limits[0]), np.full(count, limits[1])
    elif is_diverging(colormap):
        highs = np.maximum(abs(lows), abs(highs))
        lows = -highs
    unit = _unit(planes, lows, highs)
    levels = to_levels(unit.reshape(count * height, width, 1), "unit", _BLACK)
    pixels = levels.pixels.reshape(count, height, width, 1)
    if colormap is not None:
        pixels = colorize(pixels, colormap)
    if levels.non_finite:
        if pixels.shape[-1] == 1 and len(set(nan_color)) > 1:
            pixels = with_channels(pixels.reshape(-1, width, 1), 3).reshape(*planes.shape, 3)
        pixels[~np.isfinite(planes)] = ink(nan_color, pixels[0])
    constant = int(dead.sum())
    return (
        pixels,
        dead,
        Findings(None, levels.non_finite, remarks={CONSTANT: constant} if constant else {}),
    )


def _extents(planes: Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each map's lowest and highest finite value; inf and -inf if no value is finite."""
    axes = tuple(range(1, planes.ndim))
    if planes.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            lows, highs = planes.min(axes), planes.max(axes)
        if not (np.isfinite(lows).all() and np.isfinite(highs).all()):
            finite = np.isfinite(planes)
            lows = np.min(planes, axes, initial=np.inf, where=finite)
            highs = np.max(planes, axes, initial=-np.inf, where=finite)
    else:
        lows, highs = planes.min(axes), planes.max(axes)
    return lows.astype(np.float64), highs.astype(np.float64)


def _unit(
    planes: Array, lows: NDArray[np.float64], highs: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Scale each map so that its limits become 0 and 1; if they are equal, they become 0.5."""
    unit = np.empty(planes.shape, np.float32)
    narrow = planes.dtype.kind == "f" and planes.dtype.itemsize <= 4
    with np.errstate(all="ignore"):  # NaN and infinite values are painted later
        for plane, target, low, high in zip(planes, unit, lows, highs, strict=True):
            if low < high:
                dtype = np.float32 if narrow and high - low < _FLOAT32_RANGE else np.float64
                if np.isinf(high - low):
                    plane, low, high = plane / 2, low / 2, high / 2
                delta = np.subtract(plane, dtype(low), dtype=dtype)
                np.divide(delta, dtype(high - low), out=target, casting="unsafe")
            else:
                step = (np.sign(plane - low) + 1) / 2 + plane * 0  # NaN and infinity become NaN
                np.copyto(target, step, casting="unsafe")
    return unit


def _place(sheet: Array, pixels: Array, cell: Sequence[int], factor: int, size: int) -> Array:
    """Draw a map in its cell, above its number; return the part of the sheet with the map."""
    top, left, height, width = cell
    column = left + (width - pixels.shape[1] * factor) // 2
    target = sheet[top : top + height - line_height(size), column:][:, : pixels.shape[1] * factor]
    target[...] = enlarge(pixels, factor)
    return target


@lru_cache(maxsize=1024)  # all sheets share the drawn numbers, 400 bytes each
def _number(number: int, size: int, color: Color) -> NDArray[np.uint8]:
    text = str(number)
    stamp = np.full((line_height(size), text_width(text, size), 1), 255, np.uint8)
    write(stamp, text, 0, 0, size, color)
    return stamp


def _cross_out(pixels: Array) -> None:
    """Draw both diagonals, in black on a bright map and in white on a dark map."""
    height, width = pixels.shape[:2]
    steps = np.arange(max(height, width))
    rows, columns = steps * height // len(steps), steps * width // len(steps)
    paint = ink(_BLACK if pixels[..., : min(3, pixels.shape[2])].mean() > 127 else _WHITE, pixels)
    for shift in range(max(1, len(steps) // 32)):  # TensorBoard's cards may omit thin lines
        shifted = np.minimum(columns + shift, width - 1)
        pixels[rows, shifted] = paint
        pixels[rows, width - 1 - shifted] = paint
