"""The messages equal TensorBoard's on the wire, and work beside other packages' in one process."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tbimage.events import messages

REPOSITORY = Path(__file__).resolve().parents[2]

# Each message that is written by itself, and the module of TensorBoard's message.
PLUGINS = "tensorboard.plugins"
TENSORBOARD = {
    "Event": "tensorboard.compat.proto.event_pb2",
    "Summary": "tensorboard.compat.proto.summary_pb2",
    "SummaryMetadata": "tensorboard.compat.proto.summary_pb2",
    "TensorProto": "tensorboard.compat.proto.tensor_pb2",
    "ScalarPluginData": f"{PLUGINS}.scalar.plugin_data_pb2",
    "HistogramPluginData": f"{PLUGINS}.histogram.plugin_data_pb2",
    "TextPluginData": f"{PLUGINS}.text.plugin_data_pb2",
    "ImagePluginData": f"{PLUGINS}.image.plugin_data_pb2",
    "AudioPluginData": f"{PLUGINS}.audio.plugin_data_pb2",
    "PrCurvePluginData": f"{PLUGINS}.pr_curve.plugin_data_pb2",
    "MeshPluginData": f"{PLUGINS}.mesh.plugin_data_pb2",
    "HParamsPluginData": f"{PLUGINS}.hparams.plugin_data_pb2",
    "Layout": f"{PLUGINS}.custom_scalar.layout_pb2",
    "ProjectorConfig": f"{PLUGINS}.projector.projector_config_pb2",
}
# The same messages where TensorFlow has them.
TENSORFLOW = {
    "Event": "tensorflow.core.util.event_pb2",
    "TensorProto": "tensorflow.core.framework.tensor_pb2",
}


def peer_class(name: str, modules: dict[str, str] = TENSORBOARD) -> Any:
    pytest.importorskip(modules[name].partition(".")[0])
    return getattr(importlib.import_module(modules[name]), name)


# The form of a message on the wire and in text: numbers, types and names.


def enum_values(descriptor: Any) -> dict[str, int]:
    proto = EnumDescriptorProto()
    descriptor.CopyToProto(proto)
    return {v.name: v.number for v in proto.value if not v.name.endswith("_REF")}


def fields(descriptor: Any) -> list[tuple[Any, Any]]:
    """The fields of a message as (descriptor, its proto), the latter alike on all runtimes."""
    proto = DescriptorProto()
    descriptor.CopyToProto(proto)
    return [(descriptor.fields_by_name[field.name], field) for field in proto.field]


def layout(descriptor: Any, seen: frozenset[str] = frozenset()) -> dict[str, Any]:
    if descriptor.full_name in seen:
        return {"again": descriptor.name}
    seen |= {descriptor.full_name}
    described: dict[str, Any] = {}
    for field, proto in fields(descriptor):
        oneof = field.containing_oneof.name if field.containing_oneof else None
        inner = None
        if proto.type == Field.TYPE_MESSAGE:
            inner = layout(field.message_type, seen)
        elif proto.type == Field.TYPE_ENUM:
            inner = enum_values(field.enum_type)
        described[proto.name] = (proto.number, proto.type, proto.label, oneof, inner)
    return described


@pytest.mark.parametrize("name", TENSORBOARD)
def test_every_field_is_that_of_tensorboard(name: str) -> None:
    ours, theirs = getattr(messages, name), peer_class(name)
    assert layout(ours.DESCRIPTOR) == layout(theirs.DESCRIPTOR)


@pytest.mark.slow
@pytest.mark.parametrize("name", TENSORFLOW)
def test_every_field_is_that_of_tensorflow(name: str) -> None:
    script = (
        "import sys; from tests.events import test_messages as t; name = sys.argv[1];"
        "ours = t.layout(getattr(t.messages, name).DESCRIPTOR);"
        "theirs = t.layout(t.peer_class(name, t.TENSORFLOW).DESCRIPTOR);"
        "assert ours == theirs, (ours, theirs)"
    )
    pytest.importorskip("tensorflow")
    run_python(["-c", script, name])


# Random messages.

SCALARS: dict[int, st.SearchStrategy[Any]] = {
    Field.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    Field.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    Field.TYPE_UINT32: st.integers(0, 2**32 - 1),
    Field.TYPE_UINT64: st.integers(0, 2**64 - 1),
    Field.TYPE_ENUM: st.integers(0, 140),  # unknown ones too: enums of proto3 are open
    Field.TYPE_BOOL: st.booleans(),
    Field.TYPE_FLOAT: st.floats(width=32),
    Field.TYPE_DOUBLE: st.floats(),
    Field.TYPE_STRING: st.text(max_size=4),
    Field.TYPE_BYTES: st.binary(max_size=4),
}


@st.composite
def contents(draw: st.DrawFn, descriptor: Any, depth: int = 5) -> dict[str, Any]:
    """Arguments of a constructor that set a few fields of a message at random."""
    among = [f for f in fields(descriptor) if depth or f[1].type != Field.TYPE_MESSAGE]
    chosen = draw(st.lists(st.sampled_from(among), max_size=4)) if among else []
    drawn: dict[str, Any] = {}
    for field, proto in chosen:
        element: st.SearchStrategy[Any]
        if proto.type == Field.TYPE_MESSAGE:
            element = contents(field.message_type, depth - 1)
        else:
            element = SCALARS[proto.type]
        if proto.label == Field.LABEL_REPEATED:
            element = st.lists(element, max_size=3)
        drawn[proto.name] = draw(element)
    return drawn


def filled(message: Any, drawn: dict[str, Any]) -> Any:
    """Set the fields of a message to the drawn values; of a oneof, the last one counts."""
    for name, value in drawn.items():
        descriptor = message.DESCRIPTOR.fields_by_name[name]
        nested = descriptor.message_type
        if nested is None:
            if isinstance(value, list):
                getattr(message, name).extend(value)
            else:
                setattr(message, name, value)
        elif nested.GetOptions().map_entry:
            for entry in value:
                filled(getattr(message, name)[entry.get("key", "")], entry.get("value", {}))
        elif isinstance(value, list):
            for element in value:
                filled(getattr(message, name).add(), element)
        else:
            getattr(message, name).SetInParent()
            filled(getattr(message, name), value)
    return message


@pytest.mark.parametrize("name", TENSORBOARD)
def test_random_messages_survive_the_way_to_tensorboard_and_back(name: str) -> None:
    ours, theirs = getattr(messages, name), peer_class(name)

    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(contents(ours.DESCRIPTOR), contents(theirs.DESCRIPTOR))
    def both_ways(from_ours: dict[str, Any], from_theirs: dict[str, Any]) -> None:
        for drawn in (from_ours, from_theirs):
            data = filled(ours(), drawn).SerializeToString(deterministic=True)
            assert data == filled(theirs(), drawn).SerializeToString(deterministic=True)
            assert ours.FromString(data).SerializeToString(deterministic=True) == data
            assert theirs.FromString(data).SerializeToString(deterministic=True) == data

    both_ways()


# The descriptor set, the stub and the classes say the same.


@pytest.fixture(scope="module")
def regenerate() -> Any:
    path = REPOSITORY / "proto" / "regenerate.py"
    spec = importlib.util.spec_from_file_location("regenerate", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_descriptor_set_equals_that_of_protoc(regenerate: Any) -> None:
    if importlib.util.find_spec("grpc_tools") is None:
        pytest.skip("protoc comes with grpcio-tools")
    assert regenerate.DESCRIPTOR_SET.read_bytes() == regenerate.compile_descriptor_set()


def test_the_stub_is_that_of_the_descriptor_set(regenerate: Any) -> None:
    stub = regenerate.write_stub(regenerate.DESCRIPTOR_SET.read_bytes())
    assert regenerate.STUB.read_text(encoding="utf-8") == stub


def test_the_stub_has_the_names_of_the_module() -> None:
    namespace: dict[str, Any] = {}
    stub = Path(str(messages.__file__)).with_suffix(".pyi").read_text(encoding="utf-8")
    # The stub is valid Python, except that it refers to classes below.
    exec(compile("from __future__ import annotations\n" + stub, "messages.pyi", "exec"), namespace)
    in_stub = {
        name
        for name, value in namespace.items()
        if not name.startswith("_") and getattr(value, "__module__", "builtins") == "builtins"
    } | set(namespace["__annotations__"])
    assert in_stub == set(messages.__all__)  # type: ignore[attr-defined]


def test_names_that_are_not_there_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="Evnt"):
        messages.Evnt  # type: ignore[attr-defined]  # noqa: B018


# The messages of all packages in one process.

# A program for each package: import it, and serialise an event with the messages it brings.
IMPORTS = {
    "tbimage": "from tbimage.events.messages import Event",
    "tensorboard": "from tensorboard.compat.proto.event_pb2 import Event",
    "tensorboardX": "import tensorboardX; from tensorboardX.proto.event_pb2 import Event",
    "torch": "import torch; from torch.utils.tensorboard.writer import Event",
    "tensorflow": "import tensorflow; from tensorflow.core.util.event_pb2 import Event",
}
SERIALISE = """
event = Event(wall_time=1.5, step=7)
value = event.summary.value.add(tag="x")
value.image.height = 3
assert event.SerializeToString().hex() == "09000000000000f83f10072a090a070a017822020803"
"""


def run_python(arguments: list[str], **environment: str) -> str:
    """Run Python in the repository, away from what this process has imported."""
    finished = subprocess.run(
        [sys.executable, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def import_in_order(order: list[str], **environment: str) -> None:
    for package in order:
        if package != "tbimage" and importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    run_python(["-c", "\n".join(IMPORTS[name] + SERIALISE for name in order)], **environment)


def test_works_in_one_process_with_its_peers() -> None:
    import_in_order(["tbimage", "tensorflow", "tensorboard", "tensorboardX", "torch"])


@pytest.mark.slow
@pytest.mark.parametrize("implementation", ["upb", "python"])
@pytest.mark.parametrize(
    "order",
    [
        ["tbimage", "torch", "tensorboardX", "tensorboard", "tensorflow"],
        ["tensorflow", "tbimage", "torch", "tensorboard", "tensorboardX"],
        ["torch", "tensorboard", "tensorboardX", "tensorflow", "tbimage"],
        ["tensorboardX", "tensorflow", "tbimage", "tensorboard", "torch"],
        ["tensorboard", "tensorboardX", "torch", "tbimage", "tensorflow"],
    ],
    ids=" ".join,
)
def test_works_in_one_process_with_its_peers_in_any_order(
    order: list[str], implementation: str
) -> None:
    import_in_order(order, PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=implementation)


# Modules in a zip file, as in zipapps and some bundlers, have no files beside them.


def test_the_package_works_out_of_a_zip_file(tmp_path: Path) -> None:
    sources = shutil.ignore_patterns("__pycache__")  # which other tests write to
    shutil.copytree(REPOSITORY / "tbimage", tmp_path / "app" / "tbimage", ignore=sources)
    archive = shutil.make_archive(str(tmp_path / "app"), "zip", tmp_path / "app")
    program = f"""
