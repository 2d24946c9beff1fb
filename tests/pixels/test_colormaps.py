"""Colour maps against matplotlib's, and their use against a loop."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tbimage.pixels.values.colormap_tables import TABLES
from tbimage.pixels.values.colormaps import COLORMAPS, check_colormap, colorize, is_diverging, table

EVERY_NAME = [*COLORMAPS, *(f"{name}_r" for name in COLORMAPS)]


@pytest.mark.parametrize("name", EVERY_NAME)
def test_a_table_is_matplotlibs_to_the_byte(name: str) -> None:
    colormaps = pytest.importorskip("matplotlib").colormaps
    expected = colormaps[name](np.linspace(0, 1, 256), bytes=True)[:, :3]
    np.testing.assert_array_equal(table(name), expected)


def test_no_reversed_table_is_kept_that_its_map_gives() -> None:
    for name in TABLES:
        if name.endswith("_r"):
            assert not np.array_equal(table(name), table(name.removesuffix("_r"))[::-1])


def test_tables_cannot_be_changed() -> None:
    for name in EVERY_NAME:
        assert not table(name).flags.writeable


def test_tables_are_small() -> None:
    assert sum(map(len, TABLES.values())) < 4000


@given(
    hnp.arrays(np.uint8, st.tuples(*[st.integers(1, 5)] * 2, st.integers(1, 2))),
    st.sampled_from(EVERY_NAME),
)
def test_each_level_gets_its_colour(levels: Any, name: str) -> None:
    colors = table(name).tolist()
    expected = [[[*colors[pixel[0]], *pixel[1:].tolist()] for pixel in row] for row in levels]
    assert colorize(levels, name).tolist() == expected


def test_without_an_axis_of_channels() -> None:
    assert colorize(np.zeros((2, 3), np.uint8), "viridis").shape == (2, 3, 3)


def test_the_middle_of_diverging_maps_is_pale_or_white_and_their_ends_are_not() -> None:
    for name in COLORMAPS:
        if is_diverging(name):
            assert table(name)[127].min() > 200
            assert table(name)[[0, 255]].min(axis=1).max() < 100
    assert [name for name in COLORMAPS if is_diverging(f"{name}_r")] == [
        "coolwarm",
        "RdBu",
        "PuOr",
        "bwr",
        "seismic",
    ]
    assert not is_diverging(None)


@pytest.mark.parametrize("wrong", [3, b"viridis", ["viridis"]])
def test_a_name_must_be_a_string(wrong: Any) -> None:
    with pytest.raises(TypeError, match=re.escape(f"got {wrong!r}")):
        check_colormap(wrong)


@pytest.mark.parametrize("wrong", ["", "virids", "viridis_r_r", "_r", "Viridis"])
def test_an_unknown_name_gets_all_known_ones(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"viridis, plasma.*'_r'") as error:
        check_colormap(wrong)
    assert ("did you mean 'viridis'" in str(error.value)) == ("iri" in wrong)


def test_pictures_with_colours_take_no_colormap() -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 2, 3\); pass one channel"):
        colorize(np.zeros((2, 2, 3), np.uint8), "viridis")
    with pytest.raises(TypeError, match="must be uint8, got float64"):
        colorize(np.zeros((2, 2)), "viridis")
