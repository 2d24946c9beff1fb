"""Make a picture from the values of one image: range, tone curve, size, colours, colour bar.

Rules:
- The steps are done in this order. Levels are resized before the colour map is applied. So if two
  values become one pixel, this pixel has the colour of their mean, not the mean of their colours.
- Pixels that are NaN or infinite are painted after the colour map is applied. If the picture is
  smaller than the image, one pixel of the picture shows several pixels of the image. It is painted
  if one of these is NaN or infinite, so that NaN stays visible.
- The natural range of floats is (0, 1). With a diverging colour map, it is (-1, 1), and
  ranges that are found in the data ("minmax", percentiles) become symmetric around zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage import checks
from tbimage.pixels.arrays.array_like import as_array
from tbimage.pixels.arrays.layouts import arrange, without_alpha
from tbimage.pixels.values.colormaps import around_zero, check_colormap, colorize, is_diverging
from tbimage.pixels.values.levels import Levels, to_levels
from tbimage.pixels.values.pictures import Color, Findings, Picture, ink, with_channels
from tbimage.pixels.values.ranges import UNIT, Limits, ValueRange, check_value_range, find_limits
from tbimage.pixels.values.resizing import check_scale, nearest, resize, target_size
from tbimage.pixels.values.tone import check_gamma, check_log, inverse, tone

Array = NDArray[Any]

#: The finding for images whose range, found by ``"minmax"`` or percentiles, has only one value.
CONSTANT = "images whose range has only one value, shown as mid-gray"

# The colour of non-finite pixels until they are painted. Its red, green and blue are equal, so that
# gray images stay gray.
_BLACK: Color = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Look:
    """The options that define how values look; made by :func:`check_look`."""

    # The values that become black and white; None: the natural range of the dtype.
    value_range: ValueRange | None = None
    nan_color: Color = (255, 0, 0)  # red, green and blue of pixels that are NaN or infinite
    colormap: str | None = None  # the colour map of one-channel data, or None
    colorbar: bool = False  # whether a colour bar is drawn
    gamma: float | None = None  # the gamma of a tone curve, or None
    log: float | None = None  # the strength of a logarithmic tone curve, or None
    max_side: int | None = None  # the greatest length of the longer side, or None
    scale: float | None = None  # a factor for both sides, or None

    @property
    def is_plain(self) -> bool:
        """Whether all options are the defaults, except perhaps ``nan_color``."""
        tone, size = (self.gamma, self.log), (self.max_side, self.scale)
        colors = self.value_range, self.colormap, self.colorbar
        return (*colors, *tone, *size) == (None, None, False, None, None, None, None)

    @property
    def curved(self) -> bool:
        """Whether there is a tone curve."""
        return self.gamma is not None or self.log is not None

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width of the picture of an image, without the colour bar."""
        return target_size(height, width, self.max_side, self.scale)


def check_look(
    *,
    value_range: object = None,
    nan_color: object = (255, 0, 0),
    colormap: object = None,
    colorbar: object = False,
    gamma: object = None,
    log: object = None,
    max_side: object = None,
    scale: object = None,
) -> Look:
    """Check the options that define how values look; see ``tbimage.visual.image``."""
    return Look(
        check_value_range(value_range),
        checks.color("nan_color", nan_color),
        check_colormap(colormap),
        checks.flag("colorbar", colorbar, "the bar has the colours of colormap"),
        check_gamma(gamma),
        check_log(log),
        checks.integer("max_side", max_side, 1, optional=True),
        check_scale(scale),
    )


def check_fit(look: Look, channels: int) -> None:
    """Raise a ValueError if a colour map or colour bar is requested for an image in colour."""
    for argument, wanted in (("colormap", look.colormap), ("colorbar", look.colorbar)):
        if wanted and channels > 2:
            raise ValueError(
                f"{argument}={wanted!r} is for data of one channel, and data has {channels} "
                "channels: pass one of them, as data[..., :1], or the mean of the channels"
            )


def fixed_limits(colors: Array, look: Look) -> Limits | None:
    """Return the values that become black and white in an image without alpha.

    Integers in 0..255 are levels already, so the result is None for integer dtypes except uint16.
    """
    diverging = is_diverging(look.colormap)
    if look.value_range is not None:
        low, high = find_limits(colors, look.value_range)
        if diverging and look.value_range.kind != "fixed":
            return around_zero(low, high)
        return low, high
    if colors.dtype.kind == "f":
        return (-1.0, 1.0) if diverging else UNIT
    if colors.dtype.kind == "b":
        return UNIT
    return (0.0, 65535.0) if colors.dtype == np.uint16 else None


def joint_limits(images: Iterable[Array], look: Look) -> Limits | None:
    """Return the lowest and highest limit of images of the same dtype, or None: no limits."""
    found = [fixed_limits(image, look) for image in images]
    known = [limits for limits in found if limits is not None]
    if not known:
        return None
    return min(low for low, _ in known), max(high for _, high in known)


