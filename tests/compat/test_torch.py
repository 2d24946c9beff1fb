"""torch's face beside torch: the same calls, read back by TensorBoard, compared value by value.

What lives here: ``tbimage.compat.torch``. What does not: third parties (test_third_parties.py).
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage.compat import torch as face
from tbimage.events import messages
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
        for loader in ("python", "data_server")
    }


@pytest.mark.parametrize("name", CALLS)
def test_a_call_writes_what_torch_writes(
    read: dict[tuple[str, str], faces.Runs], name: str
) -> None:
    expected = faces.series_of(read["peer", "python"], name, CALLS)
    got = faces.series_of(read["face", "python"], name, CALLS)
    assert expected
    assert expected.keys() == got.keys()
    for key, series in expected.items():
        faces.assert_same(series, got[key], wall_times=name not in WITHOUT_TIME)


@pytest.mark.parametrize("name", ["scalar", "scalars/x", "image", "images", "text", "pr_curve"])
def test_the_data_server_shows_the_same(read: dict[tuple[str, str], faces.Runs], name: str) -> None:
    expected = faces.series_of(read["peer", "data_server"], name, CALLS)
    got = faces.series_of(read["face", "data_server"], name, CALLS)
    assert expected
    assert expected.keys() == got.keys()
    for key, series in expected.items():
        faces.assert_same(series, got[key])


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


def test_every_method_of_torch_is_there_with_its_signature() -> None:
    for ours, theirs in (
        (face.SummaryWriter, peer.SummaryWriter),
        (face.FileWriter, peer.FileWriter),
    ):
        names = faces.public_methods(theirs)
        assert names - faces.public_methods(ours) == set()
        for name in names:
            expected = faces.signature(getattr(theirs, name))
            assert faces.signature(getattr(ours, name)) == expected, name


#: Tools of torch's own module, which make no summary.
NOT_FOR_OTHERS = {
    "compute_curve",
    "draw_boxes",
    "half_to_int",
    "int_to_half",
    "make_histogram",
    "make_image",
    "make_video",
}


def test_every_summary_function_of_torch_is_there_with_its_signature() -> None:
    for name in set(peer_summary.__all__) - NOT_FOR_OTHERS:
        expected = faces.signature(getattr(peer_summary, name))
        assert faces.signature(getattr(face.summary, name)) == expected, name


def test_attributes(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = peer.SummaryWriter(tmp_path / "peer")
    ours = face.SummaryWriter(tmp_path / "face", filename_suffix=".x", max_queue=3, flush_secs=7)
    assert {name for name in vars(theirs) if not name.startswith("_")} <= set(vars(ours))
    assert ours.default_bins == pytest.approx(theirs.default_bins)
    assert ours.get_logdir() == ours.log_dir == tmp_path / "face"
    assert ours.file_writer.get_logdir() == str(tmp_path / "face")
    assert ours.all_writers == {str(tmp_path / "face"): ours.file_writer}
    assert (ours.max_queue, ours.flush_secs, ours.filename_suffix) == (3, 7, ".x")
    assert readers.event_files(tmp_path / "face")[0].name.endswith(".x")
    theirs.close()
    ours.close()
    ours.close()
    assert ours.file_writer is None
    assert ours.all_writers is None


def test_the_default_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with face.SummaryWriter(comment="_x") as writer:
        assert writer.log_dir.startswith("runs/")
    (directory,) = (tmp_path / "runs").iterdir()
    assert directory.name.endswith("_x")


def test_a_closed_writer_goes_on_in_a_new_file(tmp_path: Path) -> None:
    with face.SummaryWriter(tmp_path) as writer:
        writer.add_scalar("a", 1, 1)
        writer.close()
        writer.add_scalar("a", 2, 2)
    assert readers.read_runs(tmp_path, "python_multifile")["."]["a"].steps == [1, 2]
    assert len(readers.event_files(tmp_path)) == 2


def test_purge_step_is_said_once(tmp_path: Path) -> None:
    with face.SummaryWriter(tmp_path, purge_step=5) as writer:
        writer.close()
        writer.add_scalar("a", 2, 6)
        assert writer.purge_step is None
    starts = [e for e in readers.read_raw(tmp_path) if e.HasField("session_log")]
    assert [event.step for event in starts] == [5, 5]  # TensorBoard ignores the first


# Pixels


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


def test_what_is_not_finite_is_red() -> None:
    data = np.array([[0.5, np.nan, np.inf, -np.inf]])
    assert only_pixels(data) == [[[127] * 3] + 3 * [[255, 0, 0]]]


def test_gray_stays_one_channel() -> None:
    assert face.summary.image("a", UNIT[0], dataformats="HW").value[0].image.colorspace == 1


def test_no_label_is_lost() -> None:
    image = np.zeros((3, 64, 64), np.uint8)
    with pytest.warns(UserWarning, match="labels are 1 for 2 boxes"):
        ours = face.summary.image_boxes("a", image, BOXES * 3, labels=["cat"])
    first = face.summary.image_boxes("a", image, BOXES * 3, labels=["cat", ""])
    bare = face.summary.image_boxes("a", image, BOXES * 3)
    np.testing.assert_array_equal(faces.pixels_of(ours), faces.pixels_of(first))
    assert (faces.pixels_of(ours) != faces.pixels_of(bare)).any()


def test_a_rescaled_picture_says_its_own_size() -> None:
    theirs = peer_summary.image_boxes("a", UNIT, BOXES, rescale=2)
    ours = face.summary.image_boxes("a", UNIT, BOXES, rescale=2)
    np.testing.assert_array_equal(faces.pixels_of(theirs), faces.pixels_of(ours))
    image = ours.value[0].image
    assert (image.height, image.width) == (32, 48)


def test_a_video_is_a_gif(tmp_path: Path) -> None:
    clips = np.zeros((3, 4, 3, 6, 8), np.uint8)
    clips[:, :, 0] = np.arange(12).reshape(3, 4, 1, 1) * 20
    with face.SummaryWriter(tmp_path) as writer:
        writer.add_video("clip", clips, 1, 5)
    (series,) = readers.read_runs(tmp_path, "python")["."].values()
    frames = faces.decoded(faces.strings(series.points[0].value)[2])
    assert frames.shape == (4, 6, 32, 3)  # of four places in a row the last is black
    expected = np.vstack([clips[:, :, 0, 0, 0], np.zeros((1, 4))]).T
    np.testing.assert_array_equal(frames[:, 0, ::8, 0], expected)


# The rest


def test_hparams(tmp_path: Path) -> None:
    values = {"lr": 0.1, "layers": 3, "optimizer": "adam", "none": None}
    domains = {"optimizer": ["adam", "sgd"]}
    for kind, name in ((peer.SummaryWriter, "peer"), (face.SummaryWriter, "face")):
        with kind(tmp_path / name) as writer:
            writer.add_hparams(values, {"loss": 0.5}, domains, "trial", 3)
    faces.assert_same_hparams(tmp_path / "peer", tmp_path / "face")
    for name in ("peer", "face"):
        metric = readers.read_runs(tmp_path / name, "python")["trial"]["loss"]
        assert [(point.step, point.value) for point in metric.points] == [(3, 0.5)]


def test_a_bool_stays_one_and_tensors_are_numbers(tmp_path: Path) -> None:
    with face.SummaryWriter(tmp_path) as writer:
        writer.add_hparams({"bias": True, "lr": torch.tensor([0.5])}, {}, run_name=".")
    (start,) = (data for (_, tag), data in faces.hparams_of(tmp_path).items() if "start" in tag)
    assert start.session_start_info.hparams["bias"].bool_value is True
    assert start.session_start_info.hparams["lr"].number_value == 0.5
    assert len(readers.event_files(tmp_path)) == 1


def test_hparams_of_a_wrong_type() -> None:
    wrong: list[Any] = [([], {}), ({}, []), ({"a": [1]}, {}), ({"a": 1}, {}, {"a": 3})]
    for bad in wrong:
        with pytest.raises(TypeError):
            face.summary.hparams(*bad)


def test_tensors_keep_their_type(tmp_path: Path) -> None:
    tensors = [
        torch.arange(6, dtype=dtype).reshape(2, 3)
        for dtype in (torch.float32, torch.float64, torch.float16, torch.int8, torch.int64)
    ]
    with face.SummaryWriter(tmp_path) as writer:
        for tensor in tensors:
            writer.add_tensor(f"t/{tensor.dtype}", tensor, 1)
    found = readers.read_runs(tmp_path, "data_server")["."]
    for tensor in tensors:
        array = faces.array(found[f"t/{tensor.dtype}"])
        assert array.tolist() == tensor.tolist()
        assert str(array.dtype) == str(tensor.dtype).removeprefix("torch.")


def test_new_style_scalars_are_shown(tmp_path: Path) -> None:
    with face.SummaryWriter(tmp_path) as writer:
        writer.add_scalar("new", 0.5, 1, None, True)
        with pytest.warns(UserWarning, match="double_precision"):
            writer.add_scalar("double", 0.5, 1, None, True, True)
    for loader in readers.LOADERS:
        run = readers.read_runs(tmp_path, loader)["."]
        assert [run[tag].points[0].value for tag in ("new", "double")] == [0.5, 0.5]


def test_a_histogram_of_nothing_and_of_nan(tmp_path: Path) -> None:
    with face.SummaryWriter(tmp_path) as writer:
        writer.add_histogram("empty", [], 1)
        writer.add_histogram("nan", [1.0, np.nan, 1e30], 1)
    for loader in readers.LOADERS:
        run = readers.read_runs(tmp_path, loader)["."]
        assert faces.array(run["empty"])[:, 2].sum() == 0
        assert faces.array(run["nan"])[:, 2].sum() == 2


def test_audio_of_integers_is_not_noise(tmp_path: Path) -> None:
    pcm = np.array([0, 1000, -32768, 32767], np.int16)
    with face.SummaryWriter(tmp_path) as writer:
        writer.add_audio("a", pcm, 1, 8000)
    (series,) = readers.read_runs(tmp_path, "python")["."].values()
    assert faces.samples(faces.strings(series.points[0].value)[0]) == (1, 2, 8000, pcm.tobytes())


def test_embedding(tmp_path: Path) -> None:
    matrix, images = torch.from_numpy(NORMAL[:35].reshape(5, 7)), torch.from_numpy(BATCH[:5])
    labels = [[number, f"n{number}"] for number in range(5)]
    for kind, name in ((peer.SummaryWriter, "peer"), (face.SummaryWriter, "face")):
        with kind(tmp_path / name) as writer:
            writer.add_embedding(matrix, labels, images, 2, "a/b", ["number", "name"])
    faces.assert_same_embedding(tmp_path / "peer", tmp_path / "face", "00002/a%2fb")


def test_a_graph(tmp_path: Path) -> None:
    model, inputs = torch.nn.Linear(3, 2), torch.zeros(1, 3)
    graphs = {}
    for kind, name in ((peer.SummaryWriter, "peer"), (face.SummaryWriter, "face")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with kind(tmp_path / name) as writer:
                writer.add_graph(model, inputs)
        events = readers.read_raw(tmp_path / name)
        graphs[name] = [event.graph_def for event in events if event.graph_def]
        assert any(event.HasField("tagged_run_metadata") for event in events)
    assert graphs["peer"] == graphs["face"] != []


def test_the_chart_methods_add_up(tmp_path: Path) -> None:
    with face.SummaryWriter(tmp_path) as writer:
        writer.add_custom_scalars_multilinechart(["a", "b"], "one", "first")
        writer.add_custom_scalars_marginchart(["a", "b", "c"], "two", "second")
    series = readers.read_runs(tmp_path, "python")["."]["custom_scalars__config__"]
    layout = messages.Layout.FromString(faces.strings(series.points[-1].value)[0])
    assert [category.title for category in layout.category] == ["one", "two"]


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Any]:
    with face.SummaryWriter(tmp_path) as writer:
        yield writer


def test_messages_of_both_packages_and_bytes_are_taken(writer: Any, tmp_path: Path) -> None:
    files = writer._get_file_writer()
    assert files is writer.file_writer is files.event_writer
    files.add_summary(peer_summary.scalar("theirs", 1.0), 3, TIME)
    files.add_summary(face.summary.scalar("ours", 2.0), np.int64(3), TIME)
    files.add_summary(face.summary.scalar("bytes", 3.0).SerializeToString(), torch.tensor(3), TIME)
    event = messages.Event(step=9, summary=face.summary.scalar("event", 4.0))
    files.add_event(event, walltime=TIME)
    files.add_event(event, step=11, walltime=TIME)
    for message in face.summary.hparams({"lr": 1.0}, {}):
        files.add_summary(message)
    writer.flush()
    run = readers.read_runs(tmp_path, "python")["."]
    points = {tag: [(p.step, p.wall_time, p.value) for p in run[tag].points] for tag in run}
    assert points["theirs"] == [(3, TIME, 1.0)]
    assert points["ours"] == [(3, TIME, 2.0)]
    assert points["bytes"] == [(3, TIME, 3.0)]
    assert points["event"] == [(9, TIME, 4.0), (11, TIME, 4.0)]


def test_a_file_writer_of_its_own(tmp_path: Path) -> None:
    files = face.FileWriter(tmp_path)
    files.add_summary(face.summary.text("a", "b"), 1)
    files.close()
    files.reopen()
    files.add_summary(face.summary.text("a", "c"), 2)
    files.close()
    series = readers.read_runs(tmp_path, "python_multifile")["."]["a/text_summary"]
    assert series.steps == [1, 2]


def test_a_writer_can_be_pickled(writer: Any) -> None:
    copy = pickle.loads(pickle.dumps(writer))
    copy.add_scalar("a", 1.0, 1)
    copy.close()
    assert copy.log_dir == writer.log_dir


def test_bad_arguments_harm_nothing(writer: Any, tmp_path: Path) -> None:
    writer.add_scalar("good", 1.0, 1)
    bad_calls: list[Callable[[], Any]] = [
        lambda: writer.add_image("a", np.zeros((5, 9, 9)), 1),
        lambda: writer.add_image("a", np.zeros((3, 9)), 1),
        lambda: writer.add_images("a", np.zeros((0, 3, 9, 9)), 1),
        lambda: writer.add_scalar("a", "x", 1),
        lambda: writer.add_scalar("a", [1, 2], 1),
        lambda: writer.add_text("a", 3),
        lambda: writer.add_video("a", np.zeros((3, 9, 9))),
        lambda: writer.add_image_with_boxes("a", UNIT, np.zeros(4)),
        lambda: writer.add_histogram("a", ["x"]),
        lambda: writer.add_histogram_raw("a", 0, 1, 1, 1, 1, [1], [1, 2]),
        lambda: writer.add_pr_curve("a", [1], [0.5, 0.5]),
    ]
    for bad in bad_calls:
        with pytest.raises((TypeError, ValueError)):
            bad()
    writer.flush()
    assert set(readers.read_runs(tmp_path, "python")["."]) == {"good"}


def test_it_is_asynchronous_and_bounded_as_every_writer(writer: Any) -> None:
    assert isinstance(writer.file_writer.native, tbimage.SummaryWriter)


def test_the_keys_of_a_step_may_come_one_by_one(writer: Any, tmp_path: Path) -> None:
    writer.add_scalar("loss", 1.0, 5)
    for key in ("train", "test"):
        writer.add_scalars("loss", {key: 1.0}, 5)  # a StepWarning would be an error
    writer.flush()
    runs = readers.read_runs(tmp_path, "python")
    assert {run: list(tags) for run, tags in runs.items()} == {
        run: ["loss"] for run in (".", "loss_train", "loss_test")
    }


def test_no_peer_is_imported() -> None:
    code = (
        "import sys, tempfile, numpy\n"
        "from tbimage.compat import tensorboardx, torch\n"
        "for face in (tensorboardx, torch):\n"
        "    with face.SummaryWriter(tempfile.mkdtemp()) as writer:\n"
        "        writer.add_image('a', numpy.zeros((3, 4, 4)), 1)\n"
        "        writer.add_scalars('b', {'c': 1.0}, 1)\n"
        "        writer.add_hparams({'lr': 0.1}, {'d': 1.0})\n"
        "        writer.add_images('e', [numpy.zeros((3, 4, 4))] * 2, 1)\n"
        "names = {'torch', 'tensorboard', 'tensorboardX', 'tensorflow', 'jax', 'matplotlib'}\n"
        "assert not names & set(sys.modules), names & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
