"""From a sample, the filter and the method that suit the picture are chosen."""

from __future__ import annotations

import numpy as np
import pytest

from tbimage.pixels.png.deflate import Method
from tbimage.pixels.png.filters import Filter
from tbimage.pixels.png.rows import Pixels, Rows
from tbimage.pixels.png.strategy import entropies, plan_balanced, plan_fast
from tests.pixels.libraries import METHODS_OF_IGZIP, SLOWER_LIBRARIES, library

NOISE = np.random.default_rng(1).normal(size=(300, 300, 3))
Y, X = np.mgrid[:300, :300][0][:, :, None], np.mgrid[:300, :300][1][:, :, None]


def photograph() -> Pixels:
    """Smooth in both directions, with noise."""
    smooth = 100 + 60 * np.sin(X / 31) + 60 * np.cos(Y / 23)
    return (smooth + 3 * NOISE).clip(0, 255).astype(np.uint8)


def labels() -> Pixels:
    """Regions with bent borders, one colour each."""
    ids = ((X + 9 * np.sin(Y / 17)) // 37 * 5 + (Y + 9 * np.sin(X / 13)) // 53).astype(int)
    return np.random.default_rng(3).integers(0, 256, (60, 3), np.uint8)[ids[:, :, 0]]


def mask() -> Pixels:
    inside = (X - 150) ** 2 + (Y - 140) ** 2 < 110**2
    return inside.astype(np.uint8) * np.uint8(255)


@pytest.mark.parametrize("name", SLOWER_LIBRARIES)
def test_photographs_are_not_searched_for_matches(name: str) -> None:
    with library(name):
        plan = plan_fast(Rows(photograph()))
    assert plan.method is (Method.IGZIP_NEAR if name == "igzip" else Method.RUNS)
    assert plan.filter in (Filter.AVERAGE, Filter.PAETH)


@pytest.mark.parametrize("name", SLOWER_LIBRARIES)
def test_labels_are(name: str) -> None:
    with library(name):
        plan = plan_fast(Rows(labels()))
    assert (plan.filter, plan.method) == (Filter.REPEAT, Method.MATCHES)


@pytest.mark.parametrize("name", SLOWER_LIBRARIES)
def test_masks_are_runs(name: str) -> None:
    with library(name):
        assert plan_fast(Rows(mask())).method is Method.RUNS


@pytest.mark.parametrize("name", SLOWER_LIBRARIES)
def test_ramps_are_filtered_before(name: str) -> None:
    with library(name):
        plan = plan_fast(Rows(((X // 4 + Y) % 256).astype(np.uint8)))
    assert plan.filter in (Filter.SUB, Filter.UP, Filter.PAETH)
    assert plan.method is not Method.IGZIP


@pytest.mark.parametrize("name", SLOWER_LIBRARIES)
def test_sparse_noise_is_not_filtered(name: str) -> None:
    """Like an activation map after a ReLU: differences would double the non-zero bytes."""
    activations = (NOISE * 60).clip(0, 255).astype(np.uint8)
    with library(name):
        assert plan_fast(Rows(activations)).filter is Filter.NONE


def test_balanced_does_not_depend_on_isal() -> None:
    for picture in (photograph(), labels(), mask()):
        plans = []
        for name in SLOWER_LIBRARIES:
            with library(name):
                plans.append(plan_balanced(Rows(picture)))
        assert plans[0] == plans[1]
        assert plans[0].method not in METHODS_OF_IGZIP


@pytest.mark.parametrize("height", [10, 20, 50, 150, 300])
def test_a_photograph_enlarged_is_not_judged_by_its_repeated_rows(height: int) -> None:
    """Every second row equals the one above: Up leaves half of the bytes 0, not all, not none."""
    enlarged = photograph()[:height].repeat(2, axis=0)
    bits, original = entropies(Rows(enlarged)), entropies(Rows(photograph()[:height]))
    assert 0.5 < bits[Filter.UP] / original[Filter.UP] < 0.85


@pytest.mark.parametrize("dtype", ["uint8", "<u2", ">u2"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_the_estimate_is_near_the_entropy(dtype: str, channels: int) -> None:
    picture = np.random.default_rng(2).integers(0, 16, (200, 300, channels)).astype(dtype)
    shares = np.bincount(picture.view(np.uint8).reshape(-1)) / picture.nbytes
    bits = entropies(Rows(picture))
    assert bits[Filter.NONE] == pytest.approx(-(shares * np.log2(shares)).sum(), abs=0.05)
    in_other_memory = entropies(Rows(np.asfortranarray(picture)))
    assert in_other_memory.tolist() == bits.tolist()


@pytest.mark.parametrize("shape", [(2, 2), (2, 5000), (5000, 2), (3, 30_000), (1, 9), (9, 1)])
def test_pictures_of_any_proportions_get_a_plan(shape: tuple[int, int]) -> None:
    picture = np.zeros((*shape, 3), np.uint8)
    for name in SLOWER_LIBRARIES:
        with library(name):
            plan_fast(Rows(picture))
            plan_balanced(Rows(picture))
