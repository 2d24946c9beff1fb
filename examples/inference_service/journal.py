"""The log of one worker process: its writer, the settings, and what is logged of a request.

Rules:
- Logging never delays a request for long, never makes one fail, and never fills memory or disk.
- Each worker process has a run of its own, because an event file has one writer.
- The step is the number of the request in its run. So TensorBoard shows the pictures of one request
  together, and an answer can name the step.
"""

from __future__ import annotations

import itertools
import os
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tbimage
from inference_service.model import Edges, filters

__all__ = ["Entry", "Journal", "open_writer", "run_name"]


def open_writer(directory: str, keep: tbimage.Keep | None = None) -> tbimage.SummaryWriter:
    """Open a writer with the settings for a service.

    Args:
        directory: The run directory.
        keep: Which requests are logged; None: all.
    """
    return tbimage.SummaryWriter(
        directory,
        # A request never waits: pictures that do not fit into the bound are dropped and counted.
        on_full="drop",
        max_pending_bytes=64 << 20,  # about 80 photographs of 512 × 512
        # A request never fails: a full disk is counted and reported once.
        on_error="log",
        min_free_bytes=1 << 30,  # for the other users of the disk
        # The log of a week is no larger than that of a day: the oldest files are deleted.
        max_file_bytes=64 << 20,
        keep_files=8,
        # One thread encodes about a hundred such photographs a second. The model has the other
        # processors.
        workers=1,
        keep=None if keep is None else {"requests/*": keep},
        close_timeout=10.0,
    )


def run_name() -> str:
    """Return a name for the run of this process that no other process has.

    Example:
        >>> run_name().endswith(f"-{os.getpid()}")
        True
    """
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{socket.gethostname()}-{os.getpid()}"


@dataclass(frozen=True)
class Entry:
    """What is logged of a request.

    Attributes:
        photograph: [height, width, 3] uint8, the input of the model.
        edges: The output of the model.
        seconds: How long the model took.
    """

    photograph: NDArray[Any]
    edges: Edges
    seconds: float


class Journal:
    """The run of this process.

    Args:
        logdir: The directory of all runs.
        keep: Which requests are logged.
    """

    def __init__(self, logdir: str, keep: tbimage.Keep) -> None:
        self.run = run_name()
        self._writer = open_writer(os.path.join(logdir, self.run), keep)
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        # The first picture takes 30 ms, because it imports the encoder. No request waits for it.
        self._writer.image("model/filters", _tiled(filters()), step=0, value_range="minmax")

    def add(self, entry: Entry) -> int:
        """Log a request, from any thread; return its step."""
        writer = self._writer
        with self._lock:  # TensorBoard needs growing steps
            step = next(self._numbers)
            writer.image("requests/input", entry.photograph, step)
            writer.image(
                "requests/features",
                entry.edges.strength,
                step,
                value_range="minmax",
                description="How strong the edges are, whatever their direction.",
            )
            writer.image("requests/overlay", entry.edges.overlay, step)
            writer.scalar("seconds", entry.seconds, step)
        return step

    def stats(self) -> tbimage.Stats:
        """Return what was logged, written and dropped so far."""
        return self._writer.stats()

    def close(self) -> None:
        """Write what is pending."""
        self._writer.close()


def _tiled(bank: NDArray[np.float32]) -> NDArray[np.float32]:
    """Arrange filters in two rows, and enlarge them eight times."""
    height, width, count = bank.shape
    rows = bank.reshape(height, width, 2, count // 2).transpose(2, 0, 3, 1)
    return np.kron(rows.reshape(2 * height, -1), np.ones((8, 8), np.float32))
