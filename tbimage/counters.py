"""What a pipeline has counted: the running counters, and a frozen picture of them.

What lives here: numbers only. What does not: locks; the pipeline changes and copies the counters
under its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = ["Counters", "Stats"]

# Errors are told apart by class and message; a stream of ever new messages must not fill memory or
# the log.
_MOST_CAUSES = 64


@dataclass(frozen=True, slots=True)
class Stats:
    """The counters of a writer at one moment.

    Attributes:
        logged: Summaries that were asked for and passed their checks.
        written: Summaries that are in the file.
        dropped: Summaries that never will be, by cause: "full" (no room), "error" (they could not
            be encoded), "closed" (the writer was closed before they could be written).
        pending_items: Summaries that are on their way.
        pending_bytes: Their snapshots and encoded bytes, in bytes.
        bytes_written: In all event files of this writer.
        segments: How many event files it began.
        encode_secs: Seconds of encoding, summed over the workers.
        last_error: Class and message of the latest error, or None.
        healthy: False from a failed write until the next one that succeeds.
    """

    logged: int
    written: int
    dropped: Mapping[str, int]
    pending_items: int
    pending_bytes: int
    bytes_written: int
    segments: int
    encode_secs: float
    last_error: str | None
    healthy: bool


@dataclass(slots=True)
class Counters:
    """The running counters."""

    logged: int = 0
    written: int = 0
    pending_bytes: int = 0
    encode_secs: float = 0.0
    last_error: str | None = None
    dropped: dict[str, int] = field(default_factory=dict)
    _causes: set[str] = field(default_factory=set)

    def drop(self, cause: str, count: int) -> None:
        """Count summaries that will never be written.

        Args:
            cause: Why, as in ``Stats.dropped``.
            count: How many.

        Example:
            >>> counters = Counters()
            >>> counters.drop("full", 1)
            >>> counters.dropped
            {'full': 1}
        """
        if count:
            self.dropped[cause] = self.dropped.get(cause, 0) + count

    def note_error(self, error: BaseException) -> bool:
        """Remember an error as the latest one, and tell whether it is the first of its cause.

        Args:
            error: What was raised.

        Example:
            >>> counters = Counters()
            >>> counters.note_error(OSError("full")), counters.note_error(OSError("full"))
            (True, False)
        """
        self.last_error = f"{type(error).__name__}: {error}"
        if self.last_error in self._causes or len(self._causes) >= _MOST_CAUSES:
            return False
        self._causes.add(self.last_error)
        return True

    def snapshot(
        self, *, pending_items: int, bytes_written: int, segments: int, healthy: bool
    ) -> Stats:
        """Copy the counters, with what the pipeline knows besides.

        Example:
            >>> counters = Counters(logged=3)
            >>> counters.snapshot(
            ...     pending_items=0, bytes_written=0, segments=1, healthy=True
            ... ).logged
            3
        """
        return Stats(
            logged=self.logged,
            written=self.written,
            dropped=MappingProxyType(dict(self.dropped)),
            pending_items=pending_items,
            pending_bytes=self.pending_bytes,
            bytes_written=bytes_written,
            segments=segments,
            encode_secs=self.encode_secs,
            last_error=self.last_error,
            healthy=healthy,
        )
