"""A picture that is ready to be encoded, and what was found while it was made.

What lives here: the two types that every function which draws takes and gives, and the change of a
picture's channels and depth. What does not: from values to pictures (rendering.py).

Strategy: a function that draws takes a ``Picture`` or anything array-like, and gives a ``Picture``,
so that drawings chain: ``caption(draw_boxes(render(photo), boxes), "step 7")``. What each of them
found out is carried along, for the one who knows whom to tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage.pixels.arrays.array_like import as_array
from tbimage.pixels.arrays.layouts import arrange
from tbimage.pixels.values.levels import to_levels

__all__ = [
    "Findings",
    "Picture",
    "as_picture",
    "drawable",
    "eight_bits",
    "ink",
    "merge",
    "with_channels",
]

Pixels = NDArray[Any]
Color = tuple[int, int, int]

# Luma of ITU-R BT.601, as Pillow's conversion from RGB to L has it.
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, slots=True)
class Findings:
    """What turned out about the data of some pictures, for a message to the user.

    Attributes:
        clipped: The least and the greatest finite value where floats without ``value_range`` lay
            outside ``natural``, else None.
        non_finite: How many pixels were NaN or infinite.
        natural: The range that floats without ``value_range`` were expected in.
        remarks: What else was found, and how often: a phrase that a colon and the number follow.
    """

    clipped: tuple[float, float] | None = None
    non_finite: int = 0
    natural: tuple[float, float] = (0.0, 1.0)
    remarks: Mapping[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.clipped or self.non_finite or self.remarks)


@dataclass(frozen=True, slots=True)
class Picture:
    """Levels that are ready to be encoded.

    Whatever takes arrays takes it: ``numpy.asarray(picture)`` gives ``picture.pixels``.

    Attributes:
        pixels: ``(H, W, C)``, uint8 or uint16, with 1 to 4 channels: gray, gray and alpha, RGB,
            RGBA.
        findings: What was found while it was made.
    """

    pixels: Pixels
    findings: Findings = Findings()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Pixels:
        array = self.pixels if dtype is None else self.pixels.astype(dtype, copy=False)
        return array.copy() if copy else array

    def but(self, pixels: Pixels, remarks: Mapping[str, int] | None = None) -> Picture:
        """Return other pixels with these findings, and with some remarks more.

        Args:
            pixels: As in the class.
            remarks: Phrases and their counts; those with a count of 0 are left out.
        """
        counted = {phrase: count for phrase, count in (remarks or {}).items() if count}
        if not counted:
            return Picture(pixels, self.findings)
        return Picture(pixels, merge([self.findings, Findings(remarks=counted)]))


def merge(findings: Iterable[Findings]) -> Findings:
    """Put findings together: counts add up, extremes widen.

    Args:
        findings: Of any number of pictures.

    Example:
        >>> merge([Findings((0.0, 2.0)), Findings((-1.0, 1.0), 3, remarks={"boxes skipped": 2})])
        Findings(clipped=(-1.0, 2.0), non_finite=3, natural=(0.0, 1.0), remarks={'boxes skipped':
        2})
    """
    merged = Findings()
    remarks: dict[str, int] = {}
    for each in findings:
        if not each:
            continue
        merged = replace(merged, non_finite=merged.non_finite + each.non_finite)
        if each.clipped is not None:
            low, high = merged.clipped or each.clipped
            clipped = min(low, each.clipped[0]), max(high, each.clipped[1])
            merged = replace(merged, clipped=clipped, natural=each.natural)
        for phrase, count in each.remarks.items():
            remarks[phrase] = remarks.get(phrase, 0) + count
    return replace(merged, remarks=remarks) if remarks else merged


def as_picture(image: object) -> Picture:
    """Take a picture, or make one of anything array-like by the natural range of its dtype.

    Args:
        image: A Picture; or ``(H, W)`` or ``(H, W, C)`` with 1 to 4 channels, of any dtype: uint8
            and uint16 are taken as they are, floats as 0 to 1, bools as black and white.

    Returns:
        The picture; pixels are viewed where they can be, so do not write to them.

    Raises:
        TypeError: It is nothing that has pixels.
        ValueError: Its shape is not that of one image, or its integers lie outside 0..255.

    Example:
        >>> as_picture([[0.0, 1.0]]).pixels.ravel().tolist()
        [0, 255]
    """
    if isinstance(image, Picture):
        return image
    array = as_array(image)
    if array.ndim > 3:
        raise ValueError(
            f"image has shape {array.shape}; expected (height, width) or (height, width, "
            "channels): pass the images of a batch one by one"
        )
    pixels, _ = arrange(array)
    found = to_levels(pixels[0])
    return Picture(found.pixels, Findings(found.clipped, found.non_finite))


def drawable(image: object, channels: int = 3) -> Picture:
    """Take a picture and give a copy of it that may be painted: 8 bits deep, with enough channels.

    Args:
        image: As in :func:`as_picture`. 16 bits become 8 by their high byte.
        channels: 3 for colours, of gray pictures too; 1 to leave gray pictures gray. Alpha stays.

    Returns:
        A picture whose pixels nobody else has.

    Raises:
        TypeError: As :func:`as_picture`.
        ValueError: As :func:`as_picture`.

    Example:
        >>> drawable(np.zeros((4, 4), np.uint16)).pixels.shape
        (4, 4, 3)
    """
    picture = as_picture(image)
    pixels = eight_bits(picture.pixels)
    count = pixels.shape[2]
    wanted = max(count, channels + (count in (2, 4)))
    if wanted != count:
        pixels = with_channels(pixels, wanted)
    elif pixels is picture.pixels or pixels.base is not None:
        pixels = pixels.copy()
    return picture.but(pixels)


def eight_bits(pixels: Pixels) -> NDArray[np.uint8]:
    """Take the high byte of 16 bits; 8 bits stay the same array."""
    return (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels


def with_channels(pixels: Pixels, channels: int) -> Pixels:
    """Give a picture more channels: gray becomes red, green and blue, new alpha is opaque.

    Args:
        pixels: ``(H, W, C)``, uint8 or uint16.
        channels: C or more; 3 of gray with alpha is taken as 4.

    Returns:
        The same array if nothing changes, else a new one.

    Example:
        >>> with_channels(np.full((1, 1, 1), 7, np.uint8), 4).tolist()
        [[[7, 7, 7, 255]]]
    """
    count = pixels.shape[2]
    if count == 2 and channels > 2:
        channels = 4
    if count == channels:
        return pixels
    wider = np.empty((*pixels.shape[:2], channels), pixels.dtype)
    colors = channels - (channels in (2, 4))
    for channel in range(colors):
        wider[..., channel] = pixels[..., channel if count > 2 else 0]
    if colors < channels:
        wider[..., -1] = pixels[..., -1] if count in (2, 4) else np.iinfo(pixels.dtype).max
    return wider


def ink(color: Color, pixels: Pixels) -> Pixels:
    """Give an opaque colour as one pixel of a picture.

    Args:
        color: Red, green and blue in 0..255; gray pictures get its luma.
        pixels: The picture, ``(H, W, C)``, uint8 or uint16.

    Returns:
        ``(C,)`` of the picture's dtype.

    Example:
        >>> ink((255, 0, 0), np.zeros((1, 1, 2), np.uint16)).tolist()
        [19532, 65535]
    """
    channels = pixels.shape[2]
    gray = round(sum(map(float.__mul__, _LUMA, map(float, color))))
    values = [*(color if channels > 2 else (gray,)), *([255] if channels in (2, 4) else [])]
    depth = 257 if pixels.itemsize == 2 else 1
    return np.array([value * depth for value in values], pixels.dtype)
