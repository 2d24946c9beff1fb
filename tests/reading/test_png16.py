"""Pictures of 16 bits for each channel are decoded exactly, with any filters."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

import tbimage
from tbimage.events.messages import Event
from tbimage.events.records import frame
from tbimage.reading.png16 import decode

DEEP = np.random.default_rng(0).integers(0, 1 << 16, (10, 7, 4), np.uint16)
COLORS = {2: 4, 3: 2, 4: 6}


def png(pixels: np.ndarray, filters: list[int]) -> bytes:
    """Encode with these filters in turn, by the formulas of the specification."""
    height, width, channels = pixels.shape
    step = 2 * channels
    raw = pixels.astype(">u2").reshape(height, -1).view(np.uint8).astype(int)
    lines = []
    for y in range(height):
        kind = filters[y % len(filters)]
        above = raw[y - 1] if y else np.zeros_like(raw[0])
        left = np.concatenate([np.zeros(step, int), raw[y][:-step]])
        corner = np.concatenate([np.zeros(step, int), above[:-step]])
        estimate = left + above - corner
        a, b, c = (np.abs(estimate - each) for each in (left, above, corner))
        paeth = np.where((a <= b) & (a <= c), left, np.where(b <= c, above, corner))
        predicted = [np.zeros_like(left), left, above, (left + above) // 2, paeth][kind]
        lines.append(bytes([kind]) + ((raw[y] - predicted) % 256).astype(np.uint8).tobytes())
    data = zlib.compress(b"".join(lines))
    header = struct.pack(">IIBBBBB", width, height, 16, COLORS[channels], 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", data[:9]), (b"IDAT", data[9:]), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(each)) + name + each + struct.pack(">I", zlib.crc32(name + each))
        for name, each in chunks
    )


@pytest.mark.parametrize("channels", [2, 3, 4])
@pytest.mark.parametrize("filters", [[0], [1], [2], [3], [4], [4, 3, 2, 1, 0]], ids=str)
def test_all_bits_come_back(channels: int, filters: list[int]) -> None:
    pixels = DEEP[..., :channels]
    decoded = decode(png(pixels, filters), 1000)
    assert decoded is not None
    assert np.array_equal(decoded, pixels)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_what_tbimage_logs_comes_back(tmp_path: Path, channels: int) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.image("deep", DEEP[..., :channels], 0)
    pixels = tbimage.read(tmp_path)["."].images("deep")[0].pixels()
    assert pixels.dtype == np.uint16
    assert np.array_equal(pixels, DEEP[..., :channels])


def test_other_pictures_are_left_to_pillow() -> None:
    assert decode(b"", 1000) is None
    assert decode(b"\xff\xd8\xff", 1000) is None
    assert decode(png(DEEP[..., :3], [0]), 9) is None  # more pixels than Pillow would take
    for at in (16, 20):  # no width or no height, but many pixels
        broken = bytearray(png(DEEP[..., :3], [0]))
        broken[at : at + 4] = bytes(4)
        assert decode(bytes(broken), 1000) is None


def test_damage_is_a_clear_error(tmp_path: Path) -> None:
    whole = png(DEEP[..., :3], [4])
    at = whole.index(b"IDAT") + 4
    broken = [
        whole[: at + 5],
        whole[:at] + b"\xff\xff" + whole[at + 2 :],
        png(DEEP[..., :3], [0])[:-40],
    ]
    events = []
    for step, encoded in enumerate(broken):
        event = Event(wall_time=1.0, step=step)
        event.summary.value.add(tag="x").image.encoded_image_string = encoded
        events.append(b"".join(frame([event.SerializeToString()])))
    (tmp_path / "tfevents").write_bytes(b"".join(events))
    for image in tbimage.read(tmp_path)["."].images("x"):
        with pytest.raises(ValueError, match="its picture cannot be decoded"):
            image.pixels()
