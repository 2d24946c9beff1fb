"""A storage in memory, with the operations of ``LocalStorage``."""

from __future__ import annotations

import errno
import io
import os
import posixpath
from collections.abc import Sequence
from typing import BinaryIO

from tbimage.buffers import Piece
from tbimage.events.storage import AppendFile

__all__ = ["MemoryStorage"]


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
    """Files in the memory of this process."""

    def __init__(self) -> None:
        self.files: dict[str, bytearray] = {}  # the content of each, by its path

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
