"""Requests of callers to the owner, and the options of a pipeline."""

from __future__ import annotations

from dataclasses import dataclass, field

from tbimage.events.tickets import Work
from tbimage.pipeline.lane import Lane
from tbimage.workers import Bell


@dataclass(frozen=True)
class PipelineOptions:
    """The options of a pipeline; ``SummaryWriter`` documents them."""

    max_pending_bytes: int = 256 << 20
    on_full: str = "block"
    block_timeout: float | None = None
    flush_secs: float = 0.1
    workers: int = 1
    on_error: str = "raise"
    close_timeout: float = 30.0


@dataclass(eq=False)
class Request:
    """A request: "write", "flush", "close", "give up" or "room" (memory for ``work``).

    The bell only wakes the caller, which then checks ``answered``. Messages can be lost, so the
    caller repeats its request until it has an answer. The owner ignores requests that it has seen.
    """

    what: str
    deadline: float | None = None  # on the monotonic clock
    work: Work | None = None
    sender: object = None  # stays in memory until the answer, so that the exit waits for it
    seen: bool = False
    answered: bool = False
    result: bool = False
    bell: Bell = field(default_factory=Bell)
    mark: int = 0  # how many tickets must be received before the answer
    given_up: int = 0  # how many tickets a close had dropped before this request was received
    #: Set after ``mark`` tickets were received. For each lane: the lane; how many summaries must be
    #: done; how many failed commits to ignore.
    targets: list[tuple[Lane, int, int]] = field(default_factory=list)

    def answer(self, result: bool) -> None:
        """Give the caller its answer."""
        self.result, self.answered = result, True
        self.bell.ring()
