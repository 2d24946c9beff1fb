"""What callers ask of the owner, and under which options."""

from __future__ import annotations

from dataclasses import dataclass, field
from queue import SimpleQueue

from tbimage.events.tickets import Work
from tbimage.pipeline.lane import Lane


@dataclass(frozen=True)
class PipelineOptions:
    """How much a pipeline may hold, and what follows errors: see ``SummaryWriter``."""

    max_pending_bytes: int = 256 << 20
    on_full: str = "block"
    block_timeout: float | None = None
    flush_secs: float = 0.1
    workers: int = 1
    on_error: str = "raise"
    close_timeout: float = 30.0


@dataclass(eq=False)
class Request:
    """What a caller asks for: "write", "flush", "close", "give up", or "room" for its work.

    ``answered`` is the state; the gate only wakes the caller. A request that is lost on its way was
    not ``seen``, and is sent again by the caller.
    """

    what: str
    deadline: float | None = None  # on the monotonic clock
    work: Work | None = None
    seen: bool = False
    answered: bool = False
    result: bool = False
    gate: SimpleQueue[None] = field(default_factory=SimpleQueue)
    mark: int = 0  # how many tickets must have been taken in
    #: From then on, of each lane: how many must be done, and had failed, and were given up.
    targets: list[tuple[Lane, int, int, int]] = field(default_factory=list)

    def answer(self, result: bool) -> None:
        """Give the caller its answer."""
        self.result, self.answered = result, True
        self.gate.put(None)
