"""torch and its adapter: the same calls, read back by TensorBoard and compared by value."""

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
mpl: Any = pytest.importorskip("matplotlib")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    peer: Any = pytest.importorskip("torch.utils.tensorboard")
    peer_summary: Any = pytest.importorskip("torch.utils.tensorboard.summary")

TIME = 1_700_000_000.0
GENERATOR = np.random.default_rng(20)
UNIT = GENERATOR.random((3, 16, 24)).astype(np.float32)
BATCH = GENERATOR.random((11, 3, 8, 12)).astype(np.float32)
BYTES = GENERATOR.integers(0, 256, (3, 16, 24), np.uint8)
BOXES = np.array([[2, 3, 14, 12], [5, 1, 20, 9]], np.float32)
NORMAL = GENERATOR.normal(size=1000)
TONE = np.sin(np.arange(800) / 9).astype(np.float32)
LABELS, SCORES = GENERATOR.integers(0, 2, 100), GENERATOR.random(100).astype(np.float32)
POINTS = GENERATOR.normal(size=(2, 5, 3)).astype(np.float32)
COLORS = GENERATOR.integers(0, 256, (2, 5, 3))
FACES = np.array([[[0, 1, 2]], [[2, 3, 4]]])
ROWS = [[4.0, 2, 1], [3.0, 1, 0], [0.0, 2, 3], [0.0, 2, 3], [0.5, 0.6, 1], [1.0, 0.5, 0.2]]


def figure(width: float = 2) -> Any:
    mpl.use("agg")
    from matplotlib import pyplot

    drawn, axes = pyplot.subplots(figsize=(width, 2))
    axes.plot([1, 3, 2])
    return drawn


#: Each logs under tags that begin with its name.
CALLS: dict[str, faces.Call] = {
    "scalar": lambda w: [w.add_scalar("scalar", x / 3, x, TIME) for x in range(3)],
    "scalar_tensor": lambda w: w.add_scalar("scalar_tensor", torch.tensor([0.1]), 3, TIME),
    "scalar_nan": lambda w: w.add_scalar("scalar_nan", np.float32("inf"), torch.tensor(2), TIME),
    "scalar_without_step": lambda w: w.add_scalar("scalar_without_step", 3),
    "scalar/of a b": lambda w: w.add_scalar("scalar/of a b", np.int64(3), 1.0, TIME),
    "scalars/x": lambda w: [
        w.add_scalars("scalars/x", {"a": 1.0, "b/c": np.float32(2)}, 4, TIME),
        w.add_scalars("scalars/x", {"d": torch.tensor(3)}, 4, TIME),
    ],
    "histogram": lambda w: w.add_histogram("histogram", NORMAL, 1, walltime=TIME),
    "histogram_auto": lambda w: w.add_histogram("histogram_auto", NORMAL, 1, "auto", TIME),
    "histogram_fewer": lambda w: w.add_histogram("histogram_fewer", NORMAL, 1, 100, TIME, 13),
    "histogram_one": lambda w: w.add_histogram("histogram_one", torch.ones(7), 1, walltime=TIME),
    "histogram_ints": lambda w: (
        w.add_histogram("histogram_ints", [[1, 5], [-3, 0]], 1)
        if isinstance(w, face.SummaryWriter)
        else w.add_histogram("histogram_ints", np.array([1, 5, -3, 0]), 1)
    ),
    "histogram_raw": lambda w: w.add_histogram_raw(
        "histogram_raw", 0.5, 4.5, 6, 12.0, 40.0, [1.0, 2, 3, 4, 5], [0, 2, 0, 4, 0], 2, TIME
    ),
    "image": lambda w: w.add_image("image", UNIT, 1, TIME),
    "image_bytes": lambda w: w.add_image("image_bytes", torch.from_numpy(BYTES), 1, TIME),
    "image_gray": lambda w: w.add_image("image_gray", UNIT[0], 1, TIME, "HW"),
    "image_clipped": lambda w: w.add_image("image_clipped", UNIT * 3 - 1, 1, TIME),
    "images": lambda w: w.add_images("images", BATCH, 1, TIME),
    "images_nhwc": lambda w: w.add_images(
        "images_nhwc", BATCH.transpose(0, 2, 3, 1)[:3, ..., :1], 1, TIME, dataformats="NHWC"
    ),
    "boxes": lambda w: w.add_image_with_boxes(
        "boxes", UNIT.repeat(4, 2).repeat(4, 1), BOXES * 4, 1, TIME, labels=["cat", "a dog"]
    ),
    "boxes_plain": lambda w: w.add_image_with_boxes("boxes_plain", BYTES, BOXES, 1, TIME),
    "figure": lambda w: w.add_figure("figure", figure(), 1, True, TIME),
    "figures": lambda w: w.add_figure("figures", [figure(), figure()], 1, walltime=TIME),
    "audio": lambda w: w.add_audio("audio", TONE[None], 1, 8000, TIME),
    "audio_double": lambda w: w.add_audio("audio_double", TONE.astype(np.float64), 1, 44100, TIME),
    "text": lambda w: w.add_text("text", "# **ü**", 1, TIME),
    "pr_curve": lambda w: w.add_pr_curve("pr_curve", LABELS, SCORES, 1, 33, None, TIME),
    "pr_weighted": lambda w: w.add_pr_curve("pr_weighted", LABELS, SCORES, 1, 200, SCORES, TIME),
    "pr_raw": lambda w: w.add_pr_curve_raw("pr_raw", *map(np.array, ROWS), 1, 3, walltime=TIME),
    "mesh": lambda w: w.add_mesh(
        "mesh",
        torch.from_numpy(POINTS),
        torch.from_numpy(COLORS),
        torch.from_numpy(FACES),
        {"camera": {"fov": 75}},
        1,
        TIME,
    ),
    "custom_scalars__config__": lambda w: w.add_custom_scalars(
        {"all": {"both": ["Multiline", ["a/.*"]], "bounds": ["Margin", ["m", "l", "h"]]}}
    ),
}
WITHOUT_TIME = {"scalar_without_step", "histogram_ints", "custom_scalars__config__"}


