"""The model: a small convolutional network in NumPy that finds edges and their directions.

The first layer is a bank of Gabor filters, as image networks learn them. The second layer is the
energy model of the visual cortex: it responds to the direction of an edge, but not to its sign. The
third layer keeps only the strongest line of each edge.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Edges", "filters", "find_edges"]

Floats = NDArray[np.float32]

_DIRECTIONS = 6
_SIZE = 7  # rows and columns of a filter
# Rows that are convolved at once, so that the data between the layers stays in the cache.
_BAND = 16
# Red, green and blue to brightness (Rec. 601), for pixels from 0 to 255.
_BRIGHTNESS: Floats = np.array([0.299, 0.587, 0.114], np.float32) / np.float32(255)
# Edges weaker than this part of the strongest one are texture and noise.
_THRESHOLD = 0.15

# Across an edge of each direction, the neighbour of a pixel: rows and columns.
_NEIGHBOURS = [(0, 1), (1, 1), (1, 1), (1, 0), (1, -1), (1, -1)]
_COLORS = np.array(
    [[230, 60, 60], [240, 190, 40], [90, 210, 60], [50, 200, 200], [80, 110, 250], [220, 80, 220]],
    np.uint8,
)


class Edges(NamedTuple):
    """What the model found in a photograph of [height, width, 3].

    Attributes:
        strength: [height, width] float32, 0 or more: the strength of the edge at each pixel.
            Read-only.
        direction: [height, width] uint8: its direction, one of six that are 30° apart.
        overlay: [height, width, 3] uint8: the photograph, darkened, with its edges in the colours
            of their directions. Read-only.
        density: The fraction of pixels that are edges, 0 to 1.
    """

    strength: Floats
    direction: NDArray[np.uint8]
    overlay: NDArray[np.uint8]
    density: float


def find_edges(photograph: NDArray[np.uint8]) -> Edges:
    """Run the model.

    Args:
        photograph: [height, width, 3] uint8, at least 8 × 8 pixels.

    Example:
        >>> edges = find_edges(np.zeros((64, 96, 3), np.uint8))
        >>> edges.strength.shape, edges.overlay.shape, edges.density
        ((64, 96), (64, 96, 3), 0.0)
    """
    strength, direction = _convolve(photograph.astype(np.float32) @ _BRIGHTNESS)
    ridge = _is_ridge(strength, direction) & (strength > _THRESHOLD * strength.max())
    overlay = photograph // 2
    overlay[ridge] = _COLORS[direction[ridge]]
    for output in (strength, overlay):
        output.flags.writeable = False  # a writer logs read-only memory without a copy
    return Edges(strength, direction, overlay, float(ridge.mean()))


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
    bank -= bank.mean((1, 2), keepdims=True)  # flat areas give no response
    bank /= np.sqrt(np.square(bank).sum((1, 2), keepdims=True))
    return np.moveaxis(bank, 0, -1).astype(np.float32)


_FILTERS = np.ascontiguousarray(filters().reshape(_SIZE * _SIZE, 2 * _DIRECTIONS).T)


def _convolve(gray: Floats) -> tuple[Floats, NDArray[np.uint8]]:
    """Return the greatest energy of all directions at each pixel, and its direction."""
    padded = np.pad(gray, _SIZE // 2, "edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_SIZE, _SIZE))
    strength = np.empty(gray.shape, np.float32)
    direction = np.empty(gray.shape, np.uint8)
    for top in range(0, len(gray), _BAND):
        band = windows[top : top + _BAND]
        responses = _FILTERS @ band.reshape(-1, _SIZE * _SIZE).T
        np.square(responses, out=responses)
        energies = responses[:_DIRECTIONS] + responses[_DIRECTIONS:]
        strength[top : top + _BAND] = energies.max(axis=0).reshape(band.shape[:2])
        direction[top : top + _BAND] = energies.argmax(axis=0).reshape(band.shape[:2])
    return np.sqrt(strength, out=strength), direction


def _is_ridge(strength: Floats, direction: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return where the edge is stronger than on both sides."""
    padded = np.pad(strength, 1)
    height, width = strength.shape

    def shifted(down: int, right: int) -> Any:
        return padded[1 + down : 1 + down + height, 1 + right : 1 + right + width]

    ridge = np.zeros(strength.shape, bool)
    for index, (down, right) in enumerate(_NEIGHBOURS):
        highest = (strength > shifted(down, right)) & (strength >= shifted(-down, -right))
        ridge |= highest & (direction == index)
    return ridge
