"""``tbimage repair``: copy the undamaged records of an event file to a new file."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict

from tbimage.cli.output import print_json, printable

__all__ = ["add_to", "run"]

_DESCRIPTION = """\
Copy all undamaged records of an event file to a new file, and list what is lost. The original is
not changed. The exit code is 1 if something is lost.
"""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "repair", help="copy the undamaged records of a file", description=_DESCRIPTION
    )
    parser.add_argument("file", metavar="FILE", help="the damaged event file")
    parser.add_argument("--output", metavar="FILE", required=True, help="the new file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Repair; return 1 if something is lost."""
    from tbimage.events.names import is_event_file
    from tbimage.reading.repair import repair

    done = repair(arguments.file, arguments.output)
    for lost in done.lost:
        print(f"tbimage: lost: {printable(lost)}", file=sys.stderr)
    if not is_event_file(os.path.basename(arguments.output)):
        print(
            "tbimage: TensorBoard reads only files with 'tfevents' in their names", file=sys.stderr
        )
    if arguments.json:
        lost_parts = [asdict(each) for each in done.lost]
        print_json({"kept": done.kept, "kept_bytes": done.kept_bytes, "lost": lost_parts})
    else:
        print(
            f"{done.kept} records copied to {printable(arguments.output)}, "
            f"{len(done.lost)} damaged parts left out"
        )
    return 1 if done.lost else 0
