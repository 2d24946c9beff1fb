"""``tbimage cat``: print the values of a tag, write them to files, or show images."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tbimage.cli import terminal
from tbimage.cli.items import as_json, as_text, local_time
from tbimage.cli.output import matches, open_logs, print_json, printable, tell_damage

if TYPE_CHECKING:
    from tbimage.reading.logs import Logs
    from tbimage.reading.runs import Run

__all__ = ["add_to", "run"]

_DESCRIPTION = """\
Print the values of a tag. Each line has one value: run and tag (if there are several), step, wall
time, value. TAG may be a shell pattern.
"""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("cat", help="print the values of a tag", description=_DESCRIPTION)
    parser.add_argument("logdir", metavar="LOGDIR", help="a directory, or an event file")
    parser.add_argument("tags", metavar="TAG", help="the tag, or a pattern of tags")
    parser.add_argument("--run", dest="runs", metavar="GLOB", default="*", help="only these runs")
    parser.add_argument("--step", type=int, metavar="N", help="only this step")
    parser.add_argument(
        "--raw", action="store_true", help="also the old values that a restart has replaced"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="print one JSON object for each value")
    how.add_argument(
        "--out", metavar="DIR", help="write pictures, sounds and tensors to a new directory"
    )
    how.add_argument(
        "--show",
        nargs="?",
        choices=("auto", *terminal.PROTOCOLS),
        const="auto",
        help="show pictures on the terminal: with its image protocol, or as colored half-block "
        "characters",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print, write or show the values. Return 1 if a file is damaged or a value is unreadable."""
    logs = open_logs(arguments.logdir)
    chosen = list(_chosen(logs, arguments))
    if not chosen:
        known = sorted({tag for run in logs.values() for tag in run.tags})[:5]
        raise ValueError(f"no tag matches {arguments.tags!r}; some tags are {', '.join(known)}")
    code = tell_damage(logs.damage)
    if arguments.out is not None:
        return max(code, _write(logs, arguments))
    several = len({run.name for run, _ in chosen}) > 1
    for run, tag in chosen:
        kind = run.tags[tag].kind
        for value in _values(run, tag, kind, arguments):
            if isinstance(value, ValueError):
                print(f"tbimage: {printable(value)}", file=sys.stderr)
                code = 1
                continue
            where = ([run.name] if several else []) + ([tag] if len(chosen) > 1 else [])
            try:
                _print(where, run, tag, kind, value, arguments)
            except ValueError as error:  # an image cannot be decoded
                print(f"tbimage: {printable(error)}", file=sys.stderr)
                code = 1
    return code


def _chosen(logs: Logs, arguments: argparse.Namespace) -> Iterator[tuple[Run, str]]:
    for run in logs.values():
        if matches(run.name, arguments.runs):
            tags = [arguments.tags] if arguments.tags in run.tags else list(run.tags)
            yield from ((run, tag) for tag in tags if matches(tag, arguments.tags))


def _values(
    run: Run, tag: str, kind: str, arguments: argparse.Namespace
) -> Iterator[tuple[int, float, Any] | ValueError]:
    """Yield step, wall time and content of each value, or the error of an unreadable value."""
    if kind == "scalar":
        numbers = run.scalars(tag, raw=arguments.raw)
        columns = numbers.steps.tolist(), numbers.wall_times.tolist(), numbers.values.tolist()
        for point in zip(*columns, strict=True):
            if arguments.step in (None, point[0]):
                yield point
        return
    methods: dict[str, Any] = {
        "image": run.images,
        "histogram": run.histograms,
        "text": run.texts,
        "audio": run.audio,
        "tensor": run.tensors,
    }
    if kind not in methods:
        step = run.tags[tag].last_step
        if arguments.step in (None, step):
            yield step, 0.0, None
        return
    series: Any = methods[kind](tag, raw=arguments.raw)
    for at, step in enumerate(series.steps.tolist()):
        if arguments.step in (None, step):
            try:
                item = series[at]
                as_text(kind, item)  # reads an image, which may raise an error
                yield step, item.wall_time, item
            except ValueError as error:
                yield error


def _print(
    where: list[str],
    run: Run,
    tag: str,
    kind: str,
    point: tuple[int, float, Any],
    arguments: argparse.Namespace,
) -> None:
    step, wall_time, value = point
    if kind in ("hparams", "graph"):
        trial = run.hparams() if kind == "hparams" else None
        value = dict(trial.values) if trial else {}
    if arguments.json:
        about = {"run": run.name, "tag": tag, "kind": kind, "step": step, "wall_time": wall_time}
        content = {"hparams": value} if kind == "hparams" else as_json(kind, value)
        print_json({**about, **content})
        return
    text = ", ".join(f"{name}={each}" for name, each in value.items()) if kind == "hparams" else ""
    line = text or as_text(kind, value, width=1 << 30)
    cells = [*where, str(step), *([local_time(wall_time)] if wall_time else []), line]
    print("\t".join(map(printable, cells)))
    if arguments.show and kind == "image":
        terminal.show(value.pil(), arguments.show, sys.stdout)


def _write(logs: Logs, arguments: argparse.Namespace) -> int:
    from tbimage.reading.export import export

    done = export(
        logs,
        arguments.out,
        choose=lambda run, tag: matches(run, arguments.runs) and matches(tag, arguments.tags),
        raw=arguments.raw,
        step=arguments.step,
    )
    for problem in done.problems:
        print(f"tbimage: {printable(problem)}", file=sys.stderr)
    print(f"{done.files} files written to {arguments.out}")
    return 1 if done.problems else 0
