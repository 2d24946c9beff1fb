"""Arrays of NumPy, of lists, and of objects that have one protocol and nothing else; snapshots."""

from __future__ import annotations

import array
import math
import types
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from tbimage.pixels.arrays.array_like import as_array, is_immutable, snapshot
from tests.pixels.images import EVERY_DTYPE, Array, images

GRID: Any = [[0, 1, 2], [253, 254, 255]]


def shares(one: Array, other: Array) -> bool:
    return bool(np.shares_memory(one, other))


# --- NumPy ----------------------------------------------------------------------------------------


@given(images(EVERY_DTYPE))
def test_numpy_arrays_are_taken_as_they_are(image: Array) -> None:
    assert as_array(image) is image


def test_subclasses_become_views(tmp_path: Path) -> None:
    path = tmp_path / "pixels"
    path.write_bytes(bytes(range(6)))
    subclasses: list[Any] = [np.memmap(path, np.uint8, "r", shape=(2, 3)), np.ma.array(GRID)]
    for data in subclasses:
        result = as_array(data)
        assert type(result) is np.ndarray
        assert result.tolist() == data.tolist()
        assert shares(result, np.asarray(data))


@pytest.mark.parametrize("dtype", ["<g", ">g"])
def test_long_doubles_become_doubles_or_infinite(dtype: str) -> None:
    data = np.array([[0.5, np.longdouble("1e400")]]).astype(dtype)
    result = as_array(data)
    assert result.dtype == np.float64
    assert result.tolist() == [[0.5, math.inf]]
    assert is_immutable(data, result)


def test_masked_elements_are_refused() -> None:
    masked = [[False, True, False], [False, False, True]]
    data: Any = np.ma.array(GRID, mask=masked)
    with pytest.raises(ValueError, match=r"2 of its 6 elements are masked.*data\.filled"):
        as_array(data)
    assert as_array(data.filled(7)).tolist() == [[0, 7, 2], [253, 254, 7]]


@pytest.mark.parametrize(
    "data",
    [
        np.zeros((2, 2), np.complex64),
        np.array([["a", "b"]]),
        np.array([[b"a"]]),
        np.array([[None]]),
        np.array([[Fraction(1)]]),
        np.array(["2020-01-01"], "M8[D]"),
        np.zeros(3, "m8[s]"),
        np.zeros(3, [("r", "u1"), ("g", "u1")]),
        [[1j]],
        [[2**70]],
    ],
)
def test_numbers_of_no_use(data: object) -> None:
    with pytest.raises(TypeError, match=r"data has dtype .*; expected bool.*: \w"):
        as_array(data)


# --- lists ----------------------------------------------------------------------------------------


@given(
    hnp.arrays(
        st.sampled_from(["bool", "int64", "float64"]),
        hnp.array_shapes(min_dims=1, max_dims=4, max_side=4),
    )
)
def test_nested_lists(expected: Array) -> None:
    result = as_array(expected.tolist())
    assert np.array_equal(result, expected, equal_nan=True)
    assert result.dtype == expected.dtype
    assert is_immutable(expected.tolist(), result)


@given(hnp.arrays("float32", (2, 3, 4, 1)))
def test_lists_of_arrays(expected: Array) -> None:
    for data in (list(expected), tuple(expected), [list(image) for image in expected]):
        result = as_array(data)
        assert result.dtype == np.float32
        assert np.array_equal(result, expected, equal_nan=True)
        assert not shares(result, expected)
        assert is_immutable(data, result)


def test_lists_of_numbers_of_several_types() -> None:
    assert as_array([[0, 0.5], [True, np.float32(2)]]).tolist() == [[0, 0.5], [1, 2]]
    assert as_array(([0, 1], (2, 3))).tolist() == [[0, 1], [2, 3]]
    assert as_array(5).shape == ()
    assert as_array([]).shape == (0,)


def test_lists_of_arrays_of_several_floats() -> None:
    assert as_array([np.zeros(2, np.float16), np.ones(2, np.float32)]).dtype == np.float32


