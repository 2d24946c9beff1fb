"""The helpers that read files are right: each reads files of TensorFlow, torch and tensorboardX."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from tests import readers

pytest.importorskip("tensorboard")

GRADIENT = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
STEPS = [0, 3, 10]


def picture(step: int) -> np.ndarray[Any, Any]:
    return GRADIENT + np.uint8(step)


def pixels(encoded: bytes) -> np.ndarray[Any, Any]:
    with PIL.Image.open(io.BytesIO(encoded)) as image:
        return np.asarray(image)


def write_with_torch(logdir: Path) -> None:
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    with tensorboard.SummaryWriter(str(logdir)) as writer:
        for step in STEPS:
            writer.add_image("photo", picture(step), step, dataformats="HWC")
            writer.add_scalar("loss", step / 2, step)
        writer.add_text("note", "**bold**", 1)


def write_with_tensorboardx(logdir: Path) -> None:
    tensorboardx = pytest.importorskip("tensorboardX")
    with tensorboardx.SummaryWriter(str(logdir)) as writer:
        for step in STEPS:
            writer.add_image("photo", picture(step), step, dataformats="HWC")
            writer.add_scalar("loss", step / 2, step)
        writer.add_text("note", "**bold**", 1)


def write_with_tensorflow(logdir: Path) -> None:
    tensorflow = pytest.importorskip("tensorflow")
    with tensorflow.summary.create_file_writer(str(logdir)).as_default():
        for step in STEPS:
            batch = np.stack([picture(step), picture(step + 100)])
            tensorflow.summary.image("photo", batch, step, description="# a *photo*")
            tensorflow.summary.scalar("loss", step / 2, step)
        tensorflow.summary.text("note", "**bold**", 1)
        tensorflow.summary.histogram("weights", np.arange(10.0), 1, buckets=2)


WRITERS: dict[str, Callable[[Path], None]] = {
    "torch": write_with_torch,
    "tensorboardX": write_with_tensorboardx,
    "tensorflow": write_with_tensorflow,
}
#: How many images each of them wrote for one step.
SAMPLES = {"torch": 1, "tensorboardX": 1, "tensorflow": 2}


def expected(writer: str, step: int) -> list[np.ndarray[Any, Any]]:
    return [picture(step), picture(step + 100)][: SAMPLES[writer]]


@pytest.fixture(scope="module")
def logdirs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A log directory with the run "a/b", as one of WRITERS wrote it; each is written once."""
    made: dict[str, Path] = {}

    def logdir(writer: str) -> Path:
        if writer not in made:
            directory = tmp_path_factory.mktemp(writer)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                WRITERS[writer](directory / "a" / "b")
            made[writer] = directory
        return made[writer]

    return logdir


