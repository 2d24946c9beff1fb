"""Damaged, torn, hostile and growing files: all damage is reported, and nothing else is lost."""

from __future__ import annotations

import errno
import itertools
import os
import random
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tbimage
from tbimage.events.messages import Event
from tbimage.events.records import frame, mask, masked_crc32c
from tbimage.reading import CorruptFileError, Damage, index
from tbimage.reading import scan as module

STEPS = 12
NOISE = random.Random(1).randbytes(200_000)


def record(event: Event) -> bytes:
    return b"".join(frame([event.SerializeToString()]))


def scalar(step: int) -> bytes:
    event = Event(wall_time=1.0 + step, step=step)
    event.summary.value.add(tag="loss", simple_value=step / 2)
    return record(event)


def picture(step: int, size: int) -> bytes:
    event = Event(wall_time=1.0 + step, step=step)
    image = event.summary.value.add(tag="noise").image
    image.width, image.height, image.colorspace = 1, 1, 3
    image.encoded_image_string = NOISE[step : step + size]
    return record(event)


def records(large: int = 300) -> list[bytes]:
    """Write a file_version, and then scalars and pictures in turn."""
    made = [record(Event(wall_time=1.0, file_version="brain.Event:2"))]
    for step in range(STEPS):
        made += [scalar(step), picture(step, large if step % 3 == 0 else 40)]
    return made


def read_all(path: Path, verify: bool = False) -> tuple[list[int], dict[int, bytes], list[Damage]]:
    """Steps of the scalars, pictures by their steps, and the damage."""
    logs = tbimage.read(path, verify=verify)
    run = logs["."]
    steps = run.scalars("loss").steps.tolist() if "loss" in run.tags else []
    pictures = {}
    if "noise" in run.tags:
        pictures = {each.step: each.encoded for each in run.images("noise")}
    return steps, pictures, logs.damage


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.out.tfevents.1"


def check_whole(damage: list[Damage], whole: bytes, path: Path) -> None:
    for each in damage:
        assert each.path == str(path)
        assert 0 <= each.offset < each.offset + each.length <= len(whole)
    ends = [each.offset + each.length for each in damage]
    assert all(end <= each.offset for end, each in zip(ends, damage[1:], strict=False))


@settings(max_examples=300)
@given(at=st.integers(0, 2500), value=st.integers(1, 255))
def test_a_changed_byte_costs_its_record_and_is_named(
    tmp_path_factory: pytest.TempPathFactory, at: int, value: int
) -> None:
    made = records()
    whole = bytearray(b"".join(made))
    at %= len(whole)
    whole[at] ^= value
    path = tmp_path_factory.mktemp("flip") / "tfevents"
    path.write_bytes(whole)
    ends = [sum(map(len, made[: n + 1])) for n in range(len(made))]
    number = next(n for n, end in enumerate(ends) if at < end)
    steps, pictures, damage = read_all(path)
    assert [(each.offset, each.length) for each in damage] == [
        (ends[number] - len(made[number]), len(made[number]))
    ]
    assert damage[0].kind in ("header", "payload", "torn")
    lost_scalar = (number - 1) // 2 if number and number % 2 else None
    lost_picture = number // 2 - 1 if number and not number % 2 else None
    assert steps == [step for step in range(STEPS) if step != lost_scalar]
    assert sorted(pictures) == [step for step in range(STEPS) if step != lost_picture]


