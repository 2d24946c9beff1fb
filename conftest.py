"""What holds for every test and every doctest, wherever it lies.

Rules:
- A doctest runs in an empty directory of its own, so that an example may write to "runs/demo" as
  its reader would.
- Where the environment variable TBIMAGE_REQUIRE_PEERS is 1, a test that skips has failed.
  ``.ci/run`` sets it for the main run, which has every peer and every program; only the version
  matrix, which has none, may skip.
- The version matrix runs 20 examples of each property, as the main run has run them all: it looks
  for what differs between versions, which differs in most examples.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest
from hypothesis import settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in its background with Ctrl-C ignored, and programs that tests start
    # would inherit that: those that are interrupted on purpose would never end.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A deadline for each example would be an assertion on a clock.
settings.register_profile("main", deadline=None)
settings.register_profile("matrix", derandomize=True, max_examples=20, deadline=None)
settings.load_profile("main")


@pytest.fixture(autouse=True)
def _doctests_run_in_an_empty_directory(request: pytest.FixtureRequest) -> None:
    if isinstance(request.node, pytest.DoctestItem):
        directory = request.getfixturevalue("tmp_path")
        request.getfixturevalue("monkeypatch").chdir(directory)


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    if os.environ.get("TBIMAGE_REQUIRE_PEERS") == "1":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"TBIMAGE_REQUIRE_PEERS=1 and this skipped: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_if_skipped(report)
    return report
