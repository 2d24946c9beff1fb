"""Each number, flag and choice of the writer and its settings follows ``tbimage.checks``."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import tbimage
from tbimage import checks

GRAY = np.zeros((2, 4, 4, 1), np.float32)
PHOTO = np.zeros((4, 4, 3), np.uint8)
CLIP = np.zeros((2, 4, 4, 3), np.uint8)
BOX = [[0, 0, 2, 2]]
MASK = np.zeros((4, 4), int)

#: Other arguments that a call needs besides the tested one.
METHODS: dict[str, dict[str, Any]] = {
    "animation": {"frames": CLIP},
    "video": {"frames": CLIP},
    "audio": {"data": [0.5], "sample_rate": 8000},
    "boxes": {"images": PHOTO, "boxes": BOX},
    "compare": {"": (GRAY, GRAY)},
    "feature_maps": {"x": GRAY},
    "grid": {"images": [PHOTO]},
    "histogram": {"data": [1, 2]},
    "hparams": {"hparams": {"lr": 0.1}, "metrics": {"loss": 1}},
    "image": {"data": GRAY},
    "pr_curve": {"labels": [True, False], "predictions": [0.9, 0.1]},
    "segmentation": {"labels": MASK},
    "session_log": {"status": "start", "step": 0},
    "scalar": {"value": 0.5},
    "scalars": {"values": {"a": 0.5}},
    "text": {"data": "a"},
    "tensor": {"data": [1.0]},
    "mesh": {"vertices": [[0, 0, 0]]},
    "graph": {"model": b""},
    "flush": {},
}
WITHOUT_NAME = {"flush", "graph", "hparams", "session_log"}
FUNCTIONS = ("Keep", "every_n_steps", "every_seconds", "set_step")

#: A good value of each argument, by its name.
INTEGERS = {
    "buckets": 3,
    "columns": 1,
    "every": 2,
    "ignore_index": 3,
    "keep_bytes": 9,
    "keep_files": 2,
    "max_file_bytes": 99999,
    "max_maps": 1,
    "max_outputs": 1,
    "max_pending_bytes": 99999,
    "max_side": 3,
    "min_free_bytes": 0,
    "n": 2,
    "num_thresholds": 3,
    "padding": 3,
    "quality": 50,
    "reservoir": 2,
    "sample_rate": 100,
    "step": 3,
    "workers": 2,
}
NUMBERS = {
    "alpha": 0.5,
    "block_timeout": 0.5,
    "close_timeout": 0.5,
    "flush_secs": 0.5,
    "upload_secs": 0.5,
    "fps": 8,
    "gamma": 2,
    "log": 100,
    "max_file_secs": 60,
    "min_interval": 0.5,
    "scale": 2,
    "seconds": 0.5,
    "timeout": 5,
    "wall_time": 0.5,
}
FLAGS = {
    "colorbar",
    "legend",
    "markdown",
    "normalized",
    "outlines",
    "scalars",
    "separate",
    "strict_trace",
}
CHOICES = {
    "compression": "small",
    "diff": "signed",
    "encoding": "jpeg",
    "format": None,
    "fsync": "close",
    "on_error": "log",
    "on_full": "drop",
    "status": None,
    "wire": "tensor",
}
#: Keywords that ``**options`` and ``**look`` stand for.
OPTIONS = ("quality", "encoding", "compression")
LOOK = ("colorbar", "gamma", "log", "max_side", "scale")

NO_NUMBERS = ["2", b"2", [2], 1j, np.array([2]), np.array([2, 3]), object(), True, np.True_]
NO_INTEGERS = [*NO_NUMBERS, 2.5, 2.0, np.float32(2), np.array(2.0)]
NO_FLAGS = [0, 1, np.int64(1), "yes", None, [True], np.array([True]), object()]
NO_CHOICES = ["nonsense", 3, True, b"png", ["png"], np.array(["png", "jpeg"]), object()]


class Argument(NamedTuple):
    """One argument of one public function."""

    function: str
    name: str
    optional: bool
    call: Callable[[Any, Any], object]  # of a writer and the argument's value


def names_of(function: Callable[..., Any]) -> Iterator[tuple[str, bool]]:
    """Give the names of a function's arguments, and whether they may be None."""
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD and parameter.name in ("options", "look"):
            keywords = (*OPTIONS, *LOOK) if parameter.name == "options" else LOOK
            yield from ((each, each != "colorbar") for each in keywords)
        else:
            yield parameter.name, "None" in str(parameter.annotation)


def log(method: str, name: str, writer: Any, value: Any) -> object:
    given = {**METHODS[method], name: value}
    names = [] if method in WITHOUT_NAME else ["x"]
    return getattr(writer, method)(*names, *given.pop("", ()), **given)


def call(function: str, name: str, writer: Any, value: Any) -> object:
    if function == "Keep" and value is None:
        return None  # exactly one of its arguments must be given
    return getattr(tbimage, function)(**{name: value})


def start(name: str, writer: Any, value: Any) -> object:
    with tbimage.SummaryWriter(f"{writer.logdir}-2", **{name: value}):
        return True


