"""Arrays of real tensors, PIL images and figures; no framework is imported for them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import types
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tbimage.pixels.arrays.array_like import as_array, is_immutable, snapshot
from tests.pixels.images import Array

GRID = [[0, 1, 2], [253, 254, 255]]

# --- tensors --------------------------------------------------------------------------------------


def test_torch() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    view = as_array(tensor)
    assert view.tolist() == [[0, 1, 2], [3, 4, 5]]
    tensor[0, 0] = 7
    assert view[0, 0] == 7  # not copied
    assert not is_immutable(tensor, view)

    for data in (tensor.clone().requires_grad_(), torch.nn.Parameter(tensor), tensor.t().t()):
        assert np.array_equal(as_array(data), view)
    assert as_array(tensor.t()).strides == (4, 12)
    assert as_array(torch.complex(tensor, -tensor).conj().imag).tolist() == view.tolist()
    assert as_array([tensor, tensor]).shape == (2, 2, 3)
    assert as_array([[tensor[0, 0], tensor[0, 1]]]).tolist() == [[7, 1]]
    assert as_array(tensor > 3).dtype == np.bool_


@pytest.mark.parametrize("kind", ["meta", "sparse", "complex"])
def test_tensors_of_torch_without_numbers(kind: str) -> None:
    torch = pytest.importorskip("torch")
    data = {
        "meta": lambda: torch.zeros(2, 2, device="meta"),
        "sparse": lambda: torch.eye(2).to_sparse(),
        "complex": lambda: torch.zeros(2, 2, dtype=torch.complex64),
    }[kind]()
    with pytest.raises(TypeError, match=r"^data "):
        as_array(data)


def every_bfloat16() -> Array:
    return (np.arange(1 << 16, dtype=np.uint32) << 16).view(np.float32)


def test_torchs_bfloat16_becomes_float32_exactly() -> None:
    torch = pytest.importorskip("torch")
    bits = torch.from_numpy(np.arange(1 << 16, dtype=np.uint16).view(np.int16))
    tensor = bits.view(torch.bfloat16).reshape(256, 256)
    result = as_array(tensor.requires_grad_())
    assert result.dtype == np.float32
    assert np.array_equal(result.ravel(), every_bfloat16(), equal_nan=True)
    assert is_immutable(tensor, result)
    assert as_array([tensor, tensor]).dtype == np.float32


def test_ml_dtypes() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    data = np.arange(1 << 16, dtype=np.uint16).view(ml_dtypes.bfloat16)
    result = as_array(data)
    assert result.dtype == np.float32
    assert np.array_equal(result, every_bfloat16(), equal_nan=True)
    assert is_immutable(data, result)
    for name in ("float8_e4m3fn", "float8_e5m2"):
        small = np.arange(256, dtype=np.uint8).view(getattr(ml_dtypes, name))
        expected = [float(value) for value in small]
        assert np.array_equal(as_array(small), np.array(expected, np.float32), equal_nan=True)
    assert as_array(np.array([-8, 7], ml_dtypes.int4)).dtype == np.int8
    assert as_array(np.array([0, 15], ml_dtypes.uint4)).tolist() == [0, 15]


def test_tensorflow() -> None:
    tf = pytest.importorskip("tensorflow")
    for data in (tf.constant(GRID), tf.Variable(GRID), [tf.constant(row) for row in GRID]):
        assert as_array(data).tolist() == GRID
    result = as_array(tf.constant([[0.5, 1.0]], tf.bfloat16))
    assert result.dtype == np.float32
    assert result.tolist() == [[0.5, 1.0]]

    @tf.function
    def traced(tensor: Any) -> Any:
        with pytest.raises(TypeError, match="cannot become an array"):
            as_array(tensor)
        return tensor

    traced(tf.constant(GRID))


if importlib.util.find_spec("jax") is not None:  # no skip, since it is no dependency of the tests

    def test_jax() -> None:
        import jax
        import jax.numpy as jnp

        data = jnp.asarray(GRID, jnp.float32)
        result = as_array(data)
        assert result.tolist() == GRID
        assert is_immutable(data, result)
        assert snapshot(data, result) is result
        assert is_immutable(np.asarray(data), np.asarray(data)[:1])
        assert as_array([data, data]).tolist() == [GRID, GRID]
        half = as_array(jnp.asarray(GRID, jnp.bfloat16) / 256)
        assert half.dtype == np.float32
        assert half[1, 0] == 0.98828125

        def traced(values: Any) -> Any:
            with pytest.raises(TypeError, match="cannot become an array"):
                as_array(values)
            return values

        jax.jit(traced)(data)


def test_arrays_like_those_of_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    held = np.array(GRID)[:]
    held.flags.writeable = False

    class JaxArray:
        pass

    class OnTheCPU(JaxArray):
        __array_interface__ = held.__array_interface__

    class Elsewhere(JaxArray):
        def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
            return held[:]

    for data in (OnTheCPU(), Elsewhere()):
        result = as_array(data)
        assert not is_immutable(data, result)
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "jax", types.SimpleNamespace(Array=JaxArray))
            assert is_immutable(data, result)
            # The array itself may be passed. It is immutable if it refers to the object of JAX.
            assert is_immutable(result, result[0]) == isinstance(data, OnTheCPU)


def test_no_framework_is_imported() -> None:
    code = """
