"""The code of docs/reading.md runs, and its tables are complete."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tbimage.reading.lint import CODES
from tbimage.reading.runs import METHODS
from tests.cli.command import call

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reading.md").read_text(encoding="utf-8")


def test_the_code_and_the_commands_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    namespace: dict[str, object] = {}
    for language, block in blocks:
        if language == "python":
            exec(block, namespace)
    printed = capsys.readouterr().out
    assert printed.startswith("['fast', 'slow']\n")
    assert "loss scalar 20 0 19\n" in printed
    assert "\n20 19 48\n" in printed
    assert "Trained on *two* machines. {'rate': 0.1}\n40\n" in printed
    assert (tmp_path / "inputs.png").read_bytes()[:4] == b"\x89PNG"
    commands = [
        line for language, block in blocks if language == "sh" for line in block.split("\n")
    ]
    for command in filter(None, commands):
        _, *arguments = shlex.split(command, comments=True)
        outcome = call(capsys, *arguments)
        assert outcome.code == (1 if arguments[0] == "diff" else 0), outcome
        assert outcome.err == ""


def test_every_code_of_lint_and_every_kind_is_explained() -> None:
    rows = set(re.findall(r"^\| `([\w-]+)` \|", PAGE, re.MULTILINE))
    assert rows == set(CODES)
    calls = dict(re.findall(r"^\| (\w+) \| `run\.(\w+)\(", PAGE, re.MULTILINE))
    assert calls == METHODS
