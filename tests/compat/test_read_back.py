"""Programs read the adapters' files: EventAccumulator, tbparse, and fields of messages."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tbimage.compat import tensorboardx, torch
from tests import readers
from tests.compat import faces

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch_itself: Any = pytest.importorskip("torch")
    torch_peer: Any = pytest.importorskip("torch.utils.tensorboard")
    tensorboardx_peer: Any = pytest.importorskip("tensorboardX")
    event_accumulator: Any = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    summary_pb2: Any = pytest.importorskip("tensorboard.compat.proto.summary_pb2")
    tensor_util: Any = pytest.importorskip("tensorboard.util.tensor_util")

FACES: dict[str, tuple[Any, Any]] = {
    "torch": (torch, torch_peer),
    "tensorboardx": (tensorboardx, tensorboardx_peer),
}
TIME = 1_700_000_000.0
RANDOM = np.random.default_rng(3)
VALUES = RANDOM.normal(size=300)
TONE = np.sin(np.arange(800) / 9).astype(np.float32)


@pytest.fixture(params=FACES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def written(name: str, directory: Path, log: Callable[[Any], Any]) -> tuple[Path, Path]:
    """Directories of the peer and of the face, after the same calls."""
    face, peer = FACES[name]
    for who, module in (("peer", peer), ("face", face)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with module.SummaryWriter(str(directory / who)) as writer:
                log(writer)
    return directory / "peer", directory / "face"


@readers.without_warnings
def accumulated(directory: Path) -> Any:
    accumulator = event_accumulator.EventAccumulator(str(directory))
    accumulator.Reload()
    return accumulator


#: By bins: whether the peer's first limit, which is the left edge, is the least value.
BINS = {"tensorflow": False, "auto": True, 7: True, "doane": True}


@pytest.mark.parametrize("bins", BINS)
@pytest.mark.parametrize("max_bins", [None, 5])
def test_histograms_of_an_event_accumulator(
    name: str, bins: Any, max_bins: int | None, tmp_path: Path
) -> None:
    def log(writer: Any) -> None:
        for step in range(3):
            writer.add_histogram("h", VALUES * (step + 1), step, bins, TIME, max_bins)

    theirs, ours = (accumulated(each) for each in written(name, tmp_path, log))
    assert theirs.Tags() == ours.Tags()
    for expected, got in zip(theirs.Histograms("h"), ours.Histograms("h"), strict=True):
        assert (expected.step, expected.wall_time) == (got.step, got.wall_time)
        their_value, our_value = expected.histogram_value, got.histogram_value
        assert their_value.bucket == our_value.bucket
        assert their_value.bucket_limit[1:] == our_value.bucket_limit[1:]
        assert our_value.bucket_limit[0] == our_value.min
        if BINS[bins]:
            assert their_value == our_value
        for field in ("min", "max", "num", "sum", "sum_squares"):
            assert getattr(their_value, field) == getattr(our_value, field)


def test_raw_histograms_keep_all_that_was_given(name: str, tmp_path: Path) -> None:
    arguments = "h", 0.5, 4.5, 6, 12.0, 40.0, [1.0, 2.0, 3.0], [1, 2, 3], 2, TIME
    theirs, ours = (
        accumulated(each)
        for each in written(name, tmp_path, lambda w: w.add_histogram_raw(*arguments))
    )
    assert theirs.Histograms("h") == ours.Histograms("h") != []


def test_histograms_of_tbparse(name: str, tmp_path: Path) -> None:
    tbparse = pytest.importorskip("tbparse")

    def log(writer: Any) -> None:
        writer.add_histogram("h", VALUES, 1)

    @readers.without_warnings
    def read(directory: Path) -> Any:
        return tbparse.SummaryReader(str(directory)).histograms

    frames = map(read, written(name, tmp_path, log))
    theirs, ours = (frame.to_dict("records")[0] for frame in frames)
    assert theirs["step"] == ours["step"] == 1
    np.testing.assert_array_equal(theirs["counts"], ours["counts"])
    np.testing.assert_array_equal(theirs["limits"][1:], ours["limits"][1:])
    # tbparse's own functions want an empty bucket that ends where the values begin.
    centers, counts = tbparse.SummaryReader.histogram_to_bins(
        ours["counts"], ours["limits"], VALUES.min(), VALUES.max(), 20
    )
    assert len(centers) == 20
    assert sum(counts) == pytest.approx(VALUES.size, abs=1)


def test_audio_of_an_event_accumulator(name: str, tmp_path: Path) -> None:
    pytest.importorskip("soundfile")
    theirs, ours = (
        accumulated(each)
        for each in written(name, tmp_path, lambda w: w.add_audio("a", TONE, 3, 8000, TIME))
    )
    (expected,), (got,) = theirs.Audio("a"), ours.Audio("a")
    for field in ("step", "wall_time", "content_type", "sample_rate", "length_frames"):
        assert getattr(expected, field) == getattr(got, field)
    assert faces.samples(expected.encoded_audio_string) == faces.samples(got.encoded_audio_string)


@pytest.mark.parametrize("loader", faces.LOADERS)
def test_audio_has_a_content_type_in_both_loaders(name: str, loader: str, tmp_path: Path) -> None:
    """The data server drops the content type of a peer's audio, so browsers do not play it."""
    pytest.importorskip("soundfile")
    peer, face = written(name, tmp_path, lambda w: w.add_audio("a", TONE, 3, 8000, TIME))
    wav = b"\x10\x0b"  # AudioPluginData.encoding = WAV
    assert wav in readers.read_runs(face, loader)["."]["a"].content
    if loader == "data_server":  # if not, migrating.md should no longer say it
        assert wav not in readers.read_runs(peer, loader)["."]["a"].content


