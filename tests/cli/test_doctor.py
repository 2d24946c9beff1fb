"""``tbimage doctor``: findings, advice, exit codes, and that nothing is left behind."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage.cli import view
from tbimage.reading.images import Image
from tests import readers
from tests.cli.command import ENVIRONMENT, Outcome, call, spawn

Capture = pytest.CaptureFixture[str]


def findings(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """The last finding of each check, of --json."""
    lines = [json.loads(line) for line in outcome.out.splitlines()]
    return {line["check"]: line for line in lines}


@pytest.fixture
def no_tensorboard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "is_installed", lambda: False)


def test_a_run_is_written_and_read_by_tensorboard(capsys: Capture, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    outcome = call(capsys, "doctor", tmp_path / "new" / "logs" / "runs")
    assert (outcome.code, outcome.err) == (0, "")
    assert "ok       TensorBoard reads it back, with the same pixels\n" in outcome.out
    assert outcome.out.endswith("All is well.\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_tensorboard")
def test_without_tensorboard_tbimage_reads_and_the_output_says_so(capsys: Capture) -> None:
    found = findings(call(capsys, "doctor", "--json"))
    assert found["read"]["status"] == "ok"
    assert "show" not in found
    assert found["tensorboard"]["status"] == "note"
    assert "pip install tensorboard" in found["tensorboard"]["advice"]


@pytest.mark.usefixtures("no_tensorboard")
def test_what_is_in_the_log_directory(capsys: Capture, tmp_path: Path) -> None:
    assert "does not exist yet" in call(capsys, "doctor", tmp_path / "none").out
    assert f"note     {tmp_path} has no event files\n" in call(capsys, "doctor", tmp_path).out
    with tbimage.SummaryWriter(tmp_path / "run") as writer:
        for step in range(9):
            writer.scalar("loss", step, step)
    outcome = call(capsys, "doctor", tmp_path, "--json")
    assert outcome.code == 0
    assert findings(outcome)["runs"]["found"] == f"{tmp_path}: 1 runs, 1 tags"
    (file,) = readers.event_files(tmp_path / "run")
    outcome = call(capsys, "doctor", file, "--json")
    assert outcome.code == 1
    assert findings(outcome)["runs"]["found"] == f"{file} is a file, not a directory"
    data = bytearray(file.read_bytes())
    data[150] ^= 0xFF
    file.write_bytes(data)
    outcome = call(capsys, "doctor", tmp_path, "--json")
    assert outcome.code == 1
    assert findings(outcome)["runs"]["status"] == "problem"
    assert "tbimage lint" in findings(outcome)["runs"]["advice"]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.usefixtures("no_tensorboard")
def test_a_place_that_cannot_be_written(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outcome = call(capsys, "doctor", tmp_path / "file" / "runs", "--json")
    assert outcome.code == 1
    found = findings(outcome)["write"]
    assert found["status"] == "problem"
    assert "Not a directory" in found["found"]
    assert found["advice"] == "give a directory that this user may write to"


@pytest.mark.usefixtures("no_tensorboard")
def test_pixels_that_differ_are_a_problem(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "pixels", lambda self: np.zeros((16, 24, 3), np.uint8))
    outcome = call(capsys, "doctor", "--json")
    assert outcome.code == 1
    assert findings(outcome)["read"]["status"] == "problem"


def test_a_tensorboard_that_fails_is_a_problem(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(logdir: str, *options: str) -> subprocess.Popen[str]:
        code = "import sys; sys.exit('no such plugin')"
        return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)

    monkeypatch.setattr(view, "is_installed", lambda: True)
    monkeypatch.setattr(view, "_start", start)
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "99.0")
    outcome = call(capsys, "doctor", "--json")
    assert outcome.code == 1
    assert "no such plugin" in findings(outcome)["show"]["found"]


@pytest.mark.usefixtures("no_tensorboard")
@pytest.mark.parametrize(
    ("installed", "found"),
    [("1.22.9", "numpy 1.22.9 is older than 1.23"), (None, "numpy is not installed")],
)
def test_a_dependency_that_is_old_or_missing(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, installed: str | None, found: str
) -> None:
    def version(name: str) -> str:
        if installed is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return installed

    requirements = ["numpy>=1.23", "isal>=1.0; extra == 'fast'"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: requirements)
    monkeypatch.setattr(importlib.metadata, "version", version)
    outcome = call(capsys, "doctor")
    assert outcome.code == 1
    assert f"problem  {found}\n         → pip install 'numpy>=1.23'\n" in outcome.out
    assert outcome.out.endswith("Something has to be done: see above.\n")
    assert "test run" not in outcome.out


def test_the_encoder_that_runs_is_named() -> None:
    environment = {**ENVIRONMENT, "TBIMAGE_PURE": "1"}
    code = "from tbimage.cli import view; view.is_installed = lambda: False"
    outcome = spawn("doctor", before=code, env=environment)
    assert outcome.code == 0, outcome
    assert ", because TBIMAGE_PURE is set\n" in outcome.out
    assert os.linesep + "All is well." in outcome.out


@pytest.mark.usefixtures("no_tensorboard")
def test_a_url_is_written_and_read_and_nothing_is_left(capsys: Capture, tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    pytest.importorskip("tbimage.events.object_segments")
    outcome = call(capsys, "doctor", (tmp_path / "store").as_uri(), "--json")
    found = findings(outcome)
    assert outcome.code == 0, outcome
    assert found["read"]["status"] == "ok"
    assert found["runs"]["status"] == "note"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
