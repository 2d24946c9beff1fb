"""``tbimage diff``: the differences between two runs, or two log directories."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from tbimage.cli.output import open_logs, print_json, printable, tell_damage
from tbimage.cli.progress import progress

if TYPE_CHECKING:
    from tbimage.reading.logs import Logs
    from tbimage.reading.runs import Run

__all__ = ["add_to", "run"]

_DESCRIPTION = """\
Compare two runs: tags, steps, values, and the pixels of pictures. If A and B have one run each,
these two runs are compared. Otherwise the runs with the same names are compared. The exit code is 1
if there are differences.
"""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("diff", help="compare two runs", description=_DESCRIPTION)
    parser.add_argument("first", metavar="A", help="a run, a log directory, or an event file")
    parser.add_argument("second", metavar="B", help="another run, log directory or event file")
    parser.add_argument(
        "--tolerance", type=float, default=0.0, metavar="T",
        help="the allowed difference of numbers, as a fraction of the number in B (default: 0)",
    )  # fmt: skip
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object for each difference"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the differences; return 1 if there are differences."""
    from tbimage.reading.diff import diff

    first, second = open_logs(arguments.first), open_logs(arguments.second)
    code = tell_damage([*first.damage, *second.damage])
    for name, ours, theirs in _pairs(first, second):
        if ours is None or theirs is None:
            code = 1
            there = arguments.first if ours is not None else arguments.second
            _print(name, {"what": "run", "tag": "", "detail": f"only in {there}"}, arguments.json)
            continue
        found = diff(
            ours,
            theirs,
            tolerance=arguments.tolerance,
            progress=lambda tags: progress(tags, "tags"),
        )
        for difference in found:
            code = 1
            _print(name, asdict(difference), arguments.json)
    return code


def _pairs(first: Logs, second: Logs) -> Iterator[tuple[str, Run | None, Run | None]]:
    if len(first) == len(second) == 1:
        yield "", next(iter(first.values())), next(iter(second.values()))
        return
    for name in sorted({*first, *second}):
        yield name, first.get(name), second.get(name)


def _print(run: str, difference: dict[str, str], as_object: bool) -> None:
    if as_object:
        print_json({"run": run, **difference})
        return
    where = [each for each in (run, difference["tag"]) if each]
    print(printable(": ".join([*where, difference["detail"]])))