@settings(max_examples=200)
@given(cut=st.integers(0, 2500))
@example(cut=0)
def test_a_file_that_ends_anywhere_gives_its_whole_records(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    made = records()
    whole = b"".join(made)[:cut]
    path = tmp_path_factory.mktemp("cut") / "tfevents"
    path.write_bytes(whole)
    complete = sum(sum(map(len, made[: n + 1])) <= len(whole) for n in range(len(made)))
    steps, pictures, damage = read_all(path)
    assert len(steps) + len(pictures) == max(complete - 1, 0)
    start = sum(map(len, made[:complete]))
    assert [(each.kind, each.offset, each.length) for each in damage] == (
        [("torn", start, len(whole) - start)] if start < len(whole) else []
    )


@settings(max_examples=200)
@given(data=st.binary(max_size=400), at=st.integers(0, 25))
def test_bytes_put_in_between_cost_no_record(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, at: int
) -> None:
    made = records()
    at %= len(made)
    whole = b"".join([*made[:at], data, *made[at:]])
    path = tmp_path_factory.mktemp("between") / "tfevents"
    path.write_bytes(whole)
    steps, pictures, damage = read_all(path)
    assert (steps, sorted(pictures)) == (list(range(STEPS)), list(range(STEPS)))
    assert sum(each.length for each in damage) == len(data)
    check_whole(damage, whole, path)


@settings(max_examples=200)
@given(data=st.binary(max_size=2000))
def test_any_bytes_are_read_or_refused_with_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    directory = tmp_path_factory.mktemp("any")
    path = directory / "events.out.tfevents.1"
    path.write_bytes(data)
    steps, pictures, damage = read_all(directory)
    assert (steps, pictures) == ([], {})
    assert sum(each.length for each in damage) == len(data)
    if len(data) >= 12:
        with pytest.raises(ValueError, match="no event file"):
            tbimage.read(path)


@settings(max_examples=200)
@given(payload=st.binary(max_size=300))
def test_any_payload_is_taken_or_named(
    tmp_path_factory: pytest.TempPathFactory, payload: bytes
) -> None:
    whole = b"".join([*records()[:3], *frame([payload]), *records()[3:]])
    path = tmp_path_factory.mktemp("payload") / "tfevents"
    path.write_bytes(whole)
    logs = tbimage.read(path)
    assert {"loss", "noise"} <= set(logs["."].tags)
    assert {each.kind for each in logs.damage} <= {"message"}


@pytest.mark.parametrize("where", range(0, 200_000, 9_973))
def test_a_damaged_large_picture_is_named_when_it_is_read_or_verified(
    path: Path, where: int
) -> None:
    made = [*records(), picture(STEPS, 190_000), scalar(STEPS)]
    whole = bytearray(b"".join(made))
    start = sum(map(len, made[:-2]))
    whole[start + min(where, len(made[-2]) - 1)] ^= 0x10
    path.write_bytes(whole)
    logs = tbimage.read(path, verify=True)
    assert [(each.offset, each.length) for each in logs.damage] == [(start, len(made[-2]))]
    assert logs["."].scalars("loss").steps[-1] == STEPS
    logs = tbimage.read(path)
    assert logs["."].scalars("loss").steps[-1] == STEPS
    if not logs.damage:
        bad = next(
            image for tag in logs["."].tags if tag != "loss"
            for image in logs["."].images(tag) if image.step not in range(STEPS)
        )  # fmt: skip
        with pytest.raises(CorruptFileError, match=f"at byte {start}: checksum of its payload"):
            _ = bad.encoded


def test_a_record_that_was_torn_before_others_were_appended_costs_only_itself(path: Path) -> None:
    made = records(100_000)
    torn = made[2][:50_000]
    path.write_bytes(b"".join([*made[:2], torn, *made[3:]]))
    steps, pictures, damage = read_all(path)
    assert steps == list(range(STEPS))
    assert sorted(pictures) == list(range(1, STEPS))
    assert [(each.offset, each.length) for each in damage] == [(sum(map(len, made[:2])), 50_000)]


def header(length: int) -> bytes:
    packed = struct.pack("<Q", length)
    return packed + struct.pack("<I", masked_crc32c([packed]))


@pytest.mark.parametrize("length", [2**64 - 1, 2**63, 2**40, 2**31, 2**31 - 1, 10_000])
def test_a_length_beyond_the_file_takes_no_memory_and_no_other_record(
    path: Path, length: int
) -> None:
    made = records()
    path.write_bytes(b"".join([*made[:5], header(length), *made[5:]]))
    steps, pictures, damage = read_all(path)
    assert (steps, sorted(pictures)) == (list(range(STEPS)), list(range(STEPS)))
    assert [(each.offset, each.length) for each in damage] == [(sum(map(len, made[:5])), 12)]


def test_zeros_as_a_crash_leaves_them_are_one_gap(path: Path) -> None:
    made = records()
    path.write_bytes(b"".join([*made[:5], bytes(3_000_000), *made[5:], bytes(5_000_000)]))
    steps, pictures, damage = read_all(path)
    assert (steps, sorted(pictures)) == (list(range(STEPS)), list(range(STEPS)))
    assert [each.length for each in damage] == [3_000_000, 5_000_000]


def test_records_over_the_edge_of_a_block_are_found(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = b"".join([*records()[:7], b"x" * 90, *records()[7:]])
    path.write_bytes(whole)
    for block in (64, 100, 333, 1000):
        monkeypatch.setattr(module, "BLOCK_BYTES", block)
        monkeypatch.setattr(module, "_FIRST_SEARCH_BYTES", block)
        monkeypatch.setattr(module, "_SEARCH_BYTES", block)
        steps, pictures, damage = read_all(path)
        assert (steps, sorted(pictures)) == (list(range(STEPS)), list(range(STEPS)))
        assert [each.length for each in damage] == [90]


@given(cuts=st.lists(st.integers(0, 3000), max_size=6))
def test_a_growing_file_gives_what_a_whole_one_gives(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    whole = b"".join([*records()[:9], b"damage" * 10, *records()[9:]])
    path = tmp_path_factory.mktemp("growing") / "events.out.tfevents.1"
    path.touch()
    logs = tbimage.read(path.parent)
    run = logs["."]
    for cut in sorted(cuts):
        path.write_bytes(whole[:cut])  # the same file, longer
        logs.refresh()
    path.write_bytes(whole)
    logs.refresh()
    fresh = tbimage.read(path.parent)
    assert logs.damage == fresh.damage
    assert run.tags == fresh["."].tags
    assert run.scalars("loss").steps.tolist() == list(range(STEPS))


def test_a_file_that_was_written_anew_is_read_anew(path: Path) -> None:
    path.write_bytes(b"".join(records()))
    logs = tbimage.read(path)
    path.write_bytes(b"".join(records()[:4]))
    logs.refresh()
    assert logs["."].scalars("loss").steps.tolist() == [0, 1]
    other = path.with_name("other")
    other.write_bytes(b"".join(records()[:7]) + bytes(20_000))
    other.replace(path)
    logs.refresh()
    assert logs["."].scalars("loss").steps.tolist() == [0, 1, 2]


def test_a_picture_of_a_file_that_is_gone_or_cut_is_a_clear_error(path: Path) -> None:
    path.write_bytes(b"".join(records()))
    image = tbimage.read(path)["."].images("noise")[-1]
    os.truncate(path, 1000)
    with pytest.raises(CorruptFileError, match=r"tfevents.1: corrupt record at byte"):
        _ = image.encoded
    path.unlink()
    with pytest.raises(FileNotFoundError):
        _ = image.encoded


def test_a_picture_that_does_not_decode_is_a_clear_error(path: Path) -> None:
    path.write_bytes(b"".join(records()))
    image = tbimage.read(path)["."].images("noise")[0]
    for decode in (image.pixels, image.pil):
        with pytest.raises(
            ValueError, match=r"tfevents.1: the record at byte .* cannot be decoded"
        ):
            decode()


def test_an_unreadable_file_or_directory_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    path = tmp_path / "run" / "events.out.tfevents.1"
    path.write_bytes(b"".join(records()))
    loop = tmp_path / "run" / "loop"
    loop.symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "run" / "tfevents-to-nowhere").symlink_to("nothing")
    logs = tbimage.read(tmp_path)
    assert logs.runs == ["run"]
    assert len(logs["run"].scalars("loss")) == STEPS


@pytest.mark.parametrize("large", [40, 70_000, 200_000])
def test_after_each_error_of_the_disk_the_next_refresh_reads_the_rest(
    path: Path, monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    path.write_bytes(b"".join(records(large)))
    whole, read = read_all(path), module.read_at
    for number in itertools.count():
        failing = iter([*[False] * number, True])

        def read_at(*arguments: int, failing: Iterator[bool] = failing) -> bytes:
            if next(failing, False):
                raise OSError(errno.EIO, "Input/output error")
            return read(*arguments)

        with monkeypatch.context() as patched:
            patched.setattr(module, "read_at", read_at)
            patched.setattr(index, "read_at", read_at)
            logs = tbimage.read(path.parent)
        if next(failing, False):  # the file was read without an error
            break
        assert [each.kind for each in logs.damage] in (["unreadable"], [])
        complete = not logs.damage
        assert logs.refresh() is not complete
        assert logs.damage == []
        steps = logs["."].scalars("loss").steps.tolist()
        pictures = {each.step: each.encoded for each in logs["."].images("noise", raw=True)}
        assert (steps, pictures, logs.damage) == whole
        assert len(logs["."].images("noise", raw=True)) == STEPS
    assert number


def test_a_directory_without_permission_is_named_and_the_rest_is_read() -> None:
    code = (
        "import os, sys, tbimage.reading.logs\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"  # root reads everything
        "logs = tbimage.read(sys.argv[1])\n"
        "print(logs.runs, [(each.kind, each.detail) for each in logs.damage])"
    )
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        (Path(name) / "run").mkdir()
        (Path(name) / "run" / "events.out.tfevents.1").write_bytes(b"".join(records()))
        (Path(name) / "secret").mkdir(mode=0)
        done = subprocess.run(
            [sys.executable, "-c", code, name], capture_output=True, text=True, check=False
        )
    assert done.stdout == "['run'] [('unreadable', 'Permission denied')]\n", done.stderr


def test_memory_is_bounded_by_what_is_there(path: Path) -> None:
    """A tensor of 40 bytes whose shape has 10**12 elements, and wrong lengths."""
    events = []
    for kind in ("histograms", "text", "own"):
        event = Event(wall_time=1.0, step=1)
        value = event.summary.value.add(tag=kind)
        value.metadata.plugin_data.plugin_name = kind
        value.tensor.dtype = 7 if kind == "text" else 2
        for size in (10**9, 3 if kind == "histograms" else 1000):
            value.tensor.tensor_shape.dim.add(size=size)
        if kind == "text":
            value.tensor.string_val.append(b"x")
        else:
            value.tensor.double_val.append(1.0)
        events.append(record(event))
    path.write_bytes(b"".join(events) + header(2**31 - 1) + bytes(100))
    run = tbimage.read(path)["."]
    with pytest.raises(ValueError, match="repeats one element"):
        _ = run.histograms("histograms")[0]
    with pytest.raises(ValueError, match="repeats one element"):
        _ = run.texts("text")[0]
    assert run.tensors("own")[0].value.nbytes == 8 * 10**12  # a view of one element


def test_the_mask_that_is_written_out_is_the_mask() -> None:
    for crc in (0, 1, 0x7FFF, 0x8000, 0xFFFFFFFF, 0x12345678):
        assert ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF == mask(crc)


def test_a_header_within_damage_ends_no_gap(path: Path) -> None:
    made = records()
    damage = b"x" * 20 + header(300) + b"y" * 20
    path.write_bytes(b"".join([*made[:5], damage, *made[5:]]))
    steps, pictures, found = read_all(path)
    assert (steps, sorted(pictures)) == (list(range(STEPS)), list(range(STEPS)))
    assert [each.length for each in found] == [len(damage)]


@pytest.mark.parametrize(("length", "kind"), [(2**31 - 1, "torn"), (2**31, "header")])
def test_only_a_length_that_a_record_may_have_is_waited_for(
    path: Path, length: int, kind: str
) -> None:
    path.write_bytes(b"".join(records()) + header(length))
    assert [each.kind for each in read_all(path)[2]] == [kind]


def test_a_record_that_is_damage_gives_no_value_at_all(path: Path) -> None:
    event = Event(wall_time=1.0, step=1)
    event.summary.value.add(tag="loss", simple_value=1.0)
    value = event.summary.value.add(
        tag="number", metadata={"plugin_data": {"plugin_name": "scalars"}}
    )
    value.tensor.tensor_content = b"\xff" * 9
    data = event.SerializeToString().replace(
        value.tensor.SerializeToString(), b"\x22\x0a" + b"\xff" * 9
    )
    path.write_bytes(b"".join([*frame([data]), scalar(2)]))
    steps, _, damage = read_all(path)
    assert steps == [2]
    assert [each.kind for each in damage] == ["message"]
