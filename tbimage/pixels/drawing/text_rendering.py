"""Text to pixels, with the font that ships inside Pillow.

What lives here: the size of letters, breaking text into lines, and writing a line onto a picture.
What does not: where text goes (captions.py, drawing.py, legend.py, colorbar.py).

Strategy: a line is drawn once by Pillow as coverage in 0..255, and blended by NumPy. Short lines
are kept, since class names, channel numbers and scores come again with each picture.

Rules:
- Any string can be written. What the font lacks is shown as a box: the font's own where FreeType
  draws (Pillow 10.1 and newer: Aileron, of which Pillow has 113 characters), one drawn here where
  it is Pillow's older bitmap font (Latin-1). Control characters are spaces, and dashes are hyphens.
- No text takes long: lines are cut at ``MOST_LETTERS``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage.pixels.values.pictures import Color, ink

__all__ = [
    "LEAST_SIZE",
    "blend",
    "coverage",
    "line_height",
    "number_text",
    "size_for",
    "text_width",
    "wrap",
    "write",
]

Coverage = NDArray[np.uint8]

#: Letters of this size can just be read.
LEAST_SIZE = 12
_GREATEST_SIZE = 96
# TensorBoard fits a picture into a card of 350 pixels until it is clicked, by leaving out pixels:
# letters of a 28th of the picture's width have 12 pixels there, and can be read.
_LETTERS_ACROSS = 28

#: Of one text no more is looked at; it fills a strip of 4000 pixels eight times.
MOST_LETTERS = 4000

# Control characters (Unicode's category Cc) and odd spaces, and what looks the same as an ASCII
# character that the font has: dashes, the minus sign, the multiplication sign.
_REPLACED = dict.fromkeys([*range(0x20), *range(0x7F, 0xA1), *range(0x2000, 0x200B), 0x202F], " ")
_REPLACED |= dict.fromkeys([*range(0x2010, 0x2016), 0x2212], "-") | {0xD7: "x"}


def size_for(height: int, width: int) -> int:
    """Give the size of letters that can be read when TensorBoard shows a picture in a card.

    Args:
        height: Of the picture, in pixels.
        width: Likewise.

    Returns:
        A font size in pixels.

    Example:
        >>> size_for(28, 28), size_for(1080, 1920)
        (12, 68)
    """
    return min(max(LEAST_SIZE, max(height, width) // _LETTERS_ACROSS), _GREATEST_SIZE)


def line_height(size: int) -> int:
    """Give the height of a line of text.

    Args:
        size: Of the letters, in pixels.

    Example:
        >>> line_height(16) >= 16
        True
    """
    return size + size // 4 + 1


def text_width(text: str, size: int) -> int:
    """Give the width of a line of text.

    Args:
        text: Any; of more than ``MOST_LETTERS`` the first.
        size: Of the letters, in pixels.

    Example:
        >>> text_width("hello", 16) < text_width("hello, world", 16)
        True
    """
    return _advance(_plain(text), size) + 2 * _margin(size)


def number_text(value: float) -> str:
    """Give a number with three digits that count, or all before the point.

    Args:
        value: Any.

    Example:
        >>> number_text(0.123456), number_text(65535), number_text(1.5e-7)
        ('0.123', '65535', '1.5e-07')
    """
    return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def wrap(text: str, size: int, width: int, most_lines: int) -> list[str]:
    r"""Break text into lines that fit, at spaces where there are some.

    Args:
        text: Any; line breaks in it are kept.
        size: Of the letters, in pixels.
        width: That a line may have, in pixels; a line has one letter at least.
        most_lines: How many lines there may be; if that is not enough, the last ends with "…".

    Returns:
        One line or more.

    Example:
        >>> wrap("two\nlines", 16, 400, 9)
        ['two', 'lines']
        >>> wrap("a caption of five words", 16, 80, 1)[0][-1]
        '…'
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
    """Write a line onto a picture; what lies outside is cut off.

    Args:
        pixels: ``(H, W, C)``, uint8 or uint16, written.
        text: Any; of more than ``MOST_LETTERS`` the first.
        left: Column of the line's left edge.
        top: Row of its top.
        size: Of the letters, in pixels.
        color: Of the letters: red, green and blue in 0..255.

    Returns:
        Width and height of the line.

    Example:
        >>> pixels = np.zeros((24, 64, 1), np.uint8)
        >>> write(pixels, "hello", 0, 0, 16, (255, 255, 255)) > (20, 16)
        True
        >>> int(pixels.max())
        255
    """
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
    """Paint as far as something covers: ``(old * (255 - covered) + paint * covered) / 255``.

    Args:
        target: ``(…, C)``, uint8 or uint16, written.
        covered: ``(…)``, uint8: 0 leaves a pixel, 255 replaces it.
        paint: ``(C,)``, of the target's dtype.

    Example:
        >>> target = np.array([[0], [100], [200]], np.uint8)
        >>> blend(target, np.array([0, 51, 255], np.uint8), np.array([255], np.uint8))
        >>> target.ravel().tolist()
        [0, 131, 255]
    """
    if target.dtype == np.uint8:
        part, most, shift = covered.astype(np.uint16), np.uint16(255), np.uint16(8)
        for channel in range(target.shape[-1]):  # by channel: inner loops are as long as lines then
            mixed = target[..., channel] * (most - part) + part * paint[channel].astype(np.uint16)
            mixed += 128
            target[..., channel] = (mixed + (mixed >> shift)) >> shift  # to the nearest / 255
    else:
        wide = covered[..., np.newaxis].astype(np.uint32)
        target[...] = (target * (255 - wide) + paint * wide + 127) // 255


