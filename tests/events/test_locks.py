"""Advisory locks on event files; ``tests/test_ranks.py`` tests them with real processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tbimage.events import locks

fcntl = pytest.importorskip("fcntl", reason="Windows has no flock")


def test_a_file_that_is_being_unlocked_is_not_that_of_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread may look just before and after the system releases the lock."""
    path = tmp_path / "events.out.tfevents.1700000000.host.1.000000"
    with open(path, "wb") as file:
        status = os.fstat(file.fileno())
        identity = status.st_dev, status.st_ino
        locks.lock(file.fileno(), identity)
        found = []
        flock = fcntl.flock

        def looked_at(descriptor: int, operation: int) -> None:
            if operation == fcntl.LOCK_UN:
                found.append(locks.file_of_another_process(str(tmp_path)))
            flock(descriptor, operation)
            if operation == fcntl.LOCK_UN:
                found.append(locks.file_of_another_process(str(tmp_path)))

        monkeypatch.setattr(fcntl, "flock", looked_at)
        locks.unlock(file.fileno(), identity)
    assert found == [None, None]
    assert identity not in locks._own
