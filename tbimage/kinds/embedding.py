"""Embeddings: vectors with labels and pictures, for the Projector page.

The Projector does not read event files. It reads its own files in the run directory: a table of
vectors, a table of labels, and one picture with the pictures of all points (a "sprite"). The file
``projector_config.pbtxt`` lists these files. Files and embeddings have the same names as in torch
and tensorboardX: at step 5, ``00005/name/tensors.tsv`` and ``name:00005``.
"""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tbimage import checks
from tbimage.buffers import Piece
from tbimage.events import wire
from tbimage.kinds import image as image_kind
from tbimage.kinds import tensors
from tbimage.kinds.numbers import Array, numeric_array
from tbimage.kinds.pictures import Prepared
from tbimage.pixels.arrays import array_like
from tbimage.pixels.png import encoder
from tbimage.pixels.values import levels, ranges
from tbimage.pixels.values.pictures import Findings

CONFIG_NAME = "projector_config.pbtxt"

_TENSORS, _LABELS, _SPRITE = "tensors.tsv", "metadata.tsv", "sprite.png"

# The page loads the sprite into a WebGL texture. Every device supports this side length.
_LONGEST_SIDE = 8192

# Characters that end a cell or a line. They are replaced by spaces.
_SEPARATORS = str.maketrans(dict.fromkeys("\t\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029", " "))
# An empty label is replaced by this string. Otherwise the page would skip the blank row, and all
# later labels would belong to wrong points.
_BLANK = "-"

# Characters that a file system may forbid in a name, and "%", which encodes them.
_FORBIDDEN = re.compile(r'[\x00-\x1f%/\\:*?"<>|]|^\.{1,2}$')


@dataclass(frozen=True, slots=True)
class Embedding:
    """The checked arguments of one call."""

    vectors: Array  # [points, dimensions]; a view of the caller's memory until ``snapshot``
    # None, or rows of cells: first the header if there is one, then a row for each point.
    labels: Sequence[Sequence[str]] | None
    images: Prepared | None  # a picture for each point, or None
    value_range: ranges.ValueRange | None  # which values of the images become black and white

    @property
    def nbytes(self) -> int:
        """The size of a snapshot in bytes."""
        cells = sum(len(cell) + 50 for row in self.labels or () for cell in row)
        return self.vectors.nbytes + cells + (0 if self.images is None else self.images.nbytes)

    def snapshot(self) -> Embedding:
        """Copy vectors and images."""
        return Embedding(
            array_like.snapshot(self.vectors, self.vectors),
            self.labels,
            None if self.images is None else self.images.snapshot(),
            self.value_range,
        )


def prepare(
    data: object,
    labels: object,
    header: object,
    images: object,
    layout: str | None,
    value_range: object,
) -> Embedding:
    """Check the shapes, and copy only the labels."""
    tensors.import_messages()
    importlib.import_module("google.protobuf.text_format")
    vectors = numeric_array("data", data)
    if vectors.ndim != 2 or 0 in vectors.shape:
        raise ValueError(f"data must be [points, dimensions], got shape {vectors.shape}")
    points = len(vectors)
    chosen = ranges.check_value_range(value_range)
    return Embedding(
        vectors,
        None if labels is None else _table(labels, header, points),
        None if images is None else _pictures(images, layout, points),
        chosen,
    )


def _table(labels: Any, header: Any, points: int) -> list[list[str]]:
    if callable(getattr(labels, "tolist", None)):
        labels = labels.tolist()
    rows = [_row(label) for label in checks.items("labels", labels, "a list, one for each point")]
    if len(rows) != points:
        raise ValueError(
            f"labels must have one element for each point, got {len(rows)} for {points} points"
        )
    widths = sorted({len(row) for row in rows})
    if len(widths) > 1 or widths[0] == 0:
        raise ValueError(f"labels must be rows of the same length, got lengths {widths}")
    given = [] if header is None else header
    names = [_cell(checks.text("a name in header", name)) for name in given]
    if header is not None and len(names) != widths[0]:
        raise ValueError(
            f"header must name each column of labels, got {len(names)} names for {widths[0]}"
        )
    if header is None and widths[0] > 1:
        raise ValueError(
            f"labels of {widths[0]} columns need a header, because the page takes the first row "
            "as the header: pass header=['name', …]"
        )
    # In a table with one column, the page expects no header, and shows a header as a label.
    return [names, *rows] if len(names) > 1 else rows


def _row(label: object) -> list[str]:
    cells = [_cell(cell) for cell in (label if isinstance(label, (list, tuple)) else [label])]
    if cells and not "".join(cells).strip():
        cells[0] = _BLANK
    return cells


