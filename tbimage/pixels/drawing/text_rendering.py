"""Draw text as pixels.

Pillow draws a line of text as a mask of coverage, 0 to 255. NumPy blends the text into the picture.
Short lines are cached, because many pictures have the same class names, channel numbers and scores.

Rules:
- Any string can be written. Characters that no font has (``fonts.py``) are shown as boxes. Control
  characters become spaces, and dashes become hyphens.
- The time is bounded for any text: texts are cut after ``MOST_LETTERS`` characters.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFile, ImageFont  # noqa: F401  # drawing needs ImageFile

from tbimage import checks
from tbimage.pixels.drawing import fonts
from tbimage.pixels.values.pictures import Color, ink

ImageFont.load_default(10)  # otherwise the first text imports a module, perhaps in a worker

Coverage = NDArray[np.uint8]

#: The smallest size of letters that people can read, in pixels.
LEAST_SIZE = 12
_GREATEST_SIZE = 96
# TensorBoard shows a picture in a card that is 350 pixels wide. It omits pixels of larger pictures.
# If the size of letters is 1/28 of the picture's width, it is 12 pixels in the card.
_LETTERS_ACROSS = 28

#: The maximum number of letters of a text. In size 16, they fill seven lines of 4000 pixels.
MOST_LETTERS = 4000

# The characters that are replaced: control characters (Unicode's category Cc), special spaces, and
# characters that look like an ASCII character (dashes, the minus sign, the multiplication sign).
_REPLACED = dict.fromkeys([*range(0x20), *range(0x7F, 0xA1), *range(0x2000, 0x200B), 0x202F], " ")
_REPLACED |= dict.fromkeys([*range(0x2010, 0x2016), 0x2212], "-") | {0xD7: "x"}


def check_text(argument: str, text: object) -> str:
    """Check a text: any string is allowed, even one that is not valid Unicode."""
    if isinstance(text, str):
        return text
    raise TypeError(
        f"{argument} must be a string, got {checks.given(text)}; pass str(text), or decode bytes"
    )


def size_for(height: int, width: int) -> int:
    """Return a letter size that people can read when TensorBoard shows the picture in a card."""
    return min(max(LEAST_SIZE, max(height, width) // _LETTERS_ACROSS), _GREATEST_SIZE)


def line_height(size: int) -> int:
    """Return the height of a line of text."""
    return size + size // 4 + 1


def text_width(text: str, size: int) -> int:
    """Return the width of a line of text."""
    return _advance(_plain(text), size) + 2 * _margin(size)


def number_text(value: float) -> str:
    """Return a number as text: from 1000 to 1e6 as an integer, else with 3 significant digits."""
    return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def wrap(text: str, size: int, width: int, most_lines: int) -> list[str]:
    """Break text into lines that fit into a width in pixels; break at spaces if possible.

    Line breaks in the text are kept. If there are more than ``most_lines`` lines, the last lines
    are omitted, and the last line that is kept ends with "…".
    """
    width -= 2 * _margin(size)
    lines = itertools.chain.from_iterable(
        _broken(_plain(paragraph), size, width)
        for paragraph in text[:MOST_LETTERS].splitlines() or [""]
    )
    taken = list(itertools.islice(lines, most_lines + 1))
    if len(taken) > most_lines:
        last = taken[most_lines - 1]
        while last and _advance(last + "…", size) > width:
            last = last[:-1]
        taken[most_lines - 1 :] = [last.rstrip() + "…"]
    return taken


def write(
    pixels: NDArray[Any], text: str, left: int, top: int, size: int, color: Color
) -> tuple[int, int]:
    """Write the visible part of a line onto a picture; return width and height of the line."""
    covered = coverage(text, size)
    height, width = covered.shape
    rows = slice(max(top, 0), max(top + height, 0))
    columns = slice(max(left, 0), max(left + width, 0))
    target = pixels[rows, columns]
    if target.size:
        first_row, first_column = max(-top, 0), max(-left, 0)
        part = covered[first_row:, first_column:][: target.shape[0], : target.shape[1]]
        blend(target, part, ink(color, pixels))
    return width, height


def blend(target: NDArray[Any], covered: Coverage, paint: NDArray[Any]) -> None:
    """Blend ``paint`` into pixels: ``(old * (255 - covered) + paint * covered) / 255``."""
    if target.dtype == np.uint8:
        part, most, shift = covered.astype(np.uint16), np.uint16(255), np.uint16(8)
        for channel in range(target.shape[-1]):  # one by one, so that inner loops are long
            mixed = target[..., channel] * (most - part) + part * paint[channel].astype(np.uint16)
            mixed += 128
            target[..., channel] = (mixed + (mixed >> shift)) >> shift  # mixed / 255, rounded
    else:
        wide = covered[..., np.newaxis].astype(np.uint32)
        target[...] = (target * (255 - wide) + paint * wide + 127) // 255


# --- fonts ----------------------------------------------------------------------------------------


def _margin(size: int) -> int:
    """Return the margin at each end of a line, for letters that are wider than their advance."""
    return max(1, size // 12)


def _plain(text: str) -> str:
    """Return a text cut to ``MOST_LETTERS``, with some characters replaced (``_REPLACED``)."""
    return text[:MOST_LETTERS].translate(_REPLACED)


def _broken(paragraph: str, size: int, width: int) -> Iterator[str]:
    """Break one paragraph into lines; break at spaces if possible."""
    if _advance(paragraph, size) <= width:
        yield paragraph
        return
    line = ""
    for word in paragraph.split(" "):
        joined = f"{line} {word}" if line else word
        if _advance(joined, size) <= width:
            line = joined
            continue
        if line:
            yield line
        line = word
        while len(line) > 1 and _advance(line, size) > width:
            fitting = _fitting_letters(line, size, width)
            yield line[:fitting]
            line = line[fitting:]
    yield line


def _fitting_letters(word: str, size: int, width: int) -> int:
    """Return the number of letters of a word that fit into the width, but at least 1."""
    low, high = 1, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _advance(word[:middle], size) <= width else (low, middle - 1)
    return low


def lacking(texts: Iterable[str]) -> frozenset[str]:
    """Return the characters that are drawn as boxes, because no font has them."""
    return frozenset().union(*(fonts.current().lacking(_plain(text)) for text in texts))


@lru_cache(maxsize=64)
def _sized(font: fonts.Font, size: int) -> fonts.Font:
    return font.font_variant(size=size)


def _advance(line: str, size: int) -> int:
    return _kept_advance(line, size, fonts.current())


@lru_cache(maxsize=256)  # each line is measured several times: to break, place and draw it
def _kept_advance(line: str, size: int, used: fonts.Fonts) -> int:
    runs = used.runs(line)
    return sum(int(np.ceil(_sized(font, size).getlength(run))) for font, run in runs)


# The mask of 20 letters of size 32 has 14 KB. A picture has about 100 labels and scores.
_KEPT_LINES, _KEPT_LETTERS, _KEPT_SIZE = 512, 40, 32


def coverage(text: str, size: int) -> Coverage:
    """Return the mask of a line of text, ``(line_height, text_width)`` uint8, read-only."""
    line = _plain(text)
    kept = len(line) <= _KEPT_LETTERS and size <= _KEPT_SIZE
    used = fonts.current()
    return _kept_coverage(line, size, used) if kept else _drawn(line, size, used)


@lru_cache(maxsize=_KEPT_LINES)
def _kept_coverage(line: str, size: int, used: fonts.Fonts) -> Coverage:
    return _drawn(line, size, used)


@lru_cache(maxsize=128)
def _baseline(size: int) -> int:
    default: fonts.Font = ImageFont.load_default(size)
    return int(default.getmetrics()[0])


def _drawn(line: str, size: int, used: fonts.Fonts) -> Coverage:
    left = _margin(size)
    image = Image.new("L", (_advance(line, size) + 2 * left, line_height(size)))
    draw = ImageDraw.Draw(image)
    for font, run in used.runs(line):
        sized = _sized(font, size)
        # Fonts have different ascents, so all use the baseline of Pillow's default font.
        draw.text((left, _baseline(size)), run, 255, sized, anchor="ls")
        left += int(np.ceil(sized.getlength(run)))
    return np.asarray(image)
