"""Encoded pictures: files that TensorBoard serves as images are accepted, and not decoded."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tbimage.pixels.arrays.encoded import MOST_PIXELS, EncodedImage, read_encoded, read_header

START_OF_SCAN = b"\xff\xda"
CONTENT_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "BMP": "image/bmp"}


def encoded(mode: str, format_: str, size: tuple[int, int] = (7, 5), **options: Any) -> bytes:
    image = Image.new(mode, size)
    if mode == "P":
        image.putpalette(bytes(range(30, 93)))
        image.putpixel((1, 1), 1)
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def png_header(width: int, height: int, color_type: int = 0, depth: int = 8) -> bytes:
    """A PNG whose pixels are missing."""
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", b""), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


def content_type(data: bytes) -> str:
    """The type as which TensorBoard serves a picture."""
    detector = pytest.importorskip("tensorboard.util.img_mime_type_detector")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of large images, which are served nonetheless
        served: str = detector.from_bytes(data)
    return served


PICTURES: list[tuple[str, str, dict[str, Any], int]] = [
    ("1", "PNG", {}, 1),
    ("L", "PNG", {}, 1),
    ("L", "PNG", {"transparency": 3}, 2),
    ("LA", "PNG", {}, 2),
    ("I;16", "PNG", {}, 1),
    ("P", "PNG", {}, 3),
    ("P", "PNG", {"transparency": 1}, 4),
    ("P", "PNG", {"transparency": b"\x00\x80"}, 4),
    ("RGB", "PNG", {}, 3),
    ("RGB", "PNG", {"transparency": (1, 2, 3)}, 4),
    ("RGBA", "PNG", {}, 4),
    ("RGB", "PNG", {"save_all": True, "append_images": [Image.new("RGB", (7, 5), "red")]}, 3),
    ("L", "JPEG", {}, 1),
    ("RGB", "JPEG", {}, 3),
    ("RGB", "JPEG", {"progressive": True}, 3),
    ("CMYK", "JPEG", {}, 3),
    ("L", "GIF", {}, 3),
    ("L", "GIF", {"optimize": False}, 3),
    ("P", "GIF", {}, 3),
    ("P", "GIF", {"transparency": 1}, 4),
    ("RGBA", "GIF", {}, 4),
    ("P", "GIF", {"save_all": True, "append_images": [Image.new("P", (7, 5), 3)]}, 3),
    ("1", "BMP", {}, 1),
    ("L", "BMP", {}, 1),
    ("P", "BMP", {}, 3),
    ("RGB", "BMP", {}, 3),
    ("RGBA", "BMP", {}, 3),  # Pillow writes a header that does not tell alpha from padding
]


@pytest.mark.parametrize(("mode", "format_", "options", "channels"), PICTURES)
def test_headers(mode: str, format_: str, options: dict[str, Any], channels: int) -> None:
    data = encoded(mode, format_, **options)
    picture = read_header(data)
    assert picture == EncodedImage(data, format_, 7, 5, channels)
    assert picture.data is data
    assert content_type(data) == CONTENT_TYPES[format_]


@pytest.mark.parametrize(
    ("mode", "format_", "options", "channels"),
    # TensorFlow, unlike browsers, keeps no transparency but that of alpha channels and of palettes
    # in PNG, and gives the indices of palettes in BMP.
    [
        (mode, format_, options, channels)
        for mode, format_, options, channels in PICTURES
        if (format_ in ("PNG", "JPEG") and (mode == "P" or "transparency" not in options))
        or (format_ == "GIF" and channels == 3)
    ],
)
def test_channels_are_those_that_tensorflow_decodes(
    mode: str, format_: str, options: dict[str, Any], channels: int
) -> None:
    tf = pytest.importorskip("tensorflow")
    data = encoded(mode, format_, **options)
    assert tf.io.decode_image(data, expand_animations=False).shape[-1] == channels


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("WebP", encoded("RGB", "WEBP")),
        ("TIFF", encoded("RGB", "TIFF")),
        ("JPEG 2000", encoded("RGB", "JPEG2000")),
        ("AVIF", b"\0\0\0\x1cftypavif" + bytes(20)),
        ("HEIF", b"\0\0\0\x1cftypheic" + bytes(20)),
        ("no known picture", encoded("RGB", "PPM")),
        ("no known picture", encoded("RGB", "ICO")),
        ("no known picture", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("no known picture", b""),
        ("no known picture", b"photo.png"),
    ],
)
def test_formats_that_tensorboard_does_not_show(name: str, data: bytes) -> None:
    with pytest.raises(ValueError, match=rf"data is {name}.*open it with PIL and pass the image"):
        read_header(data)
    assert content_type(data) == "application/octet-stream"


def test_several_jpegs_in_one_file_are_not_shown() -> None:
    data = encoded("RGB", "MPO", save_all=True, append_images=[Image.new("RGB", (7, 5), "red")])
    with pytest.raises(ValueError, match=r"data is MPO, .*open it with PIL"):
        read_header(data)
    assert content_type(data) == "application/octet-stream"


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "GIF", "BMP"])
def test_truncated_pictures_are_taken_just_where_tensorboard_shows_them(format_: str) -> None:
    data = encoded("P" if format_ == "GIF" else "RGB", format_)
    taken = []
    for length in range(len(data) + 1):
        try:
            picture = read_header(data[:length])
        except ValueError:
            served = content_type(data[:length])
            # Pillow 13 identifies a JPEG without its scan. Browsers draw nothing of it.
            if served != "application/octet-stream":
                assert served == "image/jpeg"
                assert START_OF_SCAN not in data[:length]
        else:
            assert content_type(data[:length]) == CONTENT_TYPES[format_]
            assert (picture.width, picture.height, picture.channels) == (7, 5, 3)
            taken.append(length)
    assert taken  # at least the whole
    assert taken == list(range(taken[0], len(data) + 1))
    assert taken[0] > 12


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 1}, {"optimize": True}])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_jpeg_that_ends_before_its_scan_is_refused(mode: str, options: dict[str, Any]) -> None:
    """With any release of Pillow, at the end of each segment as well as within."""
    data = encoded(mode, "JPEG", **options)
    scan = data.index(START_OF_SCAN)
    for length in range(scan + 1):
        with pytest.raises(ValueError, match=r"no known picture|JPEG picture with a damaged head"):
            read_header(data[:length])
    (size,) = struct.unpack_from(">H", data, scan + 2)
    assert read_header(data[: scan + 2 + size]).width == 7


SOUND = [encoded("P" if format_ == "GIF" else "RGB", format_) for format_ in CONTENT_TYPES]


@given(st.sampled_from(SOUND), st.lists(st.tuples(st.integers(0, 80), st.integers(0, 255))))
def test_damage_is_a_value_error(data: bytes, damage: list[tuple[int, int]]) -> None:
    damaged = bytearray(data)
    for where, value in damage:
        damaged[where % len(damaged)] = value
    try:
        picture = read_header(bytes(damaged))
    except ValueError:
        return
    assert picture.width > 0
    assert picture.height > 0
    assert picture.channels in (1, 2, 3, 4)


STARTS = [b"", *(data[:4] for data in SOUND), *(data[:20] for data in SOUND)]


@given(st.sampled_from(STARTS), st.binary())
def test_other_bytes_are_a_value_error(start: bytes, rest: bytes) -> None:
    try:
        picture = read_header(start + rest)
    except ValueError:
        return
    assert picture.data == start + rest


@pytest.mark.parametrize(
    ("width", "height", "shown"),
    [
        (MOST_PIXELS, 1, True),
        (MOST_PIXELS + 1, 1, False),
        (13377, 13377, True),
        (13378, 13378, False),
        (2**31 - 1, 2**31 - 1, False),
    ],
)
def test_the_largest_picture(width: int, height: int, shown: bool) -> None:
    data = png_header(width, height)  # warnings are errors here, so this also shows that none comes
    if shown:
        assert read_header(data) == EncodedImage(data, "PNG", width, height, 1)
    else:
        with pytest.raises(ValueError, match=r"178,956,970 pixels.*make the picture smaller"):
            read_header(data)
    assert (content_type(data) == "image/png") == shown


def test_the_limit_is_not_the_applications(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1)
    assert read_header(encoded("RGB", "PNG")).width == 7
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with pytest.raises(ValueError, match="at most"):
        read_header(png_header(20_000, 20_000))


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize(("color_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_channels_of_any_depth(depth: int, color_type: int, channels: int) -> None:
    assert read_header(png_header(7, 5, color_type, depth)).channels == channels


def test_nothing_is_decoded() -> None:
    assert read_header(png_header(10_000, 10_000, color_type=6, depth=16)).channels == 4


def test_bytes_and_paths(tmp_path: Path) -> None:
    data = encoded("RGB", "PNG")
    path = tmp_path / "picture"
    path.write_bytes(data)
    expected = EncodedImage(data, "PNG", 7, 5, 3)
    assert read_encoded(data).data is data
    for given_data in (data, bytearray(data), memoryview(data), path, str(path)):
        picture = read_encoded(given_data)
        assert picture == expected
        assert type(picture.data) is bytes


def test_mutable_bytes_are_copied() -> None:
    data = bytearray(encoded("RGB", "PNG"))
    picture = read_encoded(memoryview(data))
    before = bytes(data)
    data[:] = bytes(len(data))
    assert picture.data == before


def test_errors_of_paths_pass(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_encoded(tmp_path / "nothing.png")
    with pytest.raises(IsADirectoryError):
        read_encoded(str(tmp_path))
    path = tmp_path / "text.png"
    path.write_text("no picture")
    with pytest.raises(ValueError, match=r"text\.png: data is no known picture"):
        read_encoded(path)


def test_a_path_that_also_counts_is_no_descriptor() -> None:
    """A mock has __index__, too: open() would take that number and close the descriptor."""
    standard_output = os.dup(1)
    try:
        with pytest.raises(FileNotFoundError):
            read_encoded(MagicMock(__fspath__=lambda self: "nothing.png"))
        os.fstat(1)
    finally:
        os.dup2(standard_output, 1)
        os.close(standard_output)


@pytest.mark.parametrize("data", [None, 5, ["a.png"], io.BytesIO(b""), np.zeros(3, np.uint8)])
def test_neither_bytes_nor_path(data: Any) -> None:
    with pytest.raises(TypeError, match=r"data is a .*expected the bytes of a PNG"):
        read_encoded(data)
