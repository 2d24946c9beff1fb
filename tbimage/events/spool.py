"""A file on the local disk with the records that a store has not acknowledged.

- A process has its own file for each run, and holds a lock on it until it ends.
- The file is emptied when the store has acknowledged all its records.
- A file without a lock was left by a process that ended. The next writer of the run uploads it.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import os
import re
import time
from collections.abc import Callable, Iterator

from tbimage.events.batches import Batch
from tbimage.events.records import CorruptRecordError, RecordDecoder

try:
    import fcntl
except ImportError:  # Windows, which does not delete a file that is open
    fcntl = None  # type: ignore[assignment]

__all__ = ["Spool"]


class Spool:
    """The records of one run that are not acknowledged, for one thread at a time."""

    def __init__(self, directory: str, run: str, say: Callable[..., None]) -> None:
        short = re.sub(r"\W+", "-", run)[-60:].strip("-")
        digest = hashlib.sha256(run.encode()).hexdigest()[:16]
        self._directory = os.path.join(directory, f"{short}-{digest}")
        self._say = say
        #: The process that writes it.
        self.pid: int = os.getpid()
        self._path = ""
        self._file: int | None = None
        self._size = 0
        self._start = 0  # of the records that are not acknowledged
        self._sizes: list[int] = []  # of the records that ``first`` returned
        self._failed = False

    def keep(self, batch: Batch) -> bool:
        """Append records; if this fails, log it and return False."""
        try:
            file = self._open()
            view = memoryview(b"".join(batch.pieces))
            while view:
                view = view[os.write(file, view) :]
        except OSError as error:
            if self._file is not None:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._file, self._size)
            if not self._failed:
                self._say(logging.WARNING, "%s: nothing can be kept: %s", self._directory, error)
            self._failed = True
            return False
        self._failed = False
        self._size += batch.size
        return True

    def first(self, size: int) -> Batch:
        """Read the first remaining records: about ``size`` bytes, and at least one record."""
        self._sizes = []
        if self._file is None or self._start == self._size:
            return Batch()
        with open(self._path, "rb") as file:
            file.seek(self._start)
            data = file.read(size)
            while not (sizes := _sizes_of(data)) and (more := file.read(size)):
                data += more
        self._sizes = sizes
        return Batch([data[: sum(sizes)]], sizes)

    def drop(self, count: int) -> None:
        """Note that the store has acknowledged the first records that ``first`` returned."""
        self._start += sum(self._sizes[:count])
        if self._start == self._size and self._file is not None:
            os.ftruncate(self._file, 0)
            self._start = self._size = 0

    def close(self) -> None:
        """Delete the file if all its records are acknowledged."""
        file, self._file = self._file, None
        if file is not None:
            if self._size == 0 and self.pid == os.getpid():
                with contextlib.suppress(OSError):
                    os.remove(self._path)
            os.close(file)

    def left_by_others(self) -> Iterator[tuple[bytes, Callable[[], None]]]:
        """Yield the records in each file of an ended process, and a function that deletes it."""
        try:
            names = sorted(os.listdir(self._directory))
        except FileNotFoundError:
            return
        for name in names:
            path = os.path.join(self._directory, name)
            if path == self._path:
                continue
            with contextlib.suppress(OSError), open(path, "rb+") as file:
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield _whole_records(file.read()), lambda path=path: os.remove(path)  # type: ignore[misc]

    def _open(self) -> int:
        if self._file is None:
            os.makedirs(self._directory, exist_ok=True)
            self._path = os.path.join(self._directory, f"{time.time_ns()}-{os.getpid()}")
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND
            self._file = os.open(self._path, flags | getattr(os, "O_BINARY", 0), 0o600)
            if fcntl is not None:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return self._file


def _sizes_of(data: bytes) -> list[int]:
    """Return the size of each complete record."""
    decoder = RecordDecoder()
    decoder.feed(data)
    ends = [0]
    with contextlib.suppress(CorruptRecordError):
        while decoder.next_record() is not None:
            ends.append(decoder.offset)
    return [end - start for start, end in itertools.pairwise(ends)]


def _whole_records(data: bytes) -> bytes:
    """Return the records before the first incomplete one."""
    return data[: sum(_sizes_of(data))]
