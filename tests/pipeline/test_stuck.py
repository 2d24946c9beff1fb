"""``healthy`` is False whenever accepted data is not moving, whatever the cause."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

import tbimage
from tests.pipeline import children, lying_disk
from tests.pipeline.soundness import PICTURE, everything
from tests.pipeline.test_log_handlers import START as LISTEN

# The tests wait a little longer than this documented constant.
STUCK = """
from tbimage.writer.stats import STUCK_SECS
release = os.path.join(os.path.dirname(logdir), "release")

def until_stuck(writer):
    assert STUCK_SECS <= 20
    before = writer.stats().oldest_pending_secs
    wait_until(lambda: not adding_up(writer.stats()).healthy, STUCK_SECS + 20)
    stats = writer.stats()
    assert stats.pending_items >= 1
    assert stats.oldest_pending_secs >= STUCK_SECS > before, stats

def let_go(writer):
    open(release, "w").close()
    assert writer.flush(20)
    stats = adding_up(writer.stats())
    assert stats.healthy and not stats.oldest_pending_secs, stats
    assert writer.close()
    report(writer)
"""


def test_the_age_of_the_oldest_summary_is_shown(tmp_path: Path) -> None:
    script = """
release = os.path.join(os.path.dirname(logdir), "release")
writer = tbimage.SummaryWriter(logdir, on_error="log")
assert not writer.stats().oldest_pending_secs
writer.scalar("a", 0.5, 0)
assert writer.flush(10)
assert not writer.stats().oldest_pending_secs
lie(write_hold=release)
writer.scalar("a", 0.5, 1)
held()
ages = []
for _ in range(5):
    time.sleep(0.02)
    ages.append(writer.stats().oldest_pending_secs)
    writer.scalar("a", 0.5, len(ages) + 1)
assert ages == sorted(set(ages)) and ages[0] > 0, ages  # of the oldest, not of the newest
open(release, "w").close()
assert writer.flush(10)
assert not writer.stats().oldest_pending_secs
assert writer.close()
assert not writer.stats().oldest_pending_secs
report(writer)
"""
    stats = json.loads(lying_disk.run(script, tmp_path / "run").stdout)
    assert stats["written"] == 7


@pytest.mark.slow
@pytest.mark.parametrize("logged", ["scalar", "picture"])
def test_a_writer_with_a_hanging_write_is_not_healthy(tmp_path: Path, logged: str) -> None:
    call = {"scalar": "writer.scalar('a', 0.5, 1)", "picture": "writer.image('a', PICTURE, 1)"}
    script = f"""{STUCK}
writer = tbimage.SummaryWriter(logdir, on_error="log")
writer.scalar("a", 0.5, 0)
assert writer.flush(10)
lie(write_hold=release)
{call[logged]}
held()
assert writer.stats().healthy
until_stuck(writer)
let_go(writer)
"""
    assert json.loads(lying_disk.run(script, tmp_path / "run").stdout)["written"] == 2
    assert everything(tmp_path / "run") == {"a": [0, 1]}


@pytest.mark.slow
def test_a_writer_with_hanging_sub_runs_is_not_healthy(tmp_path: Path) -> None:
    script = f"""{STUCK}
writer = tbimage.SummaryWriter(logdir, on_error="log")
writer.scalars("a", {{"k": 0.5}}, 0)
assert writer.flush(10)
lie(write_hold=release)
writer.scalars("a", {{"k": 0.5}}, 1)
held()
until_stuck(writer)
let_go(writer)
"""
    lying_disk.run(script, tmp_path / "run")
    assert everything(tmp_path / "run") == {"a": [0, 1]}


@pytest.mark.slow
def test_a_writer_with_a_hanging_directory_is_not_healthy(tmp_path: Path) -> None:
    script = f"""{STUCK}
writer = tbimage.SummaryWriter(logdir, on_error="log")
writer.scalars("a", {{"k": 0.5}}, 0)
assert writer.flush(10)
lie(metadata_mark=logdir, metadata_hold=release)
writer.scalars("a", {{"new": 0.5}}, 0)
held()
until_stuck(writer)
let_go(writer)
"""
    lying_disk.run(script, tmp_path / "run")
    assert everything(tmp_path / "run") == {"a": [0, 0]}


@pytest.mark.slow
def test_a_hanging_writer_does_not_make_another_unhealthy(tmp_path: Path) -> None:
    """Writers share threads, but each one reports only its own state."""
    script = f"""{STUCK}
os.makedirs(logdir)
stuck = tbimage.SummaryWriter(logdir + "/stuck", on_error="log")
other = tbimage.SummaryWriter(logdir + "/other", on_error="log")
for writer in stuck, other:
    writer.scalar("a", 0.5, 0)
    assert writer.flush(10)
lie(metadata_mark="stuck", metadata_hold=release)
stuck.scalars("a", {{"new": 0.5}}, 0)
held()
step = 0
def goes_on():
    global step
    step += 1
    other.scalar("a", 0.5, step)
    return not stuck.stats().healthy
wait_until(goes_on, STUCK_SECS + 20)
stats = other.stats()
assert stats.healthy is (stats.oldest_pending_secs < STUCK_SECS), stats
open(release, "w").close()
for writer in stuck, other:
    assert writer.flush(20)
    assert writer.stats().healthy
    assert writer.close()
print(json.dumps(step))
"""
    steps = json.loads(lying_disk.run(script, tmp_path / "run").stdout)
    assert everything(tmp_path / "run" / "other") == {"a": list(range(steps + 1))}


@pytest.mark.slow
def test_a_hanging_log_handler_does_not_hide_a_hanging_write(tmp_path: Path) -> None:
    """Later summaries are written, or ``healthy`` becomes False."""
    script = """
from tbimage.writer.stats import STUCK_SECS
import time
listen(lambda record: threading.Event().wait(60))
writer = tbimage.SummaryWriter(sys.argv[1], on_error="log", close_timeout=1.0)
log_six(writer)
writer.flush(2)
deadline = time.monotonic() + STUCK_SECS + 5
while time.monotonic() < deadline:
    stats = writer.stats()
    if not stats.pending_items or not stats.healthy:
        break
    time.sleep(0.05)
assert not stats.pending_items or not stats.healthy, stats
os._exit(0)
"""
    children.run(LISTEN + script, tmp_path)


@pytest.mark.slow
def test_a_full_queue_that_moves_is_healthy(tmp_path: Path) -> None:
    """It is full for longer than the bound, but only progress counts."""
    from tbimage.writer.stats import STUCK_SECS  # type: ignore[attr-defined,unused-ignore]

    noise = np.random.default_rng(0).integers(0, 64, (500, 500, 3), np.uint8)
    writer = tbimage.SummaryWriter(
        tmp_path, workers=1, compression="small", max_pending_bytes=60 * noise.nbytes
    )
    deadline = time.monotonic() + STUCK_SECS + 5
    step = 0
    while time.monotonic() < deadline:
        assert writer.image("a", noise, step)
        assert writer.scalar("b", 0.5, step)
        step += 1
        stats = writer.stats()
        assert stats.healthy, stats
    assert writer.image("c", PICTURE, 0)
    assert writer.close(60)
