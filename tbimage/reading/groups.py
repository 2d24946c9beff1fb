"""Find and check records that repeat in groups.

Most programs log the same scalars at each step. So the records of one step have the same lengths as
the records of the step before, and most of their bytes are equal. The records of one step are a
*group*. NumPy checks and reads thousands of records in groups at once. This takes a fifth of the
time of a loop over the records.

CRC32C is linear, so the equal bytes do not have to be read again to compute checksums. Each record
has a corresponding record in the first group. The checksum of a record is the checksum of the
corresponding record, XORed with a number from a table for each byte that differs.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from tbimage.events.checksum import crc32c
from tbimage.events.records import FOOTER_BYTES, HEADER_BYTES, MASK_DELTA, OVERHEAD_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Groups", "find_groups", "find_period", "masked"]

#: The largest number of records in a group. A block would have too few larger groups.
_LARGEST_GROUP = 256
# If there are fewer groups, NumPy's overhead is larger than the saved time.
_FEWEST_GROUPS = 32
# If a group comes _REPEATS times in a row, it is expected again. To find a group, at most
# _MOST_CANDIDATES numbers of records are tried.
_REPEATS, _MOST_CANDIDATES = 4, 8


@dataclass(frozen=True)
class Groups:
    """Records that repeat in groups. Their checksums are right.

    Attributes:
        rows: The bytes of each group: ``[groups, bytes]``.
        spans: Where the payload of each record starts and stops in a row.
        changed: For each byte of a row, the bits that are not the same in all rows.
    """

    rows: NDArray[np.uint8]
    spans: Sequence[tuple[int, int]]
    changed: NDArray[np.uint8]

    def stops(self) -> array[int]:
        """Return where the payload of each record stops in the block, as in ``Batch.stops``."""
        count, size = self.rows.shape
        found = np.arange(count)[:, None] * size + [stop for _, stop in self.spans]
        stops = array("q")
        stops.frombytes(found.astype(np.int64).tobytes())
        return stops


def find_period(keys: NDArray[np.int64]) -> int:
    """Return the number of keys in the group that repeats at the end, or 0 if there is none."""
    backwards = keys[::-1]
    longest = min(_LARGEST_GROUP, len(keys) // _REPEATS)
    alike = np.flatnonzero(backwards[1 : longest + 1] == backwards[:1]) + 1
    for period in alike[:_MOST_CANDIDATES].tolist():
        if (backwards[period : _REPEATS * period] == backwards[: (_REPEATS - 1) * period]).all():
            return int(period)
    return 0


def find_groups(block: bytes, lengths: Sequence[int]) -> Groups | None:
    """Find the groups at the start of a block.

    Args:
        block: The bytes. The headers of the first group are known to be right.
        lengths: The length of the payload of each record of a group.

    Returns:
        The groups at the start of the block that have the same headers. None if there are few such
        groups, or if a checksum is wrong.
    """
    ends = np.cumsum(np.array(lengths) + OVERHEAD_BYTES)
    size = int(ends[-1])
    count = len(block) // size
    if count < _FEWEST_GROUPS or block[:HEADER_BYTES] != block[size : size + HEADER_BYTES]:
        return None
    stops = ends - FOOTER_BYTES
    starts = stops - lengths
    rows = np.frombuffer(block, np.uint8, count * size).reshape(count, size)
    changed = _changed(rows)
    headers = (starts[:, None] - np.arange(1, HEADER_BYTES + 1)).ravel()
    if changed[headers].any():
        count = int((rows[:, headers] != rows[0, headers]).any(axis=1).argmax())
        if count < _FEWEST_GROUPS:
            return None
        rows = rows[:count]
        changed = _changed(rows)
    spans = list(zip(starts.tolist(), stops.tolist(), strict=True))
    for start, stop in spans:
        checksums = _checksums(rows[:, start:stop], changed[start:stop])
        footers = np.ascontiguousarray(rows[:, stop : stop + FOOTER_BYTES])
        if (masked(checksums) != footers.view("<u4")[:, 0]).any():
            return None
    return Groups(rows, spans, changed)


def _changed(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """For each column, return the bits that are not the same in all rows."""
    changed: NDArray[np.uint8] = np.bitwise_or.reduce(rows) ^ np.bitwise_and.reduce(rows)
    return changed


def _checksums(payloads: NDArray[np.uint8], changed: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return the CRC32C of each payload. All payloads have the same length."""
    first = payloads[0]
    checksums = np.full(len(payloads), crc32c(first.tobytes()), np.uint32)
    places = np.flatnonzero(changed)
    columns = payloads.T[places] ^ first[places, None]
    tables = _tables(-(-len(first) // 64))
    for column, following in zip(columns, (len(first) - 1 - places).tolist(), strict=True):
        checksums ^= tables[following].take(column)
    return checksums


@lru_cache(maxsize=16)
def _tables(many: int) -> NDArray[np.uint32]:
    """Return the numbers to XOR: ``[number of bytes after a byte, changed bits of this byte]``."""
    zero = crc32c(b"\0")
    shifted = first = np.array([crc32c(bytes([byte])) ^ zero for byte in range(256)], np.uint32)
    tables = [first]
    for _ in range(64 * many - 1):
        shifted = (shifted >> np.uint32(8)) ^ first[shifted & np.uint32(0xFF)]
        tables.append(shifted)
    return np.array(tables)


def masked(checksums: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Mask checksums, as ``events.records.mask`` masks one checksum."""
    rotated: NDArray[np.uint32] = checksums >> np.uint32(15) | checksums << np.uint32(17)
    rotated += np.uint32(MASK_DELTA)
    return rotated
