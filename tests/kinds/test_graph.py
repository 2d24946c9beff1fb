"""Graphs of the peers' exporters, in the form of the peers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import tbimage
from tests import readers
from tests.kinds import written

# Warnings of torch about its own tracer.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


def model() -> tuple[Any, Any]:
    torch = pytest.importorskip("torch")
    layers = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU())
    return layers, torch.zeros(1, 3)


def test_a_torch_model_is_written_as_torch_does(tmp_path: Path) -> None:
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    layers, inputs = model()
    with tensorboard.SummaryWriter(str(tmp_path / "theirs")) as writer:
        writer.add_graph(layers, inputs)
    with tbimage.SummaryWriter(tmp_path / "ours") as writer:
        assert writer.graph(layers, inputs)
    theirs, ours = written.events(tmp_path / "theirs")[1:], written.events(tmp_path / "ours")
    assert [event.WhichOneof("what") for event in ours] == ["graph_def", "tagged_run_metadata"]
    assert [event.graph_def for event in ours] == [event.graph_def for event in theirs]
    for our_event, their_event in zip(ours, theirs, strict=True):
        assert our_event.tagged_run_metadata == their_event.tagged_run_metadata
        assert our_event.step == their_event.step


def test_loaders_show_it(tmp_path: Path, loader: str) -> None:
    graph_pb2 = pytest.importorskip("tensorboard.compat.proto.graph_pb2")
    layers, inputs = model()
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.graph(layers, inputs)
    series = readers.read_runs(tmp_path, loader)["."]
    assert series["__run_graph__"].plugin == "graphs"
    blob = only_blob(series["__run_graph__"])
    names = {node.name for node in graph_pb2.GraphDef.FromString(blob).node}
    assert any("Linear[0]" in name for name in names)
    assert series["step1"].plugin == "graph_tagged_run_metadata"


def only_blob(series: readers.Series) -> bytes:
    (point,) = series.points
    assert isinstance(point.value, tuple)
    (blob,) = point.value
    return blob


def onnx_file(directory: Path) -> Path:
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "small",
        [helper.make_tensor_value_info("x", kind, [1, 3])],
        [helper.make_tensor_value_info("y", kind, [1, 3])],
    )
    path = directory / "small.onnx"
    onnx.save(helper.make_model(graph), str(path))
    return path


def test_an_onnx_file_is_exported_in_silence(
    tmp_path: Path, loader: str, capsys: pytest.CaptureFixture[str]
) -> None:
    graph_pb2 = pytest.importorskip("tensorboard.compat.proto.graph_pb2")
    path = onnx_file(tmp_path)
    with tbimage.SummaryWriter(tmp_path / "run") as writer:
        writer.graph(path)
    assert capsys.readouterr().out == ""
    blob = only_blob(readers.read_runs(tmp_path, loader)["run"]["__run_graph__"])
    nodes = {node.name: node.op for node in graph_pb2.GraphDef.FromString(blob).node}
    assert nodes["x"] == "Variable"
    assert "Relu" in nodes.values() or nodes["y"] == "Variable"


@pytest.mark.parametrize("exporter", ["tensorboardX.onnx_graph", "torch.utils.tensorboard"])
def test_any_installed_exporter_will_do(
    tmp_path: Path, exporter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch.utils.tensorboard")
    monkeypatch.setitem(sys.modules, exporter, None)
    if exporter == "torch.utils.tensorboard":
        monkeypatch.setitem(sys.modules, f"{exporter}._onnx_graph", None)
    with tbimage.SummaryWriter(tmp_path / "run") as writer:
        assert writer.graph(str(onnx_file(tmp_path)))


def test_the_error_names_the_package_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers, inputs = model()
    path = onnx_file(tmp_path)
    with tbimage.SummaryWriter(tmp_path) as writer:
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "onnx", None)
            with pytest.raises(ImportError, match="pip install onnx tensorboardX"):
                writer.graph(path)
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "torch.utils.tensorboard._pytorch_graph", None)
            with pytest.raises(ImportError, match="pip install tensorboard "):
                writer.graph(layers, inputs)


def test_a_graph_def_is_written_as_it_is(tmp_path: Path) -> None:
    graph_pb2 = pytest.importorskip("tensorboard.compat.proto.graph_pb2")
    node_def_pb2 = pytest.importorskip("tensorboard.compat.proto.node_def_pb2")
    graph = graph_pb2.GraphDef(node=[node_def_pb2.NodeDef(name="a", op="b")])
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.graph(graph, wall_time=2.5)
        writer.graph(graph.SerializeToString())
    first, second = written.events(tmp_path)
    assert first.graph_def == second.graph_def == graph.SerializeToString()
    assert first.wall_time == 2.5


def test_other_models_are_refused(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        with pytest.raises(TypeError, match=r"model must be a torch.nn.Module, .* builtins.object"):
            writer.graph(object())
        pytest.importorskip("onnx")
        with pytest.raises(FileNotFoundError):
            writer.graph(tmp_path / "missing.onnx")
    assert written.events(tmp_path) == []
