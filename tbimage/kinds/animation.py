"""Animations: clips that TensorBoard plays."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from typing import Any

from tbimage.kinds.numbers import Array
from tbimage.kinds.options import PictureOptions, check_size
from tbimage.kinds.pictures import Made, Prepared, Run, batch_suffixes
from tbimage.pixels.arrays import array_like
from tbimage.pixels.arrays.layouts import CLIPS, arrange
from tbimage.pixels.clips.animation import check_clip, encode_clip
from tbimage.pixels.drawing.rendering import check_fit


def prepare(
    frames: object,
    layout: str | None,
    options: PictureOptions,
    *,
    fps: object = 10,
    format: object = "apng",
    max_outputs: int | None = None,
) -> Prepared:
    """Check shapes and dtypes. Copy an array only to convert it."""
    array = array_like.as_array(frames, "frames")
    clips, batched = arrange(array, layout, CLIPS)
    check_fit(options.look, clips.shape[4])
    kind, speed = check_clip(format, fps, options.look, clips.shape[4])
    check_size(*options.look.size(*clips.shape[2:4]))
    clips = clips[:max_outputs]
    return Prepared(
        (clips,),
        (array_like.is_immutable(frames, clips),),
        partial(_parts, kind, speed),
        batch_suffixes(len(clips), batched),
    )


def _parts(
    kind: str, speed: Fraction, snapshots: Sequence[Array], options: PictureOptions, run: Run[Any]
) -> list[partial[Made]]:
    return [partial(_made, clip, kind, speed, options, run) for clip in snapshots[0]]


def _made(clip: Array, kind: str, speed: Fraction, options: PictureOptions, run: Run[Any]) -> Made:
    return Made(encode_clip(clip, options.look, kind, speed, options.compression, run))
