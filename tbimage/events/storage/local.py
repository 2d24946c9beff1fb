"""Event files on a local disk, and the operations that event files need from any storage.

- A writer makes a new file, and appends to it. Each write is one system call without a buffer,
  so a process that is killed or forked loses nothing and writes nothing twice.
- Failures raise ``OSError`` and are not retried here. A write that returns a number may
  have written only a part. After an error, the size of the file shows how much was written.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from itertools import islice
from typing import BinaryIO, Protocol

from tbimage.buffers import Piece
from tbimage.events import locks

__all__ = ["AppendFile", "DiskStorage", "LocalStorage", "Storage", "is_shortage", "open_high"]


class AppendFile(Protocol):
    """A file to which bytes are only added at the end."""

    def write(self, pieces: Sequence[Piece]) -> int:
        """Append buffers with one system call, and return the number of written bytes."""

    def sync(self) -> None:
        """Wait until the written data would survive a loss of power."""

    def size(self) -> int:
        """Return the current size; OSError (ESTALE) if the descriptor belongs to another file."""

    def cut(self, size: int) -> None:
        """Truncate the file to ``size`` bytes."""

    def in_place(self) -> bool:
        """Tell whether this file is still at its path: it was not deleted, moved or replaced.

        If this is not known, return True, because writing to the open file is still possible.
        """

    def close(self) -> None:
        """Close the file; a second call does nothing."""


class Storage(Protocol):
    """The operations of a disk or an object store that has files in directories."""

    def join(self, directory: str, name: str) -> str:
        """Join the path of a directory and a name."""

    def names(self, directory: str) -> list[str]:
        """List the names in a directory; [] if it does not exist."""

    def directories(self, directory: str) -> list[str]:
        """List the relative paths of all directories below a directory."""

    def open_to_read(self, path: str) -> BinaryIO:
        """Open a file for reading; FileNotFoundError if it does not exist."""

    def size_and_age(self, path: str, now: float) -> tuple[int, float]:
        """Return a file's size in bytes and the seconds since it last grew."""

    def remove(self, path: str) -> None:
        """Delete a file."""


class DiskStorage(Storage, Protocol):
    """A storage that can append to its files."""

    def make_directory(self, directory: str) -> None:
        """Create a directory and its parents, if they are missing."""

    def create(self, path: str) -> AppendFile:
        """Create a file; FileExistsError if it exists already."""

    def free_bytes(self, directory: str) -> int:
        """Return the free bytes of the disk."""

    def sync_directory(self, directory: str) -> None:
        """Wait until a directory and the names in it would survive a loss of power."""


# The errors of ``stat`` for a path without a file. Missing permissions (EACCES) and network
# failures raise other errors.
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, getattr(errno, "ESTALE", errno.ENOENT)})
# The errors of ``fsync`` if directories cannot be synced. The manual of Linux lists EINVAL.
_NO_DIRECTORY_SYNC = frozenset({errno.EINVAL, errno.EACCES, errno.EPERM, errno.ENOTSUP})

# The errors of a process or a system that has no more descriptors or memory.
_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})

# One system call takes at most IOV_MAX pieces: 1024 on Linux and macOS (limits.h).
_MOST_PIECES = 1024


def open_high(path: str, flags: int) -> int:
    """Open a file; its descriptor is not 0, 1 or 2, because C code writes messages to these.

    A program that has closed its standard output or error would write them into the file. (SQLite
    avoids these numbers, too: SQLITE_MINIMUM_FILE_DESCRIPTOR.)
    """
    descriptor = os.open(path, flags, 0o666)
    low = []
    try:
        while descriptor <= 2:
            low.append(descriptor)
            descriptor = os.dup(descriptor)
    finally:
        for each in low:
            os.close(each)
    return descriptor


