"""Objects of any store that fsspec supports. They can grow if the store can append.

``s3.py``, ``gs.py`` and ``az.py`` have better operations for single stores. Rules:

- Each failure is an ``OSError``. A request may have succeeded even if it raised an error.
- A request for a version that is not the current one changes nothing and raises ``ChangedError``.
  In this class, this is not atomic: a separate request first compares the sizes.
"""

from __future__ import annotations

import errno
import math
import posixpath
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, BinaryIO

from tbimage.buffers import Piece
from tbimage.events.storage import urls
from tbimage.events.storage.filesystems import filesystem_of

__all__ = ["ChangedError", "Objects", "Version", "as_os_error"]


class ChangedError(OSError):
    """The object does not have the version that the request expects."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.ESTALE, "the object is not the one that was written", path)


@dataclass(frozen=True)
class Version:
    """One version of an object.

    Attributes:
        size: In bytes.
        tag: The ETag or the generation; empty if the store has none.
        writer: The writer that uploaded this version; None if the store does not record it.
    """

    size: int
    tag: str = ""
    writer: str | None = None


class Objects:
    """The objects of a store, with the operations that fsspec has for all stores.

    This class is also a ``Storage``.

    Attributes:
        grows_from: The least size in bytes of an object that can grow; infinite if no object can.
    """

    # The protocols with which fsspec really appends to a file that is opened for appending. With
    # other protocols, fsspec writes the whole object again, or cannot append.
    _APPENDING = frozenset({"memory", "file", "local", "sftp", "ssh", "smb", "hdfs", "arrow_hdfs"})

    def __init__(self, url: str) -> None:
        self.url = url
        self.grows_from: float = 0 if urls.protocol_of(url) in self._APPENDING else math.inf

    @property
    def filesystem(self) -> Any:
        """The filesystem of this process."""
        return filesystem_of(self.url)

    def put(self, path: str, data: Piece, version: Version | None, writer: str) -> Version:
        """Upload a whole object. It is new if ``version`` is None, else it replaces ``version``."""
        found = self.look(path)
        if (found and found.size) != (version and version.size):
            raise ChangedError(path)
        with as_os_error(path):
            self.filesystem.makedirs(urls.dirname(path), exist_ok=True)
            self.filesystem.pipe_file(path, bytes(data))
        return Version(len(data))

    def append(
        self, path: str, data: Piece, source: str, size: int, version: Version, writer: str
    ) -> Version:
        """Make an object of the first ``size`` bytes of a source and of ``data``.

        The source is a version of the object itself. In stores that can copy (``s3.py``), the
        source may also be a version of another object.
        """
        found = self.look(path)
        if found is None or found.size != version.size:
            raise ChangedError(path)
        with as_os_error(path), self.filesystem.open(path, "ab") as file:
            file.write(data)
        return Version(version.size + len(data))

    def look(self, path: str) -> Version | None:
        """Return the current version of an object; None if it does not exist."""
        try:
            with as_os_error(path):
                return Version(self.filesystem.info(path)["size"])
        except FileNotFoundError:
            return None

    # The methods of ``Storage``.

    def join(self, directory: str, name: str) -> str:
        """Join the path of a directory and a name."""
        return posixpath.join(directory, name)

    def names(self, directory: str) -> list[str]:
        """List the names in a directory; [] if it does not exist."""
        try:
            with as_os_error(directory):
                found = self.filesystem.ls(directory, detail=False)
        except FileNotFoundError:
            return []
        return [posixpath.basename(each.rstrip("/")) for each in found]

    def directories(self, directory: str) -> list[str]:
        """List the relative paths of all directories with objects below a directory."""
        try:
            with as_os_error(directory):
                found = self.filesystem.find(directory)
                root = self.filesystem.info(directory)["name"].rstrip("/") + "/"
        except FileNotFoundError:
            return []
        below = {posixpath.dirname(each[len(root) :]) for each in found}
        return sorted(below - {""})

    def open_to_read(self, path: str) -> BinaryIO:
        """Open an object to read it from its start."""
        with as_os_error(path):
            file: BinaryIO = self.filesystem.open(path, "rb", block_size=1 << 20)
            return file

    def size_and_age(self, path: str, now: float) -> tuple[int, float]:
        """Return an object's size in bytes and the seconds since it last grew."""
        with as_os_error(path):
            modified: datetime = self.filesystem.modified(path)
            if modified.tzinfo is None:
                modified = modified.replace(tzinfo=timezone.utc)
            return self.filesystem.info(path)["size"], now - modified.timestamp()

    def remove(self, path: str) -> None:
        """Delete an object."""
        with as_os_error(path):
            self.filesystem.rm_file(path)


class as_os_error:  # noqa: N801  # it is used as a function
    """Convert any error in the ``with`` block to an OSError that names the object."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, OSError):
            if error.errno is None:  # such as PermissionError("Access Denied")
                number = next((_ERRNOS[each] for each in _ERRNOS if isinstance(error, each)), 0)
                error.errno, error.strerror = number or errno.EIO, str(error)
                error.filename = self._path
        elif isinstance(error, Exception):
            name = type(error).__name__
            number = errno.EACCES if "Credentials" in name else errno.EIO
            raise OSError(number, f"{name}: {error}", self._path) from error


_ERRNOS: dict[type[OSError], int] = {
    FileExistsError: errno.EEXIST,
    FileNotFoundError: errno.ENOENT,
    PermissionError: errno.EACCES,
    TimeoutError: errno.ETIMEDOUT,
}
