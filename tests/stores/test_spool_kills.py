"""With a spool, what was accepted is in the store once, whatever is killed and whatever fails."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

import tbimage
from tests.events.segmenting import decode
from tests.processes import wait_until
from tests.stores.servers import CountingS3, WSGIEnvironment, client_of

pytestmark = pytest.mark.filterwarnings("default")

URL = "s3://bucket/runs/a"

# It imports once, and forks a child for each round: a line gives the first step, and what to log.
_PROGRAM = """
import os, sys, time
import numpy as np
import s3fs, tbimage
from tbimage.events import messages, object_segments, spooled_files  # before the forks
from tbimage.events.storage import s3

url, spool, journal = sys.argv[1:]

def log(first, large):
    accepted = os.open(journal, os.O_WRONLY | os.O_APPEND)
    def note(logged, name, step):
        if logged:
            os.write(accepted, f"{name} {step}\\n".encode())
    writer = tbimage.SummaryWriter(
        url, on_error="log", upload_secs=0.05, flush_secs=0, spool_dir=spool
    )
    if large:
        note(writer.tensor("weights", np.zeros(6 << 20, np.uint8), step=first), "weights", first)
    for step in range(first, first + 100_000):
        note(writer.scalar("loss", 1.0, step=step), "loss", step)
        if step % 5 == 0:
            note(writer.scalars("both", {"a": 1.0, "b": 2.0}, step=step), "both", step)
        if step % 50 == 0:
            writer.flush()
        time.sleep(0.0005)

for line in sys.stdin:
    first, large = map(int, line.split())
    child = os.fork()
    if child == 0:
        log(first, large)
    print(child, flush=True)
    os.waitpid(child, 0)
"""


def kill_and_restart(s3: CountingS3, rounds: int, seed: int, tmp_path: Path) -> None:
    """Kill writers again and again, then compare what they accepted with what is in the store."""
    generator = random.Random(seed)

    def fault(environment: WSGIEnvironment) -> str | None:
        if environment["REQUEST_METHOD"] == "GET" or generator.random() > 0.1:
            return None
        return generator.choice(["503 Slow Down", "lost answer", "500 Internal Error"])

    journal, spool = tmp_path / "journal", tmp_path / "spool"
    journal.touch()
    program = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, URL, os.fspath(spool), os.fspath(journal)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert program.stdin is not None
    assert program.stdout is not None
    s3.fault = fault
    for number in range(rounds):
        program.stdin.write(f"{number * 100_000} {number % 2:d}\n")
        program.stdin.flush()
        child, before = int(program.stdout.readline()), journal.stat().st_size
        if number % 2:  # the others may still upload what the last one has left
            wait_until(lambda before=before: journal.stat().st_size > before, "a summary")  # type: ignore[misc]
        time.sleep(generator.random() * 0.8)
        os.kill(child, signal.SIGKILL)
    program.communicate()
    s3.fault = lambda environment: None
    with tbimage.SummaryWriter(URL, spool_dir=spool) as writer:
        assert writer.flush()
    assert [path for path in spool.rglob("*") if path.is_file()] == []

    there = Counter(summaries_in(s3))
    assert [each for each, count in there.items() if count > 1] == []
    accepted = {tuple(line.split()) for line in journal.read_text().splitlines()}
    assert len(accepted) >= rounds // 2
    assert {name for name, _ in accepted} >= {"loss", "both", "weights"}
    for name, step in accepted:
        runs = ("both_a", "both_b") if name == "both" else ("",)
        assert all(there[run, name, int(step)] for run in runs), (name, step)


def summaries_in(s3: CountingS3) -> list[tuple[str, str, int]]:
    """The run, tag and step of each value in each object."""
    client = client_of(s3)
    found = []
    for key in s3.objects():
        run = key.removeprefix("runs/a/").rpartition("/")[0]
        for event in decode(client.get_object(Bucket="bucket", Key=key)["Body"].read()):
            found += [(run, value.tag, event.step) for value in event.summary.value]
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_was_accepted_is_there_once_after_kills_and_faults(
    s3: CountingS3, tmp_path: Path
) -> None:
    kill_and_restart(s3, 60, seed=0, tmp_path=tmp_path)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_two_hundred_kills_with_a_spool(s3: CountingS3, tmp_path: Path) -> None:
    kill_and_restart(s3, 200, seed=1, tmp_path=tmp_path)
