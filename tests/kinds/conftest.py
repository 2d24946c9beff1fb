"""Fixtures of the tests of kinds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import tbimage
from tests import readers


@pytest.fixture(params=readers.LOADERS)
def loader(request: pytest.FixtureRequest) -> str:
    """Each of the ways in which TensorBoard reads a log directory."""
    pytest.importorskip("tensorboard")  # which the version matrix has not
    return str(request.param)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[tbimage.SummaryWriter]:
    with tbimage.SummaryWriter(tmp_path) as writer:
        yield writer
