"""Comparisons: the measures against plain NumPy and scikit-image, panels against their parts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tbimage.pixels.drawing.comparison import check_comparable, check_diff, draw_comparison
from tbimage.pixels.drawing.rendering import CONSTANT
from tbimage.pixels.values.colormaps import table
from tbimage.pixels.values.pictures import Findings
from tests.pixels.images import Array


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Array, Array]:
    dtype: np.dtype[Any] = np.dtype(
        draw(st.sampled_from(["uint8", "uint16", "int64", "bool", "float32", "float64"]))
    )
    shape = (draw(st.integers(1, 6)), draw(st.integers(1, 6)), draw(st.integers(1, 4)))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    if dtype.kind == "f":
        return rng.random(shape).astype(dtype), rng.random(shape).astype(dtype)
    most = {"b": 2, "i": 256}.get(dtype.kind, np.iinfo(dtype).max if dtype.kind == "u" else 2)
    first, second = rng.integers(0, most, (2, *shape))
    return first.astype(dtype), second.astype(dtype)


@given(pairs())
def test_measures(pair: tuple[Array, Array]) -> None:
    first, second = (image.astype(np.float64) for image in pair)
    if first.shape[2] in (2, 4):
        first, second = first[..., :-1], second[..., :-1]
    found = draw_comparison(pair)
    peak = {"u": np.iinfo(pair[0].dtype).max if pair[0].dtype.kind == "u" else 0, "i": 255}.get(
        pair[0].dtype.kind, 1
    )
    mse = ((first - second) ** 2).mean()
    assert found.mae == pytest.approx(np.abs(first - second).mean())
    assert found.psnr == (pytest.approx(10 * math.log10(peak**2 / mse)) if mse else math.inf)


def test_measures_are_scikit_images() -> None:
    metrics = pytest.importorskip("skimage.metrics")
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 40, 50, 3))
    expected = metrics.peak_signal_noise_ratio(first, second, data_range=1)
    assert draw_comparison([first, second]).psnr == pytest.approx(expected)
    wide = draw_comparison([first, second], value_range=(-1, 3)).psnr
    assert wide == pytest.approx(metrics.peak_signal_noise_ratio(first, second, data_range=4))


def panels(sheet: Any, count: int, height: int, width: int) -> list[Any]:
    """The pictures of a row of equally large ones, 4 pixels apart."""
    return [
        sheet[4 : 4 + height, 4 + (width + 4) * i : 4 + (width + 4) * i + width]
        for i in range(count)
    ]


LARGE = (60, 300)


def large_pair(dtype: str = "float64", channels: int = 3, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    first, second = rng.random((2, *LARGE, channels))
    if dtype == "uint8":
        return (first * 255).astype(dtype), (second * 255).astype(dtype)
    return first.astype(dtype), second.astype(dtype)


@settings(max_examples=25)
@given(
    st.sampled_from(["abs", "signed", None]),
    st.sampled_from(["uint8", "float64"]),
    st.sampled_from([1, 3]),
    st.integers(0, 99),
)
def test_panels(diff: str | None, dtype: str, channels: int, seed: int) -> None:
    first, second = large_pair(dtype, channels, seed)
    sheet = draw_comparison([first, second], diff=diff).picture.pixels
    shown = panels(sheet, 2 if diff is None else 3, *LARGE)
    for image, panel in zip((first, second), shown, strict=False):
        levels = image if dtype == "uint8" else (image * 255.5).astype(int)
        np.testing.assert_array_equal(panel, np.broadcast_to(levels, panel.shape))
    if diff is None:
        assert sheet.shape[1] == 4 + 2 * (LARGE[1] + 4)
        return
    delta = first.astype(float) - second
    value = (np.abs(delta) if diff == "abs" else delta).mean(axis=2)
    most = np.abs(value).max()
    t = value / most if diff == "abs" else (value / most + 1) / 2
    colors = table("magma" if diff == "abs" else "coolwarm")
    below, exact, above = (  # rounding may cross from one level to the next
        (shown[2] == colors[np.clip(t * 255.5 + slack, 0, 255).astype(int)]).all(axis=2)
        for slack in (-1e-3, 0, 1e-3)
    )
    assert (below | exact | above).all()
    assert exact.mean() > 0.99


def test_one_range_for_all_images() -> None:
    rng = np.random.default_rng(0)
    dark, bright = rng.random((2, *LARGE, 1)) * np.array([1, 3]).reshape(2, 1, 1, 1)
    sheet = draw_comparison([dark, bright], value_range="minmax", diff=None).picture.pixels
    left, right = panels(sheet, 2, *LARGE)
    low, high = min(dark.min(), bright.min()), max(dark.max(), bright.max())
    for image, panel in ((dark, left), (bright, right)):
        expected = (image - low) / (high - low) * 255.5
        assert np.abs(panel - expected).max() <= 1


def test_the_last_two_are_compared() -> None:
    zero, one, two = (np.full((*LARGE, 1), level, np.uint8) for level in (0, 10, 40))
    assert draw_comparison([zero, one, two]).mae == 30
    assert draw_comparison([two, zero, one]).mae == 10


def test_no_difference_is_said_and_not_stretched() -> None:
    first, _ = large_pair("uint8")
    found = draw_comparison([first, first])
    difference = panels(found.picture.pixels, 3, *LARGE)[2]
    assert (difference == table("magma")[0]).all()
    assert (found.mae, found.psnr) == (0.0, math.inf)
    assert not found.picture.findings


def test_non_finite_pixels_are_painted_and_left_out_of_the_measures() -> None:
    first, second = large_pair(channels=1)
    expected = draw_comparison([first[:, 1:], second[:, 1:]])
    first[:, 0] = np.nan
    second[0, 0] = np.inf
    found = draw_comparison([first, second])
    assert found.mae == pytest.approx(expected.mae)
    assert found.psnr == pytest.approx(expected.psnr)
    shown = panels(found.picture.pixels, 3, *LARGE)
    for panel in (shown[0], shown[2]):
        assert (panel[:, 0] == (255, 0, 0)).all()
        assert not (panel[:, 1:] == (255, 0, 0)).all(axis=2).any()
    nothing = draw_comparison([first * np.nan, second])
    assert math.isnan(nothing.mae)
    assert math.isnan(nothing.psnr)


def test_findings_of_the_images_are_kept() -> None:
    first, second = large_pair()
    found = draw_comparison([first * 2, second]).picture.findings
    assert found.clipped is not None
    assert found.clipped[1] > 1
    flat = np.full((*LARGE, 1), 3.0)
    assert draw_comparison([flat, flat], value_range="minmax").picture.findings.remarks == {
        CONSTANT: 1
    }
    assert draw_comparison([second, second]).picture.findings == Findings()


def test_sizes_bars_and_curves() -> None:
    first, second = large_pair(channels=1)
    small = draw_comparison([first, second], max_side=100, colormap="viridis").picture.pixels
    assert small.shape[1] == 4 + 3 * 104
    barred = draw_comparison([first, second], max_side=100, colorbar=True).picture.pixels
    assert barred.shape[1] > small.shape[1]
    colors = draw_comparison(large_pair(), colorbar=True).picture.pixels
    assert colors.shape[1] > 4 + 3 * (LARGE[1] + 4)
    assert draw_comparison([first, second], gamma=2.2).mae == draw_comparison([first, second]).mae


def test_titles() -> None:
    first, second = large_pair()
    usual = draw_comparison([first, second]).picture.pixels
    same = draw_comparison([first, second], titles=["input", "output"]).picture.pixels
    np.testing.assert_array_equal(usual, same)
    assert not np.array_equal(
        usual, draw_comparison([first, second], titles=["a", "b"]).picture.pixels
    )
    with pytest.raises(ValueError, match="each of the 2 images, got 3"):
        draw_comparison([first, second], titles=["a", "b", "c"])
    assert draw_comparison([first] * 5).mae == 0


def test_images_of_unequal_size_without_difference() -> None:
    first, second = large_pair()
    found = draw_comparison([first, second[:30]], diff=None)
    assert math.isnan(found.psnr)
    assert found.picture.pixels.shape[1] == 4 + 2 * (LARGE[1] + 4)


def test_impossible_comparisons() -> None:
    shape, dtype = (4, 4, 3), np.dtype(np.uint8)
    with pytest.raises(ValueError, match="two images or more, got 1"):
        check_comparable([shape], [dtype], "abs")
    with pytest.raises(TypeError, match="one dtype, got uint8, float32"):
        check_comparable([shape] * 2, [dtype, np.dtype(np.float32)], "abs")
    with pytest.raises(ValueError, match="resize one of them, or pass diff=None"):
        check_comparable([shape, (4, 5, 3)], [dtype] * 2, "signed")
    check_comparable([shape, (4, 5, 3)], [dtype, dtype.newbyteorder(">")], None)
    with pytest.raises(ValueError, match="'abs', 'signed' or None, got 'squared'"):
        check_diff("squared")
    with pytest.raises(ValueError, match="got array"):
        check_diff(np.array(["abs", "signed"]))


def test_floats_of_two_widths_are_compared_by_their_values() -> None:
    """A target in float64, as division makes it, and an output in float32, as networks do."""
    target, output = np.full((4, 6, 3), 0.25), np.full((4, 6, 3), 0.75, np.float32)
    mixed = draw_comparison([target, output])
    assert mixed.mae == 0.5
    same = draw_comparison([target, output.astype(np.float64)])
    np.testing.assert_array_equal(mixed.picture.pixels, same.picture.pixels)
    with pytest.raises(TypeError, match="one dtype, got float64, uint8"):
        draw_comparison([target, output.astype(np.uint8)])
