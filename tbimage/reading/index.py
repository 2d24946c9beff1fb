"""The index of one event file: its scalars, and the places of all other values.

The scan of a file reads its scalars. For all other values the index has the place of the record,
the step and the wall time. So the index of a file of pictures is small, and pictures are read only
when they are used.
"""

from __future__ import annotations

import contextlib
import os
import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tbimage.events.records import FOOTER_BYTES, HEADER_BYTES, OVERHEAD_BYTES
from tbimage.reading.damage import Damage
from tbimage.reading.fields import (
    MalformedError,
    Read,
    bytes_reader,
    fields,
    signed,
    varint,
    varint_at,
)
from tbimage.reading.scalars import Numbers, Templates
from tbimage.reading.scan import BLOCK_BYTES, RecordScanner, read_at
from tbimage.reading.tensors import count_samples, float_position, number_in

__all__ = [
    "AUDIO",
    "GRAPH",
    "GRAPH_TAG",
    "HISTOGRAM",
    "IMAGE",
    "NOTHING",
    "TENSOR",
    "Entries",
    "FileIndex",
    "Metadata",
    "parse_event",
]

# The field numbers of Event and Summary.Value, as in proto/tbimage/{event,summary}.proto.
_WALL_TIME, _STEP, _GRAPH_DEF, _SUMMARY = 1, 2, 4, 5
_TAG, _SIMPLE_VALUE, _METADATA = 1, 2, 9
#: The form of a value: its field number in Summary.Value, or 0 if only metadata was logged.
NOTHING, IMAGE, HISTOGRAM, AUDIO, TENSOR = 0, 4, 5, 6, 8
_FORMS = {_SIMPLE_VALUE, IMAGE, HISTOGRAM, AUDIO, TENSOR}
#: GRAPH is the form of a whole Event with a graph. GRAPH_TAG is TensorBoard's tag for graphs.
GRAPH, GRAPH_TAG = 100, "__run_graph__"

# If a record matches no template, this number of records is read one by one, because several new
# tags usually come together.
_ONE_BY_ONE = 64

_FLOAT = struct.Struct("<f")
_DOUBLE = struct.Struct("<d")


@dataclass(frozen=True)
class Metadata:
    """The properties of a tag, from its first value."""

    plugin: str = ""
    content: bytes = b""
    display_name: str = ""
    description: str = ""
    data_class: int = 0


