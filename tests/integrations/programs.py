"""Programs that use an integration, each in a process of its own, with some packages hidden.

A framework takes seconds to import and sets up much in its process. Tests of one must not slow down
or change the others.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest

__all__ = ["HEAVY", "ROOT", "require", "run"]

#: Marks of tests whose process imports a framework: seconds, and many more on a busy machine.
HEAVY = [pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parent.parent.parent

#: Hides packages as if they were not installed.
_HIDE = """
import importlib.machinery, sys
class _Others(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in {hidden!r}:
            return None
        return super().find_spec(name, path, target)
sys.meta_path[sys.meta_path.index(importlib.machinery.PathFinder)] = _Others
"""


def require(*packages: str) -> None:
    """Skip a test without one of these packages. None is imported: that takes seconds."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed", allow_module_level=True)


def run(
    code: str,
    *arguments: object,
    hide: Sequence[str] = ("tensorflow",),
    cwd: Path,
    **environment: str,
) -> str:
    """Run a program, check that it ends well, and return what it printed.

    ``hide`` names the packages that it cannot import.
    """
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            _HIDE.format(hidden=tuple(hide)) + textwrap.dedent(code),
            *map(str, arguments),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "CUDA_VISIBLE_DEVICES": "",
            "JAX_PLATFORMS": "cpu",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            **environment,
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