def arguments() -> Iterator[Argument]:
    for method in METHODS:
        for name, optional in names_of(getattr(tbimage.SummaryWriter, method)):
            yield Argument(f"SummaryWriter.{method}", name, optional, partial(log, method, name))
    for function in FUNCTIONS:
        for name, optional in names_of(getattr(tbimage, function)):
            yield Argument(f"tbimage.{function}", name, optional, partial(call, function, name))
    for name, optional in names_of(tbimage.SummaryWriter):
        yield Argument("SummaryWriter", name, optional, partial(start, name))


ALL = list(arguments())


def of(names: Any) -> Any:
    chosen = [each for each in ALL if each.name in names]
    return pytest.mark.parametrize(
        "argument", chosen, ids=[f"{each.function}-{each.name}" for each in chosen]
    )


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[tbimage.SummaryWriter]:
    with tbimage.SummaryWriter(tmp_path / "run") as writer:
        yield writer


def refused(argument: Argument, writer: Any, value: Any, error: Any) -> None:
    with pytest.raises(error) as caught:
        argument.call(writer, value)
    message = str(caught.value)
    assert message.startswith(f"{argument.name} must be "), message
    assert ", got " in message


pytestmark = pytest.mark.filterwarnings("ignore::tbimage.StepWarning")


@of(INTEGERS)
def test_integers(argument: Argument, writer: Any) -> None:
    good = INTEGERS[argument.name]
    for value in (good, np.int64(good), np.array(good), *([None] if argument.optional else [])):
        argument.call(writer, value)
    for wrong in (*NO_INTEGERS, *([] if argument.optional else [None])):
        if argument.name == "sample_rate" and checks.plain_value(wrong) == 2.0:
            continue  # a sample rate may be a whole float
        refused(argument, writer, wrong, TypeError)


@of(NUMBERS)
def test_numbers(argument: Argument, writer: Any) -> None:
    good = NUMBERS[argument.name]
    values = (good, np.float32(good), np.array(good))
    for value in (*values, *([None] if argument.optional else [])):
        argument.call(writer, value)
    for wrong in (*NO_NUMBERS, *([] if argument.optional else [None])):
        if argument.name == "log" and isinstance(wrong, (bool, np.bool_)):
            continue  # True stands for 1000
        refused(argument, writer, wrong, TypeError)
    refused(argument, writer, math.nan, ValueError)


@of(FLAGS)
def test_flags(argument: Argument, writer: Any) -> None:
    for value in (False, np.False_, np.array(False)):
        argument.call(writer, value)
    for wrong in NO_FLAGS:
        refused(argument, writer, wrong, TypeError)


@of(CHOICES)
def test_choices(argument: Argument, writer: Any) -> None:
    good = CHOICES[argument.name]
    for value in (*([good] if good else []), *([None] if argument.optional else [])):
        argument.call(writer, value)
    for wrong in NO_CHOICES:
        refused(argument, writer, wrong, ValueError)


#: Arguments that are arrays; other methods take text or lists there.
ARRAYS = {
    ("animation", "frames"),
    ("audio", "data"),
    ("boxes", "images"),
    ("feature_maps", "x"),
    ("grid", "images"),
    ("histogram", "data"),
    ("image", "data"),
    ("mesh", "colors"),
    ("mesh", "faces"),
    ("mesh", "vertices"),
    ("pr_curve", "labels"),
    ("pr_curve", "predictions"),
    ("pr_curve", "weights"),
    ("segmentation", "image"),
    ("segmentation", "labels"),
}


@pytest.mark.parametrize(("method", "name"), sorted(ARRAYS))
def test_errors_about_arrays_name_the_argument(method: str, name: str, writer: Any) -> None:
    masked = np.ma.masked_array([[1, 2], [3, 4]], [[True, False], [False, False]])
    ragged, unlike = [[1, 2], [3]], [np.zeros((2, 2), int), np.ones((2, 2))]
    for wrong in (np.array([[1j]]), object(), masked, ragged, unlike, {"a": 1}):
        if method == "grid" and isinstance(wrong, list):
            continue  # a grid's images may differ in shape and dtype
        with pytest.raises((TypeError, ValueError), match=rf"^{name} "):
            log(method, name, writer, wrong)


@pytest.mark.parametrize("name", ["close", "tight"])
def test_the_flags_of_a_figure(name: str, writer: Any) -> None:
    figures = pytest.importorskip("matplotlib.figure")
    method = partial(writer.figure, "x", figures.Figure((1, 1)))
    argument = Argument(
        "SummaryWriter.figure", name, False, lambda _, value: method(**{name: value})
    )
    test_flags(argument, writer)


def test_no_argument_is_forgotten() -> None:
    """Each argument that is annotated as a number or a flag is tested above."""
    tested = {
        *INTEGERS,
        *NUMBERS,
        *FLAGS,
        *CHOICES,
        "close",
        "tight",
        "rank",
    }  # rank: test_ranks.py
    forgotten = {
        parameter.name
        for _, method in inspect.getmembers(tbimage.SummaryWriter, inspect.isfunction)
        if not method.__name__.startswith("_") or method.__name__ == "__init__"
        for parameter in inspect.signature(method).parameters.values()
        if {"int", "float", "bool", "SupportsIndex"} & set(str(parameter.annotation).split(" | "))
    } - tested
    assert forgotten == set()
