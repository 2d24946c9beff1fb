"""Every reader shows the logged data: TensorBoard, TensorFlow, tbparse.

Each reader is shown one run that has all forms of images, made once.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tests import readers
from tests.pictures import decode, gradient, noise

pytest.importorskip("tensorboard")

STEPS = [0, 5, 9]
PHOTO = gradient()
BATCH = noise(3, 8, 8, 1)
DEEP = (noise(6, 5, 2, seed=1).astype(np.uint16) * 257)[..., :1]
DESCRIPTION = "a *gradient* & more"


@pytest.fixture(scope="module", params=["image", "tensor"])
def wire(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def logdir(wire: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp(wire)
    with tbimage.SummaryWriter(directory / "run", wire=wire) as writer:
        for step in STEPS:
            writer.image("photo", PHOTO + np.uint8(step), step, description=DESCRIPTION)
            writer.image("group/batch", BATCH + np.uint8(step), step, max_outputs=2)
            writer.scalar("loss", step / 2, step, description="the *loss*")
            writer.scalar("plain", step / 4, step)
        writer.image("deep", DEEP, 1)
        writer.image("float", gradient(4, 4, 4) / 255, 1)
        writer.image("file", png_of_pillow(), 1)
    return directory


def png_of_pillow() -> bytes:
    import io

    import PIL.Image

    buffer = io.BytesIO()
    PIL.Image.fromarray(PHOTO).save(buffer, "PNG")
    return buffer.getvalue()


def images_of(series: readers.Series) -> dict[int, list[bytes]]:
    return {point.step: list(point.value[2:]) for point in series.points}  # type: ignore[index]


@pytest.mark.parametrize("loader", readers.LOADERS)
def test_both_loaders_show_every_image(logdir: Path, wire: str, loader: str) -> None:
    series = readers.read_runs(logdir, loader)["run"]
    photo = series["photo"]
    assert (photo.plugin, photo.data_class, photo.steps) == ("images", "blob_sequence", STEPS)
    assert photo.description == DESCRIPTION
    for point in photo.points:
        width, height, encoded = point.value  # type: ignore[misc]
        assert (width, height) == (b"40", b"24")
        np.testing.assert_array_equal(decode(encoded), PHOTO + np.uint8(point.step))

    if wire == "image":
        assert {tag for tag in series if "batch" in tag} == {
            "group/batch/image/0",
            "group/batch/image/1",
        }
        samples = [images_of(series[f"group/batch/image/{index}"]) for index in range(2)]
        batches = {step: [images[step][0] for images in samples] for step in STEPS}
    else:
        batches = images_of(series["group/batch"])
    assert list(batches) == STEPS
    for step, pictures in batches.items():
        assert len(pictures) == 2
        for picture, expected in zip(pictures, BATCH, strict=False):
            np.testing.assert_array_equal(decode(picture), expected[..., 0] + np.uint8(step))

    np.testing.assert_array_equal(decode(images_of(series["deep"])[1][0]), DEEP[..., 0])
    np.testing.assert_array_equal(decode(images_of(series["float"])[1][0]), gradient(4, 4, 4))
    assert images_of(series["file"]) == {1: [png_of_pillow()]}


@pytest.mark.parametrize("loader", readers.LOADERS)
def test_both_loaders_show_scalars(logdir: Path, loader: str) -> None:
    series = readers.read_runs(logdir, loader)["run"]
    loss = series["loss"]
    assert (loss.plugin, loss.data_class, loss.steps) == ("scalars", "scalar", STEPS)
    assert [point.value for point in loss.points] == [step / 2 for step in STEPS]
    assert loss.description == "the *loss*"
    assert [point.value for point in series["plain"].points] == [step / 4 for step in STEPS]


@pytest.mark.parametrize("loader", ["python", "data_server"])
def test_the_image_routes_serve_the_stored_bytes(logdir: Path, wire: str, loader: str) -> None:
    stored = [event for event in readers.read_raw(logdir) if event.HasField("summary")]
    served = readers.read_http(logdir, loader)["run"]["photo"]
    assert served.samples == 1
    assert "<em>gradient</em>" in served.description
    in_file = [
        value.image.encoded_image_string if wire == "image" else value.tensor.string_val[2]
        for event in stored
        for value in event.summary.value
        if value.tag == "photo"
    ]
    assert [image.data for image in served.images] == in_file
    assert [image.step for image in served.images] == STEPS
    assert {image.content_type for image in served.images} == {"image/png"}


def test_event_accumulator_and_tbparse_give_images(tmp_path: Path) -> None:
    pytest.importorskip("tbparse")
    with tbimage.SummaryWriter(tmp_path) as writer:
        for step in STEPS:
            writer.image("photo", PHOTO + np.uint8(step), step)
    images = readers.read_accumulator(tmp_path)["photo"]
    assert [(image.step, image.width, image.height) for image in images] == [
        (step, 40, 24) for step in STEPS
    ]
    parsed = readers.read_with_tbparse(tmp_path)["."]["photo"]
    assert [pixels.step for pixels in parsed] == STEPS
    for pixels in parsed:
        np.testing.assert_array_equal(pixels.array, PHOTO + np.uint8(pixels.step))


def test_tensorflow_decodes_every_image(logdir: Path) -> None:
    pytest.importorskip("tensorflow")
    pixels = readers.read_with_tensorflow(logdir)["run"]["photo"]
    assert [one.step for one in pixels] == STEPS
    for one in pixels:
        np.testing.assert_array_equal(one.array, PHOTO + np.uint8(one.step))


CASES = [
    np.linspace(-0.5, 1.5, 2 * 5 * 7 * 4).reshape(2, 5, 7, 4),
    np.linspace(0, 1, 2 * 5 * 7 * 4).reshape(2, 5, 7, 4),
    np.random.default_rng(3).random((2, 5, 7, 4)),
]


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "float64"])
def test_pixels_equal_those_of_tf_summary_image(tmp_path: Path, dtype: str) -> None:
    tensorflow = pytest.importorskip("tensorflow")
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    tensorflow_writer = tensorflow.summary.create_file_writer(str(theirs))
    with tbimage.SummaryWriter(ours, wire="tensor") as writer, tensorflow_writer.as_default():
        for step, (case, channels) in enumerate(itertools.product(CASES, range(1, 5))):
            data = case[..., :channels]
            data = (
                (data * 255).clip(0, 255).astype(dtype) if dtype == "uint8" else data.astype(dtype)
            )
            writer.image("case", data, step)
            tensorflow.summary.image("case", data, step)
    tensorflow_writer.close()
    expected = readers.read_with_tensorflow(theirs)["."]["case"]
    found = readers.read_with_tensorflow(ours)["."]["case"]
    assert len(found) == len(expected) == len(CASES) * 4 * 2
    for one, other in zip(found, expected, strict=True):
        assert one.step == other.step
        np.testing.assert_array_equal(one.array, other.array)


def test_pixels_equal_a_plain_definition(tmp_path: Path) -> None:
    batch = np.random.default_rng(5).normal(0.5, 0.4, (4, 16, 16, 3))
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.image("batch", batch, 0)
    images = readers.read_accumulator(tmp_path)
    for index, image in enumerate(batch):
        expected = np.clip(image * 255.5, 0, 255).astype(np.uint8)
        np.testing.assert_array_equal(decode(images[f"batch/image/{index}"][0].encoded), expected)


PACKAGES = {
    "tbimage": "import tbimage",
    "tensorflow": "import tensorflow",
    "torch": "import torch.utils.tensorboard",
    "tensorboardX": "import tensorboardX",
}
_ALL_WRITE = """
import sys, warnings
import numpy
warnings.simplefilter("ignore")
logdir = sys.argv[1]
for statement in sys.argv[2:]:
    exec(statement)
