"""`tbimage.read` gives the same values as TensorBoard's loaders and tbparse, for every writer."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage.events.messages import Event
from tbimage.events.records import frame
from tests import readers
from tests.reading.peers import PICTURES, STEPS, WRITERS

LOADED_BY = ("data_server", "python")


@pytest.fixture(scope="module")
def logdirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {}


@pytest.fixture(params=sorted(WRITERS))
def logdir(
    request: pytest.FixtureRequest,
    logdirs: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A run by each writer, written once."""
    name = request.param
    if name not in logdirs:
        path = tmp_path_factory.mktemp(name)
        WRITERS[name](path)
        logdirs[name] = path
    return logdirs[name]


def shown(run: Any, tag: str, kind: str) -> list[tuple[int, float, Any]]:
    """Return the values of a tag in the form of a loader."""
    if kind == "scalar":
        numbers = run.scalars(tag)
        return list(zip(numbers.steps, numbers.wall_times, numbers.values, strict=True))
    if kind == "image":
        points: dict[int, tuple[int, float, Any]] = {}
        for image in run.images(tag):
            size = f"{image.width}".encode(), f"{image.height}".encode()
            known = points.setdefault(image.step, (image.step, image.wall_time, size))
            points[image.step] = (*known[:2], (*known[2], image.encoded))
        return list(points.values())
    items: Any = {
        "histogram": lambda: ((each, each.buckets) for each in run.histograms(tag)),
        "text": lambda: ((each, each.strings) for each in run.texts(tag)),
        "audio": lambda: ((each, each.encoded) for each in run.audio(tag)),
        "tensor": lambda: ((each, each.value) for each in run.tensors(tag)),
    }[kind]()
    return [(each.step, each.wall_time, value) for each, value in items]


def expected(point: Any, kind: str) -> Any:
    if kind == "audio":
        return point.value[0] if isinstance(point.value, tuple) else point.value.values[0]
    if kind == "text":
        array = np.empty(len(point.value.values), object)
        array[:] = [each.decode() for each in point.value.values]
        return array.reshape(point.value.shape)
    if kind in ("histogram", "tensor"):
        return point.value.array()
    return point.value


@pytest.mark.parametrize("loader", LOADED_BY)
def test_values_are_those_of_tensorboard(logdir: Path, loader: str) -> None:
    loaded = readers.read_runs(logdir, loader)
    logs = tbimage.read(logdir)
    assert set(logs.runs) == set(loaded)
    compared = set()
    for name, series in loaded.items():
        run = logs[name]
        assert set(run.tags) == set(series)
        for tag, told in series.items():
            about = run.tags[tag]
            assert about.plugin == told.plugin
            assert about.description == told.description
            named = about.display_name or (tag if loader == "python" and told.display_name else "")
            assert named == told.display_name  # the Python loader makes up a missing one
            if about.kind == "hparams":
                continue
            assert (about.first_step, about.last_step) == (told.steps[0], told.steps[-1])
            mine = shown(run, tag, about.kind)
            assert [each[:2] for each in mine] == [(p.step, p.wall_time) for p in told.points]
            for (_, _, value), point in zip(mine, told.points, strict=True):
                same(value, expected(point, about.kind), about.kind, loader)
            compared.add(about.kind)
    assert {"scalar", "image", "histogram"} <= compared


def same(mine: Any, theirs: Any, kind: str, loader: str) -> None:
    if kind == "histogram":
        theirs = theirs.astype(np.float64)
        if loader == "data_server":  # which keeps the empty buckets at the ends of TF1's form
            assert mine[:, 2].sum() == theirs[:, 2].sum()
            return
        mine = mine.astype(np.float32)  # which the Python loader converts TF1's form to
        theirs = theirs.astype(np.float32)
    if isinstance(theirs, np.ndarray):
        assert mine.shape == theirs.shape
        assert np.array_equal(mine, theirs)
    else:
        assert mine == theirs


