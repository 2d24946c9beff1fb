"""Files that appear as a whole or not at all, in the directory that ``compact`` writes to."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

__all__ = ["names_in", "read_text", "remove", "version_of", "whole_file", "write_text"]

# TensorBoard reads no file of such a name.
_UNFINISHED = ".unfinished-"
# What a process that was killed has left is deleted after so many seconds.
_STALE_SECS = 3600.0


@contextmanager
def whole_file(path: str) -> Iterator[BinaryIO]:
    """Open a file for writing that gets its name at the end of the block, in place of another one.

    Its directory is made if missing. If the block raises, nothing is left.
    """
    directory = os.path.dirname(path)
    os.makedirs(directory, exist_ok=True)
    # Two tasks may write the same file at once, where an engine repeats one.
    unfinished = os.path.join(directory, _UNFINISHED + uuid.uuid4().hex)
    try:
        with open(unfinished, "xb") as file:
            yield file
        os.replace(unfinished, path)
    except BaseException:
        remove(unfinished)
        raise
    _remove_stale(directory)


def _remove_stale(directory: str) -> None:
    for name in names_in(directory):
        if name.startswith(_UNFINISHED):
            path = os.path.join(directory, name)
            with contextlib.suppress(OSError):
                if time.time() - os.stat(path).st_mtime > _STALE_SECS:
                    os.unlink(path)


def read_text(path: str) -> str | None:
    """Read a small file; None where there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def write_text(path: str, text: str) -> None:
    """Write a small file as a whole."""
    with whole_file(path) as file:
        file.write(text.encode())


def names_in(directory: str) -> list[str]:
    """List the names in a directory; none where it does not exist."""
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []


def version_of(path: str) -> list[int] | None:
    """Return what changes when a file changes: its size and time; None where it cannot be read."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


def remove(path: str) -> None:
    """Delete a file, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
