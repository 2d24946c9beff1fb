"""Find the records of an event file. The file may be damaged, growing, or larger than the memory.

The file is read in blocks with ``pread`` and not mapped into memory, because SIGBUS ends a process
if a mapped file becomes shorter.

Rules:
- If a record fits in a block, the scan reads it and checks its checksum. For a larger record, the
  scan checks only that a header or the end of the file follows it. If neither follows, or if
  ``verify`` is true, the scan also checks the checksum of the larger record.
- If the checksum of a payload is wrong, and a header or the end of the file follows the record, the
  scan continues there. After any other fault, the scan searches for the next complete record with
  two right checksums. It does not use the length of the damaged record, because this length may
  include good records if a writer was stopped within a record, and another writer appended to the
  file.
- Memory for a payload is allocated only if the file is long enough to contain the payload.
"""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tbimage.events.checksum import crc32c
from tbimage.events.records import (
    FOOTER_BYTES,
    HEADER_BYTES,
    OVERHEAD_BYTES,
    mask,
)
from tbimage.reading.damage import Damage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tbimage.reading.groups import Groups

__all__ = ["BLOCK_BYTES", "LARGEST_PAYLOAD", "Batch", "RecordScanner", "read_at", "rows_of"]

# A block has about a thousand scalars. The scan skips pictures, except for the bytes in the same
# block. With larger blocks, it would read more of these bytes.
BLOCK_BYTES = 1 << 16
# If more than _MANY_RECORDS records fill a block, the next block is larger. After a picture, the
# next block is small, because usually a few scalars and another picture follow.
_MANY_RECORDS, _LARGEST_BLOCK_BYTES, _BLOCK_AFTER_LARGE_BYTES = 256, 1 << 20, 1 << 12
# After a fault, the next record is usually near. If it is not found, larger blocks are searched.
_FIRST_SEARCH_BYTES, _SEARCH_BYTES = 1 << 12, 1 << 20
# The size limit of protobuf messages. No writer exceeds it.
LARGEST_PAYLOAD = (1 << 31) - 1
# Many small records have the same length, and so the same header. The scanner stores the headers
# that it has checked. A look-up is 4 times as fast as another check.
_LONGEST_REMEMBERED = 4096

_HEADER = struct.Struct("<QI")
_CHECKSUM = struct.Struct("<I")


def _seek_and_read(descriptor: int, size: int, offset: int) -> bytes:
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.read(descriptor, size)


#: ``os.pread``. Windows does not have this function, so ``_seek_and_read`` is used there.
read_at: Callable[[int, int, int], bytes] = getattr(os, "pread", _seek_and_read)


class Batch(NamedTuple):
    """Consecutive records with right checksums.

    Attributes:
        base: The offset of the block in the file.
        block: The bytes of the records. If the batch is one record that is larger than a block,
            these are the first bytes of the record.
        stops: The end of each record's payload in the block.
        groups: The same records as groups, or None if no groups were found.
    """

    base: int
    block: bytes
    stops: Sequence[int]
    groups: Groups | None = None

    @property
    def is_large(self) -> bool:
        """Whether the batch is one record that is larger than a block."""
        return self.stops[-1] > len(self.block)


def rows_of(block: bytes, starts: NDArray[np.intp], length: int) -> NDArray[np.uint8]:
    """Copy ``length`` bytes of a block from each of ``starts``. Return an array ``[n, length]``."""
    import numpy as np

    shape = len(block) - length + 1, length
    windows = np.ndarray(shape, np.uint8, block, strides=(1, 1))
    rows: NDArray[np.uint8] = windows[starts]
    return rows


def _count_sound(block: bytes, stops: array[int], checksums: array[int]) -> int:
    """Count the records before the first record whose checksum is wrong."""
    import numpy as np

    from tbimage.reading.groups import masked

    stored = rows_of(block, np.frombuffer(stops, np.int64), FOOTER_BYTES).view("<u4")[:, 0]
    wrong = np.flatnonzero(masked(np.frombuffer(checksums, np.uint32)) != stored)
    return int(wrong[0]) if len(wrong) else len(stops)


