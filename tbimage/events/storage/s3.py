"""Objects of S3, and of other stores with the interface of S3, through s3fs.

An object of 5 MiB or more grows by a multipart upload of two parts. The store copies the first part
from the object. The second part has the new bytes. All parts but the last need at least 5 MiB
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
"""

from __future__ import annotations

import contextlib
import errno
from typing import Any

from tbimage.buffers import Piece
from tbimage.events.storage.objects import ChangedError, Objects, Version, as_os_error

__all__ = ["S3Objects"]

_LEAST_PART = 5 << 20
# The errors of S3 if the condition of a request is false: the object was changed or deleted.
_CHANGED = frozenset({"PreconditionFailed", "412", "NoSuchKey"})
_WRITER = "tbimage-writer"  # the metadata that names the writer


class S3Objects(Objects):
    """Objects of S3; see ``Objects``."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.grows_from = _LEAST_PART

    def put(self, path: str, data: Piece, version: Version | None, writer: str) -> Version:
        """Upload a whole object. It is new if ``version`` is None, else it replaces ``version``."""
        condition = {"IfNoneMatch": "*"} if version is None else {"IfMatch": version.tag}
        metadata = {"Metadata": {_WRITER: writer}}
        answer = self._call("put_object", path, Body=bytes(data), **metadata, **condition)
        return Version(len(data), answer["ETag"], writer)

    def append(
        self, path: str, data: Piece, source: str, size: int, version: Version, writer: str
    ) -> Version:
        """Copy the first bytes of a version within the store, and upload the new bytes."""
        bucket, key, _ = self.filesystem.split_path(source)
        answer = self._call("create_multipart_upload", path, Metadata={_WRITER: writer})
        upload = {"UploadId": answer["UploadId"]}
        condition = {"IfMatch": version.tag} if source == path else {"IfNoneMatch": "*"}
        try:
            first = self._call(
                "upload_part_copy",
                path,
                CopySource={"Bucket": bucket, "Key": key},
                CopySourceIfMatch=version.tag,
                CopySourceRange=f"bytes=0-{size - 1}",
                PartNumber=1,
                **upload,
            )["CopyPartResult"]
            second = self._call("upload_part", path, Body=bytes(data), PartNumber=2, **upload)
            parts = [
                {"PartNumber": number, "ETag": part["ETag"]}
                for number, part in enumerate((first, second), start=1)
            ]
            answer = self._call(
                "complete_multipart_upload",
                path,
                MultipartUpload={"Parts": parts},
                **upload,
                **condition,
            )
        except BaseException:
            with contextlib.suppress(Exception):  # parts that stay in the store cost money
                self._call("abort_multipart_upload", path, **upload)
            raise
        return Version(size + len(data), answer["ETag"], writer)

    def look(self, path: str) -> Version | None:
        """Return the current version of an object; None if it does not exist."""
        try:
            answer = self._call("head_object", path)
        except FileNotFoundError:
            return None
        writer = answer.get("Metadata", {}).get(_WRITER, "")
        return Version(answer["ContentLength"], answer["ETag"], writer)

    def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        filesystem = self.filesystem
        filesystem.retries = 1  # s3fs makes one attempt; the pipeline retries
        bucket, key, _ = filesystem.split_path(path)
        try:
            with as_os_error(path):
                answer: dict[str, Any]
                answer = filesystem.call_s3(method, Bucket=bucket, Key=key, **arguments)
                return answer
        except OSError as error:
            answer = getattr(error.__cause__, "response", None) or {}
            code = answer.get("Error", {}).get("Code", "")
            if code in _CHANGED:
                raise ChangedError(path) from error
            if code in ("NotImplemented", "501"):
                raise OSError(errno.ENOSYS, str(error), path) from error
            raise
