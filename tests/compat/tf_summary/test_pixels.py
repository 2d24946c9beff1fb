"""Pixels equal TensorFlow's if TensorFlow shows the picture; other pictures are shown, too."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.compat.tf_summary.same import (
    FLOATS,
    PIXELS,
    assert_same_images,
    every,
    logged,
    ours,
    pixels_and_rest,
)


@pytest.mark.parametrize("name", PIXELS)
def test_pixels_are_those_of_tensorflow(
    tf: Any, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "tbimage")  # clipping is meant
    data = PIXELS[name]
    assert_same_images(
        tf,
        tmp_path,
        lambda s: s.image("a", data, 1),
        lambda s: s.image("b", data, 2, 1, "*why*"),
        lambda s: s.image("c", data, step=3, max_outputs=99),
        lambda s: s.image("", data, 4),
    )


def test_pixels_of_tensors_are_those_of_tensorflow(tf: Any, tmp_path: Path) -> None:
    bfloat16 = tf.cast(tf.constant(every("float32", FLOATS[4000:4511])), tf.bfloat16)
    assert_same_images(
        tf,
        tmp_path,
        lambda s: s.image("a", bfloat16, 1),
        lambda s: s.image("b", tf.constant(PIXELS["3 channels"]), 1),
        lambda s: s.image("c", [tf.constant(PIXELS["3 floats"][0])] * 2, 1, tf.constant(1)),
    )


@pytest.mark.parametrize("data", [PIXELS["uint8"].copy(), PIXELS["uint16"].copy()])
def test_the_caller_may_change_its_image_at_once(data: Any, tmp_path: Path) -> None:
    before = data.copy()

    def call(summary: Any) -> bool:
        done: bool = summary.image("a", data, 1)
        data[:] = 7
        return done

    (record,) = logged(ours, tmp_path, call)
    (pixels,), _ = pixels_and_rest(record)
    np.testing.assert_array_equal(pixels, (before >> 8 * (data.itemsize - 1))[0, ..., 0])


def shown(tmp_path: Path, data: Any) -> Any:
    (record,) = logged(ours, tmp_path, lambda s: s.image("a", data, 1))
    (pixels,), _ = pixels_and_rest(record)
    return pixels


@pytest.mark.parametrize("dtype", ["int16", "int32", "int64", "uint32", "uint64"])
def test_integers_from_0_to_255_are_levels(tf: Any, tmp_path: Path, dtype: str) -> None:
    data = every(dtype, np.arange(256))
    np.testing.assert_array_equal(shown(tmp_path / "a", data), data[0, ..., 0])
    if dtype in ("int32", "int64"):
        (theirs,) = logged(tf.summary, tmp_path / "tf", lambda s: s.image("a", data, 1))
        assert not pixels_and_rest(theirs)[0][0].any()  # black: is the row still true?


@pytest.mark.parametrize("dtype", ["uint32", "uint64"])
def test_unsigned_integers_fill_their_type(tmp_path: Path, dtype: str) -> None:
    data = every(dtype, [0, np.iinfo(dtype).max, np.iinfo(dtype).max // 2])
    expected = np.resize([0, 255, 127], (8, 1))
    np.testing.assert_array_equal(shown(tmp_path, data), expected)


@pytest.mark.parametrize("values", [[0, 256], [-1, 200], [5, 8388607]])
def test_integers_that_would_be_black_raise(tmp_path: Path, values: list[int]) -> None:
    with ours.create_file_writer(tmp_path).as_default():
        with pytest.raises(ValueError, match="data must be levels from 0 to 255 or use the range"):
            ours.image("a", every("int32", values), 1)
        assert ours.image("a", every("int32", [0, 255]), 1)


@pytest.mark.parametrize(
    ("dtype", "values", "brightest"),
    [
        ("int16", [0, 1000], 7),
        ("int16", [-5, 4095], 31),
        ("uint16", [0, 255], 0),
        ("uint16", [0, 4095], 15),
        ("int32", [0, 2**24], 2),
        ("int64", [0, 2**57], 4),
        ("uint32", [256, 2**25], 2),
    ],
)
def test_integers_that_become_nearly_black_are_reported_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, dtype: str, values: list[int], brightest: int
) -> None:
    data = every(dtype, values)
    logged(ours, tmp_path, lambda s: s.image("a", data, 1), lambda s: s.image("a", data, 2))
    (record,) = caplog.records
    message = record.getMessage()
    assert f"'a' has {dtype} values up to {values[1]}" in message
    assert f"the brightest level is {brightest} of 255, nearly black" in message


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("int16", [0, 255]),
        ("int16", [-9, -5]),
        ("int16", [0, 4096]),
        ("uint16", [0, 0]),
        ("uint16", [0, 8192]),
        ("uint8", [0, 5]),
        ("int8", [0, 5]),
    ],
)
def test_dark_pictures_are_not_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, dtype: str, values: list[int]
) -> None:
    logged(ours, tmp_path, lambda s: s.image("a", every(dtype, values), 1))
    assert caplog.records == []


def test_bools_are_black_and_white(tmp_path: Path) -> None:
    data = np.array([[[[True], [False]]]])
    np.testing.assert_array_equal(shown(tmp_path, data), [[255, 0]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_pixels_are_red(
    tmp_path: Path, bad: float, caplog: pytest.LogCaptureFixture
) -> None:
    np.testing.assert_array_equal(
        shown(tmp_path, np.array([[[[bad], [1.0]]]])), [[[255, 0, 0], [255, 255, 255]]]
    )
    assert "NaN or infinite" in caplog.text


def test_non_finite_pixels_are_red_in_bfloat16(tf: Any, tmp_path: Path) -> None:
    data = tf.constant([[[[np.nan], [1.0]]]], tf.bfloat16)
    np.testing.assert_array_equal(shown(tmp_path, data), [[[255, 0, 0], [255, 255, 255]]])


def test_clipping_is_reported_once_with_a_fix(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bright = np.full((1, 1, 1, 1), 1.5)
    logged(ours, tmp_path, lambda s: s.image("a", bright, 1), lambda s: s.image("a", bright, 2))
    (record,) = caplog.records
    assert "or log them with tbimage.image, which has value_range" in record.getMessage()
