"""Data for the demo and the examples: photographs, and the outputs of small models.

All data is computed from two photographs with NumPy. Each call returns the same data. The
feature maps come from a convolution, the reconstruction comes from a principal component analysis,
and the classes come from a clustering.
"""

from __future__ import annotations

from importlib import resources

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CLASS_COLORS",
    "feature_maps",
    "filter_bank",
    "input_batch",
    "photographs",
    "reconstruct",
    "segment",
]

#: Red, green and blue of each class, from the palette of Okabe and Ito. Colour-blind people can
#: distinguish these colours (https://jfly.uni-koeln.de/color/).
CLASS_COLORS = np.array(
    [[0, 114, 178], [230, 159, 0], [0, 158, 115], [204, 121, 167], [240, 228, 66]], np.uint8
)

_CROP = 64  # rows and columns of a network's input
_PATCH = 8  # rows and columns of a patch in ``reconstruct``, as in JPEG
_FILTER = 5  # rows and columns of a filter


def photographs() -> NDArray[np.uint8]:
    """Return photographs of a cat and of a cup of coffee, as uint8 [2, 256, 384, 3]."""
    from PIL import Image

    directory = resources.files("tbimage.cli") / "photos"
    images = []
    for name in ("cat.jpg", "coffee.jpg"):
        with (directory / name).open("rb") as file:
            images.append(np.asarray(Image.open(file)))
    return np.stack(images)


def input_batch(step: int) -> NDArray[np.uint8]:
    """Return the random crops of a step, some of them mirrored, as uint8 [4, 64, 64, 3]."""
    random = np.random.default_rng(step)
    crops = []
    for photograph in (*photographs(), *photographs()):
        top, left = random.integers(np.array(photograph.shape[:2]) - 3 * _CROP + 1)
        crop = photograph[top : top + 3 * _CROP, left : left + 3 * _CROP]
        crops.append(crop[:, ::-1] if random.random() < 0.5 else crop)
    squares = np.stack(crops).reshape(4, _CROP, 3, _CROP, 3, 3)  # 3 x 3 pixels become 1 pixel
    batch: NDArray[np.uint8] = squares.mean((2, 4)).round().astype(np.uint8)
    return batch


def filter_bank() -> NDArray[np.float32]:
    """Return 16 Gabor filters [16, 5, 5, 3], similar to the first layer of a trained network."""
    y, x = np.mgrid[-1 : 1 : _FILTER * 1j, -1 : 1 : _FILTER * 1j]
    angles = np.arange(4)[:, None, None] * np.pi / 4
    across = x * np.cos(angles) + y * np.sin(angles)
    window = np.exp(-2 * (x**2 + y**2))
    waves = np.stack([window * np.sin(np.pi * across), window * np.cos(np.pi * across)], axis=1)
    waves -= waves.mean((2, 3), keepdims=True)  # a filter returns zero in a uniform area
    colors = np.array([[1, 1, 1], [-1, -1, 2]]) / 3
    bank: NDArray[np.float32] = np.einsum("apij,kc->apkijc", waves, colors).astype(np.float32)
    return bank.reshape(16, _FILTER, _FILTER, 3)


def feature_maps(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Convolve images [N, H, W, 3] with the filters at stride 2. Return [N, H / 2, W / 2, 16]."""
    edge = (_FILTER // 2, _FILTER // 2)
    padded = np.pad(images / np.float32(255), ((0, 0), edge, edge, (0, 0)), "edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_FILTER, _FILTER), axis=(1, 2))
    maps: NDArray[np.float32] = np.einsum(
        "nhwcij,fijc->nhwf", windows[:, ::2, ::2], filter_bank(), optimize=True
    )
    return maps


def reconstruct(images: NDArray[np.uint8], components: int) -> NDArray[np.float32]:
    """Reduce each 8×8 patch from 192 numbers to ``components`` numbers, and restore the patch."""
    count, height, width, channels = images.shape
    grid = count, height // _PATCH, _PATCH, width // _PATCH, _PATCH, channels
    in_patches = (images / np.float32(255)).reshape(grid).swapaxes(2, 3)
    patches = in_patches.reshape(-1, _PATCH * _PATCH * channels)
    mean = patches.mean(0)
    centered = patches - mean
    _, directions = np.linalg.eigh(centered.T @ centered)  # sorted by increasing variance
    basis = directions[:, -components:]
    restored = (centered @ basis @ basis.T + mean).reshape(in_patches.shape)
    outputs: NDArray[np.float32] = restored.swapaxes(2, 3).reshape(images.shape)
    return outputs


def segment(images: NDArray[np.uint8], classes: int = 4) -> NDArray[np.intp]:
    """Assign each pixel of images [N, H, W, 3] to a class of colour, with k-means."""
    return np.stack([_k_means(_smoothed(image), classes) for image in images])


def _smoothed(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Apply a 7×7 mean filter, so that a patterned area becomes one class."""
    smooth = image.astype(np.float64)
    for axis in (0, 1):
        padded = np.pad(smooth, [(3, 3) if axis == each else (0, 0) for each in range(3)], "edge")
        smooth = np.lib.stride_tricks.sliding_window_view(padded, 7, axis=axis).mean(-1)
    return smooth


def _k_means(image: NDArray[np.float64], classes: int) -> NDArray[np.intp]:
    # The features are brightness, red minus green, and yellow minus blue, with equal weights.
    points = image.reshape(-1, 3) @ np.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]]).T
    points = (points - points.mean(0)) / points.std(0)
    some = points[::16]
    by_brightness = np.sort(some[:, 0])
    starts = by_brightness[np.arange(1, 2 * classes, 2) * len(some) // (2 * classes)]
    labels = np.abs(some[:, :1] - starts).argmin(1)
    for _ in range(20):
        centers = np.stack([some[labels == each].mean(0) for each in range(classes)])
        labels = _nearest(some, centers)
    return _nearest(points, centers).reshape(image.shape[:2])


def _nearest(points: NDArray[np.float64], centers: NDArray[np.float64]) -> NDArray[np.intp]:
    distances = ((points[:, None] - centers) ** 2).sum(-1)
    nearest: NDArray[np.intp] = distances.argmin(1)
    return nearest
