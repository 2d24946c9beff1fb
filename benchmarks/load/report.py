"""The report as Markdown: the results, the targets, and a table."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from benchmarks.contestants import TBIMAGE
from benchmarks.load.logs import NONE
from benchmarks.load.results import Figures, Results, median, ratio
from benchmarks.load.runner import OVERLOAD
from benchmarks.tables import NOTHING, amount, milliseconds, significant, table

__all__ = ["About", "compose"]

#: How much more than without logging a request may take, at these percentiles.
TARGETS = ((50, 0.03), (99, 0.10))


@dataclass(frozen=True)
class About:
    """The facts of a run.

    Attributes:
        command: The command line.
        machine: Processor, memory, system.
        versions: Of everything that took part.
        load: The load average before it began.
        secs: Its duration in seconds.
        real_time: Whether the service was served before all else.
    """

    command: str
    machine: str
    versions: str
    load: str
    secs: float
    real_time: bool


def compose(results: Results, about: About) -> str:
    """Write the report."""
    parts = ["## A service under load", _head(results, about), f"```sh\n{about.command}\n```"]
    parts.append(f"{about.machine}. {about.versions}.")
    if results.faults:
        parts.append(
            "**Not all went well.**\n\n" + "\n".join(f"- {each}" for each in results.faults)
        )
    else:
        parts.append(
            "Nothing went wrong: every answered request was logged, every picture that tbimage "
            "counted as written was in its event files, every checksum was right, and every "
            "service ended upon SIGTERM."
        )
    parts += [
        "### To reach",
        _targets(results),
        "### What was measured",
        _table(results),
        _legend(),
    ]
    return "\n\n".join(parts) + "\n"


def _head(results: Results, about: About) -> str:
    rates = [rate for rates in results.rates.values() for rate in rates]
    others = statistics.median(results.others) if results.others else 0.0
    first = (
        "they could not take them from the service, which had real-time priority (`--real-time`)"
        if about.real_time
        else "the service had to share"
    )
    return (
        "The service of [examples/inference_service](../examples/inference_service/README.md) is "
        "sent a photograph of 512 × 512 pixels (JPEG) with each request, finds the edges in it, "
        "and logs the photograph. Requests by the clock came at "
        f"{min(rates):.0f} to {max(rates):.0f} a second, which uses half of one processor without "
        f"logging. Others used {others:.0%} of all processors meanwhile: {first}. "
        f"{about.secs:.0f} seconds; the load average was {about.load} before it began. Made by"
    )


def _targets(results: Results) -> str:
    lines = []
    for workers in results.workers():
        base, own = results.of(workers, NONE), results.of(workers, TBIMAGE)
        for percent, limit in TARGETS:
            change = _change(own, base, percent)
            reached = NOTHING if change is None else f"{_mark(change <= limit)} {change:+.1%}"
            figure = f"p{percent} against no logging, workers {workers}"
            lines.append([figure, f"≤ {limit:+.0%}", reached])
        if own.overload is not None:
            failures = own.overload.failures
            figure = f"failed requests at {OVERLOAD} times its capacity, workers {workers}"
            lines.append([figure, "0", f"{_mark(failures == 0)} {failures}"])
    return table(["figure", "target", "reached"], lines)


def _mark(reached: bool) -> str:
    return "✓" if reached else "✗"


def _change(own: Figures, base: Figures, percent: float) -> float | None:
    times = ratio(own.time(percent), base.time(percent))
    return None if times is None else times - 1


def _table(results: Results) -> str:
    head = [
        "workers, log", "requests", "p50, ms", "", "p99, ms", "", "CPU, ms", "requests/s",
        "failed", f"failed at {OVERLOAD}×", "of", "dropped", "pictures",
    ]  # fmt: skip
    lines = [
        _line(workers, contestant, figures, results.of(workers, NONE))
        for (workers, contestant), figures in results.figures.items()
    ]
    return table(head, lines)


def _line(workers: int, contestant: str, figures: Figures, base: Figures) -> list[str]:
    cells = [f"{workers}, {contestant}", amount(figures.requests())]
    for percent, _ in TARGETS:
        change = _change(figures, base, percent)
        shown = NOTHING if change is None or figures is base else f"{change:+.1%}"
        cells += [milliseconds(figures.time(percent)), shown]
    cells += [milliseconds(median(figures.cpu)), significant(median(figures.throughput))]
    cells.append(str(figures.failed))
    overload = figures.overload
    cells += [NOTHING] * 2 if overload is None else [str(overload.failures), str(overload.requests)]
    dropped = amount(figures.dropped) if contestant == TBIMAGE else NOTHING
    return [*cells, dropped, amount(figures.pictures)]


def _legend() -> str:
    return (
        "By the clock: requests, the medians of the turns' p50 and p99, what these are against "
        "no logging, and the time that the processors spent on a request, logging included; where "
        "that times the rate is more than there are processors, requests wait in line. As fast as "
        "answers come: requests a second, eight at a time. Failed: requests that got another "
        f"answer than 200, or none in time; at {OVERLOAD}×: of so many that all came at "
        f"{OVERLOAD} times the rate that the service without logging can do. Dropped: pictures "
        "that tbimage refused and counted, as there was no room for more. Pictures: found in the "
        "event files."
    )