@dataclass
class Entries:
    """The places of the values of one tag in one file. ``Numbers`` has the scalars of a tag."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    wall_times: array[float] = field(default_factory=lambda: array("d"))
    offsets: array[int] = field(default_factory=lambda: array("q"))
    ordinals: array[int] = field(default_factory=lambda: array("l"))  # indices in the Summary
    forms: array[int] = field(default_factory=lambda: array("B"))
    samples: array[int] = field(default_factory=lambda: array("l"))  # counts of pictures or sounds
    lengths: array[int] = field(default_factory=lambda: array("q"))  # bytes of the payloads


@dataclass
class _Value:
    """The places of the parts of a Summary.Value in the payload of its record."""

    tag: str = ""
    metadata: tuple[int, int] | None = None
    form: int = NOTHING
    start: int = 0
    stop: int = 0


class _Large(NamedTuple):
    """The bytes of a large record before and after its only value, a picture or sound."""

    rest: int  # the number of bytes from the start of the Summary to the payload's end
    head: bytes  # from the start of the Summary to the picture or sound
    tail: bytes
    tag: str
    form: int


@dataclass
class _Event:
    wall_time: float = 0.0
    step: int = 0
    graph: bool = False
    summary: tuple[int, int] | None = None
    values: list[_Value] = field(default_factory=list)


class FileIndex:
    """The index of one event file, which may grow.

    Attributes:
        path: The file.
        numbers: The scalars, by tag.
        entries: The places of all other values, by tag.
        metadata: The first metadata of each tag, shared by all files of a run.
        records: How many records have been read.
    """

    def __init__(self, path: str, metadata: dict[str, Metadata], verify: bool = False) -> None:
        self.path = path
        self.metadata = metadata
        self._verify = verify
        self._identity = (-1, -1)
        self._size = -1
        self._clear()

    def _clear(self) -> None:
        self.numbers: dict[str, Numbers] = {}
        self.entries: dict[str, Entries] = {}
        self.records: int = 0
        self._unreadable: list[Damage] = []
        self._scanner = RecordScanner(self.path, self._verify)
        self._templates = Templates()
        self._large: _Large | None = None

    @property
    def damage(self) -> list[Damage]:
        """The damage that was found so far."""
        tail = [self._scanner.tail] if self._scanner.tail else []
        return [*sorted(self._scanner.damage), *tail, *self._unreadable]

    def refresh(self) -> bool:
        """Read the appended records. Return whether the file has changed and could be opened."""
        self._unreadable = []
        try:
            status = os.stat(self.path)
            if (status.st_dev, status.st_ino, status.st_size) == (*self._identity, self._size):
                return False
            descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as error:
            reason = error.strerror or str(error)
            self._unreadable = [Damage(self.path, 0, 0, "unreadable", reason)]
            return False
        try:
            status = os.fstat(descriptor)
            identity = (status.st_dev, status.st_ino)
            if identity != self._identity or status.st_size < self._scanner.offset:
                self._clear()  # the file was replaced, or has become shorter
            self._identity, self._size = identity, -1
            self._take_in(descriptor)
            self._size = status.st_size
        except OSError as error:
            reason = error.strerror or str(error)
            self._unreadable = [Damage(self.path, 0, 0, "unreadable", reason)]
        finally:
            os.close(descriptor)
        return True

    def _take_in(self, descriptor: int) -> None:
        for batch in self._scanner.batches(descriptor):
            base, block, stops, groups = batch
            if batch.is_large:
                read = _file_reader(descriptor, base + HEADER_BYTES, block[HEADER_BYTES:])
                self._take_in_large(read, stops[0] - HEADER_BYTES, base)
            elif groups is None or not self._templates.take_in_groups(groups):
                self._take_in_block(base, block, stops)
            self.records += len(stops)

    def _take_in_block(self, base: int, block: bytes, stops: Sequence[int]) -> None:
        """Read records: scalars that match templates many at once, all others one by one."""
        at = done = 0
        while done < len(stops):
            known = self._templates.take_in(block, stops[done:], at)
            if done + known == len(stops):
                self._scanner.expect(self._templates.group)
                return
            if known:
                at = stops[done + known - 1] + FOOTER_BYTES
            done += known
            for stop in stops[done : done + _ONE_BY_ONE]:
                self._take_in_record(block[at + HEADER_BYTES : stop], base + at)
                at = stop + FOOTER_BYTES
            done += _ONE_BY_ONE

    def _take_in_record(self, payload: bytes, offset: int) -> None:
        """Read a record. Parse it in full only if it matches no template."""
        step, at = _step_of(payload)
        if at:
            found = self._templates.find(payload, at)
            if found is not None:
                numbers, position = found
                numbers.steps.append(step)
                numbers.wall_times.append(_DOUBLE.unpack_from(payload, 1)[0])
                numbers.values.append(_FLOAT.unpack_from(payload, position)[0])
                return
        self._take_in_event(bytes_reader(payload), len(payload), offset, at)

    def _take_in_large(self, read: Read, length: int, offset: int) -> None:
        """Read a large record. Parse it only if more than time, step and value have changed."""
        first = read(0, 20)
        step, at = _step_of(first)
        last = self._large
        if at and last is not None and last.rest == length - at:
            head, tail = read(at, at + len(last.head)), read(length - len(last.tail), length)
            if head == last.head and tail == last.tail:
                event = _Event(_DOUBLE.unpack_from(first, 1)[0], step)
                self._add_entry(last.tag, event, (offset, 0, last.form), 1, length)
                return
        event = self._take_in_event(read, length, offset, 0)
        self._large = None
        if at and len(event.values) == 1 and not event.graph:
            value = event.values[0]
            if value.form in (IMAGE, AUDIO) and value.start > at:
                with contextlib.suppress(OSError):  # the record's value is already in the index
                    head, tail = read(at, value.start), read(value.stop, length)
                    self._large = _Large(length - at, head, tail, value.tag, value.form)

    def _take_in_event(self, read: Read, length: int, offset: int, at: int) -> _Event:
        """Parse a record in full. If ``at`` is not 0, the Summary probably starts there."""
        try:
            event = parse_event(read, length)
            numbers = [self._number_or_samples(read, value) for value in event.values]
        except MalformedError:
            whole = length + OVERHEAD_BYTES
            self._scanner.damage.append(Damage(self.path, offset, whole, "message"))
            return _Event()
        for ordinal, (value, (number, samples)) in enumerate(
            zip(event.values, numbers, strict=True)
        ):
            if number is not None:
                self._add_number(value.tag, event, number)
            else:
                place = offset, ordinal, value.form
                self._add_entry(value.tag, event, place, samples, length)
        if event.graph:
            self._add_entry(GRAPH_TAG, event, (offset, 0, GRAPH), 1, length)
        starts_there = at and read(at, at + 1) == b"*"  # the key of Summary
        if starts_there and len(event.values) == 1 and length < BLOCK_BYTES:
            self._remember(read, event.values[0], length, at)
        return event

    def _number_or_samples(self, read: Read, value: _Value) -> tuple[float | None, int]:
        """Return a scalar's number or None, and the count of pictures or sounds of the value."""
        known = self.metadata.get(value.tag)
        if value.metadata is not None and (known is None or known == Metadata()):
            known = self.metadata[value.tag] = _parse_metadata(read, *value.metadata)
        plugin = known.plugin if known is not None else ""
        if value.form == _SIMPLE_VALUE:
            return _FLOAT.unpack(read(value.start, value.stop))[0], 1
        if value.form == TENSOR and plugin == "scalars":
            return number_in(read, value.start, value.stop), 1
        if value.form == TENSOR and plugin in ("images", "audio"):
            return None, count_samples(read, value.start, value.stop, plugin)
        return None, 1

    def _add_number(self, tag: str, event: _Event, number: float) -> None:
        numbers = self.numbers.get(tag)
        if numbers is None:
            numbers = self.numbers[tag] = Numbers()
        numbers.steps.append(event.step)
        numbers.wall_times.append(event.wall_time)
        numbers.values.append(number)

    def _add_entry(
        self, tag: str, event: _Event, place: tuple[int, int, int], samples: int, length: int
    ) -> None:
        offset, ordinal, form = place
        entries = self.entries.get(tag)
        if entries is None:
            entries = self.entries[tag] = Entries()
        entries.steps.append(event.step)
        entries.wall_times.append(event.wall_time)
        entries.offsets.append(offset)
        entries.ordinals.append(ordinal)
        entries.forms.append(form)
        entries.samples.append(samples)
        entries.lengths.append(length)

    def _remember(self, read: Read, value: _Value, length: int, at: int) -> None:
        """Add a template of a scalar's record, so that later records are not parsed in full."""
        if value.form == _SIMPLE_VALUE:
            position: int | None = value.start
        elif value.form == TENSOR and value.tag in self.numbers:
            position = float_position(read, value.start, value.stop)
        else:
            return
        if position is not None:
            self._templates.add(read(at, length), position - at, self.numbers[value.tag])