def render(image: Array, look: Look, limits: Limits | None = None) -> Picture:
    """Make a picture of the values of one image ``(H, W, C)``; the image is not changed.

    ``limits`` are the values that become black and white, if they are known. The picture is uint16
    if the image is uint16, without limits, value range, tone curve and colour map. Otherwise it is
    uint8. The picture of a gray image is in colour if there is a colour map, or if a pixel is not
    finite and ``nan_color`` is not gray.
    """
    natural = limits is None and look.value_range is None
    if natural and look.is_plain:
        found = to_levels(image, None, look.nan_color)
        if found.clipped is None and not found.non_finite:
            return Picture(found.pixels)
        return Picture(found.pixels, Findings(found.clipped, found.non_finite))
    colors = without_alpha(image)
    known = fixed_limits(colors, look) if limits is None else limits
    deep = natural and image.dtype == np.uint16 and not look.curved and look.colormap is None
    found = _levels(image, colors, look, None if deep else known)
    pixels = resize(found.pixels, look.size(*image.shape[:2]))
    if look.colormap is not None:
        pixels = colorize(pixels, look.colormap)
    if found.non_finite:
        pixels = _painted(pixels, image, look.nan_color)
    clipped = _clipped(colors, known) if natural and known is not None else None
    remarks = {CONSTANT: 1} if _is_constant(look, limits, known) else {}
    findings = Findings(clipped, found.non_finite, known if clipped and known else UNIT, remarks)
    made = Picture(pixels, findings)
    if look.colorbar:
        ends = (0.0, 255.0) if known is None else known
        values = [inverse(tick / 4, ends, look.gamma, look.log) for tick in range(5)]
        from tbimage.pixels.drawing.colorbar import colorbar  # only a colour bar needs fonts

        made = colorbar(made, values, look.colormap)
    return made


def _levels(image: Array, colors: Array, look: Look, limits: Limits | None) -> Levels:
    """Return the levels of one image; pixels that are not finite are black."""
    if not look.curved:
        chosen = None if limits is None else ValueRange("fixed", *limits)
        return to_levels(image, chosen, _BLACK)
    if limits is None:  # the integers are levels; to_levels checks that they are in 0..255
        image = to_levels(image, None, _BLACK).pixels
        colors, limits = image[..., : colors.shape[2]], (0.0, 255.0)
    unit = tone(colors, limits, look.gamma, look.log)
    if image.shape[2] > colors.shape[2]:
        most = {"f": 1, "b": 1}.get(image.dtype.kind, 65535 if image.dtype == np.uint16 else 255)
        alpha = image[..., -1:].astype(np.float32) / np.float32(most)
        unit = np.concatenate([unit, alpha], axis=2)
    return to_levels(unit, "unit", _BLACK)


def _painted(pixels: Array, image: Array, color: Color) -> Array:
    """Paint the pixels whose value is not finite."""
    if pixels.shape[2] < 3 and len(set(color)) > 1:
        pixels = with_channels(pixels, 3)
    elif not pixels.flags.writeable:
        pixels = pixels.copy()
    height, width = pixels.shape[:2]
    faulty: Array = np.logical_not(np.isfinite(image).all(axis=2))
    faulty = nearest(faulty, (max(height, image.shape[0]), max(width, image.shape[1])))
    rows, columns = (  # the pixels of the picture that contain the centres of faulty pixels
        (2 * places + 1) * new // (2 * old)
        for places, old, new in zip(np.nonzero(faulty), faulty.shape, pixels.shape[:2], strict=True)
    )
    pixels[rows, columns] = ink(color, pixels)
    return pixels


def _clipped(colors: Array, limits: Limits) -> Limits | None:
    """Return the lowest and highest value of floats if clipping changes a level, else None."""
    if colors.dtype.kind != "f":
        return None
    low, high = find_limits(colors, ValueRange("minmax"))
    level = (limits[1] - limits[0]) / 255.5
    return (low, high) if low <= limits[0] - level or high >= limits[1] + level / 2 else None


def _is_constant(look: Look, given: Limits | None, known: Limits | None) -> bool:
    """Tell whether the range was found in the image and has only one value."""
    found = given is None and look.value_range is not None and look.value_range.kind != "fixed"
    return found and known is not None and known[0] == known[1]


def picture(data: Any, *, layout: str | None = None, **look: Any) -> Picture:
    """Make a picture of the values of one image.

    Args:
        data: ``(H, W)`` or ``(H, W, C)`` with 1 to 4 channels, of any dtype: an array of any
            framework, nested lists, a PIL image or a matplotlib figure.
        layout: The order of the axes, such as "CHW"; or "BGR" for images of OpenCV. None: the order
            of ``data`` above.
        look: The keywords below.
        value_range: The values that become black and white: ``(low, high)``, "unit" (0 to 1),
            "signed" (-1 to 1), "byte" (0 to 255), "minmax" (the lowest and highest finite value) or
            ``("percentile", p, q)`` with 0 <= p < q <= 100. None: the natural range of the dtype;
            floats outside it are clipped.
        nan_color: Red, green and blue, 0 to 255, of pixels that are NaN or infinite; default: red.
        colormap: The name of a colour map, for data of one channel: "viridis", "magma", "turbo",
            "coolwarm", … (``tbimage.visual.COLORMAPS``), each with "_r" for its reverse.
        colorbar: Whether a bar beside the picture shows the values of the colours.
        gamma: The gamma of a tone curve. The range is scaled to 0..1, and each value ``t``
            becomes ``t ** (1 / gamma)``. A gamma above 1 makes the picture brighter; 2.2 is for
            values in linear light.
        log: The strength of a logarithmic tone curve for the values within the range; True means
            1000, which is for values that span three powers of ten.
        max_side: The maximum length of the longer side in pixels. Larger pictures are reduced.
        scale: A factor for both sides. Pixels are repeated to enlarge a picture, and averaged to
            reduce it.

    Returns:
        The picture, with the findings about the data.

    Raises:
        TypeError: An argument is of the wrong type, or ``data`` has no pixels.
        ValueError: A shape or another value does not fit.

    Example:
        >>> depth = np.linspace(0, 40, 64).reshape(8, 8)
        >>> picture(depth, value_range="minmax", colormap="turbo", scale=8).pixels.shape
        (64, 64, 3)
    """
    view, batched = arrange(as_array(data), layout)
    if batched:
        raise ValueError(f"data are a batch of {len(view)} images: pass them one by one")
    chosen = check_look(**look)
    check_fit(chosen, view.shape[3])
    return render(view[0], chosen)
