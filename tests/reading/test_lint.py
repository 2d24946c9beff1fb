"""`tbimage.reading.lint` finds each fault that TensorBoard has trouble with, and no others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tbimage
from tbimage.events.messages import Event
from tbimage.events.records import frame
from tbimage.reading.lint import CODES, Finding, lint
from tests import readers
from tests.reading.peers import WRITERS


def codes(path: Path) -> list[tuple[str, str]]:
    return [(each.code, each.tag) for each in lint(tbimage.read(path))]


@pytest.mark.parametrize("writer", sorted(WRITERS))
def test_files_of_real_writers_are_clean(tmp_path: Path, writer: str) -> None:
    WRITERS[writer](tmp_path)
    assert codes(tmp_path) == []


def version() -> Event:
    return Event(wall_time=1.0, file_version="brain.Event:2")


def tensor(step: int, plugin: str, dtype: int = 1, **fields: Any) -> Event:
    event = Event(wall_time=1.0, step=step)
    value = event.summary.value.add(tag="x")
    value.metadata.plugin_data.plugin_name = plugin
    value.tensor.dtype = dtype
    value.tensor.tensor_shape.SetInParent()
    for name, content in fields.items():
        getattr(value.tensor, name).extend(content)
    return event


def scalar(step: int, wall_time: float = 1.0) -> Event:
    event = Event(wall_time=wall_time, step=step)
    event.summary.value.add(tag="x", simple_value=1.0)
    return event


def image(step: int, encoded: bytes) -> Event:
    event = Event(wall_time=1.0, step=step)
    event.summary.value.add(tag="x").image.encoded_image_string = encoded
    return event


def several(event: Event) -> Event:
    event.summary.value[0].tensor.tensor_shape.dim.add(size=2)
    return event


FAULTS: dict[str, list[Event]] = {
    "no-version": [scalar(1)],
    "nan-time": [version(), scalar(1, float("nan"))],
    "step-back": [version(), scalar(2), scalar(1)],
    "two-kinds": [version(), scalar(1), image(2, b"\x89PNG\r\n\x1a\n")],
    "no-metadata": [version(), tensor(1, "", float_val=[1.0])],
    "not-float32": [version(), tensor(1, "scalars", 2, double_val=[1.0])],
    "not-scalar": [version(), several(tensor(1, "scalars", float_val=[1.0, 2.0]))],
    "image-format": [version(), image(1, b"RIFF....WEBP")],
}


def write(path: Path, events: list[Event]) -> None:
    path.write_bytes(b"".join(b"".join(frame([each.SerializeToString()])) for each in events))


@pytest.mark.parametrize("code", sorted(FAULTS))
def test_each_fault_is_found_and_no_other(tmp_path: Path, code: str) -> None:
    write(tmp_path / "events.out.tfevents.1", FAULTS[code])
    assert [each for each, _ in codes(tmp_path)] == [code]


@pytest.mark.parametrize("code", ["no-metadata", "not-float32", "not-scalar", "nan-time"])
def test_the_data_server_shows_no_such_value(tmp_path: Path, code: str) -> None:
    write(tmp_path / "events.out.tfevents.1", FAULTS[code])
    series = readers.read_runs(tmp_path, "data_server").get(".", {}).get("x")
    assert series is None or series.points == ()


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "damaged": lambda data: b"x" * 20 + data,
    "torn": lambda data: data[:-3],
    "empty": lambda data: b"",
}


@pytest.mark.parametrize("code", sorted(DAMAGE))
def test_damage_is_found(tmp_path: Path, code: str) -> None:
    path = tmp_path / "events.out.tfevents.1"
    write(path, [version(), scalar(1), scalar(2)])
    path.write_bytes(DAMAGE[code](path.read_bytes()))
    assert codes(tmp_path) == [(code, "")]


def test_a_name_that_tensorboard_does_not_look_for_is_found(tmp_path: Path) -> None:
    write(tmp_path / "events", [version(), scalar(1)])
    assert codes(tmp_path / "events") == [("name", "")]


def test_very_many_files_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tbimage.reading.lint._MANY_FILES", 2)
    for number in range(3):
        write(tmp_path / f"events.out.tfevents.{number}", [version(), scalar(number)])
    assert codes(tmp_path) == [("many-files", "")]


def test_every_code_is_tested_and_says_what_it_means() -> None:
    assert set(CODES) == {*FAULTS, *DAMAGE, "name", "many-files", "unreadable"}
    finding = Finding("runs/a", "x", "step-back", "2 times, first at step 1")
    assert finding.severity == "warning"
    assert str(finding).startswith("runs/a: tag 'x': steps do not grow")
    assert Finding("a", "", "damaged", "").severity == "error"
