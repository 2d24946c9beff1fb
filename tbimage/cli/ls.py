"""``tbimage ls``: list the runs of a log directory, and the tags of each run."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tbimage.cli.output import (
    add_choice,
    chooser,
    columns,
    matches,
    open_logs,
    print_json,
    printable,
    tell_damage,
)

if TYPE_CHECKING:
    from tbimage.reading.runs import Run, Tag

__all__ = ["add_to", "run"]

_DESCRIPTION = """\
List the runs in LOGDIR (a log directory, a run, or an event file), and the tags of each run: kind,
number of values, first and last step, and the last value of scalars.
"""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("ls", help="list runs and tags", description=_DESCRIPTION)
    parser.add_argument("logdir", metavar="LOGDIR", help="a directory, or an event file")
    add_choice(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List runs and tags; return 1 if a file is damaged."""
    logs = open_logs(arguments.logdir)
    wanted = chooser(arguments)
    listed = {
        name: {tag: about for tag, about in run.tags.items() if wanted(name, tag)}
        for name, run in logs.items()
        if matches(name, arguments.runs)
    }
    if arguments.json:
        runs = [_as_json(logs[name], tags) for name, tags in listed.items()]
        damage = [asdict(each) for each in logs.damage]
        print_json({"path": logs.path, "runs": runs, "damage": damage})
    else:
        for name, tags in listed.items():
            files = len(logs[name].files)
            plural = "" if files == 1 else "s"
            print(f"{printable(name)}  ({len(tags)} tags, {files} file{plural})")
            rows = [
                ("", tag, about.kind, about.count, _steps(about), _last_value(logs[name], tag))
                for tag, about in tags.items()
            ]
            print(*columns(rows, numbers=(3,)), sep="\n", end="\n" if rows else "")
    return tell_damage(logs.damage)


def _steps(about: Tag) -> str:
    if about.first_step == about.last_step:
        return f"step {about.last_step}"
    return f"steps {about.first_step} to {about.last_step}"


def _last_value(run: Run, tag: str) -> str:
    return f"{run.scalars(tag).values[-1]:g}" if run.tags[tag].kind == "scalar" else ""


def _as_json(run: Run, tags: dict[str, Tag]) -> dict[str, Any]:
    listed = []
    for tag, about in tags.items():
        entry = {"tag": tag, **asdict(about)}
        if about.kind == "scalar":
            entry["last_value"] = float(run.scalars(tag).values[-1])
        listed.append(entry)
    return {"run": run.name, "files": run.files, "tags": listed}
