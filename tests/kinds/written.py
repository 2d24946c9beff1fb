"""Helpers of the tests of kinds: the records, as messages and as TensorBoard reads them.

They are functions of a log directory. They check nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tbimage.buffers import Piece
from tbimage.events.messages import Summary
from tbimage.reading.events import read_run
from tests import readers

__all__ = ["events", "only_value", "parsed", "tensors", "values"]


def parsed(pieces: list[Piece]) -> Any:
    """A Summary of pieces."""
    return Summary.FromString(b"".join(pieces))


def events(directory: Path | str) -> list[Any]:
    """All Events of a run but those that begin a file, in order."""
    return [event for event in read_run(directory) if event.source_metadata.writer != "tbimage"]


def values(directory: Path | str) -> list[Any]:
    """All Summary.Values of a run, in order."""
    return [value for event in read_run(directory) for value in event.summary.value]


def only_value(directory: Path | str) -> Any:
    """The one Summary.Value of a run."""
    (value,) = values(directory)
    return value


def tensors(directory: Path | str, loader: str, run: str = ".") -> dict[str, readers.Tensor]:
    """The newest tensor of each tag of a run, as a loader has it."""
    pytest.importorskip("tensorboard")
    newest = {
        tag: series.points[-1].value
        for tag, series in readers.read_runs(directory, loader)[run].items()
    }
    return {tag: value for tag, value in newest.items() if isinstance(value, readers.Tensor)}
