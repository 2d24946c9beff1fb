"""Layouts: the names of the axes determine the index of each element."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tbimage.pixels.arrays.layouts import CLIPS, IMAGES, MASKS, Axes, arrange

EVERY_LAYOUT = [
    "".join(letters) for axes in ("HW", "HWC", "NHW", "NHWC") for letters in permutations(axes)
]


@st.composite
def laid_out(draw: st.DrawFn) -> tuple[str, tuple[int, ...]]:
    layout = draw(st.sampled_from(EVERY_LAYOUT))
    sizes = {
        "N": draw(st.integers(0, 3)),
        "H": draw(st.integers(1, 5)),
        "W": draw(st.integers(1, 5)),
        "C": draw(st.integers(1, 4)),
    }
    return layout, tuple(sizes[axis] for axis in layout)


@given(laid_out(), st.sampled_from([str.upper, str.lower, str.title]))
def test_every_layout(case: tuple[str, tuple[int, ...]], spell: object) -> None:
    layout, shape = case
    array = np.arange(np.prod(shape)).reshape(shape)
    view, batch = arrange(array, spell(layout))  # type: ignore[operator]
    assert batch == ("N" in layout)
    assert view.ndim == 4
    assert array.size == 0 or np.shares_memory(view, array)
    sizes = [dict(zip(layout, shape, strict=True)).get(axis, 1) for axis in "NHWC"]
    assert list(view.shape) == sizes
    for index in np.ndindex(*sizes):
        where = dict(zip("NHWC", index, strict=True))
        assert view[index] == array[tuple(where[axis] for axis in layout)]


@pytest.mark.parametrize(
    ("shape", "expected", "batch"),
    [
        ((5, 7), (1, 5, 7, 1), False),
        ((5, 7, 1), (1, 5, 7, 1), False),
        ((5, 7, 4), (1, 5, 7, 4), False),
        ((3, 5, 4), (1, 3, 5, 4), False),  # no guess, although it might be CHW
        ((6, 5, 7, 2), (6, 5, 7, 2), True),
        ((0, 5, 7, 2), (0, 5, 7, 2), True),
        ((1, 1), (1, 1, 1, 1), False),
    ],
)
def test_without_a_layout(shape: tuple[int, ...], expected: tuple[int, ...], batch: bool) -> None:
    view, batched = arrange(np.zeros(shape), None)
    assert view.shape == expected
    assert batched is batch


@pytest.mark.parametrize(
    ("shape", "layout", "advice"),
    [
        ((3, 32, 32), None, "the shape looks like CHW: pass layout='CHW'"),
        ((1, 28, 28), None, "the shape looks like CHW: pass layout='CHW'"),
        ((8, 3, 32, 32), None, "the shape looks like NCHW: pass layout='NCHW'"),
        ((32, 32, 3), "CHW", "the shape looks like HWC: pass layout='HWC'"),
        ((8, 32, 32, 3), "NCHW", "the shape looks like NHWC: pass layout='NHWC'"),
        ((8, 3, 32, 32), "nhwc", "the shape looks like NCHW: pass layout='NCHW'"),
        ((16, 28, 28), None, "the shape looks like NHW, 16 gray images: pass layout='NHW'"),
        ((10, 480, 640), None, "the shape looks like NHW, 10 gray images: pass layout='NHW'"),
        ((100, 28, 28), None, "the shape looks like NHW, 100 gray images: pass layout='NHW'"),
        ((32, 32, 64), None, "the shape looks like HWN, 64 gray images: pass layout='HWN'"),
        ((32, 32, 16), None, "the shape looks like HWN, 16 gray images: pass layout='HWN'"),
        ((480, 640, 16), None, "the shape looks like HWN, 16 gray images: pass layout='HWN'"),
        ((4, 32, 32, 16), None, "data[..., :3]"),
    ],
)
def test_the_error_of_wrong_channels_has_advice(
    shape: tuple[int, ...], layout: str | None, advice: str
) -> None:
    with pytest.raises(ValueError, match="channels; expected 1 to 4") as caught:
        arrange(np.zeros(shape), layout)
    assert advice in str(caught.value)
    assert str(shape) in str(caught.value)


@given(st.lists(st.integers(0, 40), min_size=2, max_size=4).map(tuple))
def test_advice_can_be_followed(shape: tuple[int, ...]) -> None:
    array = np.zeros(shape)
    try:
        arrange(array, None)
    except ValueError as error:
        _, found, advice = str(error).partition("pass layout='")
        if found:
            arrange(array, advice.partition("'")[0])


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 5, 3), (5, 0, 3), (5, 5, 0), (2, 0, 5, 3)])
def test_images_without_pixels(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="have no elements") as caught:
        arrange(np.zeros(shape), None)
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize("shape", [(), (5,), (1, 2, 3, 4, 3), (0,)])
def test_ranks_that_no_rule_covers(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=rf"rank {len(shape)}; expected the axes HW or HWC"):
        arrange(np.zeros(shape), None)


@pytest.mark.parametrize(
    ("shape", "layout"),
    [((5, 5, 3), "HW"), ((5, 5), "HWC"), ((1, 5, 5, 3), "CHW"), ((5, 5), "NHWC")],
)
def test_a_layout_of_another_rank(shape: tuple[int, ...], layout: str) -> None:
    with pytest.raises(ValueError, match=rf"layout '{layout}' names .* rank {len(shape)}"):
        arrange(np.zeros(shape), layout)


@pytest.mark.parametrize(
    "layout", ["", "H", "HH", "HWX", "HWCC", "NHWCT", "NC", "WC", "NCW", "H W", "NTCHW"]
)
def test_layouts_not_allowed(layout: str) -> None:
    with pytest.raises(
        ValueError, match="must be None or a permutation of 'HW', 'HWC', 'NHW' or 'NHWC'"
    ):
        arrange(np.zeros((5, 5, 3)), layout)


@pytest.mark.parametrize("layout", [1, b"HWC", ("H", "W", "C"), np.array("HWC")])
def test_layouts_of_no_kind(layout: object) -> None:
    with pytest.raises(TypeError, match=r"layout must be None or .*, got .* of type"):
        arrange(np.zeros((5, 5, 3)), layout)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((4, 5), IMAGES),
        ((4, 5, 1), IMAGES),
        ((4, 5, 3), IMAGES),
        ((4, 5, 4), IMAGES),
        ((2, 4, 5, 3), IMAGES),
        ((2, 4, 5, 3), CLIPS),
    ],
)
def test_the_layout_of_opencv_has_the_colours_reversed(shape: tuple[int, ...], axes: Axes) -> None:
    array = np.random.default_rng(0).random(shape)
    swapped = array.copy()
    if array.ndim > 2 and shape[-1] > 1:
        swapped[..., 0], swapped[..., 2] = array[..., 2], array[..., 0]
    for layout in ("BGR", "bgr"):
        view, batched = arrange(array, layout, axes)
        expected, expected_batched = arrange(swapped, None, axes)
        assert np.array_equal(view, expected)
        assert batched is expected_batched


def test_classes_have_no_colours() -> None:
    with pytest.raises(ValueError, match="layout must be None or a permutation of 'HW' or 'NHW'"):
        arrange(np.zeros((5, 5)), "BGR", MASKS)
