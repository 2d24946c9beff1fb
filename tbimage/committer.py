"""Writing records in order: what is left when a write fails, and when it is tried again.

What lives here: the batch between the queue and the files. What does not: the queue, threads,
callers that wait (``pipeline.py``), and what a segment is (``events/segments.py``).

Rules:
- Records that could not be written stay, in order, and nothing passes them.
- A failed write is tried again after a while, soon at first; ``retry_now`` tries at once, for
  somebody who waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from tbimage.events.batches import Batch, concatenate
from tbimage.events.segments import Segments

__all__ = ["Committer"]

# The disk is tried again after this many seconds, doubled each time up to the second figure.
_FIRST_RETRY = 0.05
_LAST_RETRY = 2.0


class Committer:
    """The records that are being written.

    One thread at a time may ``write``; the rest is called under the pipeline's lock.

    Args:
        segments: Where records go.

    Attributes:
        segments: As given.
        error: What the last write failed with, None once one succeeds.
        failures: How many writes failed.
    """

    def __init__(self, segments: Segments) -> None:
        self.segments = segments
        self.error: Exception | None = None
        self.failures = 0
        self._batch = Batch()
        self._retry_at = 0.0
        self._retry_secs = _FIRST_RETRY

    @property
    def pending(self) -> int:
        """How many records are still to be written."""
        return len(self._batch.sizes)

    @property
    def pending_bytes(self) -> int:
        """How many bytes these have."""
        return self._batch.size

    def secs_until_retry(self) -> float:
        """Return how many seconds are left until what could not be written is tried again."""
        return max(self._retry_at - time.monotonic(), 0.0)

    def retry_now(self) -> None:
        """Try again at once what could not be written."""
        self._retry_at = 0.0

    def write(self, batch: Batch, on_written: Callable[[int, int, int], None]) -> None:
        """Write what is left from before, then these records.

        Args:
            batch: Records.
            on_written: Is told, as it goes on, how many records are done with, how many of them
                are in the file, and how many bytes they had.

        Raises:
            OSError: Some are left.
        """
        self._batch = concatenate([self._batch, batch])
        while self._batch.sizes:
            done = self.segments.append(self._batch)
            sizes = self._batch.sizes[:done]
            self._batch = self._batch.without_first(done)
            on_written(done, len(sizes) - sizes.count(0), sum(sizes))

    def note_outcome(self, error: Exception | None) -> bool:
        """Take note of how a write ended.

        Args:
            error: What it raised, or None.

        Returns:
            Whether it worked again after it had failed.
        """
        recovered = self.error is not None and error is None
        self.error = error
        if error is None:
            self._retry_secs = _FIRST_RETRY
        else:
            self.failures += 1
            self._retry_at = time.monotonic() + self._retry_secs
            self._retry_secs = min(self._retry_secs * 2, _LAST_RETRY)
        return recovered

    def give_up(self) -> None:
        """Forget the records that are left. Not while a thread writes."""
        self._batch = Batch()
        self.segments.abandon()
