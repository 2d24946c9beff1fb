"""The settings of a writer: each documented, each checked."""

from __future__ import annotations

import dataclasses
import inspect
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage.writer import base
from tbimage.writer.settings import Settings


def test_every_setting_has_an_argument_and_is_documented_with_its_default() -> None:
    parameters = inspect.signature(tbimage.SummaryWriter).parameters
    documentation = inspect.getdoc(base.RunWriter.__init__) or ""
    for field in dataclasses.fields(Settings):
        parameter = parameters[field.name]
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        if field.default is not dataclasses.MISSING:
            assert parameter.default == field.default, field.name
        _, _, text = documentation.partition(f"\n    {field.name}: ")
        assert text, field.name
    assert parameters.keys() - {"logdir"} == {field.name for field in dataclasses.fields(Settings)}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("max_pending_bytes", 0, "max_pending_bytes must be an integer of at least 1, got 0"),
        ("max_pending_bytes", 1e9, "max_pending_bytes must be an integer of at least 1, got 1000"),
        ("on_full", "wait", "on_full must be 'block' or 'drop', got 'wait'"),
        ("block_timeout", -1, "block_timeout must be seconds, 0 or more, or None, got -1"),
        ("block_timeout", math.inf, "pass None to wait without a limit"),
        ("workers", 0, "workers must be an integer of at least 1, or None, got 0"),
        ("workers", 2.5, "workers must be an integer of at least 1, or None, got 2.5"),
        ("workers", True, "workers must be an integer"),
        ("flush_secs", math.nan, "flush_secs must be seconds, 0 or more, got nan"),
        ("flush_secs", None, "flush_secs must be seconds, 0 or more, got None"),
        ("fsync", True, "fsync must be 'never', 'flush' or 'close', got True"),
        ("on_error", None, "on_error must be 'raise' or 'log', got None"),
        ("max_file_bytes", "1MB", "max_file_bytes must be an integer of at least 1, or None"),
        ("max_file_secs", -0.1, "max_file_secs must be seconds, 0 or more, or None"),
        ("keep_files", 1, "keep_files must be an integer of at least 2, or None, got 1"),
        ("keep_bytes", -1, "keep_bytes must be an integer of at least 0, or None, got -1"),
        ("min_free_bytes", None, "min_free_bytes must be an integer of at least 0, got None"),
        ("close_timeout", 1e300, "close_timeout must be seconds, 0 or more, got 1e"),
        ("spool_dir", "a\0b", "spool_dir must not contain NUL"),
        ("filename_suffix", 3, "filename_suffix must be a string"),
        ("filename_suffix", "a/b", "must not contain a path separator"),
        ("filename_suffix", "7", "must not start with a digit"),
        ("wire", "png", "wire must be 'image' or 'tensor'"),
        ("wire", np.array(["image", "tensor"]), "wire must be 'image' or 'tensor', got array"),
    ],
)
def test_the_error_of_a_wrong_setting_names_good_values(
    tmp_path: Path, name: str, value: Any, words: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=words.replace("(", r"\(")):
        tbimage.SummaryWriter(tmp_path, **{name: value})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("timeout", ["5", -1, math.nan, math.inf, True])
def test_a_timeout_that_makes_no_sense(tmp_path: Path, timeout: Any) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        for wait in (writer.flush, writer.close):
            with pytest.raises((TypeError, ValueError), match="timeout must be seconds"):
                wait(timeout)
        assert not writer.closed


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(
        tmp_path, max_pending_bytes=np.int64(1 << 20), flush_secs=np.float64(0.05)
    ) as writer:
        assert writer.scalar("a", 0.5, 0)


def test_as_many_workers_as_processors_and_four_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    for processors, expected in [(1, 1), (3, 3), (64, 4)]:
        monkeypatch.setattr(
            os, "sched_getaffinity", lambda pid, n=processors: range(n), raising=False
        )
        assert Settings().workers == expected
    assert Settings(workers=16).workers == 16
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert Settings().workers == 1
