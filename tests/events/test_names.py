"""Names of event files: the next sorts last, with any existing files and any clock."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tbimage
from tbimage.events.names import host_name, is_event_file, is_own_name, next_name

PATTERN = r"events\.out\.tfevents\.\d{10}\.[A-Za-z0-9_.-]{1,64}\.\d+\.\d{6}"

times = st.floats(-1e6, 4e9)
hosts = st.sampled_from(["a", "host", "h-2", "10.0.0.1", "zebra", "1700000000", "a.b.17"])
processes = st.sampled_from([1, 9, 10, 17, 99999])
suffixes = st.sampled_from(["", ".v2", "-x", ".é"])
peers = st.builds(
    "events.out.tfevents.{:010d}.{}{}".format,
    st.integers(0, 4 * 10**9),
    hosts,
    st.sampled_from(["", ".17.0", ".17.0.v2", ".1.10", ".17.999999", ".17.000003.v2"]),
)
strangers = st.sampled_from(
    [
        "notes.txt",
        ".hidden.tfevents",
        "events.out.tfevents.1",
        "events.out.tfevents.17000000000.host",
        "events.out.tfevents.x.host",
        "zzz.tfevents.zzz",
    ]
)


@given(st.lists(st.tuples(times, hosts, processes, suffixes), min_size=2, max_size=12), st.data())
def test_names_sort_in_the_order_of_creation(
    makers: list[tuple[float, str, int, str]], data: st.DataObject
) -> None:
    existing = data.draw(st.lists(st.one_of(peers, strangers), max_size=6))
    usual = [name for name in existing if re.match(r"events\.out\.tfevents\.\d{10}\.", name)]
    made: list[str] = []
    for now, host, process, suffix in makers:
        name = next_name([*existing, *made], now, host, process, suffix)
        assert re.fullmatch(PATTERN + re.escape(suffix), name)
        assert is_own_name(name, suffix)
        assert is_event_file(name)
        made.append(name)
    assert sorted(made) == made
    assert len(set(made)) == len(made)
    assert all(name < made[0] for name in usual)
    # The data server compares bytes, the Python loader strings.
    assert sorted(made, key=os.fsencode) == made


@given(times, st.data())
def test_a_million_segments_of_one_second_are_followed_by_the_next_second(
    now: float, data: st.DataObject
) -> None:
    first = next_name([], now, "host", 17, "")
    last = first.replace(".000000", ".999999")
    following = next_name([first, last], now, "host", 17, "")
    assert following > last
    assert following.endswith(".host.17.000000")


def test_numbers_are_padded_as_readers_need_it() -> None:
    made: list[str] = []
    for _ in range(25):
        made.append(next_name(made, 1.7e9, "host", 17, ""))
    assert made[9:11] == [
        "events.out.tfevents.1700000000.host.17.000009",
        "events.out.tfevents.1700000000.host.17.000010",
    ]
    assert sorted(made) == made


@pytest.mark.parametrize("rest", ["zzz", "host.17.999999", "zzz.1.000000", "a"])
@pytest.mark.parametrize("seconds", [9_999_999_998, 9_999_999_999])
def test_a_file_of_the_greatest_seconds_does_not_use_up_the_names(seconds: int, rest: str) -> None:
    stranger = f"events.out.tfevents.{seconds}.{rest}"
    old = "events.out.tfevents.1800000000.other"  # the clock was set back
    names = [stranger, f"events.out.tfevents.9999999999.{rest}", old]
    made: list[str] = []
    for _ in range(30):
        made.append(next_name([*names, *made], 1.7e9, "host", 17, ""))
        assert re.fullmatch(PATTERN, made[-1])
        assert made[-1] > old
    assert made == sorted(set(made))


def test_a_writer_goes_on_although_a_name_of_the_greatest_seconds_exists(tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.9999999999.zzz").touch()
    with tbimage.SummaryWriter(tmp_path, max_file_bytes=1) as writer:
        for step in range(5):
            assert writer.scalar("a", 0.5, step)
            assert writer.flush()
    assert tbimage.read(tmp_path)["."].scalars("a").steps.tolist() == list(range(5))


@given(st.text(max_size=300))
def test_any_host_name_becomes_one_that_a_file_can_have(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", host_name(name))
    assert not host_name(name).startswith(".")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", "localhost"),
        ("...", "localhost"),
        ("a/b", "a-b"),
        ("büro\udcff", "b-ro-"),
        ("h" * 300, "h" * 64),
        ("a\nb\0c", "a-b-c"),
    ],
)
def test_odd_host_names(
    name: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(nodename=name))
    assert host_name() == expected
    (tmp_path / next_name([], 1.7e9, host_name(), 17, "")).touch()


@pytest.mark.parametrize(
    "name",
    [
        "events.out.tfevents.1700000000.host",  # tensorboardX, TensorFlow 1
        "events.out.tfevents.1700000000.host.17.3",  # torch
        "events.out.tfevents.1700000000.host.17.3.v2",  # TensorFlow 2
        "events.out.tfevents.1700000000.host.17.000003.other",  # of ours with another suffix
        "events.out.tfevents.170000000.host.17.000003",
        "notes.txt",
    ],
)
def test_retention_recognises_files_of_others(name: str) -> None:
    assert not is_own_name(name, "")
    assert not is_own_name(name, ".v2")


def test_suffixes_tell_writers_apart() -> None:
    name = next_name([], 1.7e9, "host", 17, ".train")
    assert is_own_name(name, ".train")
    assert not is_own_name(name, "")
    assert not is_own_name(name, ".rain")
