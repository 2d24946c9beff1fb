"""Make a Summary of images from options and copies of arrays, for all kinds of pictures.

In the caller's thread, the function ``prepare`` of a kind checks shapes and dtypes. It returns a
``Prepared`` with views of the caller's arrays, and with a function that makes the pictures. Then
``snapshot`` copies the arrays. A worker calls ``summary``.

The wire form is ``Summary.Image``: one value for each picture. The metadata has a ``data_class``,
so that both loaders of TensorBoard keep the description (docs/design.md). ``wire="tensor"`` writes
the form of TensorFlow 2: one value with a tensor of strings ``[width, height, image, …]``.

The tag of a single picture is its name. Pictures of a batch have the tags ``name/image/0``,
``name/image/1``, …. A batch of one picture also has such a tag, because the last batch of an epoch
may be smaller than the others, and its tags must not differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from tbimage.buffers import Piece
from tbimage.events import wire
from tbimage.kinds.numbers import Array
from tbimage.kinds.options import PictureOptions, check_size
from tbimage.pixels.arrays.copies import copy_of
from tbimage.pixels.arrays.encoded import EncodedImage
from tbimage.pixels.mappings import moved
from tbimage.pixels.png import encoder
from tbimage.pixels.values.pictures import Findings, Picture, merge

if TYPE_CHECKING:  # a plain PNG does not need it
    from tbimage.pixels.clips.frames import EncodedClip

T = TypeVar("T")
#: A function that calls functions, perhaps in parallel, and returns their results in order.
Run = Callable[[Sequence[Callable[[], T]]], "list[T]"]

# For arrays of fewer bytes, one thread makes all pictures: waking another thread takes 0.1 ms.
_PARALLEL_ABOVE = 1 << 20
# The approximate size of the arrays in one job. The pictures of a job are encoded together.
_AT_ONCE_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Made:
    """One picture (pixels or a file), and the numbers to log as scalars."""

    picture: Picture | EncodedImage | EncodedClip
    numbers: Mapping[str, float] = field(default_factory=dict)


Part = Callable[[], Made]


@dataclass(slots=True)  # frozen=True would take 2 µs more
class Prepared:
    """The checked arguments of one call."""

    arrays: tuple[Array, ...]  # views of the caller's memory until ``snapshot``
    immutable: tuple[bool, ...]  # for each array, whether its memory never changes
    # A function of the snapshots of the arrays. It returns the functions that make the pictures.
    parts: Callable[[Sequence[Array], PictureOptions, Run[Any]], Sequence[Part]]
    suffixes: tuple[str, ...]  # for each picture, the part of its tag after the name
    held_bytes: int = 0  # bytes of other memory that the pictures need until they are made

    @property
    def count(self) -> int:
        """The number of pictures."""
        return len(self.suffixes)

    @property
    def pixels(self) -> Array | None:
        """The values of the images, ``(N, H, W, C)``, or None if the images are files."""
        return self.arrays[0] if self.arrays else None

    @property
    def batched(self) -> bool:
        """Whether the pictures are a batch."""
        return self.suffixes != ("",)

    @property
    def nbytes(self) -> int:
        """The size of a snapshot in bytes."""
        return self.held_bytes + sum(array.nbytes for array in self.arrays)

    def snapshot(self) -> Prepared:
        """Copy the arrays that are not immutable."""
        arrays = tuple(map(_kept, self.arrays, self.immutable))
        immutable = (True,) * len(arrays)
        # dataclasses.replace would take 10 µs longer.
        return Prepared(arrays, immutable, self.parts, self.suffixes, self.held_bytes)


def _kept(array: Array, immutable: bool) -> Array:
    return array if immutable else copy_of(array)


def batch_suffixes(count: int, batched: bool) -> tuple[str, ...]:
    """Return the end of each picture's tag, after the name: "", or "/image/0", … in a batch."""
    return tuple(f"/image/{index}" for index in range(count)) if batched else ("",) * count