STEREO = np.stack([TONE, -TONE / 2])


@pytest.mark.parametrize("loader", faces.LOADERS)
def test_stereo_in_either_order(name: str, loader: str, tmp_path: Path) -> None:
    face, _ = FACES[name]
    with face.SummaryWriter(str(tmp_path)) as writer:
        writer.add_audio("channels first", STEREO, 1, 8000)
        writer.add_audio("frames first", torch_itself.from_numpy(STEREO.T.copy()), 1, 8000)
        writer.add_audio("left", STEREO[0], 1, 8000)
    run = readers.read_runs(tmp_path, loader)["."]
    first, last, left = (
        faces.samples(faces.strings(run[tag].points[0].value)[0])
        for tag in ("channels first", "frames first", "left")
    )
    assert first == last
    assert first[:3] == (2, 2, 8000)
    np.testing.assert_array_equal(
        np.frombuffer(first[3], "<i2")[::2], np.frombuffer(left[3], "<i2")
    )


def test_two_channels_of_two_frames(name: str) -> None:
    """This is the only ambiguous shape; each adapter reads it as its peer documents it."""
    face, _ = FACES[name]
    made = face.summary.audio("a", np.array([[0.0, 0.5], [1.0, -1.0]]), 8000).value[0].audio
    frames = np.frombuffer(faces.samples(made.encoded_audio_string)[3], "<i2").reshape(2, 2)
    second = {"torch": frames[1, 0], "tensorboardx": frames[0, 1]}[name]
    assert second == pytest.approx(0.5 * 32768, abs=1)
    assert (made.num_channels, made.length_frames, made.content_type) == (2, 2, "audio/wav")


# Messages


def parsed(message: Any) -> Any:
    """Convert a message of an adapter to the class of the peers."""
    return summary_pb2.Summary.FromString(message.SerializeToString())


