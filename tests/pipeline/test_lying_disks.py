"""A disk that reports wrong results: a preloaded library changes real system calls.

FUSE and network file systems report errors for writes that landed in part or wholly. What is in the
file decides what is written again, not what the system said.
"""

from __future__ import annotations

import errno
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from tests import readers
from tests.pipeline import logs, lying_disk
from tests.pipeline.soundness import everything

ERRORS = [errno.EINTR, errno.ENOSPC, errno.EDQUOT, errno.EIO]
STEPS = 300

LOAD = """
writer = tbimage.SummaryWriter(logdir, on_error="log", **json.loads(sys.argv[3]))
writer.scalar("scalar", 0.5, 0)
assert writer.flush(10)
lie(**json.loads(sys.argv[2]))
for step in range(1, 300):
    assert writer.scalar("scalar", 0.5, step)
    if step % 10 == 0:
        assert writer.image(f"image/{step // 100}", PICTURE, step)
    if step % 25 == 0:
        writer.flush(5)
    if step % 60 == 0:
        time.sleep(0.15)  # a write without a flush
    adding_up(writer.stats())
if json.loads(sys.argv[2]).get("times") is None:
    assert "f" in faults()
    lie(write=None)
wait_until(lambda: writer.flush(5))
stats = adding_up(writer.stats())
assert stats.healthy and stats.pending_items == stats.pending_bytes == 0, stats
assert writer.close()
report(writer)
"""


def cases(**frequency: int) -> list[Any]:
    found = []
    for mode in ("before", "within", "after"):
        for number in ERRORS:
            lies = {"write": mode, "error": number, **frequency}
            found.append(pytest.param(lies, id=f"{mode}-{errno.errorcode[number]}"))
    short = [pytest.param({"write": mode, **frequency}, id=mode) for mode in ("short", "byte")]
    return found + short


def assert_exactly_once(logdir: Path) -> None:
    found = everything(logdir)
    assert found.pop("scalar") == list(range(STEPS))
    assert sorted(itertools.chain(*found.values())) == list(range(10, STEPS, 10))
    # No wrong result leaves bytes that end a file for a reader.
    for loader in ("python", "data_server"):
        (run,) = logs.shown(logdir, loader).values()
        assert run.pop("scalar") == list(range(STEPS)), loader
        assert sorted(itertools.chain(*run.values())) == list(range(10, STEPS, 10)), loader
    events = [event for path in readers.event_files(logdir) for event in logs.events_of(path)]
    assert sum(len(event.summary.value) for event in events) == STEPS + STEPS // 10 - 1


def load(tmp_path: Path, lies: dict[str, object], **settings: object) -> dict[str, Any]:
    logdir = tmp_path / "run"
    done = lying_disk.run(LOAD, logdir, json.dumps(lies), json.dumps(settings))
    stats: dict[str, Any] = json.loads(done.stdout)
    assert_exactly_once(logdir)
    assert "f" in stats["faults"]
    assert stats["written"] == stats["logged"] == STEPS + STEPS // 10 - 1
    assert sum(stats["dropped"].values()) == 0
    return stats


@pytest.mark.parametrize("lies", cases(every=3))
def test_each_third_write_reports_a_wrong_result(tmp_path: Path, lies: dict[str, object]) -> None:
    load(tmp_path, lies)


@pytest.mark.soak
@pytest.mark.parametrize("lies", cases(every=1, times=1) + cases(every=1, times=4))
def test_the_first_writes_report_wrong_results(tmp_path: Path, lies: dict[str, object]) -> None:
    load(tmp_path, lies)


@pytest.mark.soak
@pytest.mark.timeout(900)  # of thousands of files
@pytest.mark.parametrize("lies", cases(every=2))
def test_each_second_write_reports_a_wrong_result_and_files_are_small(
    tmp_path: Path, lies: dict[str, object]
) -> None:
    load(tmp_path, lies, max_file_bytes=4000)


