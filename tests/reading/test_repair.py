"""`tbimage.reading.repair`: all undamaged records in a new file, which both loaders read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tbimage
from tbimage.events.records import frame
from tbimage.reading.repair import new_file, repair
from tests import readers
from tests.reading.peers import WRITERS
from tests.reading.test_damage import records


@pytest.mark.parametrize("loader", ["data_server", "python"])
def test_a_repaired_file_shows_all_but_what_was_damaged(tmp_path: Path, loader: str) -> None:
    WRITERS["tbimage"](tmp_path / "whole")
    (file,) = readers.event_files(tmp_path / "whole")
    data = bytearray(file.read_bytes())
    place = tbimage.read(file)["."].images("picture")[2].place
    data[place.offset + 20] ^= 0xFF
    damaged = tmp_path / "damaged.tfevents"
    damaged.write_bytes(data + b"torn")
    before = damaged.read_bytes()
    (tmp_path / "repaired").mkdir()
    done = repair(damaged, tmp_path / "repaired" / "events.out.tfevents.1")
    assert [each.kind for each in done.lost] == ["payload", "torn"]
    assert done.lost[0].offset == place.offset
    assert damaged.read_bytes() == before
    whole = readers.read_runs(tmp_path / "whole", loader)["."]
    repaired = readers.read_runs(tmp_path / "repaired", loader)["."]
    assert set(whole) == set(repaired)
    for tag, series in whole.items():
        points = [p for p in series.points if tag != "picture" or p.step != 2]
        assert list(repaired[tag].points) == points
        assert repaired[tag].description == series.description


@settings(max_examples=100)
@given(
    flips=st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 255)), max_size=4),
    cut=st.integers(0, 3000),
)
def test_whatever_is_damaged_the_repaired_file_is_whole(
    tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[int, int]], cut: int
) -> None:
    directory = tmp_path_factory.mktemp("repair")
    data = bytearray(b"".join(records()))
    for at, value in flips:
        data[at % len(data)] ^= value
    path = directory / "damaged.tfevents"
    path.write_bytes(data[: max(cut, 1500)])
    done = repair(path, directory / "repaired.tfevents")
    lost = sum(each.length for each in done.lost)
    assert done.kept_bytes + lost == path.stat().st_size
    repaired = tbimage.read(directory / "repaired.tfevents", verify=True)
    assert repaired.damage == []
    assert repair(directory / "repaired.tfevents", directory / "again.tfevents").lost == ()


def test_a_lost_file_version_is_replaced(tmp_path: Path) -> None:
    made = records()
    path = tmp_path / "tfevents"
    path.write_bytes(b"".join(made[1:]))
    repair(path, tmp_path / "new.tfevents")
    events = readers.read_raw(tmp_path)
    assert next(iter(events)).file_version == "brain.Event:2"


def test_a_payload_that_is_no_event_is_left_out(tmp_path: Path) -> None:
    made = records()
    bad = b"".join(frame([b"\x0a\xff\xff"]))
    path = tmp_path / "tfevents"
    path.write_bytes(b"".join([*made[:3], bad, *made[3:]]))
    done = repair(path, tmp_path / "new.tfevents")
    assert [(each.kind, each.length) for each in done.lost] == [("message", len(bad))]
    assert (tmp_path / "new.tfevents").read_bytes() == b"".join(made)


def test_nothing_is_overwritten_and_nothing_useless_is_left(tmp_path: Path) -> None:
    path = tmp_path / "tfevents"
    path.write_bytes(b"".join(records()))
    with pytest.raises(FileExistsError):
        repair(path, path)
    assert path.read_bytes() == b"".join(records())
    other = tmp_path / "photo.png"
    other.write_bytes(b"\x89PNG" + bytes(100))
    with pytest.raises(ValueError, match="no undamaged record"):
        repair(other, tmp_path / "new.tfevents")
    with pytest.raises(FileNotFoundError):
        repair(tmp_path / "nothing", tmp_path / "new.tfevents")
    assert not (tmp_path / "new.tfevents").exists()


def test_a_file_is_closed_before_it_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows does not delete open files."""
    files: list[BinaryIO] = []
    closed: list[bool] = []
    monkeypatch.setattr(os, "unlink", lambda _: closed.extend(each.closed for each in files))

    def fail(file: BinaryIO) -> None:
        files.append(file)
        raise ValueError("writing fails")

    with pytest.raises(ValueError, match="writing fails"), new_file(str(tmp_path / "new")) as file:
        fail(file)
    assert closed == [True]
