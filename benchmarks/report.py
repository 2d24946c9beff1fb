"""The report as Markdown: the machine, the targets, and a table for each section."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import targets
from benchmarks.results import Results
from benchmarks.sections import section
from benchmarks.tables import amount

__all__ = ["HEADINGS", "PLOT", "About", "compose"]

#: The plot's file, beside the report.
PLOT = "results.png"

HEADINGS = {
    "photos": "Photographs and batches, end to end",
    "libz": "The same with another zlib",
    "cores": "Two cores against one",
    "encoders": "Encoders alone",
    "drawings": "Drawings",
    "caller": "What a caller waits",
    "memory": "Peak memory",
    "start": "Import and first image",
    "scalars": "Scalars",
    "images": "More and more images",
    "marginal": "The last against the first",
    "reading": "Reading logs back",
}


@dataclass(frozen=True)
class About:
    """The facts of a run.

    Attributes:
        command: The command line.
        machine: See ``machine.facts``.
        versions: See ``machine.versions``.
        load: The load average before it began.
        secs: Its duration in seconds.
        quick: Whether it was a quick one.
    """

    command: str
    machine: str
    versions: str
    load: str
    secs: float
    quick: bool


def compose(results: Results, about: About, names: Sequence[str], has_plot: bool) -> str:
    """Write the report.

    Args:
        results: The measured values.
        about: The facts of the run.
        names: The sections that were measured.
        has_plot: Whether there is a plot to show.
    """
    parts = ["## Event files and encoders", _head(about), f"```sh\n{about.command}\n```"]
    parts.append(f"{about.machine}. {about.versions}.")
    parts.append(_pixels(results))
    parts += ["### To reach", targets.report(results), _legend()]
    if has_plot:
        parts.append(f"![Time of each contestant, and how it grows]({PLOT})")
    parts.append("### What was measured")
    for name in names:
        if results.cases(name):
            parts += [f"#### {HEADINGS[name]}", section(name).report(results)]
    return "\n\n".join(parts) + "\n"


def _head(about: About) -> str:
    kind = "A quick run, whose figures are rough" if about.quick else "A full run"
    return (
        f"{kind}: {about.secs:.0f} seconds; the load average was {about.load} before it began. "
        "Every figure is the median of fresh processes, in which the contestants took turns; "
        "ratios are ratios of medians. Made by"
    )


def _pixels(results: Results) -> str:
    counts = ", ".join(f"{name} {amount(count)}" for name, count in results.compared.items())
    if results.faults:
        faults = "\n".join(f"- {fault}" for fault in dict.fromkeys(results.faults))
        return (
            f"**Not all went well.** Pictures read back and equal: {counts or 'none'}.\n\n{faults}"
        )
    if not counts:
        return "No event file with pictures was kept to be compared."
    return (
        "**All pixels are equal.** Event files of this run were read back, every checksum checked, "
        f"every picture decoded by Pillow and compared: {counts}."
    )


def _legend() -> str:
    return (
        "✓ reached, ✗ not reached, – not measured in this run. Rows that sum up several columns or "
        "pictures give the geometric mean and, in brackets, the least and the greatest."
    )
