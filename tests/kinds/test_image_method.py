"""``SummaryWriter.image`` with all its keywords, and the settings that they override."""

from __future__ import annotations

import inspect
import io
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest

import tbimage
from tbimage import visual
from tbimage.kinds.options import PictureOptions, check_options, recent_options
from tbimage.pixels.drawing.rendering import Look
from tbimage.pixels.png.encoder import COMPRESSIONS
from tbimage.writer.settings import Settings
from tests import readers
from tests.kinds import written
from tests.kinds.drawn import noise
from tests.pictures import decode, gradient

PHOTO = noise(20, 30, 3)
DEPTH = np.linspace(0, 9, 20 * 30).reshape(20, 30)


def logged(directory: Path, data: Any, settings: Any = None, **keywords: Any) -> bytes:
    """The file that a writer makes of one image."""
    with tbimage.SummaryWriter(directory, **settings or {}) as writer:
        assert writer.image("x", data, 0, **keywords)
    (point,) = readers.read_accumulator(directory)["x"]
    return bytes(point.encoded)


def format_of(file: bytes) -> str | None:
    with PIL.Image.open(io.BytesIO(file)) as image:
        return image.format


def test_every_option_is_a_keyword_and_every_default_is_the_same() -> None:
    parameters = inspect.signature(tbimage.SummaryWriter.image).parameters
    for name, default in {field: getattr(Look(), field) for field in Look.__slots__}.items():
        assert parameters[name].default == default, name
    for name in ("encoding", "quality", "compression"):
        assert parameters[name].default is None
        assert getattr(PictureOptions(), name) == getattr(Settings(), name)
    assert all(Settings(compression=name) for name in COMPRESSIONS)


@pytest.mark.parametrize(
    "look",
    [
        {"value_range": ("percentile", 2, 98), "colormap": "turbo", "max_side": 16},
        {"value_range": "minmax", "colormap": "viridis", "colorbar": True, "log": True},
        {"value_range": (0, 9), "gamma": 2.2, "scale": 2.0, "nan_color": (0, 255, 0)},
        {"value_range": [0, 9]},
    ],
)
def test_every_keyword_reaches_the_picture(tmp_path: Path, look: dict[str, Any]) -> None:
    pytest.importorskip("tensorboard")
    data = DEPTH.copy()
    data[3, 3] = np.nan
    expected = visual.caption(visual.image(data, **look), "a caption").pixels
    found = decode(logged(tmp_path, data, captions="a caption", **look))
    np.testing.assert_array_equal(found, np.squeeze(expected))


