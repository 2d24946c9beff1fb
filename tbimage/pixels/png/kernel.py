"""Call the compiled encoder. It turns rows into a raw deflate stream and its checksums."""

from __future__ import annotations

import ctypes
import threading
from typing import NamedTuple

import numpy as np

from tbimage.buffers import Piece
from tbimage.pixels.mappings import LEAST_BYTES, lend
from tbimage.pixels.png.libraries import kernel
from tbimage.pixels.png.rows import Pixels, Rows
from tbimage.pixels.scratch import Bytes


class Stream(NamedTuple):
    """The raw deflate stream of some rows, and their checksums.

    Attributes:
        data: The stream.
        crc: The CRC-32 of the bytes before ``data`` in the chunk, and of ``data``.
        adler: The Adler-32 of the filtered rows.
    """

    data: Piece
    crc: int
    adler: int


class Job(ctypes.Structure):
    """``Job`` of kernel.c, which describes the fields."""

    _fields_ = (
        ("rows", ctypes.c_void_p),
        ("row_stride", ctypes.c_int64),
        ("height", ctypes.c_int64),
        ("width", ctypes.c_int64),
        ("step", ctypes.c_int64),
        ("first", ctypes.c_int64),
        ("last", ctypes.c_int64),
        ("out", ctypes.c_void_p),
        ("capacity", ctypes.c_int64),
        ("scratch", ctypes.c_void_p),
        ("baseline", ctypes.c_int64),
        ("size", ctypes.c_int64),
        ("crc", ctypes.c_int64),
        ("adler", ctypes.c_int64),
    )


class _Memory(threading.local):
    """The memory that a thread keeps for its next call: 0.7 MiB."""

    def __init__(self) -> None:
        self.job = Job()
        self.out = np.empty(LEAST_BYTES, np.uint8)  # for small outputs
        self.out_address = self.out.ctypes.data
        self.scratch: Bytes | None = None


_memory = _Memory()


def _memory_of(rows: Rows, start: int, stop: int) -> tuple[Pixels, int]:
    """Return some rows as PNG stores them, and the distance between two rows in bytes."""
    pixels = rows.pixels
    item = pixels.itemsize
    if pixels.strides[1:] == (rows.step, item) and (item == 1 or pixels.dtype == ">u2"):
        return pixels[start:stop], pixels.strides[0]
    return rows.window(start, stop)[1:], rows.width


def encode_rows(rows: Rows, start: int, stop: int, crc: int, *, baseline: bool = False) -> Stream:
    """Filter and deflate the rows from ``start`` to ``stop - 1``; the kernel chooses how.

    The stream is ended only if the rows include the last row of the picture. ``crc`` is the CRC-32
    of the bytes before the stream in the same chunk. With ``baseline``, the encoder uses only
    instructions that every processor of this architecture has. The output is the same, but the
    encoder is slower.
    """
    loaded = kernel()
    if loaded is None:
        raise RuntimeError("there is no compiled encoder")
    height, width = stop - start, rows.width
    filtered_size = height * (width + 1)
    # Fixed codes take at most 9 bits for each byte. The 1 KiB is for the ends of blocks.
    capacity = filtered_size + filtered_size // 8 + 1024
    job = _memory.job
    if _memory.scratch is None:
        scratch = np.empty(loaded.scratch_bytes, np.uint8)
        job.scratch = scratch.ctypes.data
        _memory.scratch = scratch
    out = None if capacity <= LEAST_BYTES else lend(capacity)
    window, job.row_stride = _memory_of(rows, start, stop)
    job.rows = window.ctypes.data  # not __array_interface__, which crashes if memory is exhausted
    # ``out_address`` is stored because ``out.ctypes`` makes a new object, which takes 0.8 µs.
    job.out = _memory.out_address if out is None else out.ctypes.data
    job.height, job.width, job.step, job.capacity = height, width, rows.step, capacity
    job.first, job.last, job.baseline, job.crc = start == 0, stop == rows.height, baseline, crc
    status = loaded.encode(ctypes.byref(job))
    if status != 0:
        raise RuntimeError(f"the compiled encoder failed with status {status}")
    size = job.size
    data = ctypes.string_at(_memory.out_address, size) if out is None else out.data[:size]
    return Stream(data, job.crc, job.adler)