@pytest.fixture(scope="module")
def directories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    found = {name: tmp_path_factory.mktemp(name) for name in ("peer", "face")}
    faces.write(lambda: peer.SummaryWriter(found["peer"]), CALLS, quiet=True)
    faces.write(lambda: face.SummaryWriter(found["face"]), CALLS)
    return found


@pytest.fixture(scope="module")
def read(directories: dict[str, Path]) -> dict[tuple[str, str], faces.Runs]:
    return {
        (who, loader): readers.read_runs(directory, loader)
        for who, directory in directories.items()
        for loader in faces.LOADERS
    }


@pytest.mark.parametrize("loader", faces.LOADERS)
@pytest.mark.parametrize("name", CALLS)
def test_a_call_shows_the_same_as_torchs(
    read: dict[tuple[str, str], faces.Runs], name: str, loader: str
) -> None:
    expected = faces.series_of(read["peer", loader], name, CALLS)
    got = faces.series_of(read["face", loader], name, CALLS)
    assert expected
    assert expected.keys() == got.keys()
    for key, series in expected.items():
        faces.assert_same(
            series, got[key], wall_times=name not in WITHOUT_TIME, exact=loader == "python"
        )


def test_every_method_is_compared() -> None:
    assert faces.public_methods(peer.SummaryWriter) - faces.methods_called(
        CALLS, peer.SummaryWriter
    ) == {
        # Compared in tests of their own:
        *("add_custom_scalars_marginchart", "add_custom_scalars_multilinechart"),
        *("add_embedding", "add_graph", "add_hparams", "add_onnx_graph", "add_tensor", "add_video"),
        *("__init__", "close", "flush", "get_logdir"),
    }


def test_the_data_server_shows_everything(read: dict[tuple[str, str], faces.Runs]) -> None:
    python, server = read["face", "python"], read["face", "data_server"]
    assert {run: set(tags) for run, tags in python.items()} == {
        run: set(tags) for run, tags in server.items()
    }
    histogram = faces.array(server["."]["histogram"])
    assert (histogram[0, 0], histogram[-1, 1]) == (NORMAL.min(), NORMAL.max())
    assert histogram[:, 2].sum() == NORMAL.size


def test_directories_are_those_of_torch(directories: dict[str, Path]) -> None:
    assert faces.files_below(directories["peer"]) == faces.files_below(directories["face"])


def test_hparams(tmp_path: Path) -> None:
    values = {"lr": 0.1, "layers": 3, "optimizer": "adam", "none": None}
    domains = {"optimizer": ["adam", "sgd"]}
    for kind, name in ((peer.SummaryWriter, "peer"), (face.SummaryWriter, "face")):
        with kind(tmp_path / name) as writer:
            writer.add_hparams(values, {"loss": 0.5}, domains, "trial", 3)
    faces.assert_same_hparams(tmp_path / "peer", tmp_path / "face", experiment=True)
    for name in ("peer", "face"):
        metric = readers.read_runs(tmp_path / name, "python")["trial"]["loss"]
        assert [(point.step, point.value) for point in metric.points] == [(3, 0.5)]


def test_embedding(tmp_path: Path) -> None:
    matrix, images = torch.from_numpy(NORMAL[:35].reshape(5, 7)), torch.from_numpy(BATCH[:5])
    labels = [[number, f"n{number}"] for number in range(5)]
    for kind, name in ((peer.SummaryWriter, "peer"), (face.SummaryWriter, "face")):
        with kind(tmp_path / name) as writer:
            writer.add_embedding(matrix, labels, images, 2, "a/b", ["number", "name"])
    faces.assert_same_embedding(tmp_path / "peer", tmp_path / "face", "00002/a%2fb")