def test_messages_of_histograms_and_audio_have_histo_and_audio(name: str) -> None:
    face, peer = FACES[name]
    for bins in (3, "auto"):
        assert parsed(face.summary.histogram("h", VALUES, bins)) == parsed(
            peer.summary.histogram("h", VALUES, bins)
        )
    assert face.summary.histogram("h", VALUES, "auto").value[0].histo.num == VALUES.size
    assert face.summary.audio("a", TONE, 8000).value[0].audio.sample_rate == 8000


def test_a_new_style_scalar_has_a_float_val() -> None:
    theirs = torch_peer.summary.scalar("a", 0.5, new_style=True).value[0]
    ours = parsed(torch.summary.scalar("a", 0.5, new_style=True)).value[0]
    assert list(ours.tensor.float_val) == list(theirs.tensor.float_val) == [0.5]
    assert ours.tensor.dtype == theirs.tensor.dtype
    assert ours.metadata.plugin_data == theirs.metadata.plugin_data


def test_curves_have_float_vals(name: str) -> None:
    face, peer = FACES[name]
    rows = [[4.0, 2, 1], [3.0, 1, 0], [0.0, 2, 3], [0.0, 2, 3], [0.5, 0.6, 1], [1.0, 0.5, 0.2]]
    labels, scores = np.array([1, 0, 1]), np.array([0.9, 0.2, 0.4])
    for function, arguments in (
        ("pr_curve_raw", ("a", *rows, 3)),
        ("pr_curve", ("a", labels, scores, 5)),
    ):
        theirs = parsed(getattr(peer.summary, function)(*arguments))
        ours = parsed(getattr(face.summary, function)(*arguments))
        assert theirs == ours
        assert ours.value[0].tensor.float_val


def test_meshes_have_float_vals() -> None:
    points = RANDOM.random((1, 4, 3)).astype(np.float32)
    colors, corners = np.array([[[255, 0, 7]] * 4]), np.array([[[0, 1, 2]]])
    arguments = "a", points, colors, corners, {"camera": {"fov": 75}}, "shown", "*as* this"
    theirs = {each.tag: each for each in torch_peer.summary.mesh(*arguments).value}
    ours = {each.tag: each for each in parsed(torch.summary.mesh(*arguments)).value}
    assert theirs.keys() == ours.keys()
    for tag, expected in theirs.items():
        assert expected.tensor == ours[tag].tensor
        assert expected.tensor.float_val
        ours[tag].metadata.data_class = expected.metadata.data_class
        assert expected.metadata == ours[tag].metadata


#: By dtype of torch: the field that has the elements.
TYPED = {
    "float32": "float_val",
    "float64": "double_val",
    "int8": "int_val",
    "int16": "int_val",
    "int32": "int_val",
    "int64": "int64_val",
    "bool": "bool_val",
    "complex64": "scomplex_val",
    "complex128": "dcomplex_val",
}


@pytest.mark.parametrize("dtype", TYPED)
@pytest.mark.parametrize("shape", [(2, 3), (), (0,)])
def test_tensors_have_their_elements_in_the_field_of_their_type(
    dtype: str, shape: tuple[int, ...]
) -> None:
    data = torch_itself.arange(-1, 5).reshape(2, 3).to(getattr(torch_itself, dtype))
    data = data if shape == (2, 3) else data[0, 2] if shape == () else data[:0, 0]
    theirs = torch_peer.summary.tensor_proto("a", data).value[0].tensor
    ours = parsed(torch.summary.tensor_proto("a", data)).value[0].tensor
    assert theirs == ours
    assert list(getattr(ours, TYPED[dtype])) == list(getattr(theirs, TYPED[dtype]))
    assert not ours.tensor_content


@pytest.mark.parametrize("dtype", ["uint8", "float16"])
def test_tensors_that_only_the_adapter_writes_readably(dtype: str) -> None:
    data = torch_itself.arange(6).to(getattr(torch_itself, dtype))
    ours = parsed(torch.summary.tensor_proto("a", data)).value[0].tensor
    assert tensor_util.make_ndarray(ours).tolist() == data.tolist()
    assert ours.int_val or ours.half_val
