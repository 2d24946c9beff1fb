"""Audio: the given samples, in a WAV file that the browser plays."""

from __future__ import annotations

import io
import logging
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tbimage
from tbimage.kinds import audio as kind
from tests import readers
from tests.kinds import written

RNG = np.random.default_rng(0)
#: Every level of 16 bits, what lies between two of them, and what lies outside.
EDGES = np.concatenate(
    [
        np.arange(-(2**15) - 2, 2**15 + 2) / 2**15,
        np.arange(-(2**15), 2**15) / 2**15 + 0.5 / 2**15,
        [1.0, -1.0, 2.0, -2.0, 0.0, -0.0, 1e-30, np.inf, -np.inf],
    ]
).astype(np.float32)
CLIPS: dict[str, Any] = {
    "mono": RNG.uniform(-1, 1, (2, 1000, 1)).astype(np.float32),
    "stereo": RNG.uniform(-1, 1, (1, 1000, 2)).astype(np.float32),
    "edges": EDGES[None, :, None],
    "empty": np.zeros((1, 0, 1), np.float32),
}


def decode(data: bytes) -> tuple[int, np.ndarray[Any, Any]]:
    """The sample rate and [frames, channels] of a WAV file."""
    with wave.open(io.BytesIO(data)) as file:
        dtype = {1: np.uint8, 2: np.int16, 4: np.int32}[file.getsampwidth()]
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype)
        return file.getframerate(), samples.reshape(-1, file.getnchannels())


def only_clip(data: Any) -> np.ndarray[Any, Any]:
    """The samples of one clip, read back from its Summary."""
    pieces = kind.summary("a", kind.prepare(data, 8000, None), None, lambda findings: None)
    (value,) = written.parsed(pieces).value
    wav, label = value.tensor.string_val
    assert label == b""
    rate, samples = decode(wav)
    assert rate == 8000
    return samples


def test_files_are_those_of_tensorflow_byte_for_byte(tmp_path: Path) -> None:
    tensorflow = pytest.importorskip("tensorflow")
    with tensorflow.summary.create_file_writer(str(tmp_path / "theirs")).as_default():
        for name, data in CLIPS.items():
            tensorflow.summary.audio(name, data, 8000, step=0, description=f"*{name}*")
    with tbimage.SummaryWriter(tmp_path / "ours") as writer:
        for name, data in CLIPS.items():
            writer.audio(name, data, 8000, 0, description=f"*{name}*")
    runs = readers.read_runs(tmp_path, "python")
    assert runs["ours"].keys() == CLIPS.keys()
    for name in CLIPS:
        ours, theirs = runs["ours"][name], runs["theirs"][name]
        assert ours.points[0].value == theirs.points[0].value
        assert (ours.plugin, ours.content, ours.description) == (
            theirs.plugin,
            theirs.content,
            theirs.description,
        )


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
def test_loaders_play_it_with_its_description(tmp_path: Path, loader: str, dtype: Any) -> None:
    samples = RNG.integers(0, 100, (3, 50, 2)).astype(dtype)
    if samples.dtype.kind == "f":
        samples /= 2**15
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.audio("tone", samples, 44100, 2, max_outputs=2, description="*la*")
    series = readers.read_runs(tmp_path, loader)["."]["tone"]
    assert (series.plugin, series.data_class, series.content, series.description) == (
        "audio",
        "blob_sequence",
        b"\x10\x0b",  # AudioPluginData(encoding=WAV), without which the browser does not play it
        "*la*",
    )
    ((_, _, value),) = [(point.step, point.wall_time, point.value) for point in series.points]
    assert isinstance(value, tuple)
    for clip, wav in zip(samples[:2], value, strict=True):
        rate, found = decode(wav)
        assert rate == 44100
        expected = clip * 2**15 if samples.dtype.kind == "f" else clip
        np.testing.assert_array_equal(found, expected)


def test_layout_names_each_axis(tmp_path: Path, loader: str) -> None:
    clips = RNG.integers(0, 100, (3, 50, 2)).astype(np.int16)
    given = {
        "T": (clips[0, :, 0], clips[:1, :, :1]),
        "TC": (clips[0], clips[:1]),
        "CT": (clips[0].T, clips[:1]),
        "nt": (clips[..., 0], clips[..., :1]),
        "TN": (clips[..., 0].T, clips[..., :1]),
        "NCT": (clips.transpose(0, 2, 1), clips),
        "TCN": (clips.transpose(1, 2, 0), clips),
    }
    with tbimage.SummaryWriter(tmp_path) as writer:
        for layout, (data, _) in given.items():
            writer.audio(layout, data, 8000, 0, layout=layout)
    run = readers.read_runs(tmp_path, loader)["."]
    for layout, (_, expected) in given.items():
        value = run[layout].points[0].value
        assert isinstance(value, tuple)
        found = np.stack([decode(wav)[1] for wav in value])
        np.testing.assert_array_equal(found, expected, layout)


