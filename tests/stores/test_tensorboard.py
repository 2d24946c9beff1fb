"""TensorBoard reads logs in the store while they are written."""

from __future__ import annotations

import contextlib
import json
import sys
import time
import urllib.request
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest

import tbimage
from tests.processes import NO_TENSORFLOW, Program, wait_until
from tests.stores.servers import CountingS3

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

_MAIN = f"""
import sys, types
sys.modules["{NO_TENSORFLOW}"] = types.ModuleType("{NO_TENSORFLOW}")
if sys.argv.pop() == "s3fs":
    sys.modules["boto3"] = None
from tensorboard.main import run_main
run_main()
"""


@contextlib.contextmanager
def tensorboard_on(url: str, package: str, reload_secs: float) -> Iterator[str]:
    """TensorBoard, which reads a store by boto3 or s3fs again and again, as its address."""
    flags = [f"--logdir={url}", "--host=localhost", "--port=0", "--load_fast=false"]
    flags.append(f"--reload_interval={reload_secs:g}")
    variables = {"FSSPEC_S3": '{"use_listings_cache": false}'}
    program = Program([sys.executable, "-c", _MAIN, *flags, package], **variables)
    try:
        yield program.wait_for_line(r"TensorBoard \S+ at (http://\S+)").group(1)
    finally:
        program.stop()


def points_of(address: str, run: str, tag: str) -> list[int]:
    route = f"{address}data/plugin/scalars/scalars?run={run}&tag={tag}"
    with contextlib.suppress(OSError), urllib.request.urlopen(route, timeout=30) as answer:
        return [step for _, step, _ in json.load(answer)]
    return []


def _shows(address: str, steps: list[int]) -> bool:
    return points_of(address, "a", "loss") == steps


def seconds_until_shown(address: str, writer: tbimage.SummaryWriter, count: int) -> list[float]:
    """Log points one after the other; return how long each takes to be shown."""
    delays = []
    for step in range(count):
        logged = time.monotonic()
        writer.scalar("loss", 1.0, step=step)
        expected = list(range(step + 1))
        wait_until(partial(_shows, address, expected), f"step {step}")
        delays.append(time.monotonic() - logged)
    return delays


@pytest.mark.parametrize(
    ("package", "first_bytes"), [("boto3", 0), ("s3fs", 0), ("boto3", 6 << 20)]
)
def test_tensorboard_shows_each_point(s3: CountingS3, package: str, first_bytes: int) -> None:
    """Of an object that is put again, and of one that grows."""
    with tbimage.SummaryWriter("s3://bucket/runs/a", upload_secs=0.5) as writer:
        if first_bytes:
            writer.tensor("weights", np.zeros(first_bytes, np.uint8), step=0)
        writer.flush()
        with tensorboard_on("s3://bucket/runs", package, 1) as address:
            seconds_until_shown(address, writer, 5)


def test_tensorboard_skips_padding_and_reads_all_objects(
    s3: CountingS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tbimage.events import object_segments

    monkeypatch.setattr(object_segments, "_PAD_FROM", 100_000)
    with tbimage.SummaryWriter("s3://bucket/runs/a") as writer:
        for step in range(30):
            writer.scalar("loss", 1.0, step=step)
            writer.text("note", str(step) * 8000, step=step)
            writer.flush()
    sizes = list(s3.objects().values())
    assert len(sizes) > 2
    assert max(sizes) > 5 << 20
    with tensorboard_on("s3://bucket/runs", "boto3", 1) as address:
        wait_until(lambda: points_of(address, "a", "loss") == list(range(30)), "all points")
    assert tbimage.read("s3://bucket/runs")["a"].scalars("loss").steps.tolist() == list(range(30))
