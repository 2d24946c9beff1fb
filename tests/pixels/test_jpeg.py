"""JPEG files: their decoded pixels, and pictures that they cannot hold."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from tbimage.pixels.clips.jpeg import check_channels, encode


def smooth(channels: int) -> Any:
    rows, columns = np.mgrid[:40, :60]
    return np.stack([rows * 3 + columns * c for c in range(channels)], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_decoded_pixels_are_near(channels: int) -> None:
    pixels = smooth(channels)
    with Image.open(io.BytesIO(encode(pixels, 95))) as image:
        assert image.format == "JPEG"
        decoded = np.asarray(image).reshape(pixels.shape).astype(int)
    assert np.abs(decoded - pixels).mean() < 2


def test_colours_are_as_fine_as_brightness() -> None:
    with Image.open(io.BytesIO(encode(smooth(3)))) as image:
        assert JpegImagePlugin.get_sampling(image) == 0  # 4:4:4


def test_quality_and_depth_and_memory() -> None:
    pixels = smooth(3)
    assert len(encode(pixels, 10)) < len(encode(pixels, 99))
    deep = pixels.astype(np.uint16) << 8
    assert encode(deep) == encode(pixels)
    assert encode(np.asfortranarray(pixels)) == encode(pixels)


def test_pictures_that_jpeg_cannot_hold() -> None:
    for channels in (2, 4):
        with pytest.raises(ValueError, match=rf"no transparency, and data has {channels} channels"):
            check_channels(channels)
    with pytest.raises(ValueError, match=r"at most 65535 pixels .* 1x70000"):
        encode(np.zeros((1, 70000, 1), np.uint8))
