"""Find the fields of a protobuf message without reading their contents.

A message may have many megabytes, but often only its tag and its step are needed. So ``fields``
does not take the bytes of a message. It takes a function that reads some of the bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

__all__ = ["MalformedError", "Read", "bytes_reader", "fields", "signed", "varint", "varint_at"]

#: ``read(start, stop)`` returns the bytes of a message from ``start`` to ``stop``. It returns fewer
#: bytes if the message ends before ``stop``.
Read = Callable[[int, int], bytes]

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5  # protobuf's wire types
_FIXED = {FIXED64: 8, FIXED32: 4}
# A key and a length are two varints, and each has at most 10 bytes.
_LONGEST_HEAD = 20


class MalformedError(ValueError):
    """The bytes are not a protobuf message."""


def bytes_reader(data: bytes | memoryview) -> Read:
    """Return a function that reads from bytes in memory."""
    return lambda start, stop: bytes(data[start:stop])


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Decode the varint at ``at``. Return its unsigned value, and where it ends."""
    value = shift = 0
    try:
        if (byte := data[at]) < 0x80:  # most varints have one byte
            return byte, at + 1
        while (byte := data[at]) > 0x7F:
            value |= (byte & 0x7F) << shift
            shift += 7
            at += 1
            if shift > 63:
                raise MalformedError("a varint has more than ten bytes")
    except IndexError:
        raise MalformedError("a varint does not end within the message") from None
    return (value | byte << shift) & 0xFFFFFFFFFFFFFFFF, at + 1


def signed(value: int) -> int:
    """Convert the unsigned value of a varint to an int64."""
    return value - (1 << 64) if value >> 63 else value


def varint_at(read: Read, start: int, stop: int) -> int:
    """Read the varint of a field."""
    return varint(read(start, stop), 0)[0]


def fields(read: Read, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield number and wire type of each field, and the start and end of its content.

    Args:
        read: Reads the message.
        at: Where the message starts.
        end: Where the message ends.

    Raises:
        MalformedError: The bytes are not a message. The fields before the fault have been yielded.
    """
    while at < end:
        head = read(at, at + _LONGEST_HEAD if at + _LONGEST_HEAD < end else end)
        key, used = varint(head, 0)
        number, kind = key >> 3, key & 7
        start = at + used
        if kind == DELIMITED:
            size, used = varint(head, used)
            start = at + used
            stop = start + size
        elif kind == VARINT:
            stop = at + varint(head, used)[1]
        elif kind in _FIXED:
            stop = start + _FIXED[kind]
        else:
            raise MalformedError(f"unknown wire type {kind}")
        if stop > end or not number:
            raise MalformedError("a field does not end within the message, or has the number 0")
        yield number, kind, start, stop
        at = stop