picture = numpy.zeros((4, 4, 3), numpy.uint8)
with tbimage.SummaryWriter(f"{logdir}/tbimage") as writer:
    writer.image("photo", picture, 1)
    import tbimage.events.messages
with tensorflow.summary.create_file_writer(f"{logdir}/tensorflow").as_default():
    tensorflow.summary.image("photo", picture[None], 1)
with torch.utils.tensorboard.SummaryWriter(f"{logdir}/torch") as writer:
    writer.add_image("photo", picture, 1, dataformats="HWC")
with tensorboardX.SummaryWriter(f"{logdir}/tensorboardX") as writer:
    writer.add_image("photo", picture, 1, dataformats="HWC")
"""


@pytest.mark.parametrize("order", [list(PACKAGES), list(reversed(PACKAGES))])
def test_all_writers_share_one_process(tmp_path: Path, order: list[str]) -> None:
    for package in ("tensorflow", "torch", "tensorboardX"):
        pytest.importorskip(package)
    statements = [PACKAGES[package] for package in order]
    script = textwrap.dedent(_ALL_WRITE)
    subprocess.run([sys.executable, "-c", script, str(tmp_path), *statements], check=True)
    runs: dict[str, Any] = readers.read_runs(tmp_path, "data_server")
    assert set(runs) == set(PACKAGES)
    assert all(list(series) == ["photo"] for series in runs.values())
