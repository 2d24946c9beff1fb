"""What a process holds on to: threads and descriptors."""

from __future__ import annotations

import os
import threading
from pathlib import Path


def threads() -> set[threading.Thread]:
    """The threads that writers have started and that have not ended; some may be about to."""
    return {thread for thread in threading.enumerate() if thread.name == "tbimage"}


def descriptors(directory: Path) -> int:
    """How many files of a directory this process has open."""
    targets = (os.path.realpath(each) for each in Path("/proc/self/fd").iterdir())
    return sum(target.startswith(str(directory)) for target in targets)
