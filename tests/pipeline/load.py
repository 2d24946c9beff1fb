"""The load of a service, and a check of its files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import tbimage
from tests.pipeline import logs

#: Half a kilobyte as PNG.
NOISE = np.random.default_rng(0).integers(0, 256, (20, 20), np.uint8)


class Load:
    """Call a writer without end, as a service does; no call may raise."""

    def __init__(self, writer: tbimage.SummaryWriter) -> None:
        self.writer = writer
        self.step = 0
        self.accepted = 0
        self.most_pending = 0

    def run(self, calls: int) -> None:
        for _ in range(calls):
            # Each tag has at most as many points as a loader keeps: 10 images, 1000 scalars.
            self.accepted += self.writer.image(f"image/{self.step // 10}", NOISE, self.step)
            self.accepted += self.writer.scalar("scalar", 0.5, self.step)
            self.most_pending = max(self.most_pending, self.writer.stats().pending_bytes)
            self.step += 1


def count_points(directory: Path, loader: str) -> int:
    (run,) = logs.shown(directory, loader).values()
    for steps in run.values():
        assert steps == sorted(set(steps))  # exactly once
    return sum(map(len, run.values()))
