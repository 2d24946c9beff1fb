"""Records on the local disk that a store has not acknowledged. A kill does not lose them.

- A process has files of its own, and holds a lock on each of them while it lives.
- A file has chunks: a line with a directory and a size, then so many bytes of records.
- Each upload is noted in a second file before it begins. So the next process can find out whether
  it succeeded.
- Both files are deleted when the store has acknowledged all records.
- A file without a lock was left by a process that ended. The next writer of the run uploads it.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import BinaryIO, cast

from tbimage.events.batches import Batch
from tbimage.events.records import CorruptRecordError, RecordDecoder

try:
    import fcntl
except ImportError:  # Windows, which does not delete a file that is open
    fcntl = None  # type: ignore[assignment]

__all__ = ["Attempt", "Spool", "SpoolFile", "batch_of"]

_NOTES = ".uploads"  # the end of the name of the second file
_MOST_NAMES_TRIED = 10
_numbers = itertools.count()
# The paths of this process's files, which are not locked on Windows. Single steps change it.
_own: dict[str, None] = {}


@dataclass(frozen=True)
class Attempt:
    """An upload to one object, which may have taken effect.

    Attributes:
        path: The URL of the object.
        writer: The writer that uploads it, as in the metadata of the object.
        size: How many bytes the object had before.
        lead: How many bytes come before the records, and after those.
        begun: How many bytes of the first record the object had before.
        done: How many bytes of records the store had acknowledged before.
    """

    path: str
    writer: str
    size: int
    lead: int
    begun: int
    done: int


class SpoolFile:
    """One file of a spool.

    Args:
        path: Its path.
        file: It, open for reading and writing.

    Attributes:
        count: How many summaries are in it.
    """

    def __init__(self, path: str, file: BinaryIO) -> None:
        self.count: int = 0
        self._path = path
        self._file = file
        self._size = 0

    def write(self, parts: Mapping[str, Batch], count: int) -> None:
        """Append the records of each directory: ``count`` summaries. An error appends nothing.

        Raises:
            OSError: The disk is full, or fails.
        """
        pieces: list[bytes | memoryview | bytearray] = []
        for directory, batch in parts.items():
            pieces += [json.dumps([directory, batch.size]).encode() + b"\n", *batch.pieces]
        data = memoryview(b"".join(pieces))
        try:
            view = data
            while view:
                view = view[self._file.write(view) :]
        except BaseException:
            with contextlib.suppress(OSError):
                self._file.truncate(self._size)
                self._file.seek(self._size)
            raise
        self._size += len(data)
        self.count += count

    def chunks(self, start: int = 0) -> Iterator[tuple[str, bytes, int]]:
        """Yield the directory, the records and the end of each chunk; the last may be cut off."""
        with open(self._path, "rb") as file:
            file.seek(start)
            while (line := file.readline()).endswith(b"\n"):
                try:
                    directory, size = json.loads(line)
                except ValueError:  # the machine lost power while it was written
                    return
                yield directory, file.read(size), file.tell()

    def note(self, directory: str, attempt: Attempt) -> None:
        """Note that an upload begins."""
        with open(self._path + _NOTES, "ab", buffering=0) as notes:
            notes.write(json.dumps([directory, asdict(attempt)]).encode() + b"\n")

    def attempts(self) -> dict[str, Attempt]:
        """Return the last attempt that was noted, by directory."""
        found: dict[str, Attempt] = {}
        with contextlib.suppress(FileNotFoundError), open(self._path + _NOTES, "rb") as notes:
            for line in notes:
                with contextlib.suppress(ValueError):  # cut off, so it was not begun
                    directory, attempt = json.loads(line)
                    found[directory] = Attempt(**attempt)
        return found

    def delete(self) -> None:
        """Delete it: all its records are in the store."""
        if os.name == "nt":
            self.close()
        # In this order: without its notes, a file would be uploaded again.
        for path in (self._path, self._path + _NOTES):
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)
        self.close()

    def close(self) -> None:
        """Close it, which ends the lock, and leave it to the next writer."""
        _own.pop(self._path, None)
        self._file.close()


class Spool:
    """The files of one order of summaries, for one thread at a time.

    Args:
        directory: Where the files of all runs are.
        run: The URL of the writer's run.
        say: Takes a line for the log.
    """

    def __init__(self, directory: str, run: str, say: Callable[..., None]) -> None:
        short = re.sub(r"\W+", "-", run)[-60:].strip("-")
        digest = hashlib.sha256(run.encode()).hexdigest()[:16]
        self._directory = os.path.join(directory, f"{short}-{digest}")
        self._say = say
        self._pid = os.getpid()
        self._file: SpoolFile | None = None
        self._failed = False

    @property
    def count(self) -> int:
        """How many summaries are in the file that grows."""
        return 0 if self._file is None else self._file.count

    def keep(self, parts: Mapping[str, Batch], count: int) -> bool:
        """Write records behind those that are there; False, and a line for the log, if it fails."""
        try:
            if self._file is None:
                self._file = self._begin()
            self._file.write(parts, count)
        except OSError as error:
            if not self._failed:
                self._say(logging.WARNING, "%s: nothing can be kept: %s", self._directory, error)
            self._failed = True
            return False
        self._failed = False
        return True

    def take(self) -> SpoolFile | None:
        """Return the file for an upload. The next records go to a new file."""
        file, self._file = self._file, None
        return file

    def is_own(self) -> bool:
        """Tell whether this process made it, and not one that it was forked from."""
        return self._pid == os.getpid()

    def close(self) -> None:
        """Close the file that grows, and leave it to the next writer."""
        if (file := self.take()) is not None:
            file.close()

    def left_by_others(self) -> Iterator[SpoolFile]:
        """Yield each file whose process has ended, locked until it is closed."""
        try:
            names = sorted(os.listdir(self._directory))
        except FileNotFoundError:
            return
        for name in names:
            path = os.path.join(self._directory, name)
            if name.endswith(_NOTES):
                if name[: -len(_NOTES)] not in names:  # its process was killed after the first
                    with contextlib.suppress(OSError):
                        os.remove(path)
            elif path not in _own and (file := _locked(path, "rb+")) is not None:
                yield SpoolFile(path, file)

    def _begin(self) -> SpoolFile:
        os.makedirs(self._directory, exist_ok=True)
        for _ in range(_MOST_NAMES_TRIED):
            name = f"{time.time_ns()}-{os.getpid()}-{next(_numbers)}"
            path = os.path.join(self._directory, name)
            _own[path] = None
            # Another process that starts may take the file before it is locked.
            file = _locked(path, "xb")
            if file is not None and os.path.exists(path):
                return SpoolFile(path, file)
        raise FileExistsError(f"no file can be made in {self._directory}")


def _locked(path: str, mode: str) -> BinaryIO | None:
    """Open a file and lock it; None where another process has it, or has deleted it."""
    try:
        file = cast(BinaryIO, open(path, mode, buffering=0, opener=_private))  # noqa: SIM115
    except FileNotFoundError:
        return None
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        except OSError:  # the file system has no locks
            pass
    return file


def _private(path: str, flags: int) -> int:
    """Open a file that other users cannot read."""
    return os.open(path, flags, 0o600)


def batch_of(data: bytes) -> Batch:
    """Return the complete records."""
    decoder = RecordDecoder()
    decoder.feed(data)
    ends = [0]
    with contextlib.suppress(CorruptRecordError):
        while decoder.next_record() is not None:
            ends.append(decoder.offset)
    return Batch([data[: ends[-1]]], [end - start for start, end in itertools.pairwise(ends)])