@pytest.fixture(params=WRITERS)
def writer(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("loader", readers.LOADERS)
def test_loaders_give_every_series(
    writer: str, loader: str, logdirs: Callable[[str], Path]
) -> None:
    runs = readers.read_runs(logdirs(writer), loader)
    assert list(runs) == ["a/b"]
    series = runs["a/b"]

    photo = series["photo"]
    assert (photo.plugin, photo.data_class, photo.steps) == ("images", "blob_sequence", STEPS)
    for point in photo.points:
        assert isinstance(point.value, tuple)
        width, height, *encoded = point.value
        assert (width, height) == (b"7", b"5")
        for blob, array in zip(encoded, expected(writer, point.step), strict=True):
            np.testing.assert_array_equal(pixels(blob), array)

    loss = series["loss"]
    assert (loss.plugin, loss.data_class) == ("scalars", "scalar")
    assert [(point.step, point.value) for point in loss.points] == [(0, 0), (3, 1.5), (10, 5)]

    note = series.get("note") or series["note/text_summary"]
    (point,) = note.points
    assert (note.plugin, note.data_class) == ("text", "tensor")
    assert isinstance(point.value, readers.Tensor)
    assert point.value.values == (b"**bold**",)

    if writer == "tensorflow":
        assert photo.description == "# a *photo*"
        (point,) = series["weights"].points
        assert isinstance(point.value, readers.Tensor)
        np.testing.assert_array_equal(point.value.array(), [[0, 4.5, 5], [4.5, 9, 5]])


def test_loaders_agree(writer: str, logdirs: Callable[[str], Path]) -> None:
    python, multifile, server = (
        readers.read_runs(logdirs(writer), loader) for loader in readers.LOADERS
    )
    assert python == multifile
    for tag, series in python["a/b"].items():
        assert server["a/b"][tag].points == series.points
        assert server["a/b"][tag].description == series.description
    assert server["a/b"].keys() == python["a/b"].keys()


@pytest.mark.parametrize("loader", ["python", "data_server"])
def test_http_routes_serve_the_images(
    writer: str, loader: str, logdirs: Callable[[str], Path]
) -> None:
    served = readers.read_http(logdirs(writer), loader)["a/b"]
    assert list(served) == ["photo"]
    photo = served["photo"]
    assert photo.samples == SAMPLES[writer]
    if writer == "tensorflow":
        assert photo.description == "<h1>a <em>photo</em></h1>"
    assert {image.content_type for image in photo.images} == {"image/png"}
    assert [(image.sample, image.step) for image in photo.images] == [
        (sample, step) for sample in range(SAMPLES[writer]) for step in STEPS
    ]
    for image in photo.images:
        array = expected(writer, image.step)[image.sample]
        np.testing.assert_array_equal(pixels(image.data), array)


@pytest.mark.parametrize("load_fast", [True, False])
def test_server_serves_the_same(load_fast: bool, logdirs: Callable[[str], Path]) -> None:
    logdir = logdirs("torch")
    with readers.tensorboard_server(logdir, load_fast=load_fast) as url:
        served = readers.fetch_images(readers.fetch_from(url))
    assert served == readers.read_http(logdir, "data_server" if load_fast else "python")
    with pytest.raises(OSError, match="refused"):
        readers.fetch_from(url)("/")


def test_accumulator_gives_images_of_the_old_form(logdirs: Callable[[str], Path]) -> None:
    images = readers.read_accumulator(logdirs("torch") / "a" / "b")["photo"]
    assert [(image.step, image.width, image.height) for image in images] == [
        (step, 7, 5) for step in STEPS
    ]
    for image in images:
        np.testing.assert_array_equal(pixels(image.encoded), picture(image.step))


def test_raw_reader_gives_every_event_in_order(writer: str, logdirs: Callable[[str], Path]) -> None:
    first, *events = readers.read_raw(logdirs(writer))
    assert first.file_version == "brain.Event:2"
    tags = [(event.step, event.summary.value[0].tag) for event in events]
    assert tags[:6] == [(step, tag) for step in STEPS for tag in ("photo", "loss")]


def test_tensorflow_decodes_the_images(writer: str, logdirs: Callable[[str], Path]) -> None:
    decoded = readers.read_with_tensorflow(logdirs(writer))["a/b"]["photo"]
    arrays = [(step, array) for step in STEPS for array in expected(writer, step)]
    assert [image.step for image in decoded] == [step for step, _ in arrays]
    for image, (_, array) in zip(decoded, arrays, strict=True):
        np.testing.assert_array_equal(image.array, array)


@pytest.mark.parametrize("writer", ["torch", "tensorboardX"], indirect=True)
def test_tbparse_decodes_the_images(writer: str, logdirs: Callable[[str], Path]) -> None:
    decoded = readers.read_with_tbparse(logdirs(writer))["a/b"]["photo"]
    assert [image.step for image in decoded] == STEPS
    for image in decoded:
        np.testing.assert_array_equal(image.array, picture(image.step))


# Files that grow, faults, and processes that must end.


@pytest.mark.parametrize("loader", readers.LOADERS)
def test_live_loader_sees_later_events(loader: str, tmp_path: Path) -> None:
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    with tensorboard.SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("loss", 1.0, 0)
        writer.flush()
        with readers.open_loader(tmp_path, loader, live=True) as provider:
            assert readers.read_provider(provider())["."]["loss"].steps == [0]
            writer.add_scalar("loss", 1.0, 1)
            writer.flush()
            readers.wait_until(
                lambda: readers.read_provider(provider())["."]["loss"].steps == [0, 1], "step 1"
            )


def test_tensorboard_reads_without_tensorflow() -> None:
    from tensorboard import compat

    assert compat.tf.__version__ == "stub"


@pytest.mark.parametrize("loader", readers.LOADERS)
def test_loaders_find_no_runs_in_an_empty_directory(loader: str, tmp_path: Path) -> None:
    assert readers.read_runs(tmp_path, loader) == {}


@pytest.mark.parametrize("loader", readers.LOADERS)
def test_loaders_stop_at_a_corrupt_record(
    loader: str, logdirs: Callable[[str], Path], tmp_path: Path
) -> None:
    (source,) = readers.event_files(logdirs("torch"))
    data = bytearray(source.read_bytes())
    offsets = [0]
    while offsets[-1] < len(data):
        (length,) = struct.unpack_from("<Q", data, offsets[-1])
        offsets.append(offsets[-1] + 16 + length)
    data[offsets[3] + 8] ^= 1  # the checksum of the third record's length: step 3's photo
    (tmp_path / source.name).write_bytes(data)
    series = readers.read_runs(tmp_path, loader)["."]
    assert (series["photo"].steps, series["loss"].steps) == ([0], [0])


def test_readers_leave_no_process_behind(logdirs: Callable[[str], Path], tmp_path: Path) -> None:
    """The processes of an interrupted test end with it, be it by an exception or by a kill."""
    children = Path(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/children")
    if not children.exists():
        pytest.skip("needs Linux's /proc")
    before = children.read_text()
    for open_one in (readers.tensorboard_server, lambda d: readers.open_loader(d, "data_server")):
        with pytest.raises(ZeroDivisionError), open_one(logdirs("torch")):
            raise ZeroDivisionError
    assert set(children.read_text().split()) <= set(before.split())

    script = (
        "import os, signal, sys; from tests import readers\n"
        "with readers.open_loader(sys.argv[1], 'data_server') as provider:\n"
        "    print(provider()._addr, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", script, str(logdirs("torch"))], capture_output=True, text=True
    )
    fetch = readers.fetch_from("http://" + killed.stdout.strip())

    def refused() -> bool:
        try:
            fetch("/")
        except ConnectionRefusedError:
            return True
        except OSError as error:
            return "refused" in str(error)
        except Exception:  # it still answers, though not in HTTP
            return False
        return False

    readers.wait_until(refused, "the data server to end with the process that started it")


def test_a_reader_that_fails_to_start_gives_the_reason(tmp_path: Path) -> None:
    server = readers.open_loader("no-such-scheme://x", "data_server")
    with pytest.raises(RuntimeError, match="ended early"):
        server.__enter__()


def test_the_error_of_a_timeout_has_the_name_and_the_last_value() -> None:
    with pytest.raises(TimeoutError, match="for the moon; last: 0"):
        readers.wait_until(lambda: 0, "the moon", seconds=0.05)


# The page itself.


@pytest.mark.parametrize("load_fast", [True, False])
def test_browser_shows_the_images(
    load_fast: bool, browser: Any, logdirs: Callable[[str], Path], tmp_path: Path
) -> None:
    shot = tmp_path / "images.png"
    with readers.tensorboard_server(logdirs("torch"), load_fast=load_fast) as url:
        page = readers.screenshot(browser, url + "#images", shot, pictures=1, text=("photo",))
    assert [(picture.width, picture.height) for picture in page.pictures] == [(7, 5)]
    assert "/data/plugin/images/individualImage" in page.pictures[0].source
    with PIL.Image.open(shot) as image:
        assert image.format == "PNG"
        assert image.size == (1280, 900)
