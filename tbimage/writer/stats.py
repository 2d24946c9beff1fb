"""The counters of a writer at one moment, which ``stats()`` returns."""

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
        dropped: Summaries that will never be in the file, by cause: "full" (there was no room),
            "disk" (there was no room because writing failed), "error" (they could not be encoded or
            written), "closed" (the writer was closed before they could be written).
        kept_out: Calls that ``keep`` left out. They count neither as logged nor as dropped.
        pending_items: Summaries that are not yet written or dropped.
        pending_bytes: Bytes of memory that their snapshots and encoded forms take.
        oldest_pending_secs: The age of the oldest pending summary in seconds; 0.0 if there is none.
        bytes_written: Bytes in all event files of this writer.
        segments: The number of event files that it began.
        displaced_files: The number of event files that somebody deleted, moved, replaced or
            truncated while they were written. After each of them a new file was begun.
        encode_secs: Seconds of encoding, summed over the threads that encode.
        last_error: Class and message of the latest error, or None.
        healthy: False after a failed write, until a write succeeds. Also False if summaries are
            pending and nothing was encoded or written for 10 seconds, for any cause.

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
