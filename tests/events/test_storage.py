"""DiskStorage: append only, one system call for each write, failures as OSError."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tbimage.events.storage import DiskStorage, LocalStorage
from tests.events.memory_storage import MemoryStorage
from tests.pipeline.faulty import no_descriptors_left
from tests.pipeline.resources import descriptors

BOTH = pytest.mark.parametrize("make", [LocalStorage, MemoryStorage])


@pytest.fixture
def directory(tmp_path: Path) -> str:
    return os.fspath(tmp_path / "a" / "run")


def read(storage: DiskStorage, path: str) -> bytes:
    with storage.open_to_read(path) as file:
        return file.read()


@BOTH
def test_appended_bytes_are_read_back(make: Callable[[], DiskStorage], directory: str) -> None:
    storage = make()
    assert storage.names(directory) == []
    storage.make_directory(directory)
    storage.make_directory(directory)
    path = storage.join(directory, "name")
    file = storage.create(path)
    assert file.write([b"ab", bytearray(b"c"), memoryview(b"xdefx")[1:4]]) == 6
    assert read(storage, path) == b"abcdef"  # no buffer in between
    assert file.write([b"g"]) == 1
    file.sync()
    storage.sync_directory(directory)
    assert read(storage, path) == b"abcdefg"
    assert storage.names(directory) == ["name"]
    size, age = storage.size_and_age(path, 4e9)
    assert size == 7
    assert age > 1e6
    assert storage.free_bytes(directory) > 0
    file.close()
    file.close()


@BOTH
def test_an_existing_file_is_never_opened(make: Callable[[], DiskStorage], directory: str) -> None:
    storage = make()
    storage.make_directory(directory)
    path = storage.join(directory, "name")
    storage.create(path).write([b"first"])
    with pytest.raises(FileExistsError):
        storage.create(path)
    assert read(storage, path) == b"first"


@BOTH
def test_a_file_knows_whether_its_path_leads_to_it(
    make: Callable[[], DiskStorage], directory: str
) -> None:
    storage = make()
    storage.make_directory(directory)
    path = storage.join(directory, "name")
    file = storage.create(path)
    assert file.in_place()
    storage.remove(path)
    assert not file.in_place()
    storage.create(path)
    assert not file.in_place()


@BOTH
def test_a_missing_file_is_an_os_error(make: Callable[[], DiskStorage], directory: str) -> None:
    storage = make()
    path = storage.join(directory, "name")
    for operation in (
        lambda: storage.open_to_read(path),
        lambda: storage.remove(path),
        lambda: storage.size_and_age(path, 0.0),
    ):
        with pytest.raises(FileNotFoundError):
            operation()


# The local disk.


def test_more_pieces_than_one_call_takes_are_a_short_write(directory: str) -> None:
    storage = LocalStorage()
    storage.make_directory(directory)
    path = storage.join(directory, "name")
    assert storage.create(path).write([b"ab"] * 3000) == 2048
    assert read(storage, path) == b"ab" * 1024


def test_two_descriptors_append_and_never_overwrite(tmp_path: Path) -> None:
    """As in a forked child and its parent."""
    file = LocalStorage().create(os.fspath(tmp_path / "name"))
    copy = os.dup(file._open_descriptor())  # type: ignore[attr-defined]
    file.write([b"one"])
    os.write(copy, b"two")
    file.write([b"three"])
    os.close(copy)
    assert (tmp_path / "name").read_bytes() == b"onetwothree"


def test_started_programs_do_not_inherit_the_file(tmp_path: Path) -> None:
    file = LocalStorage().create(os.fspath(tmp_path / "name"))
    assert not os.get_inheritable(file._open_descriptor())  # type: ignore[attr-defined]


def test_a_deleted_file_object_closes_its_descriptor(tmp_path: Path) -> None:
    file = LocalStorage().create(os.fspath(tmp_path / "name"))
    assert descriptors(tmp_path) == 1
    del file
    assert descriptors(tmp_path) == 0


def test_writing_to_a_closed_file_is_an_error(tmp_path: Path) -> None:
    file = LocalStorage().create(os.fspath(tmp_path / "name"))
    file.close()
    with pytest.raises(OSError, match="closed") as caught:
        file.write([b"a"])
    assert caught.value.errno == errno.EBADF


def test_a_file_in_a_moved_directory_is_not_in_place(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    file = LocalStorage().create(os.fspath(tmp_path / "run" / "name"))
    (tmp_path / "run").rename(tmp_path / "old")
    assert not file.in_place()
    (tmp_path / "run").write_text("now a file")
    assert not file.in_place()


def test_a_file_whose_path_cannot_be_checked_counts_as_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The open file can still be written to, and no other one could be created."""
    file = LocalStorage().create(os.fspath(tmp_path / "name"))

    def stat(path: object) -> os.stat_result:
        raise PermissionError(errno.EACCES, "not for you", path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", stat)
        assert file.in_place()


def test_too_many_open_files_is_an_os_error_that_names_the_path(tmp_path: Path) -> None:
    with no_descriptors_left(), pytest.raises(OSError, match=r"Too many open files.*name"):
        LocalStorage().create(os.fspath(tmp_path / "name"))


def test_parents_are_made_durable_with_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.readlink(f"/proc/self/fd/{fd}")))
    (tmp_path / "a" / "run").mkdir(parents=True)
    LocalStorage().sync_directory(os.fspath(tmp_path / "a" / "run"))
    assert synced[:3] == [str(tmp_path / "a" / "run"), str(tmp_path / "a"), str(tmp_path)]
    assert synced[-1] == "/"


def open_directories() -> set[str]:
    """The directories that this process has open; other descriptors may come and go."""
    targets = (os.path.realpath(each) for each in Path("/proc/self/fd").iterdir())
    return {target for target in targets if os.path.isdir(target)}


@pytest.mark.parametrize(
    ("number", "raises"), [(errno.EINVAL, False), (errno.EACCES, False), (errno.EIO, True)]
)
def test_syncing_a_directory_raises_only_if_the_disk_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, raises: bool
) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    before = open_directories()
    if raises:
        with pytest.raises(OSError, match="error"):
            LocalStorage().sync_directory(os.fspath(tmp_path))
    else:
        LocalStorage().sync_directory(os.fspath(tmp_path))
    assert open_directories() <= before
