"""Put images side by side, and measure how much the last two differ.

Rules:
- The last two images are compared: input and output, or output and target.
- All images are shown with one value range, so that equal values look the same. If the range is
  found in the data, it covers all images.
- The difference of a pixel is the mean of ``abs(a - b)`` over its colour channels. For a signed
  difference, it is the mean of ``a - b``. Alpha is ignored.
- The value range of the difference is 0 to the maximum. For a signed difference, it is symmetric
  around 0. So small errors are visible. The title of the difference gives the range.
- MAE and MSE are means over all samples that are finite in both images, without alpha. PSNR is ``10
  * log10(peak ** 2 / MSE)`` in dB. The peak is ``high - low`` of the images' value range. By
  default it is 1 for floats and 255 for uint8.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage import checks
from tbimage.pixels.arrays.array_like import as_array
from tbimage.pixels.arrays.layouts import arrange, without_alpha
from tbimage.pixels.blocks import BLOCK
from tbimage.pixels.drawing.captions import caption
from tbimage.pixels.drawing.grid import check_titles, grid
from tbimage.pixels.drawing.rendering import (
    CONSTANT,
    Look,
    check_fit,
    check_look,
    joint_limits,
    render,
)
from tbimage.pixels.drawing.text_rendering import number_text, size_for
from tbimage.pixels.values.pictures import Picture

Array = NDArray[Any]

#: The ways to show a difference, and the colour map of each.
DIFFERENCES = {"abs": "magma", "signed": "coolwarm"}

_TITLES = ("input", "output", "target")
_PADDING = 4


@dataclass(frozen=True, slots=True)
class Comparison:
    """Images side by side, and how much the last two differ.

    Attributes:
        picture: All images and the difference in one picture.
        mae: The mean absolute error, in the units of the data; NaN if nothing can be compared.
        psnr: The peak signal-to-noise ratio in dB; infinite if there is no difference.
    """

    picture: Picture
    mae: float
    psnr: float


def check_diff(diff: object) -> str | None:
    """Check how a difference is shown: "abs", "signed", or None if it is not shown."""
    return checks.choice("diff", diff, (*DIFFERENCES, None))


def draw_comparison(
    images: Sequence[Any],
    *,
    titles: Sequence[str] | None = None,
    diff: str | None = "abs",
    **look: Any,
) -> Comparison:
    """Put images side by side, with the difference of the last two.

    Args:
        images: Two or more images, each ``(H, W)`` or ``(H, W, C)`` with 1 to 4 channels. All must
            have the same dtype, or all must be floats. The last two must have the same shape,
            unless ``diff`` is None.
        titles: A title for each image; default: "input", "output", "target".
        diff: "abs" (the absolute difference), "signed" (``images[-2] - images[-1]``) or None (no
            difference).
        look: ``value_range``, ``colormap`` and the other keywords of ``image``.

    Returns:
        The picture, with MAE and PSNR in its caption, and both numbers.

    Raises:
        TypeError: An argument is of the wrong type, or dtypes differ.
        ValueError: Shapes do not fit, or an argument has a value that is not allowed.

    Example:
        >>> photo = np.full((8, 8, 3), 100, np.uint8)
        >>> draw_comparison([photo, photo + 10]).mae
        10.0
    """
    given = checks.items("images", images, "a list of images")
    views = [arrange(as_array(image, "images"))[0][0] for image in given]
    chosen = check_look(**look)
    for view in views:
        check_fit(replace(chosen, colorbar=False), view.shape[2])
    return compare_values(views, chosen, titles, check_diff(diff))


def compare_values(
    images: Sequence[Array], look: Look, titles: Sequence[str] | None, diff: str | None
) -> Comparison:
    """Compare views ``(H, W, C)``; only ``look`` and ``diff`` must be checked before the call."""
    check_comparable([image.shape for image in images], [image.dtype for image in images], diff)
    if titles is None:
        titles = [*_TITLES, *map(str, range(len(_TITLES), len(images)))][: len(images)]
    names = check_titles(titles, len(images))
    colors = [without_alpha(image) for image in images]
    limits = None if look.value_range is None else joint_limits(colors, look)
    bare = replace(look, colorbar=False)
    last = look if images[-1].shape[2] <= 2 else bare
    pictures = [render(image, bare, limits) for image in images[:-1]]
    last_picture = render(images[-1], last, limits)
    constant = limits is not None and limits[0] == limits[1]
    pictures.append(last_picture.but(last_picture.pixels, {CONSTANT: int(constant)}))
    if images[-1].shape != images[-2].shape:
        return Comparison(_sheet(pictures, names), math.nan, math.nan)
    difference, mae, mse = _difference(images[-2], images[-1], diff == "signed")
    low, high = joint_limits(colors, look) or (0.0, 255.0)
    psnr = _psnr(mse, high - low)
    if diff is not None:
        most = float(np.nanmax(np.abs(difference), initial=0.0))
        low = -most if diff == "signed" else 0.0
        seen = replace(bare, value_range=None, colormap=DIFFERENCES[diff], colorbar=look.colorbar)
        seen = replace(seen, gamma=None, log=None)
        pictures.append(render(difference[..., np.newaxis], seen, (low, most or 1.0)))
        ends = f"{number_text(low)} to {number_text(most)}"
        names.append(f"difference, {ends}" if most else "no difference")
    text = "identical" if mse == 0 else f"MAE {mae:.4g} · PSNR {psnr:.2f} dB"
    return Comparison(_sheet(pictures, names, text), mae, psnr)


def _sheet(pictures: Sequence[Picture], titles: Sequence[str], text: str = "") -> Picture:
    """Put pictures in a row, with titles and a caption in letters of the same size."""
    width = sum(picture.pixels.shape[1] for picture in pictures)
    size = size_for(pictures[0].pixels.shape[0], width)
    row = grid(pictures, columns=len(pictures), padding=_PADDING, titles=titles, size=size)
    return caption(row, text, size, _PADDING) if text else row


def _psnr(mse: float, peak: float) -> float:
    if mse == 0:
        return math.inf
    return 10 * math.log10(peak**2 / mse) if peak > 0 else math.nan


def check_comparable(
    shapes: Sequence[tuple[int, ...]], dtypes: Sequence[np.dtype[Any]], diff: str | None
) -> None:
    """Check that images can be compared.

    There must be two or more images. All must have the same dtype, or all must be floats. The last
    two must have the same shape, unless ``diff`` is None.
    """
    if len(shapes) < 2:
        raise ValueError(f"compare needs two images or more, got {len(shapes)}")
    scales = {"f" if dtype.kind == "f" else dtype.newbyteorder("=").str for dtype in dtypes}
    if len(scales) > 1:
        raise TypeError(
            f"images to compare must have one dtype, got {', '.join(map(str, dtypes))}: equal "
            "values of two dtypes mean different levels; convert the images to one dtype"
        )
    if diff is not None and shapes[-1] != shapes[-2]:
        raise ValueError(
            f"the images that are compared have the shapes {shapes[-2]} and {shapes[-1]}; expected "
            "one shape: resize one of them, or pass diff=None"
        )


def _difference(first: Array, second: Array, signed: bool) -> tuple[Array, float, float]:
    """Return the difference ``(H, W)`` of two images, and their mean absolute and squared error."""
    first, second = without_alpha(first), without_alpha(second)
    difference = np.empty(first.shape[:2], np.float32)
    absolute, squared, count = 0.0, 0.0, 0
    step = max(1, BLOCK // (first.shape[1] * first.shape[2]))
    with np.errstate(all="ignore"):  # infinite differences become NaN, which is painted later
        for top in range(0, len(first), step):
            rows = slice(top, top + step)
            delta = first[rows].astype(np.float64) - second[rows]
            size = np.abs(delta)
            finite = np.isfinite(size)
            absolute += float(size.sum(where=finite))
            squared += float(np.square(delta).sum(where=finite))
            count += int(np.count_nonzero(finite))
            mean: Array = (delta if signed else size).mean(axis=-1)
            difference[rows] = np.where(np.isfinite(mean), mean, np.nan)
    if not count:
        return difference, math.nan, math.nan
    return difference, absolute / count, squared / count
