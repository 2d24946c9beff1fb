"""Rules of all methods that log."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tests.pipeline.logs import steps_by_tag
from tests.pipeline.public_calls import CALLS
from tests.pipeline.soundness import everything

METHODS: dict[str, Callable[..., Any]] = {
    name: method
    for name, method in vars(tbimage.SummaryWriter).items()
    if inspect.isfunction(method) and method.__module__.startswith("tbimage.writer.methods.")
}


#: Other names of methods.
ALIASES = {"video": "animation"}


def test_there_are_methods() -> None:
    assert {"scalar", "image", "histogram", "purge", "grid", "boxes"} <= METHODS.keys()
    for name, method in METHODS.items():
        assert method.__name__ == ALIASES.get(name, name)


@pytest.mark.parametrize("name", METHODS)
def test_each_argument_is_documented(name: str) -> None:
    method = METHODS[name]
    documented = re.search(r"Args:\n(.*?)\n\n", inspect.getdoc(method) or "", re.DOTALL)
    assert documented is not None
    arguments = re.findall(r"^    (\w+): ", documented[1], re.MULTILINE)
    assert arguments == [each for each in inspect.signature(method).parameters if each != "self"]


@pytest.mark.parametrize("name", METHODS)
def test_arguments_after_the_step_are_keyword_only(name: str) -> None:
    parameters = list(inspect.signature(METHODS[name]).parameters.values())[1:]
    shared = [each for each in parameters if each.kind is each.VAR_KEYWORD]
    parameters = [each for each in parameters if each not in shared]
    assert all(each.name in ("options", "look") for each in shared)
    positional = [each for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    if "step" in [each.name for each in positional]:
        assert positional[-1].name == "step"
    assert len([each for each in positional if each.default is not each.empty]) <= 2
    assert parameters[-1].name in ("wall_time", "step")


def test_a_writer_imports_only_the_kinds_that_it_logs(tmp_path: Path) -> None:
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


class Name(str):
    """A name whose class prints it in another way, as enums with strings do."""

    def __str__(self) -> str:
        return "wrong"

    __repr__ = __str__


@pytest.mark.parametrize("call", [call for call in CALLS if call != "scalar, kept out"])
def test_a_name_may_belong_to_a_subclass_of_str(call: str, tmp_path: Path) -> None:
    if call == "figure":
        pytest.importorskip("matplotlib")
    for kind in (str, Name):
        with tbimage.SummaryWriter(
            tmp_path / kind.__name__, keep={"never*": tbimage.Keep(every=1000)}
        ) as writer:
            CALLS[call](writer, kind("a"), 0)
    assert everything(tmp_path / "Name") == everything(tmp_path / "str")


def test_keys_of_values_may_belong_to_a_subclass_of_str(tmp_path: Path) -> None:
    class Unprintable(Name):
        def __repr__(self) -> str:
            raise RuntimeError

    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.scalars(Name("loss"), {Name("train"): 0.5}, 0)
        writer.scalars("loss", {"train": 0.5}, 1)
        writer.image(Unprintable("bad"), np.full((4, 4), 300), 0)  # is not written; the next one is
        writer.image("good", np.zeros((4, 4)), 0)
        with pytest.raises(ValueError, match=r"0\.\.255"):
            writer.flush()
    assert steps_by_tag(tmp_path / "loss_train") == {"loss": [0, 1]}
    assert everything(tmp_path) == {"loss": [0, 1], "good": [0]}
