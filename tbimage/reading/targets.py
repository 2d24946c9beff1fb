"""Read the sources and write the targets of ``compact``: local directories, or URLs of stores.

A file gets its name only when it is complete.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from tbimage.events.names import is_event_file
from tbimage.events.storage import urls
from tbimage.reading.damage import Damage
from tbimage.reading.logs import find_runs

__all__ = [
    "SourceFile",
    "canonical",
    "local_files",
    "names_in",
    "read_text",
    "remove",
    "runs_below",
    "whole_file",
    "write_text",
]

#: The path or URL of an event file, and a tuple for its version. For a local file, the tuple has
#: its size and its time. For an object in a store, the tuple has its size and the store's version.
SourceFile = tuple[str, tuple[str | int, ...]]

# Unfinished files have this prefix. TensorBoard reads only files with ``tfevents`` in their names.
_UNFINISHED = ".unfinished-"
# Unfinished files of killed processes are deleted after this number of seconds.
_STALE_SECS = 3600.0


def canonical(path: str, argument: str) -> str:
    """Return the real path of a directory, or its normalized URL. ValueError: the URL is wrong."""
    return urls.check_url(path, argument) if urls.is_url(path) else os.path.realpath(path)


def runs_below(path: str) -> tuple[dict[str, tuple[SourceFile, ...]], list[Damage]]:
    """Find the files of the runs below a directory or URL, and directories that cannot be opened.

    The files are in the order in which TensorBoard reads them. If the path cannot be read, an
    OSError is raised.
    """
    if urls.is_url(path):
        return _runs_in_store(path), []
    if os.path.isfile(path):
        return {".": ((path, _version_of(path)),)}, []
    os.scandir(path).close()  # raises an error if the directory cannot be read
    found, unreadable = find_runs(path)
    return {
        run: tuple((file, _version_of(file)) for file in files) for run, files in found.items()
    }, unreadable


def _version_of(path: str) -> tuple[str | int, ...]:
    try:
        status = os.stat(path)
    except OSError:  # the file was just deleted
        return ()
    return status.st_size, status.st_mtime_ns


def _runs_in_store(url: str) -> dict[str, tuple[SourceFile, ...]]:
    from tbimage.events.storage.objects import as_os_error
    from tbimage.reading.copies import VERSIONS

    filesystem = _filesystem(url)
    with as_os_error(url):
        root = filesystem.info(url)["name"].rstrip("/") + "/"
        found = filesystem.find(url, detail=True)
    runs: dict[str, list[SourceFile]] = {}
    for name, info in sorted(found.items()):
        run, _, file = name[len(root) :].rpartition("/")
        if is_event_file(file):
            version = next((str(info[key]) for key in VERSIONS if info.get(key)), "")
            path = urls.join(url, *filter(None, run.split("/")), file)
            runs.setdefault(run or ".", []).append((path, (int(info["size"]), version)))
    return {run: tuple(files) for run, files in sorted(runs.items())}


def _filesystem(url: str) -> Any:
    from tbimage.events.storage.filesystems import filesystem_of

    return filesystem_of(url)


@contextmanager
def local_files(paths: Sequence[str], lost: list[Damage]) -> Iterator[dict[str, str]]:
    """Copy objects to a temporary directory. Local files are not copied.

    The yielded dict maps the local path of each file to its item of ``paths``. Objects that cannot
    be copied are added to ``lost``.
    """
    if not any(map(urls.is_url, paths)):
        yield {path: path for path in paths}
        return
    from tbimage.events.storage.objects import as_os_error

    with tempfile.TemporaryDirectory(prefix="tbimage-") as directory:
        local: dict[str, str] = {}
        for number, path in enumerate(paths):
            copy = os.path.join(directory, f"{number:08d}")
            try:
                with as_os_error(path):
                    _filesystem(path).get_file(path, copy)
            except OSError as error:
                lost.append(Damage(path, 0, 0, "unreadable", error.strerror or str(error)))
            else:
                local[copy] = path
        yield local


@contextmanager
def whole_file(path: str) -> Iterator[BinaryIO]:
    """Open a new file for writing. It replaces ``path`` at the end of the block.

    The directory is made if it does not exist. If the block raises an error, the new file is
    deleted.
    """
    if urls.is_url(path):
        from tbimage.events.storage.objects import as_os_error

        with tempfile.TemporaryDirectory(prefix="tbimage-") as directory:
            copy = os.path.join(directory, "copy")
            with open(copy, "xb") as file:
                yield file
            with as_os_error(path):
                filesystem = _filesystem(path)
                filesystem.makedirs(urls.dirname(path), exist_ok=True)
                filesystem.put_file(copy, path)
        return
    directory = os.path.dirname(path)
    os.makedirs(directory, exist_ok=True)
    # The name is random: if an engine repeats a task, both tasks may write the file at once.
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
    """Read a small file. Return None if it does not exist."""
    try:
        if urls.is_url(path):
            from tbimage.events.storage.objects import as_os_error

            with as_os_error(path):
                content: bytes = _filesystem(path).cat_file(path)
            return content.decode("utf-8", "replace")
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def write_text(path: str, text: str) -> None:
    """Write a small file. It gets its name only when it is complete."""
    with whole_file(path) as file:
        file.write(text.encode())


def names_in(directory: str) -> list[str]:
    """List the names in a directory. Return an empty list if it does not exist."""
    if urls.is_url(directory):
        from tbimage.events.storage.stores import objects_of

        return objects_of(directory).names(directory)
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []


def remove(path: str) -> None:
    """Delete a file if it exists."""
    with contextlib.suppress(FileNotFoundError):
        if urls.is_url(path):
            from tbimage.events.storage.stores import objects_of

            objects_of(path).remove(path)
        else:
            os.unlink(path)