# --- fonts ----------------------------------------------------------------------------------------


def _margin(size: int) -> int:
    """Room at both ends of a line, for letters that lean out."""
    return max(1, size // 12)


def _plain(text: str) -> str:
    """One line, not too long, of what the font is likely to have."""
    return text[:MOST_LETTERS].translate(_REPLACED)


def _broken(paragraph: str, size: int, width: int) -> Iterator[str]:
    """Break one paragraph, at spaces where there are some."""
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
    """How many letters of a word fit; one at least."""
    low, high = 1, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _advance(word[:middle], size) <= width else (low, middle - 1)
    return low


@lru_cache(maxsize=64)
def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


@lru_cache(maxsize=256)  # a line is measured when it is broken, placed and drawn
def _advance(line: str, size: int) -> int:
    return int(np.ceil(_font(size).getlength(line)))


# A line of 20 letters of the size 32 is 14 KB, and a picture's labels and scores are 100 or so.
_KEPT_LINES, _KEPT_LETTERS, _KEPT_SIZE = 512, 40, 32


def coverage(text: str, size: int) -> Coverage:
    """Draw a line of text.

    Args:
        text: Any; of more than ``MOST_LETTERS`` the first.
        size: Of the letters, in pixels.

    Returns:
        ``(line_height, text_width)`` uint8, 0 to 255: how far letters cover each pixel. Read only.

    Example:
        >>> int(coverage("hello", 16).max())
        255
    """
    line = _plain(text)
    kept = len(line) <= _KEPT_LETTERS and size <= _KEPT_SIZE
    return _kept_coverage(line, size) if kept else _drawn(line, size)


@lru_cache(maxsize=_KEPT_LINES)
def _kept_coverage(line: str, size: int) -> Coverage:
    return _drawn(line, size)


def _drawn(line: str, size: int) -> Coverage:
    """A line as coverage, ``(line_height, text_width)``."""
    from PIL import Image, ImageDraw

    margin = _margin(size)
    image = Image.new("L", (_advance(line, size) + 2 * margin, line_height(size)))
    ImageDraw.Draw(image).text((margin, 0), line, 255, _font(size))
    return np.asarray(image)
