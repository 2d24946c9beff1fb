"""Names of axes to a view whose axes stand in one order, for data that are not images.

What lives here: which axis of clips, activations and masks is which. What does not: images, of
which more can be told (layouts.py).

Rules:
- Nothing is guessed: without a layout each rank means one, and what does not fit is an error.
- Nothing is copied: the result is a view of the array.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CLIPS", "MAPS", "MASKS", "SCORES", "Axes", "arrange_axes"]


@dataclass(frozen=True, slots=True)
class Axes:
    """What the axes of some data may be.

    Attributes:
        argument: The data's name, for errors.
        order: All axes, in the order of the view: N images or clips, T frames, H rows, W columns, C
            channels or classes.
        optional: Those that may be missing.
        defaults: By rank, the layout that is meant without one.
    """

    argument: str
    order: str
    optional: str
    defaults: Mapping[int, str]


#: Frames of clips.
CLIPS = Axes("frames", "NTHWC", "NC", {3: "THW", 4: "THWC", 5: "NTHWC"})
#: Activations.
MAPS = Axes("x", "NHWC", "N", {3: "HWC", 4: "NHWC"})
#: Class indices.
MASKS = Axes("labels", "NHW", "N", {2: "HW", 3: "NHW"})
#: Scores of classes.
SCORES = Axes("labels", "NHWC", "N", {3: "HWC", 4: "NHWC"})


def arrange_axes(array: NDArray[Any], layout: object, axes: Axes) -> tuple[NDArray[Any], bool]:
    """View an array with all axes in one order.

    Args:
        array: Any dtype and strides.
        layout: One letter for each axis, in any case; None: what the rank means.
        axes: What they may be.

    Returns:
        A view with the axes of ``axes.order``, missing ones with length 1; and whether N was there.

    Raises:
        TypeError: ``layout`` is neither None nor a str.
        ValueError: ``layout`` is not allowed or does not fit, or an axis other than N is empty.

    Example:
        >>> arrange_axes(np.zeros((2, 7, 3, 8, 8)), "NTCHW", CLIPS)[0].shape
        (2, 7, 8, 8, 3)
    """
    allowed = f"a permutation of {' or '.join(map(repr, axes.defaults.values()))}"
    if layout is not None and not isinstance(layout, str):
        raise TypeError(f"layout must be None or a str, {allowed}, got {layout!r}")
    names = axes.defaults.get(array.ndim) if layout is None else layout.upper()
    if names is None:
        raise ValueError(
            f"{axes.argument} of shape {array.shape} have rank {array.ndim}; expected the axes "
            f"{' or '.join(axes.defaults.values())}"
        )
    required = set(axes.order) - set(axes.optional)
    if len(set(names)) != len(names) or not required <= set(names) <= set(axes.order):
        raise ValueError(f"layout must be {allowed}, got {layout!r}")
    if len(names) != array.ndim:
        raise ValueError(
            f"layout {layout!r} names {len(names)} axes, but {axes.argument} have the shape "
            f"{array.shape}: pass one letter for each axis"
        )
    sizes = dict(zip(names, array.shape, strict=True))
    if not all(size for name, size in sizes.items() if name != "N"):
        raise ValueError(
            f"{axes.argument} of shape {array.shape} ({names}) hold nothing; expected 1 or more "
            "along each axis but N"
        )
    view = array.transpose([names.index(name) for name in axes.order if name in names])
    for place, name in enumerate(axes.order):
        if name not in names:
            view = np.expand_dims(view, place)
    return view, "N" in names
