"""The data of the demo: each computation is compared with another implementation."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest

from tbimage.cli.cases import (
    CLASS_COLORS,
    feature_maps,
    filter_bank,
    input_batch,
    photographs,
    reconstruct,
    segment,
)

PHOTOS = resources.files("tbimage.cli") / "photos"


def test_the_photographs_are_small_and_come_with_their_licence() -> None:
    sizes = {path.name: len(path.read_bytes()) for path in PHOTOS.iterdir()}
    assert set(sizes) == {"cat.jpg", "coffee.jpg", "LICENSE"}
    assert sizes["cat.jpg"] + sizes["coffee.jpg"] < 60_000
    licence = (PHOTOS / "LICENSE").read_text(encoding="utf-8")
    for words in ("cat.jpg", "coffee.jpg", "scikit-image", "CC0 1.0 Universal"):
        assert words in licence


def test_the_photographs_show_something() -> None:
    images = photographs()
    assert images.shape == (2, 256, 384, 3)
    assert images.dtype == np.uint8
    assert (images.std((1, 2)) > 20).all()


def test_a_batch_is_crops_of_the_photographs_some_of_them_mirrored() -> None:
    mirrored = 0
    for step in range(3):
        batch = input_batch(step)
        assert batch.shape == (4, 64, 64, 3)
        for crop, photograph in zip(batch, [*photographs(), *photographs()], strict=True):
            found = [places_of(crop, photograph), places_of(crop[:, ::-1], photograph)]
            assert sum(found) == 1
            mirrored += found[1]
    assert 0 < mirrored < 12


def places_of(crop: np.ndarray, photograph: np.ndarray) -> int:
    """Count the places of a photograph where a crop of a third of the size fits."""
    sums = np.cumsum(np.cumsum(photograph.astype(int), axis=0), axis=1)
    sums = np.pad(sums, [(1, 0), (1, 0), (0, 0)])
    means = (sums[3:, 3:] - sums[3:, :-3] - sums[:-3, 3:] + sums[:-3, :-3]) / 9
    thirds = means.round().astype(np.uint8)  # of the 3 x 3 pixels that begin at each pixel
    height, width = (size - 3 * 64 + 1 for size in photograph.shape[:2])
    starts = (thirds[:height, :width] == crop[0, 0]).all(-1)
    return sum(
        np.array_equal(thirds[top : top + 192 : 3, left : left + 192 : 3], crop)
        for top, left in np.argwhere(starts)
    )


def test_batches_differ_and_are_the_same_at_every_call() -> None:
    assert np.array_equal(input_batch(1), input_batch(1))
    assert not np.array_equal(input_batch(1), input_batch(2))


def test_filters_do_not_respond_to_flat_areas() -> None:
    assert filter_bank().shape == (16, 5, 5, 3)
    flat = np.full((1, 8, 8, 3), 200, np.uint8)
    assert np.abs(feature_maps(flat)).max() < 1e-6


def test_filters_differ() -> None:
    bank = filter_bank().reshape(16, -1)
    similarity = np.corrcoef(bank) - np.eye(16)
    assert np.abs(similarity).max() < 0.9


def test_feature_maps_are_a_convolution() -> None:
    images = input_batch(0)
    maps, bank = feature_maps(images), filter_bank()
    assert maps.shape == (4, 32, 32, 16)
    padded = np.pad(images / 255, [(0, 0), (2, 2), (2, 2), (0, 0)], mode="edge")
    for image, row, column, channel in [(0, 0, 0, 0), (1, 7, 30, 5), (3, 31, 31, 15)]:
        window = padded[image, 2 * row : 2 * row + 5, 2 * column : 2 * column + 5]
        expected = (window * bank[channel]).sum()
        assert maps[image, row, column, channel] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("components", [1, 8, 64])
def test_a_reconstruction_is_the_best_of_its_rank(components: int) -> None:
    images = photographs()[:, 64:192, 96:224]
    restored = reconstruct(images, components)
    given, found = (
        each.reshape(2, 16, 8, 16, 8, 3).transpose(0, 1, 3, 2, 4, 5).reshape(-1, 192)
        for each in (images / 255, restored)
    )
    assert np.linalg.matrix_rank(found - found.mean(0), tol=1e-2) == components
    lost = np.linalg.svd(given - given.mean(0), compute_uv=False)[components:]
    error = np.square(found - given).sum()
    assert error == pytest.approx(np.square(lost).sum(), rel=1e-3)  # Eckart and Young


def test_a_segmentation_finds_what_is_there() -> None:
    colors = np.array([[200, 30, 30], [30, 160, 40], [40, 60, 200]], np.uint8)
    truth = np.repeat(np.repeat([[0, 1], [2, 0]], 40, axis=0), 40, axis=1)
    [labels] = segment(colors[truth][None], classes=3)
    inside = np.zeros(80, bool)
    inside[3:37] = inside[43:77] = True  # away from borders, which are smoothed
    for color in range(3):
        found = np.unique(labels[inside][:, inside][truth[inside][:, inside] == color])
        assert len(found) == 1
    assert len(np.unique(labels[inside][:, inside])) == 3


def test_a_segmentation_of_the_photographs_uses_each_class() -> None:
    labels = segment(photographs())
    assert labels.shape == (2, 256, 384)
    shares = [np.bincount(image.ravel(), minlength=4) / image.size for image in labels]
    assert np.min(shares) > 0.03
    assert CLASS_COLORS[labels].shape == (2, 256, 384, 3)
    assert len(np.unique(CLASS_COLORS, axis=0)) == len(CLASS_COLORS)
