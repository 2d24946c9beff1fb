"""The files that ``tbimage log`` logs, and their tags.

Rules:
- The tag of a file depends only on its argument and on its path relative to this argument. So the
  file gets the same tag in the next call, and its steps continue. As an exception, equal tags get
  the suffixes of their files.
- Numbers in names are sorted by value: frame2 comes before frame10.
- Names that begin with a dot are left out, as in ``ls``. Links to directories are not followed.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

__all__ = ["File", "distinct", "find"]


@dataclass(frozen=True, slots=True)
class File:
    """A file to log, and its tag. If ``named`` is True, the file itself is an argument."""

    path: Path
    tag: str
    named: bool


def find(
    paths: Sequence[str | os.PathLike[str]], on_error: Callable[[OSError], None]
) -> list[File]:
    """Find the files. Raise OSError if a path is missing. Pass other errors to ``on_error``."""
    found = []
    for path in map(Path, paths):
        if path.is_dir():
            below = sorted(
                (each.relative_to(path) for each in _walk(path, on_error)), key=_by_value
            )
            found += [File(path / each, _tag(path.name, each), False) for each in below]
        elif not stat.S_ISREG(os.stat(path).st_mode):  # raises an error if the path is missing
            # A read from a pipe would block until another program writes to it.
            on_error(
                OSError(errno.EINVAL, "not a regular file: save it as a file first", str(path))
            )
        else:
            found.append(File(path, _tag("", PurePath(path.name)), True))
    return found


def _walk(directory: Path, on_error: Callable[[OSError], None]) -> Iterator[Path]:
    for parent, directories, names in os.walk(directory, onerror=on_error):
        directories[:] = [name for name in directories if not name.startswith(".")]
        for name in names:
            path = Path(parent, name)
            if not name.startswith(".") and path.is_file():
                yield path


def _by_value(path: PurePath) -> list[list[str | int]]:
    """Return a sort key. Strings and numbers alternate, so that any two keys can be compared."""
    return [
        [int(part) if index % 2 else part for index, part in enumerate(re.split(r"([0-9]+)", name))]
        for name in path.parts
    ]


def _tag(directory: str, path: PurePath) -> str:
    parents = [directory] if directory not in ("", "..") else []
    name = "/".join([*parents, *path.parent.parts, path.stem])
    return os.fsencode(name).decode("utf-8", "replace")  # a tag must be Unicode


def distinct(files: Sequence[File]) -> list[File]:
    """Add the suffixes of files to equal tags. Raise ValueError if tags are still equal."""
    counts = Counter(file.tag for file in files)
    renamed = [
        replace(file, tag=file.tag + file.path.suffix) if counts[file.tag] > 1 else file
        for file in files
    ]
    first: dict[str, File] = {}
    for file in renamed:
        other = first.setdefault(file.tag, file)
        if other is not file:
            raise ValueError(
                f"{other.path} and {file.path} would both be logged as {file.tag!r}: pass their "
                "directories instead, or --name to make them steps of one tag"
            )
    return renamed
