"""One fresh process: ``python -m benchmarks.child TASK DIRECTORY`` measures one task."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from benchmarks.contestants import CONTESTANTS, block
from benchmarks.process import pin
from benchmarks.results import Task
from benchmarks.sections import section

__all__ = ["RESULT"]

#: The file, in the task's directory, that the figures are left in.
RESULT = "result.json"


def _main(task: Task, directory: Path) -> None:
    if task.cpus is not None:
        pin(task.cpus)
    contestant = CONTESTANTS.get(task.contestant)
    if contestant is not None:
        block(contestant.blocked)
        os.environ.update(contestant.environment)
    measured = section(task.section).measure(task, directory)
    (directory / RESULT).write_text(json.dumps(measured), encoding="utf-8")


if __name__ == "__main__":
    _main(Task(**json.loads(sys.argv[1])), Path(sys.argv[2]))