class _LocalFile:
    _descriptor: int | None = None
    _identity: tuple[int, int] | None = None  # None if opening was interrupted

    def __init__(self, path: str) -> None:
        self._path = path
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        flags |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        self._descriptor = open_high(path, flags)
        status = os.fstat(self._descriptor)
        self._identity = (status.st_dev, status.st_ino)
        locks.lock(self._descriptor, self._identity)

    def write(self, pieces: Sequence[Piece]) -> int:
        return _write_pieces(self._open_descriptor(), pieces)

    def sync(self) -> None:
        os.fsync(self._open_descriptor())

    def size(self) -> int:
        status = os.fstat(self._open_descriptor())
        if self._identity not in (None, (status.st_dev, status.st_ino)):
            # The program has closed the descriptor. Then another file got the same number.
            self._descriptor = None
            raise OSError(errno.ESTALE, "the descriptor belongs to another file", self._path)
        return status.st_size

    def cut(self, size: int) -> None:
        os.ftruncate(self._open_descriptor(), size)

    def in_place(self) -> bool:
        try:
            status = os.stat(self._path)
        except OSError as error:
            return error.errno not in _GONE
        return (status.st_dev, status.st_ino) == self._identity

    def close(self) -> None:
        if self._descriptor is None:
            return
        try:
            self.size()
        except OSError:  # the descriptor is closed, or belongs to another file
            self._descriptor = None
        locks.unlock(self._descriptor, self._identity)
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()

    def _open_descriptor(self) -> int:
        if self._descriptor is None:
            raise OSError(errno.EBADF, "the file is closed", self._path)
        return self._descriptor


def is_shortage(error: BaseException) -> bool:
    """Tell whether descriptors or memory were missing, so that a later attempt may succeed."""
    return isinstance(error, MemoryError) or getattr(error, "errno", None) in _SHORTAGES


def _raise_shortage(error: OSError) -> None:
    if is_shortage(error):
        raise error


if hasattr(os, "writev"):

    def _write_pieces(descriptor: int, pieces: Sequence[Piece]) -> int:
        return os.writev(descriptor, pieces[:_MOST_PIECES])

else:  # Windows

    def _write_pieces(descriptor: int, pieces: Sequence[Piece]) -> int:
        return os.write(descriptor, b"".join(pieces))


class LocalStorage:
    """Files of this machine, or of a file system that is mounted on it.

    Example:
        >>> import tempfile
        >>> storage = LocalStorage()
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     file = storage.create(storage.join(directory, "name"))
        ...     file.write([b"ab", b"c"])
        ...     file.close()
        ...     storage.names(directory)
        3
        ['name']
    """

    def join(self, directory: str, name: str) -> str:
        return os.path.join(directory, name)

    def make_directory(self, directory: str) -> None:
        os.makedirs(directory, exist_ok=True)

    def names(self, directory: str) -> list[str]:
        try:
            return os.listdir(directory)
        except FileNotFoundError:
            return []

    def directories(self, directory: str) -> list[str]:
        # Directories that may not be read are left out, as in TensorBoard.
        walk = os.walk(directory, onerror=_raise_shortage)
        below = (path for path, _, _ in islice(walk, 1, None))
        return [os.path.relpath(path, directory) for path in below]

    def create(self, path: str) -> AppendFile:
        return _LocalFile(path)

    def open_to_read(self, path: str) -> BinaryIO:
        # Opening a FIFO would wait until another process writes to it.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise FileNotFoundError(errno.ENOENT, "no regular file", path)
        return open(path, "rb")

    def size_and_age(self, path: str, now: float) -> tuple[int, float]:
        status = os.stat(path)
        return status.st_size, now - status.st_mtime

    def remove(self, path: str) -> None:
        os.remove(path)

    def free_bytes(self, directory: str) -> int:
        if os.name == "nt":
            import shutil  # here, because the import takes 2 ms

            return shutil.disk_usage(directory).free
        disk = os.statvfs(directory)
        return disk.f_bavail * disk.f_frsize

    def sync_directory(self, directory: str) -> None:
        if os.name == "nt":
            return  # Windows cannot open directories
        while True:  # also sync the parents: they contain names of directories that may be new
            try:
                _sync_path(directory)
            except OSError as error:
                if error.errno not in _NO_DIRECTORY_SYNC:
                    raise
            parent = os.path.dirname(directory)
            if parent == directory:
                return
            directory = parent


def _sync_path(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
