"""Encode clips as APNG or GIF files."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from numpy.typing import NDArray

from tbimage import checks
from tbimage.pixels.arrays.array_like import as_array
from tbimage.pixels.arrays.layouts import CLIPS, arrange
from tbimage.pixels.clips import apng, gif
from tbimage.pixels.clips.frames import EncodedClip, check_fps, render_frames
from tbimage.pixels.drawing.rendering import Look, check_fit, check_look
from tbimage.pixels.png import encoder
from tbimage.pixels.png.strips import Run

Array = NDArray[Any]

FORMATS = ("apng", "gif")


def check_clip(format: object, fps: object, look: Look, channels: int) -> tuple[str, Fraction]:
    """Check that frames with ``channels`` channels can be encoded as ``format`` at ``fps``."""
    chosen = checks.choice("format", format, FORMATS)
    check_fit(replace(look, colorbar=False), channels)
    speed = check_fps(fps)
    if chosen == "gif":
        gif.check_speed(speed)
        gif.check_alpha(channels)
    return chosen, speed


def encode_clip(
    values: Array,
    look: Look,
    format: str,
    fps: Fraction,
    compression: str = "fast",
    run: Run = encoder.run_serially,
) -> EncodedClip:
    """Encode one clip of values ``(T, H, W, C)``. The arguments are already checked."""
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
        frames: ``(T, H, W)`` or ``(T, H, W, C)``, or with the axes of ``layout``. The frames have
            1 to 4 channels and any dtype.
        fps: Frames per second, 0.002 to 60; at most 50 for a GIF.
        format: "apng" keeps all levels and colours. "gif" keeps up to 256 colours.
        layout: The order of the axes, such as "TCHW"; or "BGR" for frames of OpenCV. None means
            the order in the description of ``frames``.
        look: ``value_range``, ``colormap``, ``max_side`` and the other keywords of ``image``.

    Returns:
        The bytes of the file. The animation loops. TensorBoard plays both formats.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A shape or another value does not fit.

    Example:
        >>> import numpy as np
        >>> animate(np.zeros((4, 16, 16, 3), np.uint8), fps=2)[1:4]
        b'PNG'
    """
    clips, batched = arrange(as_array(frames, "frames"), layout, CLIPS)
    if batched:
        raise ValueError(f"frames are a batch of {len(clips)} clips: pass them one by one")
    chosen = check_look(**look)
    kind, speed = check_clip(format, fps, chosen, clips.shape[-1])
    return b"".join(encode_clip(clips[0], chosen, kind, speed).pieces)
