"""``EventFiles``: the interface between the pipeline and the event files of a run.

``segments.py`` writes to disks. ``object_segments.py`` writes to object stores.
``spooled_files.py`` writes first to a disk and then to an object store. ``writer/sub_runs.py``
writes to many runs with these classes. A *segment* is one event file.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tbimage.events import names
from tbimage.events.batches import Batch
from tbimage.events.history import newest_steps
from tbimage.events.storage import Storage

__all__ = ["EventFiles", "SegmentOptions", "retry_after"]

logger = logging.getLogger("tbimage")

#: Retention keeps at least this many of the newest segments.
NEWEST_KEPT = 2
#: Retention also keeps segments that have grown in the last 30 minutes, because TensorBoard may not
#: have read the new records yet.
YOUNG_SECS = 1800.0

#: The pause in seconds after the first failed write or upload; see ``retry_after``.
FIRST_RETRY_SECS = 0.05
_LAST_RETRY_SECS = 2.0


def retry_after(pause: float) -> tuple[float, float]:
    """Return when to retry after a failure, and the pause after the next failure.

    Pauses double up to 2 seconds. Up to half of each pause is left out, depending on the clock, so
    that processes retry at different times.
    """
    now = time.monotonic()
    return now + pause * (1 - now % 0.5), min(pause * 2, _LAST_RETRY_SECS)


@dataclass(frozen=True)
class SegmentOptions:
    """Options: when a new segment begins, how many are kept, and when they are made durable."""

    filename_suffix: str = ""  # the end of each file's name
    max_file_bytes: int | None = None  # the largest size of a segment; None: no limit
    max_file_secs: float | None = None  # the greatest age of a segment; None: no limit
    keep_files: int | None = None  # the number of segments that are kept, at least 2; None: all
    keep_bytes: int | None = None  # the largest size of all kept segments together; None: no limit
    min_free_bytes: int = 0  # the disk counts as full if a write would leave less than this
    # When segments are made durable: "never", "flush" (by each ``sync``) or "close" (by ``seal``).
    fsync: str = "never"


class EventFiles(ABC):
    """Appends records to one directory's files. Only one thread at a time may use this object."""

    def __init__(
        self,
        storage: Storage,
        directory: str,
        options: SegmentOptions,
        say: Callable[..., None] = logger.log,
    ) -> None:
        self._storage = storage
        self._say = say
        self._options = options
        self._host = names.host_name()
        self._left_out: set[str] = set()  # the old files that ``_leave_out`` has logged
        #: The shortest time from one commit to the next, in seconds, if no caller waits.
        self.commit_secs: float = 0.0
        #: When ``sync`` is due, on the monotonic clock, if no caller waits for it.
        self.sync_at: float = math.inf
        #: Whether it is useless to repeat a ``sync`` that has failed.
        self.sync_is_final: bool = True
        #: The number of appended summaries that are not durable yet.
        self.unsynced: int = 0
        #: While ``unsynced`` is not 0: when an upload should have made progress.
        self.upload_due: float = math.inf
        #: The error of the last upload in the background, or None.
        self.error: BaseException | None = None
        #: The directory of the files.
        self.directory = directory
        #: The path of the newest file; None before the first one.
        self.path: str | None = None
        #: How many files were begun.
        self.count: int = 0
        #: How many open files were deleted, moved, replaced or changed by others.
        self.displaced: int = 0
        #: How many bytes were written to all files.
        self.bytes_written: int = 0

    @abstractmethod
    def open(self) -> None:
        """Begin the first file now, so that the run is visible and errors are raised at once."""

    @abstractmethod
    def append(self, batch: Batch) -> int:
        """Append framed records, in order.

        Args:
            batch: At least one record. The next call must begin with the first record that this
                call did not complete.

        Returns:
            The number of records of the batch that are now complete in the file: at least one. If
            the file is full, or the system wrote only a part, some records are left. Then call
            again with these records.

        Raises:
            OSError: No record was completed. Call again later with the same records.
        """

    @abstractmethod
    def seal(self) -> None:
        """Close the current file, so that the next record begins a new file.

        Raises:
            OSError: An earlier write has failed. The file is closed anyway.
        """

    @abstractmethod
    def forget(self) -> None:
        """Drop the current file without writing to it.

        A forked child does this, because the file belongs to its parent.
        """

    def sync(self) -> None:  # noqa: B027  # stores acknowledge only durable bytes
        """Make the written records durable, if the options demand it for each flush.

        Raises:
            OSError: The attempt failed. If ``sync_is_final`` is True, the system has dropped the
                bytes, no later attempt can help, and the file is closed.
        """

    def sync_at_end(self) -> None:  # noqa: B027  # as ``sync``
        """Make the written records durable at the end, unless ``fsync`` is "never"."""

    @property
    def syncs_on_flush(self) -> bool:
        """Whether a flush waits for ``sync``."""
        return False

    def parts(self, batch: Batch) -> Mapping[str, Batch]:
        """Return the records that go to each directory, in order."""
        return {self.directory: batch}

    def files_in(self, directory: str) -> EventFiles:
        """Return the files of one of the directories that ``parts`` returns."""
        return self

    @contextlib.contextmanager
    def _counting(self, files: EventFiles) -> Iterator[None]:
        """Add the growth of the counters of ``files`` in the ``with`` block to these counters."""
        before = files.bytes_written, files.count, files.displaced
        try:
            yield
        finally:
            self.bytes_written += files.bytes_written - before[0]
            self.count += files.count - before[1]
            self.displaced += files.displaced - before[2]
            self.path = files.path

    def may_pass(self, error: OSError) -> bool:
        """Tell whether a writer can start after this error, because later attempts may succeed."""
        return True

    def history(self) -> dict[str, int]:
        """Return the greatest step of each tag in the directory."""
        return newest_steps(self._storage, self.directory, self._leave_out)

    def _leave_out(self, path: str, error: OSError) -> None:
        """Log once that an old file cannot be read."""
        if path not in self._left_out:
            self._left_out.add(path)
            message = "%s cannot be read, so automatic steps may repeat the steps in it: %s"
            self._say(logging.WARNING, message, path, error)

    def _retire(self, existing: Sequence[str]) -> None:
        """Delete the oldest sealed segments if there are more than the options allow."""
        options = self._options
        if options.keep_files is None and options.keep_bytes is None:
            return
        own = [name for name in existing if names.is_own_name(name, options.filename_suffix)]
        now = time.time()
        size = 0
        beyond: list[str] = []
        # Rank 1 is the new segment, which ``existing`` does not contain.
        for rank, name in enumerate(sorted(own, reverse=True), start=2):
            path = self._storage.join(self.directory, name)
            with contextlib.suppress(OSError):  # another process has deleted the file
                length, age = self._storage.size_and_age(path, now)
                size += length
                too_many = options.keep_files is not None and rank > options.keep_files
                too_large = options.keep_bytes is not None and size > options.keep_bytes
                if (too_many or too_large) and rank > NEWEST_KEPT and age > YOUNG_SECS:
                    beyond.append(path)
        # The oldest segment is deleted first. So there is no gap if the process ends in this loop.
        for path in reversed(beyond):
            with contextlib.suppress(OSError):  # without permission to delete, logging continues
                self._storage.remove(path)