def _cell(label: object) -> str:
    text = label.decode() if isinstance(label, bytes) else str(label)
    return checks.text("a label", text).translate(_SEPARATORS)


def _pictures(images: object, layout: str | None, points: int) -> Prepared:
    pictures = image_kind.prepare(images, layout, None)
    if pictures.pixels is None or not pictures.batched:
        raise ValueError(
            "images must be a batch of arrays, one image for each point; pass layout='NHW' for "
            "gray images without channels"
        )
    count, height, width = pictures.pixels.shape[:3]
    if count != points:
        raise ValueError(
            f"images must have one image for each point, got {count} for {points} points"
        )
    if _columns(count) * max(height, width) > _LONGEST_SIDE:
        raise ValueError(
            f"images must fit a sprite of {_LONGEST_SIDE} x {_LONGEST_SIDE} pixels, got {count} of "
            f"{height} x {width}; log smaller images, or fewer points"
        )
    encoder.import_for("fast")
    importlib.import_module("tbimage.pixels.drawing.grid")
    return pictures


def step_name(name: str) -> str:
    """Return the tag under which the writer counts the steps of an embedding."""
    return f"_projector_/{name}"


def directory(name: str, step: int) -> str:
    """Return the directory of an embedding's files, relative to the run directory."""
    encoded = _FORBIDDEN.sub(lambda match: f"%{ord(match[0][0]):02x}{match[0][1:]}", name)
    return f"{step:05d}/{encoded}"


def files(
    embedding: Embedding, report: Callable[[Findings], None] = lambda findings: None
) -> dict[str, Sequence[Piece]]:
    """Make the files of an embedding, and return their contents by file name.

    ``report`` gets the findings about the images' values, if there are any.
    """
    made: dict[str, Sequence[Piece]] = {_TENSORS: [_tensors_table(embedding.vectors)]}
    if embedding.labels is not None:
        made[_LABELS] = ["".join("\t".join(row) + "\n" for row in embedding.labels).encode()]
    if embedding.images is not None:
        made[_SPRITE] = _sprite(embedding.images, embedding.value_range, report)
    return made


def _tensors_table(vectors: Array) -> bytes:
    """Write numbers with 9 digits, which are exact for float32. The page uses only float32."""
    line = "\t".join(["%.9g"] * vectors.shape[1]) + "\n"
    return "".join([line % tuple(row.tolist()) for row in vectors]).encode()


def _sprite(
    images: Prepared, value_range: object, report: Callable[[Findings], None]
) -> Sequence[Piece]:
    """Put the pictures on an approximately square sheet. Empty places are black."""
    from tbimage.pixels.drawing.grid import tile

    pixels = images.pixels
    if pixels is None:
        return []
    made = levels.to_levels(tile(pixels, _columns(len(pixels))), value_range)
    findings = Findings(made.clipped, made.non_finite)
    if findings:
        report(findings)
    return encoder.encode(made.pixels).pieces


def _columns(count: int) -> int:
    return math.isqrt(count - 1) + 1


def config(existing: str, name: str, step: int, embedding: Embedding) -> str:
    """Add an embedding to the list in ``projector_config.pbtxt``, or replace its entry."""
    from google.protobuf import text_format

    from tbimage.events.messages import EmbeddingInfo, ProjectorConfig

    listed = ProjectorConfig()
    try:
        text_format.Parse(existing, listed)
    except text_format.ParseError as error:
        raise ValueError(f"{CONFIG_NAME} is not a list of embeddings: {error}; delete it") from None
    where = directory(name, step)
    info = EmbeddingInfo(
        tensor_name=f"{name}:{step:05d}",
        tensor_path=f"{where}/{_TENSORS}",
        tensor_shape=embedding.vectors.shape,
    )
    if embedding.labels is not None:
        info.metadata_path = f"{where}/{_LABELS}"
    if embedding.images is not None and embedding.images.pixels is not None:
        _, height, width, _ = embedding.images.pixels.shape
        info.sprite.image_path = f"{where}/{_SPRITE}"
        info.sprite.single_image_dim.extend([width, height])
    kept = [each for each in listed.embeddings if each.tensor_name != info.tensor_name]
    del listed.embeddings[:]
    listed.embeddings.extend([*kept, info])
    return text_format.MessageToString(listed)


def summary(name: str) -> list[Piece]:
    """Make the Summary that marks an embedding in the event file.

    No page shows this Summary. It tells TensorBoard that the run has data for the Projector. When
    the program restarts, automatic steps continue after the step of this Summary.
    """
    metadata = wire.summary_metadata("projector", b"", None)
    return wire.summary([tensors.value(step_name(name), np.empty(0, np.float32), metadata)])
