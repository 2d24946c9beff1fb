"""``events/wire.py`` encodes as protobuf does, byte for byte, also with TensorBoard's messages."""

from __future__ import annotations

import importlib
import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tbimage.events import messages, wire

# Modules that have Event, Summary, SummaryMetadata and so on.
OURS = "tbimage.events.messages"
TENSORBOARDS = "tensorboard.compat.proto.{}_pb2"

int64s = st.integers(-(2**63), 2**63 - 1)
# Minus zero is no time; protobuf's implementations do not agree on whether it is the default.
wall_times = st.one_of(st.just(0.0), st.floats(allow_nan=False, allow_infinity=False)).filter(
    lambda time: math.copysign(1.0, time) > 0 or time != 0
)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
sizes = st.one_of(st.integers(1, 300), st.integers(1, 2**31 - 1))
data_classes = st.sampled_from(
    [wire.DATA_CLASS_SCALAR, wire.DATA_CLASS_TENSOR, wire.DATA_CLASS_BLOB_SEQUENCE]
)
plugin_names = st.sampled_from(["images", "scalars", "a" * 200])
descriptions = st.one_of(st.none(), texts)
#: Bytes of some length around those where the length of a length changes, cut anywhere.
blobs = st.builds(
    lambda content, size, cut: [content[:cut], (content * (size + 1))[: size + 1], b""],
    st.binary(min_size=1, max_size=20),
    st.sampled_from([0, 1, 100, 126, 127, 128, 16382, 16383, 16384]),
    st.integers(0, 20),
)


def join(pieces: Any) -> bytes:
    return b"".join(bytes(piece) for piece in pieces)


def classes(name: str, file: str) -> list[Any]:
    """Our class of this name, and TensorBoard's where that is installed."""
    found = [getattr(messages, name)]
    try:
        module = importlib.import_module(TENSORBOARDS.format(file))
    except ImportError:
        return found  # the version matrix
    return [*found, getattr(module, name)]


def assert_same(encoded: bytes, name: str, file: str, fields: dict[str, Any]) -> None:
    for cls in classes(name, file):
        message = cls(**fields)
        assert encoded == message.SerializeToString(deterministic=True), cls
        assert cls.FromString(encoded) == message


def metadata_fields(plugin: str, data_class: int, description: str | None) -> dict[str, Any]:
    return {
        "plugin_data": {"plugin_name": plugin},
        "data_class": data_class,
        "summary_description": description or "",
    }


def test_tensorboards_classes_are_compared_where_they_are() -> None:
    pytest.importorskip("tensorboard")
    assert len(classes("Event", "event")) == 2


@given(wall_times, int64s, st.binary(max_size=300))
def test_event(wall_time: float, step: int, opaque: bytes) -> None:
    """The Summary is opaque to it; here it holds one Value with these bytes as its tag."""
    summary: dict[str, Any] = {"value": [{"tag": opaque.hex()}]}
    serialized = messages.Summary(**summary).SerializeToString()
    encoded = join(wire.event(wall_time, step, [serialized[:7], serialized[7:]]))
    fields = {"wall_time": wall_time, "step": step, "summary": summary}
    assert_same(encoded, "Event", "event", fields)
    assert wire.small_event(wall_time, step, serialized) == encoded


@given(wall_times)
def test_file_version_event(wall_time: float) -> None:
    fields = {
        "wall_time": wall_time,
        "file_version": "brain.Event:2",
        "source_metadata": {"writer": "tbimage"},
    }
    assert_same(wire.file_version_event(wall_time, "tbimage"), "Event", "event", fields)


@given(plugin_names, data_classes, descriptions)
def test_summary_metadata(plugin: str, data_class: int, description: str | None) -> None:
    metadata = wire.summary_metadata(plugin, b"", description, data_class)
    fields = {"metadata": metadata_fields(plugin, data_class, description)}
    for cls in classes("Summary", "summary"):
        assert metadata == cls.Value(**fields).SerializeToString()


