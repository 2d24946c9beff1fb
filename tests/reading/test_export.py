"""`tbimage.reading.export`: the written files, and no files outside of the directory."""

from __future__ import annotations

import csv
import importlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tbimage
from tbimage.events.messages import Event, TensorProto
from tbimage.events.records import frame
from tbimage.reading import export as module
from tbimage.reading.export import export, safe_name
from tests.reading.peers import PICTURES, SOUND, STEPS, WRITERS


def test_all_kinds_are_written(tmp_path: Path) -> None:
    import PIL.Image

    WRITERS["tbimage"](tmp_path / "logs" / "run")
    logs = tbimage.read(tmp_path / "logs")
    out = tmp_path / "out"
    done = export(logs, out)
    assert done.problems == []
    with open(out / "scalars.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["run", "tag", "step", "wall_time", "value"]
    numbers = logs["run"].scalars("loss")
    assert [(float(row[3]), float(row[4])) for row in rows[1:] if row[1] == "loss"] == list(
        zip(numbers.wall_times, numbers.values, strict=True)
    )
    names = sorted(os.listdir(out / "images" / "run" / "picture"))
    assert names == [f"{step:09d}.png" for step in range(STEPS)]
    for name, pixels in zip(names, PICTURES, strict=True):
        path = out / "images" / "run" / "picture" / name
        assert np.array_equal(np.asarray(PIL.Image.open(path)), pixels)
    assert len(os.listdir(out / "images" / "run" / "batch" / "image" / "1")) == STEPS
    sound = (out / "audio" / "run" / "sound" / "000000001.wav").read_bytes()
    assert sound[:4] == b"RIFF"
    assert len(sound) > 2 * len(SOUND)
    tensor = np.load(out / "tensors" / "run" / "tensor" / "000000002.npy")
    assert tensor.tolist() == [[0, 1, 2], [3, 4, 5]]
    texts = [json.loads(line) for line in (out / "texts.jsonl").read_text().splitlines()]
    assert [each["text"] for each in texts] == [f"step {step} <b>" for step in range(STEPS)]
    histograms = (out / "histograms.jsonl").read_text().splitlines()
    assert len(json.loads(histograms[0])["buckets"]) == len(
        logs["run"].histograms("weights")[0].buckets
    )
    trial = json.loads((out / "hparams.jsonl").read_text())
    assert trial["values"] == {"lr": 0.5, "name": "x", "fast": True}
    assert done.files == sum(len(files) for _, _, files in os.walk(out))


def test_other_tables(tmp_path: Path) -> None:
    WRITERS["tbimage"](tmp_path / "logs")
    logs = tbimage.read(tmp_path / "logs")
    export(logs, tmp_path / "a", format="jsonl", choose=lambda run, tag: tag == "loss")
    text = (tmp_path / "a" / "scalars.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["value"] for line in lines] == logs["."].scalars("loss").values.tolist()
    assert os.listdir(tmp_path / "a") == ["scalars.jsonl"]
    try:
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError:
        with pytest.raises(ImportError, match="pip install pyarrow"):
            export(logs, tmp_path / "b", format="parquet")
    else:
        export(logs, tmp_path / "b", format="parquet")
        table = parquet.read_table(tmp_path / "b" / "scalars.parquet")
        assert table.column("value").to_pylist() == logs.columns()["value"].tolist()
    with pytest.raises(ValueError, match="format must be one of csv, jsonl, parquet, got 'xls'"):
        export(logs, tmp_path / "c", format="xls")
    with pytest.raises(ValueError, match="directory must be missing or empty"):
        export(logs, tmp_path / "a")


EVIL = [
    "../../evil", "/etc/passwd", "..", ".", "", "a//b", "a/../../../b", "CON", "nul.txt", "a\0b",
    "\x1b[31m", "<script>", "x" * 5000, "/".join("y" * 90 for _ in range(60)), "a\\..\\b", "~",
    "-rf", "000000001.png", "tag", "tag/000000001.png", "tag/000000001.png/x", "\u202e", "ü/é",
]  # fmt: skip


def write_pictures(path: Path, tags: list[str]) -> None:
    events = []
    for tag in tags:
        event = Event(wall_time=1.0, step=1)
        event.summary.value.add(tag=tag).image.encoded_image_string = b"\x89PNG" + tag.encode()
        events.append(b"".join(frame([event.SerializeToString()])))
    path.write_bytes(b"".join(events))


def contents(directory: Path) -> list[bytes]:
    return [path.read_bytes() for path in directory.rglob("*") if path.is_file()]


def check_export(root: Path, tags: list[str]) -> None:
    (root / "logs").mkdir()
    write_pictures(root / "logs" / "tfevents", tags)
    done = export(tbimage.read(root / "logs"), root / "out")
    written = [path for path in root.rglob("*") if path.is_file()]
    outside = [path for path in written if root / "out" not in path.parents]
    assert outside == [root / "logs" / "tfevents"]
    assert done.files == len(written) - 1
    assert set(contents(root / "out")) <= {b"\x89PNG" + tag.encode() for tag in tags}
    assert done.files + len(done.problems) == len(set(tags))


def test_no_tag_leads_out_of_the_directory(tmp_path: Path) -> None:
    check_export(tmp_path, EVIL)


@settings(max_examples=60)
@given(tags=st.lists(st.text(st.characters(codec="utf-8"), max_size=12), max_size=6))
def test_no_tag_at_all_leads_out_of_the_directory(
    tmp_path_factory: pytest.TempPathFactory, tags: list[str]
) -> None:
    check_export(tmp_path_factory.mktemp("evil"), tags)


@given(first=st.text(max_size=100), second=st.text(max_size=100))
def test_names_are_harmless_and_differ(first: str, second: str) -> None:
    for text in (first, second):
        name = safe_name(text)
        assert name not in ("", ".", "..")
        assert "/" not in name
        assert "\\" not in name
        assert name.isprintable()
        assert len(name.encode()) <= 255 + 255
    assert (safe_name(first) == safe_name(second)) == (first == second)


def test_names_sort_by_step(tmp_path: Path) -> None:
    steps = [-(2**62), -5, -1, 0, 3, 20, 10**9, 2**62]
    events = []
    for step in steps:
        event = Event(wall_time=1.0, step=step)
        image = event.summary.value.add(tag="x").image
        image.encoded_image_string = b"\xff\xd8\xff%d" % step
        events.append(b"".join(frame([event.SerializeToString()])))
    (tmp_path / "tfevents").write_bytes(b"".join(events))
    export(tbimage.read(tmp_path), tmp_path / "out")
    directory = tmp_path / "out" / "images" / "root" / "x"
    read = [(directory / name).read_bytes()[3:] for name in sorted(os.listdir(directory))]
    assert [int(each) for each in read] == steps


@pytest.mark.parametrize(
    ("strings", "problem"),
    [
        (["a", "bc\0", "d"], "step 3 ends with a zero byte"),
        (["a" * 1000, "b"], "need 1000 bytes each"),
        (["a", "\0b"], None),
        ([], None),
    ],
)
def test_strings_are_written_exactly_or_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strings: list[str], problem: str | None
) -> None:
    monkeypatch.setattr(module, "_MOST_BYTES", 1500)
    value = TensorProto(dtype=7, string_val=[each.encode() for each in strings])
    value.tensor_shape.dim.add(size=len(strings))
    event = Event(wall_time=1.0, step=3)
    event.summary.value.add(tag="x").tensor.CopyFrom(value)
    (tmp_path / "tfevents").write_bytes(b"".join(frame([event.SerializeToString()])))
    done = export(tbimage.read(tmp_path), tmp_path / "out")
    path = tmp_path / "out" / "tensors" / "root" / "x" / "000000003.npy"
    if problem is None:
        assert np.load(path).tolist() == list(value.string_val)
        assert done.problems == []
    else:
        assert problem in done.problems[0]
        assert not path.exists()


def test_a_damaged_picture_is_named_and_the_others_are_written(tmp_path: Path) -> None:
    WRITERS["tbimage"](tmp_path / "logs")
    logs = tbimage.read(tmp_path / "logs")
    picture = logs["."].images("picture")[2]
    with open(picture.place.path, "r+b") as file:
        file.seek(picture.place.offset + 60)
        file.write(b"damage")
    done = export(logs, tmp_path / "out")
    (problem,) = done.problems
    assert f"byte {picture.place.offset}" in problem
    names = os.listdir(tmp_path / "out" / "images" / "root" / "picture")
    assert sorted(names) == [f"{step:09d}.png" for step in (0, 1, 3, 4, 5)]
