"""Fixtures that take too long to make for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

import tests.readers  # noqa: F401  first of all: it decides what TensorBoard reads with
from tbimage.events import reporting
from tests.browser import open_browser

# On a busy machine, the lines of a flush are logged later than the 0.5 seconds that it waits.
# Tests of handlers that hang run programs of their own, which wait 0.5 seconds.
reporting._PATIENCE_SECS = 60.0


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium as a selenium driver, started once; see tests/browser.py."""
    pytest.importorskip("selenium")
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    with open_browser() as driver:
        yield driver
