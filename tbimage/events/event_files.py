"""What all implementations of a run's event files share; ``EventFiles`` is what the pipeline calls.

``segments.py`` writes to disks, ``object_segments.py`` to object stores, ``spooled_files.py`` to a
disk first and then to a store.
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

__all__ = ["EventFiles", "SegmentOptions"]

logger = logging.getLogger("tbimage")

#: Retention keeps at least this many of the newest segments…
NEWEST_KEPT = 2
#: … and all that grew within this many seconds: a TensorBoard that polls once in a while has read
#: them by then.
YOUNG_SECS = 1800.0


@dataclass(frozen=True)
class SegmentOptions:
    """How a directory's segments are cut, kept and made durable.

    Attributes:
        filename_suffix: Appended to each file's name.
        max_file_bytes: A new segment begins before a record would take the current one beyond this;
            None: never.
        max_file_secs: A new segment begins once the current one is older; None: never.
        keep_files: How many segments stay, at least 2; None: all.
        keep_bytes: How many bytes the segments that stay may have together; None: any.
        min_free_bytes: Writing stops, as on a full disk, where fewer bytes than this would stay
            free; 0: never.
        fsync: "never", "flush" (when ``sync`` is called) or "close" (when a segment is sealed).
    """

    filename_suffix: str = ""
    max_file_bytes: int | None = None
    max_file_secs: float | None = None
    keep_files: int | None = None
    keep_bytes: int | None = None
    min_free_bytes: int = 0
    fsync: str = "never"


class EventFiles(ABC):
    """Appends records to the event files of one directory, for one thread at a time.

    Args:
        storage: Where the directory is.
        directory: The directory.
        options: How its files are cut and kept.
        say: Takes a line for the log, as ``Logger.log`` does.
    """

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
        #: The least time between two commits, where nobody waits.
        self.commit_secs: float = 0.0
        #: When ``sync`` is due although nobody waits, on the monotonic clock.
        self.sync_at: float = math.inf
        #: Whether no later ``sync`` makes good one that failed.
        self.sync_is_final: bool = True
        #: How many summaries that were appended no ``sync`` has made durable yet.
        self.unsynced: int = 0
        #: What the last work that goes on beside the commits failed with.
        self.error: BaseException | None = None
        #: Where the files are.
        self.directory = directory
        #: The path of the newest file, None before the first.
        self.path: str | None = None
        #: How many files were begun.
        self.count: int = 0
        #: How many files were deleted, moved or replaced while they were written.
        self.displaced: int = 0
        #: How many bytes were written, of all files.
        self.bytes_written: int = 0

    @abstractmethod
    def open(self) -> None:
        """Begin the first file now, so that the run and its errors show at once."""

    @abstractmethod
    def append(self, batch: Batch) -> int:
        """Append framed records, in order.

        Args:
            batch: At least one record. After a call that did not complete all of them or raised,
                the next call must start with the first record that was not completed.

        Returns:
            How many of the records are now completely in the file, at least one. Less than all when
            a file ended or the system took only a part: call again with the rest.

        Raises:
            OSError: None of these records was completed. Call again later with the same records.
        """

    @abstractmethod
    def seal(self) -> None:
        """End the current file, if there is one: the next record begins another.

        Raises:
            OSError: The system reported late that writing had failed. The file is closed all the
                same.
        """

    @abstractmethod
    def forget(self) -> None:
        """Let go of the current file as it is; in a forked child it is the parent's."""

    def sync(self) -> None:  # noqa: B027  # what a store has acknowledged is durable
        """Make what was written durable, where the options ask for it with each flush.

        Raises:
            OSError: It could not be made durable, and no later attempt would: the system forgets
                what it could not write. The file is sealed.
        """

    def sync_at_end(self) -> None:  # noqa: B027  # as ``sync``
        """Make what was written durable, unless ``fsync`` is "never": nothing more will follow."""

    @property
    def syncs_on_flush(self) -> bool:
        """Whether a flush is to wait for ``sync``."""
        return False

    def parts(self, batch: Batch) -> Mapping[str, Batch]:
        """Return what of these records belongs to which directory, in order."""
        return {self.directory: batch}

    def files_in(self, directory: str) -> EventFiles:
        """Return the files of a directory that ``parts`` has named."""
        return self

    @contextlib.contextmanager
    def _counting(self, files: EventFiles) -> Iterator[None]:
        """Count here what other files write within the block."""
        before = files.bytes_written, files.count, files.displaced
        try:
            yield
        finally:
            self.bytes_written += files.bytes_written - before[0]
            self.count += files.count - before[1]
            self.displaced += files.displaced - before[2]
            self.path = files.path

    def may_pass(self, error: OSError) -> bool:
        """Tell whether a writer can start in spite of an error: what it logs waits until then."""
        return True

    def history(self) -> dict[str, int]:
        """Return the greatest step by tag of what the directory holds."""
        return newest_steps(self._storage, self.directory)

    def _retire(self, existing: Sequence[str]) -> None:
        """Delete the oldest sealed segments that the options do not keep."""
        options = self._options
        if options.keep_files is None and options.keep_bytes is None:
            return
        own = [name for name in existing if names.is_own_name(name, options.filename_suffix)]
        now = time.time()
        size = 0
        beyond: list[str] = []
        # The newest is the segment just begun, which holds nothing yet.
        for rank, name in enumerate(sorted(own, reverse=True), start=2):
            path = self._storage.join(self.directory, name)
            with contextlib.suppress(OSError):  # gone already
                length, age = self._storage.size_and_age(path, now)
                size += length
                too_many = options.keep_files is not None and rank > options.keep_files
                too_large = options.keep_bytes is not None and size > options.keep_bytes
                if (too_many or too_large) and rank > NEWEST_KEPT and age > YOUNG_SECS:
                    beyond.append(path)
        for path in reversed(beyond):  # the oldest first, so that no gap is left half-way
            with contextlib.suppress(OSError):  # not ours to delete: no reason to stop logging
                self._storage.remove(path)
