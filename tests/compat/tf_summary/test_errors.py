"""Calls that ``tf.summary`` refuses are refused, and harm nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.compat.tf_summary.same import SAMPLES, SUMMARY, Call, error_of, ours, records

#: Calls for which TensorFlow raises ValueError.
VALUE_ERRORS: dict[str, Call] = {
    "vector as scalar": lambda s: s.scalar("a", [1.0, 2.0], 1),
    "array as scalar": lambda s: s.scalar("a", np.zeros(1), 1),
    "no step": lambda s: s.scalar("a", 1.0),
    "no step for image": lambda s: s.image("a", np.zeros((1, 1, 1, 1))),
    "no step for histogram": lambda s: s.histogram("a", [1.0]),
    "no step for text": lambda s: s.text("a", "b"),
    "no step for audio": lambda s: s.audio("a", SAMPLES, 8000),
    "no step for write": lambda s: s.write("a", 1.0),
    "no step for raw": lambda s: s.experimental.write_raw_pb(SUMMARY),
    "one image": lambda s: s.image("a", np.zeros((4, 4, 3)), 1),
    "one clip": lambda s: s.audio("a", np.zeros((4, 1), np.float32), 8000, 1),
    "encoding": lambda s: s.audio("a", SAMPLES, 8000, 1, encoding="mp3"),
    "no directory": lambda s: s.create_file_writer(None),
    "no writer": lambda s: s.flush("writer"),
}

#: Calls for which TensorFlow raises another error, and what it is here.
OTHER_ERRORS: dict[str, tuple[Call, type[Exception]]] = {
    "scalar string": (lambda s: s.scalar("a", "1.5", 1), TypeError),
    "scalar none": (lambda s: s.scalar("a", None, 1), TypeError),
    "histogram of strings": (lambda s: s.histogram("a", ["b"], 1), TypeError),
    "histogram buckets": (lambda s: s.histogram("a", [1.0], 1, buckets=2.5), TypeError),
    "text number": (lambda s: s.text("a", 3, 1), TypeError),
    "text none": (lambda s: s.text("a", None, 1), TypeError),
    "image string": (lambda s: s.image("a", "b", 1), TypeError),
    "image complex": (lambda s: s.image("a", np.zeros((1, 1, 1, 1), complex), 1), TypeError),
    "image channels": (lambda s: s.image("a", np.zeros((1, 1, 1, 5)), 1), ValueError),
    "image pixels": (lambda s: s.image("a", np.zeros((1, 0, 1, 3)), 1), ValueError),
    "outputs": (lambda s: s.image("a", np.zeros((1, 1, 1, 1)), 1, -1), ValueError),
    "outputs none": (lambda s: s.image("a", np.zeros((1, 1, 1, 1)), 1, None), TypeError),
    "audio outputs": (lambda s: s.audio("a", SAMPLES, 8000, 1, -1), ValueError),
    "audio rate": (lambda s: s.audio("a", SAMPLES, 0, 1), ValueError),
    "audio channels": (lambda s: s.audio("a", SAMPLES[..., :0], 8000, 1), ValueError),
    "name": (lambda s: s.scalar(3, 1.0, 1), TypeError),
    "tag": (lambda s: s.write(3, 1.0, 1), TypeError),
    "raw garbage": (lambda s: s.experimental.write_raw_pb(b"\xff", 1), ValueError),
    "raw function": (lambda s: s.experimental.write_raw_pb(lambda: SUMMARY, 1), TypeError),
    "condition": (lambda s: recorded_if(s, 1), TypeError),
    "condition text": (lambda s: recorded_if(s, "x"), TypeError),
    "condition function": (lambda s: recorded_if(s, lambda: 3), TypeError),
    "max_queue": (lambda s: s.create_file_writer("x", max_queue="x"), TypeError),
    "flush_millis": (lambda s: s.create_file_writer("x", flush_millis=0.5), TypeError),
    "filename_suffix": (lambda s: s.create_file_writer("x", filename_suffix=3), TypeError),
    "logdir": (lambda s: s.create_file_writer(3), TypeError),
}


def recorded_if(summary: Any, condition: Any) -> Any:
    with summary.record_if(condition):
        return summary.scalar("a", 1.0, 1)


@pytest.mark.parametrize("name", [*VALUE_ERRORS, *OTHER_ERRORS])
def test_calls_that_raise_in_tensorflow_raise_here_and_harm_nothing(
    tf: Any, tmp_path: Path, name: str
) -> None:
    call, expected = (
        OTHER_ERRORS[name] if name in OTHER_ERRORS else (VALUE_ERRORS[name], ValueError)
    )
    if name in VALUE_ERRORS:  # some of the others abort the process there
        with tf.summary.create_file_writer(str(tmp_path / "tf")).as_default():
            assert isinstance(error_of(lambda: call(tf.summary)), ValueError)
    writer = ours.create_file_writer(tmp_path / "ours")
    with writer.as_default():
        ours.scalar("before", 1.0, 1)
        with pytest.raises(expected) as raised:
            call(ours)
        assert "layout=" not in str(raised.value)  # an argument that no call here has
        assert raised.type is expected
        assert re.search(r"must|shape|data", str(raised.value))
        ours.scalar("after", 1.0, 1)
    writer.close()
    assert len(records(tmp_path / "ours")) == 2


def test_without_a_writer_nothing_is_asked_for_but_what_tensorflow_asks_for(tf: Any) -> None:
    for summary in (ours, tf.summary):
        assert not summary.scalar("a", 1.0)
        assert not summary.image("a", "no image")
        assert not summary.histogram("a", [1.0])
        assert not summary.audio("a", "no sound", 0)
        assert not summary.text("a", "b")
        assert not summary.write("a", lambda: 1 / 0)
        assert not summary.experimental.write_raw_pb(b"\xff")
        assert not summary.should_record_summaries()
        assert summary.flush() is None
        with pytest.raises(ValueError, match=r"shape|Expected scalar"):
            summary.scalar("a", [1.0])
        with pytest.raises(ValueError, match=r"\(2,\)"):
            summary.text("a", "b", step=[1, 2])
        with pytest.raises(ValueError, match="encoding"):
            summary.audio("a", SAMPLES, 8000, 1, encoding="mp3")
