"""SummaryWriter and the functions on the default writer: arguments, steps, conditions, names."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import threading
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import PIL.Image
import pytest

import tbimage
from tbimage.events.messages import Event
from tbimage.reading.events import read_run
from tbimage.writer import sampling
from tests.pictures import decode, gradient, noise


def summaries(directory: Path | str) -> list[Event]:
    return [event for event in read_run(directory) if event.HasField("summary")]


def logged(directory: Path | str) -> list[tuple[str, int]]:
    return [
        (value.tag, event.step) for event in summaries(directory) for value in event.summary.value
    ]


def only_picture(directory: Path | str) -> np.ndarray[Any, Any]:
    (event,) = summaries(directory)
    (value,) = event.summary.value
    return decode(value.image.encoded_image_string)


@pytest.fixture
def writer(tmp_path: Path) -> Any:
    with tbimage.SummaryWriter(tmp_path) as writer:
        yield writer


def test_the_first_event_is_the_file_version(tmp_path: Path) -> None:
    tbimage.SummaryWriter(tmp_path).close()
    (event,) = read_run(tmp_path)
    assert event.file_version == "brain.Event:2"
    assert event.source_metadata.writer == "tbimage"
    assert event.step == 0


def test_a_single_image_has_its_name_as_tag_and_a_batch_numbers(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.image("single", gradient(), 0)
        writer.image("batch", noise(3, 4, 4, 3), 0)
        writer.image("batch of one", noise(1, 4, 4, 3), 0)
        writer.image("flat", gradient()[..., 0], 0)
        writer.image("most", noise(3, 4, 4, 3), 0, max_outputs=1)
    assert [[value.tag for value in event.summary.value] for event in summaries(tmp_path)] == [
        ["single"],
        ["batch/image/0", "batch/image/1", "batch/image/2"],
        ["batch of one/image/0"],
        ["flat"],
        ["most/image/0"],
    ]


def test_the_value_describes_the_picture(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        for channels in range(1, 5):
            writer.image("photo", gradient(5, 7, channels), channels, description="*d*")
    for channels, event in enumerate(summaries(tmp_path), 1):
        (value,) = event.summary.value
        assert (value.image.height, value.image.width, value.image.colorspace) == (5, 7, channels)
        assert value.metadata.plugin_data.plugin_name == "images"
        assert value.metadata.data_class == 3
        assert value.metadata.summary_description == "*d*"
        expected = gradient(5, 7, channels)
        found = decode(value.image.encoded_image_string)
        np.testing.assert_array_equal(found.reshape(expected.shape), expected)


def test_no_images_are_no_event(writer: tbimage.SummaryWriter) -> None:
    assert writer.image("none", np.zeros((0, 4, 4, 3)), 0) is True
    assert writer.image("none", noise(2, 4, 4, 3), 0, max_outputs=0) is True
    writer.flush()
    assert logged(writer.logdir) == []


def test_the_caller_may_overwrite_its_array_at_once(writer: tbimage.SummaryWriter) -> None:
    array = np.zeros((200, 300, 3), np.uint8)
    for step in range(20):
        array[:] = step
        writer.image("photo", array, step)
        array[:] = 255
    writer.flush()
    for event in summaries(writer.logdir):
        assert np.unique(decode(event.summary.value[0].image.encoded_image_string)) == [event.step]


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "GIF", "BMP"])
@pytest.mark.parametrize("as_path", [False, True])
def test_encoded_images_are_stored_as_they_are(
    tmp_path: Path, image_format: str, as_path: bool
) -> None:
    buffer = io.BytesIO()
    PIL.Image.fromarray(gradient()).save(buffer, image_format)
    data = buffer.getvalue()
    path = tmp_path / "picture"
    path.write_bytes(data)
    with tbimage.SummaryWriter(tmp_path / "run") as writer:
        writer.image("file", path if as_path else data, 0)
    (event,) = summaries(tmp_path / "run")
    image = event.summary.value[0].image
    assert image.encoded_image_string == data
    assert (image.height, image.width, image.colorspace) == (24, 40, 3)


def test_several_encoded_images_are_a_batch(writer: tbimage.SummaryWriter) -> None:
    buffer = io.BytesIO()
    PIL.Image.fromarray(gradient()).save(buffer, "PNG")
    writer.image("files", [buffer.getvalue()] * 3, 0, max_outputs=2)
    writer.flush()
    assert logged(writer.logdir) == [("files/image/0", 0), ("files/image/1", 0)]


def test_wall_time_and_step_are_kept(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.image("photo", gradient(), -(2**63), wall_time=1.5)
        writer.image("photo", gradient(), np.int64(2**62), wall_time=-1)
        writer.scalar("loss", 1, np.array(7), wall_time=0)
    found = [(event.step, event.wall_time) for event in summaries(tmp_path)]
    assert found == [(-(2**63), 1.5), (2**62, -1), (7, 0)]


GOOD = gradient()
BAD_IMAGES: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"data": np.zeros((4, 4, 5))}, ValueError, "layout|channels"),
    ({"data": np.zeros((3, 32, 32))}, ValueError, "layout='CHW'"),
    ({"data": np.zeros((2, 3, 32, 32))}, ValueError, "layout='NCHW'"),
    ({"data": np.zeros(4)}, ValueError, "data"),
    ({"data": np.zeros((1, 2, 3, 4, 5))}, ValueError, "data"),
    ({"data": np.zeros((0, 4, 3))}, ValueError, "data"),
    ({"data": GOOD, "layout": "NHWC"}, ValueError, "layout"),
    ({"data": GOOD, "layout": "HWX"}, ValueError, "layout"),
    ({"data": GOOD, "value_range": "huge"}, ValueError, "value_range"),
    ({"data": GOOD, "value_range": (1, 0)}, ValueError, "value_range"),
    ({"data": GOOD, "nan_color": (0, 0, 256)}, ValueError, "nan_color"),
    ({"data": GOOD, "max_outputs": -1}, ValueError, "max_outputs"),
    ({"data": GOOD, "max_outputs": 1.5}, TypeError, "max_outputs"),
    ({"data": GOOD, "description": 5}, TypeError, "description"),
    ({"data": GOOD, "description": "\ud800"}, ValueError, "description"),
    ({"data": GOOD, "wall_time": float("nan")}, ValueError, "wall_time"),
    ({"data": GOOD, "wall_time": "now"}, TypeError, "wall_time"),
    ({"data": GOOD, "wall_time": "1700000000"}, TypeError, "wall_time"),
    ({"data": GOOD, "wall_time": 10**400}, ValueError, "wall_time"),
    ({"data": GOOD, "step": 1.0}, TypeError, "step"),
    ({"data": GOOD, "step": True}, TypeError, "step"),
    ({"data": GOOD, "step": 2**63}, ValueError, "step"),
    ({"data": GOOD, "name": ""}, ValueError, "name"),
    ({"data": GOOD, "name": 3}, TypeError, "name"),
    ({"data": GOOD, "name": ["a"]}, TypeError, "name"),
    ({"data": GOOD, "name": "\udcff"}, ValueError, "name"),
    ({"data": np.zeros((4, 4), complex)}, TypeError, "data"),
    ({"data": np.zeros((4, 4), object)}, TypeError, "data"),
    ({"data": [["a", "b"]]}, TypeError, "data"),
    ({"data": None}, TypeError, "data"),
    ({"data": b"not a picture"}, ValueError, "data"),
]


@pytest.mark.parametrize(("arguments", "error", "match"), BAD_IMAGES)
def test_bad_images_raise_in_the_caller_and_harm_nothing(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], match: str
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.image("good", GOOD, 0)
        with pytest.raises(error, match=match):
            writer.image(**{"name": "bad", "step": 1, **arguments})
        writer.image("good", GOOD, 1)
        stats = writer.stats()
    assert logged(tmp_path) == [("good", 0), ("good", 1)]
    assert (stats.logged, sum(stats.dropped.values())) == (2, 0)


BAD_WRITERS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"logdir": ""}, ValueError, "logdir"),
    ({"logdir": 5}, TypeError, "logdir"),
    ({"logdir": b"x"}, TypeError, "logdir"),
    ({"wire": "v2"}, ValueError, "wire"),
    ({"filename_suffix": "/x"}, ValueError, "filename_suffix"),
    ({"filename_suffix": "1"}, ValueError, "filename_suffix"),
    ({"filename_suffix": 1}, TypeError, "filename_suffix"),
    ({"max_pending_bytes": 0}, ValueError, "max_pending_bytes"),
    ({"on_full": "wait"}, ValueError, "on_full"),
    ({"workers": 0}, ValueError, "workers"),
    ({"flush_secs": float("nan")}, ValueError, "flush_secs"),
    ({"upload_secs": -1}, ValueError, "upload_secs"),
    ({"spool_dir": 3}, TypeError, "spool_dir"),
    ({"fsync": "always"}, ValueError, "fsync"),
    ({"on_error": "ignore"}, ValueError, "on_error"),
    ({"keep_files": 1}, ValueError, "keep_files"),
]


@pytest.mark.parametrize(("arguments", "error", "match"), BAD_WRITERS)
def test_bad_settings_raise(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        tbimage.SummaryWriter(**{"logdir": tmp_path / "run", **arguments})
    assert not (tmp_path / "run").exists()


def test_a_logdir_that_is_a_file_raises(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        tbimage.SummaryWriter(tmp_path / "file")
    with pytest.raises(OSError, match="file"):
        tbimage.SummaryWriter(tmp_path / "file" / "below")


def test_integers_out_of_range_are_reported_by_flush(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.image("before", GOOD, 0)
        assert writer.image("depth", np.full((4, 4), 700), 0)
        writer.image("after", GOOD, 0)
        with (
            caplog.at_level(logging.CRITICAL, "tbimage"),
            pytest.raises(ValueError, match="value_range"),
        ):
            writer.flush()
        assert writer.flush() is True
        assert writer.stats().dropped["error"] == 1
    assert logged(tmp_path) == [("before", 0), ("after", 0)]


def test_clipped_and_non_finite_values_are_said_once_for_each_name(
    writer: tbimage.SummaryWriter, caplog: pytest.LogCaptureFixture
) -> None:
    data = np.linspace(-1, 1, 16).reshape(4, 4)
    data[0, 0] = np.nan
    with caplog.at_level(logging.WARNING, "tbimage"):
        for step in range(3):
            writer.image("a", data, step)
        writer.image("b", data, 0, value_range="signed")
        writer.flush()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 3
    assert sum("'a'" in text and "value_range='signed'" in text for text in said) == 1
    assert sum("'a'" in text and "nan_color" in text for text in said) == 1
    assert sum("'b'" in text and "nan_color" in text for text in said) == 1


def test_non_finite_pixels_are_red(tmp_path: Path) -> None:
    data = np.full((2, 2, 3), 0.5)
    data[1, 0, 2] = np.inf
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.image("a", data, 0)
    expected = np.full((2, 2, 3), 127)
    expected[1, 0] = (255, 0, 0)
    np.testing.assert_array_equal(only_picture(tmp_path), expected)


# ---- steps ----


def test_automatic_steps_grow_for_each_name_and_across_restarts(tmp_path: Path) -> None:
    for _ in range(2):
        with tbimage.SummaryWriter(tmp_path) as writer:
            for _ in range(2):
                writer.image("photo", GOOD)
                writer.image("batch", noise(2, 4, 4, 1))
                writer.scalar("loss", 1)
    tags: dict[str, list[int]] = {}
    for tag, step in logged(tmp_path):
        tags.setdefault(tag, []).append(step)
    assert tags == {
        tag: [0, 1, 2, 3] for tag in ("photo", "batch/image/0", "batch/image/1", "loss")
    }


def test_a_repeated_or_falling_step_warns_once_for_each_name_at_the_caller(
    writer: tbimage.SummaryWriter,
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for step in (3, 3, 2, 4):
            writer.scalar("loss", 0.5, step)
        writer.image("photo", GOOD, 1)
        writer.image("photo", GOOD, 0)
    assert [str(one.message).split("'")[1] for one in caught] == ["loss", "photo"]
    assert {one.category for one in caught} == {tbimage.StepWarning}
    assert {one.filename for one in caught} == {__file__}


# ---- the default writer ----


def test_without_a_default_writer_nothing_happens() -> None:
    assert tbimage.image("photo", GOOD, 0) is False
    assert tbimage.scalar("loss", 0.5, 0) is False
    assert tbimage.flush() is True


def test_default_writers_nest_and_are_restored_after_exceptions(tmp_path: Path) -> None:
    outer, inner = (tbimage.create_file_writer(tmp_path / name) for name in ("outer", "inner"))
    with outer.as_default(step=10):
        tbimage.scalar("a", 1)
        with contextlib.suppress(KeyError), inner.as_default(step=20):
            tbimage.scalar("b", 1)
            raise KeyError
        tbimage.scalar("c", 1)
        with inner.as_default():
            tbimage.scalar("d", 1)
    assert tbimage.get_step() is None
    assert tbimage.scalar("e", 1) is False
    outer.close()
    inner.close()
    assert logged(tmp_path / "outer") == [("a", 10), ("c", 10)]
    assert logged(tmp_path / "inner") == [("b", 20), ("d", 10)]


def test_set_step_is_the_step_of_calls_without_one(tmp_path: Path) -> None:
    counter = np.array(5)
    with tbimage.SummaryWriter(tmp_path) as writer, writer.as_default(step=0):
        tbimage.set_step(counter)
        tbimage.scalar("a", 1)
        counter += 1
        writer.scalar("a", 1)
        tbimage.scalar("a", 1, 9)
    assert logged(tmp_path) == [("a", 5), ("a", 6), ("a", 9)]
    for bad, error in ((1.5, TypeError), ("1", TypeError), (2**63, ValueError)):
        with pytest.raises(error, match="step"):
            tbimage.set_step(bad)  # type: ignore[arg-type]


def test_threads_and_tasks_have_their_own_default_writer(tmp_path: Path) -> None:
    seen: list[bool] = []

    async def task(name: str) -> None:
        with tbimage.SummaryWriter(tmp_path / name) as writer, writer.as_default(step=1):
            for _ in range(3):
                await asyncio.sleep(0)
                tbimage.scalar(name, 1, step=None)
                tbimage.set_step(tbimage.get_step() + 1)  # type: ignore[operator]

    async def tasks() -> None:
        await asyncio.gather(task("x"), task("y"))

    with tbimage.SummaryWriter(tmp_path / "main") as writer, writer.as_default():
        thread = threading.Thread(target=lambda: seen.append(tbimage.scalar("a", 1, 0)))
        thread.start()
        thread.join()
        asyncio.run(tasks())
    assert seen == [False]
    for name in ("x", "y"):
        assert logged(tmp_path / name) == [(name, 1), (name, 2), (name, 3)]
    assert logged(tmp_path / "main") == []


# ---- record_if ----


def test_record_if_gates_before_anything_is_touched(tmp_path: Path) -> None:
    class Untouchable:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"touched: {name}")

    with tbimage.SummaryWriter(tmp_path) as writer, writer.as_default():
        with tbimage.record_if(False):
            assert tbimage.image("photo", Untouchable(), 0) is False
            assert writer.scalar("loss", 0.5, 0) is False
            with tbimage.record_if(True):
                assert tbimage.scalar("inner", 0.5, 0) is True
        with tbimage.record_if(lambda: tbimage.get_step() == 2):
            for step in range(4):
                tbimage.set_step(step)
                tbimage.scalar("callable", 0.5)
        tbimage.set_step(None)
    assert logged(tmp_path) == [("inner", 0), ("callable", 2)]


def test_every_n_steps_takes_the_step_of_the_call_or_the_default_one(tmp_path: Path) -> None:
    gate = tbimage.record_if(tbimage.every_n_steps(3))
    with tbimage.SummaryWriter(tmp_path) as writer, writer.as_default(step=0), gate:
        for step in range(7):
            tbimage.scalar("explicit", 1, step)
            tbimage.set_step(step)
            tbimage.scalar("default", 1)
    steps = {tag: [s for t, s in logged(tmp_path) if t == tag] for tag in ("explicit", "default")}
    assert steps == {"explicit": [0, 3, 6], "default": [0, 3, 6]}


def test_the_error_of_every_n_steps_without_a_step_has_a_fix(writer: tbimage.SummaryWriter) -> None:
    with tbimage.record_if(tbimage.every_n_steps(3)), pytest.raises(ValueError, match="set_step"):
        writer.scalar("loss", 1)
    with pytest.raises(ValueError, match="n must be an integer of at least 1"):
        tbimage.every_n_steps(0)


def test_every_seconds_keeps_the_summaries_of_a_step_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(sampling, "time", SimpleNamespace(monotonic=lambda: now))
    gate = tbimage.record_if(tbimage.every_seconds(30))
    with tbimage.SummaryWriter(tmp_path) as writer, gate:
        for step in range(8):
            for name in ("input", "output"):
                writer.scalar(name, 1, step)
                now += 5  # 10 seconds a step
    assert logged(tmp_path) == [(name, step) for step in (0, 3, 6) for name in ("input", "output")]
    with pytest.raises(ValueError, match="seconds"):
        tbimage.every_seconds(-1)


def test_record_if_wants_a_condition() -> None:
    with pytest.raises(TypeError, match="condition"):
        tbimage.record_if("yes")  # type: ignore[arg-type]
