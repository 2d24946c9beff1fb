"""Draw keypoints, skeletons and polylines onto a picture.

Rules:
- Coordinates are (x, y) in pixels from the top left corner of the picture. (0, 0) is this corner,
  and (0.5, 0.5) is the centre of the first pixel.
- Lines and points are clipped to the picture.
- A point that is NaN or infinite is counted, but the point and its lines are not drawn.
- The time is bounded for any number of points: a picture shows at most ``MOST_PIECES`` pieces of
  lines and dots. This is enough for lines with a total length of 600,000 pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage import checks
from tbimage.pixels.arrays.array_like import as_numbers, real_numbers
from tbimage.pixels.drawing.palette import check_colors, class_color
from tbimage.pixels.drawing.strokes import stroke
from tbimage.pixels.values.pictures import Color, Picture, drawable

Coordinates = NDArray[np.float64]
Stroke = tuple[Coordinates, float, Color]  # segments, radius, color

#: The maximum number of pieces of all strokes of a picture; drawing them takes about 0.5 s.
MOST_PIECES = 75_000

# The fixed cost of a stroke is the cost of this number of pieces.
_PIECES_OF_A_CALL = 16

# Coordinates are clipped to plus or minus this number of pixels. It is far outside of any picture,
# but small enough to clip lines precisely in float64.
_FARTHEST = 1e9

# The colour of the rim around a keypoint. The rim makes keypoints visible on a background of their
# own colour.
_RIM: Color = (0, 0, 0)

_NOT_FINITE = "points with NaN or infinite coordinates, not drawn"
_TOO_MANY = "lines and points that are too many for one picture, not drawn"


def check_points(points: Any, argument: str = "points") -> Coordinates:
    """Check the points of one instance, ``(K, 2)`` or ``(K, 3)``; return ``(K, 3)`` float64.

    The columns are x, y and visibility. The default visibility is 1.
    """
    array = real_numbers(points, argument)
    if array.size == 0:
        return np.empty((0, 3))
    if array.ndim != 2 or array.shape[1] not in (2, 3):
        raise ValueError(
            f"{argument} must have the shape (count, 2) for x and y, or (count, 3) for x, y and "
            f"visibility, got {array.shape}"
        )
    checked = np.ones((len(array), 3))
    checked[:, : array.shape[1]] = array
    return checked


def check_skeleton(skeleton: Any) -> list[tuple[int, int]]:
    """Check the skeleton: pairs of indices of points, which are joined by lines."""
    expected = "pairs of indices of points"
    pairs = []
    for pair in checks.items("skeleton", skeleton, expected):
        ends = checks.items("skeleton", pair, expected)
        if len(ends) != 2:
            raise TypeError(f"skeleton must be {expected}, got {checks.given(pair)}")
        first, second = (checks.integer("skeleton", index, 0) for index in ends)
        pairs.append((first, second))
    return pairs


def draw_keypoints(
    image: object,
    points: Any,
    *,
    skeleton: Sequence[tuple[int, int]] = (),
    colors: Any = None,
    normalized: bool = False,
    radius: float | None = None,
) -> Picture:
    """Draw keypoints, and the lines of a skeleton between them.

    Args:
        image: A Picture or an array ``(H, W)`` or ``(H, W, C)`` with 1 to 4 channels, of any dtype.
        points: x and y of each point: ``(K, 2)`` for one instance, ``(M, K, 2)`` or a list of
            arrays for several instances. A third number of a point is its visibility. Points with a
            visibility of 0 or less are not drawn.
        skeleton: Pairs of indices of points. A line joins the points if both are visible. If an
            instance does not have both points of a pair, the pair is ignored.
        colors: One (red, green, blue) in 0..255, or one per instance; default: the colours of the
            classes 0, 1, …
        normalized: Whether coordinates are fractions of the picture's width and height.
        radius: The radius of the dots in pixels; default: 3 or more, depending on the size of the
            picture.

    Returns:
        The picture, 8 bits deep and in colour. The findings count points that are NaN or infinite.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A shape or another value does not fit.

    Example:
        >>> face = draw_keypoints(np.zeros((64, 64)), [[20, 20], [40, 20]], skeleton=[(0, 1)])
        >>> face.pixels[20, [20, 30]].tolist()
        [[31, 119, 220], [31, 119, 220]]
    """
    picture = drawable(image)
    instances = [check_points(each) for each in each_instance(points)]
    joints = check_skeleton(skeleton)
    paints = _paints(colors, len(instances))
    size = max(picture.pixels.shape[:2])
    radius = checks.positive("radius", radius, _FARTHEST) or max(3.0, size / 160)
    scale = picture.pixels.shape[1::-1] if checks.flag("normalized", normalized) else (1, 1)
    strokes: list[Stroke] = []
    faulty = 0
    for number, instance in enumerate(instances):
        visible = np.logical_not(instance[:, 2] <= 0)
        shown = visible & np.all(np.isfinite(instance), axis=1)
        faulty += int(visible.sum() - shown.sum())
        places = instance[:, :2] * scale
        pairs = [(a, b) for a, b in joints if max(a, b) < len(shown) and shown[a] and shown[b]]
        dots = places[shown][:, np.newaxis].repeat(2, axis=1)
        color = paints[number]
        strokes += [
            (places[np.array(pairs, np.intp).reshape(-1, 2)], radius / 2, color),
            (dots, radius + max(1.0, radius / 4), _RIM),
            (dots, radius, color),
        ]
    left_out = _stroke_all(picture.pixels, strokes)
    return picture.but(picture.pixels, {_NOT_FINITE: faulty, _TOO_MANY: left_out})


def draw_polylines(
    image: object,
    lines: Any,
    *,
    closed: bool = False,
    colors: Any = None,
    normalized: bool = False,
    width: float | None = None,
) -> Picture:
    """Draw lines through points: lanes, contours, polygons, tracks.

    Args:
        image: A Picture or an array ``(H, W)`` or ``(H, W, C)`` with 1 to 4 channels, of any dtype.
        lines: x and y of each point: ``(K, 2)`` for one line, ``(M, K, 2)`` or a list of arrays for
            several lines. A line of one point is a dot. A point with NaN interrupts its line.
        closed: Whether the last point of a line is joined to the first.
        colors: One (red, green, blue) in 0..255, or one per line; default: the colours of the
            classes 0, 1, …
        normalized: Whether coordinates are fractions of the picture's width and height.
        width: The width of the lines in pixels; default: 2 or more, depending on the size of the
            picture.

    Returns:
        The picture, 8 bits deep and in colour. The findings count points that are NaN or infinite.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A shape or another value does not fit.

    Example:
        >>> lane = draw_polylines(np.zeros((64, 64)), [[0, 32], [64, 32]], width=2)
        >>> lane.pixels[31:33, 20].tolist()
        [[31, 119, 220], [31, 119, 220]]
    """
    picture = drawable(image)
    chains = [check_points(each, "lines") for each in each_instance(lines)]
    closed = checks.flag("closed", closed)
    paints = _paints(colors, len(chains))
    size = max(picture.pixels.shape[:2])
    width = checks.positive("width", width, _FARTHEST) or max(2.0, size / 320)
    scale = picture.pixels.shape[1::-1] if checks.flag("normalized", normalized) else (1, 1)
    strokes: list[Stroke] = []
    faulty = 0
    for number, chain in enumerate(chains):
        finite = np.all(np.isfinite(chain), axis=1)
        faulty += int((~finite).sum())
        places = chain[:, :2] * scale
        following = np.roll(np.arange(len(places)), -1)
        if not closed and len(places) > 1:
            following = following[:-1]
        starts = np.arange(len(following))
        joined = finite[starts] & finite[following]
        segments = np.stack([places[starts[joined]], places[following[joined]]], axis=1)
        strokes.append((segments, width / 2, paints[number]))
    left_out = _stroke_all(picture.pixels, strokes)
    return picture.but(picture.pixels, {_NOT_FINITE: faulty, _TOO_MANY: left_out})


def _paints(colors: Any, count: int) -> list[Color]:
    if colors is None:
        return [class_color(number) for number in range(count)]
    return check_colors(colors, count)


def _stroke_all(pixels: NDArray[Any], strokes: Sequence[Stroke]) -> int:
    """Draw at most ``MOST_PIECES`` pieces of strokes; return the number of omitted segments."""
    room, left_out = MOST_PIECES, 0
    for segments, radius, color in strokes:
        if room <= 0:
            left_out += len(segments)
            continue
        near = np.clip(segments, -_FARTHEST, _FARTHEST)
        missing, room = stroke(pixels, near, radius, color, room)
        room -= _PIECES_OF_A_CALL
        left_out += missing
    return left_out


def each_instance(points: Any) -> list[Any]:
    """Return one array of points per instance; None means no instance."""
    if points is None:
        return []
    if isinstance(points, (list, tuple)):
        return list(points) if any(_rank(each) == 2 for each in points) else [points]
    array = as_numbers(points)
    return list(array) if array.ndim == 3 else [array]


def _rank(points: Any) -> int:
    if isinstance(points, (list, tuple)):
        return 1 + (_rank(points[0]) if points else 0)
    return np.ndim(points)
