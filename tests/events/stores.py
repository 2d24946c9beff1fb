"""A store in memory with the rules of S3, and with planned faults."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterator
from typing import Any

from tbimage.buffers import Piece
from tbimage.events.storage.objects import ChangedError, Objects, Version

__all__ = ["FakeStore"]


class FakeStore(Objects):
    """Objects with the rules of S3.

    Args:
        grows_from: As in ``Objects``.
        faults: For each request: None, "before" (it has no effect), "after" (it has, and the client
            does not hear of it), "late" (it has, but not before the next change), or an OSError.

    Attributes:
        objects: The content of each, and its ETag and writer.
        seen: Every content that each object ever had.
        requests: How many changed something.
        bytes_up: How many bytes were uploaded.
    """

    def __init__(self, grows_from: float = 5 << 20, faults: Iterator[Any] | None = None) -> None:
        super().__init__("s3://bucket")
        self.grows_from = grows_from
        self.faults = faults or iter(())
        self.objects: dict[str, tuple[bytes, str, str]] = {}
        self.seen: dict[str, list[bytes]] = {}
        self.requests = self.bytes_up = 0
        self._late: Callable[[], Any] = lambda: None

    def put(self, path: str, data: Piece, version: Version | None, writer: str) -> Version:
        return self._change(path, len(data), version, lambda: bytes(data), writer)

    def append(
        self, path: str, data: Piece, source: str, size: int, version: Version, writer: str
    ) -> Version:
        def made() -> bytes:
            content, tag, _ = self.objects.get(source, (b"", "", ""))
            if tag != version.tag:
                raise ChangedError(source)
            assert size >= self.grows_from, "S3 copies no part below 5 MiB"
            return content[:size] + bytes(data)

        expected = version if source == path else None
        return self._change(path, len(data), expected, made, writer)

    def _change(
        self,
        path: str,
        size: int,
        version: Version | None,
        made: Callable[[], bytes],
        writer: str,
    ) -> Version:
        self.requests += 1
        self.bytes_up += size
        late, self._late = self._late, lambda: None
        with contextlib.suppress(ChangedError):
            late()
        fault = next(self.faults, None)
        if fault == "before":
            raise OSError(errno.EBUSY, "slow down", path)
        if isinstance(fault, OSError):
            raise fault
        if fault == "late":
            self._late = lambda: self._take(path, version, made, writer)
            raise OSError(errno.ETIMEDOUT, "no answer", path)
        taken = self._take(path, version, made, writer)
        if fault == "after":
            raise OSError(errno.ETIMEDOUT, "no answer", path)
        return taken

    def _take(
        self, path: str, version: Version | None, made: Callable[[], bytes], writer: str
    ) -> Version:
        if self.objects.get(path, (b"", None, ""))[1] != (version.tag if version else None):
            raise ChangedError(path)
        content = made()
        self.objects[path] = content, f"etag-{sum(map(len, self.seen.values()))}", writer
        self.seen.setdefault(path, []).append(content)
        return Version(len(content), self.objects[path][1], writer)

    def look(self, path: str) -> Version | None:
        if next(self.faults, None) is not None:
            raise OSError(errno.EBUSY, "slow down", path)
        if path not in self.objects:
            return None
        content, tag, writer = self.objects[path]
        return Version(len(content), tag, writer)

    def names(self, directory: str) -> list[str]:
        return [path.rpartition("/")[2] for path in self.objects]