@pytest.mark.soak
@pytest.mark.timeout(900)  # of thousands of files
@pytest.mark.parametrize("lies", cases(every=2))
def test_each_second_write_reports_a_wrong_result_and_files_are_synced(
    tmp_path: Path, lies: dict[str, object]
) -> None:
    load(tmp_path, lies, fsync="flush")


@pytest.mark.parametrize("mode", ["within", "after"])
def test_a_torn_file_that_cannot_be_cut_is_left(tmp_path: Path, mode: str) -> None:
    """Then a record may be in it twice, but none is lost, and a new file goes on."""
    cannot = """
def cannot(*arguments):
    raise PermissionError("files can only grow")
os.ftruncate = cannot
"""
    logdir = tmp_path / "run"
    lies = {"write": mode, "error": errno.EINTR, "every": 3}
    done = lying_disk.run(cannot + LOAD, logdir, json.dumps(lies), json.dumps({}))
    stats = json.loads(done.stdout)
    assert stats["written"] == stats["logged"] == STEPS + STEPS // 10 - 1
    assert stats["segments"] > 1
    for loader in ("python", "data_server"):
        (found,) = logs.shown(logdir, loader).values()
        assert sorted(set(found["scalar"])) == list(range(STEPS)), loader


@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("mode", ["before", "within", "after"])
def test_writes_of_sub_runs_report_wrong_results(tmp_path: Path, mode: str, number: int) -> None:
    """``scalars`` writes to a file for each key."""
    script = """
writer = tbimage.SummaryWriter(logdir, on_error="log")
writer.scalars("loss", {"a": 0.5, "b": 0.5}, 0)
assert writer.flush(10)
lie(write=sys.argv[2], error=sys.argv[3], every=3)
for step in range(1, 100):
    assert writer.scalars("loss", {"a": 0.5, "b": 0.5}, step)
    if step % 10 == 0:
        writer.flush(5)
assert "f" in faults()
lie(write=None)
wait_until(lambda: writer.flush(5))
assert writer.close()
report(writer)
"""
    logdir = tmp_path / "run"
    lying_disk.run(script, logdir, mode, number)
    found = {run: logs.steps_by_tag(run) for run in logs.sub_runs(logdir)}
    assert len(found) == 2
    for steps in found.values():
        assert list(steps.values()) == [list(range(100))]


@pytest.mark.parametrize("mode", ["before", "within", "after"])
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC], ids=errno.errorcode.get)
def test_a_disk_that_always_reports_wrong_results_is_not_healthy(
    tmp_path: Path, mode: str, number: int
) -> None:
    """Confirmed summaries are in the file once; the others are counted as lost or pending."""
    script = """
writer = tbimage.SummaryWriter(logdir, on_error="log", max_pending_bytes=100_000, on_full="drop")
writer.scalar("scalar", 0.5, 0)
assert writer.flush(10)
lie(write=sys.argv[2], error=sys.argv[3])
confirmed = 0
for step in range(1, 50):
    writer.scalar("scalar", 0.5, step)
    if writer.flush(60):
        confirmed = step
stats = adding_up(writer.stats())
if sys.argv[2] == "before":  # nothing lands
    assert not stats.healthy and stats.pending_items, stats
elif sys.argv[2] == "after":  # all lands
    assert stats.healthy and not stats.pending_items, stats
else:  # each attempt completes a part: one may have ended well, with a new summary behind it
    assert stats.healthy or stats.pending_items, stats
writer.close(60)
report(writer, confirmed=confirmed)
"""
    logdir = tmp_path / "run"
    stats = json.loads(lying_disk.run(script, logdir, mode, number).stdout)
    steps = logs.steps(logdir, "scalar")
    assert steps == sorted(set(steps))
    assert set(range(stats["confirmed"] + 1)) <= set(steps)
    assert len(steps) == stats["written"]
    assert stats["pending_items"] == 0
    if mode == "before":
        assert steps == [0]
