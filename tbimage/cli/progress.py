"""Show a progress bar if stderr is a terminal.

If tqdm is installed (``pip install 'tbimage[cli]'``), it draws the bar. Otherwise one line shows
how many items are done.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO, TypeVar

__all__ = ["progress"]

T = TypeVar("T")

# The same interval as in tqdm.
_SECONDS_BETWEEN_UPDATES = 0.1

_CLEAR_LINE = "\r\x1b[K"


def progress(items: Sequence[T], unit: str) -> Iterable[T]:
    """Yield the items, and show how many are done."""
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
