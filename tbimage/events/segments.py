"""The event files of one run on a disk, with the rules for new files and failed writes.

A *segment* is one event file. A *sealed* segment is closed, and nothing more is written to it. Most
rules follow from the way in which TensorBoard's loaders read files (see the table in
docs/design.md):
- Bytes are only added at the end of a segment. After a failed write, the missing bytes of the
  record are appended later. If this is not possible, the segment is sealed, and the whole record is
  written to a new segment.
- Segment N is sealed before segment N + 1 exists: the Python loader does not return to segment N
  when N + 1 exists.
- After most errors, a segment without a complete record is not sealed. A new segment could have
  the same error, and then each attempt would leave one more file.
- Each segment starts with ``file_version`` and can be read alone. The writer adds no
  SessionLog.START. If every segment had it, the Python loader would keep only the last segment.
- Only sealed segments are deleted. The two newest segments and young segments are kept, because a
  reader may not have read them yet.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import time
from collections.abc import Callable, Sequence

from tbimage.buffers import Piece
from tbimage.events import names, wire
from tbimage.events.batches import Batch, skip
from tbimage.events.event_files import EventFiles, SegmentOptions, logger
from tbimage.events.records import small_record
from tbimage.events.storage import AppendFile, DiskStorage

__all__ = ["PASSING_ERRORS", "SegmentOptions", "Segments", "UnwritableError"]

#: After these errors, the missing bytes can be appended to the segment later. After any other error
#: (EIO, ESTALE, EFBIG), the descriptor may never work again.
PASSING_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EINTR, errno.EAGAIN, errno.ENOMEM})

PATIENCE_SECS = 0.01  #: the pause after a MemoryError, before the next attempt

# After a write was counted, its result must be returned. So later errors are suppressed. This
# object is made here, because later there may be no memory for it.
_QUIETLY = contextlib.suppress(OSError, MemoryError)

_MOST_NAMES_TRIED = 1000  # if this number of names is taken, an error is raised

# Smaller buffers are joined: copying 16 KiB costs as much as one more buffer in writev.
_JOIN_BELOW = 16 * 1024


class UnwritableError(OSError):
    """The first record can never be written. Leave it out, and continue with the next record."""


class Segments(EventFiles):
    """Appends records to the event files of one directory on a disk."""

    def __init__(
        self,
        storage: DiskStorage,
        directory: str,
        options: SegmentOptions,
        say: Callable[..., None] = logger.log,
    ) -> None:
        super().__init__(storage, directory, options, say)
        self._disk = storage
        self._file: AppendFile | None = None
        self._size = 0  # the bytes in the current segment
        self._records = 0  # the complete records in the current segment
        self._opened = 0.0  # when the current segment began, on the monotonic clock
        # Whether the directory has been synced since the current segment began.
        self._directory_synced = False
        self._failure: OSError | None = None  # the error of sealing an earlier segment
        self._missing: bytes | memoryview = b""  # the unwritten bytes of ``file_version``
        self._begun = 0  # how many bytes of the next record are in the current segment already

    def open(self) -> None:
        """Begin the first segment now; see ``EventFiles.open``."""
        self._begin_segment()
        self._write(Batch())

    def append(self, batch: Batch) -> int:
        """Append framed records, in order; see ``EventFiles.append``."""
        self._check_file()
        self._rotate_before(batch.sizes[0])
        if self._file is None:
            self._begin_segment()
        return self._write(batch.first(self._fitting(batch)))

    def may_pass(self, error: OSError) -> bool:
        """Tell whether a writer can start after this error; True for a full disk, for example."""
        return error.errno in PASSING_ERRORS

    def _check_file(self) -> None:
        """Seal the current segment if its file was deleted, moved, replaced or changed."""
        file = self._file
        if file is None:
            return
        try:
            intact = file.in_place() and file.size() == self._size
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                raise  # the file may be intact, but now there is no descriptor to open it again
            intact = False
        if not intact:
            self.displaced += 1
            with contextlib.suppress(OSError):
                self.seal()
            self._say(
                logging.WARNING,
                "%s was deleted, moved, replaced or changed while it was written: a new event file "
                "follows",
                self.path,
            )

    def sync(self) -> None:
        """Make the written records durable; see ``EventFiles.sync``."""
        if self.syncs_on_flush:
            try:
                self.sync_at_end()
            except OSError:
                self.forget()
                raise

    @property
    def syncs_on_flush(self) -> bool:
        """Whether a flush waits for ``sync``."""
        return self._options.fsync == "flush"

    def seal(self) -> None:
        """Close the current segment; see ``EventFiles.seal``."""
        try:
            self.sync_at_end()
        finally:
            self.forget()

    def _seal_early(self) -> None:
        """Seal a segment after which another follows; ``sync_at_end`` raises its error, too."""
        try:
            self.seal()
        except OSError as error:
            self._failure = error
            raise

    def sync_at_end(self) -> None:
        """Make the written records durable; see ``EventFiles.sync_at_end``."""
        failure, self._failure = self._failure, None
        if self._file is not None and self._options.fsync != "never":
            self._make_durable(self._file)
        if failure is not None:
            raise failure

    def forget(self) -> None:
        """Drop the current segment; see ``EventFiles.forget``."""
        file, self._file = self._file, None
        self._begun = 0
        if file is not None:
            file.close()

    def _make_durable(self, file: AppendFile) -> None:
        file.sync()
        if not self._directory_synced:  # a file is lost if its name in the directory is lost
            self._disk.sync_directory(self.directory)
            self._directory_synced = True

    def _begin_segment(self) -> None:
        self._disk.make_directory(self.directory)
        existing = self._storage.names(self.directory)
        now = time.time()
        self._file = self._create_file(existing, now)
        self.count += 1
        self._size = self._records = 0
        self._opened = time.monotonic()
        self._directory_synced = False
        self._missing = small_record(wire.file_version_event(now, "tbimage"))
        self._begun = 0
        self._retire(existing)

    def _create_file(self, existing: list[str], now: float) -> AppendFile:
        suffix = self._options.filename_suffix
        for _ in range(_MOST_NAMES_TRIED):
            name = names.next_name(existing, now, self._host, os.getpid(), suffix)
            path = self._storage.join(self.directory, name)
            try:
                file = self._disk.create(path)
            except FileExistsError:
                existing.append(name)  # another program has just made it, or NFS has not listed it
                continue
            self.path = path
            return file
        raise FileExistsError(errno.EEXIST, "all names for an event file are taken", path)

    def _fitting(self, batch: Batch) -> int:
        """Return how many records fit into the segment, at least 1; OSError if the disk is full."""
        options = self._options
        # The file already has the first ``_begun`` bytes of the batch. ``_missing`` is written
        # before the batch.
        unwritten = self._begun - len(self._missing)
        count = len(batch.sizes)
        if options.max_file_bytes is not None:
            room = options.max_file_bytes - self._size + unwritten
            count = max(batch.whole_records(room), 1)
        if options.min_free_bytes:
            free = self._disk.free_bytes(self.directory) - options.min_free_bytes
            count = min(batch.whole_records(free + unwritten), count)
            if not count:
                message = f"less than min_free_bytes={options.min_free_bytes} would be free"
                raise OSError(errno.ENOSPC, message, self.directory)
        return count

    def _rotate_before(self, length: int) -> None:
        """Seal the current segment if a record of this length must begin a new segment."""
        if self._file is None or self._begun or not self._records:
            return
        options = self._options
        full = options.max_file_bytes is not None and self._size + length > options.max_file_bytes
        old = (
            options.max_file_secs is not None
            and time.monotonic() - self._opened >= options.max_file_secs
        )
        if full or old:
            self._seal_early()

    def _write(self, batch: Batch) -> int:
        """Write the missing bytes of the segment's first record, and then the batch."""
        try:
            return self._write_pieces(batch)
        except MemoryError:
            pass
        while True:
            try:
                error = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM), self.path)
                return self._after_error(batch, len(self._missing), 0, error)
            except MemoryError:  # count again: bytes in the file must not be written twice
                time.sleep(PATIENCE_SECS)

    def _write_pieces(self, batch: Batch) -> int:
        preamble = len(self._missing)
        pieces = _join_small([self._missing, *skip(batch.pieces, self._begun)])
        written = 0
        while pieces and self._file is not None:
            try:
                count = self._write_once(self._file, pieces)
            except OSError as error:
                return self._after_error(batch, preamble, written, error)
            if self._is_torn(written + count):
                right = self._count_right(b"".join(pieces)[:count], self._size + written)
                whole = self._account(batch, preamble, written + right)
                with _QUIETLY:
                    if self._file is not None:
                        self._file.cut(self._size - self._begun)
                    self._seal_early()
                return whole or self.append(batch)
            written += count
            pieces = skip(pieces, count)
        return self._account(batch, preamble, written)

    def _is_torn(self, written: int) -> bool:
        """Tell whether the file has more bytes than the system reported as written.

        If a write has written a part of its bytes and then fails with EINTR, Python repeats the
        whole write (PEP 475). In this case, ``_write_pieces`` cuts the file after the last complete
        record, and the other records go to a new segment.
        """
        try:
            return self._file is not None and self._file.size() > self._size + written
        except OSError:
            return False

    def _count_right(self, expected: bytes, start: int) -> int:
        """After a torn write (see ``_is_torn``), return how many bytes from ``start`` are right."""
        try:
            with self._storage.open_to_read(self.path or "") as file:
                file.seek(start)
                found = file.read(len(expected))
        except OSError:
            return 0
        pairs = zip(expected, found, strict=False)
        return next((at for at, (a, b) in enumerate(pairs) if a != b), len(found))

    def _after_error(self, batch: Batch, preamble: int, written: int, error: OSError) -> int:
        """Count a failed write's bytes; return how many records are complete, or raise an error."""
        total = preamble + batch.size - self._begun
        landed = self._landed(total, written)
        whole = self._account(batch, preamble, written if landed is None else landed)
        if landed == total:
            return whole  # all bytes were written, although there was an error
        began_segment = self._records == 0
        too_large = error.errno == errno.EFBIG
        if landed is None or too_large or self._is_broken(error):
            with _QUIETLY:  # the caller raises the first error
                self._seal_early()
        if whole:
            return whole
        if not too_large:
            raise error
        if began_segment:
            raise UnwritableError(error.errno, error.strerror, self.directory)
        return self.append(batch)

    def _landed(self, total: int, written: int) -> int | None:
        """Return how many bytes of a write are in the file, from its size; None: not known."""
        try:
            size = self._file.size() if self._file is not None else self._size + written
        except OSError:
            return None
        return min(max(size - self._size, written), total)

    def _write_once(self, file: AppendFile, pieces: Sequence[Piece]) -> int:
        count = file.write(pieces)
        if count <= 0:  # otherwise the caller would repeat the write for ever
            raise OSError(errno.EIO, "the storage wrote nothing", self.path)
        return count

    def _is_broken(self, error: OSError) -> bool:
        """Tell whether the current segment must be sealed after an error."""
        if error.errno == errno.EBADF:  # other code closed our descriptor
            return True
        return self._records > 0 and error.errno not in PASSING_ERRORS

    def _account(self, batch: Batch, preamble: int, written: int) -> int:
        """Count ``written`` bytes; return how many records they complete."""
        missing = self._missing[min(written, preamble) :]
        reached = self._begun + max(written - preamble, 0)
        whole = batch.whole_records(reached)
        begun = reached - sum(batch.sizes[:whole])
        records = self._records + whole - batch.sizes[:whole].count(0)
        size, bytes_written = self._size + written, self.bytes_written + written
        # These assignments need no memory. So after an error above, nothing has changed.
        self._size, self.bytes_written, self._missing = size, bytes_written, missing
        self._begun, self._records = begun, records
        return whole


def _join_small(pieces: Sequence[Piece]) -> Sequence[Piece]:
    """Join small buffers if there is no large buffer between them."""
    joined: list[Piece] = []
    small: list[Piece] = []
    for piece in pieces:
        if len(piece) < _JOIN_BELOW:
            small.append(piece)
        else:
            joined += (b"".join(small), piece)
            small = []
    joined.append(b"".join(small))
    return [piece for piece in joined if len(piece)]
