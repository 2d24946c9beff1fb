"""The greatest step of each tag in a run directory. Automatic steps continue after this step.

- Only the first bytes of each record are read. This takes about 2 µs for each record, so a gigabyte
  of images takes milliseconds.
- A damaged file is read up to its first damaged header. Then the next file is read. No error is
  raised.
- A file that cannot be read is left out. But if descriptors or memory are missing, the error is
  raised, because all files can be read later.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from typing import BinaryIO

from tbimage.events.names import is_event_file
from tbimage.events.records import FOOTER_BYTES, HEADER_BYTES, masked_crc32c
from tbimage.events.storage import Storage, is_shortage

_HEADER = struct.Struct("<QI")
# How many bytes of each record are read: enough for the wall time, the step and the tags.
_LOOKED_AT = 1024

# No reader accepts a record that is larger than this. A larger number may be out of range for
# seek().
_LARGEST = 1 << 40

# Field numbers with their wire types, as in wire.py.
_EVENT_STEP = 2 << 3 | 0
_EVENT_SUMMARY = 5 << 3 | 2
_SUMMARY_VALUE = 1 << 3 | 2
_VALUE_TAG = 1 << 3 | 2


def newest_steps(
    storage: Storage, directory: str, leave_out: Callable[[str, OSError], None] = lambda *_: None
) -> dict[str, int]:
    """Find the greatest step of each tag in the event files of a directory.

    ``leave_out`` gets the path of each file that cannot be read, and the error.
    """
    newest: dict[str, int] = {}
    for name in filter(is_event_file, storage.names(directory)):
        path = storage.join(directory, name)
        try:
            with storage.open_to_read(path) as file:
                _scan(file, newest)
        except FileNotFoundError:
            pass  # the file was just deleted
        except OSError as error:
            if is_shortage(error):
                raise
            leave_out(path, error)
    return newest


def _scan(file: BinaryIO, newest: dict[str, int]) -> None:
    while len(header := file.read(HEADER_BYTES)) == HEADER_BYTES:
        length, checksum = _HEADER.unpack(header)
        if masked_crc32c([header[:8]]) != checksum:
            return
        if length > _LARGEST:
            return
        start = file.read(min(length, _LOOKED_AT))
        with contextlib.suppress(IndexError):  # the read bytes end within a number
            _note_event(start, newest)
        file.seek(length - len(start) + FOOTER_BYTES, 1)


def tags_of(record: bytes) -> dict[str, int]:
    """Return the tags at the start of a framed record, each with the step of the record."""
    found: dict[str, int] = {}
    with contextlib.suppress(IndexError):
        _note_event(record[HEADER_BYTES : HEADER_BYTES + _LOOKED_AT], found)
    return found


def described(record: bytes, otherwise: str) -> str:
    """Name the tags at the start of a framed record and their step; ``otherwise`` if none."""
    return ", ".join(f"{t!r} at step {step}" for t, step in tags_of(record).items()) or otherwise


def _note_event(data: bytes, newest: dict[str, int]) -> None:
    step = 0
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        if key == _EVENT_SUMMARY:
            size, at = _varint(data, at)
            _note_summary(data, at, at + size, step, newest)
            at += size
        elif key == _EVENT_STEP:
            step, at = _varint(data, at)
            step -= (step >> 63) << 64  # two's complement
        else:
            at = _skip_field(data, key, at)


def _note_summary(data: bytes, at: int, end: int, step: int, newest: dict[str, int]) -> None:
    while at < min(end, len(data)):
        key, at = _varint(data, at)
        if key != _SUMMARY_VALUE:
            at = _skip_field(data, key, at)
            continue
        size, value = _varint(data, at)
        at = value + size
        key, value = _varint(data, value)
        if key == _VALUE_TAG:  # every serializer writes this field first
            size, value = _varint(data, value)
            tag = data[value : value + size].decode("utf-8", "replace")
            if value + size <= len(data) and step > newest.get(tag, -(1 << 63) - 1):
                newest[tag] = step


def _skip_field(data: bytes, key: int, at: int) -> int:
    wire_type = key & 7
    if wire_type == 0:
        return _varint(data, at)[1]
    if wire_type == 2:
        size, at = _varint(data, at)
        return at + size
    return at + (8 if wire_type == 1 else 4)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    byte = data[at]
    if byte < 0x80:
        return byte, at + 1
    value = shift = 0
    while byte >= 0x80:
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        byte = data[at]
    return value | byte << shift, at + 1