import sys
import numpy
from tbimage.pixels.arrays import array_like
array_like.snapshot([[1]], array_like.as_array([[1]]))
array_like.as_array(numpy.zeros((2, 2)))
try:
    array_like.as_array(object())
except TypeError:
    pass
heavy = {"torch", "jax", "tensorflow", "matplotlib", "PIL", "ml_dtypes", "cupy"}
sys.exit(bool(heavy & set(sys.modules)))
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=200)


# --- PIL ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "dtype", "channels"),
    [
        ("1", "bool", 0),
        ("L", "uint8", 0),
        ("LA", "uint8", 2),
        ("I", "int32", 0),
        ("F", "float32", 0),
        ("I;16", "uint16", 0),
        ("I;16B", ">u2", 0),
        ("RGB", "uint8", 3),
        ("RGBA", "uint8", 4),
    ],
)
def test_pil_modes_that_numpy_knows(mode: str, dtype: str, channels: int) -> None:
    shape = (3, 5, channels) if channels else (3, 5)
    image = Image.new(mode, (5, 3))
    values = np.random.default_rng(0).integers(0, 2 if mode == "1" else 200, shape)
    for y, x in np.ndindex(3, 5):
        value = tuple(values[y, x].tolist()) if channels else values[y, x].item()
        image.putpixel((x, y), value)
    result = as_array(image)
    assert result.dtype == dtype
    assert result.tolist() == values.tolist()
    assert is_immutable(image, result)


COLOR = (200, 100, 50)


def palette(**info: Any) -> Image.Image:
    image = Image.new("P", (2, 1))
    image.putpalette([*COLOR, 1, 2, 3])
    image.putdata([0, 1])
    image.info.update(info)
    return image


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (palette(), [[COLOR, (1, 2, 3)]]),
        (palette(transparency=1), [[(*COLOR, 255), (1, 2, 3, 0)]]),
        (palette(transparency=b"\x07\xff"), [[(*COLOR, 7), (1, 2, 3, 255)]]),
        (Image.new("RGBX", (1, 1), (*COLOR, 0)), [[COLOR]]),
        (Image.new("CMYK", (1, 1), (0, 0, 0, 0)), [[(255, 255, 255)]]),
        (Image.new("YCbCr", (1, 1), (100, 128, 128)), [[(100, 100, 100)]]),
        (Image.new("HSV", (1, 1), (0, 0, 77)), [[(77, 77, 77)]]),
        (Image.new("RGBA", (1, 1), (*COLOR, 255)).convert("RGBa"), [[(*COLOR, 255)]]),
        (Image.new("LA", (1, 1), (60, 255)).convert("La"), [[(60, 255)]]),
        (Image.merge("PA", [Image.new("L", (1, 1)), Image.new("L", (1, 1), 9)]), [[(0, 0, 0, 9)]]),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else "",
)
def test_pil_modes_that_png_lacks(image: Image.Image, expected: Any) -> None:
    result = as_array(image)
    assert result.dtype == np.uint8
    assert [[tuple(pixel) for pixel in row] for row in result.tolist()] == expected
    assert is_immutable(image, result)


