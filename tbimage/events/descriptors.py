"""Event files of many runs with few descriptors.

What lives here: a storage whose files give up their descriptors when others need them, and open
them again when they are written to. What does not: everything else that a file is
(``storage/local.py``).

Why: a process has 1024 descriptors, often 256, and a writer of a thousand runs must not take them
all. Beginning a new event file each time instead would leave a file for each value where more runs
than descriptors are written in turn.

Rules:
- A file stays the same file: it is opened again by its path for appending, and only if it is the
  one that was created and has the size that was written; else ESTALE, at which a segment ends.
- What the system reports when a descriptor is given up is raised by the next call on its file.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections import OrderedDict
from collections.abc import Sequence

from tbimage.buffers import Piece
from tbimage.events.storage import AppendFile, LocalStorage

__all__ = ["SharingStorage"]

# What ``stat`` says of a path that leads nowhere, as in storage/local.py.
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, getattr(errno, "ESTALE", errno.ENOENT)})
_APPEND = os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class SharingStorage(LocalStorage):
    """Local files of which a limited number is open at any time: those written to last.

    Not thread-safe, and neither are its files: one committer has them all.

    Args:
        limit: How many, at least 1.

    Example:
        >>> import tempfile
        >>> storage = SharingStorage(limit=1)
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     files = [storage.create(storage.join(directory, name)) for name in "ab"]
        ...     [file.write([b"once"]) + file.write([b"more"]) for file in files]
        ...     storage.open_files
        ...     for file in files:
        ...         file.close()
        [8, 8]
        1
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: OrderedDict[_SharingFile, int] = OrderedDict()  # the one used last is the last

    @property
    def open_files(self) -> int:
        """How many files are open."""
        return len(self._open)

    def create(self, path: str) -> AppendFile:
        """Create a file; FileExistsError where there is one."""
        self._make_room()
        descriptor = os.open(path, _APPEND | os.O_CREAT | os.O_EXCL, 0o666)
        file = _SharingFile(self, path, os.fstat(descriptor))
        self._open[file] = descriptor
        return file

    def descriptor_of(self, file: _SharingFile) -> int:
        """Return a file's descriptor, opening it again if it was given up.

        Args:
            file: One that ``create`` made and that is not closed.

        Raises:
            OSError: It cannot be opened, or the path leads to another file now.
        """
        descriptor = self._open.get(file)
        if descriptor is None:
            self._make_room()
            descriptor = os.open(file.path, _APPEND)
            if not file.is_same(os.fstat(descriptor)):
                os.close(descriptor)
                raise OSError(errno.ESTALE, "the file was replaced or changed", file.path)
            self._open[file] = descriptor
        self._open.move_to_end(file)
        return descriptor

    def release(self, file: _SharingFile) -> None:
        """Close a file's descriptor, if it has one; OSError where writing had failed late."""
        if file in self._open:
            with contextlib.suppress(OSError):  # closed already, or not ours any more
                file.size()
        descriptor = self.lose(file)
        if descriptor is not None:
            os.close(descriptor)

    def lose(self, file: _SharingFile) -> int | None:
        """Forget a file's descriptor."""
        return self._open.pop(file, None)

    def _make_room(self) -> None:
        while len(self._open) >= self._limit:
            longest_unused = next(iter(self._open))
            try:
                self.release(longest_unused)
            except OSError as error:
                longest_unused.failure = error

    def __del__(self) -> None:
        for file in list(self._open):
            with contextlib.suppress(OSError):
                self.release(file)


class _SharingFile:
    def __init__(self, storage: SharingStorage, path: str, status: os.stat_result) -> None:
        self.path = path
        self.failure: OSError | None = None  # of closing a descriptor that another file needed
        self._storage = storage
        self._identity = (status.st_dev, status.st_ino)
        self._size = 0
        self._closed = False

    def is_same(self, status: os.stat_result) -> bool:
        return self._is_identical(status) and status.st_size == self._size

    def write(self, pieces: Sequence[Piece]) -> int:
        count = os.write(self._descriptor(), b"".join(pieces))  # scalars: nothing large to copy
        self._size += count
        return count

    def size(self) -> int:
        status = os.fstat(self._descriptor())
        if not self._is_identical(status):
            self._storage.lose(self)  # the program closed it, and opened another file of its own
            raise OSError(errno.ESTALE, "the descriptor belongs to another file", self.path)
        self._size = status.st_size
        return status.st_size

    def cut(self, size: int) -> None:
        os.ftruncate(self._descriptor(), size)

    def sync(self) -> None:
        os.fsync(self._descriptor())  # of all that any descriptor wrote to the file

    def in_place(self) -> bool:
        try:
            status = os.stat(self.path)
        except OSError as error:
            return error.errno not in _GONE  # else it cannot be told; opening or writing will
        return self._is_identical(status)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._storage.release(self)
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
