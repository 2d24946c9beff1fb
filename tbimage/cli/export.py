"""``tbimage export``: write scalars to one table, and all other values to files."""

from __future__ import annotations

import argparse
import sys

from tbimage.cli.output import add_choice, chooser, open_logs, print_json, printable, tell_damage
from tbimage.cli.progress import progress

__all__ = ["add_to", "run"]

_DESCRIPTION = """\
Write all scalars to one table (run, tag, step, wall_time, value). Write texts, histograms and
hyperparameters to JSON Lines. Write pictures, sounds and tensors to files. If you sort these files
by name, they are sorted by step. All files are inside DIR, even if a tag contains '..'.
"""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("export", help="write logs to files", description=_DESCRIPTION)
    parser.add_argument("logdir", metavar="LOGDIR", help="a directory, or an event file")
    parser.add_argument(
        "--out", metavar="DIR", required=True, help="the directory, which must be missing or empty"
    )
    parser.add_argument(
        "--format", choices=("csv", "jsonl", "parquet"), default="csv", help="default: csv"
    )
    add_choice(parser)
    parser.add_argument(
        "--raw", action="store_true", help="also the old values that a restart has replaced"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the files; return 1 if something cannot be read."""
    from tbimage.reading.export import export

    logs = open_logs(arguments.logdir)
    code = tell_damage(logs.damage)
    done = export(
        logs,
        arguments.out,
        format=arguments.format,
        choose=chooser(arguments),
        raw=arguments.raw,
        progress=lambda runs: progress(runs, "runs"),
    )
    for problem in done.problems:
        print(f"tbimage: {printable(problem)}", file=sys.stderr)
    if arguments.json:
        print_json({"files": done.files, "rows": done.rows, "problems": done.problems})
    else:
        print(f"{done.files} files, {done.rows} rows written to {printable(arguments.out)}")
    return 1 if done.problems else code
