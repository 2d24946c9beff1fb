"""What a pipeline has counted: the running counters, and a frozen picture of them.

What lives here: numbers only. What does not: locks (the pipeline changes the counters under its
own) and errors (``faults.py``).

Rule: ``Stats`` is taken without a lock, so that a health endpoint never waits. What is added up
there is chosen so that it adds up at every moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["CAUSES", "Counters", "Stats"]

#: Why a summary is dropped.
CAUSES = ("full", "disk", "error", "closed")


@dataclass(frozen=True, slots=True)
class Stats:
    """The counters of a writer at one moment; those of a forked child are its own.

    At every moment ``logged == written + sum(dropped.values()) + pending_items``.

    Attributes:
        logged: Summaries that passed their checks and that neither ``record_if`` nor ``keep`` left
            out.
        written: Summaries that are in the file.
        dropped: Summaries that never will be, by cause: "full" (there was no room), "disk" (there
            was no room because writing failed), "error" (they could not be encoded), "closed" (the
            writer was closed before they could be written).
        kept_out: Calls that ``keep`` left out. They count neither as logged nor as dropped.
        pending_items: Summaries that are on their way.
        pending_bytes: What their snapshots and encoded bytes take, in bytes.
        bytes_written: In all event files of this writer.
        segments: How many event files it began.
        displaced_files: How many of these were deleted, moved or replaced while they were written;
            another one was begun each time.
        encode_secs: Seconds of encoding, summed over the workers.
        last_error: Class and message of the latest error, or None.
        healthy: False from a failed write until the next one that succeeds.

    Example:
        >>> import dataclasses, tempfile, tbimage
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     _ = writer.scalar("loss", 0.5, step=0)
        >>> dataclasses.asdict(writer.stats())["written"]
        1
    """

    logged: int
    written: int
    dropped: Mapping[str, int]
    kept_out: int
    pending_items: int
    pending_bytes: int
    bytes_written: int
    segments: int
    displaced_files: int
    encode_secs: float
    last_error: str | None
    healthy: bool


@dataclass(slots=True)
class Counters:
    """The running counters.

    Attributes:
        drawn: Summaries that were given a place in the queue.
        written: As in ``Stats``, like the others.
        dropped: See there.
        kept_out: See there.
        pending_bytes: See there.
        encode_secs: See there.
    """

    drawn: int = 0
    written: int = 0
    dropped: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CAUSES, 0))
    kept_out: int = 0
    pending_bytes: int = 0
    encode_secs: float = 0.0

    def snapshot(
        self,
        *,
        bytes_written: int,
        segments: int,
        displaced_files: int,
        last_error: str | None,
        healthy: bool,
    ) -> Stats:
        """Copy the counters, with what the pipeline knows besides.

        Example:
            >>> counters = Counters(drawn=3, written=1)
            >>> counters.dropped["full"] += 1
            >>> stats = counters.snapshot(
            ...     bytes_written=0, segments=1, displaced_files=0, last_error=None, healthy=True
            ... )
            >>> stats.logged, stats.pending_items
            (4, 2)
        """
        # What leaves is read before what comes in, which only grows: no difference gets negative.
        written, dropped = self.written, self.dropped.copy()
        drawn = self.drawn
        return Stats(
            logged=drawn + dropped["full"] + dropped["disk"],
            written=written,
            dropped=dropped,
            kept_out=self.kept_out,
            pending_items=drawn - written - dropped["error"] - dropped["closed"],
            pending_bytes=self.pending_bytes,
            bytes_written=bytes_written,
            segments=segments,
            displaced_files=displaced_files,
            encode_secs=self.encode_secs,
            last_error=last_error,
            healthy=healthy,
        )
