"""``tbimage lint``: find faults in event files, and values that TensorBoard does not show."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from tbimage.cli.output import open_logs, print_json, printable
from tbimage.cli.progress import progress

__all__ = ["add_to", "run"]

_DESCRIPTION = """\
Read all records of log directories or event files. Report damage, steps that go back, tags of two
kinds, missing metadata, and values that TensorBoard does not show. The reason is printed for each
finding. The exit code is 1 if there are findings.
"""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("lint", help="find faults in logs", description=_DESCRIPTION)
    parser.add_argument(
        "paths", metavar="LOGDIR|FILE", nargs="+", help="a log directory, or an event file"
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object for each finding"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; return 1 if there are findings."""
    from tbimage.reading.lint import CODES, lint

    code = 0
    for path in arguments.paths:
        for finding in lint(open_logs(path), progress=lambda files: progress(files, "files")):
            code = 1
            if arguments.json:
                about = {"severity": finding.severity, "meaning": CODES[finding.code]}
                print_json({**asdict(finding), **about})
            else:
                print(f"{finding.severity}: {finding.code}: {printable(finding)}")
    return code
