"""Torch's adapter without its peer: its lifecycle, and its deliberate differences from torch."""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tbimage
from tbimage.compat import torch as face
from tbimage.events import messages
from tests import readers
from tests.compat import faces
from tests.pipeline import children

torch: Any = pytest.importorskip("torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    peer_summary: Any = pytest.importorskip("torch.utils.tensorboard.summary")

TIME = 1_700_000_000.0
UNIT = np.random.default_rng(20).random((3, 16, 24)).astype(np.float32)


def test_attributes(tmp_path: Path) -> None:
    writer = face.SummaryWriter(tmp_path, filename_suffix=".x", max_queue=3, flush_secs=7)
    assert writer.get_logdir() == writer.log_dir == tmp_path
    assert writer.file_writer.get_logdir() == str(tmp_path)
    assert writer.all_writers == {str(tmp_path): writer.file_writer}
    assert (writer.max_queue, writer.flush_secs, writer.filename_suffix) == (3, 7, ".x")
    assert readers.event_files(tmp_path)[0].name.endswith(".x")
    writer.close()
    writer.close()
    assert writer.file_writer is None
    assert writer.all_writers is None


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


@given(
    data=hnp.arrays(
        st.sampled_from(list(map(np.dtype, ["f8", "f4", "f2", "i4", "u1", "?"]))),
        hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=30),
    ),
    bins=st.sampled_from(["tensorflow", 3, 17]),
    max_bins=st.none() | st.integers(1, 20),
)
@example(data=np.array([np.finfo(np.float64).max, -4.7e301]), bins=3, max_bins=None)
@example(data=np.array(2.0**48), bins=17, max_bins=None)
@example(data=np.array([-1.7e308, 1.7e308]), bins=3, max_bins=None)
@example(data=np.array([-1e20, 1e25]), bins="tensorflow", max_bins=None)
@example(data=np.array([-2e20, -1e20]), bins="tensorflow", max_bins=None)
@example(data=np.array(1e20), bins="tensorflow", max_bins=3)
def test_counts_are_conserved_and_edges_cover_the_data(
    data: Any, bins: Any, max_bins: int | None
) -> None:
    (value,) = face.summary.histogram("a", data, bins, max_bins).value
    histo, kept = value.histo, data[np.isfinite(data)].astype(np.float64)
    assert sum(histo.bucket) == histo.num == kept.size
    assert list(histo.bucket_limit) == sorted(histo.bucket_limit)
    assert len(histo.bucket_limit) == len(histo.bucket)
    if kept.size:
        assert (histo.min, histo.max) == (kept.min(), kept.max())
        assert histo.bucket[0] == 0  # the left edge of the next
        assert histo.bucket[1] > 0
        assert histo.bucket[-1] > 0
        shown = readers_view(histo)
        assert (shown[:, 0] <= shown[:, 1]).all()
        assert (shown[1:, 0] == shown[:-1, 1]).all()
        assert shown[:, 2].sum() == kept.size


def readers_view(histo: Any) -> np.ndarray:
    """Left edge, right edge and count of each bucket, as TensorBoard's data server has them."""
    right = np.array([*histo.bucket_limit[:-1], histo.max])
    left = np.array([histo.min, *right[:-1]])
    return np.stack([left, right, np.array(histo.bucket)], axis=1)


def test_clipping_is_reported_once_with_a_fix_that_torch_has_too(
    writer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "tbimage"):
        for step in range(2):
            writer.add_image("a", UNIT * 3 - 1, step)
        writer.flush()
    (record,) = caplog.records
    assert "Scale them, or log them with tbimage.SummaryWriter.image" in record.getMessage()


def test_audio_of_integers_is_not_noise(tmp_path: Path) -> None:
    pcm = np.array([0, 1000, -32768, 32767], np.int16)
    with face.SummaryWriter(tmp_path) as writer:
        writer.add_audio("a", pcm, 1, 8000)
    (series,) = readers.read_runs(tmp_path, "python")["."].values()
    assert faces.samples(faces.strings(series.points[0].value)[0]) == (1, 2, 8000, pcm.tobytes())


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


def test_a_forked_child_goes_on_in_runs_of_its_own(tmp_path: Path) -> None:
    children.run(
        """
        import os, sys
        from tbimage.compat.torch import SummaryWriter

        writer = SummaryWriter(sys.argv[1])
        writer.add_scalar("a", 1.0, 1)
        child = os.fork()
        if child == 0:
            writer.add_scalar("a", 2.0, 2)
            writer.add_scalars("b", {"c": 3.0}, 3)
            writer.flush()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        writer.add_scalar("a", 4.0, 4)
        writer.close()
        """,
        tmp_path,
    )
    runs = readers.read_runs(tmp_path, "data_server")
    assert runs["."]["a"].steps == [1, 4]
    of_child = {run.rpartition("/")[2]: tags for run, tags in runs.items() if "worker-" in run}
    assert sorted(tag for tags in of_child.values() for tag in tags) == ["a", "b"]
    assert of_child["b_c"]["b"].points[0].value == 3.0


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
