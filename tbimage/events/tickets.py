"""Tickets: summaries on their way from a call to the file, and how they become records."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from tbimage.buffers import Piece
from tbimage.events.batches import Batch
from tbimage.events.records import frame, small_record
from tbimage.events.wire import event, small_event

__all__ = ["Ticket", "Work", "cost_of", "make_batch", "make_record", "purge_mark"]

#: The two orders of a pipeline: the run's own files, and those of its sub-runs.
MAIN, SUB_RUNS = 0, 1
#: A placeholder in the arguments of ``make`` for the step, which the owner decides later.
STEP = object()
#: The bytes of memory that are counted for a ticket without ``Work``, for one with ``Work`` without
#: its snapshot, and for its record without the data. Measured with tracemalloc.
LIGHT_BYTES, WORK_BYTES, RECORD_BYTES = 640, 1024, 512


class Work:
    """The snapshot of a large summary, and later its record.

    Its bytes count as pending until it is deleted or its record is in the file.
    """

    __slots__ = ("__weakref__", "apart", "arguments", "cost", "ready", "record", "secs")

    def __init__(self, snapshot_bytes: int, *, apart: bool) -> None:
        self.cost: int = WORK_BYTES + snapshot_bytes
        self.apart: bool = apart  # an encoder makes the record; else the commit does
        self.ready: bool = not apart
        self.arguments: tuple[Any, ...] = ()
        self.record: Sequence[Piece] = ()
        self.secs: float = 0.0  # the time that encoding took


#: The lane, the name (None: its steps do not count), the step (None: an automatic one), the wall
#: time (None: ``make`` makes a whole Event), the function that makes the serialized Summary, and
#: its arguments, or the work that has them if they are large. It is a plain tuple, because an #:
#: object of a class takes 0.3 µs more, a fifth of the time of a scalar.
Ticket = tuple[
    int,
    "str | None",
    "int | None",
    "float | None",
    "Callable[..., bytes | list[Piece]]",
    "tuple[Any, ...]",
    "Work | None",
]


def purge_mark() -> bytes:
    """Mark a ticket, as its ``make``, after which automatic steps continue with its step."""
    return b""


def cost_of(ticket: Ticket) -> int:
    """Return the bytes of memory that are counted for a ticket."""
    work = ticket[6]
    return LIGHT_BYTES if work is None else work.cost


def make_record(ticket: Ticket, work: Work) -> list[Piece]:
    """Make the framed record of a ticket that has work and a step."""
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
    """Make the records of tickets: an empty one after an error, which goes to ``lose``."""
    pieces: list[Piece] = []
    sizes: list[int] = []
    small: list[bytes] = []  # neighbouring records, to be joined
    for ticket in tickets:
        _, name, step, wall_time, make, arguments, work = ticket
        try:
            if work is None:
                record = small_record(small_event(wall_time, step, make(*arguments)))  # type: ignore[arg-type]
                size = len(record)
            else:
                made = work.record if work.apart else make_record(ticket, work)
                size = sum(map(len, made))
        except BaseException as error:  # the later ones go on
            lose(error, f"{name!r} at step {step} was not written")
            sizes.append(0)
            continue
        # Outside of the try: after a MemoryError here, no size may be noted without its bytes.
        sizes.append(size)
        if work is None:
            small.append(record)
        else:
            pieces += (b"".join(small), *made)
            small = []
    return Batch([*pieces, b"".join(small)], sizes)