@readers.without_warnings
def accumulator(logdir: Path) -> Any:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing import event_accumulator as module

    loaded = module.EventAccumulator(str(logdir), size_guidance=dict.fromkeys(
        (module.SCALARS, module.IMAGES, module.HISTOGRAMS, module.AUDIO, module.TENSORS), 0
    ))  # fmt: skip
    loaded.Reload()
    return loaded


def test_values_are_those_of_event_accumulator(logdir: Path) -> None:
    loaded = accumulator(logdir)
    run = tbimage.read(logdir)["."]
    tags = loaded.Tags()
    for tag in tags["scalars"]:
        numbers = run.scalars(tag)
        mine = list(zip(numbers.wall_times, numbers.steps, numbers.values, strict=True))
        assert mine == [(each.wall_time, each.step, each.value) for each in loaded.Scalars(tag)]
    for tag in tags["images"]:
        assert [
            (each.wall_time, each.step, each.encoded, each.width, each.height)
            for each in run.images(tag)
        ] == [
            (each.wall_time, each.step, each.encoded_image_string, each.width, each.height)
            for each in loaded.Images(tag)
        ]
    for tag in tags["histograms"]:
        for own, theirs in zip(run.histograms(tag), loaded.Histograms(tag), strict=True):
            value = theirs.histogram_value
            assert (own.wall_time, own.step) == (theirs.wall_time, theirs.step)
            assert own.limits.tolist() == list(value.bucket_limit)
            assert own.counts.tolist() == list(value.bucket)
            assert (own.min, own.max, own.num) == (value.min, value.max, value.num)
            assert (own.sum, own.sum_squares) == (value.sum, value.sum_squares)
    for tag in tags["audio"]:
        assert [
            (each.wall_time, each.step, each.encoded, each.content_type, each.sample_rate)
            for each in run.audio(tag)
        ] == [
            (each.wall_time, each.step, each.encoded_audio_string, each.content_type,
             each.sample_rate)
            for each in loaded.Audio(tag)
        ]  # fmt: skip
    for tag in tags["tensors"]:
        from tensorboard.util.tensor_util import make_ndarray

        arrays = [make_ndarray(each.tensor_proto) for each in loaded.Tensors(tag)]
        kind = run.tags[tag].kind
        if kind == "scalar":
            assert run.scalars(tag).values.tolist() == [float(each) for each in arrays]
        elif kind != "hparams":
            for tensor, array in zip(run.tensors(tag), arrays, strict=True):
                assert tensor.value.shape == array.shape
                assert (tensor.value == array).all()


def test_scalars_and_pictures_are_those_of_tbparse(logdir: Path) -> None:
    tbparse = pytest.importorskip("tbparse")
    pytest.importorskip("pandas")
    run = tbimage.read(logdir)["."]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = tbparse.SummaryReader(str(logdir), extra_columns={"wall_time"}).scalars
    for tag, rows in frame.groupby("tag") if len(frame) else ():
        numbers = run.scalars(tag)
        assert numbers.steps.tolist() == rows["step"].tolist()
        assert numbers.values.tolist() == rows["value"].tolist()
        assert numbers.wall_times.tolist() == rows["wall_time"].tolist()
    for tag, pictures in readers.read_with_tbparse(logdir).get(".", {}).items():
        for mine, theirs in zip(run.images(tag), pictures, strict=True):
            assert mine.step == theirs.step
            assert np.array_equal(mine.pixels().squeeze(), theirs.array.squeeze())


def test_pictures_are_those_that_were_logged(logdir: Path) -> None:
    run = tbimage.read(logdir)["."]
    if "picture" in run.tags:
        pictures = run.images("picture")
        assert pictures.steps.tolist() == list(range(STEPS))
        for picture, pixels in zip(pictures, PICTURES, strict=True):
            assert (picture.width, picture.height, picture.channels) == (7, 5, 3)
            assert np.array_equal(picture.pixels(), pixels)
            assert np.array_equal(np.asarray(picture.pil()), pixels)
    if "batch" in run.tags or "batch/image/0" in run.tags:
        batch = run.images("batch", batch=True)
        assert [(each.step, each.sample) for each in batch] == [
            (step, sample) for step in range(STEPS) for sample in range(3)
        ]
        assert np.array_equal(batch.at(4, 2).pixels(), PICTURES[2])


