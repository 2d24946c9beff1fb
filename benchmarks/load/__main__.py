"""A load test of a service that logs every request's input.

    python -m benchmarks.load                    # 1 and 4 worker processes: six minutes
    python -m benchmarks.load --quick            # 1 worker process, roughly: 45 seconds
    python -m benchmarks.load --real-time        # on a machine with other users; Linux, root

prints a report, and writes it as its part of RESULTS.md, in benchmarks/ or in the directory of
``--output``. Only the loopback interface is used. Exit status 1 says that something went wrong; the
report says what.
"""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import document, machine
from benchmarks.contestants import TBIMAGE, installed
from benchmarks.load import report
from benchmarks.load.logs import NONE, PEERS
from benchmarks.load.runner import FULL, QUICK, Sizes, run

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None, sizes: Sizes | None = None) -> int:
    """Measure, print and write.

    Args:
        arguments: The arguments of the command line; None: those of this process.
        sizes: The sizes, instead of those of a full or a quick run.

    Returns:
        0, or 1 when something went wrong.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = _parse(given)
    chosen = sizes or (QUICK if options.quick else FULL)
    chosen = dataclasses.replace(chosen, real_time=options.real_time)
    peers = [name for name in options.peers if installed(name)]
    load, started = machine.load_average(), time.monotonic()
    results = run([NONE, TBIMAGE, *peers], chosen)
    about = report.About(
        command=shlex.join(["python", "-m", "benchmarks.load", *given]),
        machine=machine.facts(),
        versions=machine.versions([TBIMAGE, *peers]),
        load=load,
        secs=time.monotonic() - started,
        real_time=options.real_time,
    )
    text = report.compose(results, about)
    document.write_part(options.output, "benchmarks.load", text)
    print(text)
    return 1 if results.faults else 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    description, _, epilog = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument(
        "--real-time", action="store_true", help="by the clock, before all else on this machine"
    )
    parser.add_argument(
        "--peers", nargs="*", choices=PEERS, default=PEERS, metavar="PEER",
        help=f"who else takes part; default: what is installed of {', '.join(PEERS)}",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path, default=document.DIRECTORY, metavar="DIRECTORY",
        help="where RESULTS.md is; default: %(default)s",
    )  # fmt: skip
    return parser.parse_args(arguments)


if __name__ == "__main__":
    # The processes that it has started end with it, also after SIGTERM.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
