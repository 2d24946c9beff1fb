"""The threads and descriptors of a process."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path


def threads() -> set[str]:
    """Return the threads of this process, by number, after those of closed writers have ended."""
    time.sleep(0.8)  # tbimage.pipeline.owner: they stay for half a second
    return {task.name for task in Path("/proc/self/task").iterdir()}


def descriptors(directory: Path) -> int:
    """Count the open files of this process in a directory."""
    targets: list[str] = []
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # another thread has just closed it
            targets.append(os.path.realpath(each))
    return sum(target.startswith(str(directory)) for target in targets)
