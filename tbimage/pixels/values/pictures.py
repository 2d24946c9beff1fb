"""Pictures that are ready to be encoded, with the findings about their data.

A drawing function takes a ``Picture`` or an array-like object, and returns a ``Picture``. So calls
can be chained: ``caption(draw_boxes(photo, boxes), "step 7")``. Each function adds the findings of
its input to its result, so that the caller of the last function can report all findings.
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

Pixels = NDArray[Any]
Color = tuple[int, int, int]

# Luma of ITU-R BT.601, as in Pillow's conversion from RGB to L.
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, slots=True)
class Findings:
    """Findings about the data of some pictures, for a message to the user.

    Attributes:
        clipped: The lowest and the highest finite value if floats without ``value_range`` are
            outside ``natural``, else None.
        non_finite: The number of pixels that are NaN or infinite.
        natural: The range that floats without ``value_range`` should have.
        remarks: Other findings. Key: a phrase. Value: the number of times this was found.
        lacking: The characters that no font has. They are drawn as boxes.
    """

    clipped: tuple[float, float] | None = None
    non_finite: int = 0
    natural: tuple[float, float] = (0.0, 1.0)
    remarks: Mapping[str, int] = field(default_factory=dict)
    lacking: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.clipped or self.non_finite or self.remarks or self.lacking)


@dataclass(frozen=True, slots=True)
class Picture:
    """Levels that are ready to be encoded.

    ``numpy.asarray(picture)`` returns ``picture.pixels``, so functions that accept arrays also
    accept a picture.

    Attributes:
        pixels: ``(H, W, C)``, uint8 or uint16, with 1 to 4 channels: gray, gray and alpha, RGB,
            RGBA.
        findings: The findings about the data.
    """

    pixels: Pixels
    findings: Findings = Findings()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Pixels:
        array = self.pixels if dtype is None else self.pixels.astype(dtype, copy=False)
        return array.copy() if copy else array

    def but(
        self,
        pixels: Pixels,
        remarks: Mapping[str, int] | None = None,
        lacking: frozenset[str] = frozenset(),
    ) -> Picture:
        """Return a picture with other pixels; add ``remarks`` and ``lacking`` to the findings."""
        counted = {phrase: count for phrase, count in (remarks or {}).items() if count}
        found = Findings(remarks=counted, lacking=lacking)
        return Picture(pixels, merge([self.findings, found]) if found else self.findings)


def merge(findings: Iterable[Findings]) -> Findings:
    """Merge findings. Counts are added, and ``clipped`` is the range that includes all ranges."""
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
        if each.lacking:
            merged = replace(merged, lacking=merged.lacking | each.lacking)
        for phrase, count in each.remarks.items():
            remarks[phrase] = remarks.get(phrase, 0) + count
    return replace(merged, remarks=remarks) if remarks else merged


def as_picture(image: object) -> Picture:
    """Make a picture from an array ``(H, W)`` or ``(H, W, C)``. A Picture is returned unchanged.

    The values have the natural range of their dtype. Do not write to the pixels, because they may
    be a view of the array.
    """
    if isinstance(image, Picture):
        return image
    array = as_array(image, "image")
    if array.ndim > 3:
        raise ValueError(
            f"image has shape {array.shape}; expected (height, width) or (height, width, "
            "channels): pass the images of a batch one by one"
        )
    pixels, _ = arrange(array)
    found = to_levels(pixels[0])
    return Picture(found.pixels, Findings(found.clipped, found.non_finite))


def drawable(image: object) -> Picture:
    """Copy a picture or an array for drawing. The copy is 8-bit RGB, or RGBA if there is alpha."""
    picture = as_picture(image)
    pixels = eight_bits(picture.pixels)
    if pixels.shape[2] < 3:
        pixels = with_channels(pixels, 3)
    elif pixels is picture.pixels or pixels.base is not None:
        pixels = pixels.copy()
    return picture.but(pixels)


def eight_bits(pixels: Pixels) -> NDArray[np.uint8]:
    """Return the high bytes of 16-bit levels; 8-bit levels are returned unchanged."""
    return (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels


def with_channels(pixels: Pixels, channels: int) -> Pixels:
    """Add channels: gray becomes red, green and blue, and new alpha is opaque.

    With ``channels=3``, gray with alpha becomes RGBA. The same array is returned if nothing
    changes.
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
    """Return a colour, or its luma for a gray picture, as an opaque pixel ``(C,)``."""
    channels = pixels.shape[2]
    gray = round(sum(map(float.__mul__, _LUMA, map(float, color))))
    values = [*(color if channels > 2 else (gray,)), *([255] if channels in (2, 4) else [])]
    depth = 257 if pixels.itemsize == 2 else 1
    return np.array([value * depth for value in values], pixels.dtype)
