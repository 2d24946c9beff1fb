"""Each adapter has every public name of its peer, with the same signature.

A test fails if a new release of a peer has other names. ``tf_summary``'s are in
tf_summary/test_state.py.
"""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tbimage.compat import tensorboardx, torch
from tests.compat import faces

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("torch")
    torch_peer: Any = pytest.importorskip("torch.utils.tensorboard")
    tensorboardx_peer: Any = pytest.importorskip("tensorboardX")

FACES: dict[str, tuple[ModuleType, ModuleType]] = {
    "torch": (torch, torch_peer),
    "tensorboardx": (tensorboardx, tensorboardx_peer),
}

#: What makes no summary: torch's RecordWriter is tensorboard's own, TorchVis is of visdom.
NOT_THERE = {"torch": {"RecordWriter"}, "tensorboardx": {"TorchVis"}}

#: Functions of the peers' modules ``summary`` that make none: their own tools.
TOOLS = {
    "compute_curve",
    "convert_to_HWC",
    "convert_to_NTCHW",
    "draw_boxes",
    "half_to_int",
    "int_to_half",
    "make_histogram",
    "make_image",
    "make_np",
    "make_video",
}

CLASSES = [
    ("torch", "SummaryWriter"),
    ("torch", "FileWriter"),
    ("tensorboardx", "SummaryWriter"),
    ("tensorboardx", "FileWriter"),
    ("tensorboardx", "GlobalSummaryWriter"),
    ("tensorboardx", "RecordWriter"),
]


def public(module: ModuleType, condition: Any) -> set[str]:
    return {name for name, value in vars(module).items() if name[0] != "_" and condition(value)}


def assert_same_methods(face: type, peer: type) -> None:
    names = faces.public_methods(peer)
    assert names - faces.public_methods(face) == set()
    for name in names:
        assert faces.signature(getattr(face, name)) == faces.signature(getattr(peer, name)), name


@pytest.mark.parametrize("name", FACES)
def test_every_class_is_there(name: str) -> None:
    face, peer = FACES[name]
    assert public(peer, inspect.isclass) - public(face, inspect.isclass) == NOT_THERE[name]


@pytest.mark.parametrize(("name", "kind"), CLASSES)
def test_every_method_is_there_with_its_signature(name: str, kind: str) -> None:
    face, peer = FACES[name]
    assert_same_methods(getattr(face, kind), getattr(peer, kind))


def test_every_method_of_the_dummy_is_there_with_its_signature() -> None:
    assert_same_methods(tensorboardx.DummyFileWriter, tensorboardx_peer.writer.DummyFileWriter)


@pytest.mark.parametrize("name", FACES)
def test_every_summary_function_is_there_with_its_signature(name: str) -> None:
    face, peer = (module.summary for module in FACES[name])
    names = public(peer, lambda value: getattr(value, "__module__", "") == peer.__name__)
    functions = {each for each in names if inspect.isfunction(getattr(peer, each))}
    functions |= set(getattr(peer, "__all__", ()))
    assert functions - TOOLS <= set(face.__all__)
    for each in functions - TOOLS:
        expected = faces.signature(getattr(peer, each))
        assert faces.signature(getattr(face, each)) == expected, each


@pytest.mark.parametrize("name", FACES)
def test_every_attribute_is_there(name: str, tmp_path: Path) -> None:
    face, peer = FACES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = peer.SummaryWriter(str(tmp_path / "peer"))
    ours = face.SummaryWriter(str(tmp_path / "face"))
    assert public(theirs, lambda value: True) <= public(ours, lambda value: True)
    of_files = public(theirs.file_writer, lambda value: True)
    assert all(hasattr(ours.file_writer, attribute) for attribute in of_files)
    assert ours.default_bins == pytest.approx(theirs.default_bins)
    assert list(ours.all_writers.values()) == [ours.file_writer]
    theirs.close()
    ours.close()
