"""Find the records of an event file that may be damaged, growing, or larger than the memory.

The file is read in blocks with ``pread`` and not mapped into memory: where a mapped file becomes
shorter, the process dies of SIGBUS.

Rules:
- A record that fits in a block is read and its checksum compared. The checksum of a
  larger record is compared only if ``verify`` is true, or if neither a record nor the end of
  the file follows it.
- At a fault, the scan goes on at the next place where a whole record with both checksums is found.
  The length of the damaged record is not trusted. Suppose a writer is stopped within a record,
  and another writer appends to the file. Then this length covers good records of the second writer.
- No memory is allocated for a payload before the file is known to have that many bytes.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tbimage.events.checksum import crc32c
from tbimage.events.records import FOOTER_BYTES, HEADER_BYTES, OVERHEAD_BYTES, mask
from tbimage.reading.damage import Damage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["BLOCK_BYTES", "LARGEST_PAYLOAD", "RecordScanner", "read_at"]

# A block holds about a thousand scalars. Larger ones would read more of each picture's payload,
# which is skipped.
BLOCK_BYTES = 1 << 16
# The next record is usually near. If it is not found, the blocks that are searched become larger.
_FIRST_SEARCH_BYTES, _SEARCH_BYTES = 1 << 12, 1 << 20
# protobuf's own limit of a message, which no writer exceeds.
LARGEST_PAYLOAD = (1 << 31) - 1
# Many small records have the same length, and so the same header. A header that was checked once
# is recognised by its bytes, which is 4 times as fast as checking it again.
_LONGEST_REMEMBERED = 4096

_HEADER = struct.Struct("<QI")
_CHECKSUM = struct.Struct("<I")


def _seek_and_read(descriptor: int, size: int, offset: int) -> bytes:
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.read(descriptor, size)


#: ``os.pread``, which Windows lacks.
read_at: Callable[[int, int, int], bytes] = getattr(os, "pread", _seek_and_read)


class RecordScanner:
    """Read the records of one file from where the last scan ended.

    Attributes:
        offset: Where the next record starts; what lies before it has been read or reported.
        damage: What was skipped.
        tail: What lies behind ``offset`` and is no record yet, or None.
    """

    def __init__(self, path: str, verify: bool = False) -> None:
        self.path = path
        self.offset: int = 0
        self.damage: list[Damage] = []
        self.tail: Damage | None = None
        self._verify = verify
        self._searched = 0  # no record starts between ``offset`` and this place
        self._lengths: dict[bytes, int] = {}
        self._descriptor = -1
        self._size = 0

    def records(self, descriptor: int) -> Iterator[tuple[int, int, bytes | None]]:
        """Yield offset, length and payload of each record that is complete by now.

        Args:
            descriptor: The file, open for reading.

        Yields:
            The payload is None where the record is larger than a block.
        """
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size
        self.tail = None
        while self.offset < self._size:
            yield from self._records_in_block()
            self._size = min(self._size, os.fstat(descriptor).st_size)  # it may become shorter
            if self.offset >= self._size:
                return
            length = self._length_at(self.offset)
            if length is None:
                if not self._resynchronise("header", 1):
                    return
            elif self.offset + length + OVERHEAD_BYTES > self._size:
                if not self._resynchronise("torn", HEADER_BYTES):
                    return
            elif length + OVERHEAD_BYTES > BLOCK_BYTES:
                start = self.offset
                if self._is_sound(start, length):
                    self.offset += length + OVERHEAD_BYTES
                    yield start, length, None
                else:
                    self._skip_payload(start, length)

    def _records_in_block(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield the records that lie in the next block as a whole."""
        base, at = self.offset, 0
        block = read_at(self._descriptor, min(BLOCK_BYTES, self._size - base), base)
        lengths, end, checksum_at = self._lengths, len(block), _CHECKSUM.unpack_from
        while True:
            header = block[at : at + HEADER_BYTES]
            length = lengths.get(header)
            if length is None:
                length = self._parse_header(header)
                if length is None:
                    return
            stop = at + HEADER_BYTES + length
            if stop + FOOTER_BYTES > end:
                return
            payload = block[at + HEADER_BYTES : stop]
            crc = crc32c(payload)
            # mask() is inlined here: calling it for each scalar takes a tenth of the time.
            if ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF != checksum_at(block, stop)[0]:
                self._skip_payload(base + at, length)
                return
            self.offset = base + stop + FOOTER_BYTES
            yield base + at, length, payload
            at = stop + FOOTER_BYTES

    def _parse_header(self, header: bytes) -> int | None:
        """Return the length of a record, or None where these bytes are no header."""
        if len(header) < HEADER_BYTES:
            return None
        length: int
        length, checksum = _HEADER.unpack(header)
        if length > LARGEST_PAYLOAD or mask(crc32c(header[:8])) != checksum:
            return None
        if length <= _LONGEST_REMEMBERED:
            self._lengths[header] = length
        return length

    def _length_at(self, offset: int) -> int | None:
        """Return the length of the record at an offset; the largest if its header is incomplete."""
        header = read_at(self._descriptor, HEADER_BYTES, offset)
        if len(header) < HEADER_BYTES:
            return LARGEST_PAYLOAD
        return self._parse_header(header)

    def _is_sound(self, offset: int, length: int) -> bool:
        """Check a large record by the header that follows it, or by its own checksum."""
        end = offset + length + OVERHEAD_BYTES
        if not self._verify and (end == self._size or self._length_at(end) is not None):
            return True
        return self._has_right_checksum(offset, length)

    def _has_right_checksum(self, offset: int, length: int) -> bool:
        crc, at, stop = 0, offset + HEADER_BYTES, offset + HEADER_BYTES + length
        while at < stop:
            chunk = read_at(self._descriptor, min(_SEARCH_BYTES, stop - at), at)
            if not chunk:
                return False
            crc = crc32c(chunk, crc)
            at += len(chunk)
        footer = read_at(self._descriptor, FOOTER_BYTES, stop)
        return len(footer) == FOOTER_BYTES and _CHECKSUM.unpack(footer)[0] == mask(crc)

    def _skip_payload(self, offset: int, length: int) -> None:
        """Continue after a record with a damaged payload, if another record follows it."""
        end = offset + length + OVERHEAD_BYTES
        if end == self._size or self._length_at(end) is not None:
            self.damage.append(Damage(self.path, offset, end - offset, "payload"))
            self.offset = end
        else:
            self._resynchronise("payload", HEADER_BYTES)

    def _resynchronise(self, kind: str, skip: int) -> bool:
        """Continue at the next whole record. If there is none, describe the tail."""
        start = self.offset
        found = self._find_record(max(start + skip, self._searched))
        if found is None:
            self.tail = Damage(self.path, start, self._size - start, kind)
            self._size = start  # ends the scan
            return False
        self.damage.append(Damage(self.path, start, found - start, kind))
        self.offset = found
        return True

    def _find_record(self, start: int) -> int | None:
        """Return where the next whole record starts, or None; note where to go on searching."""
        unfinished, base, size = None, start, _FIRST_SEARCH_BYTES
        while base < self._size:
            block = read_at(self._descriptor, size + HEADER_BYTES - 1, base)
            for at in map(int, _plausible_lengths(block)):
                length = self._parse_header(block[at : at + HEADER_BYTES])
                if length is None:
                    continue
                if base + at + length + OVERHEAD_BYTES > self._size:
                    unfinished = base + at if unfinished is None else unfinished
                elif self._has_right_checksum(base + at, length):
                    return base + at
            base += size
            size = min(2 * size, _SEARCH_BYTES)
        last = max(start, self._size - HEADER_BYTES + 1)  # a header may begin there
        self._searched = last if unfinished is None else unfinished
        return None


def _plausible_lengths(block: bytes) -> NDArray[np.intp]:
    """Return the places where four bytes, not all zero, are followed by four zero bytes."""
    import numpy as np

    zero = np.frombuffer(block, np.uint8) == 0
    four = zero[:-3] & zero[1:-2] & zero[2:-1] & zero[3:] if len(zero) > 3 else zero[:0]
    return np.flatnonzero(~four[:-4] & four[4:])
