"""`compact` of object stores: from a bucket to a bucket or a disk, again, and in few requests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tbimage
from tbimage.reading.compact import compact
from tests.stores.servers import CountingS3, url_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

RUNS = ("a", "b/c", "d")


def log(root: str, steps: range, runs: tuple[str, ...] = RUNS) -> None:
    for run in runs:
        with tbimage.SummaryWriter(f"{root}/{run}", max_file_bytes=500) as writer:
            for step in steps:
                writer.scalar("loss", step, step)
                writer.image("noise", np.full((2, 2), step, np.uint8), step)
                writer.flush()


def check(target: str, steps: dict[str, list[int]]) -> None:
    logs = tbimage.read(target)
    assert {name: run.scalars("loss").steps.tolist() for name, run in logs.items()} == steps
    for run in logs.values():
        assert len(run.files) == 1
        picture = run.images("noise")[-1]
        assert (picture.pixels() == picture.step).all()


@pytest.mark.parametrize("to", ["store", "disk"])
def test_a_bucket_is_compacted_and_again_what_has_grown(
    store: str, tmp_path: Path, to: str
) -> None:
    source = url_in(store)
    target = url_in(store) if to == "store" else str(tmp_path / "small")
    log(source, range(5))
    done = compact(source, target)
    assert (done.runs, done.unchanged, done.values, done.lost) == (3, 0, 30, [])
    check(target, {key: list(range(5)) for key in RUNS})
    done = compact(source, target)
    assert (done.runs, done.unchanged) == (0, 3)
    log(source, range(5, 8), ("b/c",))
    done = compact(source + "/", target, every=1)
    assert (done.runs, done.unchanged, done.values) == (1, 2, 16)
    check(target, {**{key: list(range(5)) for key in RUNS}, "b/c": list(range(8))})


def test_a_disk_is_compacted_to_a_bucket(store: str, tmp_path: Path) -> None:
    log(str(tmp_path), range(5))
    target = url_in(store)
    assert compact(tmp_path, target).runs == 3
    check(target, {key: list(range(5)) for key in RUNS})


def test_wrong_targets_are_refused(store: str) -> None:
    source, other = url_in(store), url_in(store)
    log(source, range(2), ("a",))
    log(other, range(2), ("a",))
    for target in (source, f"{source}/small"):
        with pytest.raises(ValueError, match="target must not be within"):
            compact(source, target)
    with pytest.raises(ValueError, match="target must be missing or empty"):
        compact(source, other)
    target = url_in(store)
    compact(source, target)
    with pytest.raises(ValueError, match="was made from"):
        compact(other, target)


def test_a_run_that_has_not_changed_costs_three_requests(s3: CountingS3) -> None:
    source, target = url_in("s3://bucket"), url_in("s3://bucket")
    for number in range(20):
        with tbimage.SummaryWriter(f"{source}/run{number}") as writer:
            writer.scalar("loss", 0.5, 0)
    compact(source, target)
    s3.reset_counts()
    assert compact(source, target).unchanged == 20
    assert sum(s3.requests.values()) <= 3 * 20 + 10
