"""The measured values: one ``Figures`` for each number of worker processes and each contestant."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from benchmarks.load.client import Outcome
from benchmarks.results import percentile

__all__ = ["Figures", "Results", "median", "ratio"]


@dataclass
class Figures:
    """Of one contestant, with one number of worker processes.

    Attributes:
        turns: The turns by the clock, of all repeats, each the seconds of its requests.
        cpu: For each repeat the processors' seconds for a request by the clock.
        throughput: For each repeat the requests a second, as fast as answers came.
        failed: Requests that failed without an overload.
        overload: What became of those in the overload; None where there was none.
        dropped: How many pictures the log refused for want of room.
        pictures: How many pictures were found in the event files.
    """

    turns: list[list[float]] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    throughput: list[float] = field(default_factory=list)
    failed: int = 0
    overload: Outcome | None = None
    dropped: int = 0
    pictures: int = 0

    def requests(self) -> int:
        """How many answers by the clock there were."""
        return sum(map(len, self.turns))

    def time(self, percent: float) -> float | None:
        """A percentile of each turn by the clock, and the median of the turns."""
        return median([percentile(turn, percent) for turn in self.turns if turn])


@dataclass
class Results:
    """Of one run.

    Attributes:
        figures: By number of worker processes and contestant.
        rates: Requests a second by the clock, of each repeat, by number of worker processes.
        others: What part of all processors others used, in each turn by the clock.
        faults: What went wrong.
    """

    figures: dict[tuple[int, str], Figures] = field(default_factory=dict)
    rates: dict[int, list[float]] = field(default_factory=dict)
    others: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def of(self, workers: int, contestant: str) -> Figures:
        """Give the figures of a contestant."""
        return self.figures.setdefault((workers, contestant), Figures())

    def workers(self) -> list[int]:
        """The numbers of worker processes."""
        return list(dict.fromkeys(workers for workers, _ in self.figures))


def median(values: list[float]) -> float | None:
    """Return the median, or None if there are no values."""
    return statistics.median(values) if values else None


def ratio(above: float | None, below: float | None) -> float | None:
    """Return a ratio, if both numbers are known."""
    return above / below if above is not None and below else None
