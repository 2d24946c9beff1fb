"""Log directories by the writers whose files tbimage reads: one function for each."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tests.readers import without_warnings

__all__ = ["PICTURES", "SOUND", "STEPS", "WRITERS"]

STEPS = 6
_RANDOM = np.random.default_rng(3)
#: Of each step, uint8 RGB.
PICTURES = _RANDOM.integers(0, 256, (STEPS, 5, 7, 3), np.uint8)
NUMBERS = _RANDOM.normal(size=(STEPS, 100))
SOUND = np.sin(np.linspace(0, 100, 800)).astype(np.float32)


def write_with_tbimage(logdir: Path, **keywords: Any) -> None:
    with tbimage.SummaryWriter(logdir, **keywords) as writer:
        for step in range(STEPS):
            writer.scalar("loss", 1 / (step + 3), step, description="*Loss*" if step == 0 else None)
            writer.image("picture", PICTURES[step], step)
            writer.image("batch", PICTURES[:3], step)
            writer.histogram("weights", NUMBERS[step], step)
            writer.text("note", f"step {step} <b>", step)
        writer.audio("sound", SOUND[None, :, None], sample_rate=8000, step=1)
        writer.tensor("tensor", np.arange(6, dtype=np.int32).reshape(2, 3), step=2)
        writer.hparams({"lr": 0.5, "name": "x", "fast": True}, {"accuracy": 0.75}, 1)


def write_with_torch(logdir: Path) -> None:
    pytest.importorskip("torch")
    from torch.utils.tensorboard import SummaryWriter

    _write_like_torch(SummaryWriter(os.fspath(logdir)))


def write_with_tensorboardx(logdir: Path) -> None:
    tensorboardx = pytest.importorskip("tensorboardX")
    _write_like_torch(tensorboardx.SummaryWriter(os.fspath(logdir)), audio=False)


def _write_like_torch(writer: Any, audio: bool = True) -> None:
    for step in range(STEPS):
        writer.add_scalar("loss", 1 / (step + 3), step)
        writer.add_image("picture", PICTURES[step], step, dataformats="HWC")
        writer.add_histogram("weights", NUMBERS[step], step)
        writer.add_text("note", f"step {step} <b>", step)
    if audio:
        writer.add_audio("sound", SOUND[None], 1, sample_rate=8000)
    writer.close()


def write_with_tensorflow(logdir: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    writer = tf.summary.create_file_writer(os.fspath(logdir))
    with writer.as_default():
        for step in range(STEPS):
            tf.summary.scalar("loss", 1 / (step + 3), step, description="*Loss*")
            tf.summary.image("picture", PICTURES[step][None], step)
            tf.summary.image("batch", PICTURES[:3], step)
            tf.summary.histogram("weights", NUMBERS[step], step)
            tf.summary.text("note", f"step {step} <b>", step)
        tf.summary.audio("sound", SOUND[None, :, None], 8000, 1)
        metadata = tf.compat.v1.SummaryMetadata(
            plugin_data={"plugin_name": "own"}, data_class="DATA_CLASS_TENSOR"
        )
        tf.summary.write("tensor", np.arange(6, dtype=np.int32).reshape(2, 3), 2, metadata)
    writer.close()


def write_with_tensorflow_1(logdir: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        writer = v1.summary.FileWriter(os.fspath(logdir))
        number, picture = v1.placeholder(tf.float32), v1.placeholder(tf.uint8, [None, 5, 7, 3])
        merged = v1.summary.merge(
            [
                v1.summary.scalar("loss", number),
                v1.summary.image("batch", picture, max_outputs=3),
                v1.summary.histogram("weights", v1.placeholder_with_default(NUMBERS[0], [100])),
            ]
        )
        for step in range(STEPS):
            values = {number: 1 / (step + 3), picture: PICTURES[:3]}
            writer.add_summary(session.run(merged, values), step)
        writer.close()


def _quiet(write: Callable[[Path], None]) -> Callable[[Path], None]:
    def quietly(logdir: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            without_warnings(write)(logdir)

    return quietly


#: Writes a run, by the writer's name.
WRITERS: dict[str, Callable[[Path], None]] = {
    "tbimage": write_with_tbimage,
    "tbimage_tensors": lambda logdir: write_with_tbimage(logdir, wire="tensor"),
    "torch": _quiet(write_with_torch),
    "tensorboardX": _quiet(write_with_tensorboardx),
    "tensorflow": _quiet(write_with_tensorflow),
    "tensorflow_1": _quiet(write_with_tensorflow_1),
}
