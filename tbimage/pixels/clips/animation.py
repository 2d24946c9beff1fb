"""Clips: the axes of frames, and the two kinds of files that move in TensorBoard.

What lives here: names of axes with time among them, and the choice of the file. What does not: the
files (apng.py, gif.py), frames (frames.py).
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from numpy.typing import NDArray

from tbimage.pixels.arrays.array_like import as_array
from tbimage.pixels.arrays.axes import CLIPS, arrange_axes
from tbimage.pixels.clips import apng, gif
from tbimage.pixels.clips.frames import check_fps, render_frames
from tbimage.pixels.drawing.rendering import Look, check_fit, check_look
from tbimage.pixels.png import encoder

__all__ = ["FORMATS", "animate", "arrange_clip", "check_clip", "encode_clip"]

Array = NDArray[Any]

FORMATS = ("apng", "gif")

# By rank, the layouts that an error may propose.
_COMMON = {4: ("THWC", "TCHW"), 5: ("NTHWC", "NTCHW")}

_MOST_CHANNELS = 4


def arrange_clip(array: Array, layout: str | None = None) -> tuple[Array, bool]:
    """View an array as a batch of clips.

    Args:
        array: One clip or a batch of them, rank 3 to 5, any dtype and strides.
        layout: What each axis is: a permutation of the letters of ``"THW"``, ``"THWC"``, ``"NTHW"``
            or ``"NTHWC"`` (N clips, T frames, H rows, W columns, C channels), in any case. Default:
            ``"THW"``, ``"THWC"`` and ``"NTHWC"`` for the ranks 3, 4 and 5.

    Returns:
        A view ``(N, T, H, W, C)`` with 1 to 4 channels, and whether there was an axis of clips.

    Raises:
        TypeError: ``layout`` is neither None nor a str.
        ValueError: ``layout`` is not allowed or does not fit, there is no such rank or number of
            channels, or a clip has no frames or no pixels.

    Example:
        >>> import numpy as np
        >>> arrange_clip(np.zeros((2, 7, 3, 8, 8)), "NTCHW")[0].shape
        (2, 7, 8, 8, 3)
    """
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
    """Check that frames can become a file of a kind.

    Args:
        format: "apng" or "gif".
        fps: Frames a second; see ``check_fps``.
        look: As ``check_look`` returns it.
        channels: 1 to 4.

    Returns:
        Format and frames a second.

    Raises:
        TypeError: ``fps`` is no number.
        ValueError: The format is unknown, too slow for ``fps`` or without alpha, or the look does
            not fit.

    Example:
        >>> check_clip("gif", 12.5, Look(), 3)
        ('gif', Fraction(25, 2))
    """
    if not isinstance(format, str) or format not in FORMATS:
        raise ValueError(f"format must be {' or '.join(map(repr, FORMATS))}, got {format!r}")
    check_fit(replace(look, colorbar=False), channels)
    speed = check_fps(fps)
    if format == "gif":
        gif.check_speed(speed)
        if channels in (2, 4):
            raise ValueError(
                f"format='gif' has no partial transparency, and frames have {channels} channels: "
                "pass format='apng', or frames[..., :-1]"
            )
    return format, speed


def encode_clip(
    values: Array,
    look: Look,
    format: str,
    fps: Fraction,
    compression: str = "fast",
    run: encoder.Run = encoder.run_serially,
) -> apng.EncodedClip:
    """Make the file of one clip.

    Args:
        values: ``(T, H, W, C)``, as ``arrange_clip`` gives it.
        look: As ``check_look`` returns it; ``check_clip`` has passed.
        format: "apng" or "gif".
        fps: As ``check_fps`` returns it.
        compression: As ``encoder.encode`` takes it.
        run: Does parts, perhaps several at once.

    Raises:
        ValueError: Integers lie outside 0..255 without a value range, or a GIF would be too large.

    Example:
        >>> import numpy as np
        >>> encode_clip(np.zeros((3, 8, 8, 1)), Look(), "apng", Fraction(5)).width
        8
    """
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
    """Make a file that moves, of one clip.

    Args:
        frames: ``(T, H, W)`` or ``(T, H, W, C)`` with 1 to 4 channels, of any dtype; or as
            ``layout`` says.
        fps: Frames a second, 0.001 to 60; a GIF has at most 50.
        format: "apng" keeps every level and all colours, "gif" up to 256 colours.
        layout: The order of the axes where it is another: "TCHW", …
        look: ``value_range``, ``colormap``, ``max_side`` and the other keywords of ``image``.

    Returns:
        The file, which begins anew when it ends. TensorBoard shows both kinds moving.

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
