"""Scalars that repeat in groups are the same as those that are taken in one by one."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tbimage.events.messages import Event
from tbimage.events.records import small_record
from tbimage.reading import groups as module
from tbimage.reading.groups import find_groups, find_period
from tbimage.reading.scalars import Templates
from tests.reading.test_scalars import record, scalar, text, told

GROUP = st.lists(
    st.tuples(st.sampled_from(["a", "b", "loss/train", "x" * 90]), st.integers(0, 2)),
    min_size=1,
    max_size=7,
)


@pytest.fixture(autouse=True)
def few_groups_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FEWEST_GROUPS", 2)


def log(group: list[tuple[str, int]], first: int, count: int, chance: random.Random) -> bytes:
    """Groups of scalars; now and then one is missing, or a text stands between them."""
    parts = []
    for step in range(first, first + count):
        for tag, form in group:
            odds = chance.random()
            if odds > 0.002:
                parts.append(scalar(tag, step, chance.random(), form))
            if odds > 0.997:
                parts.append(text(step))
    return b"".join(parts)


def one_by_one(path: Path, patch: pytest.MonkeyPatch) -> Any:
    with patch.context() as inner:
        inner.setattr(module, "_FEWEST_GROUPS", 1 << 40)
        return told(path)


@settings(max_examples=40, deadline=None)
@given(GROUP, st.integers(0, 2**35), st.integers(1, 700), st.integers(0, 1 << 30), st.booleans())
def test_groups_are_the_same_as_one_by_one(
    group: list[tuple[str, int]], first: int, count: int, place: int, damaged: bool
) -> None:
    data = bytearray(log(group, first % 2 ** (place % 36), count, random.Random(place)))
    if damaged and data:
        data[place % len(data)] ^= 1 << place % 8
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        path = Path(directory, "events.out.tfevents.1")
        path.write_bytes(data)
        assert told(path) == one_by_one(path, patch)


def count_taken(patch: pytest.MonkeyPatch) -> list[int]:
    """Return a list to which the number of records is added that are taken in as groups."""
    taken: list[int] = []
    take_in = Templates.take_in_groups

    def counted(self: Templates, groups: module.Groups) -> bool:
        done = take_in(self, groups)
        taken.append(done * groups.rows.shape[0] * len(groups.spans))
        return done

    patch.setattr(Templates, "take_in_groups", counted)
    return taken


@pytest.mark.parametrize("form", [0, 1, 2])
def test_they_are_taken_in_as_groups(
    form: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = count_taken(monkeypatch)
    path = tmp_path / "events.out.tfevents.1"
    parts = [
        scalar(tag, step, step / 3, form)
        for step in range(1, 20_000, 3)
        for tag in ("a", "loss", "loss/of/the/other", "b")
    ]
    path.write_bytes(b"".join(parts))
    numbers, _, records, damage = told(path)
    assert records == len(parts)
    assert not damage
    assert numbers["loss"][0] == list(range(1, 20_000, 3))
    assert sum(taken) > len(parts) * 3 // 4
    assert told(path) == one_by_one(path, monkeypatch)


def test_they_are_taken_in_as_groups_between_large_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large record may come within a group, and the rest of it follows."""
    monkeypatch.setattr(module, "_FEWEST_GROUPS", 32)
    taken = count_taken(monkeypatch)
    path = tmp_path / "events.out.tfevents.1"
    large = Event(wall_time=1.0, step=1)
    large.summary.value.add(tag="large").image.encoded_image_string = b"x" * 100_000
    parts = []
    for number in range(16_000):
        step, tag = divmod(number, 11)
        parts.append(scalar("x" * (tag + 1), step, number / 3, 0))
        if number % 1001 == 500:
            parts.append(record(large))
    path.write_bytes(b"".join(parts))
    numbers, places, records, damage = told(path)
    assert records == len(parts)
    assert not damage
    assert len(places["large"]) == 16
    assert numbers["xx"][0] == list(range(1455))
    assert sum(taken) > 16_000 * 2 // 3
    assert told(path) == one_by_one(path, monkeypatch)


def test_a_tag_that_is_twice_in_a_group_keeps_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.out.tfevents.1"
    parts = [
        scalar(tag, step, value, form)
        for step in range(200, 2000)
        for tag, value, form in (("a", 1.0, 0), ("b", 2.0, 0), ("a", 3.0, 2))
    ]
    path.write_bytes(b"".join(parts))
    numbers, _, _, _ = told(path)
    assert numbers["a"][2] == ["1.0", "3.0"] * 1800
    assert told(path) == one_by_one(path, monkeypatch)


def test_records_of_equal_length_in_another_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.out.tfevents.1"
    orders = ["ab"] * 1500 + ["ba"] * 1500
    values = {"a": 1.0, "b": 2.0}
    parts = [
        scalar(tag, step, values[tag], 0)
        for step, order in enumerate(orders, start=1000)
        for tag in order
    ]
    path.write_bytes(b"".join(parts))
    numbers, _, _, _ = told(path)
    assert {tag: set(each[2]) for tag, each in numbers.items()} == {"a": {"1.0"}, "b": {"2.0"}}
    assert told(path) == one_by_one(path, monkeypatch)


def test_a_step_that_is_written_twice_in_as_many_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protobuf takes the last one."""
    usual = Event.FromString(scalar("tag", 20_000, 0.5, 0)[12:-4]).SerializeToString()
    twice = usual[:10] + b"\x05\x10\x07" + usual[13:]
    path = tmp_path / "events.out.tfevents.1"
    path.write_bytes(b"".join(map(small_record, [usual] * 3000 + [twice] * 10)))
    numbers, _, _, _ = told(path)
    assert numbers["tag"][0] == [20_000] * 3000 + [7] * 10
    assert told(path) == one_by_one(path, monkeypatch)


@pytest.mark.parametrize("bit", range(8))
def test_a_bit_that_flipped_anywhere_in_a_group_is_found(bit: int) -> None:
    """In the header, what is equal in all groups, what differs, and the checksum."""
    sound = b"".join(scalar("tag", step, step / 7, 0) for step in range(1000, 1040))
    size = len(sound) // 40
    found = find_groups(sound, [size - 16])
    assert found is not None
    assert found.rows.shape == (40, size)
    for place in range(size):
        damaged = bytearray(sound)
        damaged[20 * size + place] ^= 1 << bit
        found = find_groups(bytes(damaged), [size - 16])
        if place < 12:  # it ends before a header that differs
            assert found is not None
            assert len(found.rows) == 20
        else:
            assert found is None


@pytest.mark.parametrize("length", [1, 63, 64, 65, 500])
def test_checksums_of_payloads_of_any_length(length: int) -> None:
    """All bytes differ. Each record has a group of its own."""
    chance = np.random.default_rng(length)
    payloads = [chance.bytes(length) for _ in range(70)]
    block = b"".join(map(small_record, payloads))
    found = find_groups(block, [length])
    assert found is not None
    assert len(found.rows) == 70
    assert [found.rows[at, 12:-4].tobytes() for at in range(70)] == payloads


@pytest.mark.parametrize(
    ("keys", "period"),
    [
        ([1, 2, 3] * 4, 3),
        ([9, 9, 1, 2, 1, 3] + [1, 2, 1, 3] * 3, 4),
        ([5] * 4, 1),
        ([1, 2, 3] * 3, 0),
        ([1, 2, 3, 4, 5, 6, 7, 8], 0),
        ([], 0),
        ([7], 0),
    ],
)
def test_the_period_of_the_end(keys: list[int], period: int) -> None:
    assert find_period(np.array(keys, np.int64)) == period
