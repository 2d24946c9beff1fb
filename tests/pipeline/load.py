"""Load as a service makes it, and what is left of it in the files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import tbimage
from tests.pipeline import logs

#: Half a kilobyte as PNG.
NOISE = np.random.default_rng(0).integers(0, 256, (20, 20), np.uint8)


class Load:
    """Calls without end, as a service makes them, of which none may raise."""

    def __init__(self, writer: tbimage.SummaryWriter) -> None:
        self.writer = writer
        self.step = 0
        self.accepted = 0
        self.most_pending = 0

    def run(self, calls: int) -> None:
        for _ in range(calls):
            # Tags that hold no more than loaders keep of one: 10 images, 1000 scalars.
            self.accepted += self.writer.image(f"image/{self.step // 10}", NOISE, self.step)
            self.accepted += self.writer.scalar("scalar", 0.5, self.step)
            self.most_pending = max(self.most_pending, self.writer.stats().pending_bytes)
            self.step += 1


def count_points(directory: Path, loader: str) -> int:
    (run,) = logs.shown(directory, loader).values()
    for steps in run.values():
        assert steps == sorted(set(steps))  # exactly once
    return sum(map(len, run.values()))
