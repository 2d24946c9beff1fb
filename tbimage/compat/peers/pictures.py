"""Pictures of torch and tensorboardX: images, grids, boxes and moving pictures.

What lives here: drafts of the summaries that are pictures. What does not: how values become levels
(``pixels.py``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tbimage.buffers import Piece
from tbimage.compat.peers.drafts import Draft
from tbimage.compat.peers.pixels import Pixels, grid, to_levels, with_colors
from tbimage.events import wire
from tbimage.kinds import names
from tbimage.kinds.numbers import numeric_array
from tbimage.pixels.arrays.array_like import as_array, snapshot
from tbimage.pixels.arrays.encoded import read_encoded
from tbimage.pixels.arrays.layouts import arrange
from tbimage.pixels.png import encoder
from tbimage.pixels.values.pictures import Findings
from tbimage.writer.caller_warnings import warn_caller
from tbimage.writer.notices import Notices

__all__ = ["boxes", "image", "video"]

Alter = Callable[[Pixels], Pixels]

# The peers' methods have no value_range to pass.
_FIX = "Scale them, or log them with tbimage.SummaryWriter.image, which has value_range"


def image(tag: str, data: Any, layout: str, *, single: bool, alter: Alter | None = None) -> Draft:
    """Draft an image; of a batch, the grid.

    Args:
        tag: The tag.
        data: What ``SummaryWriter.image`` takes.
        layout: The names of its axes, as ``dataformats`` has them.
        single: As in ``pixels.to_levels``.
        alter: What becomes of the levels before they are encoded.

    Returns:
        The draft.

    Raises:
        TypeError: ``data`` is nothing that has pixels.
        ValueError: Its shape does not fit the layout, or a batch is empty.

    Example:
        >>> image("a", np.zeros((3, 8, 8)), "CHW", single=True).nbytes
        1536
    """
    name = names.check_name(tag)
    if isinstance(data, (bytes, bytearray, str, os.PathLike)):
        return _file(name, data)
    images, _ = arrange(as_array(data), layout)
    if len(images) == 0:
        raise ValueError("img_tensor is a batch of no images; expected at least one")

    def take(notices: Notices, run: encoder.Run) -> Callable[[], list[Piece]]:
        return partial(_picture, name, snapshot(data, images), single, alter, notices, run)

    return Draft(name, images.nbytes, take)


def _file(name: str, data: Any) -> Draft:
    """Draft a picture that comes encoded, or is a file, and stays as it is."""
    file = read_encoded(data)
    pieces = _value(name, file.height, file.width, file.channels, [file.data])
    return Draft(name, len(file.data), lambda notices, run: lambda: pieces)


def _picture(
    name: str, images: Pixels, single: bool, alter: Alter | None, notices: Notices, run: encoder.Run
) -> list[Piece]:
    levels = _levels(name, images[0] if len(images) == 1 else grid(images), single, notices)
    if alter is not None:
        levels = alter(levels)
    encoded = encoder.encode(levels, run=run)
    return _value(name, levels.shape[0], levels.shape[1], encoded.channels, encoded.pieces)


def _value(
    name: str, height: int, width: int, channels: int, pieces: Sequence[Piece]
) -> list[Piece]:
    metadata = wire.summary_metadata("images", wire.DATA_CLASS_BLOB_SEQUENCE, None)
    return wire.summary([wire.image_value(name, height, width, channels, pieces, metadata)])


def _levels(name: str, values: Pixels, single: bool, notices: Notices) -> Pixels:
    found = to_levels(values, single=single)
    if found.clipped is not None or found.non_finite:
        natural = (0.0, 1.0) if values.dtype.kind == "f" else (0.0, 255.0)
        notices.report(name, Findings(found.clipped, found.non_finite, natural), _FIX)
    return found.pixels


def boxes(
    tag: str, data: Any, corners: Any, layout: str, labels: Any, rescale: float, *, single: bool
) -> Draft:
    """Draft an image with red boxes.

    Args:
        tag: As in ``image``, like data, layout and single.
        data: See there.
        corners: [boxes, 4]: left, top, right and bottom of each, in pixels.
        layout: See there.
        labels: A text for each box, or one text, or None. Where they are not as many as boxes,
            those are drawn that have a box, and a warning says so. (Peers drop all of them.)
        rescale: The size of the result, 1 for that of the image.
        single: See there.

    Raises:
        TypeError: Something is of the wrong type.
        ValueError: ``corners`` is of another shape, or another value does not fit.

    Example:
        >>> boxes("a", np.zeros((3, 8, 8)), [[1, 1, 4, 4]], "CHW", None, 1, single=True).name
        'a'
    """
    found = np.array(numeric_array("box_tensor", corners), np.float64)
    if found.ndim != 2 or found.shape[1] != 4:
        raise ValueError(
            f"box_tensor must be [boxes, 4]: left, top, right, bottom, got shape {found.shape}"
        )
    if not rescale > 0:
        raise ValueError(f"rescale must be above 0, got {rescale!r}")
    texts = [labels] if isinstance(labels, str) else list(() if labels is None else labels)
    if texts and len(texts) != len(found):
        warn_caller(
            f"labels are {len(texts)} for {len(found)} boxes of {tag!r}: the first "
            f"{min(len(texts), len(found))} boxes get theirs. Pass one for each box.",
            UserWarning,
        )
    alter = partial(_draw, corners=found, labels=[str(text) for text in texts], rescale=rescale)
    return image(tag, data, layout, single=single, alter=alter)


def _draw(levels: Pixels, corners: Pixels, labels: Sequence[str], rescale: float) -> Pixels:
    """Draw as both peers do: outlines of two pixels, labels within the lower left corner."""
    from PIL import Image, ImageDraw, ImageFont

    if levels.dtype == np.uint16:
        levels = (levels >> 8).astype(np.uint8)
    picture = Image.fromarray(np.ascontiguousarray(with_colors(levels)))
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default()
    for number, (left, top, right, bottom) in enumerate(corners):
        if not np.isfinite([left, top, right, bottom]).all():
            continue
        outline = [(left, top), (left, bottom), (right, bottom), (right, top), (left, top)]
        pen.line(outline, fill="red", width=2)
        label = labels[number] if number < len(labels) else ""
        if label:
            width, height = _extent(font, label)
            margin = np.ceil(height * 0.05)
            ceiling = bottom - height - 2 * margin
            pen.rectangle([(left, ceiling), (left + width, bottom)], fill="red")
            pen.text((left + margin, ceiling + margin), label, fill="black", font=font)
    if rescale != 1:
        size = max(1, int(picture.width * rescale)), max(1, int(picture.height * rescale))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(picture)


def _extent(font: Any, label: str) -> tuple[float, float]:
    if not hasattr(font, "getbbox"):  # Pillow 9.1
        width, height = font.getsize(label)
        return width, height
    left, top, right, bottom = font.getbbox(label)
    return right - left, bottom - top


def video(tag: str, data: Any, fps: Any, layout: str, *, single: bool) -> Draft:
    """Draft a batch of clips, side by side in one GIF; where they have alpha, in one APNG.

    Args:
        tag: The tag.
        data: Clips, of five axes.
        fps: Frames a second.
        layout: A permutation of "NTCHW": clips, frames, channels, rows, columns.
        single: As in ``pixels.to_levels``.

    Raises:
        TypeError: ``data`` is no array.
        ValueError: The layout is none, or the shape does not fit it.

    Example:
        >>> video("a", np.zeros((1, 2, 3, 8, 8), np.uint8), 4, "NTCHW", single=True).nbytes
        384
    """
    from tbimage.pixels.clips import frames, gif

    name = names.check_name(tag)
    array = as_array(data)
    axes = str(layout).upper()
    if sorted(axes) != sorted("NTCHW") or array.ndim != len(axes):
        raise ValueError(
            f"vid_tensor must have the five axes of a permutation of 'NTCHW', got shape "
            f"{array.shape} and {layout!r}"
        )
    clips = array.transpose([axes.index(axis) for axis in "NTHWC"])
    if 0 in clips.shape or clips.shape[4] > 4:
        raise ValueError(
            f"vid_tensor must have pixels of 1 to 4 channels, got shape {array.shape} as {axes}"
        )
    speed = min(frames.check_fps(fps), frames.check_fps(gif.MOST_FPS))

    def take(notices: Notices, run: encoder.Run) -> Callable[[], list[Piece]]:
        taken = snapshot(data, clips)
        return partial(_video, name, taken, speed, single, notices, run)

    return Draft(name, clips.nbytes, take)


def _video(
    name: str, clips: Pixels, speed: Any, single: bool, notices: Notices, run: encoder.Run
) -> list[Piece]:
    from tbimage.pixels.clips import apng, gif
    from tbimage.pixels.clips.frames import Frames
    from tbimage.pixels.values.pictures import Picture

    count, length, height, width, channels = clips.shape
    # Both peers: as many places as the next power of two, in about twice as many columns as rows.
    places = 1 << (count - 1).bit_length()
    rows = 1 << (count.bit_length() - 1) // 2
    sheet = np.zeros((places, length, height, width, channels), clips.dtype)
    sheet[:count] = clips
    sheet = sheet.reshape(rows, places // rows, length, height, width, channels)
    sheet = sheet.transpose(2, 0, 3, 1, 4, 5)
    size = rows * height, places // rows * width
    levels = _levels(name, sheet.reshape(length * size[0], size[1], channels), single, notices)
    moving = levels.reshape(length, *size, levels.shape[2])
    shown = Frames(length, lambda number: Picture(moving[number]))
    if moving.shape[3] in (2, 4):
        clip = apng.encode(shown, speed, "fast", run)
    else:
        clip = gif.encode(shown, speed, run)
    return _value(name, *size, clip.channels, clip.pieces)