@pytest.mark.parametrize(
    ("data", "layout", "error", "match"),
    [
        (np.zeros((2, 9)), "XY", ValueError, "layout must be a permutation of .* got 'XY'"),
        (np.zeros((2, 9)), "TT", ValueError, "layout must be a permutation of"),
        (np.zeros((2, 9)), 3, TypeError, "layout must be a permutation of .* got 3"),
        (np.zeros((2, 9)), "T", ValueError, r"names 1 axes, but data has shape \(2, 9\)"),
        (np.zeros((9, 3)), "TC", ValueError, "with 1 or 2 channels"),
    ],
)
def test_layouts_that_do_not_fit(
    tmp_path: Path, data: Any, layout: Any, error: type[Exception], match: str
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer, pytest.raises(error, match=match):
        writer.audio("a", data, 8000, 0, layout=layout)


@given(
    data=hnp.arrays(
        st.sampled_from(list(map(np.dtype, ["u1", "i2", "i4", ">i2"]))),
        st.tuples(st.integers(0, 50), st.integers(1, 2)),
    )
)
def test_integers_come_back_as_they_were(data: Any) -> None:
    np.testing.assert_array_equal(only_clip(data), data)


@given(
    data=hnp.arrays(
        st.sampled_from(list(map(np.dtype, ["f4", "f8", "f2"]))),
        st.tuples(st.integers(0, 50), st.integers(1, 2)),
        elements={"allow_nan": True, "allow_infinity": True},
    )
)
def test_floats_become_the_nearest_level(data: Any) -> None:
    """By the definition, in Python's own arithmetic: half away from zero, clipped."""
    found = only_clip(data)
    for sample, level in zip(data.ravel(), found.ravel(), strict=True):
        with np.errstate(over="ignore"):
            value = float(np.float32(sample))
        if np.isnan(value):
            assert level == 0
            continue
        scaled = max(min(value, 1.0), -1.0) * 2**15
        rounded = int(abs(scaled) + 0.5) * (1 if scaled > 0 else -1)
        assert level == min(rounded, 2**15 - 1)


def test_shapes_without_clips_and_channels() -> None:
    frames = np.arange(10, dtype=np.int16)
    np.testing.assert_array_equal(only_clip(frames), frames[:, None])
    stereo = np.stack([frames, -frames], axis=1)
    np.testing.assert_array_equal(only_clip(stereo), stereo)
    np.testing.assert_array_equal(only_clip(np.asfortranarray(stereo)), stereo)
    np.testing.assert_array_equal(only_clip(stereo[None]), stereo)


def test_long_clips_are_converted_in_parts() -> None:
    data = np.resize(np.array([0.5, -0.25, 2.0], np.float32), kind._BLOCK + 5)
    expected = np.resize(np.array([2**14, -(2**13), 2**15 - 1]), data.size)
    np.testing.assert_array_equal(only_clip(data)[:, 0], expected)


def test_clipped_and_non_finite_samples_are_reported_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "tbimage"), tbimage.SummaryWriter(tmp_path) as writer:
        for step in range(2):
            writer.audio("loud", [0.5, -3.0], 8000, step)
            writer.audio("broken", [0.5, np.nan, np.inf], 8000, step)
        writer.audio("fine", [1.0, -1.0], 8000, 0)
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert "'loud' has samples up to 3," in messages[0]
    assert "'broken' has 2 samples that are NaN or infinite" in messages[1]


def test_the_caller_may_change_its_array_at_once(tmp_path: Path) -> None:
    data = np.full(100, 7, np.int16)
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.audio("a", data, 8000, 0)
        data[:] = 0
    _, samples = decode(written.only_value(tmp_path).tensor.string_val[0])
    assert (samples == 7).all()


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        (
            {"data": np.zeros((2, 100))},
            ValueError,
            r"channels seem to come first: pass layout='CT'",
        ),
        ({"data": np.zeros((5, 3))}, ValueError, r"1 or 2 channels, got shape \(5, 3\)$"),
        ({"data": np.zeros((1, 1, 1, 1))}, ValueError, r"got shape \(1, 1, 1, 1\)"),
        ({"data": 0.5}, ValueError, r"got shape \(\)"),
        ({"data": [1, 2]}, TypeError, "got dtype int64; pass data.astype"),
        ({"data": "song.wav"}, TypeError, "data must be numbers, got 'song.wav'"),
        (
            {"sample_rate": 0},
            ValueError,
            "sample_rate must be an integer from 1 to 16777216, got 0",
        ),
        (
            {"sample_rate": 44.1},
            TypeError,
            "sample_rate must be an integer from 1 to 16777216, got 44.1 of type float",
        ),
        (
            {"sample_rate": 1 << 40},
            ValueError,
            "sample_rate must be an integer from 1 to 16777216, got 1099511627776",
        ),
        (
            {"max_outputs": -1},
            ValueError,
            "max_outputs must be an integer of at least 0, or None, got -1",
        ),
    ],
)
def test_bad_input_raises_in_the_caller_and_harms_nothing(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], match: str
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.audio("good", [0.0], 8000, 0)
        with pytest.raises(error, match=match):
            writer.audio(
                "bad", **{"data": np.zeros(10), "sample_rate": 8000, "step": 0, **arguments}
            )
    assert written.only_value(tmp_path).tag == "good"
