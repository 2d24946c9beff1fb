"""Scalars of several runs under one name: one chart with a line for each key.

Each value has the wire form of ``scalar.py``. TensorBoard draws one line for each run, so each
value is in its own run. The runs are directories below the writer's directory.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache

from tbimage import checks
from tbimage.kinds import scalar

# Characters that a file system may forbid in a name, and path separators.
_FORBIDDEN = re.compile(r'[\x00-\x1f/\\:*?"<>|]')
_OTHER = re.compile(r"\W")
# The start of each part of a package (see ``pack``): the lengths of the run's name and of the
# Summary.
_LENGTHS = struct.Struct("<HI")

#: A package with an empty run name: the START of a purge, which is written to all runs.
PURGE = _LENGTHS.pack(0, 0)

# NAME_MAX of Linux and macOS, in bytes.
_LONGEST_NAME = 255


def check_values(name: str, values: object) -> dict[str, float]:
    """Check the values; return a dict that maps the name of each run to its value."""
    runs: dict[str, float] = {}
    for key, value in checks.mapping("values", values, "a mapping of keys to numbers").items():
        run = run_name(name, key)
        if run in runs:
            raise ValueError(
                "values must have keys that make different directories, got two keys that make "
                f"{run!r}"
            )
        runs[run] = scalar.check_value(value, f"values[{key!r}]")
    return runs


# The cache is large enough for a few charts of a thousand lines each.
@lru_cache(maxsize=8192)
def run_name(name: str, key: object) -> str:
    """Return the directory name of a key's run: ``name_key``. Forbidden characters become "_"."""
    run = _FORBIDDEN.sub("_", f"{name}_{checks.text('a key of values', key)}")
    size = len(run.encode())
    if size > _LONGEST_NAME:
        raise ValueError(
            f"the key {key!r:.80} makes a directory's name of {size} bytes with name={name!r:.80}; "
            f"expected at most {_LONGEST_NAME}: shorten the key or the name"
        )
    return run


def belongs(directory: str, tag: str) -> bool:
    """Tell whether a directory has the name of a run of ``tag``: ``tag_key`` or ``tag/key``.

    Each special character, such as a space, is treated as "_".
    """
    return _OTHER.sub("_", directory).startswith(_OTHER.sub("_", f"{tag}_"))


def pack(name: str, values: Sequence[tuple[str, float]], description: str | None) -> bytes:
    """Pack the Summaries of one call, each with the name of its run.

    The pipeline handles the package like one Summary, so that the values of a call stay together
    and have the same step. ``unpack`` separates the Summaries before the files are written.
    """
    parts: list[bytes] = []
    for run, number in values:
        encoded, summary = run.encode(), scalar.summary(name, number, description)
        parts += (_LENGTHS.pack(len(encoded), len(summary)), encoded, summary)
    return b"".join(parts)


def unpack(package: bytes | memoryview) -> Iterator[tuple[str, bytes]]:
    """Yield the runs and the serialized Summaries of a package."""
    at = 0
    while at < len(package):
        name_length, length = _LENGTHS.unpack_from(package, at)
        at += _LENGTHS.size
        run = str(package[at : at + name_length], "utf-8")
        at += name_length
        yield run, bytes(package[at : at + length])
        at += length
