"""``tbimage compact``: copy each run to one event file; optionally drop values and rename tags."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from tbimage.cli.output import print_json, printable, tell_damage
from tbimage.cli.progress import progress

if TYPE_CHECKING:
    from tbimage.reading.compact import Engine

__all__ = ["add_to", "run"]

ENGINES = ("local", "dask", "ray")

_DESCRIPTION = """\
Copy runs to a new log directory, each to one event file. Values that a restart has replaced are
left out, because TensorBoard no longer shows them. SRC is not changed. Repeat the command to copy
new values: runs that have not changed are not copied again.
"""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "compact", help="copy runs to one file each", description=_DESCRIPTION
    )
    parser.add_argument("source", metavar="SRC", help="a log directory")
    parser.add_argument(
        "target", metavar="DST", help="the new directory: missing, empty, or an earlier copy"
    )
    parser.add_argument("--runs", metavar="GLOB", default="*", help="only runs that match")
    parser.add_argument(
        "--keep-images",
        type=int,
        metavar="N",
        help="keep N pictures or sounds of each tag, evenly spread",
    )
    parser.add_argument(
        "--every",
        type=int,
        default=1,
        metavar="N",
        help="keep the first of every N values, and the last value",
    )
    parser.add_argument(
        "--rename",
        action="append",
        type=_pair,
        default=[],
        metavar="OLD=NEW",
        help="rename a tag; OLD/=NEW/ renames all tags below OLD/",
    )
    parser.add_argument(
        "--drop", action="append", default=[], metavar="TAG", help="leave out tags that match"
    )
    parser.add_argument(
        "--engine", choices=ENGINES, default="local", help="the engine that copies runs in parallel"
    )
    parser.add_argument("--workers", type=int, metavar="N", help="the number of processes to start")
    parser.add_argument(
        "--address", metavar="ADDRESS", help="the address of a running Dask or Ray cluster"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def _pair(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise argparse.ArgumentTypeError(f"must be OLD=NEW, got {text!r}")
    return old, new


def _engine(
    name: str, workers: int | None, address: str | None
) -> AbstractContextManager[Engine[Any, Any]]:
    if workers is not None and workers < 1:
        raise ValueError(f"--workers must be at least 1, got {workers}")
    if name == "local":
        if address is not None:
            raise ValueError("--address needs --engine dask or --engine ray")
        from tbimage.reading.processes import processes

        return processes(workers or 1)
    if address is not None and workers is not None:
        raise ValueError("--workers starts new processes: leave out --workers or --address")
    if name == "dask":
        from tbimage.integrations.dask import dask_engine

        return dask_engine(address, workers)
    from tbimage.integrations.ray import ray_engine

    return ray_engine(address, workers)


def run(arguments: argparse.Namespace) -> int:
    """Copy the runs; return 1 if something cannot be read."""
    from tbimage.reading.compact import compact

    with _engine(arguments.engine, arguments.workers, arguments.address) as engine:
        done = compact(
            arguments.source,
            arguments.target,
            runs=arguments.runs,
            keep_images=arguments.keep_images,
            every=arguments.every,
            rename=dict(arguments.rename),
            drop=arguments.drop,
            engine=engine,
            progress=lambda runs: progress(runs, "runs"),
        )
    code = tell_damage(done.lost)
    counts = {name: getattr(done, name) for name in ("runs", "unchanged", "values", "left_out")}
    if arguments.json:
        print_json(counts)
    else:
        print(
            f"{done.runs} runs with {done.values} values written to {printable(arguments.target)}, "
            f"{done.left_out} values left out, {done.unchanged} runs unchanged"
        )
    return code