import sys
sys.path.insert(0, {archive!r})
import tbimage.events.messages as m
print(m.__file__, m.Event(step=3).step)
"""
    path, step = run_python(["-c", program]).split()
    assert path.startswith(archive)
    assert step == "3"


# Every runtime from the oldest allowed to the newest.

EXERCISE = """
import google.protobuf
from google.protobuf.internal import api_implementation
from tbimage.events import messages as m

event = m.Event(wall_time=1.5, step=-7, summary=m.Summary(value=[m.Summary.Value(tag="é")]))
value = event.summary.value.add(tag="x", image=m.Summary.Image(height=1, encoded_image_string=b"p"))
value.metadata.data_class = m.DataClass.DATA_CLASS_BLOB_SEQUENCE
value.metadata.plugin_data.plugin_name = "images"
tensor = m.TensorProto(dtype=m.DataType.DT_STRING, string_val=[b"a", b"b"], float_val=[1, 2])
tensor.tensor_shape.dim.add(size=2)
start = m.SessionStartInfo(group_name="g")
start.hparams["b"].number_value = 1
start.hparams["a"].string_value = "s"
domain = m.HParamInfo(type=m.HParamDataType.DATA_TYPE_BOOL)
domain.domain_discrete.extend([True, False])
struct = m.Struct()
struct.update({"list": [1, None, "s"]})
audio = m.AudioPluginData(encoding=m.AudioPluginData.Encoding.Value("WAV"))
for message in event, tensor, start, domain, struct, audio:
    data = message.SerializeToString(deterministic=True)
    assert type(message).FromString(data) == message
    print(type(message).__name__, data.hex())
"""


@pytest.mark.parametrize("implementation", ["upb", "python"])
def test_both_implementations_write_the_same(implementation: str) -> None:
    assert run_python(["-c", EXERCISE]) == run_python(
        ["-c", EXERCISE], PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=implementation
    )


@pytest.mark.slow
@pytest.mark.parametrize("version", ["4.21.0", "4.21.12", "4.25.*", "5.29.*", "6.*", "7.*"])
def test_every_runtime_writes_the_same(version: str, tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    create = [sys.executable, "-m", "venv", "--without-pip", str(tmp_path)]
    subprocess.run(create, check=True, timeout=200)
    pip = [sys.executable, "-m", "pip", "--quiet", "--python", str(python), "install"]
    subprocess.run([*pip, "--only-binary=:all:", f"protobuf=={version}"], check=True, timeout=200)
    expected = run_python(["-c", EXERCISE])
    for implementation in ("upb", "python"):
        finished = subprocess.run(
            [str(python), "-W", "error", "-W", "ignore:Type google", "-c", EXERCISE],
            env={
                **os.environ,
                "PYTHONPATH": str(REPOSITORY),
                "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": implementation,
            },
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert (finished.stdout, finished.stderr) == (expected, "")
