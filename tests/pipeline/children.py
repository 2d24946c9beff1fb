"""Run Python programs as child processes, for tests that may end or break a process."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import tbimage

#: Enough for a busy machine; a program that needs as long has hung.
DEADLINE_SECONDS = 200.0

_ROOTS = [str(Path(tbimage.__file__).parent.parent), str(Path(__file__).parent.parent.parent)]


def _command(script: str, arguments: tuple[object, ...]) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(_ROOTS), "PYTHONFAULTHANDLER": "1"}


def _run(command: list[str], code: int) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def run(script: str, *arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, and check its exit code."""
    return _run(_command(script, arguments), code)


def run_file(path: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a program from a file, because spawned children import it."""
    return _run([sys.executable, str(path), *map(str, arguments)], 0)


@contextlib.contextmanager
def running(script: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run a program beside the test, and kill it at the end of the block."""
    process = subprocess.Popen(
        _command(script, arguments),
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()
