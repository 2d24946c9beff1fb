"""Copies of what the caller may change, in memory that is used again and again.

Fresh memory costs a page fault for every 4 KiB, and the system takes it back with the next picture.
The caller waits for that, twice as long as for the copy, and so do the threads that share its
memory. So copies lie in slots of mappings of 8 MiB, for which the system is asked for pages of
2 MiB: 4 faults in place of 2048.

Rules:
- Memory comes back by itself when the last view of a copy is gone, in whatever thread that is.
- That may be in a signal handler: no locks; a list or a dict is changed by one call at a time.
- Idle slots of one size are of one mapping. A mapping goes back to the system as a whole, so others
  go back after a burst, as soon as the last of their copies is gone.
"""

from __future__ import annotations

import mmap
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

#: Smaller copies come from malloc, which keeps the memory.
LEAST_BYTES = 64 << 10
#: Of a mapping. Pictures of 0.8 MB took a caller 460 µs in fresh pages, 90 µs in slots of these.
MAPPING_BYTES = 8 << 20
#: A slot that would leave most of a mapping unused has a mapping of its own size.
MOST_BYTES_OF_A_SLOT = MAPPING_BYTES // 2
#: How many sizes there is idle memory of. It is one mapping of each, 8 MiB at most.
MOST_SIZES = 4

_PAGE = mmap.PAGESIZE


class _Memory(np.ndarray[Any, Any]):
    """A slot of a mapping, which is its base."""


class _Lent(np.ndarray[Any, Any]):
    """All of a slot; it is the base of every view of it, and goes with the last one."""

    def __del__(self) -> None:
        if isinstance(self.base, _Memory):
            _take_back(self.base)


_idle: dict[int, list[_Memory]] = {}


def _take_back(memory: _Memory) -> None:
    size = memory.size
    if size > MAPPING_BYTES:
        return
    if size not in _idle and len(_idle) >= MOST_SIZES:
        _idle.clear()  # sizes that nobody asks for any more; or too many for all of this
    same = _idle.setdefault(size, [])
    with suppress(IndexError):  # another thread has just taken the last one
        if not same or same[-1].base is memory.base:
            same.append(memory)


def _lend(size: int) -> _Lent:
    try:
        memory = _idle[size].pop()
    except LookupError:
        memory = _new_memory(size)
    lent: _Lent = memory.view(_Lent)
    return lent


def _new_memory(size: int) -> _Memory:
    """Map memory; give one slot of it, and leave the others idle."""
    count = MAPPING_BYTES // size if size <= MOST_BYTES_OF_A_SLOT else 1
    pages = _new_pages(count * size)
    first, *others = (_Memory(size, np.uint8, pages, place * size) for place in range(count))
    if others:
        if len(_idle) >= MOST_SIZES:
            _idle.clear()
        _idle[size] = others[::-1]  # the next one is taken from the end
    memory: _Memory = first
    return memory


def _new_pages(size: int) -> Any:
    if not hasattr(mmap, "MAP_ANONYMOUS"):  # Windows
        return np.empty(size, np.uint8)
    try:
        pages = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError:  # too many mappings; or no memory, which NumPy has a better name for
        return np.empty(size, np.uint8)
    if hasattr(mmap, "MADV_HUGEPAGE"):  # Linux
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
    memory = _lend(-(-array.nbytes // _PAGE) * _PAGE)
    if array.flags.c_contiguous:
        copied = np.ndarray(array.shape, array.dtype, memory)
    else:
        axes = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
        shape = [array.shape[axis] for axis in axes]
        copied = np.ndarray(shape, array.dtype, memory).transpose(np.argsort(axes))
    np.copyto(copied, array)
    return copied
