"""The counters of a writer at one moment, which ``stats()`` returns."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from tbimage.pipeline import Pipeline

#: A writer is not healthy if the oldest pending summary of a lane waits longer than this number of
#: seconds although it is due. A write to a slow disk takes a tenth of this time.
STUCK_SECS = 10.0


@dataclass(frozen=True, slots=True)
class Stats:
    """The counters of a writer at one moment. A forked child has its own counters.

    At every moment ``logged == written + sum(dropped.values()) + pending_items``.

    Attributes:
        logged: Summaries that passed their checks, and that ``record_if`` and ``keep`` did not
            leave out. One call of ``scalars`` counts as one summary.
        written: Summaries that are in the file.
        dropped: Summaries that will never be in the file, by cause: "full" (there was no room),
            "disk" (there was no room because writing failed), "error" (they could not be encoded or
            written), "closed" (the writer was closed before they could be written).
        kept_out: Calls that ``keep`` left out. They count neither as logged nor as dropped.
        pending_items: Summaries that are not yet written or dropped.
        pending_bytes: Bytes of memory that pending summaries take: their snapshots and records.
        oldest_pending_secs: The age of the oldest pending summary in seconds; 0.0 if there is none.
        bytes_written: The number of bytes that this writer has written to event files.
        segments: The number of event files that this writer has begun.
        displaced_files: The number of event files that others deleted, moved, replaced or changed
            while the writer was writing to them. After each of these events, a new file begins.
        encode_secs: Seconds spent on encoding, summed over the threads that encode.
        last_error: Class and message of the latest error, or None.
        healthy: False after a failed write, until a write succeeds. Also False if summaries are
            pending and none of them was written for 10 seconds plus ``flush_secs``, for any reason.
            The files of the run and those of its sub-runs (``scalars``) count separately. If the
            writer uploads to an object store, the limit is longer by ``upload_secs``. With
            ``spool_dir``, too, summaries must reach the store within this limit.

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
    """Return the counters of a pipeline; wait at most 0.1 s if the owner is changing them."""
    channel = pipeline.channel
    items, pending_bytes, written, dropped, failing = channel.counts()
    for cause, counts in channel.refused.items():
        dropped[cause] += sum(list(counts.values()))
    if items and not channel.awake:
        channel.owner.send(channel)  # a wake-up may have been lost
    now = time.monotonic()
    oldest_at = next(iter(list(channel.marks)), (channel.woken_at,))[0]
    age = now - oldest_at if items else 0.0
    # While one lane's disk hangs, the other lane may still be written.
    waits = [now - lane.moved_at for lane in channel.lanes if lane.taken > lane.done]
    files = [lane.files for lane in channel.lanes]
    # Scalars wait for ``flush_secs``. Nothing is written between two uploads to an object store.
    patience = channel.options.flush_secs + max(each.commit_secs for each in files)
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
        healthy=not failing
        and all(now - each.upload_due < STUCK_SECS for each in files if each.unsynced)
        and min(age, max(waits, default=now - channel.received_at)) < STUCK_SECS + patience,
    )
