"""Choose a font for each line: the user's font, Pillow's default, or an installed font.

Pillow's default font (Aileron) has 113 characters. A line is drawn in the first font that has all
characters of the line. If no font has all of them, each character is drawn in the first font that
has it. Characters that no font has do not affect this choice. They are drawn as boxes.

This module reads no files. ``tbimage.fonts`` provides the functions that load the user's font and
search the installed fonts.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import lru_cache
from itertools import groupby
from typing import Any

#: A ``PIL.ImageFont.FreeTypeFont``; its method ``font_variant`` returns the font in another size.
Font = Any

# To check whether a font has a character, the character is drawn in this size. All fonts support
# this size, except some bitmap fonts.
_SIZE = 20
# No font has this character: it is a noncharacter (The Unicode Standard, chapter 23.7).
_NO_CHARACTER = "\U0010ffff"
# Categories of characters that have no shape of their own: marks, spaces, controls, joiners.
_SHAPELESS = ("Mn", "Me", "Zs", "Zl", "Zp", "Cc", "Cf")


class Fonts:
    """The fonts of this process, in order of preference.

    ``load_chosen`` returns the user's font or None. This font precedes Pillow's default font.
    ``search`` returns an installed font that has a given character, or None.
    """

    def __init__(
        self, load_chosen: Callable[[], Font | None], search: Callable[[str], Font | None]
    ) -> None:
        self._load_chosen = load_chosen
        self._search = search
        self._fonts: list[Font] = []
        self._numbers: dict[str, int | None] = {}  # character: its font's number or None

    def runs(self, line: str) -> list[tuple[Font, str]]:
        """Split a line into runs, each with the font that draws it."""
        fonts = self._known()
        if line.isascii():
            return [(fonts[0], line)]
        needed = {letter for letter in set(line) if self._number(letter) is not None}
        for font in fonts:
            if all(has(font, letter) for letter in needed):
                return [(font, line)]
        return [
            (fonts[number or 0], "".join(run)) for number, run in groupby(line, key=self._number)
        ]

    def lacking(self, text: str) -> frozenset[str]:
        """Return the characters of a text that no font has."""
        if text.isascii():
            return frozenset()
        return frozenset(letter for letter in set(text) if self._number(letter) is None)

    def _number(self, letter: str) -> int | None:
        """Return the number of the first font that has a character, or None."""
        if letter not in self._numbers:
            self._numbers[letter] = self._find(letter)
        return self._numbers[letter]

    def _find(self, letter: str) -> int | None:
        fonts = self._known()
        for number, font in enumerate(fonts):
            if has(font, letter):
                return number
        found = self._search(letter)
        if found is None or not has(found, letter):
            return None
        fonts.append(found)
        return len(fonts) - 1

    def _known(self) -> list[Font]:
        if not self._fonts:
            from PIL import ImageFont

            chosen = self._load_chosen()
            default = ImageFont.load_default(_SIZE)
            self._fonts = [default] if chosen is None else [chosen, default]
        return self._fonts


@lru_cache(maxsize=4096)
def has(font: Font, letter: str) -> bool:
    """Tell whether a font has a character; it draws all missing characters with the same shape."""
    if unicodedata.category(letter) in _SHAPELESS:
        return True
    try:
        sized = font.font_variant(size=_SIZE)
        return bool(_shape(sized, letter) != _shape(sized, _NO_CHARACTER))
    except (OSError, UnicodeEncodeError):  # a bitmap font; a lone surrogate
        return False


def _shape(font: Font, letter: str) -> tuple[Any, bytes]:
    mask = font.getmask(letter, "L")
    return mask.size, bytes(mask)


#: Pillow's default font alone.
DEFAULT = Fonts(lambda: None, lambda letter: None)

_fonts = DEFAULT


def current() -> Fonts:
    """Return the current fonts, which are part of each key in the caches of drawn text."""
    return _fonts


def use(fonts: Fonts) -> None:
    """Use other fonts from now on."""
    global _fonts
    _fonts = fonts
