"""Clips: the layouts of their arrays, and the choice between APNG and GIF."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from numpy.typing import NDArray

from tbimage.pixels.arrays.array_like import as_array
from tbimage.pixels.arrays.axes import CLIPS, arrange_axes
from tbimage.pixels.clips import apng, gif
from tbimage.pixels.clips.frames import EncodedClip, check_fps, render_frames
from tbimage.pixels.drawing.rendering import Look, check_fit, check_look
from tbimage.pixels.png import encoder

__all__ = ["FORMATS", "animate", "arrange_clip", "check_clip", "encode_clip"]

Array = NDArray[Any]

FORMATS = ("apng", "gif")

# By rank, the layouts that an error may propose.
_COMMON = {4: ("THWC", "TCHW"), 5: ("NTHWC", "NTCHW")}

_MOST_CHANNELS = 4


def arrange_clip(array: Array, layout: str | None = None) -> tuple[Array, bool]:
    """View an array as clips ``(N, T, H, W, C)``, and tell whether it had an axis of clips."""
    view, batched = arrange_axes(array, layout, CLIPS)
    channels = view.shape[-1]
    if channels > _MOST_CHANNELS:
        raise ValueError(
            f"frames of shape {array.shape} would have {channels} channels; expected 1 to "
            f"{_MOST_CHANNELS}: {_advice(array.shape, channels)}"
        )
    return view, batched


def _advice(shape: tuple[int, ...], channels: int) -> str:
    for layout in _COMMON.get(len(shape), ()):
        looks_right = 1 <= shape[layout.index("C")] <= _MOST_CHANNELS
        if looks_right and shape[layout.index("C")] != channels:
            return f"they look like {layout}: pass layout={layout!r}"
    return "pass up to 4 of them, as frames[..., :3]"


def check_clip(format: object, fps: object, look: Look, channels: int) -> tuple[str, Fraction]:
    """Check that frames of so many channels can become a file of a format."""
    if not isinstance(format, str) or format not in FORMATS:
        raise ValueError(f"format must be {' or '.join(map(repr, FORMATS))}, got {format!r}")
    check_fit(replace(look, colorbar=False), channels)
    speed = check_fps(fps)
    if format == "gif":
        gif.check_speed(speed)
        gif.check_alpha(channels)
    return format, speed


def encode_clip(
    values: Array,
    look: Look,
    format: str,
    fps: Fraction,
    compression: str = "fast",
    run: encoder.Run = encoder.run_serially,
) -> EncodedClip:
    """Encode one clip of values ``(T, H, W, C)``; the arguments are checked."""
    frames = render_frames(values, look)
    if format == "gif":
        return gif.encode(frames, fps, run)
    return apng.encode(frames, fps, compression, run)


def animate(
    frames: Any,
    fps: float = 10,
    *,
    format: str = "apng",
    layout: str | None = None,
    **look: Any,
) -> bytes:
    """Make an animation of one clip.

    Args:
        frames: ``(T, H, W)`` or ``(T, H, W, C)`` with 1 to 4 channels, of any dtype; or as
            ``layout`` says.
        fps: Frames per second, 0.001 to 60; at most 50 for a GIF.
        format: "apng" keeps every level and all colours, "gif" up to 256 colours.
        layout: The order of the axes where it is another: "TCHW", …
        look: ``value_range``, ``colormap``, ``max_side`` and the other keywords of ``image``.

    Returns:
        The file, which loops. TensorBoard shows both formats moving.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A shape or another value does not fit.

    Example:
        >>> import numpy as np
        >>> animate(np.zeros((4, 16, 16, 3), np.uint8), fps=2)[1:4]
        b'PNG'
    """
    clips, batched = arrange_clip(as_array(frames), layout)
    if batched:
        raise ValueError(f"frames are a batch of {len(clips)} clips: pass them one by one")
    chosen = check_look(**look)
    kind, speed = check_clip(format, fps, chosen, clips.shape[-1])
    return b"".join(encode_clip(clips[0], chosen, kind, speed).pieces)
