"""A program as users write it: `.ci/run site` checks it with mypy --strict and pyright --strict.

Each ``assert_type`` says what a type checker must see of the installed package.
"""

# pyright: strict

from __future__ import annotations

import dataclasses
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import tbimage
from tbimage import visual
from tbimage.compat import tf_summary
from tbimage.compat.tensorboardx import SummaryWriter as TensorboardxWriter
from tbimage.compat.torch import SummaryWriter as TorchWriter


class Journal(tbimage.SummaryWriter):
    """A writer with a method of its own, as users derive one."""

    def photograph(self, pixels: NDArray[np.uint8], step: int) -> bool:
        """Log a picture under a fixed name."""
        return self.image("photograph", pixels, step, captions="seen")


def log(logdir: str) -> None:
    """Log one of many kinds, and look at the types of the results."""
    pixels = np.zeros((4, 32, 32, 3), np.uint8)
    keep = {"requests/*": tbimage.Keep(reservoir=10)}
    with Journal(logdir, on_full="drop", keep=keep) as writer:
        assert_type(writer, Journal)
        assert_type(writer.image("inputs", pixels, 0, max_outputs=2), bool)
        assert_type(writer.photograph(pixels[0], 0), bool)
        writer.scalar("loss", np.float32(0.5), step=0)
        writer.scalars("losses", {"train": 0.5, "test": 0.6}, 0)
        writer.histogram("weights", [1.0, 2.0])
        writer.boxes("found", pixels[0], [[1, 2, 20, 30]], 0, labels=["cat"])
        writer.compare("pair", pixels, pixels, step=0, colormap="viridis")
        writer.hparams({"lr": 0.1, "adam": True}, {"accuracy": 0.5})
        assert_type(writer.flush(), bool)
        assert_type(writer.stats(), tbimage.Stats)
        dataclasses.asdict(writer.stats())
        with writer.as_default(step=1), tbimage.record_if(tbimage.every_n_steps(10)):
            assert_type(tbimage.scalar("loss", 0.25), bool)


def read(logdir: str) -> float:
    """Read it back."""
    run = tbimage.read(logdir)["."]
    pictures = run.images("inputs/image/0")
    assert_type(pictures[0].encoded, bytes)
    assert_type(pictures[0].step, int)
    last: float = run.scalars("loss").values[-1]
    return last


def draw() -> NDArray[Any]:
    """Draw without a writer."""
    picture = visual.boxes(np.zeros((64, 64, 3)), [[8, 8, 40, 40]], ["cat"], [0.9])
    assert_type(picture, visual.Picture)
    return visual.caption(picture, "a cat").pixels


def move(logdir: str) -> None:
    """Use the interfaces of other writers."""
    with TorchWriter(logdir) as torch_writer:
        torch_writer.add_scalar("loss", 0.5, 0)
        torch_writer.add_image("photo", np.zeros((3, 8, 8)), 0)
    with TensorboardxWriter(logdir) as other:
        other.add_scalar("loss", 0.5, 1)
    with tf_summary.create_file_writer(logdir).as_default(step=2):
        tf_summary.scalar("loss", 0.5)
