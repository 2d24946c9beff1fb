"""What ``stats()`` returns: the counters of a writer at one moment."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from tbimage.pipeline import Pipeline

__all__ = ["STUCK_SECS", "Stats", "stats_of"]

#: A writer is not healthy when something is pending and for so many seconds nothing was encoded or
#: written: ten times what a slow disk takes for a write.
STUCK_SECS = 10.0


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


def stats_of(pipeline: Pipeline) -> Stats:
    """Return the counters of a pipeline at this moment, without waiting for anybody."""
    channel = pipeline.channel
    items, pending_bytes, written, dropped, failing = channel.counts()
    for cause, counts in channel.refused.items():
        dropped[cause] += sum(list(counts.values()))
    if items and not channel.awake:
        channel.owner.send(channel)  # a wake-up may have been lost
    now = time.monotonic()
    oldest_at = next(iter(list(channel.marks)), (channel.woken_at,))[0]
    age = now - oldest_at if items else 0.0
    files = [lane.files for lane in channel.lanes]
    return Stats(
        logged=written + sum(dropped.values()) + items,
        written=written,
        dropped=dropped,
        kept_out=sum(list(channel.kept_out.values())),
        pending_items=items,
        pending_bytes=pending_bytes,
        oldest_pending_secs=age,
        bytes_written=sum(each.bytes_written for each in files),
        segments=sum(each.count for each in files),
        displaced_files=sum(each.displaced for each in files),
        encode_secs=channel.encode_secs,
        last_error=channel.errors.latest,
        healthy=not failing and min(age, now - channel.progress_at) < STUCK_SECS,
    )
