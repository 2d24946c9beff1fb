"""Names of axes to a view whose axes are N, H, W, C.

What lives here: which axis of an array is which, and what to say when that is not plain. What does
not: where arrays come from (arrays.py) and what their values mean (levels.py).

Rules:
- Nothing is guessed. Without a layout, rank 2 is HW, rank 3 is HWC and rank 4 is NHWC; a shape that
  does not fit gets an error, which says what the shape looks like.
- Nothing is copied: the result is a view of the array.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["arrange"]

# By rank, the layout that is meant without one.
_DEFAULTS = {2: "HW", 3: "HWC", 4: "NHWC"}

# By rank, the index that makes NHWC of it: a fifth of the time of finding out where each axis is.
_DEFAULT_VIEWS: dict[int, tuple[Any, ...]] = {
    2: (np.newaxis, ..., np.newaxis),
    3: (np.newaxis,),
    4: (),
}

# By rank, the layouts that an error may propose, likeliest first.
_COMMON = {2: ("HW",), 3: ("HWC", "CHW"), 4: ("NHWC", "NCHW")}

_ALLOWED = "a permutation of 'HW', 'HWC', 'NHW' or 'NHWC'"

# Gray, gray+alpha, RGB, RGBA: what PNG has.
_MOST_CHANNELS = 4


def arrange(array: NDArray[Any], layout: str | None = None) -> tuple[NDArray[Any], bool]:
    """View an array as a batch of images.

    Args:
        array: One image or a batch of them, rank 2 to 4, any dtype and strides.
        layout: What each axis is: a permutation of the letters of ``"HW"``, ``"HWC"``, ``"NHW"`` or
            ``"NHWC"`` (N images, H rows, W columns, C channels), in any case. Default: ``"HW"``,
            ``"HWC"`` and ``"NHWC"`` for the ranks 2, 3 and 4.

    Returns:
        A view ``(N, H, W, C)`` of the array with 1 to 4 channels, and whether the array had an axis
        of images (so that one image is a batch of one, and not an image). N may be 0.

    Raises:
        TypeError: ``layout`` is neither None nor a str.
        ValueError: ``layout`` is not allowed or does not fit the array's rank, the array has a rank
            or a number of channels that no rule covers, or its images have no pixels.

    Example:
        >>> view, batch = arrange(np.zeros((3, 32, 48)), layout="CHW")
        >>> view.shape, batch
        ((1, 32, 48, 3), False)
        >>> arrange(np.zeros((3, 32, 48)))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ValueError: data of shape (3, 32, 48) as HWC would have 48 channels; expected 1 to 4: ...
    """
    axes = _axes(array, layout)
    if layout is None:
        view = array[_DEFAULT_VIEWS[array.ndim]]
    else:
        view = array.transpose([axes.index(axis) for axis in "NHWC" if axis in axes])
        if "N" not in axes:
            view = view[np.newaxis]
        if "C" not in axes:
            view = view[..., np.newaxis]
    _, height, width, channels = view.shape
    if 0 in (height, width, channels):
        raise ValueError(
            f"data of shape {array.shape} as {axes} holds no pixels; expected at least one row, "
            "column and channel"
        )
    if channels > _MOST_CHANNELS:
        raise ValueError(
            f"data of shape {array.shape} as {axes} would have {channels} channels; expected 1 "
            f"to {_MOST_CHANNELS}: {_advice(array.shape, axes)}"
        )
    return view, "N" in axes


def _axes(array: NDArray[Any], layout: str | None) -> str:
    """The layout in capitals, checked against the array's rank."""
    if layout is None:
        if array.ndim not in _DEFAULTS:
            raise ValueError(
                f"data has shape {array.shape}, rank {array.ndim}; expected rank 2 (HW), 3 (HWC) "
                "or 4 (NHWC): reshape it, or log its parts one by one"
            )
        return _DEFAULTS[array.ndim]
    if not isinstance(layout, str):
        raise TypeError(f"layout is {layout!r}; expected None or a str, {_ALLOWED}")
    axes = layout.upper()
    if "".join(sorted(axes)) not in ("HW", "CHW", "HNW", "CHNW"):
        raise ValueError(f"layout is {layout!r}; expected {_ALLOWED}")
    if len(axes) != array.ndim:
        raise ValueError(
            f"layout {layout!r} names {len(axes)} axes, but data has shape {array.shape}, rank "
            f"{array.ndim}: pass a layout with one letter for each axis"
        )
    return axes


def _advice(shape: tuple[int, ...], axes: str) -> str:
    """What data of a shape, which is not images as these axes, might be."""
    for layout in _COMMON[len(shape)]:
        channels = shape[layout.index("C")]
        if layout != axes and 1 <= channels <= _MOST_CHANNELS:
            return f"it looks like {layout}: pass layout={layout!r}"
    if len(shape) == 3:
        # Many maps of one size: first or last is the axis that differs from two equal ones, or else
        # the shortest.
        first, middle, last = shape
        last_differs = first == middle != last
        maps_last = last_differs or (middle != last and last < min(first, middle))
        layout = "HWN" if maps_last else "NHW"
        count = last if maps_last else first
        return f"it looks like {layout}, {count} gray images: pass layout={layout!r}"
    return "pick up to 4 of them, as data[..., :3], or log each as a gray image, as data[..., 0:1]"
