"""Several runs' scalars under one name: one chart, a line for each key.

The wire form of each value is that of ``scalar.py``, in a run of its own: TensorBoard draws the
values of one tag in one chart, a line for each run. The runs are directories beside each other,
below the writer's.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from tbimage.kinds import scalar
from tbimage.kinds.names import check_text

__all__ = ["check_values", "pack", "run_name", "unpack"]

# What some file system forbids in a name, and what would make it a path.
_FORBIDDEN = re.compile(r'[\x00-\x1f/\\:*?"<>|]')
# What stands before each part of a package: how long the run's name and the Summary are.
_LENGTHS = struct.Struct("<HI")

# NAME_MAX of Linux and macOS, in bytes.
_LONGEST_NAME = 255


def check_values(name: str, values: object) -> dict[str, float]:
    """Check the values of one call.

    Args:
        name: The summary's name.
        values: Numbers by key.

    Returns:
        The numbers by the name of the run that each goes to.

    Raises:
        TypeError: It is no mapping, a key is no string, or a value is no real number.
        ValueError: A value is an array of rank 1 or more, two keys make one run, or a key makes a
            name that is too long for a directory.

    Example:
        >>> check_values("loss", {"train": 0.5, "test": 0.75})
        {'loss_train': 0.5, 'loss_test': 0.75}
    """
    if not isinstance(values, Mapping):
        raise TypeError(
            f"values must be a mapping of keys to numbers, got {values!r:.80} of type "
            f"{type(values).__name__}"
        )
    runs: dict[str, float] = {}
    for key, value in values.items():
        run = run_name(name, key)
        if run in runs:
            raise ValueError(
                f"values must have keys that make different directories, got two that make {run!r}"
            )
        try:
            runs[run] = scalar.check_value(value)
        except (TypeError, ValueError) as error:
            raise type(error)(f"values[{key!r}]: {error}") from None
    return runs


# Enough for a thousand lines in each of a few charts.
@lru_cache(maxsize=8192)
def run_name(name: str, key: object) -> str:
    """Name the run of one key.

    Args:
        name: The summary's name.
        key: What the value is of.

    Returns:
        The name of a directory: ``name_key``, where ``_`` stands for what file systems forbid.

    Raises:
        TypeError: The key is no string.
        ValueError: It is not valid Unicode, or the name is longer than a directory's may be.

    Example:
        >>> run_name("loss/total", "train")
        'loss_total_train'
    """
    run = _FORBIDDEN.sub("_", f"{name}_{check_text('a key of values', key)}")
    size = len(run.encode())
    if size > _LONGEST_NAME:
        raise ValueError(
            f"the key {key!r:.80} makes a directory's name of {size} bytes with name={name!r:.80}; "
            f"expected at most {_LONGEST_NAME}: shorten one of them"
        )
    return run


def pack(name: str, values: Sequence[tuple[str, float]], description: str | None) -> bytes:
    """Make the Summaries of one call, as one package that says which run each is for.

    It takes the place of a Summary on the way to the files, so that the values of a call keep
    together and take one step; whoever writes the files takes it apart.

    Args:
        name: Becomes the tag.
        values: The name of each run, and its number.
        description: Markdown, or None.

    Returns:
        The package.

    Example:
        >>> package = pack("loss", [("loss_train", 0.5), ("loss_test", 0.75)], None)
        >>> [run for run, _ in unpack(package)]
        ['loss_train', 'loss_test']
    """
    parts: list[bytes] = []
    for run, number in values:
        encoded, summary = run.encode(), scalar.summary(name, number, description)
        parts += (_LENGTHS.pack(len(encoded), len(summary)), encoded, summary)
    return b"".join(parts)


def unpack(package: bytes | memoryview) -> Iterator[tuple[str, bytes]]:
    """Take a package apart.

    Args:
        package: What ``pack`` returned.

    Yields:
        The name of a run, and the serialized Summary for it.

    Example:
        >>> list(unpack(b""))
        []
    """
    at = 0
    while at < len(package):
        name_length, length = _LENGTHS.unpack_from(package, at)
        at += _LENGTHS.size
        run = str(package[at : at + name_length], "utf-8")
        at += name_length
        yield run, bytes(package[at : at + length])
        at += length
