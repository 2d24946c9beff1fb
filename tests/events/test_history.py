"""Find the last steps in existing files, of any writer and with any damage."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tbimage.events import messages, wire
from tbimage.events.history import newest_steps
from tbimage.events.records import small_record
from tbimage.events.storage import LocalStorage
from tests.events.memory_storage import MemoryStorage

tags = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
int64s = st.integers(-(2**63), 2**63 - 1)
#: A scalar, a tensor or an image of some size.
values = st.builds(
    lambda tag, kind, size: (
        {
            "tag": tag,
            "scalar": {"simple_value": 1.0},
            "tensor": {"tensor": {"string_val": [bytes(size)]}},
            "image": {"image": {"width": 1, "encoded_image_string": bytes(size)}},
        }[kind]
        | {"tag": tag}
    ),
    tags,
    st.sampled_from(["scalar", "tensor", "image"]),
    st.sampled_from([0, 1, 100, 1000, 5000]),
)
events = st.one_of(
    st.builds(lambda step, value: {"step": step, "summary": {"value": [value]}}, int64s, values),
    st.just({"file_version": "brain.Event:2"}),
    st.builds(lambda data: {"step": 9, "graph_def": data}, st.binary(max_size=2000)),
    st.just({"step": 5, "session_log": {"status": 1}}),
)


def record(fields: dict[str, Any]) -> bytes:
    return small_record(messages.Event(wall_time=1.5, **fields).SerializeToString())


def store(files: list[bytes]) -> MemoryStorage:
    storage = MemoryStorage()
    for number, content in enumerate(files):
        storage.create(f"run/events.out.tfevents.{number:010d}.h").write([content])
    return storage


def expected(listed: list[dict[str, Any]]) -> dict[str, int]:
    newest: dict[str, int] = {}
    for event in listed:
        for value in event.get("summary", {}).get("value", []):
            newest[value["tag"]] = max(newest.get(value["tag"], event["step"]), event["step"])
    return newest


@given(st.lists(st.lists(events, max_size=6), max_size=3))
def test_the_greatest_step_of_each_tag_is_found(files: list[list[dict[str, Any]]]) -> None:
    storage = store([b"".join(map(record, listed)) for listed in files])
    assert newest_steps(storage, "run") == expected([each for listed in files for each in listed])


@given(st.lists(events, min_size=1, max_size=4), st.data())
def test_damage_hides_at_most_the_rest_of_its_file(
    listed: list[dict[str, Any]], data: st.DataObject
) -> None:
    content = bytearray(b"".join(map(record, listed)))
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[at:]
    else:
        content[at] ^= 1 << data.draw(st.integers(0, 7))
    found = newest_steps(store([bytes(content)]), "run")
    ends = [sum(len(record(event)) for event in listed[: i + 1]) for i in range(len(listed))]
    whole = sum(end <= at for end in ends)
    for tag, step in expected(listed[:whole]).items():
        assert found[tag] >= step


@given(st.binary(max_size=200))
def test_any_bytes_are_no_error(content: bytes) -> None:
    newest_steps(store([content, small_record(content)]), "run")


def test_a_batch_of_images_is_found_by_its_first() -> None:
    parts = [
        wire.image_value(f"a/image/{index}", 8, 8, 3, [bytes(5000)], b"") for index in range(3)
    ]
    event = b"".join(wire.event(1.0, 7, wire.summary(parts)))
    assert newest_steps(store([small_record(event)]), "run") == {"a/image/0": 7}


def test_a_missing_directory_holds_nothing(tmp_path: Path) -> None:
    assert newest_steps(LocalStorage(), os.fspath(tmp_path / "none")) == {}


def test_only_existing_files_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    event = {"step": 3, "summary": {"value": [{"tag": "a", "simple_value": 1.0}]}}
    (tmp_path / "events.out.tfevents.1.h").write_bytes(record(event))
    (tmp_path / "events.out.tfevents.2.d").mkdir()
    os.mkfifo(tmp_path / "events.out.tfevents.3.p")  # whoever opens it waits
    listed = os.listdir(tmp_path)
    monkeypatch.setattr(os, "listdir", lambda path: [*listed, "events.out.tfevents.0.gone"])
    assert newest_steps(LocalStorage(), os.fspath(tmp_path)) == {"a": 3}


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ETIMEDOUT, None])
def test_a_file_that_cannot_be_read_is_left_out(number: int | None) -> None:
    """None: the error comes after the first record."""
    event = {"step": 3, "summary": {"value": [{"tag": "a", "simple_value": 1.0}]}}
    later = {"step": 7, "summary": {"value": [{"tag": "a", "simple_value": 1.0}]}}
    storage = store([record(event), record(later) * 2, record(event)])
    refuse(storage, OSError(number or errno.EIO, "not for you"), after=number is None)
    left_out: list[tuple[str, str | None]] = []
    found = newest_steps(
        storage, "run", lambda path, error: left_out.append((path, error.strerror))
    )
    assert found == {"a": 7 if number is None else 3}
    assert left_out == [("run/events.out.tfevents.0000000001.h", "not for you")]


@pytest.mark.parametrize(
    "error", [MemoryError(), *(OSError(x, "x") for x in (errno.EMFILE, errno.ENFILE, errno.ENOMEM))]
)
def test_a_file_that_can_be_read_later_is_an_error(error: Exception) -> None:
    storage = store([b"", b"", b""])
    refuse(storage, error)
    with pytest.raises(type(error)):
        newest_steps(storage, "run")


def refuse(storage: MemoryStorage, error: Exception, *, after: bool = False) -> None:
    """Let the second file raise an error: at once, or after its first record."""
    opened = storage.open_to_read

    def open_to_read(path: str) -> Any:
        file = opened(path)
        if "0000000001" in path:
            if not after:
                raise error

            def fail(*_: int) -> int:
                raise error

            file.seek = fail  # type: ignore[method-assign]
        return file

    storage.open_to_read = open_to_read  # type: ignore[method-assign]


def test_pictures_are_skipped_and_not_read() -> None:
    """A gigabyte of images would take seconds otherwise."""
    storage = store([record({"step": 1, "graph_def": bytes(1 << 20)}) * 3])
    read = 0
    opened = storage.open_to_read

    def counting(path: str) -> Any:
        file = opened(path)
        inner = file.read

        def count(size: int = -1) -> bytes:
            nonlocal read
            data = inner(size)
            read += len(data)
            return data

        file.read = count  # type: ignore[method-assign]
        return file

    storage.open_to_read = counting  # type: ignore[method-assign]
    newest_steps(storage, "run")
    assert 0 < read < 10_000
