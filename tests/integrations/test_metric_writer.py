"""The writers of clu and flax, compared with the logs of these packages."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tbimage.integrations.flax import SummaryWriter
from tbimage.integrations.metric_writer import MetricWriter
from tests import readers
from tests.compat import faces
from tests.integrations.programs import require, run

LOGGING = """
import sys, numpy as np

rng = np.random.default_rng(0)
floats, levels = rng.random((4, 8, 8, 3)), rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
sound, numbers = rng.random((2, 100, 1), np.float32) * 2 - 1, rng.normal(size=(5, 7))
directory = sys.argv[1]


def use_clu(writer):
    writer.write_hparams({"lr": 0.1, "model": {"layers": 2}, "name": "a"})
    for step in (0, 5):
        writer.write_scalars(step, {"loss": 0.5 + step, "accuracy": np.float32(0.25)})
        writer.write_images(step, {"floats": floats, "levels": levels})
        writer.write_texts(step, {"note": f"*{step}*"})
        writer.write_audios(step, {"sound": sound}, sample_rate=8000)
        writer.write_histograms(step, {"few": numbers, "many": numbers}, {"few": 5})
        writer.write_summaries(step, {"tensor": numbers})
    writer.flush()
    writer.close()


def use_flax(writer):
    writer.hparams({"lr": 0.1, "model": {"layers": 2}, "sizes": [3, 4]})
    for step in (0, 5):
        writer.scalar("loss", np.array(0.5 + step), step)
        writer.image("floats", floats, step, max_outputs=2)
        writer.image("one", levels, step)
        writer.audio("sound", sound, step, sample_rate=8000)
        writer.histogram("numbers", numbers, step, bins=5)
        writer.text("note", "*text*", step)
    writer.close()
"""
THEIRS = (
    LOGGING
    + """
from clu.metric_writers import SummaryWriter, interface
from flax.metrics import tensorboard
from tbimage.integrations.metric_writer import MetricWriter

use_clu(SummaryWriter(directory + "/clu"))
use_flax(tensorboard.SummaryWriter(directory + "/flax"))
assert isinstance(MetricWriter(directory + "/other"), interface.MetricWriter)
"""
)
OURS = (
    LOGGING
    + """
import jax.numpy as jnp
from tbimage.integrations.flax import SummaryWriter
from tbimage.integrations.metric_writer import MetricWriter

levels = jnp.asarray(levels)
use_clu(MetricWriter(directory + "/clu"))
use_flax(SummaryWriter(directory + "/flax"))
assert not {"tensorflow", "clu", "flax"} & set(sys.modules)
"""
)

Written = tuple[Path, Path]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The directories of the packages' writers and of ours."""
    require("clu", "flax", "jax", "tensorflow")
    theirs, ours = (tmp_path_factory.mktemp(name) for name in ("theirs", "ours"))
    run(THEIRS, theirs, hide=(), cwd=theirs)
    run(OURS, ours, cwd=ours)
    return theirs, ours


def pixels_of(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def comparable(series: readers.Series) -> Any:
    """Images by their pixels, numbers as arrays, all else as it is."""
    values = []
    for point in series.points:
        value: Any = point.value
        if isinstance(value, readers.Tensor):
            value = value.array().tolist()
        elif series.plugin == "images":
            value = [pixels_of(each).tolist() for each in value[2:]]
        values.append((point.step, value))
    return series.plugin, series.data_class, values


@pytest.mark.slow
@pytest.mark.parametrize("loader", ["python", "data_server"])
@pytest.mark.parametrize("package", ["clu", "flax"])
def test_tags_steps_and_values_are_those_of_the_package(
    written: Written, package: str, loader: str
) -> None:
    theirs, ours = (readers.read_runs(each / package, loader)["."] for each in written)
    if package == "clu":
        assert ours.pop("tensor").steps == [0, 5]  # TensorBoard lists none that TensorFlow writes
        theirs.pop("tensor", None)
    assert set(ours) == set(theirs)
    for tag, series in theirs.items():
        if tag != "_hparams_/session_start_info":
            assert comparable(ours[tag]) == comparable(series)


@pytest.mark.slow
@pytest.mark.parametrize("package", ["clu", "flax"])
def test_hyperparameters_are_those_of_the_package(written: Written, package: str) -> None:
    theirs, ours = (written[0] / package, written[1] / package)
    faces.assert_same_hparams(theirs, ours, experiment=True)


def test_videos_become_animations(tmp_path: Path) -> None:
    writer = MetricWriter(tmp_path)
    clip = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    writer.write_videos(2, {"clip": clip})
    writer.close()
    series = readers.read_runs(tmp_path, "data_server")["."]["clip"]
    assert series.steps == [2]
    value: Any = series.points[0].value
    with Image.open(io.BytesIO(value[2])) as image:
        for number, frame in enumerate(clip):
            image.seek(number)
            assert np.array_equal(np.asarray(image.convert("RGB")), frame)


def test_many_gray_images_of_flax_are_told_from_one_with_colours(tmp_path: Path) -> None:
    writer = SummaryWriter(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 6), dtype=np.uint8)
    writer.image("three", pixels, 0)
    writer.image("gray", pixels[0], 0)
    writer.close()
    runs = readers.read_runs(tmp_path, "data_server")["."]
    three: Any = runs["three"].points[0].value
    assert [pixels_of(each).tolist() for each in three[2:]] == pixels.tolist()
    gray: Any = runs["gray"].points[0].value
    assert np.array_equal(pixels_of(gray[2]), pixels[0])


def test_what_does_not_fit_is_an_error_of_the_call(tmp_path: Path) -> None:
    writer = MetricWriter(tmp_path)
    with pytest.raises(ValueError, match="value must be"):
        writer.write_scalars(0, {"loss": np.zeros(3)})
    with pytest.raises(ValueError, match="data of shape"):
        writer.write_images(0, {"images": np.zeros((2, 2, 2, 2, 2))})
    writer.close()
