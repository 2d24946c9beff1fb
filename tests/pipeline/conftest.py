"""Fixtures: disks that tests may fill or break."""

from __future__ import annotations

import gc
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tbimage.writer import sub_runs
from tests.pipeline.faulty import FaultyStorage, Plan, Storages


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Storages:
    """Make the writers of a test use a storage with faults."""

    def install(plan: Plan) -> FaultyStorage:
        storage = FaultyStorage(plan)
        monkeypatch.setattr(sub_runs, "LocalStorage", lambda: storage)
        return storage

    return install


@pytest.fixture(params=["64k", "1m"])
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A real disk of a given size in bytes."""
    if shutil.which("mount") is None:
        pytest.skip("there is no program mount")
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={request.param}", "tmpfs", str(path)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"mounting is not permitted: {done.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


@pytest.fixture
def no_garbage() -> Iterator[None]:
    """The interpreter ignores exceptions in finalizers and in callbacks of weak references."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