def test_hyperparameters_are_those_that_were_logged(tmp_path: Path) -> None:
    WRITERS["tbimage"](tmp_path)
    trial = tbimage.read(tmp_path)["."].hparams()
    assert trial is not None
    assert trial.values == {"lr": 0.5, "name": "x", "fast": True}
    assert trial.status == "success"


@readers.without_warnings
def test_hyperparameters_of_torch(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_hparams({"lr": 0.5, "name": "x"}, {"accuracy": 0.75}, run_name="trial")
    trial = tbimage.read(tmp_path)["trial"].hparams()
    assert trial is not None
    assert trial.values == {"lr": 0.5, "name": "x"}
    assert (trial.metrics, trial.status) == (("accuracy",), "success")


# Restarts: values that the data server removes.


def write_steps(path: Path, steps: list[int], kind: str) -> None:
    events = [Event(wall_time=1.0, file_version="brain.Event:2")]
    for number, step in enumerate(steps):
        event = Event(wall_time=2.0 + number, step=step)
        if kind == "scalar":
            event.summary.value.add(tag="x", simple_value=number)
        else:
            image = event.summary.value.add(tag="x").image
            image.width = image.height = 1
            image.encoded_image_string = b"%d" % number
        events.append(event)
    path.write_bytes(b"".join(b"".join(frame([event.SerializeToString()])) for event in events))


RESTARTS = [
    [0, 1, 2, 4, 5, 3, 6],
    [0, 0, 0],
    [*range(10), 0],
    [0, 1, 2, 3, 2, 3, 4, 1, 5],
    [-5, 3, -(2**63), 2**62, 7],
    [0, 200, 100, 2**21, 300],
]


@pytest.mark.parametrize("kind", ["scalar", "image"])
@pytest.mark.parametrize("steps", RESTARTS, ids=str)
def test_what_a_restart_replaced_is_gone_as_in_the_data_server(
    tmp_path: Path, steps: list[int], kind: str
) -> None:
    write_steps(tmp_path / "events.out.tfevents.1", steps, kind)
    points = readers.read_runs(tmp_path, "data_server")["."]["x"].points
    run = tbimage.read(tmp_path)["."]
    mine = shown(run, "x", kind)
    assert [each[:2] for each in mine] == [(point.step, point.wall_time) for point in points]
    series: Any = run.scalars("x", raw=True) if kind == "scalar" else run.images("x", raw=True)
    assert series.steps.tolist() == steps
    assert run.tags["x"].count == len(points)


def test_files_of_a_run_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    write_steps(tmp_path / "events.out.tfevents.1", list(range(10)), "scalar")
    write_steps(tmp_path / "events.out.tfevents.2", list(range(6)), "scalar")
    points = readers.read_runs(tmp_path, "data_server")["."]["x"].points
    numbers = tbimage.read(tmp_path)["."].scalars("x")
    assert numbers.steps.tolist() == [point.step for point in points] == list(range(6))
    assert numbers.wall_times.tolist() == [point.wall_time for point in points]


def test_a_later_file_needs_no_metadata_of_its_own(tmp_path: Path) -> None:
    for number in (1, 2):
        event = Event(wall_time=1.0, step=number)
        value = event.summary.value.add(tag="x")
        value.tensor.dtype = 1
        value.tensor.tensor_shape.SetInParent()
        value.tensor.float_val.append(number)
        if number == 1:
            value.metadata.plugin_data.plugin_name = "scalars"
        record = b"".join(frame([event.SerializeToString()]))
        (tmp_path / f"events.out.tfevents.{number}").write_bytes(record)
    assert tbimage.read(tmp_path)["."].scalars("x").values.tolist() == [1, 2]
    points = readers.read_runs(tmp_path, "data_server")["."]["x"].points
    assert [point.value for point in points] == [1, 2]
