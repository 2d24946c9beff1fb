"""Written events are read back, from complete, torn, growing and damaged files."""

from __future__ import annotations

import logging
import pickle
import warnings
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tbimage.events.messages import Event
from tbimage.events.records import CorruptRecordError, frame
from tbimage.reading import CorruptFileError, read_events, read_run
from tbimage.reading import events as module
from tests import readers


def record(event: Event) -> bytes:
    return b"".join(frame([event.SerializeToString()]))


def event(step: int, size: int = 5) -> Event:
    """An event whose record is `size` bytes long, more or less."""
    written = Event(wall_time=1.5, step=step)
    written.summary.value.add(tag="x").image.encoded_image_string = bytes([step % 256]) * size
    return written


EVENTS = [Event(wall_time=1.0, file_version="brain.Event:2"), *map(event, range(5))]
RECORDS = [record(written) for written in EVENTS]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.out.tfevents.0000000001.host"


# One file.


def test_a_file_gives_its_events(path: Path) -> None:
    path.write_bytes(b"".join(RECORDS))
    assert list(read_events(path)) == EVENTS
    assert list(read_events(str(path))) == EVENTS


def test_an_empty_file_gives_nothing(path: Path) -> None:
    path.touch()
    assert list(read_events(path)) == []


@given(
    sizes=st.lists(st.integers(0, 300), max_size=8),
    cut=st.integers(0, 2000),
    chunk=st.integers(1, 400),
)
def test_a_torn_file_gives_its_complete_records(
    sizes: list[int], cut: int, chunk: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    written = [event(step, size) for step, size in enumerate(sizes)]
    records = [record(one) for one in written]
    torn = b"".join(records)[:cut]
    path = tmp_path_factory.mktemp("torn") / "tfevents"
    path.write_bytes(torn)
    complete = sum(sum(map(len, records[: n + 1])) <= len(torn) for n in range(len(records)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CHUNK_BYTES", chunk)
        assert list(read_events(path)) == written[:complete]


def test_records_greater_than_a_chunk_are_read(path: Path) -> None:
    written = [event(0, 3 * module._CHUNK_BYTES), event(1), event(2, module._CHUNK_BYTES)]
    path.write_bytes(b"".join(map(record, written)))
    assert list(read_events(path)) == written


def test_a_growing_file_is_read_as_far_as_it_has_grown(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        file.write(RECORDS[0] + RECORDS[1] + RECORDS[2][:7])
        events = read_events(path)
        assert list(islice(events, 2)) == EVENTS[:2]
        file.write(RECORDS[2][7:] + RECORDS[3][:20])  # before the end was reached
        assert next(events) == EVENTS[2]
        assert next(events, None) is None
        file.write(RECORDS[3][20:])
        assert next(events, None) is None  # an exhausted iterator stays so
        assert list(read_events(path)) == EVENTS[:4]


FAULTS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "length": (lambda data: bytes([data[0] ^ 1]) + data[1:], "checksum of its length"),
    "length's checksum": (
        lambda data: data[:9] + bytes([data[9] ^ 1]) + data[10:],
        "checksum of its length",
    ),
    "payload": (
        lambda data: data[:20] + bytes([data[20] ^ 0x80]) + data[21:],
        "checksum of its payload",
    ),
    "payload's checksum": (
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        "checksum of its payload",
    ),
    "preallocated zeros": (lambda data: bytes(len(data)), "checksum of its length"),
    "not an Event": (lambda data: b"".join(frame([b"\xff\xff"])), "its payload is not an Event"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_file_gives_what_lies_before_and_says_where(fault: str, path: Path) -> None:
    damage, reason = FAULTS[fault]
    path.write_bytes(b"".join([*RECORDS[:2], damage(RECORDS[2]), *RECORDS[3:]]))
    events = read_events(path)
    assert list(islice(events, 2)) == EVENTS[:2]
    with pytest.raises(CorruptFileError) as raised:
        next(events)
    offset = len(RECORDS[0] + RECORDS[1])
    error = raised.value
    assert (error.path, error.offset, error.reason) == (str(path), offset, reason)
    assert str(error) == f"{path}: corrupt record at byte {offset}: {reason}"
    assert isinstance(error, CorruptRecordError)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # out of a worker process


def test_a_file_that_is_not_there_is_an_oserror(path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="tfevents"):
        next(read_events(path))
    with pytest.raises(IsADirectoryError):
        next(read_events(path.parent))


def test_an_abandoned_file_is_closed(path: Path) -> None:
    path.write_bytes(b"".join(RECORDS))
    events = read_events(path)
    next(events)
    del events  # an open file would be a ResourceWarning, and warnings are errors


# A run.


def write_run(directory: Path) -> None:
    """Three files, written out of order, and things that are no files of this run."""
    (directory / "events.out.tfevents.0000000003.host").write_bytes(b"".join(RECORDS[4:]))
    (directory / "events.out.tfevents.0000000001.host").write_bytes(b"".join(RECORDS[:2]))
    (directory / "events.out.tfevents.0000000002.host").write_bytes(b"".join(RECORDS[2:4]))
    (directory / "notes.txt").write_text("not an event")
    (directory / "tfevents.d").mkdir()
    (directory / "other run").mkdir()
    (directory / "other run" / "events.out.tfevents.0000000002.host").write_bytes(RECORDS[0])


def test_a_run_is_read_in_the_order_of_its_files(tmp_path: Path) -> None:
    write_run(tmp_path)
    assert list(read_run(tmp_path)) == EVENTS
    assert list(read_run(str(tmp_path))) == EVENTS


def test_an_empty_run_gives_nothing(tmp_path: Path) -> None:
    assert list(read_run(tmp_path)) == []


def test_a_run_with_a_torn_file_goes_on_with_the_next(tmp_path: Path) -> None:
    write_run(tmp_path)
    with (tmp_path / "events.out.tfevents.0000000002.host").open("rb+") as file:
        file.truncate(len(RECORDS[2]) + 3)
    assert list(read_run(tmp_path)) == EVENTS[:3] + EVENTS[4:]


def test_a_run_with_a_damaged_file_raises_or_logs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_run(tmp_path)
    damaged = tmp_path / "events.out.tfevents.0000000002.host"
    damaged.write_bytes(RECORDS[2] + bytes(12) + RECORDS[3])
    events = read_run(tmp_path)
    assert list(islice(events, 3)) == EVENTS[:3]
    with pytest.raises(CorruptFileError, match=r"0000000002\.host: corrupt record at byte"):
        next(events)
    with caplog.at_level(logging.WARNING, logger="tbimage"):
        assert list(read_run(tmp_path, on_error="log")) == EVENTS[:3] + EVENTS[4:]
    (logged,) = caplog.messages
    assert logged.startswith(f"{damaged}: corrupt record at byte {len(RECORDS[2])}")


def test_bad_arguments_are_errors_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="on_error: got 'ignore', expected 'raise' or 'log'"):
        read_run(tmp_path, on_error="ignore")  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        read_run(tmp_path / "missing")


# Files of the peers.


@pytest.mark.parametrize("peer", ["torch.utils.tensorboard", "tensorboardX"])
def test_files_of_peers_are_read_as_tensorboard_reads_them(peer: str, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    peer_module = pytest.importorskip(peer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with peer_module.SummaryWriter(str(tmp_path)) as writer:
            writer.add_scalar("loss", 0.5, 3)
            writer.add_text("note", "é", 4)
            writer.add_histogram("weights", np.array([1.0, 2.0]), 5)
    ours = [event.SerializeToString() for event in read_run(tmp_path)]
    assert ours == [event.SerializeToString() for event in readers.read_raw(tmp_path)]
    assert len(ours) == 4
