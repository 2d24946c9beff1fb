"""A record that can never be written is lost alone.

The real cause: ``RLIMIT_FSIZE``, the largest size that a file may have.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pipeline import children, logs
from tests.pipeline.soundness import everything

START = """
import dataclasses, json, logging, resource, sys
import numpy as np
import tbimage

logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
random = np.random.default_rng(0)
GOOD = random.integers(0, 256, (20, 20), np.uint8)
POISON = random.integers(0, 256, (900, 900, 3), np.uint8)  # 2.4 MB, and it cannot be compressed

def open_writer(**settings):
    return tbimage.SummaryWriter(sys.argv[1], **settings)

def report(writer):
    stats = writer.stats()
    total = stats.written + sum(stats.dropped.values()) + stats.pending_items
    assert stats.logged == total, stats
    assert stats.pending_items == stats.pending_bytes == 0, stats
    print(json.dumps(dataclasses.asdict(stats)))
"""


@pytest.mark.parametrize("on_error", ["log", "raise"])
@pytest.mark.parametrize("count", [60_000, 2000])
def test_a_picture_that_is_too_large_for_a_file_is_lost_alone(
    tmp_path: Path, on_error: str, count: int
) -> None:
    """60,000 scalars are 3 MB: several files, since none may be larger than 1 MiB."""
    script = f"""
writer = open_writer(on_error="{on_error}")
for step in range({count}):
    if step == {count // 2}:
        assert writer.image("poison", POISON, 0)
        assert writer.image("good", GOOD, 0)
    assert writer.scalar("scalar", 0.5, step)
try:
    assert writer.flush(30) is False
    assert "{on_error}" == "log"
except OSError:
    assert "{on_error}" == "raise"
assert writer.scalar("later", 0.5, 0)
assert writer.flush(30)
assert writer.stats().healthy
assert writer.close()
report(writer)
"""
    done = children.run(START + script, tmp_path)
    stats = json.loads(done.stdout)
    found = everything(tmp_path)
    assert found == {"scalar": list(range(count)), "good": [0], "later": [0]}
    assert stats["written"] == count + 2
    assert stats["dropped"] == {"full": 0, "disk": 0, "error": 1, "closed": 0}
    errors = [line for line in done.stderr.splitlines() if "ERROR" in line]
    assert any("tbimage" in line and "poison" in line for line in errors), done.stderr


def test_a_value_of_a_sub_run_that_is_too_large_for_a_file_is_lost_alone(tmp_path: Path) -> None:
    """Also in calls with other keys, whose values are written."""
    script = """
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
writer = open_writer(on_error="log")
writer.scalars("x", {"a": 0.5}, 0)
assert writer.flush(30)
for step in range(1, 30):
    large = "y" * 30_000 if step in (5, 6, 20) else None
    assert writer.scalars("x", {"a": 0.5, "b": 0.5}, step, description=large)
    if step == 10:
        assert writer.flush(30) is False
assert writer.flush(30) is False
assert writer.scalars("x", {"c": 0.5}, 30)
assert writer.flush(30)
assert writer.stats().healthy
assert writer.close()
report(writer)
"""
    done = children.run(START + script, tmp_path)
    stats = json.loads(done.stdout)
    good = [step for step in range(1, 30) if step not in (5, 6, 20)]
    found = sorted(next(iter(logs.steps_by_tag(run).values())) for run in logs.sub_runs(tmp_path))
    assert found == sorted([[0, *good], good, [30]])
    assert stats["written"] == 2 + len(good)
    assert stats["dropped"]["error"] == 3
    assert "'x' at step 5" in done.stderr


def test_many_too_large_pictures_between_others(tmp_path: Path) -> None:
    script = """
writer = open_writer(on_error="log")
for step in range(60):
    name, data = ("poison", POISON) if step % 3 == 1 else ("good", GOOD)
    assert writer.image(name, data, step)
    assert writer.scalar("scalar", 0.5, step)
    if step % 20 == 0:
        writer.flush(30)
writer.flush(30)
assert writer.flush(30)
assert writer.close()
report(writer)
"""
    stats = json.loads(children.run(START + script, tmp_path).stdout)
    good = [step for step in range(60) if step % 3 != 1]
    assert everything(tmp_path) == {"good": good, "scalar": list(range(60))}
    assert stats["dropped"]["error"] == 20
    assert stats["written"] == 100
    assert stats["healthy"]


def test_the_first_or_the_last_picture_may_be_too_large(tmp_path: Path) -> None:
    script = """
writer = open_writer(on_error="log")
writer.image("poison", POISON, 0)
writer.scalar("scalar", 0.5, 0)
writer.image("poison", POISON, 1)
writer.close()
report(writer)
"""
    stats = json.loads(children.run(START + script, tmp_path).stdout)
    assert everything(tmp_path) == {"scalar": [0]}
    assert stats["written"] == 1
    assert stats["dropped"]["error"] == 2


def test_a_writer_with_a_too_large_picture_ends_without_close(tmp_path: Path) -> None:
    script = """
writer = open_writer(on_error="log")
writer.scalar("scalar", 0.5, 0)
writer.image("poison", POISON, 0)
writer.scalar("scalar", 0.5, 1)
"""
    children.run(START + script, tmp_path)
    assert everything(tmp_path) == {"scalar": [0, 1]}


@pytest.mark.parametrize("settings", ["max_file_bytes=4096", "max_file_bytes=900_000", "workers=4"])
def test_a_too_large_picture_is_lost_alone_with_max_file_bytes(
    tmp_path: Path, settings: str
) -> None:
    script = f"""
writer = open_writer(on_error="log", {settings})
for step in range(500):
    writer.scalar("scalar", 0.5, step)
    if step % 100 == 50:
        writer.image("poison", POISON, step)
    if step % 10 == 0:
        writer.image("good", GOOD, step)
writer.flush(30)
assert writer.flush(30)
assert writer.close()
report(writer)
"""
    stats = json.loads(children.run(START + script, tmp_path).stdout)
    found = everything(tmp_path)
    assert found == {"scalar": list(range(500)), "good": list(range(0, 500, 10))}
    assert stats["dropped"]["error"] == 5
