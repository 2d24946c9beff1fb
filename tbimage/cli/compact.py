"""``tbimage compact``: a log directory with one event file for each run, thinned or renamed."""

from __future__ import annotations

import argparse

from tbimage.cli.output import print_json, printable, tell_damage
from tbimage.cli.progress import progress

__all__ = ["add_to", "run"]

_DESCRIPTION = """\
Copy runs to a new log directory, each to one event file. What a restart has replaced, and
TensorBoard no longer shows, is left out. SRC is not changed.
"""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "compact", help="copy runs to one file each", description=_DESCRIPTION
    )
    parser.add_argument("source", metavar="SRC", help="a log directory")
    parser.add_argument("target", metavar="DST", help="the new one; missing, or empty")
    parser.add_argument("--runs", metavar="GLOB", default="*", help="only runs that match")
    parser.add_argument(
        "--keep-images", type=int, metavar="N", help="pictures and sounds of each tag, evenly"
    )
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="the first of N values, and the last"
    )
    parser.add_argument(
        "--rename",
        action="append",
        type=_pair,
        default=[],
        metavar="OLD=NEW",
        help="rename a tag; OLD/=NEW/ renames all below it",
    )
    parser.add_argument(
        "--drop", action="append", default=[], metavar="TAG", help="leave out a tag, or a pattern"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def _pair(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise argparse.ArgumentTypeError(f"must be OLD=NEW, got {text!r}")
    return old, new


def run(arguments: argparse.Namespace) -> int:
    """Compact; return 1 where something could not be read."""
    from tbimage.reading.compact import compact

    done = compact(
        arguments.source,
        arguments.target,
        runs=arguments.runs,
        keep_images=arguments.keep_images,
        every=arguments.every,
        rename=dict(arguments.rename),
        drop=arguments.drop,
        progress=lambda runs: progress(runs, "runs"),
    )
    code = tell_damage(done.lost)
    counts = {"runs": done.runs, "values": done.values, "left_out": done.left_out}
    if arguments.json:
        print_json(counts)
    else:
        print(
            f"{done.runs} runs with {done.values} values written to {printable(arguments.target)}, "
            f"{done.left_out} values left out"
        )
    return code
