"""The files of a local disk, or of memory, and the operations that event files need of them.

- A file is created new (never opened for what is already there), only ever appended to, and each
  write is one system call on an unbuffered descriptor: a process that is killed or forked has
  nothing in a buffer to lose or to write twice.
- Failures are ``OSError``, raised to the caller, never retried here. A write that raises has
  written nothing; one that returns may have written only a part.
"""

from __future__ import annotations

import errno
import io
import os
import posixpath
import stat
from collections.abc import Sequence
from itertools import islice
from typing import BinaryIO, Protocol

from tbimage.buffers import Piece
from tbimage.events import locks

__all__ = ["AppendFile", "DiskStorage", "LocalStorage", "MemoryStorage", "Storage"]


class AppendFile(Protocol):
    """A file that is only ever appended to."""

    def write(self, pieces: Sequence[Piece]) -> int:
        """Append pieces with one system call and return how many bytes of them were written."""

    def sync(self) -> None:
        """Wait until what was written would survive a loss of power."""

    def size(self) -> int:
        """Return how many bytes it has now; ESTALE where the descriptor belongs to another file."""

    def cut(self, size: int) -> None:
        """Cut off what lies behind so many bytes."""

    def in_place(self) -> bool:
        """Tell whether the path still leads to the file: not once it was deleted or replaced.

        Where this cannot be told, True: the open file can be written to all the same.
        """

    def close(self) -> None:
        """Close the file; a second call does nothing."""


class Storage(Protocol):
    """A place that holds files in directories: what can be done in all of them."""

    def join(self, directory: str, name: str) -> str:
        """Put a directory and a name together."""

    def names(self, directory: str) -> list[str]:
        """List the names in a directory; none where it does not exist."""

    def directories(self, directory: str) -> list[str]:
        """List all directories below a directory, relative to it."""

    def open_to_read(self, path: str) -> BinaryIO:
        """Open a file to read it from its start; FileNotFoundError where there is no such file."""

    def size_and_age(self, path: str, now: float) -> tuple[int, float]:
        """Return a file's size in bytes and the seconds since it last grew."""

    def remove(self, path: str) -> None:
        """Delete a file."""


class DiskStorage(Storage, Protocol):
    """A place with files that can be appended to."""

    def make_directory(self, directory: str) -> None:
        """Create a directory and its parents where they are missing."""

    def create(self, path: str) -> AppendFile:
        """Create a file; FileExistsError where there is one."""

    def free_bytes(self, directory: str) -> int:
        """Return how many bytes can still be written."""

    def sync_directory(self, directory: str) -> None:
        """Wait until the names in a directory, and its own, would survive a loss of power."""


# What ``stat`` says of a path that leads nowhere; of a path that may not be looked at (EACCES) or a
# network that is down it says other things.
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, getattr(errno, "ESTALE", errno.ENOENT)})
# What ``fsync`` of a directory says where it is not allowed or means nothing; Linux's manual names
# EINVAL.
_NO_DIRECTORY_SYNC = frozenset({errno.EINVAL, errno.EACCES, errno.EPERM, errno.ENOTSUP})

# One system call takes at most IOV_MAX pieces: 1024 on Linux and macOS (limits.h).
_MOST_PIECES = 1024


class _LocalFile:
    _descriptor: int | None = None
    _identity: tuple[int, int] | None = None  # None in a file whose opening was interrupted

    def __init__(self, path: str) -> None:
        self._path = path
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        flags |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(path, flags, 0o666)
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
            self._descriptor = None  # the program closed it, and opened another file of its own
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
        except OSError:  # closed already, or not ours any more
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


if hasattr(os, "writev"):

    def _write_pieces(descriptor: int, pieces: Sequence[Piece]) -> int:
        return os.writev(descriptor, pieces[:_MOST_PIECES])

else:  # Windows

    def _write_pieces(descriptor: int, pieces: Sequence[Piece]) -> int:
        return os.write(descriptor, b"".join(pieces))


class LocalStorage:
    """Files of this machine, or of whatever is mounted on it.

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
        below = (path for path, _, _ in islice(os.walk(directory), 1, None))
        return [os.path.relpath(path, directory) for path in below]

    def create(self, path: str) -> AppendFile:
        return _LocalFile(path)

    def open_to_read(self, path: str) -> BinaryIO:
        # A FIFO would wait for whoever writes to it, for ever if nobody does.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise FileNotFoundError(errno.ENOENT, "no regular file", path)
        return open(path, "rb")

    def size_and_age(self, path: str, now: float) -> tuple[int, float]:
        status = os.stat(path)
        return status.st_size, now - status.st_mtime

    def remove(self, path: str) -> None:
        os.remove(path)

    def free_bytes(self, directory: str) -> int:
        from shutil import disk_usage  # 2 ms, which few programs need

        return disk_usage(directory).free

    def sync_directory(self, directory: str) -> None:
        if os.name == "nt":
            return  # which opens no directories
        while True:  # upwards, since each parent holds the name of a child that may be new
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


class _MemoryFile:
    def __init__(self, files: dict[str, bytearray], path: str) -> None:
        self._files = files
        self._path = path
        self._content = bytearray()
        files[path] = self._content

    def write(self, pieces: Sequence[Piece]) -> int:
        data = b"".join(pieces)
        self._content += data
        return len(data)

    def sync(self) -> None:
        pass

    def size(self) -> int:
        return len(self._content)

    def cut(self, size: int) -> None:
        del self._content[size:]

    def in_place(self) -> bool:
        return self._files.get(self._path) is self._content

    def close(self) -> None:
        pass


class MemoryStorage:
    """Files in this process's memory: for tests, and to hand event files on without a disk.

    Attributes:
        files: The content of each file by its path.

    Example:
        >>> storage = MemoryStorage()
        >>> storage.create("run/name").write([b"ab", b"c"])
        3
        >>> storage.files
        {'run/name': bytearray(b'abc')}
    """

    def __init__(self) -> None:
        self.files: dict[str, bytearray] = {}

    def join(self, directory: str, name: str) -> str:
        return posixpath.join(directory, name)

    def make_directory(self, directory: str) -> None:
        pass

    def names(self, directory: str) -> list[str]:
        return [
            name for folder, name in map(posixpath.split, list(self.files)) if folder == directory
        ]

    def directories(self, directory: str) -> list[str]:
        folders = {posixpath.dirname(path) for path in self.files}
        return sorted(posixpath.relpath(each, directory) for each in folders - {directory})

    def create(self, path: str) -> AppendFile:
        if path in self.files:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        return _MemoryFile(self.files, path)

    def open_to_read(self, path: str) -> BinaryIO:
        return io.BytesIO(self._content(path))

    def size_and_age(self, path: str, now: float) -> tuple[int, float]:
        return len(self._content(path)), float("inf")

    def remove(self, path: str) -> None:
        self._content(path)
        del self.files[path]

    def _content(self, path: str) -> bytearray:
        try:
            return self.files[path]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None

    def free_bytes(self, directory: str) -> int:
        return 1 << 62

    def sync_directory(self, directory: str) -> None:
        pass
