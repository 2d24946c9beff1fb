"""``tbimage tail``: print the last values, and with -f also new values."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from tbimage.cli.items import as_json, as_text, local_time
from tbimage.cli.output import add_choice, chooser, print_json, printable
from tbimage.cli.progress import progress

if TYPE_CHECKING:
    from tbimage.reading.logs import Logged

__all__ = ["add_to", "run"]

_DESCRIPTION = """\
Print the last values: wall time, run, tag, step, value. With -f, the command then waits for new
values (also of new runs) and prints them, until Ctrl-C.
"""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "tail", help="print the newest values, and wait for more", description=_DESCRIPTION
    )
    parser.add_argument("logdir", metavar="LOGDIR", help="a directory, or an event file")
    parser.add_argument(
        "-n", dest="count", type=int, default=10, metavar="N", help="how many values"
    )
    parser.add_argument("-f", "--follow", action="store_true", help="also print new values")
    add_choice(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object for each value")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the last values; with -f, also print new values when they are logged."""
    from tbimage.reading.logs import read

    # The directory may have no run yet; ``open_logs`` would raise an error.
    logs = read(arguments.logdir, progress=lambda files: progress(files, "files"))
    wanted = chooser(arguments)
    found = [each for each in logs.last(max(arguments.count, 0)) if wanted(each.run, each.tag)]
    for logged in found[len(found) - min(max(arguments.count, 0), len(found)) :]:
        _print(logged, arguments.json)
    sys.stdout.flush()
    if not arguments.follow:
        return 0
    for logged in logs.follow():
        if wanted(logged.run, logged.tag):
            _print(logged, arguments.json)
            sys.stdout.flush()
    return 0


def _print(logged: Logged, as_object: bool) -> None:
    try:
        value = logged.value
        if as_object:
            about = {"run": logged.run, "tag": logged.tag, "kind": logged.kind}
            when = {"step": logged.step, "wall_time": logged.wall_time}
            print_json({**about, **when, **as_json(logged.kind, value)})
            return
        text = as_text(logged.kind, value)
    except ValueError as error:  # the value is damaged, or cannot be decoded
        print(f"tbimage: {printable(error)}", file=sys.stderr)
        return
    cells = local_time(logged.wall_time), logged.run, logged.tag, logged.step, text
    print("\t".join(map(printable, cells)))
