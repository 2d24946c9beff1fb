"""TFRecord framing: convert payloads to records, and records to payloads.

- A record is ``uint64 length | uint32 masked_crc(length) | payload | uint32 masked_crc(payload)``,
  little-endian (`RecordWriter
  <https://github.com/openxla/xla/blob/main/xla/tsl/lib/io/record_writer.cc>`_). The reference
  reader is TensorBoard's data server, ``tensorboard/data/server/tf_record.rs``.
- ``frame`` does not copy a payload: it adds one small buffer before the buffers of the payload, and
  one small buffer after them.
- If the decoder cannot return a record, there are two cases. A *truncated* record is not complete
  yet. The file may still grow, so feed more bytes to the decoder, and call ``next_record`` again.
  After a *corrupt* record, no bytes can be trusted: the length in this record may be wrong, so the
  start of the next record is not known.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from tbimage.buffers import Piece
from tbimage.events.checksum import crc32c

# kMaskDelta of xla/tsl/lib/hash/crc32c.h. Stored CRCs are masked, because computing the CRC of
# bytes that contain CRCs is problematic.
MASK_DELTA = 0xA282EAD8
_UINT32 = 0xFFFFFFFF

_LENGTH = struct.Struct("<Q")
_CHECKSUM = struct.Struct("<I")
_HEADER = struct.Struct("<QI")

HEADER_BYTES = _HEADER.size
FOOTER_BYTES = _CHECKSUM.size
#: The number of bytes that framing adds to each payload.
OVERHEAD_BYTES = HEADER_BYTES + FOOTER_BYTES


class CorruptRecordError(ValueError):
    """The bytes at ``offset`` are not a record: stop reading this file.

    The next record cannot be found. Both TensorBoard readers also ignore the rest of the file, and
    continue with the next file.

    Attributes:
        offset: The start of the corrupt record in the file, in bytes.
        reason: The checksum that is wrong.
    """

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"corrupt record at byte {offset}: {reason}")
        self.offset: int = offset
        self.reason = reason


def mask(crc: int) -> int:
    """Mask a CRC32C: rotate it right by 15 bits and add a constant."""
    return (((crc >> 15) | (crc << 17)) + MASK_DELTA) & _UINT32


def masked_crc32c(pieces: Sequence[Piece]) -> int:
    """Compute the masked CRC32C of buffers as if they were joined."""
    crc = 0
    for piece in pieces:
        crc = crc32c(piece, crc)
    return mask(crc)


def frame(pieces: Sequence[Piece]) -> list[Piece]:
    """Add the header and the footer of a record to a payload."""
    header = _header(sum(map(len, pieces)))
    return [header, *pieces, _CHECKSUM.pack(masked_crc32c(pieces))]


def small_record(payload: bytes) -> bytes:
    """Copy a small payload, and add the header and the footer of a record."""
    length = len(payload)
    header = _SMALL_HEADERS.get(length)
    if header is None:
        header = _header(length)
        if length <= _LARGEST_REMEMBERED:
            _SMALL_HEADERS[length] = header
    crc = crc32c(payload)
    return header + payload + _CHECKSUM.pack(((crc >> 15 | crc << 17) + MASK_DELTA) & _UINT32)


_LARGEST_REMEMBERED = 1024
_SMALL_HEADERS: dict[int, bytes] = {}


def _header(length: int) -> bytes:
    packed = _LENGTH.pack(length)
    return packed + _CHECKSUM.pack(mask(crc32c(packed)))


class RecordDecoder:
    r"""Decode records from a file that is read chunk by chunk and may still be growing.

    Example:
        >>> record = b"".join(frame([b"abc"]))
        >>> decoder = RecordDecoder()
        >>> decoder.feed(record[:5])
        >>> decoder.next_record() is None  # truncated: feed more
        True
        >>> decoder.feed(record[5:])
        >>> decoder.next_record(), decoder.offset
        (b'abc', 19)
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._start = 0  # the start of the next record in the buffer
        self._header_checked = False
        #: The start of the next record in the file, in bytes.
        self.offset: int = 0

    def feed(self, data: Piece) -> None:
        """Add the next bytes of the file."""
        # Decoded bytes are only deleted here. Deleting them after each record would take quadratic
        # time.
        if self._start:
            del self._buffer[: self._start]
            self._start = 0
        self._buffer += data

    @property
    def pending_bytes(self) -> int:
        """How many bytes are not decoded yet; 0 if all records are complete and decoded."""
        return len(self._buffer) - self._start

    def next_record(self) -> bytes | None:
        """Return the next payload, or None if the record is not complete yet."""
        buffer, start = self._buffer, self._start
        if len(buffer) - start < HEADER_BYTES:
            return None
        length, length_crc = _HEADER.unpack_from(buffer, start)
        if not self._header_checked:
            if mask(crc32c(bytes(buffer[start : start + _LENGTH.size]))) != length_crc:
                raise CorruptRecordError(self.offset, "checksum of its length")
            self._header_checked = True
        body = start + HEADER_BYTES
        end = body + length + FOOTER_BYTES
        if len(buffer) < end:
            return None
        payload = bytes(memoryview(buffer)[body : body + length])
        if mask(crc32c(payload)) != _CHECKSUM.unpack_from(buffer, body + length)[0]:
            raise CorruptRecordError(self.offset, "checksum of its payload")
        self._start = end
        self._header_checked = False
        self.offset += length + OVERHEAD_BYTES
        return payload
