"""Flushed summaries are in the store, after kills and failed requests."""

from __future__ import annotations

import random
import subprocess
import sys
import threading

import pytest

import tbimage
from tests.stores.servers import CountingS3, WSGIEnvironment

pytestmark = pytest.mark.filterwarnings("default")

URL = "s3://bucket/runs/a"

_PROGRAM = f"""
import sys
import numpy as np
import tbimage
first, large = int(sys.argv[1]), sys.argv[2] == "large"
writer = tbimage.SummaryWriter({URL!r}, on_error="log", upload_secs=0.1)
if large:
    writer.tensor("weights", np.zeros(6 << 20, np.uint8))
for step in range(first, first + 100_000):
    writer.scalar("loss", 1.0, step=step)
    if step % 7 == 0 and writer.flush():
        print(step, flush=True)
"""


def kill_and_restart(s3: CountingS3, rounds: int, seed: int) -> tuple[int, set[int], list[int]]:
    """Kill writers again and again; return the next step, what was confirmed, and what is there."""
    generator = random.Random(seed)

    def fault(environment: WSGIEnvironment) -> str | None:
        if environment["REQUEST_METHOD"] == "GET" or generator.random() > 0.1:
            return None
        return generator.choice(["503 Slow Down", "lost answer", "500 Internal Error"])

    confirmed: set[int] = set()
    first = 0
    for number in range(rounds):
        s3.fault = lambda environment: None  # opening raises nothing with on_error="log"
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(first), ["", "large"][number % 4 == 3]],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline()  # the first flush
        s3.fault = fault
        lines = [process.stdout.readline() for _ in range(3)]
        assert all(lines)
        timer = threading.Timer(generator.random() * 0.7, process.kill)
        timer.start()
        steps = [int(line) for line in (*lines, *process.stdout.read().split())]
        process.stdout.close()
        process.wait()
        confirmed.update(range(first, max([first, *steps]) + 1))
        first = max([first, *steps]) + 1
    s3.fault = lambda environment: None
    there = tbimage.read(URL)["."].scalars("loss", raw=True).steps.tolist()
    return first, confirmed, there


@pytest.mark.slow
def test_what_flush_confirmed_survives_kills_and_faults(s3: CountingS3) -> None:
    _, confirmed, there = kill_and_restart(s3, 6, seed=0)
    assert len(confirmed) > 20
    assert confirmed - set(there) == set()


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_two_hundred_kills(s3: CountingS3) -> None:
    _, confirmed, there = kill_and_restart(s3, 200, seed=1)
    assert confirmed - set(there) == set()
