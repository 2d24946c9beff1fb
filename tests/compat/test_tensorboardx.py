"""tensorboardX and its adapter: the same calls, read back and compared.

Calls that torch's adapter has, too, are in test_torch.py.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tbimage.compat import tensorboardx as face
from tbimage.reading.events import read_run
from tests import readers
from tests.compat import faces
from tests.pipeline.interrupter import Interrupted, Interrupter

mpl: Any = pytest.importorskip("matplotlib")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch: Any = pytest.importorskip("torch")  # before it, as it imports it if it can
    peer: Any = pytest.importorskip("tensorboardX")
    peer_summary: Any = pytest.importorskip("tensorboardX.summary")

TIME = 1_700_000_000.0
GENERATOR = np.random.default_rng(20)
UNIT = GENERATOR.random((3, 16, 24)).astype(np.float32)
BATCH = GENERATOR.random((11, 3, 8, 12))
BYTES = GENERATOR.integers(0, 256, (3, 16, 24), np.uint8)
BOXES = np.array([[2, 3, 14, 12], [5, 1, 20, 9]], np.float32)
NORMAL = GENERATOR.normal(size=1000)
TONE = np.sin(np.arange(800) / 9)
LABELS, SCORES = GENERATOR.integers(0, 2, 100), GENERATOR.random(100)
ROWS = np.array([[4.0, 2, 1], [3, 1, 0], [0, 2, 3], [0, 2, 3], [0.5, 0.6, 1], [1, 0.5, 0.2]])
CLIPS = np.zeros((3, 4, 3, 6, 8), np.uint8)
CLIPS[:, :, 1] = np.arange(12).reshape(3, 4, 1, 1) * 20  # few colours, which a GIF keeps


def figure() -> Any:
    mpl.use("agg")
    from matplotlib import pyplot

    drawn, axes = pyplot.subplots(figsize=(2, 2))
    axes.plot([1, 3, 2])
    return drawn


def with_metadata(writer: Any) -> None:
    with writer.use_metadata(global_step=7, walltime=TIME):
        writer.add_scalar("metadata", 1.0)
        writer.add_text("metadata", "a")
    writer.add_scalar("metadata", 2.0, 9, TIME)


#: Each logs under tags that begin with its name.
CALLS: dict[str, faces.Call] = {
    "scalar": lambda w: [w.add_scalar("scalar", x / 3, x, TIME) for x in range(3)],
    "scalar_list": lambda w: w.add_scalar("scalar_list", [0.5], 3, TIME),
    "_cleaned_/of__": lambda w: w.add_scalar("/ cleaned /of #".lstrip("/"), torch.ones(1), 3, TIME),
    "named": lambda w: w.add_scalar("named", 0.5, 3, TIME, "shown as", "*what* it is"),
    "scalars/x": lambda w: [
        w.add_scalars("scalars/x", {"a": 1.0, "b c": np.float32(2)}, 4, TIME),
        w.add_scalars("scalars/x", {"a": 1.5, "b c": np.float32(3)}, 5, TIME),
    ],
    "metadata": with_metadata,
    "histogram": lambda w: w.add_histogram("histogram", NORMAL, 1, walltime=TIME),
    "histogram_auto": lambda w: w.add_histogram("histogram_auto", [1, 2, 2, 3], 1, "auto", TIME),
    "histogram_fewer": lambda w: w.add_histogram("histogram_fewer", NORMAL, 1, 100, TIME, 13),
    "histogram_raw": lambda w: w.add_histogram_raw(
        "histogram_raw", 0.5, 4.5, 6, 12.0, 40.0, [1.0, 2, 3, 4, 5], [0, 2, 0, 4, 0], 2, TIME
    ),
    "image": lambda w: w.add_image("image", UNIT, 1, TIME),
    "image_bytes": lambda w: w.add_image("image_bytes", BYTES, 1, TIME),
    "image_gray": lambda w: w.add_image("image_gray", UNIT[0], 1, TIME, "HW"),
    "images": lambda w: w.add_images("images", BATCH, 1, TIME),
    "images_list": lambda w: w.add_images("images_list", list(BATCH[:3]), 1, TIME, "CHW"),
    "images_tensors": lambda w: w.add_images(
        "images_tensors", list(torch.from_numpy(BATCH[:3])), 1, TIME, "CHW"
    ),
    "images_rgba": lambda w: w.add_images(
        "images_rgba", BATCH[:, [0, 1, 2, 0]].transpose(0, 2, 3, 1), 1, TIME, "NHWC"
    ),
    "boxes": lambda w: w.add_image_with_boxes(
        "boxes", UNIT.repeat(4, 2).repeat(4, 1), BOXES * 4, 1, TIME, "CHW", ["cat", "a dog"]
    ),
    "figure": lambda w: w.add_figure("figure", figure(), 1, True, TIME),
    "video": lambda w: w.add_video("video", CLIPS, 1, 5, TIME),
    "video_axes": lambda w: w.add_video(
        "video_axes", CLIPS[:1].transpose(1, 0, 3, 4, 2), 1, 5, TIME, "TNHWC"
    ),
    "audio": lambda w: w.add_audio("audio", TONE, 1, 8000, TIME),
    "audio_stereo": lambda w: w.add_audio(
        "audio_stereo", np.stack([TONE, -TONE], 1), 1, 8000, TIME
    ),
    "text": lambda w: w.add_text("text", "# **ü**", 1, TIME),
    "pr_curve": lambda w: w.add_pr_curve("pr_curve", LABELS, SCORES, 1, 33, None, TIME),
    "pr_raw": lambda w: w.add_pr_curve_raw("pr_raw", *ROWS, 1, 3, walltime=TIME),
    "custom_scalars__config__": lambda w: w.add_custom_scalars(
        {"all": {"both": ["Multiline", ["a/.*"]], "bounds": ["Margin", ["m", "l", "h"]]}}
    ),
}


@pytest.fixture(scope="module")
def directories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    pytest.importorskip("soundfile")
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
def test_a_call_shows_the_same_as_tensorboardxs(
    read: dict[tuple[str, str], faces.Runs], name: str, loader: str
) -> None:
    expected = faces.series_of(read["peer", loader], name, CALLS)
    got = faces.series_of(read["face", loader], name, CALLS)
    assert expected
    assert expected.keys() == got.keys()
    for key, series in expected.items():
        faces.assert_same(
            series,
            got[key],
            wall_times=not name.startswith("custom"),
            exact=loader == "python",
        )


def test_every_method_is_compared() -> None:
    assert faces.public_methods(peer.SummaryWriter) - faces.methods_called(
        CALLS, peer.SummaryWriter
    ) == {
        # Compared in tests of their own:
        *("add_custom_scalars_marginchart", "add_custom_scalars_multilinechart"),
        *("add_embedding", "add_graph", "add_hparams", "add_mesh"),
        *("add_onnx_graph", "add_openvino_graph", "export_scalars_to_json"),
        *("__init__", "close", "flush"),
    }


@pytest.mark.parametrize("loader", faces.LOADERS)
def test_names_and_descriptions_of_scalars_are_shown(
    read: dict[tuple[str, str], faces.Runs], loader: str
) -> None:
    series = read["face", loader]["."]["named"]
    assert (series.display_name, series.description) == ("shown as", "*what* it is")


def test_directories_are_those_of_tensorboardx(directories: dict[str, Path]) -> None:
    assert faces.files_below(directories["peer"]) == faces.files_below(directories["face"])


def test_attributes(tmp_path: Path) -> None:
    with face.SummaryWriter(log_dir=tmp_path, purge_step=3) as writer:
        assert writer.logdir == tmp_path
        assert writer.file_writer.get_logdir() == str(tmp_path)
        assert writer.all_writers == {str(tmp_path): writer.file_writer}
        assert writer.scalar_dict == {}
        assert len(writer.default_bins) == 1549


# Pixels

ARRAYS = {
    "float32": UNIT,
    "float64": BATCH[0],
    "float16": UNIT.astype(np.float16),
    "steps": np.linspace(0, 1, 3 * 256, dtype=np.float32).reshape(3, 16, 16),
    "uint8": BYTES,
    "bool": UNIT > 0.5,
    "mask": (UNIT > 0.5).astype(np.int64),
    "gray": UNIT[:1],
    "gray and alpha": BYTES[:2],
    "rgba": np.concatenate([UNIT, UNIT[:1]]),
    "list": UNIT.tolist(),
    "tensor": torch.from_numpy(UNIT),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_pixels_are_those_of_tensorboardx(name: str) -> None:
    theirs = peer_summary.image("a", ARRAYS[name])
    ours = face.summary.image("a", ARRAYS[name])
    np.testing.assert_array_equal(faces.pixels_of(theirs), faces.pixels_of(ours))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_nothing_wraps_around(dtype: Any) -> None:
    data = np.array([[-0.5, 1.2, 0.5, 1.0, 0.0]], dtype)
    ours = faces.pixels_of(face.summary.image("a", data, dataformats="HW"))[0, 0, :, 0]
    assert ours.tolist() == [0, 255, 127, 255, 0]
    theirs = faces.pixels_of(peer_summary.image("a", data, dataformats="HW"))[0, 0, :, 0]
    assert theirs[1] == 50  # if that were mended, docs/migrating.md should no longer say it
    assert theirs[2:].tolist() == ours[2:].tolist()


# Calls that only tensorboardX has


def test_scalars_are_exported_to_json(tmp_path: Path) -> None:
    exported = {}
    for kind, name in ((peer.SummaryWriter, "peer"), (face.SummaryWriter, "face")):
        with kind(str(tmp_path / name)) as writer:
            writer.add_scalars("loss/all", {"train": 0.5, "test": np.float32(0.75)}, 1, TIME)
            writer.add_scalars("loss/all", {"train": 0.25}, 2, TIME)
            writer.export_scalars_to_json(str(tmp_path / f"{name}.json"))
            assert writer.scalar_dict == {}
        text = (tmp_path / f"{name}.json").read_text(encoding="utf-8")
        exported[name] = json.loads(text.replace(str(tmp_path / name), "run"))
    assert exported["peer"] == exported["face"]


def test_nothing_is_written_where_nothing_should_be(tmp_path: Path) -> None:
    directory = tmp_path / "none"
    with face.SummaryWriter(str(directory), write_to_disk=False, purge_step=3) as writer:
        for name, call in CALLS.items():
            if name != "video_axes":
                call(writer)
        writer.add_hparams({"lr": 0.1}, {"loss": 1.0})
        writer.add_embedding(np.zeros((2, 2)))
        writer.add_graph(None)
        writer.flush()
        assert isinstance(writer.file_writer, face.DummyFileWriter)
        assert len(writer.scalar_dict) == 2
    assert not directory.exists()


def test_metadata_does_not_outlive_an_exception(tmp_path: Path) -> None:
    with face.SummaryWriter(str(tmp_path)) as writer:
        with pytest.raises(KeyError), writer.use_metadata(global_step=5):
            raise KeyError
        with writer.use_metadata(global_step=6), writer.use_metadata(walltime=TIME):
            writer.add_scalar("a", 1.0)
        writer.add_scalar("b", 1.0)
        with pytest.raises(ValueError, match="use_metadata"), writer.use_metadata():
            pass
    run = readers.read_runs(tmp_path, "python")["."]
    assert [(p.step, p.wall_time) for p in run["a"].points] == [(6, TIME)]
    assert run["b"].steps == [0]


def test_metadata_does_not_outlive_an_interrupt(tmp_path: Path) -> None:
    def block() -> None:
        with writer.use_metadata(global_step=10**6):
            pass

    with face.SummaryWriter(str(tmp_path)) as writer:
        block()
        for place in itertools.count():
            interrupter = Interrupter(place)
            with contextlib.suppress(Interrupted), interrupter:
                block()
            writer.add_scalar(f"after_{place}", 1.0)
            if interrupter.happened is None:
                break
    assert place > 50
    run = readers.read_runs(tmp_path, "python")["."]
    assert {tag: series.steps for tag, series in run.items()} == {
        f"after_{number}": [0] for number in range(place + 1)
    }


def test_arguments_without_effect_warn(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Comet"):
        face.SummaryWriter(str(tmp_path / "a"), comet_config={"disabled": False}).close()
    with pytest.warns(UserWarning, match="does not know colour"):
        face.SummaryWriter(str(tmp_path / "b"), colour=3).close()
    writer = face.SummaryWriter(str(tmp_path / "c"))
    with pytest.warns(UserWarning, match="does not know colour"):
        writer.add_image_with_boxes("a", UNIT, BOXES, rescale=2, colour=3)
    writer.close()
    (value,) = (v for e in read_run(tmp_path / "c") for v in e.summary.value)
    assert (value.image.height, value.image.width) == (32, 48)


def test_hparams(tmp_path: Path) -> None:
    values = {"lr": 0.1, "bias": True, "optimizer": "adam", "loss": len, "none": None}
    for kind, name in ((peer.SummaryWriter, "peer"), (face.SummaryWriter, "face")):
        with kind(str(tmp_path / name)) as writer:
            writer.add_hparams(values, {"loss": 0.5}, "trial", 3)
    faces.assert_same_hparams(tmp_path / "peer", tmp_path / "face", experiment=False)


def test_hparams_of_other_types_are_not_lost(tmp_path: Path) -> None:
    with face.SummaryWriter(str(tmp_path)) as writer:
        writer.add_hparams({"sizes": [3, 5], "lr": np.float32(0.5)}, {}, "trial")
    (start,) = (data for (_, tag), data in faces.hparams_of(tmp_path).items() if "start" in tag)
    assert start.session_start_info.hparams["sizes"].string_value == "[3, 5]"
    assert start.session_start_info.hparams["lr"].number_value == 0.5


def test_embedding(tmp_path: Path) -> None:
    images = BATCH[:4, :, :8, :8]
    for kind, name in ((peer.SummaryWriter, "peer"), (face.SummaryWriter, "face")):
        with kind(str(tmp_path / name)) as writer:
            writer.add_embedding(NORMAL[:28].reshape(4, 7), list("abcd"), images, 2, "a/b")
    faces.assert_same_embedding(tmp_path / "peer", tmp_path / "face", "00002/a%2fb")


def test_mesh_is_shown_under_tensorboards_tags(tmp_path: Path) -> None:
    points = NORMAL[:30].reshape(2, 5, 3)
    for kind, name in ((peer.SummaryWriter, "peer"), (face.SummaryWriter, "face")):
        with kind(str(tmp_path / name)) as writer:
            writer.add_mesh("mesh", points, global_step=1, walltime=TIME)
    theirs = readers.read_runs(tmp_path / "peer", "python")["."]["mesh_1"]
    ours = readers.read_runs(tmp_path / "face", "python")["."]["mesh_VERTEX"]
    faces.assert_same(theirs, ours)


def test_the_global_writer_counts_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(face.GlobalSummaryWriter, "_instance", None)
    writer = face.GlobalSummaryWriter.getSummaryWriter()
    assert face.GlobalSummaryWriter.getSummaryWriter() is writer
    for value in (1.0, 2.0, 3.0):
        writer.add_scalar("a", value)
        writer.add_image("b", UNIT)
        writer.add_text("a", "text")
    assert writer.file_writer is writer.smw.file_writer
    writer.close()
    (run,) = readers.read_runs(tmp_path / "runs", "python").values()
    steps = {tag: series.steps for tag, series in run.items()}
    assert steps == {tag: [0, 1, 2] for tag in ("a", "b", "a/text_summary")}
    assert capsys.readouterr().out == ""


def test_flush_survives_a_loss_of_power(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    for kind, name in ((peer.SummaryWriter, "peer"), (face.SummaryWriter, "face")):
        with kind(str(tmp_path / name)) as writer:
            writer.add_text("a", "b", 1)
            synced.clear()
            writer.flush()
            assert synced, name


def test_a_record_writer(tmp_path: Path) -> None:
    contents = {}
    for kind, name in ((peer.RecordWriter, "peer"), (face.RecordWriter, "face")):
        (tmp_path / name).mkdir()
        writer = kind(str(tmp_path / name / "records"))
        writer.write(b"abc")
        writer.write(b"")
        writer.flush()
        writer.close()
        contents[name] = (tmp_path / name / "records").read_bytes()
    assert contents["peer"] == contents["face"]


def test_messages_of_tensorboardx_are_taken(tmp_path: Path) -> None:
    with face.SummaryWriter(str(tmp_path)) as writer:
        writer.file_writer.add_summary(peer_summary.scalar("a", 1.0), 3, TIME)
    series = readers.read_runs(tmp_path, "python")["."]["a"]
    assert [(p.step, p.wall_time, p.value) for p in series.points] == [(3, TIME, 1.0)]
