"""The logs of the contestants: each logs the input of every request, within the request.

Rules:
- Each contestant is called as its documentation says. Peers have no setting for services: they
  always encode in the thread of the request.
- Optional packages are hidden from each peer, as in benchmarks/contestants.py.
- Each worker writes its counts to a file, because a request to the port reaches any worker.
"""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from inference_service.journal import Entry, open_writer, run_name
from inference_service.service import Log

from benchmarks.contestants import CONTESTANTS, TBIMAGE, block

__all__ = ["COUNTS", "LOGS", "NONE", "PEERS", "open_log"]

#: The file, in the run directory, that the counts are left in.
COUNTS = "counts.json"

NONE = "no logging"
PEERS = ("tensorboardX", "torch")


@dataclasses.dataclass
class Counts:
    """The counters of a log that has none.

    Attributes:
        logged: How many requests there were.
    """

    logged: int = 0


class _Counting:
    """Numbers requests, and logs none."""

    def __init__(self, directory: str) -> None:
        self.run = run_name()
        self.directory = Path(directory, self.run)
        self.directory.mkdir(parents=True)
        self._lock = threading.RLock()
        self._counts = Counts()

    def add(self, entry: Entry) -> int:
        with self._lock:
            step = self._counts.logged
            self._counts.logged += 1
        return step

    def stats(self) -> Any:
        return self._counts

    def close(self) -> None:
        counts = json.dumps(dataclasses.asdict(self.stats()))
        (self.directory / COUNTS).write_text(counts, encoding="utf-8")


class _Tbimage(_Counting):
    def __init__(self, directory: str) -> None:
        super().__init__(directory)
        self._writer = open_writer(os.fspath(self.directory))

    def add(self, entry: Entry) -> int:
        with self._lock:  # TensorBoard needs growing steps
            step = super().add(entry)
            self._writer.image("requests/input", entry.photograph, step)
        return step

    def stats(self) -> Any:
        return self._writer.stats()

    def close(self) -> None:
        self._writer.close()
        super().close()


class _Peer(_Counting):
    """torch's interface, which is tensorboardX's."""

    def __init__(self, directory: str, open_writer: Callable[[str], Any]) -> None:
        super().__init__(directory)
        self._writer = open_writer(os.fspath(self.directory))

    def add(self, entry: Entry) -> int:
        step = super().add(entry)
        self._writer.add_image("requests/input", entry.photograph, step, dataformats="HWC")
        return step

    def close(self) -> None:
        self._writer.close()
        super().close()


def _tensorboardx(directory: str) -> Log:
    from tensorboardX import SummaryWriter

    return _Peer(directory, SummaryWriter)


def _torch(directory: str) -> Log:
    from torch.utils.tensorboard import SummaryWriter

    return _Peer(directory, SummaryWriter)


#: Opens the log of each contestant in a directory.
LOGS: dict[str, Callable[[str], Log]] = {
    NONE: _Counting,
    TBIMAGE: _Tbimage,
    "tensorboardX": _tensorboardx,
    "torch": _torch,
}


def open_log(contestant: str, directory: str) -> Log:
    """Open a contestant's log in a new run of this process, below a directory."""
    if contestant in CONTESTANTS:
        block(CONTESTANTS[contestant].blocked)
        os.environ.update(CONTESTANTS[contestant].environment)
    return LOGS[contestant](directory)