@pytest.mark.parametrize("dtypes", [("uint8", "float32"), ("uint8", "uint16"), ("bool", "uint8")])
def test_lists_of_arrays_whose_values_mean_different_things(dtypes: tuple[str, str]) -> None:
    data = [np.zeros((2, 2), dtype) for dtype in dtypes]
    with pytest.raises(TypeError, match=f"dtypes {dtypes[0]}, {dtypes[1]}.*expected one dtype"):
        as_array(data)


@pytest.mark.parametrize(
    ("data", "shapes"),
    [
        ([[1, 2], [3]], "(2,), (1,)"),
        ([[[1, 2], [3]], [[1, 2], [3]]], "(2,), (1,)"),
        ([[[1, 2], [3, 4]], [[1, 2, 3]]], "(2, 2), (1, 3)"),
        ([1, [2]], "(), (1,)"),
        ([np.zeros((2, 3)), np.zeros((4, 5))], "(2, 3), (4, 5)"),
        ((np.zeros((2, 3)), [[1, 2]]), "(2, 3), (1, 2)"),
        ([np.zeros((2, n)) for n in range(1, 9)], "(2, 5), …"),
        ([Image.new("L", (2, 3)), Image.new("L", (3, 2))], "(3, 2), (2, 3)"),
    ],
)
def test_ragged_lists(data: object, shapes: str) -> None:
    with pytest.raises(ValueError, match=r"ragged.*unequal size one by one") as caught:
        as_array(data)
    assert shapes in str(caught.value)


# --- protocols, by objects that have nothing else -------------------------------------------------


class HasArray:
    def __init__(self, array: Array) -> None:
        self._array = array

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        return self._array


class HasInterface:
    def __init__(self, array: Array) -> None:
        self._array = array
        self.__array_interface__ = array.__array_interface__


class HasDLPack:
    def __init__(self, array: Array) -> None:
        self._array = array

    def __dlpack__(self, **arguments: Any) -> Any:
        return self._array.__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._array.__dlpack_device__()


class HasNumpy:
    def __init__(self, array: Array) -> None:
        self._array = array

    def numpy(self) -> Array:
        return self._array


class LikeCuPy:
    """An array on an accelerator, which is only given when asked for."""

    def __init__(self, array: Array) -> None:
        self._array = array
        self.shape, self.dtype = array.shape, array.dtype

    def __array__(self, *arguments: Any, **keywords: Any) -> Array:
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __dlpack__(self, **arguments: Any) -> Any:
        raise BufferError("not on the CPU")

    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, 0)

    def get(self) -> Array:
        return self._array.copy()


class LikeTorch:
    """A tensor that needs grad and lives on an accelerator: each step is needed, in this order."""

    requires_grad, on_cpu = True, False

    def __init__(self, array: Array) -> None:
        self._array = array
        self.device = types.SimpleNamespace(type="cuda")

    def _with(self, **state: Any) -> LikeTorch:
        other = LikeTorch(self._array)
        other.__dict__.update(self.__dict__, **state)
        return other

    def detach(self) -> LikeTorch:
        return self._with(requires_grad=False)

    def cpu(self) -> LikeTorch:
        return self._with(on_cpu=True, _array=self._array.copy())

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        if self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        if not self.on_cpu:
            raise TypeError("can't convert cuda:0 device type tensor to numpy.")
        return self._array


DUCKS = [HasArray, HasInterface, HasDLPack, HasNumpy, LikeCuPy, LikeTorch]


@pytest.mark.parametrize("duck", DUCKS)
@pytest.mark.parametrize("dtype", ["uint8", "float32", "int64"])
def test_objects_with_one_protocol(duck: Any, dtype: str) -> None:
    array = np.arange(6, dtype=dtype).reshape(2, 3)
    data = duck(array)
    result = as_array(data)
    assert result.dtype == dtype
    assert result.tolist() == array.tolist()
    assert as_array([data, data]).tolist() == [array.tolist()] * 2
    if duck not in (LikeCuPy, LikeTorch):
        assert shares(result, array)
        assert not is_immutable(data, result)
    if duck is LikeTorch:
        assert is_immutable(data, result)  # as_array has copied it from the accelerator


