"""The methods that draw, through a writer: shown pictures, working threads, bad data.

The pictures themselves have other tests: test_drawings.py, test_animation.py and tests/pixels.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage import visual
from tbimage.pixels.drawing import boxes as pixel_boxes
from tests import readers
from tests.kinds.drawn import noise
from tests.kinds.written import values
from tests.pictures import decode

BATCH = noise(2, 40, 60, 3)
MAPS = np.random.default_rng(0).normal(size=(2, 8, 8, 5)).astype(np.float32)
MASKS = np.arange(2 * 40 * 60).reshape(2, 40, 60) % 7
BOXES: list[Any] = [[[2, 20, 30, 38]], []]
CLIPS = noise(2, 3, 16, 24, 3)

Log = Callable[[tbimage.SummaryWriter, str], bool]

#: A call of each method, and its expected picture, made by tbimage.visual.
CALLS: dict[str, tuple[Log, Callable[[int], Any]]] = {
    "feature_maps": (
        lambda w, name: w.feature_maps(
            name, MAPS.transpose(0, 3, 1, 2), 0, layout="NCHW", colormap="magma", max_maps=4
        ),
        lambda i: visual.feature_maps(MAPS[i], colormap="magma", max_maps=4),
    ),
    "segmentation": (
        lambda w, name: w.segmentation(
            name,
            MASKS,
            0,
            image=BATCH,
            alpha=0.4,
            ignore_index=3,
            outlines=True,
            captions=["a", "b"],
        ),
        lambda i: visual.caption(
            visual.segmentation(MASKS[i], BATCH[i], alpha=0.4, ignore_index=3, outlines=True),
            "ab"[i],
        ),
    ),
    "boxes": (
        lambda w, name: w.boxes(name, BATCH, BOXES, 0, labels=[[1], []], classes=["dog", "cat"]),
        lambda i: visual.boxes(BATCH[i], BOXES[i], [1] if i == 0 else [], classes=["dog", "cat"]),
    ),
    "compare": (
        lambda w, name: w.compare(name, BATCH, BATCH // 2, step=0, titles=["in", "out"]),
        lambda i: visual.compare([BATCH[i], BATCH[i] // 2], titles=["in", "out"]).picture,
    ),
    "grid": (
        lambda w, name: w.grid(name, BATCH, 0, columns=1, captions=["a", "b"], max_side=30),
        lambda i: visual.grid(
            [visual.image(each, max_side=30) for each in BATCH], columns=1, titles=["a", "b"]
        ),
    ),
    "animation": (
        lambda w, name: w.animation(name, CLIPS, 0, fps=4, scale=2.0),
        lambda i: visual.animation(CLIPS[i], 4, scale=2.0),
    ),
}


def expected(method: str) -> list[Any]:
    _, draw = CALLS[method]
    return [draw(0)] if method == "grid" else [draw(0), draw(1)]


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("wire", ["image", "tensor"])
def test_readers_show_the_drawn_picture(
    tmp_path: Path, loader: str, method: str, wire: str
) -> None:
    with tbimage.SummaryWriter(tmp_path, wire=wire) as writer:
        assert CALLS[method][0](writer, "x") is True
    tags = readers.read_http(tmp_path, loader)["."]
    served = [image for _, series in sorted(tags.items()) for image in series.images]
    if wire == "image" and method != "grid":
        assert sorted(tags) == ["x/image/0", "x/image/1"]
    else:
        assert list(tags) == ["x"]
    for image, drawn in zip(served, expected(method), strict=True):
        if isinstance(drawn, bytes):
            assert image.data == drawn
        else:
            np.testing.assert_array_equal(decode(image.data), np.squeeze(drawn.pixels))


def test_video_is_another_name_of_animation() -> None:
    assert tbimage.SummaryWriter.video is tbimage.SummaryWriter.animation


def test_methods_take_descriptions_times_and_automatic_steps(tmp_path: Path) -> None:
    shared: dict[str, Any] = {"description": "*words*", "wall_time": 7.5}
    with tbimage.SummaryWriter(tmp_path) as writer:
        for _ in range(2):
            writer.feature_maps("maps", MAPS[0], **shared)
            writer.segmentation("mask", MASKS[0], **shared)
            writer.boxes("boxes", BATCH[0], BOXES[0], **shared)
            writer.compare("pair", BATCH[0], BATCH[0], **shared)
            writer.grid("grid", BATCH, **shared)
            writer.animation("clip", CLIPS[0], **shared)
    found = readers.read_raw(tmp_path)
    steps: dict[str, list[int]] = {}
    for event in found:
        for value in event.summary.value:
            assert event.wall_time == 7.5
            assert value.metadata.summary_description == "*words*"
            steps.setdefault(value.tag, []).append(event.step)
    assert steps == {name: [0, 1] for name in ("maps", "mask", "boxes", "pair", "grid", "clip")}


def test_record_if_and_a_closed_writer(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer, tbimage.record_if(False):
        assert not any(log(writer, name) for name, (log, _) in CALLS.items())
    assert values(tmp_path) == []
    for name, (log, _) in CALLS.items():
        with pytest.raises(RuntimeError, match="closed"):
            log(writer, name)


# --- the threads that draw ------------------------------------------------------------------------

_WORK = {
    "render", "encode", "grid", "draw_boxes", "draw_sheet", "draw_segmentation", "class_indices",
    "compare_values", "encode_clip", "render_frames", "caption", "joint_limits", "to_levels",
}  # fmt: skip


def work_of_this_thread(call: Callable[[], object]) -> set[str]:
    """The functions of tbimage.pixels with work to do that this thread has run."""
    seen = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        name = frame.f_code.co_name
        if event == "call" and name in _WORK and "tbimage/pixels" in frame.f_code.co_filename:
            seen.add(name)

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return seen


@pytest.mark.parametrize("method", CALLS)
def test_the_caller_draws_nothing(tmp_path: Path, method: str) -> None:
    log, draw = CALLS[method]
    with tbimage.SummaryWriter(tmp_path) as writer:
        assert work_of_this_thread(lambda: log(writer, "x")) == set()
    assert work_of_this_thread(lambda: draw(0)) != set()  # else the names have changed


def test_the_caller_may_overwrite_its_arrays_at_once(tmp_path: Path) -> None:
    maps, masks, photos, clips = MAPS.copy(), MASKS.copy(), BATCH.copy(), CLIPS.copy()
    xyxy, scores = np.array([[2.0, 20, 30, 38]]), np.array([0.5])
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.feature_maps("maps", maps[0], 0)
        writer.segmentation("mask", masks[0], 0, image=photos[0])
        writer.boxes("boxes", photos[0], xyxy, 0, scores=scores, keypoints=xyxy[:, :2])
        writer.compare("pair", photos[0], photos[1], step=0)
        writer.grid("grid", [photos[0], photos[1]], 0)
        writer.animation("clip", clips[0], 0)
        for array in (maps, masks, photos, clips, xyxy, scores):
            array[:] = 0
    found = {value.tag: value.image.encoded_image_string for value in values(tmp_path)}
    assert found.pop("clip") == visual.animation(CLIPS[0])
    drawn = {
        "maps": visual.feature_maps(MAPS[0]),
        "mask": visual.segmentation(MASKS[0], BATCH[0]),
        "boxes": visual.keypoints(
            visual.boxes(BATCH[0], [[2, 20, 30, 38]], scores=[0.5]), [[[2, 20]]]
        ),
        "pair": visual.compare([BATCH[0], BATCH[1]]).picture,
        "grid": visual.grid(list(BATCH)),
    }
    for tag, picture in drawn.items():
        np.testing.assert_array_equal(decode(found[tag]), np.squeeze(picture.pixels))


# --- bad data: errors of shape and dtype ----------------------------------------------------------

_CROP = np.zeros((0, 8, 3))


@pytest.mark.parametrize(
    ("log", "error", "message"),
    [
        (lambda w: w.segmentation("x", MASKS, 0, image=BATCH[:, :8]), ValueError, "do not fit"),
        (lambda w: w.segmentation("x", MASKS[0], 0, image=BATCH), ValueError, "do not fit"),
        (lambda w: w.segmentation("x", MASKS[0] * 1.0, 0), ValueError, "labels"),
        (lambda w: w.segmentation("x", MASKS, 0, colorbar=True), ValueError, "pass legend=True"),
        (lambda w: w.boxes("x", BATCH, BOXES[:1], 0), ValueError, "each of the 2 images, got 1"),
        (lambda w: w.boxes("x", BATCH[0], [[1, 2, 3]], 0), ValueError, r"\(count, 4\)"),
        (lambda w: w.boxes("x", b"png", None, 0), TypeError, "bytes"),
        (lambda w: w.compare("x", BATCH, BATCH[:1], step=0), ValueError, "one shape"),
        (lambda w: w.compare("x", BATCH, BATCH / 255, step=0), TypeError, "one dtype"),
        (lambda w: w.compare("x", BATCH, step=0), ValueError, "two images or more, got 1"),
        (lambda w: w.grid("x", BATCH[0], 0), ValueError, "are one image"),
        (lambda w: w.grid("x", BATCH, 0, captions=["a"]), ValueError, "each of the 2 images"),
        (lambda w: w.feature_maps("x", MAPS[0, 0], 0), ValueError, "expected the axes"),
        (lambda w: w.feature_maps("x", MAPS, 0, normalize="maps"), ValueError, "normalize must be"),
        (lambda w: w.feature_maps("x", MAPS.astype(complex), 0), TypeError, "complex128"),
        (lambda w: w.animation("x", BATCH[0], 0, layout="CHW"), ValueError, "layout"),
        (lambda w: w.animation("x", CLIPS, 0, fps=0), ValueError, "fps must be"),
        # crops that are empty
        (lambda w: w.image("x", _CROP, 0), ValueError, "0"),
        (lambda w: w.grid("x", [BATCH[0], _CROP], 0), ValueError, "0"),
        (lambda w: w.boxes("x", _CROP, [], 0), ValueError, "0"),
        (lambda w: w.compare("x", _CROP, _CROP, step=0), ValueError, "0"),
        (lambda w: w.segmentation("x", MASKS[0, :0], 0), ValueError, "0"),
        (lambda w: w.feature_maps("x", MAPS[0, :0], 0), ValueError, "0"),
        (lambda w: w.feature_maps("x", MAPS[..., :0], 0), ValueError, "0"),
        (lambda w: w.animation("x", CLIPS[0, :0], 0), ValueError, "0"),
        # keywords that there are not
        (lambda w: w.grid("x", BATCH, 0, colour_map="turbo"), TypeError, "'colour_map'; expected"),
        (lambda w: w.animation("x", CLIPS, 0, encoding="png"), TypeError, "encoding"),
    ],
)
def test_wrong_shapes_and_dtypes_raise_at_once(
    tmp_path: Path, log: Callable[[Any], Any], error: type[Exception], message: str
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        with pytest.raises(error, match=message):
            log(writer)
        assert writer.stats().logged == 0
    assert values(tmp_path) == []


# --- bad data: findings of a worker ---------------------------------------------------------------


def said(
    directory: Path, caplog: pytest.LogCaptureFixture, log: Callable[[Any, int], Any]
) -> tuple[list[str], Any]:
    """The warnings of the same call made three times, and the last picture."""
    with (
        caplog.at_level(logging.WARNING, "tbimage"),
        tbimage.SummaryWriter(directory) as writer,
    ):
        for step in range(3):
            assert log(writer, step) is True
    assert writer.stats().last_error is None
    messages = [record.getMessage() for record in caplog.records if record.name == "tbimage"]
    return messages, decode(values(directory)[-1].image.encoded_image_string)


def test_classes_beyond_the_palette_cycle_and_are_reported_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mask = np.full((8, 8), len(visual.CLASS_COLORS) + 3)
    messages, picture = said(tmp_path, caplog, lambda w, step: w.segmentation("x", mask, step))
    assert len(messages) == 1
    assert "image 'x' has classes beyond the 64 colours of the palette" in messages[0]
    assert (picture == visual.CLASS_COLORS[3]).all()


def test_undrawable_boxes_are_reported_once_each(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    faulty = [[np.nan, 0, 9, 9], [30, 30, 10, 20], [-9, -9, 20, 20], [99, 99, 120, 120]]
    photo = np.zeros((40, 60, 3), np.uint8)
    messages, picture = said(tmp_path, caplog, lambda w, step: w.boxes("x", photo, faulty, step))
    assert len(messages) == 3
    for phrase in ("NaN or infinite coordinates", "negative width", "outside of the picture"):
        assert sum(phrase in message for message in messages) == 1
    assert picture[19, 5].any()  # the edge of the clipped one
    assert picture[20, 10:30].any(axis=1).all()  # the upper edge of the exchanged one


def test_feature_maps_of_nan_and_constant_maps_are_marked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    maps = MAPS[0].copy()
    maps[..., 0], maps[..., 1] = np.nan, 3
    messages, sheet = said(tmp_path, caplog, lambda w, step: w.feature_maps("x", maps, step))
    assert len(messages) == 2
    assert any("64 pixels that are NaN or infinite" in message for message in messages)
    assert any("all equal, crossed out: 1" in message for message in messages)
    assert (sheet[4:68, 4:68] == (255, 0, 0)).all()
    crossed = sheet[4:68, 72:136]
    assert {tuple(color) for color in crossed.reshape(-1, 3).tolist()} == {
        (127, 127, 127),
        (255, 255, 255),
    }


def test_a_constant_image_under_minmax_is_gray_and_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    messages, picture = said(
        tmp_path,
        caplog,
        lambda w, step: w.image("x", np.full((8, 8), 7.0), step, value_range="minmax"),
    )
    assert len(messages) == 1
    assert "range has only one value, shown as mid-gray: 1" in messages[0]
    assert np.unique(picture).tolist() == [127]


def test_logits_with_nan_are_painted_and_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logits = np.zeros((8, 8, 3))
    logits[..., 1] = 1
    logits[2, 3, 0] = np.nan
    messages, picture = said(tmp_path, caplog, lambda w, step: w.segmentation("x", logits, step))
    assert len(messages) == 1
    assert "pixels with a NaN or infinite score: 1" in messages[0]
    assert picture[2, 3].tolist() == [255, 0, 0]
    assert picture[2, 4].tolist() == visual.CLASS_COLORS[1].tolist()


def test_a_clip_outside_its_range_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = np.linspace(-2, 2, 4 * 8 * 8).reshape(4, 8, 8)
    messages, _ = said(
        tmp_path, caplog, lambda w, step: w.animation("x", clip, step, colormap="coolwarm")
    )
    assert len(messages) == 1
    assert "from -2 to 2, but -1 to 1 is expected" in messages[0]


def test_a_million_boxes_are_bounded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    outline_all = pixel_boxes._outline_all

    def count(pixels: Any, spans: Any, *rest: Any) -> None:
        drawn.append(len(spans))
        outline_all(pixels, spans, *rest)

    monkeypatch.setattr(pixel_boxes, "_outline_all", count)
    corners = np.random.default_rng(0).random((1_000_000, 2)) * (580, 380)
    many = np.hstack([corners, corners + 20])
    photo = np.zeros((400, 600, 3), np.uint8)
    labels = np.arange(1_000_000) % 7
    with (
        caplog.at_level(logging.WARNING, "tbimage"),
        tbimage.SummaryWriter(tmp_path) as writer,
    ):
        assert writer.boxes("x", photo, many, 0, labels=labels)
    assert drawn == [pixel_boxes.MOST_BOXES]
    said_of = [record.getMessage() for record in caplog.records]
    assert any("boxes beyond the 10000" in each and "990000" in each for each in said_of)
    assert any("labels beyond the 1000" in each for each in said_of)
