"""Images with all their options, and rules of all kinds of pictures."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import PIL.Image
import pytest

import tbimage
from tbimage import visual
from tbimage.kinds.image import prepare
from tbimage.kinds.options import check_captions, check_options, check_size
from tests import readers
from tests.kinds.drawn import draw, log, noise, options

PHOTO = noise(20, 30, 3)
DEPTH = np.linspace(0, 9, 20 * 30).reshape(20, 30, 1)


@pytest.mark.parametrize(
    "look",
    [
        {"value_range": "minmax", "colormap": "turbo"},
        {
            "value_range": ("percentile", 2, 98),
            "colormap": "viridis",
            "colorbar": True,
            "log": True,
        },
        {"value_range": (0, 5), "gamma": 2.2, "max_side": 10},
        {"value_range": "minmax", "scale": 2.0},
    ],
)
def test_an_image_looks_as_visual_image_draws_it(look: dict[str, Any]) -> None:
    chosen = options(**look)
    drawn = draw(prepare(DEPTH, None, None, chosen), chosen)
    expected = visual.image(DEPTH, **look).pixels
    np.testing.assert_array_equal(drawn.pixels["x"], np.squeeze(expected))
    (value,) = drawn.summary.value
    assert (value.image.height, value.image.width, value.image.colorspace) == expected.shape


def test_everything_composes() -> None:
    look: dict[str, Any] = {
        "value_range": ("percentile", 2, 98),
        "colormap": "turbo",
        "max_side": 16,
    }
    chosen = options(**look, compression="balanced")
    batch = np.stack([DEPTH, DEPTH * 2])
    drawn = draw(prepare(batch, None, None, chosen, ["near", "far"]), chosen)
    for tag, image, text in (("x/image/0", DEPTH, "near"), ("x/image/1", DEPTH * 2, "far")):
        expected = visual.caption(visual.image(image, **look), text).pixels
        np.testing.assert_array_equal(drawn.pixels[tag], expected)


def test_captions_of_a_batch_go_with_its_images() -> None:
    batch = noise(3, 8, 100, 3)
    prepared = prepare(batch, None, 2, options(), ["a", "b", "c"])
    drawn = draw(prepared)
    assert list(drawn.pixels) == ["x/image/0", "x/image/1"]
    for index, text in enumerate("ab"):
        expected = visual.caption(batch[index], text).pixels
        np.testing.assert_array_equal(drawn.pixels[f"x/image/{index}"], expected)


@pytest.mark.parametrize(
    ("captions", "count", "batched", "expected"),
    [
        (None, 2, True, None),
        ("one", 1, False, ("one",)),
        (["one"], 1, False, ("one",)),
        (7, 1, False, ("7",)),
        (np.array(["a", "b"]), 2, True, ("a", "b")),
        ([1, 0.5], 2, True, ("1", "0.5")),
        ([], 0, True, ()),
    ],
)
def test_captions(captions: Any, count: int, batched: bool, expected: Any) -> None:
    assert check_captions(captions, count, batched) == expected


def test_captions_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="each of the 3 images, got 2"):
        check_captions(["a", "b"], 3, True)
    for wrong in ("one", 3, b"one", {"a", "b", "c"}, {"a": 1, "b": 2, "c": 3}):
        with pytest.raises(TypeError, match="a list of one text for each of the 3 images"):
            check_captions(wrong, 3, True)
    for single in (b"x", [b"x"]):
        with pytest.raises(TypeError, match=r"texts, got the bytes .*b'x'.*: decode them"):
            check_captions(single, 1, False)


@pytest.mark.parametrize("quality", [20, 95])
def test_jpeg(quality: int) -> None:
    smooth = np.linspace(0, 255, 64 * 64 * 3).reshape(64, 64, 3).astype(np.uint8)
    chosen = options(encoding="jpeg", quality=quality)
    drawn = draw(prepare(smooth, None, None, chosen), chosen)
    (value,) = drawn.summary.value
    with PIL.Image.open(io.BytesIO(value.image.encoded_image_string)) as image:
        assert image.format == "JPEG"
    assert np.abs(drawn.pixels["x"].astype(int) - smooth).mean() < 10


def test_jpegs_of_16_bits_and_of_masks_of_nan() -> None:
    chosen = options(encoding="jpeg")
    deep = prepare(np.full((8, 8), 0x8000, np.uint16), None, None, chosen)
    assert np.abs(draw(deep, chosen).pixels["x"].astype(int) - 0x80).max() <= 1
    faulty = draw(prepare(np.full((8, 8), np.nan), None, None, chosen), chosen)
    assert np.abs(faulty.pixels["x"].astype(int) - (255, 0, 0)).max() < 10


@pytest.mark.parametrize("compression", ["fast", "balanced", "small"])
def test_compressions_keep_every_level(compression: str) -> None:
    chosen = options(compression=compression)
    for image in (PHOTO, noise(9, 9), np.zeros((9, 9, 4), np.uint8)):
        drawn = draw(prepare(image, None, None, chosen), chosen)
        (value,) = drawn.summary.value
        with PIL.Image.open(io.BytesIO(value.image.encoded_image_string)) as found:
            mode = {2: "L", 3: {3: "RGB", 4: "RGBA"}.get(image.shape[-1])}[image.ndim]
            np.testing.assert_array_equal(np.asarray(found.convert(mode)), image)


@pytest.mark.parametrize(
    ("image", "keywords", "message"),
    [
        (PHOTO, {"colormap": "viridis"}, "one channel, and data has 3"),
        (PHOTO, {"colorbar": True}, "one channel, and data has 3"),
        (noise(4, 4, 4), {"encoding": "jpeg"}, "no transparency"),
        (np.broadcast_to(np.uint8(0), (20000, 20000)), {}, "400,000,000 pixels.*178,956,970"),
        (PHOTO, {"scale": 1000.0}, "pixels, and TensorBoard shows"),
    ],
)
def test_wrong_shapes_are_an_error_in_the_caller(
    image: Any, keywords: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        prepare(image, None, None, options(**keywords))


def test_a_picture_that_is_too_large_once_made_is_an_error_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check_size(13377, 13377)
    with pytest.raises(ValueError, match=r"max_side="):
        check_size(13377, 13378)
    large = np.broadcast_to(np.uint8(0), (20000, 20000))
    assert prepare(large, None, None, options(max_side=512)).count == 1
    monkeypatch.setattr("tbimage.kinds.options.MOST_PIXELS", 20 * 100)
    captioned = prepare(noise(20, 100), None, None, options(), "a caption")
    with pytest.raises(ValueError, match="TensorBoard shows"):
        draw(captioned)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"encoding": "webp"}, "encoding must be 'png' or 'jpeg', got 'webp'"),
        ({"compression": "best"}, "compression must be 'fast', 'balanced' or 'small'"),
        ({"encoding": np.array(["png", "jpeg"])}, "encoding must be 'png' or 'jpeg', got array"),
        ({"compression": np.array([1, 2])}, "compression must be .*, got array"),
        ({"quality": 0}, "quality must be an integer from 1 to 100"),
        ({"colormap": "vridis"}, "did you mean 'viridis'"),
    ],
)
def test_options_are_checked(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_options(**keywords)


def test_files_are_stored_unchanged_and_take_no_options() -> None:
    buffer = io.BytesIO()
    PIL.Image.fromarray(PHOTO).save(buffer, "PNG")
    plain = prepare(buffer.getvalue(), None, None, options(value_range="minmax", encoding="jpeg"))
    (value,) = draw(plain).summary.value
    assert value.image.encoded_image_string == buffer.getvalue()
    assert plain.nbytes == len(buffer.getvalue())
    for keywords, captions in (({"max_side": 8}, None), ({}, "a"), ({"colormap": "gray"}, None)):
        with pytest.raises(ValueError, match=r"stored as it is.*PIL\.Image\.open"):
            prepare(buffer.getvalue(), None, None, options(**keywords), captions)


def test_findings_of_a_batch_are_reported_once() -> None:
    batch = np.full((3, 4, 4, 1), 2.0)
    batch[1, 0, 0] = np.nan
    drawn = draw(prepare(batch, None, None, options()))
    assert drawn.findings == visual.Findings((2.0, 2.0), 1)
    constant = options(value_range="minmax")
    remarks = draw(prepare(batch, None, None, constant), constant).findings
    assert remarks is not None
    assert list(remarks.remarks.values()) == [3]
    assert draw(prepare(PHOTO, None, None)).findings is None


@pytest.mark.parametrize("wire", ["image", "tensor"])
def test_readers_show_the_drawn_picture(tmp_path: Any, wire: str) -> None:
    pytest.importorskip("tensorboard")
    chosen = options(wire=wire, colormap="turbo", value_range="minmax", description="*depth*")
    batch = np.stack([DEPTH, DEPTH[::-1]])
    with tbimage.SummaryWriter(tmp_path, wire=wire) as writer:
        assert log(writer, "depth", prepare(batch, None, None, chosen, ["a", "b"]), chosen)
    expected = [
        visual.caption(visual.image(image, colormap="turbo", value_range="minmax"), text).pixels
        for image, text in zip(batch, "ab", strict=True)
    ]
    for loader in readers.LOADERS:
        tags = readers.read_http(tmp_path, loader)["."]
        served = [image for _, series in sorted(tags.items()) for image in series.images]
        assert next(series.description for series in tags.values()) == "<p><em>depth</em></p>"
        for image, pixels in zip(served, expected, strict=True):
            assert image.content_type == "image/png"
            with PIL.Image.open(io.BytesIO(image.data)) as found:
                np.testing.assert_array_equal(np.asarray(found), pixels)
