"""Grids, comparisons, feature maps, masks, boxes: checks of arguments, and drawn pictures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage import visual
from tbimage.kinds import animation, boxes, compare, feature_maps, grid, image, segmentation
from tests import readers
from tests.kinds.drawn import draw, log, noise, options
from tests.pictures import decode

PHOTO = noise(40, 60, 3)
BATCH = noise(2, 40, 60, 3)
GRAY = noise(40, 60).astype(np.float64) * 3
PLAIN = options()


@pytest.mark.parametrize(
    "prepare",
    [
        lambda batch: image.prepare(batch, "BGR", None),
        lambda batch: animation.prepare(batch, "BGR", PLAIN),
        lambda batch: boxes.prepare(batch, None, "BGR", PLAIN),
        lambda batch: compare.prepare([batch, batch], "BGR", PLAIN),
        lambda batch: grid.prepare(batch, "BGR", PLAIN),
        lambda batch: grid.prepare(list(batch), "BGR", PLAIN),
        lambda batch: segmentation.prepare(batch[..., 0], batch, "BGR", PLAIN),
    ],
)
@pytest.mark.parametrize("channels", [3, 4])
def test_images_of_opencv_are_copied_once(prepare: Any, channels: int) -> None:
    batch = noise(2, 40, 60, channels)
    prepared = prepare(batch)
    copies = [
        array is kept
        for array, kept in zip(prepared.arrays, prepared.snapshot().arrays, strict=True)
    ]
    views = [np.may_share_memory(array, batch) for array in prepared.arrays]
    assert copies == [not view for view in views]
    assert views[-1] is (channels == 3)  # no view has the order RGBA


# --- grids ----------------------------------------------------------------------------------------


def test_a_grid_of_a_batch_and_of_unequal_images() -> None:
    whole = draw(grid.prepare(BATCH, None, PLAIN, columns=1, captions=["a", "b"]))
    expected = visual.grid(list(BATCH), columns=1, titles=["a", "b"]).pixels
    np.testing.assert_array_equal(whole.pixels["x"], expected)
    images = [PHOTO, GRAY[:8, :9] / 1000, noise(5, 5, 4)]
    mixed = draw(grid.prepare(images, None, PLAIN, padding=1, background=(0, 0, 0)))
    expected = visual.grid(images, padding=1, background=(0, 0, 0)).pixels
    np.testing.assert_array_equal(mixed.pixels["x"], expected)


def test_a_grid_with_a_look_and_a_layout() -> None:
    chosen = options(value_range="minmax", colormap="magma", max_side=20)
    planes = np.stack([GRAY, GRAY * 2])[:, np.newaxis]
    found = draw(grid.prepare(planes, "NCHW", chosen), chosen).pixels["x"]
    one = visual.image(GRAY, value_range="minmax", colormap="magma", max_side=20)
    np.testing.assert_array_equal(found, visual.grid([one, one]).pixels)
    assert (
        draw(grid.prepare([planes[0], planes[1]], "CHW", chosen), chosen).pixels["x"].shape
        == found.shape
    )


def test_an_empty_grid_is_no_picture() -> None:
    assert grid.prepare([], None, PLAIN).count == 0
    assert grid.prepare(BATCH[:0], None, PLAIN).count == 0


@pytest.mark.parametrize(
    ("images", "keywords", "error", "message"),
    [
        (PHOTO, {}, ValueError, "are one image; expected a batch or a list"),
        ([BATCH], {}, ValueError, "which is a batch; expected single images"),
        (
            BATCH,
            {"columns": 0},
            ValueError,
            "columns must be an integer of at least 1, or None, got",
        ),
        (BATCH, {"padding": -1}, ValueError, "padding must be an integer of at least 0, got"),
        (BATCH, {"background": (0, 0)}, TypeError, "background must be"),
        (BATCH, {"captions": ["a"]}, ValueError, "each of the 2 images, got 1"),
        ([np.broadcast_to(np.uint8(0), (9000, 9000))] * 4, {}, ValueError, "TensorBoard shows"),
    ],
)
def test_impossible_grids(images: Any, keywords: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        grid.prepare(images, None, PLAIN, **keywords)


# --- feature maps ---------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", [None, "NCHW"])
def test_feature_maps_of_a_batch(layout: str | None) -> None:
    x = noise(2, 8, 8, 100, dtype=np.float32)
    chosen = options(colormap="viridis", nan_color=(1, 2, 3))
    given = x if layout is None else x.transpose(0, 3, 1, 2)
    drawn = draw(feature_maps.prepare(given, layout, chosen, columns=10), chosen)
    for index in range(2):
        expected = visual.feature_maps(x[index], colormap="viridis", columns=10).pixels
        np.testing.assert_array_equal(drawn.pixels[f"x/image/{index}"], expected)


def test_only_the_maps_that_are_shown_are_copied() -> None:
    prepared = feature_maps.prepare(np.zeros((8, 8, 1000)), None, PLAIN, max_maps=10)
    assert prepared.nbytes == 8 * 8 * 10 * 8


def test_one_range_for_a_batch() -> None:
    x = np.stack([np.linspace(0, 1, 64).reshape(8, 8, 1), np.linspace(0, 3, 64).reshape(8, 8, 1)])
    drawn = draw(feature_maps.prepare(x, None, PLAIN, normalize="batch"))
    for index in range(2):
        expected = visual.feature_maps(x[index], normalize=(0, 3)).pixels
        np.testing.assert_array_equal(drawn.pixels[f"x/image/{index}"], expected[..., 0])
    flat = draw(feature_maps.prepare(x * 0 + 5, None, PLAIN, normalize="batch"))
    assert flat.findings is not None
    assert sum(flat.findings.remarks.values()) == 2


@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("normalize", ["map", "image", "batch"])
def test_zero_is_in_the_middle_of_a_diverging_colour_map(normalize: str, separate: bool) -> None:
    x = np.stack([np.linspace(-1, 3, 64).reshape(8, 8, 1)] * 2)
    chosen = options(colormap="coolwarm")
    given: dict[str, Any] = {"normalize": normalize, "separate": separate}
    drawn = draw(feature_maps.prepare(x, None, chosen, **given), chosen)
    given["normalize"] = (-3, 3)
    same = draw(feature_maps.prepare(x, None, chosen, **given), chosen)
    assert drawn.pixels.keys() == same.pixels.keys()
    for tag, pixels in drawn.pixels.items():
        height = 64 if normalize == "map" else pixels.shape[0]  # a line of text tells the range
        np.testing.assert_array_equal(pixels[:height], same.pixels[tag][:height])


def test_a_tag_for_each_map() -> None:
    x = noise(2, 8, 8, 3, dtype=np.float32)
    drawn = draw(feature_maps.prepare(x, None, PLAIN, separate=True, normalize="image"))
    assert list(drawn.pixels) == [f"x/image/{n}/map/{k}" for n in range(2) for k in range(3)]
    single = draw(feature_maps.prepare(x[0], None, PLAIN, separate=True))
    assert list(single.pixels) == ["x/map/0", "x/map/1", "x/map/2"]
    low, high = x[1].min(), x[1].max()
    expected = ((x[1, ..., 2] - low) / (high - low) * 255.5).astype(int).repeat(8, 0).repeat(8, 1)
    assert np.abs(drawn.pixels["x/image/1/map/2"] - expected).max() <= 1


@pytest.mark.parametrize(
    ("x", "keywords", "error", "message"),
    [
        (np.zeros((8, 8)), {}, ValueError, "rank 2; expected the axes HWC or NHWC"),
        (np.zeros((8, 8, 0)), {}, ValueError, "have no elements"),
        (np.zeros((8, 8, 3), complex), {}, TypeError, "complex128"),
        (
            np.zeros((8, 8, 3)),
            {"max_maps": 0},
            ValueError,
            "max_maps must be an integer of at least 1, or None, got 0",
        ),
        (np.zeros((8, 8, 3)), {"max_maps": "all"}, TypeError, "max_maps must be an integer"),
        (np.zeros((8, 8, 3)), {"normalize": "channel"}, ValueError, "normalize must be 'map'"),
        (np.broadcast_to(0.0, (3000, 3000, 64)), {}, ValueError, "TensorBoard shows"),
    ],
)
def test_impossible_feature_maps(x: Any, keywords: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        feature_maps.prepare(x, None, PLAIN, **keywords)


# --- masks ----------------------------------------------------------------------------------------

MASKS = noise(2, 40, 60).astype(np.int64) % 5


def test_masks_over_images() -> None:
    chosen = options(value_range="minmax")
    prepared = segmentation.prepare(
        MASKS,
        BATCH,
        None,
        chosen,
        classes=["sky", "sea"],
        alpha=0.3,
        ignore_index=4,
        show_legend=True,
        outlines=True,
        captions=["a", "b"],
    )
    drawn = draw(prepared, chosen)
    for index, text in enumerate("ab"):
        over = visual.segmentation(
            MASKS[index],
            visual.image(BATCH[index], value_range="minmax"),
            alpha=0.3,
            ignore_index=4,
            outlines=True,
        )
        entries = visual.legend_entries(MASKS[index], ["sky", "sea"], 4)
        expected = visual.caption(visual.legend(over, entries), text).pixels
        np.testing.assert_array_equal(drawn.pixels[f"x/image/{index}"], expected)


def test_names_of_classes_by_index() -> None:
    chosen = options()
    names = {1: "sea", np.int64(4): "road"}
    prepared = segmentation.prepare(MASKS[0], None, None, chosen, classes=names, show_legend=True)
    mask = visual.segmentation(MASKS[0])
    legend = visual.legend(mask, visual.legend_entries(MASKS[0], {1: "sea", 4: "road"}))
    np.testing.assert_array_equal(draw(prepared, chosen).pixels["x"], legend.pixels)


def test_scores_with_classes_first() -> None:
    scores = np.random.default_rng(0).normal(size=(2, 7, 40, 60)).astype(np.float32)
    drawn = draw(segmentation.prepare(scores, BATCH.transpose(0, 3, 1, 2), "NCHW", PLAIN))
    expected = visual.segmentation(scores[1].argmax(axis=0), BATCH[1]).pixels
    np.testing.assert_array_equal(drawn.pixels["x/image/1"], expected)
    alone = draw(segmentation.prepare(scores, None, "NCHW", PLAIN)).pixels["x/image/0"]
    np.testing.assert_array_equal(alone, visual.segmentation(scores[0].argmax(axis=0)).pixels)
    mixed = segmentation.prepare(scores, BATCH, None, PLAIN, labels_layout="NCHW")
    np.testing.assert_array_equal(draw(mixed).pixels["x/image/1"], expected)


def test_masks_in_other_sizes_keep_their_classes() -> None:
    chosen = options(max_side=30)
    drawn = draw(segmentation.prepare(MASKS[0], None, None, chosen), chosen).pixels["x"]
    np.testing.assert_array_equal(drawn, visual.segmentation(MASKS[0][1::2, 1::2]).pixels)
    over = draw(segmentation.prepare(MASKS[0], BATCH[0], None, chosen), chosen).pixels["x"]
    assert over.shape == (20, 30, 3)


def test_faulty_scores_are_reported() -> None:
    scores = np.zeros((4, 4, 2))
    scores[0, 0] = math.nan
    drawn = draw(segmentation.prepare(scores, None, None, PLAIN))
    assert drawn.pixels["x"][0, 0].tolist() == [255, 0, 0]
    assert drawn.findings is not None
    assert list(drawn.findings.remarks.values()) == [1]


@pytest.mark.parametrize(
    ("labels", "image", "keywords", "error", "message"),
    [
        (MASKS, BATCH[:1], {}, ValueError, "2 x 40 x 60 pixels do not fit image of 1 x 40 x 60"),
        (MASKS[0], BATCH[0, :8], {}, ValueError, "do not fit image of 1 x 8 x 60"),
        (np.zeros((4, 4)), None, {}, ValueError, "rank 2; expected the axes HWC"),
        (np.zeros((4, 4, 1)), None, {}, ValueError, "pass labels > 0.5 for probabilities"),
        (np.zeros((4, 4), complex), None, {}, TypeError, "complex128"),
        (MASKS[0], None, {"alpha": 2}, ValueError, "alpha must be a number from 0 to 1, got 2"),
        (MASKS[0], None, {"alpha": "half"}, TypeError, "alpha must be a number"),
        (MASKS[0], None, {"classes": "sky"}, TypeError, "classes must be names"),
        (MASKS[0], None, {"ignore_index": 0.5}, TypeError, "float"),
        (MASKS, None, {"captions": ["a"]}, ValueError, "each of the 2 images"),
    ],
)
def test_impossible_masks(labels: Any, image: Any, keywords: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        segmentation.prepare(labels, image, None, PLAIN, **keywords)
    with pytest.raises(ValueError, match="pass legend=True"):
        segmentation.prepare(MASKS, None, None, options(colorbar=True))


# --- boxes ----------------------------------------------------------------------------------------

BOXES: list[Any] = [[[2, 20, 30, 38], [10, 10, 50, 30]], []]


def test_boxes_of_a_batch_may_be_ragged() -> None:
    prepared = boxes.prepare(
        BATCH,
        BOXES,
        None,
        PLAIN,
        labels=[["cat", "dog"], []],
        scores=[[0.9, 0.2], []],
        captions=["two", "none"],
    )
    drawn = draw(prepared)
    some = visual.boxes(BATCH[0], BOXES[0], ["cat", "dog"], [0.9, 0.2])
    np.testing.assert_array_equal(drawn.pixels["x/image/0"], visual.caption(some, "two").pixels)
    none = visual.caption(BATCH[1], "none").pixels
    np.testing.assert_array_equal(drawn.pixels["x/image/1"], none)


def test_boxes_as_an_array_and_with_names_of_classes() -> None:
    array = np.array([BOXES[0], BOXES[0]])
    keywords: dict[str, Any] = {"labels": np.array([[0, 1], [1, 0]]), "classes": ["cat", "dog"]}
    drawn = draw(boxes.prepare(BATCH, array, None, PLAIN, **keywords))
    expected = visual.boxes(BATCH[1], BOXES[0], [1, 0], classes=["cat", "dog"]).pixels
    np.testing.assert_array_equal(drawn.pixels["x/image/1"], expected)
    for colors in ((1, 2, 3), [[(1, 2, 3), (1, 2, 3)]] * 2):
        drawn = draw(boxes.prepare(BATCH, array, None, PLAIN, colors=colors))
        expected = visual.boxes(BATCH[1], BOXES[0], colors=(1, 2, 3)).pixels
        np.testing.assert_array_equal(drawn.pixels["x/image/1"], expected)


@pytest.mark.parametrize("normalized", [False, True])
def test_coordinates_are_those_of_the_image_as_it_was_given(normalized: bool) -> None:
    unit = np.array([60, 40]) if normalized else np.array([1, 1])
    xyxy, points = np.array(BOXES[0], float), np.array([[10.0, 10.0], [50.0, 30.0]])
    chosen = options(scale=2.0)
    prepared = boxes.prepare(
        PHOTO,
        xyxy / [*unit, *unit],
        None,
        chosen,
        normalized=normalized,
        keypoints=points / unit,
        skeleton=[(0, 1)],
        polylines=[points / unit],
    )
    large = visual.image(PHOTO, scale=2)
    expected = visual.polylines(large, [points * 2])
    expected = visual.boxes(expected, xyxy * 2)
    expected = visual.keypoints(expected, [points * 2], skeleton=[(0, 1)])
    np.testing.assert_array_equal(draw(prepared, chosen).pixels["x"], expected.pixels)


def test_keypoints_without_boxes() -> None:
    points = [[[[5, 5], [9, 9]], [[20, 20], [30, 30]]], []]
    drawn = draw(boxes.prepare(BATCH, None, None, PLAIN, keypoints=points))
    expected = visual.keypoints(BATCH[0], points[0]).pixels
    np.testing.assert_array_equal(drawn.pixels["x/image/0"], expected)
    np.testing.assert_array_equal(drawn.pixels["x/image/1"], BATCH[1])


def test_drawn_arrays_are_copied_at_once() -> None:
    array = np.array(BOXES[0], float)
    labels = ["cat", "dog"]
    prepared = boxes.prepare(PHOTO, array, None, PLAIN, labels=labels)
    expected = draw(prepared).pixels["x"]
    array[:] = 0
    labels[0] = "?"
    np.testing.assert_array_equal(draw(prepared).pixels["x"], expected)


def test_faulty_boxes_are_reported() -> None:
    drawn = draw(boxes.prepare(PHOTO, [[math.nan] * 4, [90, 90, 99, 99]], None, PLAIN))
    assert drawn.findings is not None
    assert sorted(drawn.findings.remarks.values()) == [1, 1]
    np.testing.assert_array_equal(drawn.pixels["x"], PHOTO)


@pytest.mark.parametrize(
    ("images", "given", "keywords", "error", "message"),
    [
        (
            BATCH,
            BOXES[:1],
            {},
            ValueError,
            "boxes of a batch must have one element for each of the 2 images",
        ),
        (BATCH, 3, {}, TypeError, "boxes of a batch must be a list"),
        (PHOTO, [[1, 2, 3]], {}, ValueError, r"shape \(count, 4\)"),
        (PHOTO, BOXES[0], {"labels": ["a"]}, ValueError, "each of the 2 boxes, got 1"),
        (PHOTO, BOXES[0], {"scores": [1]}, ValueError, "each of the 2 boxes"),
        (BATCH, BOXES, {"labels": "cat"}, TypeError, "labels of a batch must be a list"),
        (PHOTO, BOXES[0], {"colors": (1, 2, 300)}, ValueError, "colors must be"),
        (PHOTO, BOXES[0], {"format": "xyzw"}, ValueError, "format must be 'xyxy'"),
        (PHOTO, None, {"keypoints": [[1, 2, 3, 4]]}, ValueError, "keypoints must have the shape"),
        (PHOTO, None, {"polylines": [["a"]]}, TypeError, "polylines must be an array"),
        (PHOTO, None, {"skeleton": [1]}, TypeError, "pairs of indices"),
    ],
)
def test_impossible_boxes(images: Any, given: Any, keywords: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        boxes.prepare(images, given, None, PLAIN, **keywords)
    with pytest.raises(ValueError, match="colorbar=True is not for boxes"):
        boxes.prepare(PHOTO, None, None, options(colorbar=True))


# --- comparisons ----------------------------------------------------------------------------------


def test_comparisons_of_a_batch_and_their_numbers() -> None:
    other = BATCH // 2
    prepared = compare.prepare([BATCH, other], None, PLAIN, diff="signed", scalars=True)
    drawn = draw(prepared)
    found = [visual.compare([BATCH[i], other[i]], diff="signed") for i in range(2)]
    for index in range(2):
        expected = found[index].picture.pixels
        np.testing.assert_array_equal(drawn.pixels[f"x/image/{index}"], expected)
    assert drawn.numbers == {
        "x/mae": pytest.approx(np.mean([each.mae for each in found])),
        "x/psnr": pytest.approx(np.mean([each.psnr for each in found])),
    }


def test_a_difference_that_is_not_shown_needs_no_room() -> None:
    large = np.broadcast_to(np.uint8(0), (9000, 9000))
    assert compare.prepare([large, large], None, PLAIN, diff=None).count == 1
    with pytest.raises(ValueError, match="TensorBoard shows"):
        compare.prepare([large, large], None, PLAIN)


def test_a_comparison_without_numbers() -> None:
    drawn = draw(compare.prepare([PHOTO, PHOTO, PHOTO // 3], None, PLAIN, titles=list("abc")))
    expected = visual.compare([PHOTO, PHOTO, PHOTO // 3], titles=list("abc")).picture.pixels
    np.testing.assert_array_equal(drawn.pixels["x"], expected)
    assert drawn.numbers == {}


@pytest.mark.parametrize(
    ("images", "keywords", "error", "message"),
    [
        ([PHOTO], {}, ValueError, "two images or more, got 1"),
        ([PHOTO, PHOTO / 255], {}, TypeError, "one dtype, got uint8, float64"),
        ([PHOTO, PHOTO[:8]], {}, ValueError, "or pass diff=None"),
        ([BATCH, BATCH[:1]], {"diff": None}, ValueError, r"of the same size, got \[2, 1\]"),
        ([PHOTO, PHOTO], {"titles": ["a"]}, ValueError, "each of the 2 images, got 1"),
        ([PHOTO, PHOTO], {"diff": "rms"}, ValueError, "'abs', 'signed' or None"),
        ([PHOTO, PHOTO[:8]], {"diff": None, "scalars": True}, ValueError, "scalars=True needs"),
    ],
)
def test_impossible_comparisons(images: Any, keywords: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        compare.prepare(images, None, PLAIN, **keywords)


# --- through a writer -----------------------------------------------------------------------------


def test_the_numbers_of_a_comparison_are_scalars_for_every_reader(
    tmp_path: Any, loader: str
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        log(writer, "x", compare.prepare([PHOTO, PHOTO // 2], None, PLAIN, scalars=True))
    series = readers.read_runs(tmp_path, loader)["."]
    assert series["x"].plugin == "images"
    expected = visual.compare([PHOTO, PHOTO // 2])
    assert series["x/mae"].points[0].value == pytest.approx(expected.mae)
    assert series["x/psnr"].points[0].value == pytest.approx(expected.psnr)


def test_the_caller_may_overwrite_its_arrays_at_once(tmp_path: Any) -> None:
    pytest.importorskip("tensorboard")
    first, second = BATCH.copy(), BATCH.copy() // 2
    expected = draw(compare.prepare([first, second], None, PLAIN)).pixels
    with tbimage.SummaryWriter(tmp_path) as writer:
        for step in range(3):
            log(writer, "x", compare.prepare([first, second], None, PLAIN), step=step)
            kept = first.copy(), second.copy()
            first[:] = second[:] = 0
            writer.flush()
            first[:], second[:] = kept
    images = readers.read_accumulator(tmp_path)
    for tag, pixels in expected.items():
        assert [each.step for each in images[tag]] == [0, 1, 2]
        for each in images[tag]:
            np.testing.assert_array_equal(decode(each.encoded), pixels)


def test_compare_says_how_to_pass_a_step(tmp_path: Path) -> None:
    photo = np.zeros((4, 4, 3))
    with tbimage.SummaryWriter(tmp_path) as writer:
        for layout in (None, "HWC"):
            with pytest.raises(TypeError, match=r"the step is a keyword: pass step=7$"):
                writer.compare("pair", photo, photo, 7, layout=layout)
