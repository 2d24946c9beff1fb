"""README's commands are those that .ci/run runs, and a skip fails where peers are required."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def readme_command(name: str) -> str:
    """Get a command of README.md the way .ci/run gets it."""
    script = ROOT / ".ci" / "readme_command.py"
    done = subprocess.run(
        [sys.executable, script, name], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_command_of_the_readme_installs_and_shows_the_demo() -> None:
    command = readme_command("demo")
    assert "pip install" in command
    assert "tbimage demo" in command


def test_the_second_command_of_the_readme_installs_and_runs_the_tests() -> None:
    command = readme_command("tests")
    assert "pip install" in command
    assert "[test]" in command
    assert "pytest" in command


def test_the_readme_gives_these_commands_first() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:sh|bash|console)\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    assert blocks[:2] == [readme_command("demo"), readme_command("tests")]


def test_ci_runs_the_commands_of_the_readme_and_no_copy_of_them() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    lines = {line.strip() for line in script.splitlines()}
    for name in ("demo", "tests"):
        assert f"readme_command.py {name})" in script
        assert lines.isdisjoint(readme_command(name).splitlines())


def test_a_command_that_the_readme_lacks_is_an_error() -> None:
    with pytest.raises(AssertionError, match="no command marked"):
        readme_command("nothing")


@pytest.mark.parametrize("required", ["1", "0"])
@pytest.mark.parametrize("where", ["module", "test"])
def test_a_skip_fails_where_peers_are_required(tmp_path: Path, where: str, required: str) -> None:
    skip = "import pytest\npytest.importorskip('no_such_peer')\n"
    if where == "test":
        skip = "def test_it():\n    import pytest\n    pytest.importorskip('no_such_peer')\n"
    (tmp_path / "test_skips.py").write_text(skip, encoding="utf-8")
    (tmp_path / "conftest.py").write_bytes((ROOT / "conftest.py").read_bytes())
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            tmp_path,
            tmp_path,
        ],
        cwd=tmp_path,
        env={**os.environ, "TBIMAGE_REQUIRE_PEERS": required},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "no_such_peer" in done.stdout or required == "0"
    assert (done.returncode in (0, 5)) == (required == "0"), done.stdout
