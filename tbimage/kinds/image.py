"""Images: arrays, pictures and files that are pictures already.

The wire form is ``Summary.Image``, one value for each image, with the metadata that makes both
loaders keep the description (docs/design.md), or with ``wire="tensor"`` the one that TF2 writes:
one value, a tensor of strings ``[width, height, image, …]``.

A single image's tag is its name. Images of a batch have the tags ``name/image/0``,
``name/image/1``, … also when there is only one in this batch, so that a tag stays a tag when the
last batch of an epoch is smaller.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy.typing as npt

from tbimage.events import wire
from tbimage.pieces import Piece
from tbimage.pixels import arrays, encoded, layouts, levels, png

__all__ = ["Findings", "ImageOptions", "Images", "check_max_outputs", "prepare", "summary"]

T = TypeVar("T")
Array = npt.NDArray[Any]
#: Runs the parts of a job, possibly in parallel, and returns their results in order.
Run = Callable[[Sequence[Callable[[], T]]], "list[T]"]

# Parts smaller than this are done before another thread has woken up (about 0.1 ms).
_PARALLEL_ABOVE = 1 << 20


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """How images become bytes.

    Attributes:
        wire: "image" or "tensor".
        description: Markdown shown with the images, or None.
        value_range: As ``pixels.levels.check_value_range`` returns it.
        nan_color: Red, green and blue, 0 to 255, of pixels that are not finite.
    """

    wire: str
    description: str | None
    value_range: levels.ValueRange | None
    nan_color: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Findings:
    """What turned out about the values of some images, for a message to the user.

    Attributes:
        clipped: The least and the greatest finite value where floats without ``value_range`` lay
            outside [0, 1], else None.
        non_finite: How many pixels were NaN or infinite.
    """

    clipped: tuple[float, float] | None
    non_finite: int


@dataclass(frozen=True, slots=True)
class Images:
    """The images of one call, after all that shape and dtype can tell was checked.

    Attributes:
        pixels: (N, H, W, C), a view of the caller's memory until ``snapshot``; None when they came
            encoded.
        files: The images that came encoded.
        batched: Whether they are a batch.
        immutable: Whether nobody can change their memory.
    """

    pixels: Array | None
    files: tuple[encoded.EncodedImage, ...]
    batched: bool
    immutable: bool

    @property
    def count(self) -> int:
        """How many images there are."""
        return len(self.files) if self.pixels is None else len(self.pixels)

    @property
    def nbytes(self) -> int:
        """How many bytes a snapshot has."""
        return (
            sum(len(file.data) for file in self.files)
            if self.pixels is None
            else self.pixels.nbytes
        )

    def snapshot(self) -> Images:
        """Return these images in memory that nobody changes: one copy, unless nobody can."""
        if self.pixels is None or self.immutable:
            return self
        # "K" keeps the order of the memory, so that this is one copy at memory speed also for CHW;
        # a worker sorts it out.
        return Images(self.pixels.copy(order="K"), (), self.batched, True)


def check_max_outputs(max_outputs: object) -> int | None:
    """Check how many images of a batch are to be logged.

    Args:
        max_outputs: 0 or more, or None for all.

    Raises:
        TypeError: It is no integer.
        ValueError: It is negative.

    Example:
        >>> check_max_outputs(3)
        3
    """
    if max_outputs is None:
        return None
    try:
        count = operator.index(max_outputs)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(
            f"max_outputs must be an integer or None for all images, got {max_outputs!r} of type "
            f"{type(max_outputs).__name__}"
        ) from None
    if count < 0:
        raise ValueError(f"max_outputs must be 0 or more, or None for all images, got {count}")
    return count


def prepare(data: object, layout: str | None, max_outputs: int | None) -> Images:
    """Check all about images that can be checked without touching a pixel, and copy nothing.

    Args:
        data: What ``SummaryWriter.image`` takes.
        layout: The names of its axes, or None.
        max_outputs: The most images of a batch, or None for all.

    Returns:
        The images, as views of the caller's memory.

    Raises:
        TypeError: ``data`` is nothing that has pixels.
        ValueError: Its shape, its channels or its header are not those of images.
        OSError: It is a path and the file cannot be read.

    Example:
        >>> prepare(np.zeros((8, 4, 4, 3)), None, 2).pixels.shape
        (2, 4, 4, 3)
    """
    if _is_encoded(data):
        return Images(None, (encoded.read_encoded(data),), False, True)  # type: ignore[arg-type]
    if isinstance(data, (list, tuple)) and data and all(map(_is_encoded, data)):
        files = tuple(encoded.read_encoded(file) for file in data[:max_outputs])
        return Images(None, files, True, True)
    array = arrays.as_array(data)
    levels.check_dtype(array.dtype, None)
    pixels, batched = layouts.arrange(array, layout)
    return Images(pixels[:max_outputs], (), batched, arrays.is_immutable(data, array))


def _is_encoded(data: object) -> bool:
    return isinstance(data, (bytes, bytearray, str, os.PathLike)) or (
        isinstance(data, memoryview) and data.ndim == 1 and data.format in ("B", "b", "c")
    )


def summary(
    name: str,
    images: Images,
    options: ImageOptions,
    run: Run[Any],
    report: Callable[[Findings], None],
) -> list[Piece]:
    r"""Make the Summary of the images of one call.

    Args:
        name: The summary's name.
        images: A snapshot.
        options: How images become bytes.
        run: Runs the parts of a job, possibly in parallel.
        report: Is told what turned out about the values, when there is something to tell.

    Returns:
        The serialized Summary, as pieces.

    Raises:
        ValueError: Integers lie outside 0..255.

    Example:
        >>> options = ImageOptions("image", None, None, (255, 0, 0))
        >>> images = prepare(np.zeros((2, 2)), None, None)
        >>> pieces = summary("a", images, options, lambda parts: [part() for part in parts], print)
        >>> b"".join(pieces)[:5]
        b'\n`\n\x01a'
    """
    pictures = _encode_all(images, options, run, report)
    metadata = wire.summary_metadata("images", wire.DATA_CLASS_BLOB_SEQUENCE, options.description)
    tags = [f"{name}/image/{index}" for index in range(len(pictures))] if images.batched else [name]
    return _WIRE_FORMS[options.wire](name, tags, pictures, metadata)


@dataclass(frozen=True, slots=True)
class _Picture:
    height: int
    width: int
    channels: int
    pieces: Sequence[Piece]
    clipped: tuple[float, float] | None = None
    non_finite: int = 0


def _image_form(
    name: str, tags: Sequence[str], pictures: Sequence[_Picture], metadata: bytes
) -> list[Piece]:
    return wire.summary(
        [
            wire.image_value(tag, p.height, p.width, p.channels, p.pieces, metadata)
            for tag, p in zip(tags, pictures, strict=True)
        ]
    )


def _tensor_form(
    name: str, tags: Sequence[str], pictures: Sequence[_Picture], metadata: bytes
) -> list[Piece]:
    first = pictures[0]
    strings: list[Sequence[Piece]] = [[str(first.width).encode()], [str(first.height).encode()]]
    strings += [picture.pieces for picture in pictures]
    return wire.summary([wire.string_tensor_value(name, strings, metadata)])


_WIRE_FORMS = {"image": _image_form, "tensor": _tensor_form}


def _encode_all(
    images: Images, options: ImageOptions, run: Run[Any], report: Callable[[Findings], None]
) -> list[_Picture]:
    if images.pixels is None:
        return [
            _Picture(file.height, file.width, file.channels, [file.data]) for file in images.files
        ]
    parts = [partial(_encode, image, options, run) for image in images.pixels]
    if images.nbytes >= _PARALLEL_ABOVE and len(parts) > 1:
        pictures: list[_Picture] = run(parts)
    else:
        pictures = [part() for part in parts]
    _report(pictures, report)
    return pictures


def _encode(image: Array, options: ImageOptions, run: Run[Any]) -> _Picture:
    found = levels.to_levels(image, options.value_range, options.nan_color)
    height, width = found.pixels.shape[:2]
    encoded_png = png.encode(found.pixels, run=run)
    return _Picture(
        height, width, encoded_png.channels, encoded_png.pieces, found.clipped, found.non_finite
    )


def _report(pictures: Sequence[_Picture], report: Callable[[Findings], None]) -> None:
    clipped = [picture.clipped for picture in pictures if picture.clipped is not None]
    non_finite = sum(picture.non_finite for picture in pictures)
    if clipped or non_finite:
        extremes = (
            (min(low for low, _ in clipped), max(high for _, high in clipped)) if clipped else None
        )
        report(Findings(extremes, non_finite))
