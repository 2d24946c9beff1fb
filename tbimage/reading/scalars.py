"""Read many records of scalars at once.

All records of one tag are equal except for wall time, step and the four bytes of the number. For
each tag, one record is parsed in full. The bytes that are equal in all records are the *template*
of the tag. If a later record has the same bytes, it belongs to the same tag. ``Templates.take_in``
looks up all records of a block with NumPy. This takes a third of the time of a loop over the
records.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tbimage.events.records import FOOTER_BYTES, HEADER_BYTES
from tbimage.reading.groups import Groups, find_period
from tbimage.reading.scan import rows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


__all__ = ["Numbers", "Templates"]

# A tag has one or two templates. _MOST_TEMPLATES limits the memory if each value has a new tag.
# With more than _MOST_IN_TABLES templates, records are looked up one by one, because NumPy needs
# new tables for each new tag.
_MOST_TEMPLATES, _MOST_IN_TABLES = 100_000, 2048
# NumPy needs as much time for a few records as for a hundred, so few are read one by one.
_FEWEST_RECORDS = 64  # and 64 more for each 8 different lengths of records
# Longer records have a long tag or metadata. They are read one by one.
_LONGEST_RECORD = 512
_LONGEST_STEP = 5  # bytes of a varint, for steps below 2 ** 35


@dataclass
class Numbers:
    """The scalars of one tag in one file."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    wall_times: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))


@dataclass(frozen=True)
class _Table:
    """Templates with the same length and position of the number, sorted by their hashes."""

    hashes: NDArray[np.uint64]
    words: NDArray[np.uint64]
    order: NDArray[np.intp]


@dataclass
class _Shape:
    """Templates with the same length after the step, and the same position of the number."""

    position: int
    templates: list[bytes] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    table: _Table | None = None


