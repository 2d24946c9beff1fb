"""Settings of all tests and doctests.

Rules:
- A doctest runs in an empty directory of its own, so that examples may write to "runs/demo".
- A test that needs a package or program skips without it, and names it. If the environment
  variable TBIMAGE_REQUIRE_PEERS is 1, it fails instead. ``.ci/run`` sets it where everything is
  installed.
- The version matrix runs 20 examples of each property instead of 100. What differs between
  versions differs in most examples.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest
from hypothesis import settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts background jobs with Ctrl-C ignored. Programs that tests start would inherit
    # this, and those that a test interrupts would never end.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Hundreds of child processes import tbimage. With bytecode each takes two thirds of the time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A deadline for each example would be an assertion on time.
settings.register_profile("main", deadline=None)
settings.register_profile("matrix", derandomize=True, max_examples=20, deadline=None)
settings.load_profile("main")


#: Modules made for a framework. tests/integrations runs their doctests, each in its own process.
collect_ignore_glob = ["tbimage/integrations/*"]


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
