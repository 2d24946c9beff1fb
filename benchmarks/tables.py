"""Figures as text: units, precision, and tables of Markdown."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "amount",
    "mebibytes",
    "microseconds",
    "milliseconds",
    "significant",
    "table",
    "thousands",
    "times",
]

#: What stands where nothing was measured.
NOTHING = "–"


def significant(value: float | None) -> str:
    """Three significant digits, or more before the point."""
    if value is None:
        return NOTHING
    magnitude = abs(value)
    digits = 0 if magnitude >= 100 else 1 if magnitude >= 10 else 2
    return f"{value:.{digits}f}"


def milliseconds(secs: float | None) -> str:
    return significant(None if secs is None else secs * 1e3)


def microseconds(secs: float | None) -> str:
    return significant(None if secs is None else secs * 1e6)


def mebibytes(size: float | None) -> str:
    return NOTHING if size is None else f"{size / (1 << 20):.0f}"


def amount(value: float | None) -> str:
    """A large number, with a space between thousands."""
    return NOTHING if value is None else thousands(round(value))


def thousands(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def times(ratio: float | None, digits: int | None = None) -> str:
    if ratio is None:
        return NOTHING
    return f"{ratio:.{1 if ratio < 10 else 0}f}×" if digits is None else f"{ratio:.{digits}f}×"


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Markdown: the first column to the left, figures to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *lines])