class Templates:
    """The templates of one file.

    Attributes:
        group: The payload lengths of the records that repeat at the end of the last block. Empty
            if no records repeat.
    """

    def __init__(self) -> None:
        self.group: Sequence[int] = ()
        self._columns: dict[bytes, Numbers] = {}
        self._shapes: dict[int, list[_Shape]] = {}  # the keys are the lengths after the step
        # Each tag once: a tag may have two templates, because only its first record has metadata.
        self._numbers: list[Numbers] = []
        self._places: dict[int, int] = {}  # maps id() of an item of _numbers to its index

    def add(self, rest: bytes, position: int, numbers: Numbers) -> None:
        """Add a template: the bytes after the step, the number's position and the tag's columns."""
        if len(self._columns) >= _MOST_TEMPLATES:
            return
        shapes = self._shapes.setdefault(len(rest), [])
        shape = next((each for each in shapes if each.position == position), None)
        if shape is None:
            shape = _Shape(position)
            shapes.append(shape)
        template = rest[:position] + rest[position + 4 :]
        if template in self._columns:
            return
        self._columns[template] = numbers
        shape.templates.append(rest)
        place = self._places.setdefault(id(numbers), len(self._numbers))
        if place == len(self._numbers):
            self._numbers.append(numbers)
        shape.columns.append(place)
        shape.table = None

    def find(self, payload: bytes, at: int) -> tuple[Numbers, int] | None:
        """Return a record's columns and the number's position, or None. The step ends at ``at``."""
        for shape in self._shapes.get(len(payload) - at, ()):
            number = at + shape.position
            numbers = self._columns.get(payload[at:number] + payload[number + 4 :])
            if numbers is not None:
                return numbers, number
        return None

    def take_in(self, block: bytes, stops: Sequence[int], first: int) -> int:
        """Read the records of a block before the first unknown record. Return how many were read.

        Args:
            block: The records, one after the other.
            stops: Where the payload of each record stops.
            first: Where the first record starts.
        """
        count = len(stops)
        fewest = _FEWEST_RECORDS * (1 + len(self._shapes) // 8)
        if count < fewest or not 0 < len(self._columns) <= _MOST_IN_TABLES:
            return 0
        found = np.full(count, -1, np.intp)
        steps, values = np.zeros(count, np.int64), np.zeros(count, np.float32)
        wall_times = np.zeros(count, np.float64)
        ends = np.asarray(stops, np.int64)
        starts = np.concatenate([[first], ends[:-1] + FOOTER_BYTES]) + HEADER_BYTES
        lengths = ends - starts
        for length in np.flatnonzero(np.bincount(np.minimum(lengths, _LONGEST_RECORD))).tolist():
            if not 16 < length < _LONGEST_RECORD:
                continue
            there = np.flatnonzero(lengths == length)
            rows = rows_of(block, starts[there], length)
            for at, some in _steps_end(rows):
                columns, numbers = self._match(rows[some, at:])
                where = there[some]
                found[where], values[where] = columns, numbers
                steps[where] = _steps(rows[some, 10:at])
            wall_times[there] = np.ascontiguousarray(rows[:, 1:9]).view("<f8")[:, 0]
        unknown = np.flatnonzero(found < 0)
        known = int(unknown[0]) if len(unknown) else count
        self._append(found[:known], steps, wall_times, values.astype(np.float64))
        period = find_period(found * _LONGEST_RECORD + lengths)
        self.group = lengths[count - period :].tolist()
        return known

    def take_in_groups(self, groups: Groups) -> bool:
        """Read records that repeat in groups. If some cannot be read, read none and return False.

        Only the wall time, the step and the scalar of a record may differ between groups.
        """
        rows, found = groups.rows, []
        for start, stop in groups.spans:
            payload, changed = rows[0, start:stop].tobytes(), groups.changed[start:stop].copy()
            if payload[0] != 9 or payload[9] != 16:
                return False
            at = next((end for end in range(11, 11 + _LONGEST_STEP) if payload[end - 1] < 0x80), 0)
            known = self.find(payload, at) if at and not (changed[10:at] & 0x80).any() else None
            if known is None:
                return False
            numbers, position = known
            changed[1:9] = changed[10:at] = changed[position : position + 4] = 0
            if changed.any():
                return False
            found.append((numbers, start, at, position))
        if len({id(numbers) for numbers, *_ in found}) < len(found):
            return False  # two records have the same tag, so their order matters
        for numbers, start, at, position in found:
            values = np.ascontiguousarray(rows[:, start + position : start + position + 4])
            steps = _steps(rows[:, start + 10 : start + at])
            numbers.steps.frombytes(steps.tobytes())
            numbers.wall_times.frombytes(rows[:, start + 1 : start + 9].tobytes())
            numbers.values.frombytes(values.view("<f4").astype(np.float64).tobytes())
        return True

    def _match(self, rests: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """For each record, return the index of its columns (-1 if unknown) and its number."""
        columns = np.full(len(rests), -1, np.intp)
        numbers = np.zeros(len(rests), np.float32)
        for shape in self._shapes.get(rests.shape[1], ()):
            if shape.table is None:
                shape.table = _make_table(shape)
            table = shape.table
            words = _words(rests, shape.position)
            at = np.minimum(np.searchsorted(table.hashes, _hashes(words)), len(table.hashes) - 1)
            same = (table.words[at] == words).all(axis=1)
            number = np.ascontiguousarray(rests[:, shape.position : shape.position + 4])
            columns = np.where(same, table.order[at], columns)
            numbers = np.where(same, number.view("<f4")[:, 0], numbers)
        return columns, numbers

    def _append(
        self,
        found: NDArray[np.intp],
        steps: NDArray[np.int64],
        wall_times: NDArray[np.float64],
        values: NDArray[np.float64],
    ) -> None:
        """Append the values to the columns of their tags, in the order of the records."""
        order = np.argsort(found, kind="stable")
        ordered = found[order]
        edges = np.flatnonzero(np.diff(ordered, prepend=-1, append=-1))
        for first, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            numbers, rows = self._numbers[ordered[first]], order[first:end]
            numbers.steps.frombytes(steps[rows].tobytes())
            numbers.wall_times.frombytes(wall_times[rows].tobytes())
            numbers.values.frombytes(values[rows].tobytes())


def _make_table(shape: _Shape) -> _Table:
    templates = np.frombuffer(b"".join(shape.templates), np.uint8)
    words = _words(templates.reshape(len(shape.templates), -1), shape.position)
    hashes = _hashes(words)
    order = np.argsort(hashes)
    return _Table(hashes[order], words[order], np.array(shape.columns)[order])


def _words(rows: NDArray[np.uint8], position: int) -> NDArray[np.uint64]:
    """Return rows as 64-bit words. The number and the missing bytes at the end become zeros."""
    words = np.zeros((len(rows), -(-rows.shape[1] // 8)), np.uint64)
    padded = words.view(np.uint8)
    padded[:, : rows.shape[1]] = rows
    padded[:, position : position + 4] = 0
    return words


def _hashes(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Hash each row. Different rows may have the same hash, so callers also compare the rows."""
    hashes = np.zeros(len(words), np.uint64)
    for column in words.T:
        hashes = (hashes ^ column) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    return hashes


def _steps_end(rows: NDArray[np.uint8]) -> list[tuple[int, NDArray[np.bool_]]]:
    """Return each position where steps end, and which records have a step that ends there.

    This finds only records that start with wall time and step. All writers use this order. They
    leave out a step of 0, so records with this step are not found, and are read one by one.
    """
    waiting = (rows[:, 0] == 9) & (rows[:, 9] == 16)
    found = []
    for at in range(10, min(10 + _LONGEST_STEP, rows.shape[1] - 1)):
        last = waiting & (rows[:, at] < 0x80)
        if last.any():
            found.append((at + 1, last))
        waiting = waiting & ~last
    return found


def _steps(varints: NDArray[np.uint8]) -> NDArray[np.int64]:
    steps = np.zeros(len(varints), np.int64)
    for at in range(varints.shape[1]):
        steps |= (varints[:, at] & np.uint8(0x7F)).astype(np.int64) << (7 * at)
    return steps
