"""Buffers that each thread keeps for its next picture.

What lives here: one table of byte arrays for each thread. What does not: what is in them. A fresh
array of 256 KiB costs its page faults anew each time, one used a moment ago is in the cache.

Rules:
- ``take`` gives undefined content, and the same memory for the same name: a buffer is good until
  the thread takes that name again. So a name belongs to one function.
- Nothing that leaves this package may be a view of a buffer.
"""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

__all__ = ["Bytes", "take"]

Bytes = npt.NDArray[np.uint8]

#: Larger buffers are not kept. Only pictures with rows of megabytes need them, and a thread may
#: live for weeks. So a thread keeps at most 22 MiB, and 2 to 5 MiB after usual pictures.
KEPT_BYTES = 2 << 20


class _Buffers(threading.local):
    def __init__(self) -> None:
        self.table: dict[str, Bytes] = {}


_buffers = _Buffers()


def take(name: str, size: int) -> Bytes:
    """Give this thread's buffer of that name, at least as large as before, as ``size`` bytes.

    Args:
        name: What the buffer is for. Another thread's buffer of the same name is another one.
        size: Number of bytes.

    Returns:
        ``(size,)`` uint8, aligned as NumPy aligns, contents undefined.

    Example:
        >>> take("doctest", 6).shape, take("doctest", 4).shape
        ((6,), (4,))
        >>> bool(np.shares_memory(take("doctest", 6), take("doctest", 4)))
        True
    """
    buffer = _buffers.table.get(name)
    if buffer is None or buffer.size < size:
        buffer = np.empty(size, np.uint8)
        if size <= KEPT_BYTES:
            _buffers.table[name] = buffer
    return buffer[:size]
