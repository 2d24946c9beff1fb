"""Options of pictures: how they look and how they are stored."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypedDict

from tbimage import checks
from tbimage.pixels.arrays.encoded import MOST_PIXELS
from tbimage.pixels.drawing.rendering import Look, check_fit, check_look
from tbimage.pixels.png import encoder

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: How a picture is stored.
ENCODINGS = ("png", "jpeg")


class LookKeywords(TypedDict, total=False):
    """The keywords of ``check_look``, which documents each keyword."""

    value_range: Any
    nan_color: tuple[int, int, int]
    colormap: str | None
    colorbar: bool
    gamma: float | None
    log: float | bool | None
    max_side: int | None
    scale: float | None


class PictureKeywords(LookKeywords, total=False):
    """The keywords of a writer's methods for pictures; ``SummaryWriter.image`` documents them."""

    encoding: str | None
    quality: int | None
    compression: str | None


_AS_IT_IS = Look()


@dataclass(frozen=True, slots=True)
class PictureOptions:
    """How pictures look, and how they are stored. ``check_options`` makes these objects."""

    wire: str = "image"  # "image" or "tensor"
    description: str | None = None  # Markdown that TensorBoard shows beside the pictures, or None
    look: Look = _AS_IT_IS  # how values become pixels
    encoding: str = "png"  # one of ``ENCODINGS``
    quality: int = 90  # of a JPEG, 1 to 100
    compression: str = "fast"  # of a PNG, one of ``encoder.COMPRESSIONS``
    # True: a picture that JPEG cannot store becomes a PNG. False: such a picture is an error.
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
    """Check the options of pictures; ``wire`` and ``description`` are already checked."""
    unknown = ", ".join(map(repr, look.keys() - LookKeywords.__annotations__.keys()))
    if unknown:
        known = ", ".join((*PictureKeywords.__annotations__,))
        raise TypeError(f"pictures have no option {unknown}; expected some of {known}")
    options = PictureOptions(
        wire,
        description,
        check_look(**look),
        checks.choice("encoding", encoding, ENCODINGS),
        checks.integer("quality", quality, 1, 100),
        checks.choice("compression", compression, encoder.COMPRESSIONS),
        png_instead,
    )
    _import_for(options)
    return options


def _import_for(options: PictureOptions) -> None:
    """Import the modules for these options, because workers import nothing (writer/imports.py)."""
    encoder.import_for(options.compression)
    look = options.look
    needed = {
        "tbimage.pixels.clips.jpeg": options.encoding == "jpeg",
        "tbimage.pixels.drawing.colorbar": look.colorbar,
        "PIL.ImageFile": (look.max_side, look.scale) != (None, None),
    }
    for module, is_needed in needed.items():
        if is_needed:
            importlib.import_module(module)


def recent_options(**options: Any) -> PictureOptions:
    """Return the result of ``check_options``, from a cache if the options were used recently."""
    try:
        return _recent_options(**options)
    except TypeError:  # an option has a wrong type, or is not hashable, such as a list
        pass
    return check_options(**options)


# A training loop passes the same options at each step. With typed=True, the cache distinguishes
# log=True from log=1.
_recent_options = lru_cache(maxsize=128, typed=True)(check_options)


def check_look_fits(options: PictureOptions, channels: int) -> None:
    """Check that the options fit images with this number of channels."""
    check_fit(options.look, channels)
    if options.encoding == "jpeg" and not options.png_instead:
        from tbimage.pixels.clips import jpeg  # a PNG does not need it

        jpeg.check_channels(channels)


def check_size(height: int, width: int) -> None:
    """Check that TensorBoard shows pictures of this size."""
    if height * width > MOST_PIXELS:
        raise ValueError(
            f"a picture of {height}x{width} has {height * width:,} pixels, and TensorBoard shows "
            f"at most {MOST_PIXELS:,}, because its Pillow opens no larger pictures; pass "
            "max_side=, or log parts of it"
        )


def check_captions(
    captions: Any, count: int, batched: bool, argument: str = "captions"
) -> tuple[str, ...] | None:
    """Check the texts, one for each picture. For a single picture, a text is also allowed."""
    if captions is None:
        return None
    single = isinstance(captions, (str, bytes)) or not hasattr(captions, "__len__")
    if single and not batched:
        captions, single = [captions], False
    if single or isinstance(captions, (set, frozenset, Mapping)):
        raise TypeError(
            f"{argument} must be a list of one text for each of the {count} images, got "
            f"{checks.given(captions)}"
        )
    if len(captions) != count:
        raise ValueError(
            f"{argument} must have one text for each of the {count} images, got {len(captions)}"
        )
    texts = tuple(captions)
    if any(isinstance(each, bytes) for each in texts):
        raise TypeError(
            f"{argument} must be texts, got the bytes {checks.shown(captions)}: decode them"
        )
    importlib.import_module("tbimage.pixels.drawing.captions")  # so that no worker imports it
    return tuple(map(str, texts))
