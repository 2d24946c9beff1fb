"""Copies of what the caller may change, in memory that is used again and again.

What lives here: copying an array, and the memory that copies leave behind. What does not: whether a
copy is needed at all (array_like.py), and how many there may be (the pipeline counts their bytes).

Why: fresh memory costs a page fault for every 4 KiB, and the system takes it back with the next
picture. The caller waits for that, twice as long as for the copy, and so do the threads that share
its memory.

Rules:
- Memory comes back by itself when the last view of a copy is gone, in whatever thread that is.
- That may be in a signal handler: no locks; a list or a dict is changed by one call at a time.
"""

from __future__ import annotations

import mmap
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["copy_of"]

Array = NDArray[Any]

#: Of smaller copies the memory does not go back to the system.
LEAST_BYTES = 64 << 10
#: Larger ones have pages of their own, so that the system has them back after a burst. In the heap
#: of the C library 220 of 256 MiB stayed with the process.
LEAST_BYTES_OF_PAGES = 1 << 20
#: From here on the system is asked for pages of 2 MiB, as NumPy does: fewer faults.
LEAST_BYTES_OF_HUGE_PAGES = 4 << 20
#: How many sizes there is idle memory of, and how much of each: one photograph of 1080×1920×3.
MOST_SIZES = 4
MOST_BYTES_OF_A_SIZE = 8 << 20


class _Memory(np.ndarray[Any, Any]):
    """Bytes. Of plain arrays NumPy would make every view the base itself, past ``_Lent``."""


class _Lent(np.ndarray[Any, Any]):
    """All of some memory; it is the base of every view of it, and goes with the last one."""

    def __del__(self) -> None:
        if isinstance(self.base, _Memory):
            _take_back(self.base)


_idle: dict[int, list[_Memory]] = {}


def _take_back(memory: _Memory) -> None:
    size = memory.size
    if size not in _idle and len(_idle) >= MOST_SIZES:
        _idle.clear()  # sizes that nobody asks for any more; or too many for all of this
    same = _idle.setdefault(size, [])
    if (len(same) + 1) * size <= MOST_BYTES_OF_A_SIZE:
        same.append(memory)


def _lend(size: int) -> _Lent:
    try:
        memory = _idle[size].pop()
    except LookupError:
        memory = _new_memory(size)
    lent: _Lent = memory.view(_Lent)
    return lent


def _new_memory(size: int) -> _Memory:
    pages = _new_pages(size) if size >= LEAST_BYTES_OF_PAGES else None
    memory: _Memory = _Memory(size, np.uint8, pages)
    return memory


def _new_pages(size: int) -> mmap.mmap | None:
    if not hasattr(mmap, "MAP_ANONYMOUS"):  # Windows
        return None
    try:
        pages = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError:  # too many mappings; or no memory, which NumPy has a better name for
        return None
    if size >= LEAST_BYTES_OF_HUGE_PAGES and hasattr(mmap, "MADV_HUGEPAGE"):  # Linux
        with suppress(OSError):  # a kernel without them
            pages.madvise(mmap.MADV_HUGEPAGE)
    return pages


def copy_of(array: Array) -> Array:
    """Copy an array, in the order that it has in memory.

    Args:
        array: Of any shape, numeric dtype and strides.

    Returns:
        A copy. A view such as CHW is copied at the speed of memory, and stays a view of that kind.

    Example:
        >>> photo = np.zeros((3, 480, 640), np.uint8).transpose(1, 2, 0)
        >>> copy_of(photo).strides == photo.strides
        True
    """
    if array.nbytes < LEAST_BYTES:
        copied: Array = array.copy(order="K")
        return copied
    memory = _lend(array.nbytes)
    if array.flags.c_contiguous:
        copied = np.ndarray(array.shape, array.dtype, memory)
    else:
        axes = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
        shape = [array.shape[axis] for axis in axes]
        copied = np.ndarray(shape, array.dtype, memory).transpose(np.argsort(axes))
    np.copyto(copied, array)
    return copied
