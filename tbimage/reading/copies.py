"""Copy the event files below a URL to a local directory. They are read there like other files.

If bytes were appended to an object, a refresh fetches only these bytes. It fetches from many
objects at once.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tbimage.events.names import is_event_file
from tbimage.events.storage import urls
from tbimage.events.storage.filesystems import filesystem_of
from tbimage.events.storage.objects import as_os_error

__all__ = ["VERSIONS", "CopiedPath", "Copies"]

# Many ranges are fetched at once, so that the latency of the store matters less. A batch of ranges
# is complete when it has _MOST_BYTES or _MOST_RANGES. A range has at most _RANGE_BYTES.
_MOST_BYTES, _MOST_RANGES, _RANGE_BYTES = 64 << 20, 256, 8 << 20
#: A listing of a store has the version of an object under one of these keys.
VERSIONS = ("ETag", "etag", "generation", "LastModified", "last_modified", "mtime", "created")


class CopiedPath(str):
    """The path of a copy. While this object is in use, the copies are not deleted."""

    copies: Copies

    @property
    def url(self) -> str:
        """The URL of the copied object. Errors show the URL instead of the path."""
        return self.copies.url_of(self)


@dataclass(frozen=True)
class _Object:
    name: str  # the name in the store
    size: int
    version: str


class Copies:
    """Local copies of the event files below a URL, or of the one file with this URL.

    Attributes:
        url: The URL.
        path: The local directory of the copies, or the one local file.
    """

    def __init__(self, url: str) -> None:
        self.url: str = urls.check_url(url, "path")
        self._directory = tempfile.mkdtemp(prefix="tbimage-")
        weakref.finalize(self, shutil.rmtree, self._directory, ignore_errors=True)
        self._known: dict[str, _Object] = {}  # the keys are the paths of the copies
        with as_os_error(self.url):
            self._is_file = bool(filesystem_of(self.url).isfile(self.url))
        self.path = self._directory
        if self._is_file:
            self.path = os.path.join(self._directory, os.path.basename(self.url))
        self.refresh()

    def refresh(self) -> None:
        """Fetch new bytes, and delete the copies of deleted objects."""
        filesystem = filesystem_of(self.url)
        found = dict(self._list(filesystem))
        gone = self._known.keys() - found.keys()
        for batch in _batches(self._missing(found)):
            names = [each.name for _, each, _, _ in batch]
            starts, ends = [each[2] for each in batch], [each[3] for each in batch]
            with as_os_error(self.url):
                parts = filesystem.cat_ranges(names, starts, ends, on_error="return")
            for (path, each, start, _), data in zip(batch, parts, strict=True):
                if isinstance(data, FileNotFoundError) or path in gone:
                    gone.add(path)  # the object was just deleted
                elif isinstance(data, BaseException):
                    with as_os_error(each.name):
                        raise data
                else:
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    with open(path, "r+b" if start else "wb") as file:
                        file.seek(start)
                        file.write(data)
        for path in gone:
            found.pop(path, None)
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)
        self._known = found

    def url_of(self, path: str) -> str:
        """Return the URL of a copy, or of a directory of copies."""
        if self._is_file:
            return self.url
        below = os.path.relpath(path, self._directory)
        return self.url if below == "." else urls.join(self.url, *below.split(os.sep))

    def keep(self, path: str) -> CopiedPath:
        """Return a path object. While it is in use, the copies are not deleted."""
        kept = CopiedPath(path)
        kept.copies = self
        return kept

    def _list(self, filesystem: Any) -> Iterator[tuple[str, _Object]]:
        with as_os_error(self.url):
            if self._is_file:
                info = filesystem.info(self.url)
                yield self.path, _object(info)
                return
            try:
                root = filesystem.info(self.url)["name"].rstrip("/") + "/"
                found = filesystem.find(self.url, detail=True)
            except FileNotFoundError:
                raise FileNotFoundError(
                    errno.ENOENT, "there is no such bucket or directory", self.url
                ) from None
        for name, info in found.items():
            if is_event_file(os.path.basename(name)):
                yield os.path.join(self._directory, *name[len(root) :].split("/")), _object(info)

    def _missing(self, found: dict[str, _Object]) -> Iterator[tuple[str, _Object, int, int]]:
        """Yield the ranges to fetch. Make the copies of empty objects."""
        for path, each in found.items():
            known = self._known.get(path)
            start = 0 if known is None else known.size
            if known is not None and known.version != each.version and each.size <= known.size:
                start = 0  # the object was replaced
            if start >= each.size and (known is None or start == 0):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb"):
                    pass
            for begin in range(start, each.size, _RANGE_BYTES):
                yield path, each, begin, min(begin + _RANGE_BYTES, each.size)


def _object(info: dict[str, Any]) -> _Object:
    version = next((str(info[key]) for key in VERSIONS if info.get(key)), "")
    return _Object(info["name"], int(info["size"]), version)


def _batches(
    ranges: Iterator[tuple[str, _Object, int, int]],
) -> Iterator[list[tuple[str, _Object, int, int]]]:
    batch: list[tuple[str, _Object, int, int]] = []
    size = 0
    for each in ranges:
        batch.append(each)
        size += each[3] - each[2]
        if size >= _MOST_BYTES or len(batch) >= _MOST_RANGES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
