"""RESULTS.md: one page with several parts, each written by its own command."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["DIRECTORY", "NAME", "PARTS", "write_part"]

#: Where the page lives, and its name.
DIRECTORY, NAME = Path(__file__).resolve().parent, "RESULTS.md"
#: The parts in their order, by the commands that write them.
PARTS = ("benchmarks", "benchmarks.load", "benchmarks.stores")

_TITLE = "# Benchmarks\n\nEach part was made by the command that stands in it."
_MARK = "<!-- by python -m {} -->"


def write_part(directory: Path, part: str, text: str) -> None:
    """Write one part of the page, in place of what this part was before.

    Args:
        directory: Where the page is, or will be; made where it is missing.
        part: One of ``PARTS``.
        text: Markdown, with headings from the second level on.
    """
    directory.mkdir(parents=True, exist_ok=True)
    page = directory / NAME
    parts = _parts(page.read_text(encoding="utf-8")) if page.exists() else {}
    parts[part] = text.strip()
    marked = [f"{_MARK.format(each)}\n\n{parts[each]}" for each in PARTS if each in parts]
    page.write_text("\n\n".join([_TITLE, *marked]) + "\n", encoding="utf-8")


def _parts(page: str) -> dict[str, str]:
    pieces = re.split(_MARK.format("(.+?)"), page)[1:]  # name, text, name, text, …
    return {name: text.strip() for name, text in zip(pieces[::2], pieces[1::2], strict=True)}
