"""``tbimage gallery``: write logs to one HTML file, which needs neither a server nor a network."""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import asdict

from tbimage.cli.output import open_logs, print_json, printable, tell_damage
from tbimage.cli.progress import progress

__all__ = ["add_to", "run"]

_DESCRIPTION = """\
Write one HTML file that shows logs: charts of scalars, pictures (with a slider for the step, and a
comparison of pixels), histograms, texts, sounds and hyperparameters. Any browser can show the file.
"""

# The command prints at most this number of problems. The page shows each in place of its value.
_MOST_TOLD = 20

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "gallery", help="make a page to look at and to share", description=_DESCRIPTION
    )
    parser.add_argument("logdir", metavar="LOGDIR", help="a directory, or an event file")
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="the HTML file")
    parser.add_argument("--title", help="the headline (default: the name of LOGDIR)")
    parser.add_argument(
        "--max-bytes",
        type=_bytes,
        default=50_000_000,
        metavar="N",
        help="the largest size of the file, such as 50M or 800k (default: 50M); if not all values "
        "of a tag fit, the page has a part of the values, evenly spread, and says so",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def _bytes(text: str) -> int:
    found = re.fullmatch(r"([0-9]+)([kmg]?)b?", text, re.ASCII | re.IGNORECASE)
    if not found:
        raise argparse.ArgumentTypeError(f"must be a number of bytes, such as 50M, got {text!r}")
    return int(found[1]) * _UNITS[found[2].lower()]


def run(arguments: argparse.Namespace) -> int:
    """Write the page; return 1 if something cannot be read."""
    from tbimage.reading.gallery import gallery

    logs = open_logs(arguments.logdir)
    code = tell_damage(logs.damage)
    page = gallery(
        logs,
        arguments.output,
        title=arguments.title,
        max_bytes=arguments.max_bytes,
        progress=lambda parts: progress(parts, "parts"),
    )
    for problem in page.problems[:_MOST_TOLD]:
        print(f"tbimage: {printable(problem)}", file=sys.stderr)
    if len(page.problems) > _MOST_TOLD:
        print(f"tbimage: and {len(page.problems) - _MOST_TOLD} more problems", file=sys.stderr)
    if arguments.json:
        print_json(asdict(page))
    else:
        sampled = [
            f"{shown} of {count} values of kind {kind}"
            for kind, (shown, count) in page.shown.items()
            if shown < count
        ]
        rest = f", with {', '.join(sampled)}, chosen evenly" if sampled else ""
        size = f"{page.bytes / 1e6:.1f} MB"
        runs = f"{page.runs} run" + ("" if page.runs == 1 else "s")
        print(f"{printable(page.path)}: {runs}, {size}{rest}")
    return 1 if page.problems else code
