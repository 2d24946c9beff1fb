"""What waits in the queue: a summary's place in the file, and how its record is made.

What lives here: the two kinds of entries, and the records of a run of them. What does not: who
makes them, when, and what follows an error (``pipeline.py``, ``committer.py``).

A *ticket* is a summary that a worker makes while others go on: an image. A *light* summary costs
less to make than to hand to another thread: a scalar. It waits as the arguments of the function
that makes it, and the committer calls that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tbimage.buffers import Piece
from tbimage.events.batches import Batch
from tbimage.events.records import frame, small_record
from tbimage.events.wire import event, small_event

__all__ = ["OVERHEAD_BYTES", "RECORD_OVERHEAD_BYTES", "Entry", "Light", "Ticket", "make_records"]

#: What a ticket is counted for besides its snapshot (closures, array objects), in bytes; measured
#: with tracemalloc.
OVERHEAD_BYTES = 1024
#: The same besides its record (a list of pieces).
RECORD_OVERHEAD_BYTES = 512

#: Makes a serialized Summary as pieces.
MakeSummary = Callable[[], "list[Piece]"]
#: The function that makes a light summary, the arguments that it takes, the first of them the name,
#: step, wall time, and how many bytes it is counted for.
Light = tuple[Callable[..., bytes], tuple[Any, ...], int, float, int]
#: Is told of an error, and which summary it cost.
OnError = Callable[[BaseException, str], None]


class Ticket:
    """One summary that a worker makes.

    Args:
        name: The summary's name.
        step: The step asked for; None for an automatic one, until it is decided.
        wall_time: Its time, in seconds since the epoch.
        snapshot_bytes: How many bytes of memory its snapshot has.

    Attributes:
        name: As given.
        step: As given, then as decided.
        wall_time: As given.
        cost: How many bytes it is counted for.
        make_summary: Makes the serialized Summary; called once, and None after that.
        counted: Whether its cost is counted as pending.
        queued: Whether it got its place in the queue.
        ready: Whether its record was made, or could not be.
        record: The record, as pieces: empty until it is ready, and where it could not be made.
    """

    __slots__ = (
        "cost",
        "counted",
        "make_summary",
        "name",
        "queued",
        "ready",
        "record",
        "step",
        "wall_time",
    )

    def __init__(self, name: str, step: int | None, wall_time: float, snapshot_bytes: int) -> None:
        self.name = name
        self.step = step
        self.wall_time = wall_time
        self.cost = OVERHEAD_BYTES + snapshot_bytes
        self.make_summary: MakeSummary | None = None
        self.counted = False
        self.queued = False
        self.ready = False
        self.record: Sequence[Piece] = ()

    def make_record(self) -> None:
        """Make the record, and let go of what it is made from.

        Raises:
            BaseException: What ``make_summary`` raised.

        Example:
            >>> ticket = Ticket("a", 7, 0.0, 0)
            >>> ticket.make_summary = lambda: [b"..."]
            >>> ticket.make_record()
            >>> len(b"".join(ticket.record))
            23
        """
        make_summary, self.make_summary = self.make_summary, None
        if make_summary is not None and self.step is not None:
            self.record = frame(event(self.wall_time, self.step, make_summary()))


Entry = Ticket | Light


def make_records(entries: Iterable[Entry], on_error: OnError) -> Batch:
    """Give the records of some entries, making those of light summaries.

    Args:
        entries: Tickets that are ready, and light summaries.
        on_error: Is told of any error with a light summary, whatever it is: those behind it go on.

    Returns:
        A record for each entry, in order; an empty one for what could not be made.

    Example:
        >>> light = (lambda name: b"...", ("a",), 7, 0.0, 0)
        >>> make_records([light, light], print).sizes
        [23, 23]
    """
    pieces: list[Piece] = []
    sizes: list[int] = []
    small: list[bytes] = []  # records that follow each other and become one piece
    for entry in entries:
        if isinstance(entry, tuple):
            make, arguments, step, wall_time, _ = entry
            try:
                record = small_record(small_event(wall_time, step, make(*arguments)))
            except BaseException as error:
                on_error(error, f"{arguments[0]!r} at step {step} was not written")
                record = b""
            small.append(record)
            sizes.append(len(record))
        else:
            pieces += (b"".join(small), *entry.record)
            small = []
            sizes.append(sum(map(len, entry.record)))
    return Batch([*pieces, b"".join(small)], sizes)
