"""What all methods that log have in common."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tbimage

METHODS: dict[str, Callable[..., Any]] = {
    name: method
    for name, method in vars(tbimage.SummaryWriter).items()
    if inspect.isfunction(method) and method.__module__.startswith("tbimage.methods.")
}


def test_there_are_methods() -> None:
    assert {"scalar", "image", "histogram", "purge"} <= METHODS.keys()
    assert all(method.__name__ == name for name, method in METHODS.items())


@pytest.mark.parametrize("name", METHODS)
def test_each_argument_is_documented(name: str) -> None:
    method = METHODS[name]
    documented = re.search(r"Args:\n(.*?)\n\n", inspect.getdoc(method) or "", re.DOTALL)
    assert documented is not None
    arguments = re.findall(r"^    (\w+): ", documented[1], re.MULTILINE)
    assert arguments == [each for each in inspect.signature(method).parameters if each != "self"]


@pytest.mark.parametrize("name", METHODS)
def test_what_follows_the_step_is_keyword_only(name: str) -> None:
    parameters = list(inspect.signature(METHODS[name]).parameters.values())[1:]
    positional = [each.name for each in parameters if each.kind is not each.KEYWORD_ONLY]
    if "step" in positional:
        assert positional[-1] == "step"
    optional = [
        each.name
        for each in parameters
        if each.kind is not each.KEYWORD_ONLY and each.default is not each.empty
    ]
    assert len(optional) <= 2
    assert [each.name for each in parameters][-1] in ("wall_time", "step")


def test_who_logs_little_imports_little(tmp_path: Path) -> None:
    script = """
        import sys, tbimage
        writer = tbimage.SummaryWriter(sys.argv[1])
        writer.scalar("a", 1, 0)
        writer.scalars("a", {"b": 1}, 0)
        writer.text("a", "b", 0)
        assert writer.flush()
        loaded = {"numpy", "google.protobuf", "PIL"} & sys.modules.keys()
        assert not loaded, loaded
        writer.histogram("a", [1, 2], 0)
        writer.audio("a", [0.5], 8000, 0)
        writer.tensor("a", [1], 0)
        writer.image("a", [[0, 255]], 0)
        assert writer.close()
        assert "google.protobuf" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(tmp_path)], check=True)
