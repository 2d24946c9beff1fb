"""Conditions that each writer must meet, whatever happened before."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np

import tbimage
from tests.pipeline import logs

PICTURE = np.arange(64, dtype=np.uint8).reshape(8, 8)


def assert_adds_up(stats: tbimage.Stats) -> None:
    """Check that every logged summary is written, dropped or pending."""
    shown = dataclasses.asdict(stats)
    assert stats.logged == stats.written + sum(stats.dropped.values()) + stats.pending_items, shown
    assert stats.pending_items >= 0, shown
    assert stats.pending_bytes >= 0, shown


def assert_goes_on(writer: tbimage.SummaryWriter, step: int, context: object = "") -> None:
    """Check that later calls are written, nothing stays pending, and the counters add up."""
    assert writer.scalar("after", 1.0, step), context
    assert writer.image("picture after", PICTURE, step), context
    assert writer.flush(60), (context, writer.stats())
    stats = writer.stats()
    assert_adds_up(stats)
    assert stats.pending_items == stats.pending_bytes == 0, (context, stats)
    assert stats.healthy, (context, stats)


def everything(logdir: os.PathLike[str] | str) -> dict[str, list[int]]:
    """Return the steps of each tag, in the order of the files, of a run and the runs below it."""
    found: dict[str, list[int]] = {}
    for run in logs.runs(Path(logdir)):
        for tag, steps in logs.steps_by_tag(run).items():
            found.setdefault(tag, []).extend(steps)
    return found
