"""The colours of classes, by index or by name.

A person chose nine colours, and a program chose the others one by one. Its candidates were 30,000
colours of sRGB that are not dark, pale or gray. It always chose the candidate with the greatest
distance from the earlier colours. Then it repeatedly moved the two closest colours apart, until the
minimum distance no longer increased. With the distances of CIEDE2000, the first 12 colours are at
least 20 apart, and all 64 colours are at least 14 apart. Each colour is at least 12 from black,
from white, and from the red that marks NaN. (A distance of 1 is just visible.) A test checks these
numbers.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage import checks

_HEX = (
    "1f77dc ff8c00 2ea043 be50e6 00c8d7 ffd700 ff5096 8c563c 96dc3c 0800f0 888008 900858 d80858 "
    "c85800 c89818 6058f0 f880ff d02098 006808 ff7848 a8b000 10ffd8 9088f0 00c090 e06868 9808b0 "
    "20f888 a07020 981808 10a8e0 586010 ffb0a8 087858 f0b880 c8b0f0 503888 90b8f8 8868a0 187890 "
    "c080b0 185098 189898 704800 b88060 90b080 ffc0e0 688050 a06070 d8f8b0 ffe8a8 a89870 98d0c0 "
    "105050 585870 807058 684048 8888a0 c0f0ff b89898 c8c8b0 80a0a8 504830 ffe0d0 e8e0f8"
)
Color = tuple[int, int, int]
#: Names of classes, by index.
Names = Sequence[str] | Mapping[int, str]

#: ``(64, 3)`` uint8: red, green and blue of the classes 0 to 63; read-only.
CLASS_COLORS: NDArray[np.uint8] = np.frombuffer(bytes.fromhex(_HEX), np.uint8).reshape(-1, 3)

#: The finding for class indices of 64 or more, whose colours repeat.
CYCLED = f"classes beyond the {len(CLASS_COLORS)} colours of the palette, so that colours repeat"

# Names get one of the first 24 colours. The mean chroma of these colours is about twice the mean
# chroma of the other colours.
_BRIGHT = 24

_DARK, _LIGHT = (24, 24, 27), (255, 255, 255)


def class_color(index: int) -> Color:
    """Return the colour of a class.

    Args:
        index: Any integer. The 64 colours repeat.

    Raises:
        TypeError: ``index`` is not an integer.

    Example:
        >>> class_color(0), class_color(64)
        ((31, 119, 220), (31, 119, 220))
    """
    index = checks.integer("index", index, -math.inf)
    red, green, blue = CLASS_COLORS[index % len(CLASS_COLORS)].tolist()
    return red, green, blue


def check_colors(colors: Any, count: int) -> list[Color]:
    """Check one colour for all objects, or ``count`` colours; return one colour for each object."""
    problem = (
        f"colors must be (red, green, blue) or {count} such colours, integers in 0..255, got "
        f"{checks.given(colors)}"
    )
    try:
        array = np.asarray(colors)
    except (ValueError, Warning):  # ragged; NumPy 1.23 warns
        raise TypeError(problem) from None
    if array.dtype.kind not in "iu" or array.ndim == 0:
        raise TypeError(problem)
    if array.shape not in ((3,), (count, 3)):
        raise ValueError(problem)
    if array.min(initial=0) < 0 or array.max(initial=0) > 255:
        raise ValueError(problem)
    each = np.broadcast_to(array, (count, 3)).tolist()
    return [(red, green, blue) for red, green, blue in each]


def check_names(argument: str, names: Any) -> Names | None:
    """Check the names of classes: a sequence, or a mapping from index to name."""
    expected = "names, or a mapping from indices to names"
    if names is None:
        return None
    if not isinstance(names, Mapping):
        return [str(name) for name in checks.items(argument, names, expected)]
    try:
        return {int(index): str(name) for index, name in names.items()}
    except (TypeError, ValueError):
        raise TypeError(f"{argument} must be {expected}, got {checks.given(names)}") from None


def class_name(index: int, names: Names | None) -> str:
    """Return the name of a class, or its index if the class has no name."""
    if isinstance(names, Mapping):
        return str(names.get(index, index))
    return str(names[index]) if names is not None and 0 <= index < len(names) else str(index)


def label_color(label: str) -> Color:
    """Return the colour of a name; equal names always have the same colour.

    The colour is one of the first 24 colours, because most of the others are less saturated. Two
    different names may have the same colour.

    Args:
        label: Any text.

    Example:
        >>> label_color("cat") == label_color("cat") != label_color("dog")
        True
    """
    return class_color(zlib.crc32(label.encode("utf-8", "replace")) % _BRIGHT)


def readable_on(color: Color) -> Color:
    """Return the text colour with more contrast to ``color``: nearly black, or white.

    The contrast is 4.2:1 or more, as defined in WCAG 2.2
    (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio).
    """
    dark, light, ground = map(_luminance, (_DARK, _LIGHT, color))
    return _DARK if (ground + 0.05) / (dark + 0.05) > (light + 0.05) / (ground + 0.05) else _LIGHT


def _luminance(color: Color) -> float:
    """Return the relative luminance as WCAG 2.2 defines it."""
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in color)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
