"""Tensors of any type come back as they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage.events.messages import SummaryMetadata, TensorProto
from tbimage.kinds import tensors
from tests import readers
from tests.kinds import written

RNG = np.random.default_rng(0)
#: Types that TensorBoard's own reader knows.
DTYPES = [name for name in tensors.DATA_TYPES if not name.startswith(("bfloat", "float8"))]


def sample(dtype: str) -> np.ndarray[Any, Any]:
    raw = RNG.integers(0, 2, (2, 3)) if dtype == "bool" else RNG.integers(0, 100, (2, 3))
    array = raw.astype(dtype)
    return array + array.dtype.type(1j) if array.dtype.kind == "c" else array


def test_loaders_give_any_type_back(tmp_path: Path, loader: str) -> None:
    given = {dtype: sample(dtype) for dtype in DTYPES}
    given |= {"strings": np.array([["a", "bc"], ["", "ü"]]), "scalar": np.float32(1.5)}
    with tbimage.SummaryWriter(tmp_path) as writer:
        for name, array in given.items():
            writer.tensor(name, array, 3, description=f"*{name}*")
    series = readers.read_runs(tmp_path, loader)["."]
    assert series.keys() == given.keys()
    for name, array in given.items():
        shown = series[name]
        assert (shown.plugin, shown.data_class, shown.steps) == ("tensor", "tensor", [3])
        assert shown.description == f"*{name}*"
        (point,) = shown.points
        assert isinstance(point.value, readers.Tensor)
        assert point.value.shape == array.shape
        if array.dtype.kind == "U":
            assert [text.decode() for text in point.value.values] == array.ravel().tolist()
        else:
            assert point.value.dtype == str(array.dtype)
            np.testing.assert_array_equal(point.value.array(), array)


@pytest.mark.parametrize("dtype", tensors.DATA_TYPES)
def test_tensorflow_reads_any_type(tmp_path: Path, dtype: str) -> None:
    tensorflow = pytest.importorskip("tensorflow")
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = sample("float32").astype(getattr(ml_dtypes, dtype, dtype))
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.tensor("a", array, 0)
    serialized = written.only_value(tmp_path).tensor.SerializeToString()
    message = tensorflow.make_tensor_proto(0).FromString(serialized)
    found = tensorflow.make_ndarray(message)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found.astype(np.complex128), array.astype(np.complex128))


def test_the_tensor_is_that_of_tf_summary_write(tmp_path: Path) -> None:
    tensorflow = pytest.importorskip("tensorflow")
    metadata = SummaryMetadata(
        plugin_data=SummaryMetadata.PluginData(plugin_name="mine", content=b"c"), data_class=2
    )
    theirs_metadata = tensorflow.compat.v1.SummaryMetadata.FromString(metadata.SerializeToString())
    data = {
        "floats": np.array([[1, 2]], np.float32),
        "strings": np.array(["a", "b"]),
        "empty": np.zeros(0),
    }
    with tensorflow.summary.create_file_writer(str(tmp_path / "theirs")).as_default():
        for name, array in data.items():
            tensor = tensorflow.constant(array)
            tensorflow.summary.write(name, tensor, step=1, metadata=theirs_metadata)
    with tbimage.SummaryWriter(tmp_path / "ours") as writer:
        for (name, array), given in zip(
            data.items(),
            [metadata, metadata.SerializeToString(), theirs_metadata],
            strict=True,
        ):
            writer.tensor(name, array, 1, metadata=given)
    theirs = [event.summary for event in readers.read_raw(tmp_path / "theirs")[1:]]
    ours = [event.summary for event in readers.read_raw(tmp_path / "ours")[1:]]
    assert ours == theirs


@pytest.mark.parametrize(
    ("data", "dtype", "shape"),
    [
        (3, "int64", ()),
        (2.5, "float64", ()),
        (1 + 2j, "complex128", ()),
        ([[1 + 2j], [3.0]], "complex128", (2, 1)),
        (np.arange(6, dtype=">i4").reshape(2, 3), "int32", (2, 3)),
        (np.arange(6.0).reshape(2, 3).T, "float64", (3, 2)),
        (np.arange(10, dtype=np.int16)[::-3], "int16", (4,)),
        (np.zeros((2, 0)), "float64", (2, 0)),
    ],
)
def test_other_forms_of_numbers(tmp_path: Path, data: Any, dtype: str, shape: Any) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.tensor("a", data, 0)
    tensor: TensorProto = written.only_value(tmp_path).tensor
    assert tensor.dtype == tensors.DATA_TYPES[dtype]
    assert tuple(dim.size for dim in tensor.tensor_shape.dim) == shape
    found = np.frombuffer(tensor.tensor_content, dtype).reshape(shape)
    np.testing.assert_array_equal(found, data)


def test_torch_tensors_with_a_gradient_and_bfloat16(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.tensor("a", torch.tensor([1.5, 2], requires_grad=True), 0)
        writer.tensor("b", torch.tensor([1.5, 2], dtype=torch.bfloat16), 0)
    for value in written.values(tmp_path):
        assert np.frombuffer(value.tensor.tensor_content, np.float32).tolist() == [1.5, 2]


def test_the_caller_may_change_its_array_at_once(tmp_path: Path) -> None:
    data = np.ones(100)
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.tensor("a", data, 0)
        data[:] = 0
    assert np.frombuffer(written.only_value(tmp_path).tensor.tensor_content).all()


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"data": np.array([object()])}, TypeError, "data must be a string or an array of strings"),
        ({"data": np.zeros(2, "M8[s]")}, TypeError, r"got dtype datetime64\[s\]"),
        ({"data": [["a"], ["b", "c"]]}, ValueError, "data is ragged"),
        ({"metadata": b"\xff"}, ValueError, "metadata must be a serialized SummaryMetadata"),
        ({"metadata": "mine"}, TypeError, "metadata must be a SummaryMetadata message"),
        ({"metadata": b"", "description": "x"}, ValueError, "description must be None"),
    ],
)
def test_bad_input_raises_in_the_caller_and_harms_nothing(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], match: str
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.tensor("good", [1], 0)
        with pytest.raises(error, match=match):
            writer.tensor("bad", step=0, **{"data": [1], **arguments})
    assert written.only_value(tmp_path).tag == "good"