def _file_reader(descriptor: int, offset: int, window: bytes) -> Read:
    """Return a function that reads 4 KiB or more of a payload at once, and caches these bytes.

    Args:
        descriptor: The file.
        offset: Where the payload starts.
        window: The first bytes of the payload.
    """
    known, end = 0, len(window)

    def read(start: int, stop: int) -> bytes:
        nonlocal known, window, end
        if start < known or stop > end:
            window = read_at(descriptor, max(stop - start, 4096), offset + start)
            known, end = start, start + len(window)
        return window[start - known : stop - known]

    return read


def _step_of(payload: bytes) -> tuple[int, int]:
    """Return the step of an Event, and where its Summary probably starts (0 if unknown).

    All writers write wall time, step and Summary in this order. They leave out a step of 0.
    """
    if len(payload) < 17 or payload[0] != 9 or payload[9] not in (16, 42):
        return 0, 0
    step, at = (payload[10], 11) if payload[9] == 16 else (0, 9)
    if step <= 0x7F:
        return step, at
    try:
        step, at = varint(payload, 10)
    except MalformedError:
        return 0, len(payload)  # matches no template, and the full parser reports the error
    return signed(step), at


def parse_event(read: Read, length: int) -> _Event:
    """Find wall time, step and the values of a serialized Event."""
    event = _Event()
    summaries = []
    for number, kind, start, stop in fields(read, 0, length):
        if number == _WALL_TIME and kind == 1:
            event.wall_time = _DOUBLE.unpack(read(start, stop))[0]
        elif number == _STEP and kind == 0:
            event.step = signed(varint_at(read, start, stop))
        elif number == _SUMMARY and kind == 2:
            summaries.append((start, stop))
        elif number == _GRAPH_DEF and kind == 2:
            event.graph = True
    for start, stop in summaries:
        for number, kind, begin, end in fields(read, start, stop):
            if number == 1 and kind == 2:
                event.values.append(_parse_value(read, begin, end))
    return event


def _parse_value(read: Read, start: int, stop: int) -> _Value:
    value = _Value()
    for number, kind, begin, end in fields(read, start, stop):
        if number == _TAG and kind == 2:
            value.tag = read(begin, end).decode("utf-8", "replace")
        elif number == _METADATA and kind == 2:
            value.metadata = begin, end
        elif number in _FORMS and kind == (5 if number == _SIMPLE_VALUE else 2):
            value.form, value.start, value.stop = number, begin, end
    return value


def _parse_metadata(read: Read, start: int, stop: int) -> Metadata:
    texts = {1: b"", 2: b"", 3: b""}
    plugin = content = b""
    data_class = 0
    for number, kind, begin, end in fields(read, start, stop):
        if number in (2, 3) and kind == 2:
            texts[number] = read(begin, end)
        elif number == 4 and kind == 0:
            data_class = varint_at(read, begin, end)
        elif number == 1 and kind == 2:
            for inner, inner_kind, first, last in fields(read, begin, end):
                if inner == 1 and inner_kind == 2:
                    plugin = read(first, last)
                elif inner == 2 and inner_kind == 2:
                    content = read(first, last)
    decoded = [each.decode("utf-8", "replace") for each in (plugin, texts[2], texts[3])]
    return Metadata(decoded[0], content, decoded[1], decoded[2], data_class)
