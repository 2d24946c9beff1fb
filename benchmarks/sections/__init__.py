"""What is measured, one thing to a file: a new figure is a new file and a line in ``SECTIONS``.

Each module has three functions, which ``Section`` documents. The first and the last are called in
the process of ``python -m benchmarks``, the other one in a fresh process for each task.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from benchmarks.results import Metrics, Results, Task
from benchmarks.sizes import Sizes

__all__ = ["SECTIONS", "Section", "section"]

#: In the order of the report.
SECTIONS = (
    "photos",
    "libz",
    "cores",
    "encoders",
    "drawings",
    "caller",
    "memory",
    "start",
    "scalars",
    "images",
    "marginal",
    "reading",
)


class Section(Protocol):
    """The functions of a module in this package."""

    def tasks(self, sizes: Sizes, contestants: Sequence[str]) -> Iterable[Task]:
        """List the tasks of one repeat; compared contestants are next to each other."""

    def measure(self, task: Task, directory: Path) -> Mapping[str, Metrics]:
        """Measure the cases of a task.

        Args:
            task: One of ``tasks``.
            directory: Holds the columns' pixels (``columns.load``). What is left in its
                subdirectory ``kept/<column>`` is read back and compared with that column.

        Returns:
            The figures of each case.
        """

    def report(self, results: Results) -> str:
        """Report the section as Markdown, below a heading of the fourth level."""


def section(name: str) -> Section:
    """Import one of ``SECTIONS``."""
    return cast("Section", import_module(f"benchmarks.sections.{name}"))
