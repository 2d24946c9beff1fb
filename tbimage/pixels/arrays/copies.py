"""Copy the caller's arrays into memory that is reused.

New memory causes a page fault for every 4 KiB, and malloc returns large blocks to the system after
each picture. The page faults take twice as long as the copy. They delay all threads of the process.
So copies are in slots of memory mappings of 16 MiB. The system is asked to use pages of 2 MiB, so
that a mapping causes 8 page faults instead of 4096.

Rules:
- A slot becomes idle when the last view of its copy is deleted, in any thread.
- A view may be deleted in a signal handler. So there are no locks, and lists and dicts are changed
  by single atomic calls.
- All idle slots of one size belong to one mapping, the idle mapping. A mapping can be returned to
  the system only as a whole. If many copies at once need several mappings, each mapping except the
  idle mapping is returned when its last copy is deleted.
"""

from __future__ import annotations

import mmap
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage.pixels.mappings import new_pages

Array = NDArray[Any]

#: The memory for smaller copies comes from malloc, which keeps small blocks.
LEAST_BYTES = 64 << 10
#: The size of a mapping. The copy of a picture of 0.8 MB took 460 µs in new pages and 90 µs in a
#: slot. If the caller logs 200 pictures at once, each copy takes 130 µs with mappings of 8 MiB, and
#: 80 µs with 16 MiB, because more of the slots belong to the idle mapping.
MAPPING_BYTES = 16 << 20
#: A larger slot has its own mapping, so that it can be returned to the system alone.
MOST_BYTES_OF_A_SLOT = 4 << 20
#: The memory of a larger slot is not kept.
MOST_IDLE_BYTES = 8 << 20
#: The greatest number of slot sizes with idle memory. Each size has one idle mapping.
MOST_SIZES = 4

_PAGE = mmap.PAGESIZE


class _Memory(np.ndarray[Any, Any]):
    """A slot of a mapping; ``base`` is the mapping."""


class _Lent(np.ndarray[Any, Any]):
    """A slot in use. It is the base of every view of the copy, so it is deleted after all views."""

    def __del__(self) -> None:
        if isinstance(self.base, _Memory):
            _take_back(self.base)


_idle: dict[int, list[_Memory]] = {}


def _take_back(memory: _Memory) -> None:
    size = memory.size
    if size > MOST_IDLE_BYTES:
        return
    if size not in _idle and len(_idle) >= MOST_SIZES:
        _idle.clear()  # most of these sizes are no longer used
    same = _idle.setdefault(size, [])
    with suppress(IndexError):  # another thread has just taken the last slot
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
    """Map memory, return its first slot, and make its other slots the idle slots."""
    count = MAPPING_BYTES // size if size <= MOST_BYTES_OF_A_SLOT else 1
    pages = new_pages(count * size, "MADV_HUGEPAGE")
    first, *others = (_Memory(size, np.uint8, pages, place * size) for place in range(count))
    if others:
        if len(_idle) >= MOST_SIZES:
            _idle.clear()
        _idle[size] = others[::-1]  # ``pop`` takes the last slot
    memory: _Memory = first
    return memory


def copy_of(array: Array) -> Array:
    """Copy an array and keep its memory order, so that transposed views are copied fast."""
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
