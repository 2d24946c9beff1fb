"""Keep large data in memory mappings, so that unused memory is returned to the system.

malloc does not return freed memory that is between used blocks. After records waited for a slow
disk, the process kept up to 140 MiB of such memory, in addition to 256 MiB of pending data. So
encoded data of 64 KiB or more gets its own mapping, and copies of arrays get slots of mappings
(arrays/copies.py).

Rules:
- A mapping becomes idle when the last view of its data is deleted. This can happen in any thread,
  and in a signal handler. So there are no locks, and deques are changed by single atomic calls.
- At most ``MOST_IDLE`` idle mappings of each size are kept and reused. The page faults of a new
  mapping take 1 µs for each 4 KiB, which is a sixth of the encoding time.
"""

from __future__ import annotations

import mmap
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage.buffers import Piece

#: The memory for smaller data comes from malloc.
LEAST_BYTES = 64 << 10
#: The greatest number of idle mappings of each size.
MOST_IDLE = 8


class _Memory(np.ndarray[Any, Any]):
    """A whole mapping as an array; ``base`` is the mapping."""


class _Lent(np.ndarray[Any, Any]):
    """A whole mapping in use. It is the base of every view, so it is deleted after all views."""

    def __del__(self) -> None:
        if isinstance(self.base, _Memory) and self.size in _idle:
            _idle[self.size].append(self.base)


# The idle mappings by size, 64 KiB to 2 MiB. Larger mappings are not kept, because they are rare:
# rows of more than 1 MiB, JPEG files and files of ``compression="small"`` may need them.
_idle: dict[int, deque[_Memory]] = {
    LEAST_BYTES << power: deque(maxlen=MOST_IDLE) for power in range(6)
}


def new_pages(size: int, advice: str) -> Any:
    """Map memory; ``advice`` is the name of a constant of ``mmap``, a hint to the system."""
    if not hasattr(mmap, "MAP_ANONYMOUS"):  # Windows
        return np.empty(size, np.uint8)
    try:
        pages = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError:  # too many mappings, or no memory (then NumPy raises a better error)
        return np.empty(size, np.uint8)
    if hasattr(mmap, advice):  # Linux
        with suppress(OSError):  # a Linux kernel without huge pages
            pages.madvise(getattr(mmap, advice))
    return pages


def lend(least: int) -> NDArray[np.uint8]:
    """Return memory of at least ``least`` bytes, with undefined content.

    A page takes no physical memory until data is written to it.
    """
    size = max(LEAST_BYTES, 1 << (least - 1).bit_length())
    try:
        memory = _idle[size].pop()
    except LookupError:
        # A huge page would take 2 MiB of physical memory, even if little data is written to it.
        memory = _Memory(size, np.uint8, new_pages(size, "MADV_NOHUGEPAGE"))
    lent: NDArray[np.uint8] = memory.view(_Lent)
    return lent


def moved(pieces: Sequence[bytes]) -> list[Piece]:
    """Return the same data; large data is copied into one piece in a mapping."""
    size = sum(map(len, pieces))
    if size < LEAST_BYTES:
        return [*pieces]
    whole, start = lend(size).data[:size], 0
    for piece in pieces:
        whole[start : start + len(piece)] = piece
        start += len(piece)
    return [whole]
