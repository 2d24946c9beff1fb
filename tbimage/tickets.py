"""A summary's place in the file, from the call that drew it to the records that are written.

What lives here: the two things that wait in the queue, and how their records are made. What does
not: who makes them, when, and what follows an error (``pipeline.py``).

A *ticket* is one summary that a worker makes while others go on: an image. A *bundle* is a run of
summaries that cost less to make than to hand to another thread: scalars. Those that follow each
other share one, so that a scalar's place in the queue is one ``list.append``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from tbimage.events.batches import Batch
from tbimage.events.records import frame, small_record
from tbimage.events.wire import event, small_event
from tbimage.pieces import Piece

__all__ = ["Bundle", "Entry", "Light", "Ticket"]

#: A summary of a bundle: the function that makes it, the arguments that it takes, the first of them
#: the name, its step and its wall time.
Light = tuple[Callable[..., bytes], tuple[Any, ...], int, float]
#: Is told of an error, and which summary it cost.
OnError = Callable[[BaseException, str], None]


class Entry(Protocol):
    """What waits in the queue.

    Attributes:
        ready: Whether the committer may take it.
        cost: How many bytes it is counted for.
        count: How many summaries it is.
    """

    ready: bool
    cost: int

    @property
    def count(self) -> int:
        """How many summaries it is."""

    def records(self, on_error: OnError) -> Batch:
        """Return a record for each summary, empty for one that could not be made."""


class Ticket:
    """One summary that a worker makes.

    Args:
        make_summary: Makes the serialized Summary; called once.
        name: The summary's name, for messages about it.
        step: Its step; None until it is decided.
        wall_time: Its time, in seconds since the epoch.
        cost: How many bytes its snapshot is counted for, and later its record.
    """

    __slots__ = ("_make_summary", "_record", "cost", "name", "ready", "step", "wall_time")

    def __init__(
        self,
        make_summary: Callable[[], list[Piece]],
        name: str,
        step: int | None,
        wall_time: float,
        cost: int,
    ) -> None:
        self._make_summary: Callable[[], list[Piece]] | None = make_summary
        self._record: Sequence[Piece] = ()
        self.name = name
        self.step = step
        self.wall_time = wall_time
        self.cost = cost
        self.ready = False

    @property
    def count(self) -> int:
        """One."""
        return 1

    def make_record(self, on_error: OnError) -> int:
        """Make the record, and let go of what it was made from.

        Args:
            on_error: Is told of any error, whatever it is: the tickets behind this one must not
                wait for it.

        Returns:
            The record's size in bytes, 0 after an error.
        """
        make_summary, self._make_summary = self._make_summary, None
        try:
            if make_summary is not None and self.step is not None:
                self._record = frame(event(self.wall_time, self.step, make_summary()))
        except BaseException as error:
            on_error(error, f"{self.name!r} at step {self.step}")
        return sum(map(len, self._record))

    def records(self, on_error: OnError) -> Batch:
        """Return the record that was made."""
        return Batch(self._record, [sum(map(len, self._record))])


class Bundle:
    """Summaries that follow each other and that the committer makes itself."""

    __slots__ = ("cost", "items", "ready")

    def __init__(self) -> None:
        self.items: list[Light] = []
        self.cost = 0
        self.ready = True

    @property
    def count(self) -> int:
        """How many summaries it is."""
        return len(self.items)

    def records(self, on_error: OnError) -> Batch:
        """Make the records.

        Args:
            on_error: Is told of any error.
        """
        records: list[bytes] = []
        for make, arguments, step, wall_time in self.items:
            try:
                record = small_record(small_event(wall_time, step, make(*arguments)))
            except BaseException as error:
                on_error(error, f"{arguments[0]!r} at step {step}")
                record = b""
            records.append(record)
        return Batch([b"".join(records)], list(map(len, records)))
