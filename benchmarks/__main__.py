"""Benchmarks of tbimage against its peers.

    pip install -e '.[test]' imagecodecs opencv-python-headless   # all contestants
    python -m benchmarks                       # everything: about ten minutes on two cores
    python -m benchmarks --quick               # everything, roughly: a minute and a half
    python -m benchmarks --peers torch         # tbimage and this peer; --peers alone: no peer
    python -m benchmarks --only photos caller  # these sections

prints a report, and writes it to RESULTS.md with a plot beside it, in this directory or in that of
``--output``; with ``--only`` it is written only where ``--output`` says. Exit status 1 tells that a
process failed or that pixels differ; the report tells which. ``python -m benchmarks.load`` writes
the part on a service under load.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import document, machine, plot, report
from benchmarks.contestants import CONTESTANTS, OWN, installed
from benchmarks.results import Results
from benchmarks.runner import run
from benchmarks.sections import SECTIONS, libz
from benchmarks.sizes import FULL, QUICK, Sizes

__all__ = ["main"]

_PEERS = [name for name in CONTESTANTS if name not in OWN]


def main(arguments: Sequence[str] | None = None, sizes: Sizes | None = None) -> int:
    """Measure, print and write.

    Args:
        arguments: The arguments of the command line; None: those of this process.
        sizes: The sizes, instead of those of a full or a quick run.

    Returns:
        0, or 1 when something failed or differs.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = _parse(given)
    if options.libz is not None:
        os.environ[libz.PATH] = os.fspath(options.libz.resolve(strict=True))
    chosen = sizes or (QUICK if options.quick else FULL)
    contestants = [name for name in (*OWN, *options.peers) if installed(name)]
    load, started = machine.load_average(), time.monotonic()
    sections = options.only or SECTIONS
    results = run(sections, contestants, chosen)
    about = report.About(
        command=shlex.join(["python", "-m", "benchmarks", *given]),
        machine=machine.facts(),
        versions=f"{machine.versions(contestants)}. {machine.zlib()}",
        load=load,
        secs=time.monotonic() - started,
        quick=options.quick,
    )
    directory = options.output or (None if options.only else document.DIRECTORY)
    print(_written(results, about, sections, directory))
    return 1 if results.faults else 0


def _written(
    results: Results, about: report.About, sections: Sequence[str], directory: Path | None
) -> str:
    """Return the report, and write it if there is a directory for it."""
    if directory is None:
        return report.compose(results, about, sections, has_plot=False)
    directory.mkdir(parents=True, exist_ok=True)
    has_plot = plot.draw(results, directory / report.PLOT)
    text = report.compose(results, about, sections, has_plot)
    document.write_part(directory, "benchmarks", text)
    return text


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    description, _, epilog = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument(
        "--peers", nargs="*", choices=_PEERS, default=_PEERS, metavar="PEER",
        help=f"who else takes part; default: what is installed of {', '.join(_PEERS)}",
    )  # fmt: skip
    parser.add_argument(
        "--only", nargs="+", choices=SECTIONS, metavar="SECTION",
        help=f"what to measure; default: all of {', '.join(SECTIONS)}",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path, metavar="DIRECTORY",
        help=f"where RESULTS.md and the plot go; default: {document.DIRECTORY}",
    )  # fmt: skip
    parser.add_argument(
        "--libz", type=Path, metavar="PATH",
        help="a libz.so.1 to measure photographs with once more, for example one of zlib-ng",
    )  # fmt: skip
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
