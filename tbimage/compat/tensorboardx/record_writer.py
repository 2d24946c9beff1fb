"""tensorboardX's RecordWriter, which writes records of any content to a file."""

from __future__ import annotations

import os

from tbimage.events.records import frame

__all__ = ["RecordWriter"]


class RecordWriter:
    """Writes TFRecords to a local file. Makes its directory, and overwrites an existing file."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: str = os.fspath(path)
        os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)
        self._writer = open(self.path, "wb")  # noqa: SIM115  close() closes it

    def write(self, data: bytes) -> None:
        """Append one record."""
        self._writer.writelines(frame([data]))

    def flush(self) -> None:
        """Write all buffered records to the disk, so that they survive a loss of power."""
        self._writer.flush()
        os.fsync(self._writer.fileno())

    def close(self) -> None:
        """Close the file."""
        self._writer.close()
