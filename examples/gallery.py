"""Show every kind of picture, with photographs and with outputs of networks.

    pip install scikit-image      # the photographs
    python examples/gallery.py
    tensorboard --logdir runs/gallery

docs/gallery.md shows the pictures.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage import data, filters, measure, morphology

import tbimage
from tbimage.cli.cases import feature_maps, input_batch, photographs, reconstruct

Array = NDArray[np.floating[Any]]


def values(writer: tbimage.SummaryWriter) -> None:
    """Log numbers that are not levels: a depth map in metres, a gradient, linear light."""
    depth = stereo_depth()
    writer.image(
        "values/depth",
        depth,  # [500, 741] floats in metres; inf where the cameras saw nothing
        step=0,
        value_range=("percentile", 2, 98),
        colormap="turbo",
        colorbar=True,
        max_side=298,
        nan_color=(90, 90, 90),
    )
    eighths = (np.nan_to_num(depth, posinf=0) * 8000).astype(np.uint16)  # of millimetres
    writer.image("values/depth_16_bits", eighths, step=0)

    gray = photographs()[0].mean(2) / 255
    slope = np.gradient(gray, axis=1)  # [256, 384], positive and negative
    writer.image(
        "values/slope",
        slope,
        step=0,
        value_range=("percentile", 0.5, 99.5),  # made symmetric for this colour map
        colormap="coolwarm",
        colorbar=True,
        max_side=284,
    )

    sky = np.asarray(data.hubble_deep_field())[:262, 160:510] / 255
    light = sky**2.2  # [262, 350, 3], linear as in a sensor: most of it is dark
    writer.image("values/light", light, step=0)
    writer.image("values/light_gamma", light, step=0, gamma=2.2)
    writer.image("values/light_log", light, step=0, log=True)

    faulty = photographs()[1] / np.float32(255)
    faulty[96:128, 64:256] = np.nan  # as after a division by zero
    writer.image("values/faults", faulty, step=0, max_side=350)


def activations(writer: tbimage.SummaryWriter) -> None:
    """Log feature maps of two layers."""
    maps, deeper_maps = convolution_stack(photographs()[0])  # [64, 82, 16] and [30, 46, 64]
    writer.feature_maps(
        "activations/first_layer",
        maps,
        step=0,
        colormap="coolwarm",
        columns=4,
    )
    writer.feature_maps(
        "activations/second_layer", deeper_maps, step=0, max_maps=40, colormap="viridis"
    )


def outputs(writer: tbimage.SummaryWriter) -> None:
    """Log outputs: a segmentation, boxes and keypoints."""
    coins = data.coins()
    classes, found = coins_by_size(coins)
    names = ["table", "small", "mid", "big"]
    writer.segmentation(
        "outputs/mask",
        classes,  # [303, 384] class indices
        step=0,
        image=coins,
        classes=names,
        ignore_index=0,
        outlines=True,
        legend=True,
        max_side=350,
    )
    corners = [each.bbox[1::-1] + each.bbox[:1:-1] for each in found]  # x1, y1, x2, y2
    labels = [int(classes[tuple(each.coords[0])]) for each in found]
    scores = [each.solidity for each in found]
    writer.boxes(
        "outputs/boxes",
        coins,
        corners,
        step=0,
        labels=labels,
        scores=scores,
        classes=names,
        max_side=350,
    )

    joints = [[224, 112], [203, 100], [245, 102], [228, 180], [95, 250], [345, 270]]
    bones = [(1, 0), (0, 2), (0, 3), (3, 4), (3, 5)]
    writer.boxes(
        "outputs/keypoints",
        data.astronaut(),
        [[178, 74, 265, 161], [355, 0, 470, 290]],
        step=0,
        labels=["face", "shuttle"],
        keypoints=[joints],
        skeleton=bones,
        polylines=[helmet_outline()],
        max_side=350,
    )


def batches(writer: tbimage.SummaryWriter) -> None:
    """Log several images at once: comparisons, a grid, captions, an animation."""
    photos = photographs() / np.float32(255)  # [2, 256, 384, 3]
    restored = reconstruct(photographs(), 12)
    names = ["photograph", "12 components"]
    writer.compare(
        "batches/compare",
        photos,
        restored,
        step=0,
        titles=names,
        scalars=True,
        max_side=111,
    )

    crops = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket(), data.coins()]
    writer.grid(
        "batches/grid",
        crops,  # of different sizes, in colour and gray
        step=0,
        columns=3,
        max_side=114,
        captions=["astronaut", "cat", "coffee", "rocket", "coins"],
    )

    inputs = input_batch(0)
    words = ["cat 0.98", "cup 0.91", "cat 0.77", "cup 0.34 ?"]
    writer.image("batches/captions", inputs, step=0, captions=words, scale=350 / 64)

    counts = (1 + number**2 for number in range(12))
    growing = np.stack([reconstruct(photographs(), count) for count in counts], axis=1)
    writer.animation("batches/animation", growing, step=0, fps=4, value_range="unit", max_side=350)


def stereo_depth() -> Array:
    """Compute distances in metres from two cameras (Middlebury stereo, "motorcycle")."""
    _, _, disparity = data.stereo_motorcycle()
    focal_length, baseline, offset = 994.978, 0.193001, 31.028  # in pixels, metres, pixels
    return np.where(np.isfinite(disparity), focal_length * baseline / (disparity + offset), np.inf)


def convolution_stack(image: NDArray[np.uint8]) -> tuple[Array, Array]:
    """Compute two layers of convolution, with rectification and pooling."""
    first = feature_maps(image[np.newaxis])  # [1, 128, 192, 16]
    rectified = np.maximum(np.concatenate([first, -first], axis=3), 0)
    pooled = rectified.reshape(1, 32, 4, 48, 4, 32).max((2, 4))
    windows = np.lib.stride_tricks.sliding_window_view(pooled, (3, 3), axis=(1, 2))
    random = np.random.default_rng(0)
    kernels = random.normal(size=(64, 32, 3, 3)) / 17
    second = np.einsum("nhwcij,fcij->nhwf", windows, kernels, optimize=True)
    return first[0, ::2, 28::2], np.maximum(second[0] - random.uniform(-0.5, 0.25, 64), 0)


def coins_by_size(coins: NDArray[np.uint8]) -> tuple[NDArray[np.intp], list[Any]]:
    """Separate coins from the table with a threshold, and sort them by area."""
    light = coins - filters.gaussian(coins, 50, preserve_range=True)  # one corner is brighter
    disk = morphology.disk(3)
    mask = morphology.opening(morphology.closing(light > filters.threshold_otsu(light), disk), disk)
    found = [each for each in measure.regionprops(measure.label(mask)) if each.area > 300]
    limits = np.quantile([each.area for each in found], [1 / 3, 2 / 3])
    classes = np.zeros(coins.shape, np.intp)
    for each in found:
        classes[tuple(each.coords.T)] = 1 + np.searchsorted(limits, each.area)
    return classes, found


def helmet_outline() -> Array:
    """Return an ellipse around the helmet, [points, 2]."""
    angles = np.linspace(0, 2 * np.pi, 65)
    return np.stack([388 + 108 * np.cos(angles), 452 + 106 * np.sin(angles)], axis=1)


def main(logdir: str) -> None:
    """Log one picture or batch of each kind."""
    with tbimage.SummaryWriter(logdir) as writer:
        for log in (values, activations, outputs, batches):
            log(writer)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logdir", default="runs/gallery")
    main(parser.parse_args().logdir)