@given(texts, st.floats(width=32, allow_nan=False), st.one_of(st.none(), descriptions))
def test_scalar(tag: str, value: float, description: str | None) -> None:
    metadata = b""
    fields: dict[str, Any] = {"tag": tag, "simple_value": value}
    if description is not None:
        metadata = wire.summary_metadata("scalars", b"", description, wire.DATA_CLASS_SCALAR)
        fields["metadata"] = metadata_fields("scalars", wire.DATA_CLASS_SCALAR, description)
    before, after = wire.scalar_frame(tag, metadata)
    encoded = before + wire.float32(value) + after
    assert_same(encoded, "Summary", "summary", {"value": [fields]})


@given(texts, sizes, sizes, st.integers(1, 4), blobs, descriptions)
def test_image(
    tag: str, height: int, width: int, channels: int, blob: list[bytes], description: str | None
) -> None:
    metadata = wire.summary_metadata("images", b"", description, wire.DATA_CLASS_BLOB_SEQUENCE)
    value = wire.image_value(tag, height, width, channels, blob, metadata)
    fields = {
        "tag": tag,
        "image": {
            "height": height,
            "width": width,
            "colorspace": channels,
            "encoded_image_string": join(blob),
        },
        "metadata": metadata_fields("images", wire.DATA_CLASS_BLOB_SEQUENCE, description),
    }
    assert_same(join(wire.summary([value])), "Summary", "summary", {"value": [fields]})


@given(texts, st.lists(blobs, min_size=1, max_size=4), descriptions)
def test_string_tensor(tag: str, strings: list[list[bytes]], description: str | None) -> None:
    metadata = wire.summary_metadata("images", b"", description, wire.DATA_CLASS_BLOB_SEQUENCE)
    value = wire.string_tensor_value(tag, strings, metadata)
    fields = {
        "tag": tag,
        "tensor": {
            "dtype": messages.DataType.DT_STRING,
            "tensor_shape": {"dim": [{"size": len(strings)}]},
            "string_val": [join(string) for string in strings],
        },
        "metadata": metadata_fields("images", wire.DATA_CLASS_BLOB_SEQUENCE, description),
    }
    assert_same(join(wire.summary([value, value])), "Summary", "summary", {"value": [fields] * 2})


@given(st.one_of(st.integers(0, 2**64 - 1), int64s, st.integers(0, 2**22)))
def test_varint_is_protobufs(value: int) -> None:
    from google.protobuf.internal import encoder

    expected = bytearray()
    if value < 0:
        encoder._SignedVarintEncoder()(expected.extend, value, False)  # type: ignore[attr-defined]
    else:
        encoder._VarintEncoder()(expected.extend, value, False)  # type: ignore[attr-defined]
    assert wire.varint(value) == bytes(expected)


@pytest.mark.parametrize("bits", range(65))
def test_varint_around_each_power_of_two(bits: int) -> None:
    for value in {max((1 << bits) - 1, 0), min(1 << bits, 2**64 - 1)}:
        encoded = wire.varint(value)
        assert len(encoded) == max(-(-value.bit_length() // 7), 1)
        assert sum((byte & 0x7F) << 7 * at for at, byte in enumerate(encoded)) == value
        assert [byte >> 7 for byte in encoded] == [1] * (len(encoded) - 1) + [0]


@given(st.integers(1, 2**29 - 1), st.binary(max_size=300))
def test_length_delimited(field: int, content: bytes) -> None:
    encoded = wire.length_delimited(field, content)
    head = wire.varint(field << 3 | 2) + wire.varint(len(content))
    assert encoded == head + content


@given(st.floats())
def test_float32_is_numpys(value: float) -> None:
    numpy = pytest.importorskip("numpy")
    with numpy.errstate(over="ignore"):
        expected = numpy.float32(value)
    (decoded,) = struct.unpack("<f", wire.float32(value))
    assert decoded == expected or (math.isnan(decoded) and math.isnan(expected))


def test_pictures_are_not_copied() -> None:
    picture = bytes(1000)
    for pieces in (
        wire.event(1.0, 1, wire.summary([wire.image_value("a", 1, 1, 1, [picture], b"")])),
        wire.event(1.0, 1, wire.summary([wire.string_tensor_value("a", [[picture]], b"")])),
    ):
        assert any(piece is picture for piece in pieces)
