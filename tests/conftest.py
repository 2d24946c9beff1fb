"""Fixtures that take too long to make for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

import tests.readers  # noqa: F401  first of all: it decides what TensorBoard reads with
from tests.browser import open_browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium as a selenium driver, started once; see tests/browser.py."""
    pytest.importorskip("selenium")
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    with open_browser() as driver:
        yield driver
