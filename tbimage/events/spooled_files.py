"""Event files in an object store. Records are first written to a spool on the local disk.

- A commit writes to the spool, which takes microseconds. So records reach the disk even during an
  upload.
- A thread uploads the spool every ``upload_secs`` seconds, and when a caller waits.
- Each record reaches the store once, even if the process is killed. Each upload is noted in a file
  before it begins. So the next writer of the run finds out whether the last upload succeeded, and
  uploads the remaining records.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import cast

from tbimage.events.batches import Batch, concatenate
from tbimage.events.event_files import FIRST_RETRY_SECS, EventFiles, retry_after
from tbimage.events.object_segments import ObjectSegments
from tbimage.events.spool import Attempt, Spool, SpoolFile, batch_of

__all__ = ["SpooledFiles"]

# At most this number of bytes of a spool is read at once. A larger chunk is read alone.
_MOST_AT_ONCE = 16 << 20
# How long a commit waits for an upload, and the time until the next commit checks this upload.
_PATIENCE_SECS = 0.02


class SpooledFiles(EventFiles):
    """Appends records to a spool, and uploads them from there.

    Args:
        files: The event files in the store.
        spool: The records on the local disk.
        make: The function that makes the event files of a directory in the store. These files are
            used to upload the records that earlier processes have left. None: ``main`` uploads
            these records.
        upload_secs: The seconds from one upload to the next, if no caller waits.
        main: The other object of the same writer. It uploads the records that earlier processes
            have left before this object uploads any record.
    """

    def __init__(
        self,
        files: EventFiles,
        spool: Spool,
        make: Callable[[str], EventFiles] | None,
        upload_secs: float,
        main: SpooledFiles | None = None,
    ) -> None:
        super().__init__(files._storage, files.directory, files._options, files._say)
        self.sync_is_final = False
        self._files = files
        self._spool = spool
        self._make = make
        self._main = main or self
        self._one_at_a_time = threading.Lock()
        self._upload_secs = upload_secs
        self._next_upload = 0.0
        self._retry_secs = FIRST_RETRY_SECS
        self._uploading: _Upload | None = None
        self._thread: threading.Thread | None = None
        self._outcome: BaseException | None = None  # the error of the last upload
        self._loss: OSError | None = None  # another program has damaged a file of this process
        self._goes_direct = False  # the store may have a part of the next records already

    def open(self) -> None:
        """Upload the records that earlier processes have left, and begin the first file."""
        self.sync_at = 0.0  # the next commit tries again if this fails
        try:
            self._upload_left(self._append)
            self.sync_at = math.inf
            with self._counting(self._files):
                self._files.open()
        except OSError as error:
            self.error = error  # until an upload succeeds
            raise

    def append(self, batch: Batch) -> int:
        """Write framed records to the spool; see ``EventFiles.append``."""
        count = len(batch.sizes)
        if not self._goes_direct and self._spool.keep(self._files.parts(batch), count):
            if not self.unsynced:
                self.upload_due = time.monotonic() + self._upload_secs
            self.unsynced += count
            self.sync_at = min(self.sync_at, self._next_upload)
            self.commit_secs = 0.0
            return count
        self.commit_secs = self._upload_secs  # each commit is an upload, as without a spool
        self._upload_all()  # writing to the local disk fails: upload the older records first
        self._goes_direct = True
        with self._counting(self._files):
            done = self._files.append(batch)
        self._goes_direct = False
        return done

    def sync(self) -> None:
        """Begin an upload of the spool, or check the running upload; raise the upload's error."""
        now = time.monotonic()
        if self._thread is None:
            self._next_upload = now + self._upload_secs
            self._take()
            self._thread = threading.Thread(target=self._upload, daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # no thread can be started
                self._thread = None
                self._upload()
            except MemoryError:
                if self._thread.ident is None:  # it has not begun, and nobody can wait for it
                    self._thread = None
                raise
        if self._thread is not None:
            self._thread.join(_PATIENCE_SECS)
            if self._thread.is_alive():
                self.sync_at = now + _PATIENCE_SECS
                return
        self._end_upload()
        self._raise_loss()

    def sync_at_end(self) -> None:
        """Upload the spool, and wait until the upload has ended."""
        self._upload_all()
        self._raise_loss()

    def _raise_loss(self) -> None:
        """Raise an error if records of this process are lost. It is useless to upload again."""
        loss, self._loss = self._loss, None
        if loss is not None:
            self.sync_is_final = True
            raise loss

    def _upload_all(self) -> None:
        if self._thread is not None:
            self._thread.join()
            self._end_upload()
        while self.unsynced or self._main._make is not None:
            self._take()
            self._upload()
            self._end_upload()

    @property
    def syncs_on_flush(self) -> bool:
        """Whether a flush waits for ``sync``."""
        return True

    def _end_upload(self) -> None:
        self._thread = None
        self.sync_is_final = False
        self.error, self._outcome = self._outcome, None
        left = 0 if self._uploading is None else self._uploading.file.count
        self.unsynced = left + self._spool.count
        if self.error is not None:
            self.sync_at, self._retry_secs = retry_after(self._retry_secs)
            raise self.error
        self._retry_secs = FIRST_RETRY_SECS
        self.sync_at = self._next_upload if self.unsynced else math.inf

    def _take(self) -> None:
        """Choose the records for the next upload: all records that are in the spool now.

        Only commits call this. The upload thread must not call it, because a commit may be writing
        to the spool at the same time.
        """
        if self._uploading is None and (file := self._spool.take()) is not None:
            self._uploading = _Upload(file, self._files.files_in, {})

    def _upload(self) -> None:
        """Upload the chosen records; store an error in ``_outcome``."""
        try:
            self._main._upload_left(self._append)
            if self._uploading is not None:
                error = self._uploading.go_on(self._append, self._say)
                if error is not None:
                    raise error
                if self._uploading.is_damaged:
                    text = "some of the summaries in this file are lost"
                    self._loss = OSError(errno.EIO, text, self._uploading.file.path)
                self._uploading = None
        except BaseException as error:
            self._outcome = error

    def _upload_left(self, append: Callable[[EventFiles, Batch], int]) -> None:
        with self._one_at_a_time:
            if self._make is None:
                return
            for file in self._spool.left_by_others():
                with contextlib.closing(file):  # after an error, the next attempt locks it again
                    try:
                        attempts = file.attempts()
                        files_in = partial(_resumed, self._make, attempts, {})
                        done = {directory: attempt.done for directory, attempt in attempts.items()}
                        failure = _Upload(file, files_in, done).go_on(append, self._say)
                    except OSError as error:
                        self._spool.refuse(file.path, error)
                        continue
                if failure is not None:
                    raise failure
            self._make = None

    def _append(self, files: EventFiles, batch: Batch) -> int:
        with self._counting(files):
            done = files.append(batch)
        self.upload_due = time.monotonic() + self._upload_secs
        return done

    def seal(self) -> None:
        """Upload the spool, and end the current file."""
        self._upload_all()
        self._files.seal()
        self._raise_loss()

    def forget(self) -> None:
        """In a forked child, drop the files of the parent; otherwise do nothing."""
        if not self._spool.is_own():
            self._spool.close()
            self._files.forget()

    def history(self) -> dict[str, int]:
        """Return the greatest step of each tag in the directory in the store."""
        return self._files.history()


class _Upload:
    """The upload of one spool file. After an error, the next ``go_on`` uploads the rest.

    Args:
        file: The spool file.
        files_in: The function that returns the event files of a directory in the store.
        done: For each directory, how many bytes of this file's records are already in the store.

    Attributes:
        file: The spool file.
        is_damaged: Whether the file has bytes that are no records, or has lost bytes.
    """

    def __init__(
        self, file: SpoolFile, files_in: Callable[[str], EventFiles], done: Mapping[str, int]
    ) -> None:
        self.file = file
        self._files_in = files_in
        self._skip = dict(done)
        self._done = dict(done)
        self._before: dict[str, int] = {}  # by directory: ``files.done`` before this upload
        self._waiting: dict[str, Batch] = {}  # by directory: records that were read from the file
        self._position = 0  # how many bytes of the file were read
        self.is_damaged = False

    def go_on(
        self, append: Callable[[EventFiles, Batch], int], say: Callable[..., None]
    ) -> OSError | None:
        """Upload the remaining records, and delete the spool file.

        If the records of a directory cannot be uploaded, those of the others are. Then the error
        is returned.

        Raises:
            OSError: The spool file cannot be read.
        """
        while self._waiting or self._read_more():
            failure: OSError | None = None
            for directory in list(self._waiting):
                try:
                    self._send(directory, append)
                except OSError as error:
                    failure = failure or error
            if failure is not None:
                return failure
        if self._position < self.file.size():
            self.is_damaged = True
        if self.is_damaged:
            message = "%s is damaged or incomplete: some of its summaries are lost"
            say(logging.WARNING, message, self.file.path)
        self.file.delete()
        return None

    def _send(self, directory: str, append: Callable[[EventFiles, Batch], int]) -> None:
        files = cast(ObjectSegments, self._files_in(directory))
        self._before.setdefault(directory, files.done)
        files.before_upload = partial(self._note, directory)
        try:
            while (waiting := self._waiting[directory]).sizes:
                self._waiting[directory] = waiting.without_first(append(files, waiting))
        finally:
            files.before_upload = None
        del self._waiting[directory]

    def _note(self, directory: str, attempt: Attempt) -> None:
        done = self._done.get(directory, 0) + attempt.done - self._before[directory]
        self.file.note(directory, replace(attempt, done=done))

    def _read_more(self) -> bool:
        """Read the next records: at most ``_MOST_AT_ONCE`` bytes, or one larger chunk."""
        parts: dict[str, list[Batch]] = {}
        size, position, damaged = 0, self._position, self.is_damaged
        for directory, data, end in self.file.chunks(position):
            if size + len(data) > _MOST_AT_ONCE and parts:
                break
            batch = batch_of(data)
            parts.setdefault(directory, []).append(batch)
            damaged = damaged or batch.size < len(data)
            size, position = size + len(data), end
        waiting, skip = {}, dict(self._skip)
        for directory, batches in parts.items():
            batch = concatenate(batches)
            known = min(skip.get(directory, 0), batch.size)  # bytes that the store already has
            skip[directory] = skip.get(directory, 0) - known
            waiting[directory] = batch.without_first(batch.whole_records(known))
        # These values change last: after an error above, the same records are read again.
        self._waiting, self._skip, self._position = waiting, skip, position
        self.is_damaged = damaged
        return bool(parts)


def _resumed(
    make: Callable[[str], EventFiles],
    attempts: Mapping[str, Attempt],
    made: dict[str, ObjectSegments],
    directory: str,
) -> ObjectSegments:
    """Return the files of a directory. They resume the noted upload of another process."""
    if directory not in made:
        files = cast(ObjectSegments, make(directory))
        if directory in attempts:
            files.resume(attempts[directory])
        made[directory] = files
    return made[directory]
