"""Graphs, layouts, tensors and ready messages of both peers' writers, and of their adapters.

These calls cannot stand beside others in one run; test_torch.py and test_tensorboardx.py have those
that can.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tbimage.compat import tensorboardx, torch
from tbimage.events import messages
from tests import readers
from tests.compat import faces
from tests.kinds.test_graph import model, onnx_file

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("torch")
    torch_peer: Any = pytest.importorskip("torch.utils.tensorboard")
    tensorboardx_peer: Any = pytest.importorskip("tensorboardX")
    event_pb2: Any = pytest.importorskip("tensorboard.compat.proto.event_pb2")
    graph_pb2: Any = pytest.importorskip("tensorboard.compat.proto.graph_pb2")
    tensor_pb2: Any = pytest.importorskip("tensorboard.compat.proto.tensor_pb2")
    tensor_util: Any = pytest.importorskip("tensorboard.util.tensor_util")

FACES: dict[str, tuple[Any, Any]] = {
    "torch": (torch, torch_peer),
    "tensorboardx": (tensorboardx, tensorboardx_peer),
}
TIME = 1_700_000_000.0
OPENVINO = """<net name="small"><layers>
<layer id="0" name="x" type="Parameter"><output><port id="0"><dim>3</dim></port></output></layer>
<layer id="1" name="y" type="ReLU"><input><port id="0"><dim>3</dim></port></input></layer>
</layers><edges><edge from-layer="0" from-port="0" to-layer="1" to-port="0"/></edges></net>
"""

pytestmark = pytest.mark.filterwarnings("default:.*torch.jit:DeprecationWarning")


@pytest.fixture(params=FACES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def events_of(
    name: str, directory: Path, call: Callable[[Any], Any], kind: str = "SummaryWriter"
) -> tuple[list[Any], list[Any]]:
    """The records of a call on the peer's writer, and of the same call on the adapter's."""
    face, peer = FACES[name]
    found = []
    for who, module in (("peer", peer), ("face", face)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            writer = getattr(module, kind)(str(directory / who))
            call(writer)
            writer.close()
        events = readers.read_raw(directory / who)
        found.append([event for event in events if not event.file_version])
    return found[0], found[1]


def assert_same_graphs(theirs: list[Any], ours: list[Any]) -> None:
    assert [event.graph_def for event in theirs] == [event.graph_def for event in ours] != []
    for expected, got in zip(theirs, ours, strict=True):
        assert expected.tagged_run_metadata == got.tagged_run_metadata


def test_a_graph_of_torch(name: str, tmp_path: Path) -> None:
    layers, inputs = model()
    theirs, ours = events_of(name, tmp_path, lambda writer: writer.add_graph(layers, inputs))
    assert_same_graphs(theirs, ours)
    assert [event.WhichOneof("what") for event in ours] == ["graph_def", "tagged_run_metadata"]


def test_the_error_of_a_strict_trace_names_the_adapters_argument(name: str, tmp_path: Path) -> None:
    torch_itself = pytest.importorskip("torch")

    class Wrapped(torch_itself.nn.Module):  # type: ignore[name-defined]
        def forward(self, x: Any) -> Any:
            return {"out": x}

    inputs = torch_itself.zeros(1, 3)
    with FACES[name][0].SummaryWriter(str(tmp_path)) as writer:
        with pytest.raises(RuntimeError, match="use_strict_trace=False"):
            writer.add_graph(Wrapped(), inputs)
        writer.add_graph(Wrapped(), inputs, use_strict_trace=False)
    assert any(event.graph_def for event in readers.read_raw(tmp_path))


def test_a_graph_of_onnx(name: str, tmp_path: Path) -> None:
    path = str(onnx_file(tmp_path))
    assert_same_graphs(*events_of(name, tmp_path, lambda writer: writer.add_onnx_graph(path)))


def test_a_graph_of_openvino(tmp_path: Path) -> None:
    path = tmp_path / "small.xml"
    path.write_text(OPENVINO, encoding="utf-8")
    theirs, ours = events_of(
        "tensorboardx", tmp_path, lambda writer: writer.add_openvino_graph(str(path))
    )
    assert_same_graphs(theirs, ours)


CHARTS: dict[str, Callable[[Any], Any]] = {
    "multiline": lambda w: w.add_custom_scalars_multilinechart(["a", "b/.*"], "one", "first"),
    "multiline_defaults": lambda w: w.add_custom_scalars_multilinechart(["a"]),
    "margin": lambda w: w.add_custom_scalars_marginchart(["a", "b", "c"], "two", "second"),
    "margin_defaults": lambda w: w.add_custom_scalars_marginchart(["a", "b", "c"]),
}


@pytest.mark.parametrize("call", CHARTS)
def test_a_chart(name: str, call: str, tmp_path: Path) -> None:
    events_of(name, tmp_path, CHARTS[call])
    for loader in faces.LOADERS:
        theirs = readers.read_runs(tmp_path / "peer", loader)["."]
        ours = readers.read_runs(tmp_path / "face", loader)["."]
        assert theirs.keys() == ours.keys() == {"custom_scalars__config__"}
        faces.assert_same(*theirs.values(), *ours.values(), wall_times=False)


def tensor_of(kind: str) -> Any:
    torch_itself = pytest.importorskip("torch")
    return torch_itself.arange(6).reshape(2, 3).to(getattr(torch_itself, kind))


KINDS = ("float32", "float64", "int8", "int16", "int32", "int64", "bool", "complex64", "complex128")


def test_a_tensor_of_any_type_is_torchs(tmp_path: Path) -> None:
    def log(writer: Any) -> None:
        for kind in KINDS:
            writer.add_tensor(kind, tensor_of(kind), 3, TIME)

    pairs = list(zip(*events_of("torch", tmp_path, log), strict=True))
    for loader in faces.LOADERS:  # if they were listed, migrating.md should not say they are not
        assert readers.read_runs(tmp_path / "peer", loader)["."] == {}
        assert set(readers.read_runs(tmp_path / "face", loader)["."]) == set(KINDS)
    for expected, got in pairs:
        (theirs,), (ours,) = expected.summary.value, got.summary.value
        assert (expected.step, expected.wall_time) == (got.step, got.wall_time)
        assert (theirs.tag, theirs.metadata.plugin_data) == (ours.tag, ours.metadata.plugin_data)
        assert theirs.tensor.dtype == ours.tensor.dtype
        np.testing.assert_array_equal(
            tensor_util.make_ndarray(theirs.tensor), tensor_util.make_ndarray(ours.tensor)
        )


@pytest.mark.parametrize("kind", ["uint8", "float16"])
def test_a_tensor_that_torch_writes_so_that_none_can_read_it(kind: str) -> None:
    theirs = torch_peer.summary.tensor_proto("a", tensor_of(kind)).value[0].tensor
    with pytest.raises((OverflowError, ValueError)):  # if not, migrating.md should not say it
        tensor_util.make_ndarray(theirs)
    ours = tensor_pb2.TensorProto.FromString(
        torch.summary.tensor_proto("a", tensor_of(kind)).value[0].tensor.SerializeToString()
    )
    found = tensor_util.make_ndarray(ours)
    assert (found.dtype.name, found.tolist()) == (kind, [[0, 1, 2], [3, 4, 5]])


def test_messages_of_hyperparameters(name: str) -> None:
    """What Lightning logs by itself: experiment, start, end. Ours has no experiment by default."""
    face, peer = FACES[name]
    arguments = {"lr": 0.1, "layers": 3, "optimizer": "adam"}, {"loss": 0.5, "acc": 1}
    theirs, ours = peer.summary.hparams(*arguments), face.summary.hparams(*arguments)
    assert not ours[0].value
    for expected, got in zip(theirs[1:], ours[1:], strict=True):
        (their_value,), (our_value,) = expected.value, got.value
        assert their_value.tag == our_value.tag
        their_data, our_data = map(hparams_of, (their_value, our_value))
        assert their_data.session_start_info.hparams == our_data.session_start_info.hparams
        assert their_data.session_end_info.status == our_data.session_end_info.status


def hparams_of(value: Any) -> Any:
    return messages.HParamsPluginData.FromString(value.metadata.plugin_data.content)


#: Calls of third parties on ``writer.file_writer``.
READY: dict[str, Callable[[Any], Any]] = {
    "summary": lambda w: w.add_summary(scalar("a"), 3, TIME),
    "summary_without_step": lambda w: w.add_summary(scalar("a"), None, TIME),
    "event": lambda w: w.add_event(event_of(9), None, TIME),
    "event_with_step": lambda w: w.add_event(event_of(9), np.int64(11), TIME),
    "graph": lambda w: w.add_graph((graph(), run_metadata()), TIME),
    "onnx_graph": lambda w: w.add_onnx_graph(graph(), TIME),
}


def scalar(tag: str) -> Any:
    return torch_peer.summary.scalar(tag, 0.5)


def event_of(step: int) -> Any:
    return event_pb2.Event(step=step, summary=scalar("b"))


def graph() -> Any:
    made = graph_pb2.GraphDef()
    made.node.add(name="a", op="b")
    return made


def run_metadata() -> Any:
    config_pb2 = pytest.importorskip("tensorboard.compat.proto.config_pb2")
    return config_pb2.RunMetadata()


@pytest.mark.parametrize("call", READY)
def test_a_ready_message(call: str, tmp_path: Path) -> None:
    theirs, ours = events_of("torch", tmp_path, READY[call], "FileWriter")
    assert theirs == ours != []


@pytest.mark.parametrize("call", READY)
def test_a_ready_message_of_tensorboardx(call: str, tmp_path: Path) -> None:
    """Its own messages, as its writer takes no others."""
    proto = tensorboardx_peer.proto
    names = {
        "scalar": lambda tag: tensorboardx_peer.summary.scalar(tag, 0.5),
        "event_of": lambda step: proto.event_pb2.Event(
            step=step, summary=tensorboardx_peer.summary.scalar("b", 0.5)
        ),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, make in names.items():
            patch.setitem(globals(), name, make)
        theirs, ours = events_of("tensorboardx", tmp_path, READY[call], "FileWriter")
    assert theirs == ours != []


def test_the_global_writer_counts_as_its_peer_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer of tensorboardX counts in other processes; here a plain dict replaces each."""
    monkeypatch.setattr(tensorboardx_peer.global_writer.mp, "Manager", lambda: Managers())
    pixels = np.random.default_rng(3).random((8, 8, 3))

    def log(writer: Any) -> None:
        for value in (0.5, 1.5):
            writer.add_scalar("a", value, TIME)
            writer.add_image("b", pixels, TIME, "HWC")
            writer.add_text("c", f"*{value}*", TIME)

    events_of("tensorboardx", tmp_path, log, "GlobalSummaryWriter")
    for loader in faces.LOADERS:
        theirs = readers.read_runs(tmp_path / "peer", loader)["."]
        ours = readers.read_runs(tmp_path / "face", loader)["."]
        assert theirs.keys() == ours.keys() == {"a", "b", "c/text_summary"}
        for tag, series in theirs.items():
            faces.assert_same(series, ours[tag])


class Managers:
    def dict(self) -> dict[str, int]:
        return {}


@pytest.mark.parametrize("loader", faces.LOADERS)
@pytest.mark.parametrize("main_tag", ["m", "my/m", "my m"])
def test_purge_step_reaches_the_runs_of_add_scalars(
    name: str, main_tag: str, loader: str, tmp_path: Path
) -> None:
    face, _ = FACES[name]
    with face.SummaryWriter(str(tmp_path)) as writer:
        for step in range(6):
            writer.add_scalars(main_tag, {"a": step, "b": step}, step)
    with face.SummaryWriter(str(tmp_path), purge_step=3) as writer:
        writer.add_scalars(main_tag, {"a": 10}, 3)
    found = {
        run[-1]: series.steps
        for run, tags in readers.read_runs(tmp_path, loader).items()
        for series in tags.values()
    }
    kept = [*range(6)] if loader == "data_server" else [0, 1, 2]
    assert found == {"a": [0, 1, 2, 3], "b": kept}
