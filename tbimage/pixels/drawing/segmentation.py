"""Draw segmentation masks, alone or over a photograph. Each class has a colour.

Rules:
- The class of a pixel is an integer, or the index of its highest score. If several classes have the
  highest score, the first of them is used. Logits and probabilities give the same result.
- Pixels without a class look different from all classes. Pixels with a NaN or infinite score, or
  with a negative index, are painted in ``nan_color``. Pixels with ``ignore_index`` show the
  photograph. Without a photograph, they are nearly black.
- Colours are blended into a photograph as ``(photo * (256 - a) + color * a + 128) >> 8`` with ``a =
  round(256 * alpha)``.
- A pixel belongs to an outline if the pixel above, below, left or right has another class.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage import checks
from tbimage.pixels.arrays.array_like import as_array
from tbimage.pixels.blocks import BLOCK, distinct
from tbimage.pixels.drawing.palette import (
    CLASS_COLORS,
    CYCLED,
    Names,
    check_names,
    class_color,
    class_name,
)
from tbimage.pixels.values.pictures import Color, Findings, Picture, drawable, merge

Array = NDArray[Any]

#: The colour of pixels with ``ignore_index`` if there is no photograph.
IGNORED_COLOR: Color = (32, 32, 36)

NOT_FINITE = "pixels with a NaN or infinite score"
NEGATIVE = "pixels with a negative class index (pass it as ignore_index= if it means no class)"

# The rows of the colour table for pixels without a class. They follow the rows of the palette.
_IGNORED, _FAULTY = len(CLASS_COLORS), len(CLASS_COLORS) + 1


@dataclass(frozen=True, slots=True)
class Classes:
    """The class of each pixel."""

    indices: Array  # ``(H, W)``, an integer dtype; undefined for faulty pixels
    # ``(H, W)`` bool: whether the class of a pixel is unknown; None if all classes are known.
    faulty: NDArray[np.bool_] | None = None


def class_indices(labels: Array) -> Classes:
    """Return the class of each pixel of ``(H, W)`` bools or integers, or ``(H, W, K)`` scores."""
    if not labels.size:
        raise ValueError(f"labels must have one pixel at least, got shape {labels.shape}")
    if labels.dtype.kind in "bui":
        if labels.ndim != 2:
            raise ValueError(f"labels of integers must have the shape (H, W), got {labels.shape}")
        return Classes(labels.view(np.uint8) if labels.dtype.kind == "b" else labels)
    if labels.dtype.kind != "f":
        raise TypeError(f"labels must be integers or scores in floats, got {labels.dtype}")
    if labels.ndim != 3 or labels.shape[2] < 2:
        raise ValueError(
            f"labels of floats must be scores of two classes or more, (H, W, K), got shape "
            f"{labels.shape}; for one class, pass labels > 0.5, or labels > 0 if they are logits"
        )
    with np.errstate(invalid="ignore"):
        total = labels[..., 0] * 0
        for index in range(1, labels.shape[2]):
            total += labels[..., index] * 0  # NaN and infinity become NaN, other values become 0
    finite = np.isfinite(total)
    faulty = None if finite.all() else ~finite
    return Classes(_highest(labels), faulty)


def _highest(scores: Array) -> Array:
    """Return the index of the highest score of each pixel."""
    if scores.strides[-1] == scores.itemsize:  # the classes of a pixel are adjacent
        indices: Array = scores.argmax(axis=-1)
        return indices
    highest = scores[..., 0].copy()
    indices = np.zeros(highest.shape, np.min_scalar_type(scores.shape[2]))
    for index in range(1, scores.shape[2]):
        plane = scores[..., index]
        higher = plane > highest
        np.copyto(highest, plane, where=higher)
        indices[higher] = index
    return indices


def draw_segmentation(
    labels: Any,
    image: object = None,
    *,
    alpha: float = 0.5,
    ignore_index: int | None = None,
    outlines: bool = False,
    nan_color: Color = (255, 0, 0),
) -> Picture:
    """Paint each pixel in the colour of its class.

    Args:
        labels: Class indices ``(H, W)`` as bools or integers, or the logits or probabilities of K
            classes ``(H, W, K)`` as floats.
        image: The photograph behind the colours: a Picture or an array of the same height and
            width; or None.
        alpha: The opacity of the colours over the photograph, 0 to 1.
        ignore_index: The index of pixels that have no class.
        outlines: Whether outlines are drawn. Over a photograph, an outline has the opaque colour
            of its class. Without a photograph, it is white.
        nan_color: Red, green and blue, 0 to 255, of pixels whose scores are not finite or whose
            index is negative.

    Returns:
        The picture in colour, 8 bits deep. The findings count pixels with a score that is not
        finite and pixels with a negative index. They also count classes with an index of 64 or
        more, because the colours repeat after 64 classes.

    Raises:
        TypeError: ``labels`` are not bools, integers or floats, or another type is wrong.
        ValueError: Shapes do not fit, or ``alpha`` is outside 0..1.

    Example:
        >>> draw_segmentation([[0, 1]]).pixels.tolist()
        [[[31, 119, 220], [255, 140, 0]]]
        >>> draw_segmentation([[0, 1]], [[0.0, 0.0]], alpha=0.25).pixels.tolist()
        [[[8, 30, 55], [64, 35, 0]]]
    """
    alpha = checks.number("alpha", alpha, 0, 1)
    ignore_index = _check_ignored(ignore_index)
    outlines = checks.flag("outlines", outlines)
    faulty = checks.color("nan_color", nan_color)
    classes = labels if isinstance(labels, Classes) else class_indices(as_array(labels, "labels"))
    codes, remarks = _codes(classes, ignore_index)
    table = np.vstack([CLASS_COLORS, IGNORED_COLOR, faulty]).astype(np.uint8)
    if image is None:
        pixels, findings = table.take(codes, axis=0), Findings()
    else:
        picture = drawable(image)
        pixels, findings = picture.pixels, picture.findings
        if pixels.shape[:2] != codes.shape:
            raise ValueError(
                f"labels of {codes.shape[0]}x{codes.shape[1]} pixels do not fit an image of "
                f"{pixels.shape[0]}x{pixels.shape[1]}: resize one of them"
            )
        _blend_classes(pixels, codes, table, round(256 * alpha))
    if outlines:
        edges = _edges(classes.indices) & (codes < _IGNORED)
        pixels[edges, :3] = table.take(codes[edges], axis=0) if image is not None else 255
    return Picture(pixels, merge([findings, Findings(remarks=remarks)]))


def _check_ignored(ignore_index: object) -> int | None:
    return checks.integer("ignore_index", ignore_index, -math.inf, optional=True)


def _codes(classes: Classes, ignore_index: int | None) -> tuple[NDArray[np.uint8], dict[str, int]]:
    """Return each pixel's row in the colour table, and the findings."""
    indices, count = classes.indices, len(CLASS_COLORS)
    low, high = int(indices.min()), int(indices.max())
    remarks: dict[str, int] = {}
    if low >= 0 and high < count:
        codes = indices.astype(np.uint8)
    else:
        codes = (indices % indices.dtype.type(count)).astype(np.uint8)
    ignored = None
    if ignore_index is not None and low <= ignore_index <= high:
        ignored = indices == ignore_index
        codes[ignored] = _IGNORED
    if low < 0:
        negative = indices < 0 if ignored is None else (indices < 0) & ~ignored
        codes[negative] = _FAULTY
        remarks[NEGATIVE] = int(negative.sum())
    if high >= count:
        beyond = distinct(indices[indices >= count])
        remarks[CYCLED] = len(beyond) - int(ignored is not None and ignore_index in beyond)
    if classes.faulty is not None:
        codes[classes.faulty] = _FAULTY
        remarks[NOT_FINITE] = int(classes.faulty.sum())
    return codes, {phrase: number for phrase, number in remarks.items() if number}


