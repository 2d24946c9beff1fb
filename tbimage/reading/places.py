"""Read one value from its place in an event file."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

from tbimage.events.checksum import crc32c
from tbimage.events.records import FOOTER_BYTES, HEADER_BYTES, mask
from tbimage.reading.events import CorruptFileError
from tbimage.reading.fields import MalformedError, bytes_reader
from tbimage.reading.index import GRAPH, parse_event
from tbimage.reading.scan import LARGEST_PAYLOAD, read_at

__all__ = ["Place", "read_payload"]

_HEADER = struct.Struct("<QI")
_CHECKSUM = struct.Struct("<I")


@dataclass(frozen=True)
class Place:
    """The place of a value."""

    path: str  # the file
    offset: int  # where the value's record starts, in bytes
    ordinal: int  # the number of the value in its record
    form: int  # the field of ``Summary.Value`` that has the value, or ``GRAPH``

    def load(self) -> memoryview:
        """Read the record, check its checksums, and return the bytes of the value."""
        payload = read_payload(self.path, self.offset)
        try:
            if self.form == GRAPH:
                return payload
            values = parse_event(bytes_reader(payload), len(payload)).values
        except MalformedError:
            values = []
        if self.ordinal >= len(values) or values[self.ordinal].form != self.form:
            raise CorruptFileError(
                shown(self.path), self.offset, "it is not the record that was indexed"
            )
        value = values[self.ordinal]
        return payload[value.start : value.stop]

    def broken(self, problem: str) -> ValueError:
        """Return the error for an undamaged value that cannot be decoded."""
        return ValueError(f"{shown(self.path)}: the record at byte {self.offset}: {problem}")


def shown(path: str) -> str:
    """Return the name of a file for error messages: its path, or the URL if it is a copy."""
    return str(getattr(path, "url", path))


def read_payload(path: str, offset: int) -> memoryview:
    """Read the payload of the record at an offset, and check both checksums."""
    with open(path, "rb", buffering=0) as file:
        header = read_at(file.fileno(), HEADER_BYTES, offset)
        if len(header) < HEADER_BYTES or mask(crc32c(header[:8])) != _HEADER.unpack(header)[1]:
            raise CorruptFileError(shown(path), offset, "checksum of its length")
        length = _HEADER.unpack(header)[0]
        rest = os.fstat(file.fileno()).st_size - offset - HEADER_BYTES - FOOTER_BYTES
        if length > min(rest, LARGEST_PAYLOAD):  # checked before memory is allocated
            raise CorruptFileError(shown(path), offset, "the file ends within it")
        file.seek(offset + HEADER_BYTES)
        record = memoryview(bytearray(length + FOOTER_BYTES))
        filled = 0
        while filled < len(record) and (got := file.readinto(record[filled:])):
            filled += got
    payload = record[:length].toreadonly()
    if filled < len(record) or mask(crc32c(payload)) != _CHECKSUM.unpack(record[length:])[0]:
        raise CorruptFileError(shown(path), offset, "checksum of its payload")
    return payload
