"""The event files of one run: when one ends, what follows a failed write, which old ones go.

Each rule follows from how TensorBoard's loaders read (see the table in docs/design.md):
- A segment is only appended to. Nothing follows a record that is incomplete: after a failed write
  either its missing bytes follow, or the segment is sealed and the whole record goes to a new one.
- Segment N is closed before N + 1 exists, and is not written again: the Python loader leaves N for
  good when N + 1 is there.
- A segment without a complete record is not sealed for an error that a new one would meet, too:
  each attempt would leave one more file.
- Each segment starts with ``file_version`` and can be read alone. SessionLog.START is never
  written: with one in each segment the Python loader keeps the last segment only.
- Only sealed segments are deleted, never the newest two and never young ones: a reader may not have
  read them yet.
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

#: After these a segment can go on as soon as there is room: its missing bytes are still missing.
#: After any other error the descriptor may be broken for good (EIO, ESTALE, EFBIG).
PASSING_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EINTR, errno.EAGAIN, errno.ENOMEM})

PATIENCE_SECS = 0.01  #: until there may be memory again

# Where it was noted how far a write came, nothing may raise before that is returned. Made here, as
# there may be no memory to make it.
_QUIETLY = contextlib.suppress(OSError, MemoryError)

_MOST_NAMES_TRIED = 1000  # more that are taken mean that something is wrong with the directory

# Smaller pieces are copied together: a copy of 16 KiB costs as much as one more entry in writev.
_JOIN_BELOW = 16 * 1024


class UnwritableError(OSError):
    """The first record can never be written: leave it out, and go on with the next."""


class Segments(EventFiles):
    """Appends records to the event files of one directory of a disk."""

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
        self._size = 0  # of the current segment
        self._records = 0  # completed in the current segment
        self._opened = 0.0  # on the monotonic clock
        self._directory_synced = False  # since the current segment is there
        self._missing: bytes | memoryview = b""  # of the current segment's first record
        self._begun = 0  # how many bytes of the next record are in the current segment already

    def open(self) -> None:
        """Begin the first segment now, so that the run and its errors show at once."""
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
        """Tell whether a writer can start in spite of an error: a full disk may become less so."""
        return error.errno in PASSING_ERRORS

    def _check_file(self) -> None:
        """Begin a new segment where the current one is not what was written."""
        file = self._file
        if file is None:
            return
        try:
            intact = file.in_place() and file.size() == self._size
        except OSError:
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
        """Make what was written durable, where the options ask for it with each flush.

        Raises:
            OSError: It could not be made durable, and no later attempt would: the system forgets
                what it could not write. The segment is sealed.
        """
        if self._file is not None and self.syncs_on_flush:
            try:
                self._make_durable(self._file)
            except OSError:
                self.forget()
                raise

    @property
    def syncs_on_flush(self) -> bool:
        """Whether a flush is to wait for ``sync``."""
        return self._options.fsync == "flush"

    def seal(self) -> None:
        """End the current segment, if there is one: the next record begins another.

        Raises:
            OSError: The system reported late that writing had failed. The segment is closed all the
                same.
        """
        try:
            self.sync_at_end()
        finally:
            self.forget()

    def sync_at_end(self) -> None:
        """Make what was written durable, unless ``fsync`` is "never": nothing more will follow."""
        if self._file is not None and self._options.fsync != "never":
            self._make_durable(self._file)

    def forget(self) -> None:
        """Let go of the current segment as it is; in a forked child it is the parent's."""
        file, self._file = self._file, None
        self._begun = 0
        if file is not None:
            file.close()

    def _make_durable(self, file: AppendFile) -> None:
        file.sync()
        if not self._directory_synced:  # a file is lost with its name
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
                existing.append(name)  # by somebody who was faster, or not listed: so on NFS
                continue
            self.path = path
            return file
        raise FileExistsError(errno.EEXIST, "all names for an event file are taken", path)

    def _fitting(self, batch: Batch) -> int:
        """Count the records that belong in the current segment: the first always does.

        Raises:
            OSError: There is no room for it on the disk.
        """
        options = self._options
        unwritten = self._begun - len(self._missing)  # what is there already, and what comes before
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
        """Seal the current segment if the next record, of this length, is for another one."""
        if self._file is None or self._begun or not self._records:
            return
        options = self._options
        full = options.max_file_bytes is not None and self._size + length > options.max_file_bytes
        old = (
            options.max_file_secs is not None
            and time.monotonic() - self._opened >= options.max_file_secs
        )
        if full or old:
            self.seal()

    def _write(self, batch: Batch) -> int:
        """Write what the segment's first record misses, then these, the first maybe begun."""
        try:
            return self._write_pieces(batch)
        except MemoryError:
            pass
        while True:
            try:
                error = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM), self.path)
                return self._after_error(batch, len(self._missing), 0, error)
            except MemoryError:  # what is in the file must not be written again
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
                    self.seal()
                return whole or self.append(batch)
            written += count
            pieces = skip(pieces, count)
        return self._account(batch, preamble, written)

    def _is_torn(self, written: int) -> bool:
        """Tell whether the file has more bytes than the system says it wrote.

        A write that lands in part and reports EINTR is repeated as a whole, by Python itself
        (PEP 475), maybe several times. What lies behind the last whole record is cut off, since
        readers can make nothing of it, and goes to another segment.
        """
        try:
            return self._file is not None and self._file.size() > self._size + written
        except OSError:
            return False

    def _count_right(self, expected: bytes, start: int) -> int:
        """Count the bytes of a torn write that are in the file as they should be."""
        try:
            with self._storage.open_to_read(self.path or "") as file:
                file.seek(start)
                found = file.read(len(expected))
        except OSError:
            return 0
        pairs = zip(expected, found, strict=False)
        return next((at for at, (a, b) in enumerate(pairs) if a != b), len(found))

    def _after_error(self, batch: Batch, preamble: int, written: int, error: OSError) -> int:
        """Note how far a failed write came; return how many records are complete, or raise."""
        total = preamble + batch.size - self._begun
        landed = self._landed(total, written)
        whole = self._account(batch, preamble, written if landed is None else landed)
        if landed == total:
            return whole  # the system reported an error, and wrote all the same
        began_segment = self._records == 0
        too_large = error.errno == errno.EFBIG
        if landed is None or too_large or self._is_broken(error):
            with _QUIETLY:  # the first error is the one to report
                self.seal()
        if whole:
            return whole
        if not too_large:
            raise error
        if began_segment:
            raise UnwritableError(error.errno, error.strerror, self.directory)
        return self.append(batch)

    def _landed(self, total: int, written: int) -> int | None:
        """Return how many bytes are in the file, whatever the system said; None: not known."""
        try:
            size = self._file.size() if self._file is not None else self._size + written
        except OSError:
            return None
        return min(max(size - self._size, written), total)

    def _write_once(self, file: AppendFile, pieces: Sequence[Piece]) -> int:
        count = file.write(pieces)
        if count <= 0:  # a storage that takes nothing and reports nothing would be tried for ever
            raise OSError(errno.EIO, "the storage wrote nothing", self.path)
        return count

    def _is_broken(self, error: OSError) -> bool:
        """Tell whether nothing more can be expected of the current segment after an error."""
        if error.errno == errno.EBADF:  # somebody else closed our descriptor
            return True
        return self._records > 0 and error.errno not in PASSING_ERRORS

    def _account(self, batch: Batch, preamble: int, written: int) -> int:
        """Note how far ``written`` bytes reached; return how many records they completed."""
        missing = self._missing[min(written, preamble) :]
        reached = self._begun + max(written - preamble, 0)
        whole = batch.whole_records(reached)
        begun = reached - sum(batch.sizes[:whole])
        records = self._records + whole - batch.sizes[:whole].count(0)
        size, bytes_written = self._size + written, self.bytes_written + written
        # All or, where there is no memory, none.
        self._size, self.bytes_written, self._missing = size, bytes_written, missing
        self._begun, self._records = begun, records
        return whole


def _join_small(pieces: Sequence[Piece]) -> Sequence[Piece]:
    """Join neighbours that are small to one piece."""
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
