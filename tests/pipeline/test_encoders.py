"""A summary that cannot be made is lost, and no other one."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage.buffers import Piece
from tests import readers
from tests.pipeline import logs
from tests.pipeline.load import NOISE


@pytest.mark.parametrize("on_error", ["raise", "log"])
def test_an_image_that_cannot_be_encoded_is_lost_alone(
    tmp_path: Path, on_error: str, caplog: pytest.LogCaptureFixture
) -> None:
    writer = tbimage.SummaryWriter(tmp_path, on_error=on_error)
    for step in range(20):
        data = np.full((8, 8), 300 if step == 7 else step, np.int64)
        assert writer.image("a", data, step)
    if on_error == "raise":
        with pytest.raises(ValueError, match="value_range"):
            writer.flush()
    else:
        assert writer.flush() is False
    assert writer.flush()  # raised once
    stats = writer.stats()
    assert (stats.logged, stats.written, stats.dropped["error"]) == (20, 19, 1)
    assert stats.healthy  # the disk is
    assert "ValueError" in (stats.last_error or "")
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "'a' at step 7" in caplog.text
    writer.close()
    assert logs.steps(tmp_path, "a") == [step for step in range(20) if step != 7]


class Unusual(BaseException):
    """Exceptions that an encoder should never raise."""


@pytest.mark.parametrize(
    "raised", [ValueError, MemoryError, SystemExit, KeyboardInterrupt, Unusual]
)
@pytest.mark.parametrize("light", [False, True])
def test_any_error_in_making_a_summary_loses_only_that_summary(
    tmp_path: Path, raised: type[BaseException], light: bool
) -> None:
    def make(name: object) -> Any:
        raise raised(name)

    writer = tbimage.SummaryWriter(tmp_path, on_error="log")
    for step in range(3):
        writer.scalar("a", 0.5, step)
        if light:
            assert writer._log_light(make, ("bad",), step, None)
        else:
            assert writer._log("bad", step, 1.0, make, b"bad")
        writer.image("b", NOISE, step)
    assert writer.flush() is False
    stats = writer.stats()
    assert (stats.written, stats.dropped["error"]) == (6, 3)
    assert stats.pending_items == stats.pending_bytes == 0
    assert writer.close()
    assert logs.summaries(tmp_path) == [(tag, step) for step in range(3) for tag in "ab"]


def test_a_commit_without_memory_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tbimage.events import backlog

    writer = tbimage.SummaryWriter(tmp_path, on_error="log")

    attempts: list[str] = []

    def make_batch(*arguments: object) -> None:
        attempts.append("attempt")
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(backlog, "make_batch", make_batch)
        patch.setattr(backlog, "time", SimpleNamespace(sleep=lambda _: attempts.append("pause")))
        writer.scalar("a", 0.5, 0)
        writer.image("b", NOISE, 1)
        assert writer.flush(10) is False
    assert attempts[:2] == ["attempt", "pause"]
    writer.scalar("a", 0.5, 2)
    assert writer.flush(10)
    stats = writer.stats()
    assert (stats.written, stats.dropped["error"]) == (3, 0)
    assert stats.pending_bytes == 0
    writer.close()
    assert logs.steps(tmp_path, "a") == [0, 2]
    assert logs.steps(tmp_path, "b") == [1]


def fail(picture: np.ndarray) -> None:
    held = picture  # by a frame of the traceback
    raise ValueError(held.shape)


def fail_while_handling(picture: np.ndarray) -> None:
    try:
        fail(picture)
    except ValueError:
        raise KeyError("another") from None  # the first is still the context of this one


def fail_because_of(picture: np.ndarray) -> None:
    try:
        fail(picture)
    except ValueError as error:
        cause = error
    raise KeyError("another") from cause


@pytest.mark.parametrize("failure", [fail, fail_while_handling, fail_because_of])
def test_an_unread_error_does_not_keep_its_picture_in_memory(
    tmp_path: Path, failure: Callable[[np.ndarray], None]
) -> None:
    class Picture(np.ndarray):
        """An array that can be weakly referenced."""

    writer = tbimage.SummaryWriter(tmp_path, on_error="log")
    watched = []

    def take() -> np.ndarray:
        picture = np.full((100, 100), 300).view(Picture)
        watched.append(weakref.ref(picture))
        return picture

    def make(picture: np.ndarray) -> list[Piece]:
        failure(picture)
        return []

    writer._log("a", 0, 1.0, make, b"", take=take)
    readers.wait_until(lambda: writer.stats().last_error, "the error")
    readers.wait_until(lambda: gc.collect() + 1 and watched[0]() is None, "the memory")
    assert writer.flush() is False
    writer.close()
