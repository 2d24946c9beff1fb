"""What ``stats()`` returns: the counters of a writer at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stats:
    """The counters of a writer at one moment; those of a forked child are its own.

    At every moment ``logged == written + sum(dropped.values()) + pending_items``.

    Attributes:
        logged: Summaries that passed their checks and that neither ``record_if`` nor ``keep`` left
            out. One call of ``scalars`` counts as one.
        written: Summaries that are in the file.
        dropped: Summaries that never will be, by cause: "full" (there was no room), "disk" (there
            was no room because writing failed), "error" (they could not be encoded or written),
            "closed" (the writer was closed before they could be written).
        kept_out: Calls that ``keep`` left out. They count neither as logged nor as dropped.
        pending_items: Summaries that are on their way.
        pending_bytes: Bytes of memory that their snapshots and encoded forms take.
        oldest_pending_secs: For how many seconds the oldest of them has been on its way; 0.0 when
            there is none.
        bytes_written: Bytes in all event files of this writer.
        segments: How many event files it began.
        displaced_files: How many of these were deleted, moved, replaced or cut short while they
            were written; another one was begun each time.
        encode_secs: Seconds of encoding, summed over the threads that encode.
        last_error: Class and message of the latest error, or None.
        healthy: False from a failed write until the next one that succeeds; and when something is
            pending and nothing was encoded or written for 10 seconds, whatever the cause.

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
    oldest_pending_secs: float
    bytes_written: int
    segments: int
    displaced_files: int
    encode_secs: float
    last_error: str | None
    healthy: bool
