"""Helpers of the tests of ``tf_summary``: calls through it and its peer, and their records.

A record is compared byte for byte behind its wall time. PNGs are compared by their decoded pixels.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tbimage.compat import tf_summary
from tbimage.events.messages import Event, Summary, SummaryMetadata
from tbimage.events.records import RecordDecoder
from tests import readers

Call = Callable[[Any], Any]

ours: Any = tf_summary  # as untyped as its peer

WALL_TIME_BYTES = 9  # a key and a double


def records(directory: Path) -> list[bytes]:
    """The records of a run behind the first one, without their wall time."""
    (path,) = readers.event_files(directory)
    decoder = RecordDecoder()
    decoder.feed(path.read_bytes())
    found = list(iter(decoder.next_record, None))
    return [record[WALL_TIME_BYTES:] for record in found[1:]]


def logged(summary: Any, directory: Path, *calls: Call) -> list[bytes]:
    """The records of some calls, all of which succeed."""
    writer = summary.create_file_writer(str(directory))
    with writer.as_default():
        for call in calls:
            assert call(summary)
    writer.close()
    return records(directory)


def both(tf: Any, tmp_path: Path, *calls: Call) -> tuple[list[bytes], list[bytes]]:
    return logged(ours, tmp_path / "ours", *calls), logged(tf.summary, tmp_path / "tf", *calls)


def pixels_and_rest(record: bytes) -> tuple[list[Any], bytes]:
    """The pixels of an image summary, and its record with no PNG in it."""
    event = Event.FromString(record)
    (value,) = event.summary.value
    pixels = [np.asarray(Image.open(io.BytesIO(png))) for png in value.tensor.string_val[2:]]
    value.tensor.string_val[2:] = [b""] * len(pixels)
    return pixels, event.SerializeToString()


def assert_same_images(tf: Any, tmp_path: Path, *calls: Call) -> None:
    pairs = list(zip(*both(tf, tmp_path, *calls), strict=True))
    assert len(pairs) == len(calls)
    for index, (our, their) in enumerate(pairs):
        our_pixels, our_rest = pixels_and_rest(our)
        their_pixels, their_rest = pixels_and_rest(their)
        assert our_rest == their_rest, index
        for one, other in zip(our_pixels, their_pixels, strict=True):
            np.testing.assert_array_equal(one, other, strict=True, err_msg=f"call {index}")


def error_of(call: Callable[[], Any]) -> Exception | None:
    try:
        call()
    except Exception as error:
        return error
    return None


def public(module: Any) -> set[str]:
    return {name for name in dir(module) if not name.startswith("_")}


# What is logged.

RNG = np.random.default_rng(0)
RNG_VALUES = RNG.normal(size=(10, 100)) * 1e3
SAMPLES = RNG.normal(size=(4, 50, 2), scale=0.7).astype(np.float32)
EDGES = np.array([-2, -1, 1, 2, 0.5 / 32768, 1.5 / 32768, -0.5 / 32768, np.inf, -np.inf])
METADATA = SummaryMetadata(display_name="shown", summary_description="*why*")
METADATA.plugin_data.plugin_name = "mine"
METADATA.plugin_data.content = b"\x00\xff"
SUMMARY = Summary(value=[Summary.Value(tag="raw", simple_value=2.0)]).SerializeToString()

DTYPES = [
    *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
]

CALLS: dict[str, Call] = {
    "scalar": lambda s: s.scalar("a/b", 1.5, 3),
    "scalar at step 0": lambda s: s.scalar("a0", 1.5, step=0),
    "scalar before 0": lambda s: s.scalar("a-", 1.5, step=-4),
    "scalar described": lambda s: s.scalar("c", data=np.float64(2), step=0, description="*hi*"),
    "scalar with no description": lambda s: s.scalar("d", 0, step=0, description=""),
    "scalar zero": lambda s: s.scalar("zero", 0.0, step=0),
    "scalar bool": lambda s: s.scalar("e", True, step=0),
    "scalar int": lambda s: s.scalar("f", 2**40 + 1, step=0),
    "scalar infinite": lambda s: s.scalar("g", np.float64(1e300), step=0),
    "scalar nan": lambda s: s.scalar("h", float("nan"), step=0),
    "scalar array": lambda s: s.scalar("i", np.array(3, np.int16), step=0),
    "scalar float16": lambda s: s.scalar("i2", np.float16(0.1), step=0),
    "scalar nameless": lambda s: s.scalar("", 1.0, step=0),
    "scalar of no name": lambda s: s.scalar(None, 2.0, step=1),
    "scalar tag": lambda s: s.scalar("größe 1/ß", 2.0, step=1),
    "histogram": lambda s: s.histogram("j", RNG_VALUES, step=7),
    "histogram list": lambda s: s.histogram("k", [1, 2, 3], 1),
    "histogram buckets": lambda s: s.histogram("l", np.arange(10.0), 1, buckets=4),
    "histogram none": lambda s: s.histogram("m", np.arange(10.0), 1, buckets=0),
    "histogram below": lambda s: s.histogram("n", np.arange(10.0), 1, buckets=-1),
    "histogram empty": lambda s: s.histogram("o", [], 1, buckets=3),
    "histogram constant": lambda s: s.histogram("p", [2.0, 2.0], 1, description="d"),
    "histogram bool": lambda s: s.histogram("q", [True, False], 1),
    "histogram int64": lambda s: s.histogram("r", np.array([2**62, -3, 5]), 1),
    "histogram one": lambda s: s.histogram("s", 3.5, 1),
    "histogram nameless": lambda s: s.histogram("", [1.0], 1),
    "text": lambda s: s.text("t", "# Grüße \U0001f600\x00", 1),
    "text empty": lambda s: s.text("u", "", 1),
    "text list": lambda s: s.text("v", ["a", ""], 1, description="d"),
    "text table": lambda s: s.text("w", [["a", "b"], ["c", "d"]], 1),
    "text cube": lambda s: s.text("x", [[["a", "b"]], [["c", "d"]]], 1),
    "text array": lambda s: s.text("y", np.array([b"a", b"bc"], dtype=object), 1),
    "text nameless": lambda s: s.text(None, "a", 1),
    "audio": lambda s: s.audio("z", SAMPLES, 8000, 1),
    "audio mono": lambda s: s.audio("aa", SAMPLES[..., :1], 44100, 1, max_outputs=1),
    "audio all": lambda s: s.audio("ab", SAMPLES, 8000, 1, 9, "wav", "d"),
    "audio six": lambda s: s.audio("ac", np.concatenate([SAMPLES] * 3, -1), 8000, 1),
    "audio edges": lambda s: s.audio("ad", EDGES.astype(np.float32)[None, :, None], 8000, 1),
    "audio none": lambda s: s.audio("ae", SAMPLES, 8000, 1, max_outputs=0),
    "audio empty": lambda s: s.audio("af", SAMPLES[:0], 8000, 1),
    "audio silent": lambda s: s.audio("ag", SAMPLES[:, :0], 8000, 1),
    "audio nameless": lambda s: s.audio("", SAMPLES, 8000, 1),
    "image nothing": lambda s: s.image("ah", np.zeros((0, 3, 4, 3), np.uint8), 1),
    "image none": lambda s: s.image(
        "ai", np.zeros((2, 3, 4, 3)), 1, max_outputs=0, description="d"
    ),
    "write": lambda s: s.write("aj", np.arange(3), 1),
    "write metadata": lambda s: s.write("ak", 1.0, 1, METADATA.SerializeToString()),
    "write message": lambda s: s.write("al", 1.0, 1, METADATA),
    "write no metadata": lambda s: s.write("am", 1.0, 1, metadata=b""),
    "write empty metadata": lambda s: s.write("am2", 1.0, 1, metadata=SummaryMetadata()),
    "write function": lambda s: s.write("an", lambda: np.float32(3), 1),
    "write python function": lambda s: s.write("ao", lambda: 3.5, 1, name="op"),
    "write strings": lambda s: s.write("ap", ["a", "", b"\xff"], 1),
    "write string": lambda s: s.write("aq", "ß", 1),
    "write bytes": lambda s: s.write("ar", b"\x89PNG\xff", 1),
    "write objects": lambda s: s.write("as", np.array([[b"a\x00", b""]], object), 1),
    "write unicode": lambda s: s.write("at", np.array(["a", "bc"]), 1),
    "write int": lambda s: s.write("au", 3, 1),
    "write large int": lambda s: s.write("av", 2**31, 1),
    "write small int": lambda s: s.write("aw", -(2**31), 1),
    "write ints": lambda s: s.write("ax", [[1, 2], [3, 2**40]], 1),
    "write numbers": lambda s: s.write("ay", [1, 2.5], 1),
    "write bools": lambda s: s.write("az", [True, False], 1),
    "write mixed": lambda s: s.write("ba", [1, True], 1),
    "write complex": lambda s: s.write("bb", [1j, 2.0], 1),
    "write nothing": lambda s: s.write("bc", [], 1),
    "write empty rows": lambda s: s.write("bd", [[], []], 1),
    "write range": lambda s: s.write("be", range(3), 1),
    "write float64s": lambda s: s.write("bf", [np.float64(1)], 1),
    "write float64": lambda s: s.write("bg", np.float64(1), 1),
    "write int64s": lambda s: s.write("bh", [np.int64(1)], 1),
    "write int64": lambda s: s.write("bi", np.int64(1), 1),
    "write arrays": lambda s: s.write("bj", [np.zeros(2), np.ones(2)], 1),
    "write strided": lambda s: s.write("bk", np.arange(12).reshape(3, 4).T[::2], 1),
    **{
        f"write {dtype}": lambda s, dtype=dtype: s.write(f"bl/{dtype}", np.ones((2, 1), dtype), 1)  # type: ignore[misc]
        for dtype in DTYPES
    },
    "raw": lambda s: s.experimental.write_raw_pb(SUMMARY, 1),
    "raw two": lambda s: s.experimental.write_raw_pb([SUMMARY, SUMMARY], 2, name="op"),
    "raw empty": lambda s: s.experimental.write_raw_pb(b"", 1),
    "raw objects": lambda s: s.experimental.write_raw_pb(np.array([SUMMARY], object), step=3),
}


def every(dtype: str, values: Any) -> Any:
    return np.resize(np.asarray(values, dtype), (1, 8, -(-np.size(values) // 8), 1))


FLOATS = np.concatenate([RNG.uniform(-0.1, 1.1, 4000), np.arange(0, 511) / 510, [1e9, -1e9, -0.0]])
PIXELS: dict[str, Any] = {
    "uint8": every("uint8", np.arange(256)),
    "uint16": every("uint16", np.arange(65536)),
    "int8": every("int8", np.arange(-128, 128)),
    "int16": every("int16", np.arange(-32768, 32768)),
    "int32": every("int32", RNG.integers(-(2**31), 2**31, 4000)),
    "int64": every("int64", RNG.integers(-(2**63), 2**63 - 1, 4000)),
    "not positive": every("int32", [0, -1, -5, -(2**31)]),
    "float16": every("float16", np.arange(0x7C00, dtype=np.uint16).view(np.float16)),
    "negative float16": every("float16", -np.arange(0x7C00, dtype=np.uint16).view(np.float16)),
    "float32": every("float32", FLOATS),
    "float64": every("float64", FLOATS),
    **{f"{c} channels": RNG.integers(0, 256, (3, 5, 7, c)).astype(np.uint8) for c in (1, 2, 3, 4)},
    **{f"{c} floats": RNG.random((3, 5, 7, c)) for c in (1, 2, 3, 4)},
    "list": [RNG.random((4, 6, 3)), RNG.random((4, 6, 3))],
    "strided": RNG.integers(0, 256, (3, 20, 30, 3)).astype(np.uint8)[:, ::2, ::-3],
    "uint16 batch": RNG.integers(0, 65536, (5, 4, 4, 3)).astype(np.uint16),
    "large": RNG.integers(0, 256, (2, 600, 800, 3)).astype(np.uint8),
}
