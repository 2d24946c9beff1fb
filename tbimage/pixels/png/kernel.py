"""Call the compiled encoder, which turns rows into a raw deflate stream with checksums."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tbimage.buffers import Piece
from tbimage.pixels.mappings import LEAST_BYTES, lend
from tbimage.pixels.png.libraries import kernel
from tbimage.pixels.png.rows import Pixels, Rows
from tbimage.pixels.scratch import Bytes

#: The output memory, in bytes, for everything except the codes of rows. Every output needs it.
LEAST_CAPACITY = 1024


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
    """The struct ``Job`` of kernel.c; the fields are described there."""

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
    """The memory that a thread keeps for its next call: 0.6 MiB."""

    def __init__(self) -> None:
        self.out = np.empty(LEAST_BYTES, np.uint8)  # for small outputs
        # Addresses are stored, because each use of ``out.ctypes`` takes 0.8 µs for a new object.
        self.out_address: int = self.out.ctypes.data
        self.scratch: Bytes | None = None
        self.scratch_address = 0


_memory = _Memory()


def encode_rows(rows: Rows, start: int, stop: int, crc: int, *, baseline: bool = False) -> Stream:
    """Filter and deflate the rows from ``start`` to ``stop - 1``; kernel.c chooses the filter.

    The stream ends only if the rows include the last row of the picture. ``crc`` is the CRC-32
    of the bytes before the stream in the same chunk. With ``baseline``, the encoder uses only
    instructions that every processor of this architecture has. The output is the same, but the
    encoder is slower.
    """
    return _encode([(rows, start, stop)], crc, baseline=baseline)[0]


def encode_pictures(pictures: Sequence[Rows], crc: int) -> list[Stream]:
    """Filter and deflate whole small pictures in one call of the compiled encoder."""
    return _encode([(rows, 0, rows.height) for rows in pictures], crc)


def _encode(
    parts: Sequence[tuple[Rows, int, int]], crc: int, *, baseline: bool = False
) -> list[Stream]:
    """Encode parts of pictures in one call. If they are small, the call keeps the GIL.

    A small picture takes 20 to 100 µs. If the call released the GIL while another thread runs
    Python code, the encoding thread would wait 5 ms to get the GIL again. Then 1,000 pictures of
    64×64 would take 4.7 s instead of 15 ms.
    """
    loaded = kernel()
    if loaded is None:
        raise RuntimeError("there is no compiled encoder")
    memory = _memory
    if memory.scratch is None:
        memory.scratch = np.empty(loaded.scratch_bytes, np.uint8)
        memory.scratch_address = memory.scratch.ctypes.data
    capacities = [_capacity(rows, stop - start) for rows, start, stop in parts]
    total = sum(capacities)
    out = None if total <= LEAST_BYTES else lend(total)
    place = memory.out_address if out is None else out.ctypes.data
    jobs = (Job * len(parts))()
    # The compiled encoder gets only addresses, so this list keeps the memory alive. At exit,
    # CPython clears the attributes of ``memory`` while a daemon thread may still be encoding.
    used: list[Pixels] = [memory.scratch]
    for job, (rows, start, stop), capacity in zip(jobs, parts, capacities, strict=True):
        pixels, job.row_stride = _memory_of(rows, start, stop, alone=len(parts) == 1)
        used.append(pixels)
        job.rows = pixels.ctypes.data  # __array_interface__ crashes if out of memory
        job.height, job.width, job.step = stop - start, rows.width, rows.step
        job.first, job.last, job.baseline = start == 0, stop == rows.height, baseline
        job.out, job.capacity, job.scratch, job.crc = place, capacity, memory.scratch_address, crc
        place += capacity
    encode = loaded.encode_with_gil if out is None else loaded.encode
    status = encode(jobs, len(parts))
    if status != 0:
        raise RuntimeError(f"the compiled encoder failed with status {status}")
    if out is not None and len(parts) == 1:
        return [Stream(out.data[: jobs[0].size], jobs[0].crc, jobs[0].adler)]
    return [Stream(ctypes.string_at(job.out, job.size), job.crc, job.adler) for job in jobs]


def _capacity(rows: Rows, height: int) -> int:
    """Return the maximum size of the output for some rows, in bytes."""
    filtered_size: int = height * (rows.width + 1)
    # Fixed codes take at most 9 bits for each byte.
    return filtered_size + filtered_size // 8 + LEAST_CAPACITY


def _memory_of(rows: Rows, start: int, stop: int, *, alone: bool) -> tuple[Pixels, int]:
    """Return some rows as PNG stores them, and the stride between two rows in bytes."""
    pixels = rows.pixels
    item = pixels.itemsize
    if pixels.strides[1:] == (rows.step, item) and (item == 1 or pixels.dtype == ">u2"):
        return pixels[start:stop], pixels.strides[0]
    if alone:
        return rows.window(start, stop)[1:], rows.width
    window = np.empty((1 + stop - start, rows.width), np.uint8)  # rows.window reuses memory
    rows.copy_window(start, stop, window)
    return window[1:], rows.width
