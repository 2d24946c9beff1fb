"""The pixels of torch's adapter and of torch, and the deliberate differences."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tbimage.compat import torch as face
from tests import readers
from tests.compat import faces

torch: Any = pytest.importorskip("torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    peer_summary: Any = pytest.importorskip("torch.utils.tensorboard.summary")

GENERATOR = np.random.default_rng(20)
UNIT = GENERATOR.random((3, 16, 24)).astype(np.float32)
BYTES = GENERATOR.integers(0, 256, (3, 16, 24), np.uint8)
BOXES = np.array([[2, 3, 14, 12], [5, 1, 20, 9]], np.float32)

ARRAYS = {
    "float32": UNIT,
    "float64": GENERATOR.random((3, 16, 24)),
    "float16": UNIT.astype(np.float16),
    "big-endian": UNIT.astype(">f4"),
    "beyond": (UNIT * 5 - 2).astype(np.float32),
    "steps": np.linspace(0, 1, 3 * 256, dtype=np.float32).reshape(3, 16, 16),
    "uint8": BYTES,
    "bool": UNIT > 0.5,
    "mask": (UNIT > 0.5).astype(np.int64),
    "gray": UNIT[:1],
    "gray and alpha": BYTES[:2],
    "rgba": np.concatenate([UNIT, UNIT[:1]]),
    "bfloat16": torch.from_numpy(UNIT).to(torch.bfloat16),
    "needs grad": torch.from_numpy(UNIT.copy()).requires_grad_(),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_pixels_are_those_of_torch(name: str) -> None:
    theirs = peer_summary.image("a", ARRAYS[name], dataformats="CHW")
    ours = face.summary.image("a", ARRAYS[name], dataformats="CHW")
    np.testing.assert_array_equal(faces.pixels_of(theirs), faces.pixels_of(ours))


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 17])
@pytest.mark.parametrize("layout", ["NCHW", "nhwc", "WHNC"])
def test_grids_are_those_of_torch(count: int, layout: str) -> None:
    batch = GENERATOR.random((count, 3, 5, 4))
    data = batch.transpose(["NCHW".index(axis) for axis in layout.upper()])
    theirs = peer_summary.image("a", data, dataformats=layout)
    ours = face.summary.image("a", data, dataformats=layout)
    np.testing.assert_array_equal(faces.pixels_of(theirs), faces.pixels_of(ours))


def only_pixels(data: Any, layout: str = "HW") -> list[Any]:
    return faces.pixels_of(face.summary.image("a", data, dataformats=layout))[0].tolist()


def test_integers_are_levels_and_not_white() -> None:
    assert only_pixels(np.array([[0, 7, 255, 300, -5]])) == [
        [[0] * 3, [7] * 3, [255] * 3, [255] * 3, [0] * 3]
    ]


def test_uint16_keeps_its_depth() -> None:
    found = face.summary.image("a", np.full((4, 4), 60_000, np.uint16), dataformats="HW")
    assert found.value[0].image.encoded_image_string[24] == 16  # IHDR: bits of a sample


def test_non_finite_pixels_are_red() -> None:
    data = np.array([[0.5, np.nan, np.inf, -np.inf]])
    assert only_pixels(data) == [[[127] * 3] + 3 * [[255, 0, 0]]]


def test_gray_stays_one_channel() -> None:
    assert face.summary.image("a", UNIT[0], dataformats="HW").value[0].image.colorspace == 1


def test_no_label_is_lost() -> None:
    image = np.zeros((3, 64, 64), np.uint8)
    with pytest.warns(UserWarning, match="there are 1 labels for 2 boxes"):
        ours = face.summary.image_boxes("a", image, BOXES * 3, labels=["cat"])
    first = face.summary.image_boxes("a", image, BOXES * 3, labels=["cat", ""])
    bare = face.summary.image_boxes("a", image, BOXES * 3)
    np.testing.assert_array_equal(faces.pixels_of(ours), faces.pixels_of(first))
    assert (faces.pixels_of(ours) != faces.pixels_of(bare)).any()


def test_a_rescaled_picture_has_its_own_size_in_the_summary() -> None:
    theirs = peer_summary.image_boxes("a", UNIT, BOXES, rescale=2)
    ours = face.summary.image_boxes("a", UNIT, BOXES, rescale=2)
    np.testing.assert_array_equal(faces.pixels_of(theirs), faces.pixels_of(ours))
    image = ours.value[0].image
    assert (image.height, image.width) == (32, 48)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_a_video_is_a_gif_of_the_sheet_that_torch_makes(count: int, tmp_path: Path) -> None:
    clips = np.zeros((count, 4, 3, 6, 8), np.uint8)
    clips[:, :, 0] = (
        np.arange(count * 4).reshape(count, 4, 1, 1) * 10
    )  # few colours: GIF keeps them
    with face.SummaryWriter(tmp_path) as writer:
        writer.add_video("clip", clips, 1, 5)
    (series,) = readers.read_runs(tmp_path, "python")["."].values()
    frames = faces.decoded(faces.strings(series.points[0].value)[2])
    sheets = peer_summary._prepare_video(clips)  # divides by 255
    np.testing.assert_array_equal(frames, np.rint(sheets * 255))
