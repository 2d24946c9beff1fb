"""Buffers that each thread keeps for its next picture.

Each new array of 256 KiB causes page faults. A buffer that is reused causes none, and it is often
still in the cache.

Rules:
- ``take`` returns the same memory for the same name. The content of this memory is undefined. A
  buffer is valid until the thread takes the same name again. So functions may share a name only if
  none of them needs its buffer while another one runs.
- No view of a buffer may leave ``tbimage.pixels``.
"""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

#: Larger buffers are not kept, because only pictures with very long rows need them, and a thread
#: may run for weeks. So a thread keeps at most 22 MiB. It keeps 2 to 5 MiB after usual pictures.
KEPT_BYTES = 2 << 20


class _Buffers(threading.local):
    def __init__(self) -> None:
        self.table: dict[str, Bytes] = {}


_buffers = _Buffers()


def take(name: str, size: int) -> Bytes:
    """Return ``size`` bytes of this thread's buffer called ``name``, with undefined content."""
    buffer = _buffers.table.get(name)
    if buffer is None or buffer.size < size:
        buffer = np.empty(size, np.uint8)
        if size <= KEPT_BYTES:
            _buffers.table[name] = buffer
    return buffer[:size]