class RecordScanner:
    """Read the records of one file. Each scan starts where the last scan ended.

    Attributes:
        offset: The start of the next record. All bytes before it were read, or reported as damage.
        damage: The skipped parts.
        tail: The rest of the file after ``offset`` if it has no complete record, or None.
    """

    def __init__(self, path: str, verify: bool = False) -> None:
        self.path = path
        self.offset: int = 0
        self.damage: list[Damage] = []
        self.tail: Damage | None = None
        self._verify = verify
        self._searched = 0  # no record starts between ``offset`` and this offset
        self._lengths: dict[bytes, int] = {}
        self._expected: Sequence[int] = ()
        self._descriptor = -1
        self._size = 0
        self._block_bytes = BLOCK_BYTES
        self._ahead = -1, b""  # the offset of bytes that were read in advance, and these bytes

    def expect(self, lengths: Sequence[int]) -> None:
        """Set the payload lengths of the group of records that probably comes next."""
        self._expected = lengths

    def records(self, descriptor: int) -> Iterator[tuple[int, int, bytes | None]]:
        """Yield offset, length and payload of each complete record.

        Args:
            descriptor: The file, open for reading.

        Yields:
            The payload is None if the record is larger than a block.
        """
        for batch in self.batches(descriptor):
            base, start = batch.base, HEADER_BYTES
            for stop in batch.stops:
                payload = None if batch.is_large else batch.block[start:stop]
                yield base + start - HEADER_BYTES, stop - start, payload
                start = stop + OVERHEAD_BYTES

    def batches(self, descriptor: int) -> Iterator[Batch]:
        """Yield the complete records in batches.

        Args:
            descriptor: The file, open for reading.
        """
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size
        self.tail = None
        while self.offset < self._size:
            batch, damaged = self._read_batch()
            if batch.stops:
                yield batch
            self._size = min(self._size, os.fstat(descriptor).st_size)  # the file may get shorter
            if damaged is not None:
                self._skip_payload(self.offset, damaged)
                continue
            if self.offset >= self._size:
                return
            ahead = batch.block[self.offset - batch.base :][:_BLOCK_AFTER_LARGE_BYTES]
            is_there = len(ahead) >= HEADER_BYTES
            length = self._parse_header(ahead) if is_there else self._length_at(self.offset)
            if length is None:
                if not self._resynchronise("header", 1):
                    return
            elif self.offset + length + OVERHEAD_BYTES > self._size:
                if not self._resynchronise("torn", HEADER_BYTES):
                    return
            elif length + OVERHEAD_BYTES > BLOCK_BYTES:
                start = self.offset
                self._block_bytes = _BLOCK_AFTER_LARGE_BYTES
                if self._is_sound(start, length):
                    yield Batch(start, ahead, [HEADER_BYTES + length])
                    # If reading the record has raised an error, the next scan begins with it.
                    self.offset += length + OVERHEAD_BYTES
                else:
                    self._skip_payload(start, length)
            else:
                # The last block had only a part of the record.
                self._block_bytes = max(self._block_bytes, BLOCK_BYTES)

    def _read_batch(self) -> tuple[Batch, int | None]:
        """Read the complete records in the next block, and set ``offset`` to their end.

        Returns:
            A batch of the records before the first wrong checksum, and the payload length of the
            record with this checksum. The length is None if all checksums are right.
        """
        base = self.offset
        size = min(self._block_bytes, self._size - base)
        at, block = self._ahead
        at_hand = at == base and size <= len(block)
        block = block[:size] if at_hand else read_at(self._descriptor, size, base)
        groups = self._find_groups(block)
        if groups is not None:
            stops = groups.stops()
            is_dense = stops[-1] > 3 * len(block) // 4
            self._block_bytes = _LARGEST_BLOCK_BYTES if is_dense else BLOCK_BYTES
            self.offset = base + stops[-1] + FOOTER_BYTES
            return Batch(base, block, stops, groups), None
        block = block[:BLOCK_BYTES] if self._expected else block
        stops, checksums = self._find_records(block)
        if not stops:
            return Batch(base, block, stops), None
        sound = _count_sound(block, stops, checksums)
        is_dense = len(stops) > _MANY_RECORDS and stops[-1] > 3 * self._block_bytes // 4
        larger = min(2 * self._block_bytes, _LARGEST_BLOCK_BYTES)
        self._block_bytes = larger if is_dense else BLOCK_BYTES
        end = stops[sound - 1] + FOOTER_BYTES if sound else 0
        self.offset = base + end
        damaged = stops[sound] - HEADER_BYTES - end if sound < len(stops) else None
        if self._expected:  # rotate the group: begin with the record that is expected next
            behind = sound % len(self._expected)
            self._expected = [*self._expected[behind:], *self._expected[:behind]]
        return Batch(base, block, stops[:sound]), damaged

    def _find_groups(self, block: bytes) -> Groups | None:
        at = 0
        for length in self._expected:
            if self._lengths.get(block[at : at + HEADER_BYTES]) != length:
                return None
            at += length + OVERHEAD_BYTES
        if not at:
            return None
        from tbimage.reading.groups import find_groups

        return find_groups(block, self._expected)

    def _find_records(self, block: bytes) -> tuple[array[int], array[int]]:
        """Return where the payloads in a block end, and compute their checksums."""
        stops, checksums = array("q"), array("I")
        add_stop, add_checksum, lengths = stops.append, checksums.append, self._lengths
        at, last = 0, len(block) - FOOTER_BYTES
        while True:
            start = at + HEADER_BYTES
            header = block[at:start]
            length = lengths.get(header)
            if length is None:
                length = self._parse_header(header)
                if length is None or length + OVERHEAD_BYTES > BLOCK_BYTES:
                    break
            stop = start + length
            if stop > last:
                break
            add_stop(stop)
            add_checksum(crc32c(block[start:stop]))
            at = stop + FOOTER_BYTES
        return stops, checksums

    def _parse_header(self, data: bytes) -> int | None:
        """Return the payload length, or None if ``data`` does not start with a valid header."""
        header = data[:HEADER_BYTES]
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
        """Return the payload length, ``LARGEST_PAYLOAD`` for a cut header, None for a wrong one."""
        header = read_at(self._descriptor, HEADER_BYTES, offset)
        if len(header) < HEADER_BYTES:
            return LARGEST_PAYLOAD
        return self._parse_header(header)

    def _is_sound(self, offset: int, length: int) -> bool:
        """Tell if a header or the file's end follows a large record, or its checksum is right."""
        end = offset + length + OVERHEAD_BYTES
        if not self._verify:
            ahead = read_at(self._descriptor, _BLOCK_AFTER_LARGE_BYTES, end)
            self._ahead = end, ahead  # the next block can use these bytes
            if len(ahead) < HEADER_BYTES or self._parse_header(ahead) is not None:
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
        """Skip a damaged record if a header or the end follows it, else search for the next one."""
        end = offset + length + OVERHEAD_BYTES
        if end == self._size or self._length_at(end) is not None:
            self.damage.append(Damage(self.path, offset, end - offset, "payload"))
            self.offset = end
        else:
            self._resynchronise("payload", HEADER_BYTES)

    def _resynchronise(self, kind: str, skip: int) -> bool:
        """Go to the next complete record. If there is none, the rest of the file is the tail."""
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
        """Find the next complete record. If there is none, store where the next search starts."""
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
        last = max(start, self._size - HEADER_BYTES + 1)  # the file may end within a header
        self._searched = last if unfinished is None else unfinished
        return None


def _plausible_lengths(block: bytes) -> NDArray[np.intp]:
    """Return where a length may start: four bytes that are not all zero, then four zero bytes."""
    import numpy as np

    zero = np.frombuffer(block, np.uint8) == 0
    four = zero[:-3] & zero[1:-2] & zero[2:-1] & zero[3:] if len(zero) > 3 else zero[:0]
    return np.flatnonzero(~four[:-4] & four[4:])
