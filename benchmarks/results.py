"""The measured values: a list for each figure of each contestant.

Rules:
- A value is one observation in one process. The report gives medians, and ratios of medians.
- Values are in seconds and bytes. Only the reports convert them to milliseconds and MiB.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["Metrics", "Results", "Task", "geometric_mean", "percentile"]

#: The values of one case of one contestant: name of the figure → its observations.
Metrics = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Task:
    """A task for one fresh process.

    Attributes:
        section: The module of ``benchmarks.sections`` that measures.
        contestant: The name of one of ``contestants.CONTESTANTS``.
        cases: The cases to measure, one after the other: sizes of pictures, counts of events.
        arguments: More arguments of the section.
        cpus: How many processors the process may use; None: all.
        environment: What it finds in the environment besides.
    """

    section: str
    contestant: str
    cases: Sequence[str]
    arguments: Mapping[str, float] = field(default_factory=dict)
    cpus: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


class Results:
    """Everything that one run of the benchmarks measured.

    Attributes:
        faults: Errors for the report: a failed process, a picture that differs.
        compared: How many pictures were read back and compared, by contestant.
    """

    def __init__(self) -> None:
        self._values: dict[tuple[str, str, str, str], list[float]] = defaultdict(list)
        self.faults: list[str] = []
        self.compared: dict[str, int] = defaultdict(int)

    def add(self, section: str, contestant: str, case: str, metrics: Metrics) -> None:
        """Add the values of one process."""
        for figure, values in metrics.items():
            self._values[section, contestant, case, figure] += values

    def values(self, section: str, contestant: str, case: str, figure: str) -> list[float]:
        """Return every observation of one figure; none if it was not measured."""
        return self._values.get((section, contestant, case, figure), [])

    def median(self, section: str, contestant: str, case: str, figure: str) -> float | None:
        """The median of one figure, or None where it was not measured."""
        values = self.values(section, contestant, case, figure)
        return statistics.median(values) if values else None

    def ratio(
        self, section: str, figure: str, case: str, contestant: str, other: str
    ) -> float | None:
        """Return the ratio of the medians of two contestants."""
        above = self.median(section, contestant, case, figure)
        below = self.median(section, other, case, figure)
        return above / below if above is not None and below else None

    def contestants(self, section: str) -> list[str]:
        """Return the contestants of a section, in the order of the first results."""
        return list(dict.fromkeys(key[1] for key in self._values if key[0] == section))

    def cases(self, section: str) -> list[str]:
        """The cases of a section, in the order of the first results."""
        return list(dict.fromkeys(key[2] for key in self._values if key[0] == section))

    def figures(self, section: str) -> list[str]:
        """The names of a section's figures, in the order of the first results."""
        return list(dict.fromkeys(key[3] for key in self._values if key[0] == section))


def geometric_mean(values: Iterable[float]) -> float:
    """Return the geometric mean, which is the mean for ratios."""
    return math.exp(statistics.fmean(map(math.log, values)))


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the least value that so many percent of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
