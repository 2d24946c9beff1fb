"""The model: a small convolutional network in NumPy that finds edges and their directions.

What lives here: pixels in, pixels out. What does not: files, requests, logging.

Its first layer is a bank of Gabor filters, which networks for images learn by themselves; the
second is the energy model of the cells of the visual cortex that answer to the direction of an edge
and not to its sign; the third keeps of each edge its ridge.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Edges", "filters", "find_edges"]

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

_DIRECTIONS = 6
_SIZE = 7  # rows and columns of a filter
_STRIDE = 2
# Red, green and blue to brightness (Rec. 601), for pixels from 0 to 255.
_BRIGHTNESS: Floats = np.array([0.299, 0.587, 0.114], np.float32) / np.float32(255)
# Edges weaker than this part of the strongest one are texture and noise.
_THRESHOLD = 0.12


class Edges(NamedTuple):
    """What the model found in a photograph of [height, width, 3].

    Attributes:
        features: [height / 2, width / 2, 6] float32, 0 or more: how strong the edges in each of six
            directions are, 30° apart.
        strength: [height / 2, width / 2] float32: the strongest of the six. Read-only.
        overlay: [height, width, 3] uint8: the photograph, darkened, with its edges in the colours
            of their directions. Read-only.
        density: The part of the photograph that is edges, 0 to 1.
    """

    features: Floats
    strength: Floats
    overlay: Pixels
    density: float


def find_edges(photograph: Pixels) -> Edges:
    """Run the model.

    Args:
        photograph: [height, width, 3] uint8, at least 8 × 8 pixels.

    Example:
        >>> edges = find_edges(np.zeros((64, 96, 3), np.uint8))
        >>> edges.features.shape, edges.overlay.shape, edges.density
        ((32, 48, 6), (64, 96, 3), 0.0)
    """
    gray: Floats = photograph.astype(np.float32) @ _BRIGHTNESS
    features = _energies(_convolve(gray))
    strength = features.max(axis=2)
    direction = features.argmax(axis=2)
    ridge = _is_ridge(strength, direction) & (strength > _THRESHOLD * strength.max())
    overlay = _overlay(photograph, ridge, direction)
    for output in (strength, overlay):
        output.flags.writeable = False  # so that it can be logged without a copy
    return Edges(features, strength, overlay, float(ridge.mean()))


def filters() -> Floats:
    """Make the first layer: for each of six directions a filter for edges and one for lines.

    Returns:
        [7, 7, 12]: first those for edges.

    Example:
        >>> filters().shape
        (7, 7, 12)
    """
    y, x = np.mgrid[-1 : 1 : _SIZE * 1j, -1 : 1 : _SIZE * 1j]
    angles = np.arange(_DIRECTIONS)[:, None, None] * np.pi / _DIRECTIONS
    across = x * np.cos(angles) + y * np.sin(angles)
    window = np.exp(-2.5 * (x**2 + y**2))
    bank = np.concatenate([window * np.sin(np.pi * across), window * np.cos(np.pi * across)])
    bank -= bank.mean((1, 2), keepdims=True)  # flat areas excite no filter
    bank /= np.sqrt(np.square(bank).sum((1, 2), keepdims=True))
    return np.moveaxis(bank, 0, -1).astype(np.float32)


_FILTERS = filters()


def _convolve(gray: Floats) -> Floats:
    """Convolve with all filters, with a stride of 2, as one product of matrices."""
    padded = np.pad(gray, _SIZE // 2, "edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_SIZE, _SIZE))
    windows = windows[: gray.shape[0] : _STRIDE, : gray.shape[1] : _STRIDE]
    responses: Floats = windows.reshape(-1, _SIZE * _SIZE) @ _FILTERS.reshape(_SIZE * _SIZE, -1)
    return responses.reshape(*windows.shape[:2], -1)


def _energies(responses: Floats) -> Floats:
    edges, lines = np.split(responses, 2, axis=2)
    energies: Floats = np.hypot(edges, lines)
    return energies


# Across an edge of each direction, the neighbour of a pixel: rows and columns.
_NEIGHBOURS = [(0, 1), (1, 1), (1, 1), (1, 0), (1, -1), (1, -1)]
_COLORS = np.array(
    [[230, 60, 60], [240, 190, 40], [90, 210, 60], [50, 200, 200], [80, 110, 250], [220, 80, 220]],
    np.uint8,
)


def _is_ridge(strength: Floats, direction: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Tell where the edge is stronger than on both of its sides."""
    padded = np.pad(strength, 1)
    height, width = strength.shape

    def shifted(down: int, right: int) -> Any:
        return padded[1 + down : 1 + down + height, 1 + right : 1 + right + width]

    ridge = np.zeros(strength.shape, bool)
    for index, (down, right) in enumerate(_NEIGHBOURS):
        highest = (strength > shifted(down, right)) & (strength >= shifted(-down, -right))
        ridge |= highest & (direction == index)
    return ridge


def _overlay(photograph: Pixels, ridge: NDArray[np.bool_], direction: NDArray[np.intp]) -> Pixels:
    overlay = photograph // 2
    for row in range(_STRIDE):
        for column in range(_STRIDE):
            part = overlay[row::_STRIDE, column::_STRIDE]
            inside = ridge[: part.shape[0], : part.shape[1]]
            part[inside] = _COLORS[direction[: part.shape[0], : part.shape[1]][inside]]
    return overlay