def summary(
    name: str,
    prepared: Prepared,
    options: PictureOptions,
    run: Run[Any],
    report: Callable[[Findings], None],
) -> list[Piece]:
    """Make the Summary; ``report`` is called if there are findings about the data."""
    parts = prepared.parts(prepared.arrays, options, run)
    size = prepared.nbytes
    at_once = max(1, len(parts) * _AT_ONCE_BYTES // max(1, size))
    jobs = [
        partial(_encoded, parts[first : first + at_once], options, run)
        for first in range(0, len(parts), at_once)
    ]
    parallel = size >= _PARALLEL_ABOVE and len(jobs) > 1
    pictures = list(chain.from_iterable(run(jobs) if parallel else [job() for job in jobs]))
    findings = [picture.findings for picture in pictures if picture.findings]
    if findings:
        report(merge(findings))
    metadata = _metadata(options.description)
    tags = [name + suffix for suffix in prepared.suffixes]
    return [
        *_WIRE_FORMS[options.wire](name, tags, pictures, metadata),
        *_scalars(name, [picture.numbers for picture in pictures]),
    ]


@lru_cache(maxsize=16)
def _metadata(description: str | None) -> bytes:
    return wire.summary_metadata("images", b"", description, wire.DATA_CLASS_BLOB_SEQUENCE)


class _Encoded(NamedTuple):
    height: int
    width: int
    channels: int
    pieces: Sequence[Piece]
    findings: Findings
    numbers: Mapping[str, float]


def _encoded(parts: Sequence[Part], options: PictureOptions, run: Run[Any]) -> list[_Encoded]:
    """Make pictures and their files; small PNGs are encoded together."""
    made = [part() for part in parts]
    pixels = [each.picture.pixels for each in made if isinstance(each.picture, Picture)]
    for each in pixels:
        check_size(*each.shape[:2])
    levels = [each for each in pixels if not _becomes_jpeg(each, options)]
    files = iter(encoder.encode_all(levels, compression=options.compression, run=run))
    return [_as_file(each, options, files) for each in made]


def _becomes_jpeg(pixels: Array, options: PictureOptions) -> bool:
    if options.encoding != "jpeg":
        return False
    from tbimage.pixels.clips import jpeg

    return jpeg.holds(*pixels.shape) or not options.png_instead


def _as_file(made: Made, options: PictureOptions, files: Iterator[encoder.EncodedPng]) -> _Encoded:
    picture, numbers = made.picture, made.numbers
    if isinstance(picture, EncodedImage):
        size = picture.height, picture.width, picture.channels
        return _Encoded(*size, [picture.data], Findings(), numbers)
    if not isinstance(picture, Picture):
        size = picture.height, picture.width, picture.channels
        return _Encoded(*size, picture.pieces, picture.findings, numbers)
    height, width, channels = picture.pixels.shape
    if _becomes_jpeg(picture.pixels, options):
        from tbimage.pixels.clips import jpeg

        pieces = moved([jpeg.encode(picture.pixels, options.quality)])
    else:
        file = next(files)
        pieces, channels = file.pieces, file.channels
    return _Encoded(height, width, channels, pieces, picture.findings, numbers)


def _image_form(
    name: str, tags: Sequence[str], pictures: Sequence[_Encoded], metadata: bytes
) -> list[Piece]:
    return wire.summary(
        [
            wire.image_value(tag, p.height, p.width, p.channels, p.pieces, metadata)
            for tag, p in zip(tags, pictures, strict=True)
        ]
    )


def _tensor_form(
    name: str, tags: Sequence[str], pictures: Sequence[_Encoded], metadata: bytes
) -> list[Piece]:
    first = pictures[0]
    strings: list[Sequence[Piece]] = [[str(first.width).encode()], [str(first.height).encode()]]
    strings += [picture.pieces for picture in pictures]
    return wire.summary([wire.string_tensor_value(name, strings, metadata)])


_WIRE_FORMS = {"image": _image_form, "tensor": _tensor_form}


def _scalars(name: str, numbers: Sequence[Mapping[str, float]]) -> list[Piece]:
    """Encode scalars with the tags ``name/key``: the means of the numbers over all pictures."""
    pieces: list[Piece] = []
    for key in numbers[0]:
        before, after = wire.scalar_frame(f"{name}/{key}")
        mean = sum(each[key] for each in numbers) / len(numbers)
        pieces += [before, wire.float32(mean), after]
    return pieces
