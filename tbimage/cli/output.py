"""Functions for all commands that read logs: options, reading and output."""

from __future__ import annotations

import argparse
import fnmatch
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from tbimage.cli.progress import progress
from tbimage.reading.json_lines import to_json

if TYPE_CHECKING:
    from tbimage.reading.damage import Damage
    from tbimage.reading.logs import Logs

__all__ = [
    "add_choice",
    "chooser",
    "columns",
    "matches",
    "open_logs",
    "print_json",
    "printable",
    "short",
    "tell_damage",
]


def printable(text: object) -> str:
    r"""Escape nonprintable characters, such as ``\x1b``, because they may control a terminal."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in str(text)
    )


def short(text: str, length: int = 100) -> str:
    """Join the lines of a text, and truncate the result to ``length`` characters."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= length else f"{line[: length - 1]}…"


def columns(rows: Sequence[Sequence[object]], numbers: Iterable[int] = ()) -> list[str]:
    """Align the cells of rows. Columns whose index is in ``numbers`` are aligned to the right."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = set(numbers)
    return [
        "  ".join(
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def print_json(value: Any) -> None:
    """Print one line of JSON."""
    print(to_json(value))


def add_choice(parser: argparse.ArgumentParser) -> None:
    """Add --run and --tag."""
    parser.add_argument(
        "--run", dest="runs", metavar="GLOB", default="*", help="only runs that match"
    )
    parser.add_argument(
        "--tag", dest="tags", metavar="GLOB", default="*", help="only tags that match"
    )


def chooser(arguments: argparse.Namespace) -> Callable[[str, str], bool]:
    """Return a function that tells whether --run and --tag match a run and a tag."""
    return lambda run, tag: matches(run, arguments.runs) and matches(tag, arguments.tags)


def matches(name: str, pattern: str) -> bool:
    """Tell whether a name equals a pattern, or matches it as a shell pattern."""
    return name == pattern or fnmatch.fnmatchcase(name, pattern)


def open_logs(path: str) -> Logs:
    """Read logs. Raise ValueError if there are no event files."""
    from tbimage.reading.logs import read

    logs = read(path, progress=lambda files: progress(files, "files"))
    if not logs.runs:
        for damage in logs.damage:
            print(f"tbimage: {printable(damage)}", file=sys.stderr)
        raise ValueError(f"{path}: there are no event files in it")
    return logs


def tell_damage(damage: Iterable[Damage]) -> int:
    """Print all damage to stderr; return the exit code.

    An incomplete record at the end of a file does not change the exit code, because the file may
    still grow.
    """
    code = 0
    for each in damage:
        print(f"tbimage: {printable(each)}", file=sys.stderr)
        code = code if each.kind == "torn" else 1
    return code
