"""How each contestant logs: the input of every request, from within the request.

What lives here: the logs that stand in the place of the example's journal. What does not: the
service (examples/inference_service), and starting it (server.py).

Rules:
- Each contestant is called as its documentation says. Peers have no setting for services: they
  encode in the caller's thread, and none of their requests is spared that.
- Packages that a peer can do without are hidden from it, as in benchmarks/contestants.py.
- What was counted is left in a file, as behind one port no worker can be asked for by name.
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
    """What a log without counters of its own can tell.

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
        with self._lock:  # TensorBoard wants growing steps
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
