"""Tensors of every type and form become the arrays that TensorFlow makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tbimage.events.messages import TensorProto
from tbimage.reading import tensors
from tbimage.reading.fields import MalformedError, bytes_reader
from tbimage.reading.tensors import check_repetitions, count_samples, number_in, to_array
from tests.readers import without_warnings

TYPES = [
    "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16",
    "uint32", "uint64", "bool", "complex64", "complex128", "bfloat16", "string",
]  # fmt: skip


def values(name: str) -> Any:
    if name == "string":
        return [[b"a", b""], [b"\xff\x00", b"bc"], [b"d", b"e"]]
    if name == "bool":
        return [[True, False], [False, False], [True, True]]
    numbers = np.array([[1, 2], [3, 100], [5, 6]], float)
    return numbers * (1 + 2j) if name.startswith("complex") else numbers


@pytest.mark.parametrize("name", TYPES)
def test_every_type_in_both_forms(name: str) -> None:
    tf = pytest.importorskip("tensorflow")
    make: Any = without_warnings(tf.make_tensor_proto)
    dtype = getattr(tf, name)
    given = values(name)
    if name not in ("bool", "string"):
        given = np.asarray(given).astype(dtype.as_numpy_dtype)
    whole = make(given, dtype)
    for proto in (whole, _as_list(tf, whole, given, dtype)):
        wanted = tf.make_ndarray(proto)
        mine = to_array(proto.SerializeToString())
        assert mine.shape == wanted.shape == (3, 2)
        if name == "bfloat16":
            assert mine.dtype == np.float32
            wanted = wanted.astype(np.float32)
        elif name != "string":
            assert mine.dtype == wanted.dtype
        assert np.array_equal(mine, wanted)


def _as_list(tf: Any, proto: Any, given: Any, dtype: Any) -> Any:
    """The same tensor with its elements in a repeated field: one of a single element has it."""
    flat = np.array(given, object).ravel() if dtype == tf.string else np.ravel(given)
    listed = type(proto)(dtype=proto.dtype, tensor_shape=proto.tensor_shape)
    for element in flat:
        one = tf.make_tensor_proto(element, dtype)
        for field, content in one.ListFields():
            if field.name.endswith("_val"):
                getattr(listed, field.name).extend(content)
    return listed


def tensor(dtype: int, shape: list[int], **fields: Any) -> TensorProto:
    made = TensorProto(dtype=dtype, **fields)
    made.tensor_shape.SetInParent()
    for size in shape:
        made.tensor_shape.dim.add(size=size)
    return made


def test_a_short_list_repeats_its_last_element() -> None:
    assert to_array(tensor(1, [2, 2], float_val=[1, 2])).tolist() == [[1, 2], [2, 2]]
    assert to_array(tensor(3, [2, 3], int_val=[7])).tolist() == [[7] * 3] * 2
    assert to_array(tensor(3, [0, 3])).shape == (0, 3)
    strings = to_array(tensor(7, [3], string_val=[b"a", b"b\0"])).tolist()
    assert strings == [b"a", b"b\0", b"b\0"]
    assert strings[1] is strings[2]  # repeated strings take no memory


@pytest.mark.parametrize("strings", [[b"x" * 60_000], [b"a", b"x" * 60_000]])
def test_copies_of_a_repeated_string_are_bounded(strings: list[bytes]) -> None:
    check_repetitions(to_array(tensor(7, [200], string_val=strings)))
    check_repetitions(
        to_array(tensor(7, [600], string_val=[b"%060000d" % at for at in range(600)]))
    )
    with pytest.raises(ValueError, match="repeats one string"):
        check_repetitions(to_array(tensor(7, [600], string_val=strings)))


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (tensor(1, [2]), "has 0 elements"),
        (tensor(1, [1], float_val=[1, 2]), "has 2 elements"),
        (tensor(1, [-1], float_val=[1]), "shape"),
        (tensor(1, [2**40], float_val=[1, 2]), "has 2 elements"),
        (tensor(1, [2**62, 2**62], float_val=[1]), "has 1 elements"),
        (tensor(1, [1], tensor_content=b"abc"), "3 bytes"),
        (tensor(20, []), "type 20"),
        (tensor(0, []), "type 0"),
    ],
)
def test_a_tensor_that_contradicts_itself_is_an_error(made: TensorProto, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        to_array(made)


def test_bytes_that_are_no_tensor_are_an_error() -> None:
    with pytest.raises(MalformedError):
        to_array(b"\xff\xff")


@pytest.mark.parametrize(
    ("made", "number"),
    [
        (tensor(1, [], float_val=[0.5]), 0.5),
        (tensor(1, [], tensor_content=b"\0\0\0\x3f"), 0.5),
        (tensor(2, [], double_val=[0.1]), 0.1),
        (tensor(9, [], int64_val=[-3]), -3.0),
        (tensor(19, [], half_val=[0x3800]), 0.5),
        (tensor(10, [1, 1], bool_val=[True]), 1.0),
        (tensor(1, [2], float_val=[1, 2]), None),
        (tensor(7, [], string_val=[b"1"]), None),
        (tensor(8, [], scomplex_val=[1, 2]), None),
    ],
)
def test_numbers_are_told_from_other_tensors(made: TensorProto, number: float | None) -> None:
    data = made.SerializeToString()
    assert number_in(bytes_reader(data), 0, len(data)) == number


def test_a_number_is_looked_for_without_repeating_elements(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each record of 30 bytes would take 64 MiB, and a file may have millions of such records."""
    data = tensor(1, [1 << 24], float_val=[1, 2]).SerializeToString()
    monkeypatch.setattr(tensors, "_shaped", lambda *_: pytest.fail("elements are repeated"))
    assert number_in(bytes_reader(data), 0, len(data)) is None


def test_samples_are_counted_without_reading_them() -> None:
    pictures = tensor(7, [5], string_val=[b"1", b"1", b"a", b"b", b"c"]).SerializeToString()
    assert count_samples(bytes_reader(pictures), 0, len(pictures), "images") == 3
    sounds = tensor(7, [2, 2], string_val=[b"a", b"", b"b", b""]).SerializeToString()
    assert count_samples(bytes_reader(sounds), 0, len(sounds), "audio") == 2
    lying = tensor(7, [10**12, 2], string_val=[b"a", b""]).SerializeToString()
    assert count_samples(bytes_reader(lying), 0, len(lying), "audio") == 2
