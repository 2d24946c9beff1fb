"""Storage for the event files of many runs, with few file descriptors.

By default, a process can have 1024 descriptors on Linux and 256 on macOS. A writer of a thousand
runs must not use them all. So when a file needs a descriptor, another file may be closed. The
closed file is opened again before the next write to it. A new event file instead would be worse: if
a program writes to each run in turn, it would make one file for each value.

Rules:
- A file is opened again by its path, for appending. If another file has this path now, or if the
  size of the file has changed, the error ESTALE is raised. This error ends the segment.
- If ``close`` fails for a descriptor, the next operation on its file raises the error.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections import OrderedDict
from collections.abc import Sequence

from tbimage.buffers import Piece
from tbimage.events.storage import AppendFile, LocalStorage, open_high

# The errors that ``stat`` raises if there is no file at a path, as in storage/local.py.
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, getattr(errno, "ESTALE", errno.ENOENT)})
_APPEND = os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class SharingStorage(LocalStorage):
    """Local files. At most ``limit`` files are open: the most recently used ones.

    This class is not thread-safe, and its files are not thread-safe either.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: OrderedDict[_SharingFile, int] = OrderedDict()  # ordered by the last use

    @property
    def open_files(self) -> int:
        """The number of open files."""
        return len(self._open)

    def create(self, path: str) -> AppendFile:
        """Create a file; FileExistsError if the path exists."""
        self._make_room()
        descriptor = open_high(path, _APPEND | os.O_CREAT | os.O_EXCL)
        file = _SharingFile(self, path, os.fstat(descriptor))
        self._open[file] = descriptor
        return file

    def descriptor_of(self, file: _SharingFile) -> int:
        """Return a file's descriptor; OSError if the file was replaced or cannot be opened."""
        descriptor = self._open.get(file)
        if descriptor is None:
            self._make_room()
            descriptor = open_high(file.path, _APPEND)
            if not file.is_same(os.fstat(descriptor)):
                os.close(descriptor)
                raise OSError(errno.ESTALE, "the file was replaced or changed", file.path)
            self._open[file] = descriptor
        self._open.move_to_end(file)
        return descriptor

    def release(self, file: _SharingFile) -> None:
        """Close a file's descriptor, if the file has one; OSError if a write has failed."""
        if file in self._open:
            # If the descriptor belongs to another file now, ``size`` forgets the descriptor.
            with contextlib.suppress(OSError):
                file.size()
        descriptor = self.lose(file)
        if descriptor is not None:
            os.close(descriptor)

    def lose(self, file: _SharingFile) -> int | None:
        """Forget a file's descriptor, and return it; None if the file has none."""
        return self._open.pop(file, None)

    def _make_room(self) -> None:
        while len(self._open) >= self._limit:
            longest_unused = next(iter(self._open))
            try:
                self.release(longest_unused)
            except OSError as error:
                longest_unused.failure = error

    def __del__(self) -> None:
        for file in list(getattr(self, "_open", ())):  # empty if __init__ was interrupted
            with contextlib.suppress(OSError):
                self.release(file)


class _SharingFile:
    def __init__(self, storage: SharingStorage, path: str, status: os.stat_result) -> None:
        self.path = path
        self.failure: OSError | None = None  # the error of closing the descriptor
        self._storage = storage
        self._identity = (status.st_dev, status.st_ino)
        self._size = 0
        self._closed = False

    def is_same(self, status: os.stat_result) -> bool:
        return self._is_identical(status) and status.st_size == self._size

    def write(self, pieces: Sequence[Piece]) -> int:
        # The pieces are records of scalars, so joining them is cheap.
        count = os.write(self._descriptor(), b"".join(pieces))
        self._size += count
        return count

    def size(self) -> int:
        status = os.fstat(self._descriptor())
        if not self._is_identical(status):
            self._storage.lose(self)  # other code closed our descriptor, and reused its number
            raise OSError(errno.ESTALE, "the descriptor belongs to another file", self.path)
        self._size = status.st_size
        return status.st_size

    def cut(self, size: int) -> None:
        os.ftruncate(self._descriptor(), size)

    def sync(self) -> None:
        os.fsync(self._descriptor())  # this includes writes through earlier descriptors

    def in_place(self) -> bool:
        try:
            status = os.stat(self.path)
        except OSError as error:
            return error.errno not in _GONE  # after other errors, the file may be in place
        return self._is_identical(status)

    def close(self) -> None:
        if not self._closed:
            try:  # a closed file could not check whether its descriptor belongs to another file now
                self._storage.release(self)
            finally:
                self._closed = True
            self._raise_failure()

    def _is_identical(self, status: os.stat_result) -> bool:
        return (status.st_dev, status.st_ino) == self._identity

    def _descriptor(self) -> int:
        if self._closed:
            raise OSError(errno.EBADF, "the file is closed", self.path)
        self._raise_failure()
        return self._storage.descriptor_of(self)

    def _raise_failure(self) -> None:
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure
