"""Sheets of feature maps against their definition, one map at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tbimage.pixels.drawing.feature_maps import (
    CONSTANT,
    check_normalize,
    draw_feature_maps,
    draw_map,
    joint_limits,
    sheet_plan,
)
from tbimage.pixels.drawing.text_rendering import line_height
from tbimage.pixels.values.colormaps import table

ELEMENTS = st.floats(-5, 5, width=32) | st.sampled_from([math.nan, math.inf, 0.0])
MAPS = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6)),
    elements=ELEMENTS,
    fill=st.nothing(),
)


def shown(sheet: Any, maps: Any, number: int, columns: int | None) -> Any:
    """The part of a sheet that shows one map."""
    height, width, count = maps.shape
    factor, size, planned = sheet_plan(height, width, count, columns)
    top, left, cell_height, cell_width = planned.cells[number]
    assert cell_height == height * factor + line_height(size)
    left += (cell_width - width * factor) // 2 + (sheet.shape[1] - planned.width) // 2
    return sheet[top : top + height * factor, left : left + width * factor], factor


def expected_level(value: float, low: float, high: float) -> float:
    t = (value - low) / (high - low) if low < high else 0.5 + 0.5 * np.sign(value - low)
    return min(max(t, 0.0), 1.0) * 255.5


@settings(max_examples=80)
@given(
    MAPS,
    st.sampled_from(["map", "image", (-2.0, 3.0)]),
    st.sampled_from([None, "magma", "coolwarm"]),
    st.integers(1, 4),
)
def test_each_map_is_shown_by_its_range(
    maps: Any, normalize: Any, colormap: str | None, columns: int
) -> None:
    drawn = draw_feature_maps(maps, normalize=normalize, colormap=colormap, columns=columns)
    dead = faulty = 0
    for number in range(maps.shape[2]):
        values = maps[..., number].astype(float)
        finite = [value for value in values.ravel() if math.isfinite(value)]
        everything = [value for value in maps.ravel().tolist() if math.isfinite(value)]
        extent = {"map": finite, "image": everything or [0.0, 1.0]}.get(
            str(normalize), list(normalize)
        )
        low, high = (min(extent), max(extent)) if extent else (math.nan, math.nan)
        if colormap == "coolwarm" and isinstance(normalize, str):  # zero is in its middle
            low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
        constant = bool(finite) and min(finite) == max(finite)
        dead += constant
        faulty += values.size - len(finite)
        tile, factor = shown(drawn.pixels, maps, number, columns)
        for row in range(maps.shape[0]):
            for column in range(maps.shape[1]):
                block = tile[
                    row * factor : (row + 1) * factor, column * factor : (column + 1) * factor
                ]
                colors = np.unique(block.reshape(-1, block.shape[2]), axis=0)
                if constant:
                    continue  # crossed out
                assert len(colors) == 1
                if not math.isfinite(values[row, column]):
                    assert colors[0].tolist() == [255, 0, 0]
                    continue
                level = expected_level(values[row, column], low, high)
                near = {int(max(level - 1e-3, 0)), int(level), int(min(level + 1e-3, 255))}
                if colormap is not None:
                    assert colors[0].tolist() in table(colormap)[sorted(near)].tolist()
                else:
                    assert set(colors[0].tolist()) <= near
                    assert len(set(colors[0].tolist())) == 1
    assert drawn.findings.non_finite == faulty
    assert drawn.findings.remarks == ({CONSTANT: dead} if dead else {})


def test_a_dead_map_is_gray_and_crossed_out() -> None:
    maps = np.random.default_rng(0).random((8, 8, 3))
    maps[..., 1] = 7.0
    drawn = draw_feature_maps(maps, columns=3)
    tile, _ = shown(drawn.pixels, maps, 1, 3)
    side = len(tile)
    stroke = np.eye(side, dtype=bool) | np.eye(side, k=1, dtype=bool)  # two pixels of 64
    crossed = stroke | stroke[:, ::-1]
    assert np.unique(tile[~crossed]).tolist() == [127]
    assert np.unique(tile[crossed]).tolist() == [255]
    assert drawn.findings.remarks == {CONSTANT: 1}
    dark = draw_feature_maps(maps * 0, normalize=(0, 1), columns=3)
    tile, _ = shown(dark.pixels, maps, 0, 3)
    assert tile.max() == 255
    assert np.median(tile) == 0


def test_a_map_of_nan_is_painted_and_not_crossed_out() -> None:
    maps = np.zeros((4, 4, 2))
    maps[..., 0] = np.nan
    maps[0, 0, 1] = 1
    drawn = draw_feature_maps(maps, columns=2, nan_color=(0, 9, 0))
    tile, _ = shown(drawn.pixels, maps, 0, 2)
    assert (tile == (0, 9, 0)).all()
    assert drawn.findings.remarks == {}
    assert drawn.findings.non_finite == 16


def test_diverging_maps_have_zero_in_the_middle() -> None:
    maps = np.array([-1.0, 0.0, 3.0, 0.5]).reshape(2, 2, 1)
    drawn = draw_feature_maps(maps, colormap="coolwarm")
    tile, factor = shown(drawn.pixels, maps, 0, None)
    assert tile[0, factor].tolist() == table("coolwarm")[127].tolist()
    assert tile[factor, 0].tolist() == table("coolwarm")[255].tolist()


def test_each_map_has_another_number_and_the_rest_is_told() -> None:
    maps = np.random.default_rng(0).random((8, 8, 1)).repeat(12, axis=2)
    drawn = draw_feature_maps(maps, columns=4).pixels
    _, _, planned = sheet_plan(8, 8, 12, 4)
    numbers = {
        drawn[top + 64 : top + height, left : left + width].tobytes()
        for top, left, height, width in planned.cells
    }
    assert len(numbers) == 12
    assert drawn.shape[:2] == (planned.height, planned.width)
    fewer = draw_feature_maps(maps, max_maps=4, columns=4).pixels
    _, _, planned = sheet_plan(8, 8, 4, 4)
    assert fewer.shape[0] > planned.height  # a line that says "4 of 12 maps"
    assert draw_feature_maps(maps, max_maps=None, columns=4).pixels.shape == drawn.shape


@pytest.mark.parametrize(
    ("side", "factor"), [(1, 64), (7, 9), (8, 8), (14, 5), (28, 2), (32, 2), (56, 1), (512, 1)]
)
def test_small_maps_are_enlarged(side: int, factor: int) -> None:
    assert sheet_plan(side, side, 4, None)[0] == factor


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint8", "int64", "uint64", "float16", "float64"]
)
def test_any_dtype_and_memory(dtype: str) -> None:
    maps = np.random.default_rng(0).integers(0, 100, (5, 6, 7)).astype(dtype)
    expected = draw_feature_maps(maps.astype(np.float64)).pixels
    planes = maps.transpose(2, 0, 1).copy().transpose(1, 2, 0)
    for given_as in (maps, planes, maps[::-1, ::-1].copy()[::-1, ::-1]):
        found = draw_feature_maps(given_as).pixels
        assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("extremes", [(-1e308, 1e308), (-3e38, 3e38), (0.0, 1e-320)])
def test_extreme_ranges_are_neither_black_nor_faulty(extremes: tuple[float, float]) -> None:
    maps = np.array([*extremes, sum(extremes) / 2, extremes[0]]).reshape(2, 2, 1)
    drawn = draw_feature_maps(maps)
    tile, factor = shown(drawn.pixels, maps, 0, None)
    assert drawn.findings.non_finite == 0
    assert tile[0, 0, 0] == 0
    assert tile[0, factor, 0] == 255


def test_one_map_by_itself() -> None:
    values = np.arange(16, dtype=np.float32).reshape(4, 4)
    alone = draw_map(values, None, "viridis", (255, 0, 0)).pixels
    sheet = draw_feature_maps(values[..., np.newaxis], colormap="viridis").pixels
    tile, _ = shown(sheet, values[..., np.newaxis], 0, None)
    np.testing.assert_array_equal(alone, tile)
    fixed = draw_map(values, (0.0, 30.0), None, (255, 0, 0)).pixels
    assert fixed.max() == int(15 / 30 * 255.5)
    dead = draw_map(np.zeros((4, 4)), None, None, (255, 0, 0))
    assert dead.findings.remarks == {CONSTANT: 1}
    assert len(np.unique(dead.pixels)) == 2


def test_joint_limits_ignore_non_finite_values() -> None:
    assert joint_limits(np.array([[[np.nan, 3.0], [np.inf, -2.0]]]), None) == (-2.0, 3.0)
    assert joint_limits(np.full((2, 2), np.nan), None) == (0.0, 1.0)


@pytest.mark.parametrize(
    "wrong", ["maps", "minmax", ("percentile", 1, 99), (3, 2), 5, None, (1, 2, 3)]
)
def test_normalize(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"normalize must be 'map'"):
        check_normalize(wrong)
    assert check_normalize("signed") == (-1.0, 1.0)


@pytest.mark.parametrize("wrong", [np.zeros((4, 4)), np.zeros((2, 4, 4, 3)), np.zeros((0, 4, 3))])
def test_shapes(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"\(height, width, channels\)"):
        draw_feature_maps(wrong)
