"""Tickets describe summaries that are not written yet. This module also makes their records.

A *light* ticket has no ``Work``: its arguments are small, and its record is cheap to make.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from tbimage.buffers import Piece
from tbimage.events.batches import Batch
from tbimage.events.records import frame, small_record
from tbimage.events.wire import event, small_event

__all__ = ["Ticket", "Work", "cost_of", "make_batch", "make_record", "purge_mark"]

#: The two lanes of a pipeline: for the run's own files, and for the files of its sub-runs.
MAIN, SUB_RUNS = 0, 1
#: A placeholder for the step in the arguments of ``make``. The owner decides the step later.
STEP = object()
#: Bytes of memory, measured with tracemalloc: of a light ticket; of a ticket with ``Work``, without
#: its snapshot; of an encoded record, without its data.
LIGHT_BYTES, WORK_BYTES, RECORD_BYTES = 640, 1024, 512


class Work:
    """The snapshot of a large summary, and later its record.

    Its bytes count as pending until the record is in the file, or until this object is deleted.
    """

    __slots__ = ("__weakref__", "apart", "arguments", "cost", "key", "ready", "record", "secs")

    def __init__(self, snapshot_bytes: int, *, apart: bool) -> None:
        self.cost: int = WORK_BYTES + snapshot_bytes
        self.apart: bool = apart  # True: an encoder makes the record; False: the commit makes it
        self.ready: bool = not apart  # whether a commit may take the ticket
        self.arguments: tuple[Any, ...] = ()
        self.record: Sequence[Piece] = ()
        self.secs: float = 0.0  # the time that encoding took
        self.key: weakref.ref[Work] | None = None  # the key of the bytes that are reserved for it


#: A ticket is a plain tuple. Creating an object of a class takes 0.3 µs longer, a fifth of the time
#: of a scalar.
Ticket = tuple[
    int,  # the lane
    "str | None",  # the name; None: ``Steps`` does not store the step
    "int | None",  # the step; None: an automatic step
    "float | None",  # the wall time; None: ``make`` makes a whole Event
    "Callable[..., bytes | list[Piece]]",  # ``make``: it makes the serialized Summary
    "tuple[Any, ...]",  # the arguments of ``make``; large arguments are in the ``Work``
    "Work | None",  # None: a light ticket
]


def purge_mark() -> bytes:
    """Mark a ticket: if this is its ``make``, the owner lowers the automatic steps."""
    return b""


def cost_of(ticket: Ticket) -> int:
    """Return the bytes of memory that are counted for a ticket."""
    work = ticket[6]
    return LIGHT_BYTES if work is None else work.cost


def make_record(ticket: Ticket, work: Work) -> list[Piece]:
    """Make the framed record of a ticket that has a ``Work`` and a step."""
    _, _, step, wall_time, make, _, _ = ticket
    started = time.perf_counter()
    try:
        made = make(*(step if each is STEP else each for each in work.arguments))
    finally:
        work.secs = time.perf_counter() - started
    pieces = [made] if isinstance(made, bytes) else made
    if wall_time is None or step is None:
        return frame(pieces)
    return frame(event(wall_time, step, pieces))


def make_batch(tickets: Sequence[Ticket], lose: Callable[[BaseException, str], None]) -> Batch:
    """Make the records of tickets. A failed record has the size 0, and ``lose`` gets the error."""
    pieces: list[Piece] = []
    sizes: list[int] = []
    small: list[bytes] = []  # small records that follow each other; they are joined below
    for ticket in tickets:
        _, name, step, wall_time, make, arguments, work = ticket
        try:
            if work is None:
                record = small_record(small_event(wall_time, step, make(*arguments)))  # type: ignore[arg-type]
                size = len(record)
            else:
                made = work.record if work.apart else make_record(ticket, work)
                size = sum(map(len, made))
        except BaseException as error:  # an error loses only this summary
            lose(error, f"{name!r} at step {step} was not written")
            sizes.append(0)
            continue
        # These lines are after the ``try``, so that a MemoryError here ends the function. Otherwise
        # there could be a size without its bytes.
        sizes.append(size)
        if work is None:
            small.append(record)
        else:
            pieces += (b"".join(small), *made)
            small = []
    return Batch([*pieces, b"".join(small)], sizes)
