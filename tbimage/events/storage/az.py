"""Objects of Azure Blob Storage, through adlfs. They are append blobs, which can always grow.

https://learn.microsoft.com/rest/api/storageservices/append-block
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tbimage.buffers import Piece
from tbimage.events.storage.objects import ChangedError, Objects, Version, as_os_error

__all__ = ["AzureObjects"]

_WRITER = "tbimagewriter"  # in Azure, names of metadata must be C# identifiers
# The largest block in bytes that all versions of the REST API accept.
_MOST_BLOCK = 4 << 20
# The HTTP statuses that Azure returns if the condition of a request is false.
_CHANGED = frozenset({404, 409, 412})


class AzureObjects(Objects):
    """Append blobs; see ``Objects``."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.grows_from = 0

    def put(self, path: str, data: Piece, version: Version | None, writer: str) -> Version:
        """Upload a new object. Existing objects are never replaced, because they can grow."""
        metadata = {_WRITER: writer}
        self._call("create_append_blob", path, metadata=metadata, if_none_match="*")
        return self.append(path, data, path, 0, Version(0, "", writer), writer)

    def append(
        self, path: str, data: Piece, source: str, size: int, version: Version, writer: str
    ) -> Version:
        """Append blocks. Azure accepts a block only if the object has the expected size."""
        for start in range(0, len(data), _MOST_BLOCK):
            block = bytes(data[start : start + _MOST_BLOCK])
            position = version.size + start
            self._call("append_block", path, block, appendpos_condition=position)
        return Version(version.size + len(data), "", writer)

    def look(self, path: str) -> Version | None:
        """Return the current version of an object; None if it does not exist."""
        try:
            found = self._call("get_blob_properties", path)
        except ChangedError:
            return None
        return Version(found.size, "", (found.metadata or {}).get(_WRITER, ""))

    def _call(self, method: str, path: str, *arguments: Any, **keywords: Any) -> Any:
        from fsspec.asyn import sync

        filesystem = self.filesystem
        container, name, _ = filesystem.split_path(path)

        async def call() -> Any:
            async with filesystem.service_client.get_blob_client(container, name) as blob:
                function: Callable[..., Any] = getattr(blob, method)
                return await function(*arguments, retry_total=0, **keywords)

        try:
            with as_os_error(path):
                return sync(filesystem.loop, call)
        except OSError as error:
            cause = error.__cause__
            if getattr(cause, "error_code", "") == "ContainerNotFound":
                raise FileNotFoundError(2, "there is no such container", path) from cause
            if getattr(cause, "status_code", None) in _CHANGED:
                raise ChangedError(path) from cause
            raise
