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

def until_stuck(writer, meanwhile=lambda: None):
    assert STUCK_SECS <= 20
    before = writer.stats().oldest_pending_secs
    deadline = time.monotonic() + STUCK_SECS + 20
    while (stats := adding_up(writer.stats())).healthy:
        assert time.monotonic() < deadline, stats
        meanwhile()
        time.sleep(0.02)
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


# What works must not hide what hangs: the rest of a writer goes on, and it is not healthy.
BUSY = {
    "the run, while sub-runs are written": (
        'lie(metadata_mark=logdir + "/events", metadata_hold=release)',
        'writer.scalar("a", 0.5, 1)',
        'writer.scalars("b", {"k": 0.5}, next(steps))',
    ),
    "a sub-run, while the run is written": (
        'lie(metadata_mark=logdir + "/b_new", metadata_hold=release)',
        'writer.scalars("b", {"new": 0.5}, 0)',
        'writer.scalar("a", 0.5, next(steps))',
    ),
    "a write, while pictures are encoded": (
        "lie(write_hold=release)",
        'writer.scalar("a", 0.5, 1)',
        'writer.image("c", LARGE, next(steps))',
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("hanging", BUSY)
def test_what_works_does_not_hide_what_hangs(tmp_path: Path, hanging: str) -> None:
    hang, log, work = BUSY[hanging]
    script = f"""{STUCK}
import itertools
LARGE = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
steps = itertools.count(1)
writer = tbimage.SummaryWriter(logdir, on_error="log")
writer.scalar("a", 0.5, 0)
writer.scalars("b", {{"k": 0.5}}, 0)
writer.image("c", LARGE, 0)
assert writer.flush(60)
{hang}
{log}
held()
until_stuck(writer, lambda: {work})
let_go(writer)
"""
    stats = json.loads(lying_disk.run(script, tmp_path / "run").stdout)
    found = everything(tmp_path / "run")
    for steps in found.values():
        assert sorted(steps) == [0, *range(len(steps) - 1)] or steps == list(range(len(steps)))
    assert sum(map(len, found.values())) == stats["written"]


@pytest.mark.slow
def test_a_writer_whose_old_files_cannot_be_read_is_not_healthy(tmp_path: Path) -> None:
    """An automatic step depends on them."""
    with tbimage.SummaryWriter(tmp_path / "run") as writer:
        writer.scalar("a", 0.5, 41)
    (old,) = (tmp_path / "run").iterdir()
    script = f"""{STUCK}
writer = tbimage.SummaryWriter(logdir, on_error="log")
lie(metadata_mark="{old.name}", metadata_hold=release)
writer.scalar("a", 0.5)
held()
until_stuck(writer, lambda: writer.scalar("b", 0.5, 0))
let_go(writer)
"""
    lying_disk.run(script, tmp_path / "run")
    assert everything(tmp_path / "run")["a"] == [41, 42]


@pytest.mark.slow
def test_a_picture_that_is_never_encoded_makes_a_writer_unhealthy(tmp_path: Path) -> None:
    """The pictures behind it are encoded, and wait for it."""
    script = f"""{STUCK}
class Hanging:
    nbytes = 1 << 20
    shape, dtype, ndim = (500, 700, 3), np.dtype(np.uint8), 3
def hang(*arguments):
    wait_until(lambda: os.path.exists(release), 600)
    return b""
writer = tbimage.SummaryWriter(logdir, on_error="log", workers=2)
writer._log("a", 0, 1.0, hang, Hanging())
until_stuck(writer, lambda: writer.image("b", PICTURE))
let_go(writer)
"""
    assert json.loads(lying_disk.run(script, tmp_path / "run").stdout)["written"] > 1


@pytest.mark.slow
def test_scalars_that_wait_for_flush_secs_are_healthy(tmp_path: Path) -> None:
    from tbimage.writer.stats import STUCK_SECS  # type: ignore[attr-defined,unused-ignore]

    writer = tbimage.SummaryWriter(tmp_path, flush_secs=STUCK_SECS + 60)
    writer.scalar("a", 0.5, 0)
    deadline = time.monotonic() + STUCK_SECS + 2
    while time.monotonic() < deadline:
        assert writer.stats().healthy, writer.stats()
        time.sleep(0.05)
    assert writer.stats().oldest_pending_secs > STUCK_SECS
    assert writer.close()


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