def test_a_transparent_colour_is_transparent() -> None:
    gray = Image.new("L", (2, 1), 5)
    gray.putpixel((1, 0), 6)
    gray.info["transparency"] = 6
    assert as_array(gray).tolist() == [[[5, 255], [6, 0]]]
    color = Image.new("RGB", (2, 1), COLOR)
    color.putpixel((1, 0), (1, 2, 3))
    color.info["transparency"] = (1, 2, 3)
    assert as_array(color).tolist() == [[[*COLOR, 255], [1, 2, 3, 0]]]


@pytest.mark.parametrize(
    ("mode", "values", "expected"),
    [
        ("1", (0, 255), [(0, 0), (255, 255)]),
        ("I;16", (300, 7), [(300, 0), (7, 65535)]),
        ("I;16B", (300, 7), [(300, 0), (7, 65535)]),
    ],
)
def test_a_transparent_gray_of_1_or_16_bits(mode: str, values: Any, expected: Any) -> None:
    gray = Image.new(mode, (2, 1), values[1])
    gray.putpixel((0, 0), values[0])
    gray.info["transparency"] = values[0]
    assert as_array(gray)[0].tolist() == [list(pair) for pair in expected]


def test_lists_of_pil_images() -> None:
    result = as_array([Image.new("RGB", (2, 1), COLOR)] * 3)
    assert result.tolist() == [[[[*COLOR]] * 2]] * 3


# --- matplotlib -----------------------------------------------------------------------------------


def figure(**keywords: Any) -> Any:
    matplotlib_figure = pytest.importorskip("matplotlib.figure")
    drawn = matplotlib_figure.Figure(figsize=(2, 1), dpi=50, **keywords)
    axes = drawn.add_axes((0, 0, 0.5, 1))  # the left half, in red
    axes.set_facecolor((1, 0, 0))
    axes.set_xticks([])
    axes.set_yticks([])
    return drawn


def test_opaque_figures_become_rgb() -> None:
    drawn = figure(facecolor=(0, 0, 1))
    canvas = drawn.canvas
    result = as_array(drawn)
    assert result.shape == (50, 100, 3)
    assert result.dtype == np.uint8
    assert result[25, 25].tolist() == [255, 0, 0]
    assert result[25, 75].tolist() == [0, 0, 255]
    assert is_immutable(drawn, result)
    assert result.flags.owndata
    assert drawn.canvas is canvas
    assert drawn.stale
    drawn.axes[0].set_facecolor((0, 1, 0))
    assert as_array(drawn)[25, 25].tolist() == [0, 255, 0]
    assert result[25, 25].tolist() == [255, 0, 0]


def test_transparent_figures_become_rgba() -> None:
    result = as_array(figure(facecolor=(0, 0, 1, 0)))
    assert result.shape == (50, 100, 4)
    assert result[25, 25].tolist() == [255, 0, 0, 255]
    assert result[25, 75, 3] == 0


def test_figures_do_not_bring_pyplot() -> None:
    pytest.importorskip("matplotlib")
    code = """
import sys
from matplotlib.figure import Figure
from tbimage.pixels.arrays.array_like import as_array
assert as_array(Figure()).ndim == 3
sys.exit("matplotlib.pyplot" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=200)
