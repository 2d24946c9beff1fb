"""The fonts of texts in pictures: the font that the user sets, and the installed fonts.

The installed fonts are searched only if a text has a character that no font in use contains. The
thread that draws the text (usually a worker) does this search. A call that logs does not draw, so
it never waits for the search.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from tbimage.pixels.drawing import fonts

logger: logging.Logger = logging.getLogger("tbimage")

#: The environment variable that names a font file.
VARIABLE = "TBIMAGE_FONT"

_FILES = (".ttf", ".otf", ".ttc")
_DIRECTORIES = {
    "darwin": ("/System/Library/Fonts", "/Library/Fonts", "~/Library/Fonts"),
    "win32": (r"C:\Windows\Fonts", r"~\AppData\Local\Microsoft\Windows\Fonts"),
}
_UNIX = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")
# These fonts are tried first. They have many characters, or they are regular and without serifs.
_PREFERRED = ("dejavusans.", "notosans-regular", "notosanscjk-regular", "arial", "sans")
# Trying a font takes about 1 ms. Asking fontconfig takes 20 ms. So a search in _MOST_FILES fonts
# takes at most a second. If fontconfig does not answer, the search takes _SECONDS more.
_MOST_FILES = 400
_MOST_FAILURES = 20
_SECONDS = 5.0


def set_font(font: Any = None) -> None:
    """Set the font of texts in pictures: captions, labels, titles, legends.

    The font is used in the whole process. The environment variable ``TBIMAGE_FONT`` can set it,
    too. If this font lacks a character, Pillow's default font is used. If that font also lacks the
    character, an installed font that has it is used. If no font has the character, a box is drawn.
    A warning about this is logged once for each summary name and character.

    Args:
        font: The path of a TrueType or OpenType file, or a font of ``PIL.ImageFont.truetype``. Its
            size does not matter: the size of letters depends on the picture. None: the file that
            ``TBIMAGE_FONT`` names, or Pillow's default font.

    Raises:
        TypeError: ``font`` is neither a path nor such a font.
        ValueError: The file cannot be read, or contains no font.

    Example:
        >>> from PIL import ImageFont
        >>> set_font(ImageFont.load_default(10))
        >>> set_font()
    """
    if font is None:
        load: Callable[[], Any] = _from_environment
    elif hasattr(font, "font_variant"):
        load = partial(_given, font)
    elif isinstance(font, (str, os.PathLike)):
        load = partial(_given, _opened(font, "font"))
    else:
        raise TypeError(
            "font must be the path of a font file or a font of PIL.ImageFont.truetype, got "
            f"{font!r} of type {type(font).__name__}"
        )
    fonts.use(fonts.Fonts(load, _Search()))


def use_installed() -> None:
    """From now on, use installed fonts, too. This is called before anything is drawn."""
    if fonts.current() is fonts.DEFAULT:
        set_font()


def _given(font: fonts.Font) -> fonts.Font:
    return font


def _opened(path: str | os.PathLike[str], argument: str) -> fonts.Font:
    from PIL import ImageFont

    try:
        return ImageFont.truetype(os.fspath(path), 20)  # Pillow 10.1 does not accept a Path
    except OSError as error:
        raise ValueError(
            f"{argument} must be the path of a TrueType or OpenType file, got {path!r}: {error}"
        ) from None


def _from_environment() -> fonts.Font | None:
    path = os.environ.get(VARIABLE)
    if not path:
        return None
    try:
        return _opened(path, VARIABLE)
    except ValueError as error:
        logger.warning("%s. Texts are drawn in Pillow's default font.", error)
        return None


class _Search:
    """Finds an installed font that has a character. After too many failures, it stops searching."""

    def __init__(self) -> None:
        self._failures = 0

    def __call__(self, letter: str) -> fonts.Font | None:
        """Return a font that has the character, or None."""
        if self._failures >= _MOST_FAILURES:
            return None
        for path, number in _candidates(letter):
            font = _with(letter, path, number)
            if font is not None:
                return font
        self._failures += 1
        return None


def _with(letter: str, path: str, number: int) -> fonts.Font | None:
    from PIL import ImageFont

    try:
        font = ImageFont.truetype(path, 20, number)
    except OSError:  # not a font, or a bitmap font
        return None
    return font if fonts.has(font, letter) else None


def _candidates(letter: str) -> Iterator[tuple[str, int]]:
    """Yield font files that may have a character, each with the number of a font in the file."""
    import subprocess  # imported here, because the import takes 5 ms

    pattern = f"sans:charset={ord(letter):x}:scalable=true"
    try:
        answer = subprocess.run(
            ["fc-match", "--format=%{index} %{file}", pattern],
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        ).stdout
        number, _, path = os.fsdecode(answer).partition(" ")
        yield path, int(number) & 0xFFFF  # the upper bits are the number of a named instance
    except (OSError, ValueError, subprocess.SubprocessError):  # fontconfig is missing, or failed
        for path in _installed():
            yield path, 0


def _installed() -> list[str]:
    """Return the paths of font files in the usual directories, the best ones first."""
    found = []
    for directory in _DIRECTORIES.get(sys.platform, _UNIX):
        for root, _, names in os.walk(os.path.expanduser(directory)):
            found += [os.path.join(root, name) for name in names if name.lower().endswith(_FILES)]
    return sorted(found, key=_rank)[:_MOST_FILES]


def _rank(path: str) -> tuple[int, str]:
    name = os.path.basename(path).lower()
    places = [place for place, part in enumerate(_PREFERRED) if part in name]
    oblique = "bold" in name or "italic" in name or "oblique" in name
    return (places or [len(_PREFERRED)])[0] + len(_PREFERRED) * oblique, name
