"""Files that share few descriptors behave like files that have one each."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tbimage.events.descriptors import SharingStorage


@given(
    limit=st.integers(1, 4),
    writes=st.lists(st.tuples(st.integers(0, 5), st.binary(min_size=1, max_size=5))),
)
def test_every_file_has_its_own_bytes(
    tmp_path_factory: pytest.TempPathFactory, limit: int, writes: list[tuple[int, bytes]]
) -> None:
    directory = tmp_path_factory.mktemp("files")
    storage = SharingStorage(limit)
    files = {}
    expected: dict[int, bytes] = {}
    for number, data in writes:
        if number not in files:
            files[number] = storage.create(str(directory / str(number)))
        assert files[number].in_place()
        assert files[number].write([data[:2], data[2:]]) == len(data)
        expected[number] = expected.get(number, b"") + data
        assert storage.open_files <= limit
    for file in files.values():
        file.sync()
        file.close()
        file.close()
    assert storage.open_files == 0
    assert {int(path.name): path.read_bytes() for path in directory.iterdir()} == expected


def test_a_file_is_created_new(tmp_path: Path) -> None:
    storage = SharingStorage(1)
    storage.create(str(tmp_path / "a"))
    with pytest.raises(FileExistsError):
        storage.create(str(tmp_path / "a"))


def test_another_file_of_the_same_name_is_not_written_to(tmp_path: Path) -> None:
    storage = SharingStorage(1)
    path = tmp_path / "a"
    first = storage.create(str(path))
    first.write([b"once"])
    storage.create(str(tmp_path / "b"))
    path.rename(tmp_path / "moved")
    path.write_bytes(b"once")
    assert not first.in_place()
    with pytest.raises(OSError, match="replaced or changed") as raised:
        first.write([b"more"])
    assert raised.value.errno == errno.ESTALE
    assert path.read_bytes() == b"once"
    assert storage.open_files == 0  # the unused descriptor is closed


def test_a_late_error_is_raised_by_the_next_call_on_its_file(tmp_path: Path) -> None:
    storage = SharingStorage(1)
    first = storage.create(str(tmp_path / "a"))
    descriptor = next(iter(storage._open.values()))
    os.close(descriptor)  # so that closing it again fails
    second = storage.create(str(tmp_path / "b"))
    second.write([b"fine"])
    with pytest.raises(OSError, match="Bad file descriptor"):
        first.write([b"more"])
    second.close()


def test_closing_a_file_closes_no_file_that_has_got_its_descriptor(tmp_path: Path) -> None:
    storage = SharingStorage(8)
    file = storage.create(str(tmp_path / "a"))
    file.write([b"x"])
    (descriptor,) = storage._open.values()
    os.close(descriptor)  # as a daemon does, which closes all descriptors
    with (tmp_path / "foreign").open("wb", buffering=0) as foreign:
        assert foreign.fileno() == descriptor
        file.close()
        foreign.write(b"y")
    assert (tmp_path / "foreign").read_bytes() == b"y"


def test_a_closed_file_cannot_be_written(tmp_path: Path) -> None:
    file = SharingStorage(1).create(str(tmp_path / "a"))
    file.close()
    with pytest.raises(OSError, match="closed"):
        file.write([b"more"])


def test_a_storage_that_goes_closes_its_files(tmp_path: Path) -> None:
    storage = SharingStorage(2)
    descriptor = next(iter(storage._open.values())) if storage._open else None
    file = storage.create(str(tmp_path / "a"))
    descriptor = storage._open[file]  # type: ignore[index]
    del storage, file
    import gc

    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