@pytest.mark.parametrize("buffer", [bytearray(b"abc"), memoryview(b"abc"), array.array("d", [1])])
def test_buffers(buffer: Any) -> None:
    result = as_array(buffer)
    assert result.tolist() == memoryview(buffer).tolist()
    assert is_immutable(buffer, result) == (type(buffer) is memoryview)


class Refuses:
    def __array__(self, *arguments: Any, **keywords: Any) -> Array:
        raise RuntimeError("not today")


@pytest.mark.parametrize(
    "data", [None, object(), {"a": 1}, {1, 2}, (n for n in range(3)), lambda: 1, Refuses(), 1j, np]
)
def test_arrays_without_numbers(data: object) -> None:
    with pytest.raises(
        TypeError, match=r"data is a .*cannot become an array.*pass a NumPy array"
    ) as caught:
        as_array(data)
    assert type(data).__name__ in str(caught.value)
    if isinstance(data, Refuses):
        assert "not today" in str(caught.value)
    with pytest.raises(TypeError):
        as_array([data])


@pytest.mark.parametrize("data", ["a.png", b"\x89PNG", Path("a.png"), ["a.png"], [[b"GIF89a"]]])
def test_paths_and_encoded_pictures_are_no_arrays(data: object) -> None:
    with pytest.raises(TypeError, match=r"data is or contains a .*encoded pictures are no numbers"):
        as_array(data)


# --- snapshots ------------------------------------------------------------------------------------


def frozen(array: Array) -> Array:
    array.flags.writeable = False
    return array


def read_only_view(array: Array) -> Array:
    return frozen(array[:])


def test_immutable_arrays() -> None:
    owner = np.zeros((4, 4))
    assert not is_immutable(owner, owner)
    assert not is_immutable(owner, owner[1:])
    assert not is_immutable(owner, read_only_view(owner))
    assert not is_immutable(owner, np.broadcast_to(owner, (2, 4, 4)))
    held = frozen(np.zeros((4, 4)))
    assert is_immutable(held, held)
    assert is_immutable(held, held[1:, ::2])
    assert is_immutable(held, held[np.newaxis, ..., np.newaxis])


def test_a_view_made_before_freezing_is_still_writable() -> None:
    owner = np.zeros((4, 4))
    early = owner[:2]
    frozen(owner)
    assert not is_immutable(early, early)


def test_memory_of_bytes_is_immutable(tmp_path: Path) -> None:
    memory: Any
    for memory in (bytes(12), memoryview(bytes(12)), memoryview(bytes(20))[4:16]):
        array = np.frombuffer(memory, np.uint8).reshape(3, 4)
        assert is_immutable(array, array)
        assert is_immutable(array, array[::2].view(np.uint32))
    changing = bytearray(12)
    for memory in (changing, memoryview(changing), memoryview(changing).toreadonly()):
        array = np.frombuffer(memory, np.uint8)
        assert not is_immutable(array, array)
    path = tmp_path / "pixels"
    path.write_bytes(bytes(12))
    mapped = np.memmap(path, np.uint8, "r")  # whoever writes the file changes it
    assert not is_immutable(mapped, as_array(mapped))


@given(images(EVERY_DTYPE))
def test_snapshots(image: Array) -> None:
    taken = snapshot(image, image)
    assert taken.dtype == image.dtype
    assert taken.tobytes() == image.tobytes()
    if is_immutable(image, image):
        assert taken is image
    else:
        assert not shares(taken, image)
        assert taken.flags.owndata


def test_snapshots_keep_the_order_of_memory() -> None:
    image = np.zeros((3, 40, 50), ">f4").transpose(1, 2, 0)  # CHW in memory
    taken = snapshot(image, image)
    assert taken.strides == image.strides
    assert taken.dtype == image.dtype


def test_snapshots_of_immutable_arrays_are_free() -> None:
    image = frozen(np.zeros((4, 4)))
    assert snapshot(image, image) is image
    rows = [[1, 2]]
    array = as_array(rows)
    assert snapshot(rows, array) is array
