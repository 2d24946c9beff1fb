"""Photographs end to end with another zlib for everybody: ``--libz PATH``.

Pillow's wheels hold a zlib of their own; a Pillow that was built on a system uses the system's, and
so do Python's module zlib and whoever links it. PATH is a library named libz.so.1, for example one
made of zlib-ng, whose directory is put in front of the others.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.columns import PHOTOS
from benchmarks.contestants import OWN, TBIMAGE
from benchmarks.results import Metrics, Results, Task
from benchmarks.sections import photos
from benchmarks.sizes import Sizes
from benchmarks.tables import milliseconds, table, times

__all__ = ["PATH", "measure", "report", "tasks"]

#: The environment variable that ``--libz`` sets.
PATH = "TBIMAGE_BENCHMARKS_LIBZ"


def tasks(sizes: Sizes, contestants: Sequence[str]) -> Iterator[Task]:
    path = os.environ.get(PATH)
    if path is None:
        return
    directories = [os.path.dirname(path), os.environ.get("LD_LIBRARY_PATH", "")]
    environment = {"LD_LIBRARY_PATH": ":".join(filter(None, directories))}
    for task in photos.tasks(sizes, contestants):
        cases = [case for case in task.cases if case in PHOTOS]
        if cases:
            yield dataclasses.replace(task, section="libz", cases=cases, environment=environment)


def measure(task: Task, directory: Path) -> Mapping[str, Metrics]:
    return photos.measure(task, directory)


def report(results: Results) -> str:
    lines = []
    for case in results.cases("libz"):
        for name in results.contestants("libz"):
            slower = results.ratio("libz", "wall", case, name, TBIMAGE)
            lines.append(
                [
                    f"{case}, {name}",
                    milliseconds(results.median("libz", name, case, "wall")),
                    milliseconds(results.median("libz", name, case, "cpu")),
                    "" if name in OWN else times(slower),
                ]
            )
    return (
        f"As the first table, with `{os.path.basename(os.environ.get(PATH, 'libz.so.1'))}` of "
        "another directory in front of the system's.\n\n"
        + table(["photograph", "ms a call", "CPU, ms", "slower than tbimage"], lines)
    )
