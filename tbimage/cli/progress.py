"""A progress bar on a terminal, and nothing where stderr is no terminal.

tqdm draws it where it is installed (``pip install 'tbimage[cli]'``), else a counting line does.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO, TypeVar

__all__ = ["progress"]

T = TypeVar("T")

# tqdm's own default; a terminal shows no more.
_SECONDS_BETWEEN_UPDATES = 0.1

_CLEAR_LINE = "\r\x1b[K"


def progress(items: Sequence[T], unit: str) -> Iterable[T]:
    """Go through items and show on a terminal how many are done."""
    if not sys.stderr.isatty():
        return items
    try:
        from tqdm import tqdm
    except ImportError:
        return _counted(items, unit, sys.stderr)
    return tqdm(items, unit=f" {unit}", file=sys.stderr, leave=False, dynamic_ncols=True)


def _counted(items: Sequence[T], unit: str, stream: TextIO) -> Iterator[T]:
    shown = 0.0
    try:
        for index, item in enumerate(items):
            if time.monotonic() - shown >= _SECONDS_BETWEEN_UPDATES:
                stream.write(f"{_CLEAR_LINE}{index} of {len(items)} {unit}")
                stream.flush()
                shown = time.monotonic()
            yield item
    finally:
        stream.write(_CLEAR_LINE)
        stream.flush()
