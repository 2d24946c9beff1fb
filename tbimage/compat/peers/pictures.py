"""Make the ``Draft`` of an image, grid, image with boxes or video, for torch and tensorboardX."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tbimage.buffers import Piece
from tbimage.compat.peers.drafts import NO_TAG, Draft, check_tag, ready
from tbimage.compat.peers.errors import as_peers
from tbimage.compat.peers.pixels import Pixels, grid, to_levels
from tbimage.events import wire
from tbimage.fonts import use_installed
from tbimage.kinds.numbers import numeric_array
from tbimage.pixels.arrays.array_like import snapshot
from tbimage.pixels.arrays.encoded import read_encoded
from tbimage.pixels.arrays.layouts import arrange
from tbimage.pixels.drawing import fonts
from tbimage.pixels.png import encoder
from tbimage.pixels.png.strips import Run
from tbimage.pixels.values.pictures import Findings, eight_bits, with_channels
from tbimage.writer.caller_warnings import warn_caller
from tbimage.writer.notices import Notices

Alter = Callable[[Pixels], Pixels]

# Pillow's default font size, which the peers use.
_LABEL_SIZE = 10

# The peers' methods do not have the argument value_range.
_FIX = "Scale them, or log them with tbimage.SummaryWriter.image, which has value_range"

# For each rank, the layouts that an error message may propose. The most likely layout is first.
_COMMON = {3: ("CHW", "HWC"), 4: ("NCHW", "NHWC")}


@as_peers
def image(
    tag: str,
    data: Any,
    layout: str,
    *,
    single: bool,
    alter: Alter | None = None,
    texts: Sequence[str] = (),
) -> Draft:
    """Make the draft of an image, or of a batch as one grid.

    ``data`` has any form that ``SummaryWriter.image`` takes. ``layout`` is the peers'
    ``dataformats``. It is ignored for figures, PIL images and encoded files. ``single`` is passed
    to ``pixels.to_levels``. ``alter`` changes the levels before they are encoded. With ``alter``,
    an encoded file is a TypeError, because it is stored as it is. ``texts`` are the texts that
    ``alter`` draws. Characters that no font has are reported.
    """
    tag = check_tag(tag)
    if isinstance(data, (bytes, bytearray, str, os.PathLike)):
        if alter is not None:
            raise TypeError(
                f"img_tensor is an encoded file, of type {type(data).__name__}, which is stored as "
                "it is; boxes need pixels: pass PIL.Image.open(file)"
            )
        try:
            file = read_encoded(data)
        except ValueError as error:
            raise ValueError(f"img_tensor: {error}") from None
        return ready(
            tag, _value(tag, file.height, file.width, file.channels, [file.data]), "an image"
        )
    images = _arranged(data, layout)
    encoder.import_for("fast")
    if len(images) > 1:
        importlib.import_module("tbimage.pixels.drawing.grid")  # workers must not import it

    def take(notices: Notices, run: Run) -> Callable[[], list[Piece]]:
        return partial(_picture, tag, snapshot(data, images), single, alter, texts, notices, run)

    return Draft(tag or NO_TAG, images.nbytes, take, "an image")


def _arranged(data: Any, layout: str) -> Pixels:
    """View data as [N, H, W, C]."""
    if _describes_itself(data):
        return arrange(numeric_array("img_tensor", data))[0]
    if isinstance(data, (list, tuple)) and data and all(map(_describes_itself, data)):
        pixels = [numeric_array("img_tensor", each) for each in data]
        if len({each.shape for each in pixels}) > 1:
            raise ValueError(
                "img_tensor must be images of one size and mode, got shapes "
                f"{', '.join(str(each.shape) for each in pixels)}; log them one by one"
            )
        return arrange(np.stack(pixels), "NHWC" if pixels[0].ndim == 3 else "NHW")[0]
    array = numeric_array("img_tensor", data)
    _check_layout(array.shape, layout)
    return arrange(array, layout)[0]


def _describes_itself(data: Any) -> bool:
    """Tell whether data is an image of PIL or a figure of matplotlib, whose axes are known."""
    image_class = getattr(sys.modules.get("PIL.Image"), "Image", ())
    figure_class = getattr(sys.modules.get("matplotlib.figure"), "Figure", ())
    return isinstance(data, (image_class, figure_class))


def _check_layout(shape: tuple[int, ...], layout: Any) -> None:
    """Check that ``dataformats`` fits a shape. The errors use the names of the peers' arguments."""
    axes = layout.upper() if isinstance(layout, str) else ""
    if "".join(sorted(axes)) not in ("HW", "CHW", "HNW", "CHNW"):
        raise ValueError(
            f"dataformats is {layout!r}; expected a permutation of 'HW', 'CHW', 'NHW' or 'NCHW'"
        )
    fits = [each for each in _COMMON.get(len(shape), ()) if shape[each.index("C")] <= 4]
    fits = ["HW"] if len(shape) == 2 else fits
    fix = f"pass dataformats={fits[0]!r} if these are its axes" if fits else "pass 1 to 4 channels"
    if len(axes) != len(shape):
        raise ValueError(
            f"dataformats {layout!r} names {len(axes)} axes, but img_tensor has shape {shape}: "
            f"{fix}"
        )
    sizes = dict(zip(axes, shape, strict=True))
    if sizes.get("N") == 0:
        raise ValueError("img_tensor is a batch of no images; expected at least one")
    if 0 in shape:
        raise ValueError(f"img_tensor of shape {shape} as {axes} has no pixels")
    if sizes.get("C", 1) > 4:
        raise ValueError(
            f"img_tensor of shape {shape} as {axes} has {sizes['C']} channels; expected 1 to 4: "
            f"{fix}"
        )


