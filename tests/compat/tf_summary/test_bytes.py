"""``tbimage.compat.tf_summary`` has the names of ``tf.summary``, and writes the same bytes."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tbimage
from tbimage.compat.tf_summary import experimental
from tbimage.events.messages import Event
from tests import readers
from tests.compat.tf_summary.same import (
    CALLS,
    METADATA,
    PIXELS,
    RNG_VALUES,
    SAMPLES,
    SUMMARY,
    both,
    logged,
    ours,
    public,
    records,
)

LEFT_OUT = {"graph", "trace_on", "trace_off", "trace_export"}


def test_all_names_are_there(tf: Any) -> None:
    assert public(tf.summary) - LEFT_OUT == set(ours.__all__)
    assert public(tf.summary.experimental) == set(experimental.__all__)
    assert public(ours.SummaryWriter) == public(tf.summary.SummaryWriter)
    for name in LEFT_OUT:
        sentence = f"no {name}, which records TensorFlow.*: use tf.summary.{name} with a writer of "
        with pytest.raises(AttributeError, match=sentence):
            getattr(ours, name)
    with pytest.raises(AttributeError, match="no attribute 'imagee'"):
        ours.imagee  # noqa: B018


def parameters(function: Any) -> list[tuple[Any, ...]]:
    signature = inspect.signature(function)
    return [(each.name, each.kind, each.default) for each in signature.parameters.values()]


def test_signatures_are_those_of_tensorflow(tf: Any) -> None:
    pairs = [(getattr(ours, name), getattr(tf.summary, name)) for name in ours.__all__]
    pairs += [
        (getattr(experimental, name), getattr(tf.summary.experimental, name))
        for name in experimental.__all__
    ]
    pairs += [
        (getattr(ours.SummaryWriter, name), getattr(tf.summary.SummaryWriter, name))
        for name in public(tf.summary.SummaryWriter)
    ]
    for our, their in pairs:
        if inspect.ismodule(their):
            continue
        assert parameters(our) == parameters(their), their


@pytest.mark.filterwarnings("ignore::tbimage.StepWarning")
def test_every_record_is_that_of_tensorflow(tf: Any, tmp_path: Path) -> None:
    our, their = both(tf, tmp_path, *CALLS.values())
    assert len(their) == len(CALLS)
    for name, one, other in zip(CALLS, our, their, strict=True):
        assert one == other, name


def test_tensors_of_tensorflow_are_taken(tf: Any, tmp_path: Path) -> None:
    step = tf.Variable(5, dtype=tf.int64)
    our, their = both(
        tf,
        tmp_path,
        lambda s: s.scalar("a", tf.constant(2.5), step),
        lambda s: s.scalar("a2", tf.Variable(2.5), tf.constant(3, tf.int64)),
        lambda s: s.histogram("b", tf.range(10), step),
        lambda s: s.text("c", tf.constant(["a", "ß"]), step),
        lambda s: s.audio("d", tf.constant(SAMPLES), tf.constant(8000), step, tf.constant(2)),
        lambda s: s.write("e", tf.constant([1.5, 2.0], tf.bfloat16), step),
        lambda s: s.write("f", tf.constant([b"\xff", b""]), step),
        lambda s: s.write("g", lambda: tf.constant(3), step),
        lambda s: s.write("h", 1.0, step, metadata=tf.constant(METADATA.SerializeToString())),
        lambda s: s.write("i", 1.0, step, metadata=tf.constant(b"")),
        lambda s: s.write(tf.constant("ß"), 1.0, step),
        lambda s: s.experimental.write_raw_pb(tf.constant([SUMMARY, b""]), step),
    )
    assert our == their


@given(
    st.lists(st.floats(-1e9, 1e9, width=32) | st.integers(-5, 5), min_size=1, max_size=60),
    st.integers(1, 40),
)
@settings(max_examples=60)
def test_buckets_are_those_of_tensorflow(values: list[float], buckets: int) -> None:
    pytest.importorskip("tensorflow")
    from tensorboard.plugins.histogram import summary_v2

    from tbimage.kinds.histogram import bucketed

    table, _ = bucketed(np.array(values, np.float64), buckets)
    theirs = summary_v2._buckets(np.array(values, np.float64), buckets).numpy()
    np.testing.assert_array_equal(table, theirs)


def test_values_without_a_bucket_are_left_out_of_histograms(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with_nan, without = logged(
        ours,
        tmp_path,
        lambda s: s.histogram("a", [1.0, np.nan, 2.0, np.inf], 1),
        lambda s: s.histogram("b", [1.0, 2.0], 1),
    )
    assert with_nan.replace(b"\n\x01a", b"\n\x01b") == without
    assert "2 values that are NaN" in caplog.text


def test_audio_of_other_types_is_taken(tmp_path: Path) -> None:
    one, other, levels = logged(
        ours,
        tmp_path,
        lambda s: s.audio("a", SAMPLES, 8000, 1),
        lambda s: s.audio("a", SAMPLES.astype(np.float64), 8000, 2),
        lambda s: s.audio("b", np.array([[[16384], [-1]]], np.int16), 8000, 1),
    )
    assert one[2:] == other[2:]  # all behind the step
    assert b"data\x04\x00\x00\x00\x00\x40\xff\xff" in levels


def test_functions_of_tbimage_share_writer_and_step(tmp_path: Path) -> None:
    writer = ours.create_file_writer(tmp_path / "face")
    with writer.as_default(step=4):
        assert ours.scalar("a", 1.0)
        assert tbimage.image("b", np.zeros((4, 4)), value_range="minmax")
    with tbimage.SummaryWriter(tmp_path / "native") as native, native.as_default(step=5):
        assert ours.scalar("c", 1.0)
        assert ours.image("d", PIXELS["uint8"])
    writer.close()
    assert [Event.FromString(each).step for each in records(tmp_path / "face")] == [4, 4]
    assert [Event.FromString(each).step for each in records(tmp_path / "native")] == [5, 5]


@pytest.mark.parametrize("loader", ["python", "data_server"])
def test_tensorboard_shows_it(tmp_path: Path, loader: str) -> None:
    writer = ours.create_file_writer(tmp_path)
    with writer.as_default():
        for step in range(3):
            ours.scalar("loss", 0.5, step, "*down*")
            ours.image("pictures", PIXELS["3 channels"], step)
            ours.histogram("weights", RNG_VALUES, step)
            ours.text("words", ["a", "b"], step)
            ours.audio("tones", SAMPLES, 8000, step)
    writer.close()
    series = readers.read_runs(tmp_path, loader)["."]
    plugins = {name: each.plugin for name, each in series.items()}
    assert plugins == {
        "loss": "scalars",
        "pictures": "images",
        "weights": "histograms",
        "words": "text",
        "tones": "audio",
    }
    assert {tuple(each.steps) for each in series.values()} == {(0, 1, 2)}
    assert series["loss"].description == "*down*"


def test_tensorflow_is_not_imported() -> None:
    code = "import sys, tbimage.compat.tf_summary; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