def _blend_classes(
    pixels: NDArray[np.uint8], codes: NDArray[np.uint8], table: NDArray[np.uint8], alpha: int
) -> None:
    """Blend class colours into a photograph, in blocks of rows that fit the cache."""
    channels = pixels.shape[2]
    opaque = np.full((len(table), channels), 255, np.uint16)
    opaque[:, :3] = table
    weights = np.full(len(table), alpha, np.uint16)
    weights[_IGNORED], weights[_FAULTY] = 0, 256
    paint = opaque * weights[:, np.newaxis] + np.uint16(128)
    keep = np.uint16(256) - weights
    plain = not (codes >= _IGNORED).any()
    step = max(1, BLOCK // (codes.shape[1] * channels))
    for top in range(0, len(codes), step):
        rows = slice(top, top + step)
        kept: Any = keep[0] if plain else keep.take(codes[rows])[..., np.newaxis]
        mixed = np.multiply(pixels[rows], kept, dtype=np.uint16)
        mixed += paint.take(codes[rows], axis=0)
        mixed >>= 8
        pixels[rows] = mixed


def _edges(indices: Array) -> NDArray[np.bool_]:
    """Return which pixels have a neighbour of another class."""
    edges = np.zeros(indices.shape, bool)
    below = indices[1:] != indices[:-1]
    beside = indices[:, 1:] != indices[:, :-1]
    edges[1:] |= below
    edges[:-1] |= below
    edges[:, 1:] |= beside
    edges[:, :-1] |= beside
    return edges


def legend_entries(
    labels: Array | Classes, names: Names | None = None, ignore_index: int | None = None
) -> list[tuple[str, Color]]:
    """Return the entries of a legend: the classes of a mask, ordered by index.

    Args:
        labels: As in :func:`draw_segmentation`.
        names: The names of the classes, by index; a class without a name is shown by its index.
        ignore_index: As in :func:`draw_segmentation`.

    Returns:
        Names and colours.

    Example:
        >>> legend_entries(np.array([[0, 2]]), ["sky", "sea"])
        [('sky', (31, 119, 220)), ('2', (46, 160, 67))]
    """
    names = check_names("names", names)
    ignore_index = _check_ignored(ignore_index)
    classes = labels if isinstance(labels, Classes) else class_indices(labels)
    indices = classes.indices if classes.faulty is None else classes.indices[~classes.faulty]
    entries = []
    for index in distinct(indices).tolist():
        if index == ignore_index or index < 0:
            continue
        entries.append((class_name(index, names), class_color(index)))
    return entries
