"""Objects of Google Cloud Storage, through gcsfs.

An object grows by ``compose``. The writer uploads the new bytes as a second object, lets the store
join both objects, and deletes the second object
(https://cloud.google.com/storage/docs/composing-objects).
"""

from __future__ import annotations

import contextlib
import secrets
from typing import Any

from tbimage.buffers import Piece
from tbimage.events.storage.objects import ChangedError, Objects, Version, as_os_error

__all__ = ["GoogleObjects"]

_WRITER = "tbimage-writer"


class GoogleObjects(Objects):
    """Objects of Google Cloud Storage; see ``Objects``."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.grows_from = 0

    def put(self, path: str, data: Piece, version: Version | None, writer: str) -> Version:
        """Upload a new object. Existing objects are never replaced, because they can grow."""
        try:
            with as_os_error(path):
                self.filesystem.pipe_file(
                    path, bytes(data), metadata={_WRITER: writer}, mode="create"
                )
        except OSError as error:
            if _status_of(error) == 412:
                raise ChangedError(path) from error
            raise
        found = self.look(path)
        if found is None or found.writer != writer:
            raise ChangedError(path)
        return found

    def append(
        self, path: str, data: Piece, source: str, size: int, version: Version, writer: str
    ) -> Version:
        """Upload the new bytes as a second object, join both objects, and delete the second."""
        bucket, key, _ = self.filesystem.split_path(path)
        # The name of the second object does not contain "tfevents", so readers ignore this object.
        folder, _, _ = path.rpartition("/")
        part = f"{folder}/part-{writer}-{secrets.token_hex(4)}"
        try:
            with as_os_error(path):
                self.filesystem.pipe_file(part, bytes(data))
                answer: dict[str, Any] = self.filesystem.call(
                    "POST",
                    "b/{}/o/{}/compose",
                    bucket,
                    key,
                    ifGenerationMatch=version.tag,
                    headers={"Content-Type": "application/json"},
                    json={
                        "kind": "storage#composeRequest",
                        "sourceObjects": [
                            {"name": key, "generation": version.tag},
                            {"name": self.filesystem.split_path(part)[1]},
                        ],
                        "destination": {
                            "contentType": "application/octet-stream",
                            "metadata": {_WRITER: writer},
                        },
                    },
                    json_out=True,
                )
        except OSError as error:
            if _status_of(error) in (404, 412):
                raise ChangedError(path) from error
            raise
        finally:
            with contextlib.suppress(Exception):
                self.filesystem.rm_file(part)
        found = Version(int(answer["size"]), str(answer["generation"]), writer)
        if found.size != version.size + len(data):
            raise ChangedError(path)
        return found

    def look(self, path: str) -> Version | None:
        """Return the current version of an object; None if it does not exist."""
        bucket, key, _ = self.filesystem.split_path(path)
        try:
            with as_os_error(path):
                answer = self.filesystem.call("GET", "b/{}/o/{}", bucket, key, json_out=True)
        except OSError as error:
            if isinstance(error, FileNotFoundError) or _status_of(error) == 404:
                return None
            raise
        writer = answer.get("metadata", {}).get(_WRITER, "")
        return Version(int(answer["size"]), str(answer["generation"]), writer)


def _status_of(error: OSError) -> int | None:
    """Return the HTTP status of an error, if it has one."""
    status: int | None = getattr(error.__cause__, "code", None)
    return status
