"""The event files of one run in an object store: how they grow, and how uploads are retried.

A *segment* is one event file, which is one object. Its content is::

    start of file | padding (only S3) | record | record | ... | a part of the next record
    <------------ lead -------------->                          <------- begun --------->

The *lead* of an upload consists of the bytes that the upload adds before its records. After a
failed upload, the last record may be incomplete: it is *begun*, and the next upload continues it.

Readers become slower if there are many objects. Uploading a growing object again and again takes
quadratic time. S3 can only add to an object of at least 5 MiB. So:

- If a segment is small, and the store cannot add to it, the segment is a *tail*. The writer has the
  content of the tail in memory, and each upload replaces the whole object. At 64 KiB the tail is
  *sealed*: nothing more is written to it, and the next segment begins. This limit doubles after
  every 80 segments.
- If the store can add to an object (``Objects.grows_from``), only new bytes are uploaded, and the
  segment is sealed at 64 MiB.
- After the first 5 MiB of a run in S3, the next segment begins with 5 MiB of padding. So this
  segment can grow at once. The padding is a record that readers skip. For later segments, the store
  copies the padding. A segment whose first upload has 5 MiB or more needs no padding.
- An object only grows. Readers always see a prefix of the final content.

Each call of ``append`` makes one upload. If the upload raises an error, the next call asks the
store whether the object already has the new bytes. This works because each request is for one
version of the object, and the metadata of each object has the id of its writer.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from tbimage.events import names, wire
from tbimage.events.batches import Batch, skip
from tbimage.events.event_files import EventFiles, SegmentOptions, logger
from tbimage.events.records import frame, small_record
from tbimage.events.spool import Attempt
from tbimage.events.storage.objects import ChangedError, Objects, Version

__all__ = ["ObjectSegments"]

#: A tail of at least this size is sealed. The size doubles after every 80 segments.
TAIL_BYTES = 64 << 10
_TAILS = 80
# When a run has this number of bytes (5 MiB), padding is cheaper than additional tails.
_PAD_FROM = TAIL_BYTES * _TAILS
#: The default of ``max_file_bytes``. There is a limit because S3 copies the whole segment for each
#: upload.
MOST_BYTES = 64 << 20
# These values are below the limits of the stores: S3 copies at most 5 GiB at once; Azure has at
# most 50,000 blocks in a blob.
_MOST_BYTES, _MOST_UPLOADS = 4 << 30, 40_000
# If other programs use the names, one call tries this many names before it raises an error.
_MOST_NAMES_TRIED = 10
# A field of Event that no reader knows. Readers skip such fields.
_PADDING_FIELD = 1000


@dataclass
class _Segment:
    """A segment that is being written.

    Attributes:
        path: The URL of the segment.
        opened: When the segment was begun, on the monotonic clock.
        missing: The bytes that must be uploaded before the next record.
        source: The object from which the store copies the lead: its path, its version, and the
            number of bytes to copy. None: nothing is copied.
        version: The newest known version; None before the first upload.
        content: All bytes of the segment while it is a tail; None after that.
        padded: The size of the lead in bytes if it has padding; otherwise 0.
        records: The number of records in the segment.
        uploads: The number of uploads of this segment.
    """

    path: str
    opened: float
    missing: bytes
    source: tuple[str, Version, int] | None = None
    version: Version | None = None
    content: bytes | None = b""
    padded: int = 0
    records: int = 0
    uploads: int = 0

    @property
    def size(self) -> int:
        """The size of the object; before the first upload, the number of bytes to copy."""
        if self.version is not None:
            return self.version.size
        return 0 if self.source is None else self.source[2]


class ObjectSegments(EventFiles):
    """Appends records to the event files of one directory in an object store."""

    def __init__(
        self,
        objects: Objects,
        directory: str,
        options: SegmentOptions,
        say: Callable[..., None] = logger.log,
        upload_secs: float = 5.0,
    ) -> None:
        super().__init__(objects, directory, options, say)
        self.commit_secs: float = upload_secs
        #: How many bytes of records the store has acknowledged.
        self.done: int = 0
        #: Called before each upload.
        self.before_upload: Callable[[Attempt], None] | None = None
        self._objects = objects
        self._most_bytes = min(options.max_file_bytes or MOST_BYTES, _MOST_BYTES)
        self._writer = secrets.token_hex(8)
        self._segment: _Segment | None = None
        self._begun = 0  # how many bytes of the next record are in the current segment already
        self._in_doubt = False  # an upload raised an error, but may have succeeded
        self._padded: tuple[str, Version, int] | None = None  # the ``source`` of later segments
        self._names: list[str] | None = None

    def open(self) -> None:
        """Upload the start of the first segment; see ``EventFiles.open``."""
        self._begin(0)
        with contextlib.suppress(ChangedError):  # the name is taken: ``append`` tries another name
            self._upload(Batch())

    def append(self, batch: Batch) -> int:
        """Upload framed records, in order; see ``EventFiles.append``."""
        for _ in range(_MOST_NAMES_TRIED):
            if self._in_doubt and (whole := self._find_out(batch)):
                return whole
            self._end_segment_before(batch.sizes[0])
            if self._segment is None:
                self._begin(batch.size)
            try:
                return self._upload(batch.first(self._fitting(batch)))
            except ChangedError:
                continue
            except OSError as error:
                if error.errno != errno.ENOSYS or math.isinf(self._objects.grows_from):
                    raise
                self._objects.grows_from = math.inf  # the store cannot add to objects
                self.forget()
        raise OSError(errno.EBUSY, "other programs use all names that were tried", self.directory)

    def seal(self) -> None:
        """End the current segment."""
        self.forget()

    def forget(self) -> None:
        """Stop writing to the current segment; see ``EventFiles.forget``."""
        segment, self._segment = self._segment, None
        self._in_doubt = False
        self._begun = 0
        if segment is not None and segment.padded and segment.version is not None:
            self._padded = segment.path, segment.version, segment.padded

    def resume(self, attempt: Attempt) -> None:
        """Continue the upload of a process that ended before it had the store's answer.

        The next records must be the records of this upload. ``append`` asks the store for the
        missing answer. If the upload has not succeeded, ``append`` uploads the records to the same
        object. The old request and the new one are for the same version of the object, so the store
        accepts only one of them.
        """
        lead = b"" if attempt.size else _start_of_file(time.time())
        if len(lead) < attempt.lead and not math.isinf(self._objects.grows_from):
            lead = _start_of_file(time.time(), self._objects.grows_from)
        if len(lead) != attempt.lead:  # the lead came from a deleted object, and is lost
            return
        segment = _Segment(attempt.path, time.monotonic(), lead, records=1)
        if attempt.size:
            segment.version = Version(attempt.size)
            segment.content = None
            if attempt.size < self._objects.grows_from:
                segment.content = self._content_of(attempt.path, attempt.size)
                if len(segment.content) < attempt.size:  # the object was deleted or changed
                    return
        self._segment, self._writer = segment, attempt.writer
        self._begun, self._in_doubt = attempt.begun, True
        self.path, self.count = attempt.path, self.count + 1

    def _content_of(self, path: str, size: int) -> bytes:
        try:
            with self._storage.open_to_read(path) as file:
                return file.read(size)
        except FileNotFoundError:
            return b""

    def history(self) -> dict[str, int]:
        """Return the greatest step of each tag in the directory."""
        try:
            return super().history()
        except PermissionError:  # this was logged when the first segment was begun
            return {}

    def _begin(self, size: int, content: bytes = b"") -> None:
        """Begin a segment. Its first upload has ``content`` and then ``size`` bytes of records.

        Without ``content``, the upload has the start of a file instead, and padding if useful.
        """
        now = time.time()
        options = self._options
        if self._names is None or options.keep_files is not None or options.keep_bytes is not None:
            self._names = self._existing(self._names or [])
            self._retire(self._names)
        suffix = options.filename_suffix
        name = names.next_name(self._names, now, self._host, os.getpid(), suffix)
        path = self._storage.join(self.directory, name)
        segment = _Segment(path, time.monotonic(), content or _start_of_file(now))
        least = self._objects.grows_from
        if (
            self.bytes_written >= _PAD_FROM
            and size < least <= self._most_bytes // 4
            and not content
        ):
            if self._padded is not None:
                segment.source, segment.missing = self._padded, b""
                segment.padded = self._padded[2]
            else:
                segment.missing = _start_of_file(now, least)
                segment.padded = len(segment.missing)
        self._segment = segment
        self._begun = 0
        self._names.append(name)
        self.path = path
        self.count += 1

    def _existing(self, known: list[str]) -> list[str]:
        try:
            return self._storage.names(self.directory)
        except PermissionError as error:
            if not known:
                self._say(
                    logging.WARNING,
                    "%s cannot be listed (%s): automatic steps begin at 0, and no file is deleted",
                    self.directory,
                    error,
                )
            return known

    @property
    def _tail_bytes(self) -> int:
        """The size at which a tail is sealed. It doubles, so that a run has few tails."""
        return TAIL_BYTES << (max(self.count - 1, 0) // _TAILS)

    def _end_segment_before(self, length: int) -> None:
        """Seal the current segment if a record of this length must begin a new segment."""
        segment, options = self._segment, self._options
        if segment is None or segment.version is None or self._begun or not segment.records:
            return
        age = time.monotonic() - segment.opened
        if (
            segment.size + length > self._most_bytes
            or self._tail_bytes <= segment.size < self._objects.grows_from
            or (options.max_file_secs is not None and age >= options.max_file_secs)
            or segment.uploads >= _MOST_UPLOADS
        ):
            self.forget()

    def _fitting(self, batch: Batch) -> int:
        """Return how many records fit into the current segment; the first record always fits."""
        size = 0 if self._segment is None else self._segment.size + len(self._segment.missing)
        return max(batch.whole_records(self._most_bytes - size + self._begun), 1)

    def _upload(self, batch: Batch) -> int:
        """Upload the missing bytes of the segment, and the records except for the begun bytes."""
        segment = self._segment
        if segment is None:
            return 0
        data = b"".join([segment.missing, *skip(batch.pieces, self._begun)])
        if not data and segment.version is not None:
            return self._note(segment, batch, data, segment.version)
        if self.before_upload is not None:
            # The lead includes bytes that the store copies. A process that resumes the upload can
            # make the same bytes itself.
            size = 0 if segment.version is None else segment.size
            lead = len(segment.missing) + segment.size - size
            attempt = Attempt(segment.path, self._writer, size, lead, self._begun, self.done)
            self.before_upload(attempt)
        self._in_doubt = True
        version = self._send(segment, data)
        self._in_doubt = False
        segment.uploads += 1
        return self._note(segment, batch, data, version)

    def _send(self, segment: _Segment, data: bytes) -> Version:
        objects, path, version = self._objects, segment.path, segment.version
        if version is None and segment.source is not None:
            source, of_source, size = segment.source
            return objects.append(path, data, source, size, of_source, self._writer)
        if version is None:
            return objects.put(path, data, None, self._writer)
        if version.size >= objects.grows_from:
            return objects.append(path, data, path, version.size, version, self._writer)
        return objects.put(path, (segment.content or b"") + data, version, self._writer)

    def _note(self, segment: _Segment, batch: Batch, data: bytes, version: Version) -> int:
        """Store the new version in the segment; return how many records this version completes."""
        new = version.size - segment.size
        preamble = len(segment.missing)
        if segment.content is not None:
            segment.content += data[:new]
        segment.version = version
        segment.missing = segment.missing[min(new, preamble) :]
        if version.size >= min(self._tail_bytes, self._objects.grows_from):
            segment.content = None
        self.bytes_written += new
        reached = self._begun + max(new - preamble, 0)
        whole = batch.whole_records(reached)
        self._begun = reached - sum(batch.sizes[:whole])
        self.done += sum(batch.sizes[:whole])
        segment.records += whole
        return whole

    def _find_out(self, batch: Batch) -> int:
        """Ask the store whether an upload succeeded; return how many records it completed."""
        segment = self._segment
        if segment is None:
            return 0
        data = b"".join([segment.missing, *skip(batch.pieces, self._begun)])
        found = self._objects.look(segment.path)
        self._in_doubt = False
        if found is None and segment.version is None:
            if segment.source is not None:
                # The source may have been deleted, so the padding is uploaded now. The failed
                # request may still reach the store. It has the same path, and its lead has the
                # same size. The store accepts only one of the two requests.
                self._padded = segment.source = None
                segment.missing = _start_of_file(time.time(), self._objects.grows_from)
            return 0
        if (
            found is not None
            and found.writer in (None, self._writer)
            and segment.size <= found.size <= segment.size + len(data)
        ):
            return self._note(segment, batch, data, found)
        self._leave(segment, batch.size)
        return 0

    def _leave(self, segment: _Segment, size: int) -> None:
        """Continue in a new object: the old one was deleted, was changed or has another writer."""
        content = segment.content if segment.version is not None else b""
        self.forget()
        if segment.version is None:  # another writer had taken the name
            self.count -= 1
        else:
            self.displaced += 1
            self._say(
                logging.WARNING,
                "%s was deleted or changed while it was written: a new event file follows",
                segment.path,
            )
        if self._padded is not None and self._padded[0] == segment.path:
            self._padded = None
        self._begin(size, content or b"")


def _start_of_file(now: float, least: float = 0) -> bytes:
    """Return the first record of an event file, and padding if ``least`` is not 0.

    Together they have ``least`` bytes or a few more. Their total size depends only on ``least``.
    """
    start = small_record(wire.file_version_event(now, "tbimage"))
    return start + _padding(int(least) - len(start)) if least else start


def _padding(size: int) -> bytes:
    """Return a record of at least ``size`` bytes that readers skip."""
    payload = wire.length_delimited(_PADDING_FIELD, bytes(size))
    return b"".join(map(bytes, frame([payload])))
