"""A spool: files on the local disk with the records that an object store has not acknowledged.

Rules, so that these records are not lost if the process is killed:
- Each process has its own files, and locks each of them until the process ends.
- A file consists of chunks. The first line of a chunk has the directory and the size in bytes of
  the records. The records follow.
- Each upload is noted in a second file before it begins. So the next process can find out whether
  the upload succeeded.
- Both files are deleted when the store has acknowledged all records.
- A file without a lock belongs to a process that has ended. The next writer of the run uploads the
  file.
- A file that cannot be opened or locked may belong to a running process. It is logged and not
  uploaded. Only on Windows, which has no ``flock``, files are uploaded without a lock.
- A file of another process that cannot be read is logged, too. A later writer tries it again.
- Files with other names, links and pipes are not spool files, so they are not changed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import json
import logging
import os
import re
import stat
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import BinaryIO, cast

from tbimage.events.batches import Batch
from tbimage.events.records import CorruptRecordError, RecordDecoder
from tbimage.events.storage import is_shortage

try:
    import fcntl
except ImportError:  # on Windows, where other processes cannot delete an open file
    fcntl = None  # type: ignore[assignment]

__all__ = ["Attempt", "Spool", "SpoolFile", "batch_of"]

_NOTES = ".uploads"  # the name of the second file ends with this
_NAME = re.compile(r"[0-9]{19,}-[0-9]+-[0-9]+")  # the names that ``_begin`` makes
_MOST_NAMES_TRIED = 10
_numbers = itertools.count()
# The paths of this process's files. They are needed on systems without locks, such as Windows.
# Changes of this dict are atomic.
_own: dict[str, None] = {}
# The attempts that could not be noted in a file, by the path of the spool file, and by directory.
_not_noted: dict[str, dict[str, Attempt]] = {}
# The open files of this process. A forked child closes its copies: they would keep the locks after
# the end of its parent.
_open: weakref.WeakSet[BinaryIO] = weakref.WeakSet()


@dataclass(frozen=True)
class Attempt:
    """An upload to one object. It is not known whether the upload has succeeded.

    Attributes:
        path: The URL of the object.
        writer: The writer of the object, as in its metadata.
        size: How many bytes the object had before this upload.
        lead: How many bytes the upload adds before its records (the start of the event file and
            padding). Bytes that the store copies from another object count, too.
        begun: How many bytes of the upload's first record were in the object before this upload.
        done: How many bytes of records the store had acknowledged before this upload.
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
        path: The path of the file.
        file: The file object, open for writing and locked.

    Attributes:
        count: How many summaries this process has written to the file.
        path: The path of the file.
    """

    def __init__(self, path: str, file: BinaryIO) -> None:
        self.count: int = 0
        self.path: str = path
        self._file = file
        self._size = 0

    def write(self, parts: Mapping[str, Batch], count: int) -> None:
        """Append the records of ``count`` summaries; ``parts`` has the records of each directory.

        Raises:
            OSError: The disk is full or has failed, or another program has made the file shorter.
                Nothing was appended.
        """
        # The system would fill a gap with zeros, and nothing behind them could be read.
        if os.fstat(self._file.fileno()).st_size < self._size:
            raise OSError(errno.EIO, "another program has made the file shorter", self.path)
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
                self._file.seek(self._size)  # first, because ``truncate`` may fail
                self._file.truncate(self._size)
            raise
        self._size += len(data)
        self.count += count

    def chunks(self, start: int = 0) -> Iterator[tuple[str, bytes, int]]:
        """Yield the directory, the records and the end position of each chunk after ``start``.

        The last chunk may be incomplete.
        """
        # Not opened by its path: another program may have deleted the file.
        with open(self._file.fileno(), "rb", closefd=False) as file:
            most = self.size()
            file.seek(start)
            while (line := file.readline()).endswith(b"\n"):
                try:
                    header = json.loads(line)
                except ValueError:
                    header = None
                match header:
                    case [str(directory), int(size)] if size >= 0:
                        yield directory, file.read(min(size, most)), file.tell()
                    case _:  # the machine lost power while this line was written
                        return

    def size(self) -> int:
        """Return how many bytes this process has written; if none, the size of the file."""
        return self._size or os.fstat(self._file.fileno()).st_size

    def note(self, directory: str, attempt: Attempt) -> None:
        """Note the start of an upload in the second file; if this fails, in memory."""
        # It begins a new line, because the last line may be incomplete: the disk was full.
        line = b"\n" + json.dumps([directory, asdict(attempt)]).encode() + b"\n"
        missed = _not_noted.setdefault(self.path, {})
        missed[directory] = attempt
        with contextlib.suppress(OSError), _opened(self.path + _NOTES, "ab") as notes:
            if notes.write(line) == len(line):
                del missed[directory]

    def attempts(self) -> dict[str, Attempt]:
        """Return the last noted attempt of each directory."""
        found: dict[str, Attempt] = {}
        with contextlib.suppress(FileNotFoundError), _opened(self.path + _NOTES, "rb") as notes:
            for line in notes.read().split(b"\n"):
                # An empty, incomplete or damaged line: no upload began.
                with contextlib.suppress(ValueError, TypeError):
                    directory, attempt = json.loads(line)
                    found[directory] = Attempt(**attempt)
        return found | _not_noted.get(self.path, {})

    def delete(self) -> None:
        """Delete both files, because all records are in the store."""
        # Nobody uploads an empty file again. This matters if the file cannot be deleted, and if
        # another process has opened the file and has not yet locked it.
        with contextlib.suppress(OSError):
            self._file.truncate(0)
        if os.name == "nt":
            self.close()
        # The second file is deleted last: a spool file without notes would be uploaded again.
        for path in (self.path, self.path + _NOTES):
            with contextlib.suppress(OSError):
                os.remove(path)
        _not_noted.pop(self.path, None)
        self.close()

    def close(self) -> None:
        """Close and unlock the file. If the file was not deleted, the next writer uploads it."""
        _own.pop(self.path, None)
        self._file.close()


class Spool:
    """The spool files of one lane. Only one thread at a time may use this object.

    Args:
        directory: The directory of the spools of all runs.
        run: The URL of the writer's run.
        say: The function that logs a line.
    """

    def __init__(self, directory: str, run: str, say: Callable[..., None]) -> None:
        short = re.sub(r"\W+", "-", run, flags=re.ASCII)[-60:].strip("-")
        digest = hashlib.sha256(run.encode()).hexdigest()[:16]
        self._directory = os.path.join(directory, f"{short}-{digest}")
        self._say = say
        self._pid = os.getpid()
        self._file: SpoolFile | None = None
        self._failed = False
        self._refused: set[str] = set()  # the paths that ``refuse`` has logged

    @property
    def count(self) -> int:
        """How many summaries are in the current file."""
        return 0 if self._file is None else self._file.count

    def keep(self, parts: Mapping[str, Batch], count: int) -> bool:
        """Append records to the current file; if this fails, log a warning and return False."""
        try:
            if self._file is None:
                self._file = self._begin()
            self._file.write(parts, count)
        except OSError as error:
            if not self._failed:
                self._say(logging.WARNING, "%s: nothing can be stored: %s", self._directory, error)
            self._failed = True
            if self._file is not None and not self._file.count:
                self._file.delete()
                self._file = None
            return False
        self._failed = False
        return True

    def take(self) -> SpoolFile | None:
        """Return the current file, for an upload. The next records go to a new file."""
        file, self._file = self._file, None
        return file

    def is_own(self) -> bool:
        """Tell whether this process made this object; False in a forked child."""
        return self._pid == os.getpid()

    def close(self) -> None:
        """Close the current file. The next writer of the run uploads it."""
        if (file := self.take()) is not None:
            file.close()

    def left_by_others(self) -> Iterator[SpoolFile]:
        """Yield the files of processes that have ended. Each file is locked until its ``close``."""
        try:
            names = sorted(os.listdir(self._directory))
        except FileNotFoundError:
            return
        except OSError as error:
            self.refuse(self._directory, error)
            return
        for name in names:
            path = os.path.join(self._directory, name)
            if not _NAME.fullmatch(name.removesuffix(_NOTES)):
                continue  # not a file of this class
            if name.endswith(_NOTES):
                if name[: -len(_NOTES)] not in names:  # its process was killed during ``delete``
                    with contextlib.suppress(OSError):
                        os.remove(path)
            elif path not in _own:
                try:
                    file = _locked(path, "rb+")
                except OSError as error:
                    self.refuse(path, error)
                    continue
                if file is not None:
                    yield SpoolFile(path, file)

    def refuse(self, path: str, error: OSError) -> None:
        """Log once that the records of other processes in a path cannot be uploaded.

        Raises:
            OSError: Too many files are open, or no memory is free. The next upload tries again.
        """
        if is_shortage(error):
            raise error
        if path not in self._refused:
            self._refused.add(path)
            message = (
                "%s: the records that other processes have left there are not uploaded: %s. "
                "spool_dir must be on a file system with flock, and its files must belong to the "
                "user of this process"
            )
            self._say(logging.WARNING, message, path, error)

    def _begin(self) -> SpoolFile:
        os.makedirs(self._directory, exist_ok=True)
        # Files are uploaded in the order of their names, also if the clock was set back.
        stamps = [time.time_ns()]
        with contextlib.suppress(PermissionError):
            begins = [name.partition("-")[0] for name in os.listdir(self._directory)]
            stamps += [int(each) + 1 for each in begins if each.isdecimal()]
        for _ in range(_MOST_NAMES_TRIED):
            name = f"{max(stamps):019}-{os.getpid()}-{next(_numbers)}"
            path = os.path.join(self._directory, name)
            _own[path] = None
            try:
                # Another process may lock the new file first. Then that process deletes the file.
                file = _locked(path, "xb+")
                if file is not None and os.path.exists(path):
                    return SpoolFile(path, file)
            except OSError:
                _own.pop(path, None)
                raise
            _own.pop(path, None)
        raise FileExistsError(f"no file can be made in {self._directory}")


def _locked(path: str, mode: str) -> BinaryIO | None:
    """Open a file and lock it; None if another process has locked or deleted it."""
    try:
        file = _opened(path, mode)
    except FileNotFoundError:
        return None
    _open.add(file)
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        except OSError:  # the file system has no locks
            if mode == "rb+":  # the process that wrote the file may still be running
                file.close()
                raise
    return file


def _close_inherited() -> None:
    """In a forked child, close the files of the parent."""
    for file in list(_open):
        file.close()
    _own.clear()
    _not_noted.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_inherited)


def _opened(path: str, mode: str) -> BinaryIO:
    """Open a file without a buffer; raise an OSError if it is a link, a pipe or the like."""
    file = cast(BinaryIO, open(path, mode, buffering=0, opener=_private))  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "not a regular file", path)
    return file


def _private(path: str, flags: int) -> int:
    """Open a file that other users cannot read. Do not follow a link, or wait for a pipe."""
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # Windows has neither
    return os.open(path, flags, 0o600)


def batch_of(data: bytes) -> Batch:
    """Return the complete records at the start of the data."""
    decoder = RecordDecoder()
    decoder.feed(data)
    ends = [0]
    with contextlib.suppress(CorruptRecordError):
        while decoder.next_record() is not None:
            ends.append(decoder.offset)
    return Batch([data[: ends[-1]]], [end - start for start, end in itertools.pairwise(ends)])
