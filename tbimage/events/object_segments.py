"""The event files of one run in an object store: how they grow, and what follows a failed upload.

Readers like few objects, putting a growing object again takes quadratic time, and S3 can only add
to an object of 5 MiB or more. So:

- A segment is put again with each upload while it is a *tail*, of less than 64 KiB. Then it is
  sealed, and the next one begins. The writer has the content of the tail in memory.
- Where the store can add to an object (``Objects.grows_from``), only new bytes are uploaded, and
  the segment is sealed at 64 MiB.
- For S3, the first segment after 5 MiB of a run begins with 5 MiB of padding, a record that readers
  skip, so that it can grow at once. Later segments copy the padding within the store.
- At every moment an object is the beginning of what it will be.

An upload is one call of ``append``. After a failed one, the store is asked what is there: each
request is for one version of the object, and each object names its writer.
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

#: A segment that cannot grow is sealed when it has so many bytes: 80 of them make 5 MiB.
TAIL_BYTES = 64 << 10
_TAILS = 80
# From so many bytes of a run, padding costs less than tails and their number do.
_PAD_FROM = TAIL_BYTES * _TAILS
#: The default of ``max_file_bytes``: a store copies a segment within itself for each upload.
MOST_BYTES = 64 << 20
# S3 copies at most 5 GiB at once; Azure has at most 50,000 blocks in a blob.
_MOST_BYTES, _MOST_UPLOADS = 4 << 30, 40_000
# So many names may turn out to be taken before something must be wrong.
_MOST_NAMES_TRIED = 10
# A field of Event that no reader knows. Readers skip such fields.
_PADDING_FIELD = 1000


@dataclass
class _Segment:
    """A segment that is being written.

    Attributes:
        path: Its URL.
        opened: When it was begun, on the monotonic clock.
        missing: What comes before the next record and is not uploaded.
        source: The path, version and size of what its beginning is copied from; None: nothing.
        version: The newest that is known; None before the first upload.
        content: All that is in it, while it is a tail.
        padded: How many bytes at its beginning readers skip.
        records: How many are in it.
        uploads: How many there were.
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
        """How many bytes it has, or begins with."""
        if self.version is not None:
            return self.version.size
        return 0 if self.source is None else self.source[2]


class ObjectSegments(EventFiles):
    """Appends records to the event files of one directory in a store, for one thread at a time."""

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
        #: Is told of each upload before it begins.
        self.before_upload: Callable[[Attempt], None] | None = None
        self._objects = objects
        self._most_bytes = min(options.max_file_bytes or MOST_BYTES, _MOST_BYTES)
        self._writer = secrets.token_hex(8)
        self._segment: _Segment | None = None
        self._begun = 0  # how many bytes of the next record are in the current segment already
        self._in_doubt = False  # an upload failed, and may have landed
        self._padded: tuple[str, Version, int] | None = None  # what padding can be copied from
        self._names: list[str] | None = None

    def open(self) -> None:
        """Put the first segment now, so that the run and its errors show at once."""
        self._begin(0)
        with contextlib.suppress(ChangedError):  # the name is taken: the first append sees to it
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
                self._objects.grows_from = math.inf  # the store cannot do what this needs
                self.forget()
        raise OSError(errno.EBUSY, "somebody else changes each event file", self.directory)

    def seal(self) -> None:
        """End the current segment."""
        self.forget()

    def forget(self) -> None:
        """Let go of the current segment as it is; in a forked child it is the parent's."""
        segment, self._segment = self._segment, None
        self._in_doubt = False
        self._begun = 0
        if segment is not None and segment.padded and segment.version is not None:
            self._padded = segment.path, segment.version, segment.padded

    def resume(self, attempt: Attempt) -> None:
        """Go on with the upload of another process, which ended before it knew the answer.

        The next records must be those of this upload. They go to the same object. So if the request
        still arrives, late, the store refuses it or ours.
        """
        lead = b"" if attempt.size else _start_of_file(time.time())
        if len(lead) < attempt.lead and not math.isinf(self._objects.grows_from):
            lead = _start_of_file(time.time(), self._objects.grows_from)
        if len(lead) != attempt.lead:  # the content of an object that somebody has deleted
            return
        segment = _Segment(attempt.path, time.monotonic(), lead, records=1)
        if attempt.size:
            segment.version = Version(attempt.size)
            segment.content = None
            if attempt.size < self._objects.grows_from:
                segment.content = self._content_of(attempt.path, attempt.size)
                if len(segment.content) < attempt.size:  # somebody has deleted or changed it
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
        """Return the greatest step by tag of what the directory holds."""
        try:
            return super().history()
        except PermissionError:  # it was logged when the first segment was begun
            return {}

    def _begin(self, size: int, content: bytes = b"") -> None:
        """Begin a segment, whose first upload has so many bytes of records after the content."""
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
        """A tail is sealed at this size. It doubles, so that there are few that cannot grow."""
        return TAIL_BYTES << (max(self.count - 1, 0) // _TAILS)

    def _end_segment_before(self, length: int) -> None:
        """Seal the current segment if the next record, of this length, is for another one."""
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
        """Count the records that belong in the current segment: the first always does."""
        size = 0 if self._segment is None else self._segment.size + len(self._segment.missing)
        return max(batch.whole_records(self._most_bytes - size + self._begun), 1)

    def _upload(self, batch: Batch) -> int:
        """Upload what the segment misses and these records, the first of which may be begun."""
        segment = self._segment
        if segment is None:
            return 0
        data = b"".join([segment.missing, *skip(batch.pieces, self._begun)])
        if not data and segment.version is not None:
            return self._note(segment, batch, data, segment.version)
        if self.before_upload is not None:
            # What is copied from another object counts as lead, since it can be made again.
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
        """Note what is in the store now; return how many records that completes."""
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
        """Ask the store what came of a failed upload; return how many records it completed."""
        segment = self._segment
        if segment is None:
            return 0
        data = b"".join([segment.missing, *skip(batch.pieces, self._begun)])
        found = self._objects.look(segment.path)
        self._in_doubt = False
        if found is None and segment.version is None:
            if segment.source is not None:
                # What it was to begin with may be gone. The request may still arrive, late: the
                # object has the same path and size without it, so the store refuses one of both.
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
        """Go on in another object: this one is another writer's, was changed, or is gone."""
        content = segment.content if segment.version is not None else b""
        self.forget()
        if segment.version is None:  # the name was taken
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
    """Return the first record of an event file, padded to ``least`` bytes or a few more.

    The size depends on ``least`` only.
    """
    start = small_record(wire.file_version_event(now, "tbimage"))
    return start + _padding(int(least) - len(start)) if least else start


def _padding(size: int) -> bytes:
    """Return a record that readers skip and that has at least so many bytes."""
    payload = wire.length_delimited(_PADDING_FIELD, bytes(size))
    return b"".join(map(bytes, frame([payload])))
