"""Fixtures of the tests of ``tf_summary``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import tbimage
from tbimage.compat.tf_summary import experimental


@pytest.fixture(scope="session")
def tf() -> Any:
    """TensorFlow, which takes seconds to import."""
    return pytest.importorskip("tensorflow")


@pytest.fixture(autouse=True)
def _no_state_is_left() -> Iterator[None]:
    yield
    assert tbimage.writer.defaults.default_writer.get() is None
    experimental.set_step(None)
