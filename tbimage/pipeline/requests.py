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
    """A request of a caller: "write", "flush", "close", "give up", or "room" (memory) for its work.

    ``answered`` is the state; the bell only wakes the caller. The caller sends a request again that
    the owner has not ``seen``, since the message may be lost.
    """

    what: str
    deadline: float | None = None  # on the monotonic clock
    work: Work | None = None
    seen: bool = False
    answered: bool = False
    result: bool = False
    bell: Bell = field(default_factory=Bell)
    mark: int = 0  # how many tickets must have been taken in
    #: From then on, of each lane: how many must be done, and had failed, and were given up.
    targets: list[tuple[Lane, int, int, int]] = field(default_factory=list)

    def answer(self, result: bool) -> None:
        """Give the caller its answer."""
        self.result, self.answered = result, True
        self.bell.ring()
