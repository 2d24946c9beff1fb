"""Transpose arrays of any layout to a view with a fixed order of axes.

No layout is inferred. If the caller passes no layout, each rank has one default layout. A shape
that does not fit this layout is an error. The error proposes a layout that may fit. "BGR" is the
layout of OpenCV: the default axes, with the colours in the order blue, green, red.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: The layout of images and clips of OpenCV (``cv2.imread``), with 1, 3 or 4 channels.
BGR = "BGR"

# A PNG is gray, gray with alpha, RGB, or RGBA.
_MOST_CHANNELS = 4


@dataclass(frozen=True, slots=True)
class Axes:
    """The axes that one kind of data may have."""

    argument: str  # the name of the data, for errors
    # All axes, in the order of the view: N images or clips, T frames, H rows, W columns, C channels
    # or classes.
    order: str
    layouts: tuple[str, ...]  # the allowed layouts, whose letters may have any order
    defaults: Mapping[int, str]  # for each rank, the layout of an array if the caller passes none
    # For each rank, the layouts that an error may propose, the most likely first. The mapping is
    # empty if the channels of the data are not colours.
    likely: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


IMAGES = Axes(
    "data",
    "NHWC",
    ("HW", "HWC", "NHW", "NHWC"),
    {2: "HW", 3: "HWC", 4: "NHWC"},
    {3: ("HWC", "CHW"), 4: ("NHWC", "NCHW")},
)
#: Frames of clips.
CLIPS = Axes(
    "frames",
    "NTHWC",
    ("THW", "THWC", "NTHW", "NTHWC"),
    {3: "THW", 4: "THWC", 5: "NTHWC"},
    {4: ("THWC", "TCHW"), 5: ("NTHWC", "NTCHW")},
)
#: Activations.
MAPS = Axes("x", "NHWC", ("HWC", "NHWC"), {3: "HWC", 4: "NHWC"})
#: Class indices.
MASKS = Axes("labels", "NHW", ("HW", "NHW"), {2: "HW", 3: "NHW"})
#: Scores of classes.
SCORES = Axes("labels", "NHWC", ("HWC", "NHWC"), {3: "HWC", 4: "NHWC"})

# Key: the rank. Value: the index that gives images the axes NHWC if no layout is passed. Indexing
# is five times as fast as a transposition.
_DEFAULT_VIEWS: dict[int, tuple[Any, ...]] = {
    2: (np.newaxis, ..., np.newaxis),
    3: (np.newaxis,),
    4: (),
}


def arrange(
    array: NDArray[Any], layout: object = None, axes: Axes = IMAGES
) -> tuple[NDArray[Any], bool]:
    """Return a view with all axes of ``axes.order``, and whether the array has an axis N.

    ``layout`` is "BGR", or has one letter for each axis, in upper or lower case. Missing axes get
    the length 1. The length of N may be 0. No view has the order RGBA of a "BGR" array with 4
    channels. So the result is a copy in this case. It is read-only, so that it is not copied again.
    """
    reverse = bool(axes.likely) and isinstance(layout, str) and layout.upper() == BGR
    if reverse:
        layout = None
    names = _names(array, layout, axes)
    if layout is None and axes is IMAGES:
        view = array[_DEFAULT_VIEWS[array.ndim]]
    else:
        view = array.transpose([names.index(name) for name in axes.order if name in names])
        for place, name in enumerate(axes.order):
            if name not in names:
                view = np.expand_dims(view, place)
    if 0 in view.shape[1:]:
        raise ValueError(
            f"{axes.argument} of shape {array.shape} as {names} have no elements; expected a "
            "length of 1 or more along each axis except N"
        )
    channels = view.shape[-1]
    if axes.likely and channels > _MOST_CHANNELS:
        raise ValueError(
            f"{axes.argument} of shape {array.shape} as {names} would have {channels} channels; "
            f"expected 1 to {_MOST_CHANNELS}: {_advice(array.shape, axes)}"
        )
    if reverse and channels == 3:
        view = view[..., ::-1]
    elif reverse and channels == 4:
        view, bgra = view.copy(), view
        view[..., :3:2] = bgra[..., 2::-2]
        view.flags.writeable = False
    return view, "N" in names


def without_alpha(image: NDArray[Any]) -> NDArray[Any]:
    """Return a view of an image ``(…, C)`` without alpha, which is the last of 2 or 4 channels."""
    return image[..., :-1] if image.shape[-1] in (2, 4) else image


def _names(array: NDArray[Any], layout: object, axes: Axes) -> str:
    """Check that the layout fits the array's rank; return the layout in capital letters."""
    if layout is None:
        if array.ndim not in axes.defaults:
            raise ValueError(
                f"{axes.argument} of shape {array.shape} have rank {array.ndim}; expected the axes "
                f"{' or '.join(axes.defaults.values())}: reshape them, or pass them one by one"
            )
        return axes.defaults[array.ndim]
    *others, last = map(repr, axes.layouts)
    allowed = f"layout must be None or a permutation of {', '.join(others)} or {last}"
    if axes.likely:
        allowed += f"; or {BGR!r}, the layout of OpenCV"
    if not isinstance(layout, str):
        raise TypeError(f"{allowed}, got {layout!r} of type {type(layout).__name__}")
    names = layout.upper()
    if sorted(names) not in map(sorted, axes.layouts):
        raise ValueError(f"{allowed}, got {layout!r}")
    if len(names) != array.ndim:
        raise ValueError(
            f"layout {layout!r} names {len(names)} axes, but {axes.argument} have the shape "
            f"{array.shape}, rank {array.ndim}: pass a layout with one letter for each axis"
        )
    return names


def _advice(shape: tuple[int, ...], axes: Axes) -> str:
    """Tell how to pass data of a shape with too many channels."""
    for layout in axes.likely.get(len(shape), ()):
        if 1 <= shape[layout.index("C")] <= _MOST_CHANNELS:
            return f"the shape looks like {layout}: pass layout={layout!r}"
    if axes is IMAGES and len(shape) == 3:
        # The array seems to contain many gray images of the same size. The axis N of the images is
        # the first or the last axis. If two adjacent axes have the same length, they are rows and
        # columns, and N is the other axis. Otherwise N is the last axis if this is the shortest
        # axis, else the first axis.
        first, middle, last = shape
        last_differs = first == middle != last
        maps_last = last_differs or (middle != last and last < min(first, middle))
        layout, count = ("HWN", last) if maps_last else ("NHW", first)
        return f"the shape looks like {layout}, {count} gray images: pass layout={layout!r}"
    name = axes.argument
    return f"pass 1 to 4 channels, such as {name}[..., :3] for RGB, or {name}[..., 0:1] for gray"
