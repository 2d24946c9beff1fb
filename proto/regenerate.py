"""Make tbimage/events/messages.binpb and messages.pyi from the .proto files beside this script.

    python proto/regenerate.py            # after a change to proto/tbimage/*.proto
    python proto/regenerate.py --check    # only say whether both files are up to date

Rules:
- messages.binpb is a serialized google.protobuf.FileDescriptorSet, dependencies first, so that it
  can be added to a pool from front to back. File options (java_package and the like) are dropped:
  they mean nothing here, and those of Google's own struct.proto change from one protoc to the next,
  which would make the file stale without a change of ours.
- messages.pyi is written from that set and nothing else, as one flat namespace. Enums are instances
  of EnumTypeWrapper, as they are at run time, and their values are plain ints.
- tests/events/test_messages.py compares both with what is checked in.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorSet,
)

SOURCES = Path(__file__).resolve().parent
EVENTS = SOURCES.parent / "tbimage" / "events"
DESCRIPTOR_SET = EVENTS / "messages.binpb"
STUB = EVENTS / "messages.pyi"

_INTEGERS = "INT32 INT64 UINT32 UINT64 SINT32 SINT64 FIXED32 FIXED64 SFIXED32 SFIXED64 ENUM"
PYTHON_TYPES = {
    **{getattr(FieldDescriptorProto, f"TYPE_{name}"): "int" for name in _INTEGERS.split()},
    FieldDescriptorProto.TYPE_DOUBLE: "float",
    FieldDescriptorProto.TYPE_FLOAT: "float",
    FieldDescriptorProto.TYPE_BOOL: "bool",
    FieldDescriptorProto.TYPE_STRING: "str",
    FieldDescriptorProto.TYPE_BYTES: "bytes",
}

HEADER = '''\
"""The types of tbimage.events.messages.

Written by proto/regenerate.py: to change it, change proto/tbimage/*.proto.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal

from google.protobuf.internal.containers import MessageMap as _Map
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer as _Messages
from google.protobuf.internal.containers import RepeatedScalarFieldContainer as _Scalars
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.internal.well_known_types import ListValue as _ListValue
from google.protobuf.internal.well_known_types import Struct as _Struct
from google.protobuf.message import Message
'''


def compile_descriptor_set() -> bytes:
    """Compile proto/tbimage/*.proto and what they import to a serialized FileDescriptorSet."""
    names = sorted(path.relative_to(SOURCES).as_posix() for path in SOURCES.glob("tbimage/*.proto"))
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory) / "descriptor_set"
        # In a process of its own: beside TensorFlow in one process, its protoc crashes.
        protoc = [sys.executable, "-m", "grpc_tools.protoc", "--include_imports"]
        subprocess.run(
            [*protoc, f"--proto_path={SOURCES}", f"--descriptor_set_out={output}", *names],
            check=True,
        )
        descriptor_set = FileDescriptorSet.FromString(output.read_bytes())
    for file in descriptor_set.file:
        file.ClearField("options")
    return descriptor_set.SerializeToString(deterministic=True)


def write_stub(serialized: bytes) -> str:
    """Write the text of messages.pyi for a serialized FileDescriptorSet."""
    descriptor_set = FileDescriptorSet.FromString(serialized)
    sections = [HEADER]
    for file in descriptor_set.file:
        lines = [f"# {file.name}", ""]
        for enum in file.enum_type:
            lines += [*_enum_lines(enum, nested=False), ""]
        for message in file.message_type:
            lines += [*_message_lines(message), ""]
        sections.append("\n".join(lines))
    return "\n".join(sections).rstrip("\n") + "\n"


def _enum_lines(enum: EnumDescriptorProto, nested: bool) -> Iterator[str]:
    """Yield a class for the wrapper that an enum is at run time, and the one instance of it."""
    yield f"class _{enum.name}(EnumTypeWrapper):"
    for value in enum.value:
        yield f"    {value.name}: Literal[{value.number}]"
    yield ""
    yield f"{enum.name}: " + (f"ClassVar[_{enum.name}]" if nested else f"_{enum.name}")


def _message_lines(message: DescriptorProto) -> Iterator[str]:
    """Yield the class of a message: nested types, fields, then what its constructor takes."""
    maps = {nested.name: nested for nested in message.nested_type if nested.options.map_entry}
    bases = {"Struct": "_Struct, Message", "ListValue": "_ListValue, Message"}
    yield f"class {message.name}({bases.get(message.name, 'Message')}):"
    for enum in message.enum_type:
        yield from _indented(_enum_lines(enum, nested=True))
        for value in enum.value:
            yield f"    {value.name}: ClassVar[Literal[{value.number}]]"
        yield ""
    for nested in message.nested_type:
        if nested.name not in maps:
            yield from _indented(_message_lines(nested))
            yield ""
    parameters = []
    for field in message.field:
        attribute, parameter = _field_types(field, maps)
        assignable = field.label != field.LABEL_REPEATED and field.type != field.TYPE_MESSAGE
        if assignable:
            yield f"    {field.name}: {attribute}"
        else:
            yield "    @property"
            yield f"    def {field.name}(self) -> {attribute}: ..."
        parameters.append(f"        {field.name}: {parameter} | None = None,")
    yield from ["    def __init__(", "        self,", "        *,", *parameters]
    yield "    ) -> None: ..."


def _field_types(field: FieldDescriptorProto, maps: dict[str, DescriptorProto]) -> tuple[str, str]:
    """Tell the type of a field when it is read, and the type that the constructor takes."""
    composite = field.type == field.TYPE_MESSAGE
    element = _local_name(field.type_name) if composite else PYTHON_TYPES[field.type]
    if field.label != field.LABEL_REPEATED:
        return element, f"{element} | Mapping[str, Any]" if composite else element
    entry = maps.get(field.type_name.rpartition(".")[2])
    if entry is not None:
        key, value = (_field_types(of, {})[0] for of in entry.field)
        return f"_Map[{key}, {value}]", f"Mapping[{key}, {value}]"
    return f"{'_Messages' if composite else '_Scalars'}[{element}]", f"Iterable[{element}]"


def _local_name(full_name: str) -> str:
    """`.tbimage.Summary.Image` → `Summary.Image`: the module has both packages side by side."""
    return full_name.removeprefix(".tbimage.").removeprefix(".google.protobuf.")


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"    {line}" if line else "" for line in lines)


def main(arguments: list[str]) -> int:
    """Write both files, or with --check print the stale ones; returns the exit status."""
    serialized = compile_descriptor_set()
    fresh = {DESCRIPTOR_SET: serialized, STUB: write_stub(serialized).encode()}
    stale = [
        path for path, content in fresh.items() if not path.exists() or path.read_bytes() != content
    ]
    if "--check" in arguments:
        for path in stale:
            print(f"{path} is stale: run python proto/regenerate.py", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_bytes(fresh[path])
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