def _picture(
    tag: str,
    images: Pixels,
    single: bool,
    alter: Alter | None,
    texts: Sequence[str],
    notices: Notices,
    run: Run,
) -> list[Piece]:
    levels = _levels(tag, images[0] if len(images) == 1 else grid(images), single, notices)
    if alter is not None:
        levels = alter(levels)
    if texts:
        from tbimage.pixels.drawing.text_rendering import lacking

        notices.report(tag, Findings(lacking=lacking(texts)))
    encoded = encoder.encode(levels, run=run)
    return _value(tag, levels.shape[0], levels.shape[1], encoded.channels, encoded.pieces)


def _value(
    tag: str, height: int, width: int, channels: int, pieces: Sequence[Piece]
) -> list[Piece]:
    metadata = wire.summary_metadata("images", b"", None, wire.DATA_CLASS_BLOB_SEQUENCE)
    return wire.summary([wire.image_value(tag, height, width, channels, pieces, metadata)])


def _levels(tag: str, values: Pixels, single: bool, notices: Notices) -> Pixels:
    found = to_levels(values, single=single)
    if found.clipped is not None or found.non_finite:
        natural = (0.0, 1.0) if values.dtype.kind == "f" else (0.0, 255.0)
        notices.report(tag, Findings(found.clipped, found.non_finite, natural), _FIX)
    return found.pixels


@as_peers
def boxes(
    tag: str, data: Any, corners: Any, layout: str, labels: Any, rescale: float, *, single: bool
) -> Draft:
    """Make the draft of an image with red boxes.

    ``corners`` is [boxes, 4]: left, top, right and bottom of each box, in pixels. As in the peers,
    further columns, such as scores, are ignored. ``labels`` is a text for the first box, a list
    with a text for each box, or None. If there are fewer or more labels than boxes, the first boxes
    get the first labels, with a warning. (The peers drop all labels.) ``rescale`` is the scale
    factor of the image.
    """
    found = np.array(numeric_array("box_tensor", corners), np.float64)
    if not found.size:
        found = np.empty((0, 4))
    if found.ndim != 2 or found.shape[1] < 4:
        raise ValueError(
            f"box_tensor must be [boxes, 4]: left, top, right, bottom, got shape {found.shape}"
        )
    if not rescale > 0:
        raise ValueError(f"rescale must be above 0, got {rescale!r}")
    texts = [labels] if isinstance(labels, str) else list(() if labels is None else labels)
    if texts and len(texts) != len(found):
        warn_caller(
            f"there are {len(texts)} labels for {len(found)} boxes of {tag!r}: the first "
            f"{min(len(texts), len(found))} boxes get a label. Pass one label for each box.",
            UserWarning,
        )
    texts = [str(text) for text in texts][: len(found)]
    use_installed()
    importlib.import_module("tbimage.pixels.drawing.text_rendering")  # workers must not import it
    alter = partial(_draw, corners=found[:, :4], labels=texts, rescale=rescale)
    return image(tag, data, layout, single=single, alter=alter, texts=texts)


def _draw(levels: Pixels, corners: Pixels, labels: Sequence[str], rescale: float) -> Pixels:
    """Draw as both peers do: outlines two pixels wide, and labels in the lower left corners."""
    from PIL import Image, ImageDraw

    levels = eight_bits(levels)
    if levels.shape[2] < 3:
        levels = with_channels(levels, 3)
    picture = Image.fromarray(np.ascontiguousarray(levels))
    pen = ImageDraw.Draw(picture)
    for number, (left, top, right, bottom) in enumerate(corners):
        if not np.isfinite([left, top, right, bottom]).all():
            continue
        outline = [(left, top), (left, bottom), (right, bottom), (right, top), (left, top)]
        pen.line(outline, fill="red", width=2)
        label = labels[number] if number < len(labels) else ""
        if label:
            width, height = _extent(label)
            margin = np.ceil(height * 0.05)
            ceiling = bottom - height - 2 * margin
            pen.rectangle([(left, ceiling), (left + width, bottom)], fill="red")
            _write(pen, left + margin, ceiling + margin, label)
    if rescale != 1:
        size = max(1, int(picture.width * rescale)), max(1, int(picture.height * rescale))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(picture)


