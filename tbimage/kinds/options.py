"""How pictures look and are stored: the options that all kinds of pictures share.

What lives here: their one form, and the checks in the caller's thread. What does not: what they
mean (``pixels/rendering.py``, ``pixels/jpeg.py``, ``pixels/png.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypedDict

from tbimage.pixels.arrays.encoded import MOST_PIXELS
from tbimage.pixels.clips import jpeg
from tbimage.pixels.drawing.rendering import Look, check_fit, check_look
from tbimage.pixels.png import encoder

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "ENCODINGS",
    "LookKeywords",
    "PictureKeywords",
    "PictureOptions",
    "check_captions",
    "check_look_fits",
    "check_options",
    "check_size",
    "recent_options",
]

#: How a picture is stored.
ENCODINGS = ("png", "jpeg")


class LookKeywords(TypedDict, total=False):
    """The keywords of ``pixels.rendering.check_look``, which documents each."""

    value_range: Any
    nan_color: tuple[int, int, int]
    colormap: str | None
    colorbar: bool
    gamma: float | None
    log: float | bool | None
    max_side: int | None
    scale: float | None


class PictureKeywords(LookKeywords, total=False):
    """The keywords of a writer's methods for pictures; ``SummaryWriter.image`` documents each."""

    encoding: str | None
    quality: int | None
    compression: str | None


_AS_IT_IS = Look()


@dataclass(frozen=True, slots=True)
class PictureOptions:
    """How pictures look and become bytes; made by :func:`check_options`.

    Attributes:
        wire: "image" or "tensor".
        description: Markdown shown with the pictures, or None.
        look: How values look.
        encoding: "png" or "jpeg".
        quality: Of a JPEG, 1 to 100.
        compression: Of a PNG, one of ``pixels.png.COMPRESSIONS``.
        png_instead: Whether a picture that JPEG cannot hold becomes a PNG, and is no error.
    """

    wire: str = "image"
    description: str | None = None
    look: Look = _AS_IT_IS
    encoding: str = "png"
    quality: int = 90
    compression: str = "fast"
    png_instead: bool = False


def check_options(
    *,
    wire: str = "image",
    description: str | None = None,
    encoding: object = "png",
    quality: object = 90,
    compression: object = "fast",
    png_instead: bool = False,
    **look: Unpack[LookKeywords],
) -> PictureOptions:
    """Check how pictures are to look and to become bytes.

    Args:
        wire: "image" or "tensor", checked.
        description: Markdown, checked, or None.
        encoding: "png" or "jpeg".
        quality: Of a JPEG, 1 to 100.
        compression: Of a PNG: "fast", "balanced" or "small".
        png_instead: Whether a picture that JPEG cannot hold becomes a PNG, as where nobody asked
            for a JPEG of this picture.
        look: As ``pixels.rendering.check_look`` takes it.

    Raises:
        TypeError: One is of the wrong type.
        ValueError: One has none of the allowed values.

    Example:
        >>> check_options(colormap="viridis", encoding="jpeg").quality
        90
    """
    unknown = ", ".join(map(repr, look.keys() - LookKeywords.__annotations__.keys()))
    if unknown:
        known = ", ".join((*PictureKeywords.__annotations__,))
        raise TypeError(f"pictures have no option {unknown}; expected some of {known}")
    for argument, value, allowed in (
        ("encoding", encoding, ENCODINGS),
        ("compression", compression, encoder.COMPRESSIONS),
    ):
        if not isinstance(value, str) or value not in allowed:
            names = " or ".join(map(repr, allowed))
            raise ValueError(f"{argument} must be {names}, got {value!r}")
    return PictureOptions(
        wire,
        description,
        check_look(**look),
        str(encoding),
        jpeg.check_quality(quality),
        str(compression),
        png_instead,
    )


def recent_options(**options: Any) -> PictureOptions:
    """Check options as ``check_options`` does, or give what it gave when it was asked last.

    A loop asks for the same at each step, and the caller's thread waits for it.

    Args:
        options: As ``check_options`` takes them.

    Raises:
        TypeError: As ``check_options``.
        ValueError: As ``check_options``.

    Example:
        >>> recent_options(colormap="viridis") is recent_options(colormap="viridis")
        True
    """
    try:
        return _recent_options(**options)
    except TypeError:  # a wrong type; or lists and arrays, which have no hash
        pass
    return check_options(**options)


# typed: log=True is not log=1
_recent_options = lru_cache(maxsize=128, typed=True)(check_options)


def check_look_fits(options: PictureOptions, channels: int) -> None:
    """Check that images of so many channels can look so and be stored so.

    Args:
        options: As ``check_options`` returns them.
        channels: 1 to 4.

    Raises:
        ValueError: A colour map is wanted for colours, or a JPEG for transparency.

    Example:
        >>> check_look_fits(check_options(encoding="jpeg"), 3)
    """
    check_fit(options.look, channels)
    if options.encoding == "jpeg" and not options.png_instead:
        jpeg.check_channels(channels)


def check_size(height: int, width: int) -> None:
    """Check that TensorBoard will show a picture of a size.

    Args:
        height: In pixels.
        width: In pixels.

    Raises:
        ValueError: It has too many pixels.

    Example:
        >>> check_size(13000, 13000)
    """
    if height * width > MOST_PIXELS:
        raise ValueError(
            f"a picture of {height}x{width} has {height * width:,} pixels, and TensorBoard shows "
            f"at most {MOST_PIXELS:,}: of more, Pillow would not tell it the format. Pass "
            "max_side=, or log parts of it"
        )


def check_captions(captions: Any, count: int, batched: bool) -> tuple[str, ...] | None:
    """Check one line of text, or several, for each picture.

    Args:
        captions: A string for a single picture, a sequence of one for each picture for a batch;
            what is no string is turned into one. None: no captions.
        count: How many pictures there are.
        batched: Whether they are a batch.

    Returns:
        One for each picture, or None.

    Raises:
        TypeError: It is one string for a batch, nothing that has an order, or bytes.
        ValueError: There are more or fewer.

    Example:
        >>> check_captions(["cat", 3], 2, True), check_captions("cat", 1, False)
        (('cat', '3'), ('cat',))
    """
    if captions is None:
        return None
    single = isinstance(captions, (str, bytes)) or not hasattr(captions, "__len__")
    if single and not batched:
        captions, single = [captions], False
    if single or isinstance(captions, (set, frozenset, Mapping)):
        raise TypeError(
            f"captions must be a list of one text for each of the {count} images, got {captions!r}"
        )
    if len(captions) != count:
        raise ValueError(
            f"captions must be one for each of the {count} images, got {len(captions)}"
        )
    texts = tuple(captions)
    if any(isinstance(each, bytes) for each in texts):
        raise TypeError(f"captions must be texts, got the bytes {captions!r}: decode them")
    return tuple(map(str, texts))