def test_a_call_overrides_the_settings_of_its_writer(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    smooth = np.linspace(0, 255, 64 * 64 * 3).reshape(64, 64, 3).astype(np.uint8)
    settings = {"encoding": "jpeg", "quality": 20, "compression": "small"}
    poor = logged(tmp_path / "a", smooth, settings)
    good = logged(tmp_path / "b", smooth, settings, quality=95)
    assert format_of(poor) == format_of(good) == "JPEG"
    assert len(poor) < len(good)
    small = logged(tmp_path / "c", smooth, settings, encoding="png")
    fast = logged(tmp_path / "d", smooth)
    again = logged(tmp_path / "e", smooth, settings, encoding="png", compression="fast")
    assert format_of(small) == "PNG"
    assert len(small) < len(fast)
    assert again == fast


def test_a_writer_of_jpegs_makes_pngs_of_pictures_that_jpeg_cannot_hold(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    clear = noise(8, 8, 4)
    found = decode(logged(tmp_path / "a", clear, {"encoding": "jpeg"}))
    np.testing.assert_array_equal(found, clear)
    long = np.zeros((1, 65536), np.uint8)
    assert format_of(logged(tmp_path / "b", long, {"encoding": "jpeg"})) == "PNG"
    with (
        tbimage.SummaryWriter(tmp_path / "c", encoding="jpeg") as writer,
        pytest.raises(ValueError, match="no transparency"),
    ):
        writer.image("x", clear, 0, encoding="jpeg")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"encoding": "webp"}, ValueError, "encoding must be 'png' or 'jpeg', got 'webp'"),
        ({"quality": 0}, ValueError, "quality must be an integer from 1 to 100, got 0"),
        ({"quality": 101}, ValueError, "quality must be an integer from 1 to 100, got 101"),
        ({"quality": 90.0}, TypeError, "quality must be an integer"),
        ({"compression": "best"}, ValueError, "compression must be 'fast', 'balanced' or 'small"),
    ],
)
def test_settings_are_checked(tmp_path: Path, settings: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        tbimage.SummaryWriter(tmp_path, **settings)
    with (
        tbimage.SummaryWriter(tmp_path) as writer,
        pytest.raises(error, match=next(iter(settings))),
    ):
        writer.image("x", PHOTO, 0, **settings)


def test_the_same_options_are_not_checked_again() -> None:
    asked: dict[str, Any] = {"colormap": "turbo", "value_range": (0, 1)}
    assert recent_options(**asked) == check_options(**asked)
    assert recent_options(**asked) is recent_options(**asked)
    assert recent_options(log=True).look.log == 1000
    assert recent_options(log=1).look.log == 1
    assert recent_options(value_range=[0, 1]) == check_options(value_range=(0, 1))
    for _ in range(2):
        with pytest.raises(TypeError, match="nan_color must be"):
            recent_options(nan_color=3)


def test_a_writer_remembers_its_settings_in_another_process(tmp_path: Path) -> None:
    import pickle

    with tbimage.SummaryWriter(tmp_path, encoding="jpeg", quality=70) as writer:
        copy = pickle.loads(pickle.dumps(writer))
        with copy:
            assert (copy._settings.encoding, copy._settings.quality) == ("jpeg", 70)


def turned(orientation: int, mode: str = "RGB") -> Any:
    """An image of PIL as a camera stores it that was turned."""
    pixels = PIL.Image.fromarray(gradient(6, 9)).convert(mode)
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    pixels.save(file, "PNG", exif=exif)
    return PIL.Image.open(file)


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1"])
@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8, 0, 99])
def test_images_of_pil_are_turned_upright(
    tmp_path: Path, orientation: int, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    image = turned(orientation, mode)
    upright = PIL.ImageOps.exif_transpose(image)
    with tbimage.SummaryWriter(tmp_path) as writer:
        for step in range(2):
            writer.image("one", image, step)
            layout = "NHW" if mode in ("L", "1") else None
            writer.image("two", [image, image], step, layout=layout)
        writer.image("stored", np.asarray(image), 0)
    shown = {each.tag: decode(each.image.encoded_image_string) for each in written.values(tmp_path)}
    expected = np.asarray(upright.convert("RGB"))
    for tag in ("one", "two/image/0", "two/image/1"):
        found = np.broadcast_to(np.atleast_3d(shown[tag]), expected.shape)
        np.testing.assert_array_equal(found, expected)
    assert shown["stored"].shape[:2] == (6, 9)
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == (2 if 2 <= orientation <= 8 else 0)
    assert all("turned by their EXIF orientation (pass numpy.asarray" in each for each in messages)


BGR_CALLS = {
    "image": lambda writer, photo, layout: writer.image("x", photo, 0, layout=layout),
    "batch": lambda writer, photo, layout: writer.image(
        "x", np.stack([photo] * 2), 0, layout=layout
    ),
    "grid": lambda writer, photo, layout: writer.grid("x", [photo, photo], 0, layout=layout),
    "boxes": lambda writer, photo, layout: writer.boxes(
        "x", photo, [[2, 3, 12, 13]], 0, layout=layout
    ),
    "segmentation": lambda writer, photo, layout: writer.segmentation(
        "x", np.zeros((1, 20, 30), int), 0, image=photo[None], layout=layout
    ),
    "animation": lambda writer, photo, layout: writer.animation(
        "x", np.stack([photo] * 3), 0, layout=layout
    ),
    "compare": lambda writer, photo, layout: writer.compare(
        "x", photo, photo // 2, step=0, layout=layout
    ),
}


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("method", BGR_CALLS)
def test_images_of_opencv_have_their_colours(tmp_path: Path, method: str, channels: int) -> None:
    photo = noise(20, 30, channels)
    bgr = photo[..., [2, 1, 0, 3][:channels]]
    stored = []
    for name, data, layout in (("rgb", photo, None), ("bgr", bgr, "BGR")):
        with tbimage.SummaryWriter(tmp_path / name) as writer:
            assert BGR_CALLS[method](writer, data, layout)
        points = readers.read_accumulator(tmp_path / name)
        stored.append({tag: [each.encoded for each in images] for tag, images in points.items()})
    assert stored[0] == stored[1] != {}
    if method == "image":
        (file,) = stored[1]["x"]
        assert np.array_equal(decode(file), photo)
        assert np.array_equal(visual.image(bgr, layout="BGR"), visual.image(photo))
