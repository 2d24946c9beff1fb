"""Show images on a terminal: protocol of kitty or iTerm, sixel, or half-block characters.

Sources: https://sw.kovidgoyal.net/kitty/graphics-protocol/,
https://iterm2.com/documentation-images.html, and for sixel the VT330/VT340 programmer reference
manual, chapter 14.
"""

from __future__ import annotations

import base64
import io
import os
import shutil
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    import PIL.Image

__all__ = ["PROTOCOLS", "protocol_of", "show"]

PROTOCOLS = ("kitty", "iterm", "sixel", "blocks")

_KITTY_CHUNK = 4096  # the limit of the protocol
_WIDEST = 640  # in pixels; a terminal does not scale sixel images


def protocol_of(environment: Mapping[str, str]) -> str:
    """Return the image protocol of the terminal that set these environment variables."""
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if "kitty" in term or "KITTY_WINDOW_ID" in environment or "ghostty" in (term, program):
        return "kitty"
    if program in ("iTerm.app", "WezTerm", "mintty"):
        return "iterm"
    if term.startswith(("foot", "mlterm", "contour")) or "sixel" in term:
        return "sixel"
    return "blocks"


def show(picture: PIL.Image.Image, protocol: str, stream: TextIO) -> None:
    """Write an image to a terminal. ``"auto"`` detects the protocol from the environment."""
    if protocol == "auto":
        protocol = protocol_of(os.environ)
    draw = {"kitty": _kitty, "iterm": _iterm, "sixel": _sixel, "blocks": _blocks}[protocol]
    for part in draw(picture):
        stream.write(part)
    stream.write("\n")
    stream.flush()


def _png(picture: PIL.Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def _kitty(picture: PIL.Image.Image) -> Iterator[str]:
    data = _png(picture)
    for at in range(0, len(data), _KITTY_CHUNK):
        more = int(at + _KITTY_CHUNK < len(data))
        control = f"a=T,f=100,m={more}" if at == 0 else f"m={more}"
        yield f"\x1b_G{control};{data[at : at + _KITTY_CHUNK]}\x1b\\"


def _iterm(picture: PIL.Image.Image) -> Iterator[str]:
    yield f"\x1b]1337;File=inline=1;preserveAspectRatio=1:{_png(picture)}\x07"


def _sixel(picture: PIL.Image.Image) -> Iterator[str]:
    import numpy as np

    small = picture.convert("RGB")
    small.thumbnail((_WIDEST, _WIDEST))
    indexed = small.quantize(256)
    palette = np.array(indexed.getpalette() or [0, 0, 0]).reshape(-1, 3) * 100 // 255
    pixels = np.asarray(indexed)
    yield f'\x1bPq"1;1;{small.width};{small.height}'
    for number, (red, green, blue) in enumerate(palette):
        yield f"#{number};2;{red};{green};{blue}"
    for top in range(0, len(pixels), 6):  # draws each band of six rows once for each colour
        band = pixels[top : top + 6]
        bits = (1 << np.arange(len(band)))[:, None]
        for number in np.unique(band):
            sixels = ((band == number) * bits).sum(0) + 63
            yield f"#{number}" + bytes(sixels.astype(np.uint8)).decode("ascii") + "$"
        yield "-"
    yield "\x1b\\"


def _blocks(picture: PIL.Image.Image) -> Iterator[str]:
    """Yield half blocks. The foreground is the upper pixel, and the background is the lower one."""
    columns = min(shutil.get_terminal_size().columns, 120)
    small = picture.convert("RGB")
    small.thumbnail((columns, 2 * columns))
    width, height = small.size
    pixel = small.load()
    if pixel is None:
        return
    for y in range(0, height, 2):
        for x in range(width):
            upper = pixel[x, y]
            lower = pixel[x, min(y + 1, height - 1)]
            yield "\x1b[38;2;{};{};{};48;2;{};{};{}m▀".format(*upper, *lower)  # type: ignore[misc]
        yield "\x1b[0m" + ("\n" if y + 2 < height else "")
