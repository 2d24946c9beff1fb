"""Smaller forms of a picture: the same colours, correctly declared."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from tbimage.pixels.png.encoder import encode
from tbimage.pixels.png.reductions import forms
from tbimage.pixels.png.rows import Pixels
from tests.pixels.plain_png import Array, decode

RANDOM = np.random.default_rng(0)


def as_rgba(picture: Array) -> Array:
    """The colours that a viewer shows, for any number of channels."""
    opaque = np.full_like(picture[:, :, :1], np.iinfo(picture.dtype).max)
    alpha = picture[:, :, -1:] if picture.shape[2] in (2, 4) else opaque
    color = picture[:, :, :3] if picture.shape[2] > 2 else picture[:, :, :1].repeat(3, axis=2)
    return np.concatenate([color, alpha], axis=2)


def grays(levels: list[int]) -> Pixels:
    return np.array(levels, np.uint8)[RANDOM.integers(0, len(levels), (19, 23, 1))]


def colors(count: int, channels: int = 3) -> Pixels:
    table = RANDOM.integers(0, 256, (count, channels), np.uint8)
    table[:, 1] = np.arange(count) % 256  # all different, and not gray
    return table[RANDOM.permutation(np.resize(np.arange(count), 19 * 23)).reshape(19, 23)]


def opaque(picture: Pixels) -> Pixels:
    picture = picture.copy()
    picture[:, :, -1] = np.iinfo(picture.dtype).max
    return picture


# name → picture, the color type and the bits that its smallest form has
REDUCED: dict[str, tuple[Pixels, int, int]] = {
    "two levels": (grays([0, 255]), 0, 1),
    "four levels": (grays([0, 85, 170, 255]), 0, 2),
    "sixteen levels": (grays([17 * i for i in range(16)]), 0, 4),
    "two other levels": (grays([3, 200]), 3, 1),
    "five levels": (grays([1, 2, 3, 100, 200]), 3, 4),
    "many levels": (grays(list(range(256))), 0, 8),
    "gray as RGB": (grays(list(range(200))).repeat(3, axis=2), 0, 8),
    "mask as RGBA": (opaque(grays([0, 255]).repeat(4, axis=2)), 0, 1),
    "gray, opaque": (opaque(grays(list(range(99))).repeat(2, axis=2)), 0, 8),
    "2 colors": (colors(2), 3, 1),
    "4 colors": (colors(4), 3, 2),
    "16 colors": (colors(16), 3, 4),
    "17 colors": (colors(17), 3, 8),
    "256 colors": (colors(256), 3, 8),
    "257 colors": (colors(257), 2, 8),
    "9 colors, opaque": (opaque(colors(9, 4)), 3, 4),
    "9 colors, transparent": (colors(9, 4), 3, 4),
    "gray, transparent": (colors(9, 2), 3, 4),
    "many colors, opaque": (opaque(colors(300, 4)), 2, 8),
    "16 bits, gray as RGBA": (opaque(colors(9, 4)[:, :, [0, 0, 0, 3]].astype(np.uint16)), 4, 16),
}
REDUCED["16 bits, gray as RGBA"] = (opaque(grays([1, 2]).astype("<u2").repeat(4, axis=2)), 0, 16)


@pytest.mark.parametrize("name", REDUCED)
def test_forms(name: str) -> None:
    picture, color_type, bits = REDUCED[name]
    form = forms(picture)[-1]
    assert (form.color_type, form.bit_depth) == (color_type, bits)


@pytest.mark.parametrize("name", REDUCED)
def test_the_colors_stay_and_the_channels_are_true(name: str) -> None:
    picture, _, _ = REDUCED[name]
    encoded = encode(picture, compression="small")
    decoded = decode(b"".join(encoded.pieces))
    assert decoded.shown.shape[2] == encoded.channels
    assert np.array_equal(as_rgba(decoded.shown), as_rgba(picture))


@pytest.mark.parametrize("name", [name for name in REDUCED if "16 bits" not in name])
def test_pillow_sees_the_same(name: str) -> None:
    picture, _, _ = REDUCED[name]
    file = b"".join(encode(picture, compression="small").pieces)
    with Image.open(io.BytesIO(file)) as image:
        assert np.array_equal(np.asarray(image.convert("RGBA")), as_rgba(picture))


@given(
    hnp.arrays(
        np.uint8,
        st.tuples(st.integers(1, 9), st.integers(1, 19), st.integers(1, 4)),
        elements=st.sampled_from([0, 17, 85, 128, 255]),
    )
)
def test_pictures_of_few_levels(picture: Pixels) -> None:
    encoded = encode(picture, compression="small")
    decoded = decode(b"".join(encoded.pieces))
    assert decoded.shown.shape[2] == encoded.channels
    assert np.array_equal(as_rgba(decoded.shown), as_rgba(picture))


OTHER_MEMORY: dict[str, Callable[[Pixels], Pixels]] = {
    "upside down": lambda picture: picture[::-1],
    "every second column": lambda picture: picture[:, ::2],
    "Fortran": np.asfortranarray,
}


@pytest.mark.parametrize("memory", OTHER_MEMORY)
def test_any_memory(memory: str) -> None:
    picture = OTHER_MEMORY[memory](colors(40, 4))
    decoded = decode(b"".join(encode(picture, compression="small").pieces))
    assert np.array_equal(as_rgba(decoded.shown), as_rgba(picture))


def test_colors_are_counted_over_the_whole_picture() -> None:
    picture = np.zeros((600, 300, 3), np.uint8)
    picture[-1, :, 0] = np.arange(300) % 256
    picture[-1, :, 1] = np.arange(300) // 256
    assert [form.color_type for form in forms(picture)] == [2]
