"""Read the raw events of event files, in the order in which they were written.

Every event is yielded, and no event is changed. TensorBoard's loaders leave out and convert events.

Rules:
- An incomplete record at the end of a file is not an error: its writer is still writing, or was
  killed.
- Any other fault raises a ``CorruptFileError``. The error has the path of the file and the offset
  of the record. All events before the fault are yielded first. ``tbimage.read`` also reads the
  records after a fault.
- Only one file is open at a time, and only one chunk or one record of this file is in memory.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tbimage.events.names import is_event_file
from tbimage.events.records import CorruptRecordError, RecordDecoder

if TYPE_CHECKING:
    from tbimage.events.messages import Event

__all__ = ["CorruptFileError", "read_events", "read_run"]

logger: logging.Logger = logging.getLogger("tbimage")

# The number of bytes of one read: several images, or thousands of scalars.
_CHUNK_BYTES = 1 << 20


class CorruptFileError(CorruptRecordError):
    """An event file is damaged: the record at ``offset`` cannot be read.

    Attributes:
        path: The file.
        offset: Where the damaged record starts, in bytes.
        reason: What is wrong with the record.

    Example:
        >>> str(CorruptFileError("events.out.tfevents.1", 40, "checksum of its length"))
        'events.out.tfevents.1: corrupt record at byte 40: checksum of its length'
    """

    def __init__(self, path: str, offset: int, reason: str) -> None:
        super().__init__(offset, reason)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: {super().__str__()}"

    def __reduce__(self) -> tuple[type[CorruptFileError], tuple[str, int, str]]:
        return type(self), (self.path, self.offset, self.reason)


def read_events(path: str | os.PathLike[str]) -> Iterator[Event]:
    """Yield the events of one event file.

    Args:
        path: The file. It may be growing: events that are appended during the iteration are read,
            too.

    Yields:
        Every event whose record is complete, in the order of the file. The first event has
        ``file_version``. An incomplete record at the end is left out.

    Raises:
        CorruptFileError: A checksum is wrong, or a record is not an Event.
        OSError: The file cannot be opened or read. The iteration raises this error, not the call.

    Example:
        >>> from tbimage.events.messages import Event
        >>> from tbimage.events.records import frame
        >>> with open("events.out.tfevents.1", "wb") as file:
        ...     file.writelines(frame([Event(file_version="brain.Event:2").SerializeToString()]))
        >>> [event.file_version for event in read_events("events.out.tfevents.1")]
        ['brain.Event:2']
    """
    from google.protobuf.message import DecodeError

    from tbimage.events.messages import Event

    decoder = RecordDecoder()
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(_CHUNK_BYTES):
            decoder.feed(chunk)
            while True:
                offset = decoder.offset
                try:
                    payload = decoder.next_record()
                    if payload is None:
                        break
                    event = Event.FromString(payload)
                except CorruptRecordError as error:
                    raise CorruptFileError(os.fspath(path), offset, error.reason) from None
                except DecodeError:
                    raise CorruptFileError(
                        os.fspath(path), offset, "its payload is not an Event"
                    ) from None
                yield event


def read_run(
    directory: str | os.PathLike[str], *, on_error: Literal["raise", "log"] = "raise"
) -> Iterator[Event]:
    """Yield the events of all event files of one run, file by file in the order of their names.

    Args:
        directory: The directory of the files. Directories below it are other runs, and are not
            read. Files that are created after the call are not read.
        on_error: ``"raise"`` raises an error if a file is damaged. ``"log"`` logs a warning and
            continues with the next file, as both of TensorBoard's loaders do.

    Returns:
        An iterator of the events. The first event of each file has a ``file_version``.

    Raises:
        CorruptFileError: A file is damaged, and ``on_error`` is ``"raise"``.
        OSError: The directory, or a file in it, cannot be opened or read.
        ValueError: ``on_error`` is neither ``"raise"`` nor ``"log"``.

    Example:
        >>> from tbimage.events.messages import Event
        >>> from tbimage.events.records import frame
        >>> for step in 1, 2:
        ...     with open(f"events.out.tfevents.{step}", "wb") as file:
        ...         file.writelines(frame([Event(step=step).SerializeToString()]))
        >>> [event.step for event in read_run(".")]
        [1, 2]
    """
    if on_error not in ("raise", "log"):
        raise ValueError(f"on_error: got {on_error!r}, expected 'raise' or 'log'")
    files = sorted(path for path in Path(directory).iterdir() if is_event_file(path.name))
    return _read_files([path for path in files if path.is_file()], on_error)


def _read_files(paths: list[Path], on_error: str) -> Iterator[Event]:
    for path in paths:
        try:
            yield from read_events(path)
        except CorruptFileError as error:
            if on_error == "raise":
                raise
            logger.warning("%s; the rest of this file is left out", error)