def _runs(label: str) -> list[tuple[Any, str]]:
    """Split a label by font. Return each font, in the peers' size, and its part of the label."""
    runs = fonts.current().runs(label)
    return [(font.font_variant(size=_LABEL_SIZE), run) for font, run in runs]


def _extent(label: str) -> tuple[float, float]:
    boxes_of_runs = [font.getbbox(run) for font, run in _runs(label)]
    width = sum(right - left for left, _, right, _ in boxes_of_runs)
    return width, max(bottom - top for _, top, _, bottom in boxes_of_runs)


def _write(pen: Any, left: float, top: float, label: str) -> None:
    for font, run in _runs(label):
        pen.text((left, top), run, fill="black", font=font)
        left += font.getbbox(run)[2]


@as_peers
def video(tag: str, data: Any, fps: Any, layout: str, *, single: bool) -> Draft:
    """Make the draft of clips, side by side in one GIF, or in one APNG if the clips have alpha.

    ``layout`` is a permutation of "NTCHW": clips, frames, channels, rows, columns. ``single`` is
    passed to ``pixels.to_levels``. If the format cannot show ``fps`` frames a second, there is a
    warning.
    """
    tag = check_tag(tag)
    array = numeric_array("vid_tensor", data)
    axes = str(layout).upper()
    if sorted(axes) != sorted("NTCHW") or array.ndim != len(axes):
        raise ValueError(
            "vid_tensor must have five axes, and their order must be a permutation of 'NTCHW', got "
            f"shape {array.shape} and {layout!r}"
        )
    for axis, what in {"N": "clips", "T": "frames", "H": "rows", "W": "columns"}.items():
        if array.shape[axes.index(axis)] == 0:
            raise ValueError(f"vid_tensor has no {what}: its shape is {array.shape} as {axes}")
    clips = array.transpose([axes.index(axis) for axis in "NTHWC"])
    if not 1 <= clips.shape[4] <= 4:
        raise ValueError(f"vid_tensor must have 1 to 4 channels, got shape {array.shape} as {axes}")
    speed = _speed(tag, fps, alpha=clips.shape[4] in (2, 4))

    def take(notices: Notices, run: Run) -> Callable[[], list[Piece]]:
        taken = snapshot(data, clips)
        return partial(_video, tag, taken, speed, single, notices, run)

    return Draft(tag or NO_TAG, clips.nbytes, take, "an image")


def _speed(tag: str, fps: Any, *, alpha: bool) -> Any:
    """Check ``fps``. Warn if the format cannot show that many frames a second."""
    from tbimage.pixels.clips import frames, gif

    importlib.import_module("tbimage.pixels.clips.apng")  # for _video: workers must not import it
    most, kind = (frames.MOST_FPS, "an APNG") if alpha else (gif.MOST_FPS, "a GIF")
    if isinstance(fps, (int, float)) and fps > most:
        warn_caller(
            f"fps is {fps:g} for {tag!r}: {kind} shows at most {most:g} frames a second, so the "
            f"clip plays slower. Leave out frames and pass fps={most:g} or less.",
            UserWarning,
        )
        fps = most
    return frames.check_fps(fps)


def _video(
    tag: str, clips: Pixels, speed: Any, single: bool, notices: Notices, run: Run
) -> list[Piece]:
    from tbimage.pixels.clips import apng, gif
    from tbimage.pixels.clips.frames import Frames
    from tbimage.pixels.values.pictures import Picture

    count, length, height, width, channels = clips.shape
    # As in both peers, the sheet has one place for each clip. Empty places follow, until the
    # number of places is a power of two. There are one, two or four times as many columns as rows.
    places = 1 << (count - 1).bit_length()
    rows = 1 << (count.bit_length() - 1) // 2
    sheet = np.zeros((places, length, height, width, channels), clips.dtype)
    sheet[:count] = clips
    sheet = sheet.reshape(rows, places // rows, length, height, width, channels)
    sheet = sheet.transpose(2, 0, 3, 1, 4, 5)
    size = rows * height, places // rows * width
    levels = _levels(tag, sheet.reshape(length * size[0], size[1], channels), single, notices)
    moving = levels.reshape(length, *size, levels.shape[2])
    shown = Frames(length, lambda number: Picture(moving[number]))
    if moving.shape[3] in (2, 4):
        clip = apng.encode(shown, speed, "fast", run)
    else:
        clip = gif.encode(shown, speed, run)
    return _value(tag, *size, clip.channels, clip.pieces)
