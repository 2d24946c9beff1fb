"""Event files with contents that no good writer makes; the frames of their records are right."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image

from tbimage.events.messages import Event, Summary
from tbimage.events.records import small_record

__all__ = ["CASES", "write"]

NAN, INF = math.nan, math.inf
_WALL_TIMES = [NAN, INF, -INF, 1e308, -1e308, 1e300, -5.0, 0.0, 253402300800.0, 1e18]
_STEPS = [-(2**63), -1, 0, 1, 2**31, 2**53, 2**53 + 1, 2**63 - 1]


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    PIL.Image.new("L", (width, height), 77).save(file, "PNG")
    return file.getvalue()


def _event(step: int, wall_time: float, tag: str, fill: Callable[[Summary.Value], Any]) -> bytes:
    event = Event(wall_time=wall_time, step=step)
    fill(event.summary.value.add(tag=tag))
    return event.SerializeToString()


def _fill(message: Any, fields: dict[str, Any]) -> None:
    message.SetInParent()
    for name, content in fields.items():
        if isinstance(content, list):
            getattr(message, name).extend(content)
        else:
            setattr(message, name, content)


def scalar(tag: str, value: float, step: int = 0, wall_time: float = 1.0) -> bytes:
    return _event(step, wall_time, tag, lambda each: setattr(each, "simple_value", value))


def image(
    tag: str, data: bytes, width: int = 1, height: int = 1, step: int = 0, wall_time: float = 1.0
) -> bytes:
    fields = {"width": width, "height": height, "colorspace": 3, "encoded_image_string": data}
    return _event(step, wall_time, tag, lambda each: _fill(each.image, fields))


def histogram(tag: str, step: int = 0, **fields: Any) -> bytes:
    return _event(step, 1.0, tag, lambda each: _fill(each.histo, fields))


def audio(tag: str, data: bytes, content_type: str = "audio/wav", rate: float = 0.0) -> bytes:
    fields = {"encoded_audio_string": data, "content_type": content_type, "sample_rate": rate}
    return _event(0, 1.0, tag, lambda each: _fill(each.audio, fields))


def tensor(
    tag: str, plugin: str, step: int = 0, *, shape: Any = (), content: bytes = b"", **fields: Any
) -> bytes:
    def fill(value: Summary.Value) -> None:
        value.metadata.plugin_data.plugin_name = plugin
        value.metadata.plugin_data.content = content
        _fill(value.tensor, fields)
        for size in shape:
            value.tensor.tensor_shape.dim.add(size=size)

    return _event(step, 1.0, tag, fill)


def text(tag: str, strings: list[bytes], shape: Any = (), step: int = 0) -> bytes:
    return tensor(tag, "text", step, shape=shape, dtype=7, string_val=strings)


def _raw_tag(tag: bytes) -> bytes:
    """A scalar under a tag of any bytes."""
    value = b"\x0a" + bytes([len(tag)]) + tag + b"\x15" + struct.pack("<f", 1.0)
    summary = b"\x0a" + bytes([len(value)]) + value
    return b"\x09" + struct.pack("<d", 1.0) + b"\x2a" + bytes([len(summary)]) + summary


def _bomb() -> bytes:
    """A PNG that says it has 2 ** 62 pixels."""
    small = png(1, 1)
    return small[:16] + struct.pack(">II", 2**31 - 1, 2**31 - 1) + small[24:]


_TABLE = b"| a | b |\n|---|---|\n| | c | d |\n|---| |\n| x |"
_LONG_TEXTS = [
    b"# a" + b" " * 50_000 + b"x",
    b"# a" + b"#" * 50_000 + b"x",
    b"|\n" + b"- " * 50_000 + b"x",
    b">" * 5000,
    b"- " * 5000,
    b"*" * 20_000,
    b"[" * 20_000,
    b"`" * 5001,
    b"a" * 500_000,
    b"[x](javascript:alert(1)) ![y](http://127.0.0.1:9/) " + _TABLE,
    b"\xff\xfe\0",
]

CASES: dict[str, list[bytes]] = {
    "wall times": [
        *(scalar("a", 1, step, each) for step, each in enumerate(_WALL_TIMES)),
        *(image("p", png(2, 2), 2, 2, step, each) for step, each in enumerate(_WALL_TIMES)),
    ],
    "steps": [
        *(scalar("a", step % 7, step) for step in _STEPS),
        *(image("p", png(2, 2), 2, 2, step) for step in _STEPS),
        *(text("t", [b"x"], step=step) for step in _STEPS),
        *(histogram("h", step, bucket_limit=[1.0], bucket=[1.0], max=2.0) for step in _STEPS),
    ],
    "empty tags": [scalar("", 1), image("", png(1, 1)), text("", [b"x"]), histogram("")],
    "tags": [
        *map(_raw_tag, [b"\xed\xa0\x80", b"\xff\xfe", b"a\0b", b"a\nb\r\n", b"\x1b[31mred"]),
        *map(_raw_tag, ["\u202eabc".encode(), b"../../etc/x", b"/abs", b"CON", b"a" * 110]),
        *(image(tag, png(1, 1)) for tag in ("../p/\n\0", "..", ".", "x" * 5000, "\\..\\q")),
        text("../t\0", [b"x"]),
        audio("../a\n", b"RIFF1234WAVE"),
    ],
    "images": [
        image("one", png(1, 1)),
        image("wide", png(20_000, 1), 20_000, 1),
        image("tall", png(1, 20_000), 1, 20_000),
        *(image(f"not{at}", each) for at, each in enumerate([b"hello", b"", b"<svg onload=x>"])),
        image("torn", png(20, 20)[:40], 20, 20),
        image("lies", png(2, 2), 100_000, 100_000),
        image("negative", png(2, 2), -1, -5),
        image("bomb", _bomb()),
    ],
    "images as tensors": [
        tensor("a", "images", dtype=7, shape=(2,), string_val=[b"1", b"1"]),
        tensor("b", "images", dtype=7, shape=(0,)),
        tensor("c", "images", dtype=1, shape=(3,), float_val=[1.0, 2.0, 3.0]),
        tensor("d", "images", dtype=7, shape=(1 << 40,), string_val=[b"x"]),
        tensor("e", "images", dtype=7, shape=(3,), string_val=[b"x", b"y", png(1, 1)]),
        tensor("f", "images", dtype=7, shape=(-1,), string_val=[b"x", b"y", png(1, 1)]),
    ],
    "histograms": [
        histogram("none"),
        histogram("inf", bucket_limit=[-INF, 0.0, INF], bucket=[1.0, 2.0, 3.0], min=-INF, max=INF),
        histogram("nan", bucket_limit=[NAN, NAN], bucket=[NAN, 1.0], min=NAN, max=NAN),
        histogram("falling", bucket_limit=[1.0, 0.0], bucket=[-1.0, -5.0]),
        histogram("unequal", bucket_limit=[1.0] * 5, bucket=[1.0]),
        histogram("huge", bucket_limit=[1e308, 1.7e308], bucket=[1e308, 1e308], min=-1.7e308),
        tensor("t0", "histograms", dtype=2, shape=(0, 3)),
        tensor("t1", "histograms", dtype=2, shape=(3,), double_val=[1.0, 2.0, 3.0]),
        tensor("t2", "histograms", dtype=2, shape=(1, 3), double_val=[-INF, INF, 1.0]),
        tensor("t3", "histograms", dtype=7, shape=(1, 3), string_val=[b"a"]),
        tensor("t4", "histograms", dtype=2, shape=(1, 3), double_val=[NAN, NAN, NAN]),
    ],
    "texts": [
        *(text(f"long{at}", [each]) for at, each in enumerate(_LONG_TEXTS)),
        text("table", [b"<table><tr><td>", b"</td>", b"<script>x</script>", _TABLE], (2, 2)),
        *(text(f"empty{at}", [], shape) for at, shape in enumerate([(0,), (2, 0), (0, 2)])),
        text("cube", [b"x"] * 8, (2, 2, 2)),
        text("cells", [b"cell"] * 60_000, (1000, 60)),
        text("repeated", [b"x"], (1 << 30,)),
        text("repeated long", [b"x" * 60_000], (1 << 10,)),
        text("last repeated", [b"x", b"y" * 60_000], (1 << 10,)),
        tensor("numbers", "text", dtype=1, shape=(2,), float_val=[1.0, NAN]),
    ],
    "sounds": [
        audio("a", b""),
        audio("b", b"not a sound"),
        audio("c", b"RIFF" + b"\xff" * 40),
        audio("d", b"RIFF1234WAVE", "text/html", NAN),
        tensor("e", "audio", dtype=7, shape=(0, 2)),
        tensor("f", "audio", dtype=7, shape=(1,), string_val=[b"RIFF1234WAVE"]),
    ],
    "scalars": [
        *(scalar("a", value, step) for step, value in enumerate([NAN, INF, -INF])),
        tensor("b", "scalars", dtype=1, shape=(2,), float_val=[1.0, 2.0]),
        tensor("c", "scalars", dtype=7, string_val=[b"x"]),
        tensor("d", "scalars", dtype=2, double_val=[1e308]),
        tensor("d", "scalars", 1, dtype=2, double_val=[5e-324]),
        tensor("e", "scalars", dtype=9, int64_val=[2**63 - 1]),
        tensor("f", "scalars", dtype=8, scomplex_val=[1.0, 2.0]),
        tensor("g", "scalars", dtype=1),
    ],
    "tensors": [
        *(tensor(f"type{each}", "x", dtype=each, shape=(2,)) for each in range(30)),
        tensor("large", "x", dtype=1, shape=(1 << 40, 1 << 40), float_val=[1.0]),
        tensor("repeated", "x", dtype=1, shape=(1 << 40,), float_val=[1.0]),
        tensor("strings", "x", dtype=7, shape=(1 << 10,), string_val=[b"x" * 60_000]),
        tensor("negative", "x", dtype=1, shape=(-1, 2), float_val=[1.0]),
        tensor("bytes", "x", dtype=7, shape=(2,), string_val=[b"\0", b"\xff"]),
        tensor("curve", "pr_curves", dtype=1, shape=(5, 2)),
        tensor("m_VERTEX", "mesh", dtype=1, shape=(2, 2), content=b"\xff"),
        tensor("m_FACE", "mesh", dtype=1, shape=(2, 3), content=b"\x12\x01m\x18\x02"),
        tensor("custom_scalars__config__", "custom_scalars", dtype=7, string_val=[b"\xff"]),
    ],
    "hyperparameters": [
        tensor("_hparams_/session_start_info", "hparams", content=b"\xff\xff"),
        tensor("_hparams_/experiment", "hparams"),
    ],
    "graphs": [
        Event(graph_def=b"\xff\xff").SerializeToString(),
        Event(graph_def=b"").SerializeToString(),
    ],
    "one tag of all kinds": [
        scalar("a", 1),
        image("a", png(1, 1), step=1),
        text("a", [b"x"], step=2),
        histogram("a", 3),
    ],
}


def write(directory: Path, case: str) -> None:
    """Write a run with the events of a case."""
    directory.mkdir(parents=True)
    version = Event(wall_time=1.0, file_version="brain.Event:2").SerializeToString()
    data = b"".join(map(small_record, [version, *CASES[case]]))
    (directory / "events.out.tfevents.1.host").write_bytes(data)
