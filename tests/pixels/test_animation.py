"""Clips: decoded frames are compared exactly, and the files are what their specifications say."""

from __future__ import annotations

import io
import math
import struct
import zlib
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from tbimage.pixels.arrays.layouts import CLIPS, MAPS, MASKS, arrange
from tbimage.pixels.clips import apng, gif
from tbimage.pixels.clips.animation import animate, check_clip
from tbimage.pixels.clips.frames import Frames, changed_area, check_fps, render_frames
from tbimage.pixels.drawing.rendering import CONSTANT, Look, check_look
from tbimage.pixels.values.colormaps import table
from tbimage.pixels.values.levels import to_levels
from tbimage.pixels.values.pictures import Findings, Picture
from tests.pixels.images import Array


def chunks(file: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a PNG file, with their checksums checked."""
    assert file[:8] == b"\x89PNG\r\n\x1a\n"
    found, position = [], 8
    while position < len(file):
        size, name = struct.unpack_from(">I4s", file, position)
        data = file[position + 8 : position + 8 + size]
        (crc,) = struct.unpack_from(">I", file, position + 8 + size)
        assert crc == zlib.crc32(name + data)
        found.append((name, data))
        position += 12 + size
    return found


def frames_of(file: bytes, mode: str) -> list[Array]:
    with Image.open(io.BytesIO(file)) as image:
        return [np.array(frame.convert(mode)) for frame in ImageSequence.Iterator(image)]


MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


@st.composite
def clips(draw: st.DrawFn, channels: tuple[int, ...] = (1, 2, 3, 4)) -> Array:
    """Small clips of which some frames change little or not at all."""
    shape = draw(st.integers(1, 20)), draw(st.integers(1, 9)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    clip = rng.integers(0, 256, (*shape, draw(st.sampled_from(channels))), np.uint8)
    for number in range(1, shape[0]):
        if draw(st.booleans()):
            kept = clip[number].copy()
            clip[number] = clip[number - 1]
            if draw(st.booleans()):
                row, column = draw(st.integers(0, shape[1] - 1)), draw(st.integers(0, shape[2] - 1))
                clip[number, row, column] = kept[row, column]
    return clip


@given(clips(), st.sampled_from(["fast", "balanced", "small"]))
def test_an_apng_keeps_every_frame(clip: Array, compression: str) -> None:
    frames = render_frames(clip, Look())
    encoded = apng.encode(frames, Fraction(10), compression)
    count, height, width, channels = clip.shape
    assert (encoded.height, encoded.width, encoded.channels) == (height, width, channels)
    decoded = frames_of(b"".join(encoded.pieces), MODES[channels])
    assert len(decoded) == count
    np.testing.assert_array_equal(np.stack(decoded).reshape(clip.shape), clip)


@settings(max_examples=30)
@given(clips(), st.fractions(Fraction(1, 10), 60, max_denominator=1000))
def test_the_chunks_of_an_apng(clip: Array, fps: Fraction) -> None:
    """Each frame by the specification alone: numbers in order, areas within, each area's bytes."""
    file = b"".join(apng.encode(render_frames(clip, Look()), fps).pieces)
    found = chunks(file)
    assert [name for name, _ in found[:3]] == [b"IHDR", b"acTL", b"fcTL"]
    assert found[-1] == (b"IEND", b"")
    assert struct.unpack(">II", found[1][1]) == (len(clip), 0)
    sequence = [data[:4] for name, data in found if name in (b"fcTL", b"fdAT")]
    assert sequence == [struct.pack(">I", number) for number in range(len(sequence))]
    canvas = np.zeros(clip.shape[1:], np.uint8)
    shown: list[Array] = []
    area: Any = None
    data = b""
    for name, content in [*found[2:], (b"fcTL", b"")]:
        if name in (b"fcTL", b"IEND") and area is not None:
            width, height, left, top = area
            rows = plain_rows(zlib.decompress(data), height, width, clip.shape[3])
            canvas[top : top + height, left : left + width] = rows
            shown.append(canvas.copy())
            area, data = None, b""
        if name == b"fcTL" and content:
            area = struct.unpack_from(">IIII", content, 4)
            numerator, denominator, dispose, blend = struct.unpack_from(">HHBB", content, 20)
            assert Fraction(numerator, denominator) == 1 / fps
            assert (dispose, blend) == (0, 0)
        data += content if name == b"IDAT" else content[4:] if name == b"fdAT" else b""
    np.testing.assert_array_equal(np.stack(shown), clip)


def plain_rows(filtered: bytes, height: int, width: int, channels: int) -> Array:
    """Undo PNG's filters (section 9.2), one byte at a time."""
    stride = width * channels
    rows: list[list[int]] = [[0] * stride]
    for number in range(height):
        start = number * (stride + 1)
        kind, raw = filtered[start], filtered[start + 1 : start + 1 + stride]
        row: list[int] = []
        for place, byte in enumerate(raw):
            left = row[place - channels] if place >= channels else 0
            above = rows[-1][place]
            corner = rows[-1][place - channels] if place >= channels else 0
            row.append((byte + predicted(kind, left, above, corner)) % 256)
        rows.append(row)
    return np.array(rows[1:], np.uint8).reshape(height, width, channels)


def predicted(kind: int, left: int, above: int, corner: int) -> int:
    if kind == 4:
        nearest = left + above - corner
        return min((left, above, corner), key=lambda each: abs(nearest - each))
    return (0, left, above, (left + above) // 2)[kind]


def test_a_16_bit_clip_stays_16_bits() -> None:
    clip = np.random.default_rng(0).integers(0, 65536, (3, 5, 7, 1), np.uint16)
    file = b"".join(apng.encode(render_frames(clip, Look()), Fraction(1)).pieces)
    assert file[24] == 16
    datas = [data for name, data in chunks(file) if name == b"IDAT"]
    rows = plain_rows(zlib.decompress(b"".join(datas)), 5, 7, 2)
    np.testing.assert_array_equal(rows.view(">u2")[..., 0], clip[0, ..., 0])


def test_frames_that_change_little_cost_little() -> None:
    still = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    clip = np.repeat(still[np.newaxis], 30, axis=0)
    clip[:, 10, 10] = np.arange(30)[:, np.newaxis]
    one = len(animate(clip[:1]))
    assert len(animate(clip)) < one + 30 * 200


@settings(max_examples=30)
@given(clips((1, 3)), st.fractions(Fraction(1, 10), 50, max_denominator=100))
def test_a_gif_of_few_colours_keeps_every_frame(clip: Array, fps: Fraction) -> None:
    clip = clip // 64 * 64  # at most 64 colours
    encoded = gif.encode(render_frames(clip, Look()), fps)
    decoded = frames_of(b"".join(encoded.pieces), MODES[clip.shape[3]])
    assert len(decoded) == len(clip)
    np.testing.assert_array_equal(np.stack(decoded).reshape(clip.shape), clip)


@pytest.mark.parametrize("fps", [check_fps(0.002), Fraction(7), Fraction(30), Fraction(2997, 100)])
def test_the_delays_of_a_gif_add_up(fps: Fraction) -> None:
    clip = np.random.default_rng(0).integers(0, 256, (50, 4, 4, 1), np.uint8)
    file = b"".join(gif.encode(render_frames(clip, Look()), fps).pieces)
    with Image.open(io.BytesIO(file)) as image:
        assert image.info["loop"] == 0
        delays = [frame.info["duration"] for frame in ImageSequence.Iterator(image)]
    assert abs(sum(delays) - 1000 * 50 / fps) <= 10
    assert max(delays) - min(delays) <= 10


def test_a_gif_of_many_colours_is_near() -> None:
    rows, columns = np.mgrid[:128, :128]
    smooth = np.stack([rows * 2, columns * 2, (rows + columns)], axis=-1).astype(np.uint8)
    clip = np.stack([smooth, smooth[::-1]])
    decoded = np.stack(frames_of(animate(clip, format="gif"), "RGB")).astype(int)
    blurred = [box_blur(each.astype(float)) for each in (decoded, clip)]
    assert np.abs(decoded - clip).mean() < 12
    assert np.abs(blurred[0] - blurred[1]).mean() < 5


def box_blur(clip: Array) -> Array:
    return clip.reshape(2, 16, 8, 16, 8, 3).mean(axis=(2, 4))


def coloured(kind: str, height: int, width: int) -> Array:
    """Pictures of many colours, whose colours a regular sample could miss."""
    rows, columns = np.mgrid[:height, :width]
    down, across = rows * 255 // max(1, height - 1), columns * 255 // max(1, width - 1)
    picture = np.stack([down, across, (down + across) // 2], axis=-1)
    if kind == "a black column":
        picture[:, 0] = 0
    elif kind == "mostly black":
        picture[:, : 3 * width // 4] = 0
    elif kind == "columns":
        picture[:] = picture[0]
    elif kind == "rows":
        picture[:] = picture[:, :1]
    else:
        picture = np.stack([(columns + sign * rows) % 256 for sign in (-1, 1, 2)], axis=-1)
    return picture.astype(np.uint8)


KINDS = ["a black column", "mostly black", "columns", "rows", "diagonals"]
# The longest is that of a report: 6.6 dB. The stride of a regular sample was 8, 8, 32, 8, 4, 512, …
SHAPES = [
    (16, 64, 64),
    (1, 256, 256),
    (16, 128, 128),
    (4, 64, 256),
    (2, 16, 1024),
    (16, 512, 512),
    (16, 63, 65),
    (9, 181, 127),
    (3, 7, 2000),
    (3, 2000, 7),
    (40, 96, 96),
]


def decibels(decoded: Array, clip: Array) -> float:
    error = float(np.square(decoded.astype(np.float64) - clip).mean())
    return 10 * math.log10(255**2 / max(error, 1e-9))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_gif_keeps_colours_in_any_shape(shape: tuple[int, int, int], kind: str) -> None:
    """30 dB and more; 24 with the dither where colours are far apart, as in the diagonals."""
    count, height, width = shape
    clip = np.repeat(coloured(kind, height, width)[np.newaxis], count, axis=0)
    decoded = frames_of(animate(clip, format="gif"), "RGB")
    assert len(decoded) == count
    assert decibels(decoded[0], clip[0]) > (24 if kind == "diagonals" else 30)


@pytest.mark.parametrize("count", [16, 31, 61, 91])
def test_a_gif_keeps_the_colours_of_two_pictures_that_take_turns(count: int) -> None:
    dark, bright = np.zeros((64, 64, 3), np.uint8), coloured("", 64, 64)
    dark[..., 0] = bright[..., 0] // 4
    clip = np.stack([dark, bright] * (count // 2 + 1))[:count]
    decoded = frames_of(animate(clip, format="gif"), "RGB")
    assert min(decibels(decoded[number], clip[number]) for number in (0, 1)) > 24


def test_a_gif_of_16_bits_and_of_a_colour_map() -> None:
    deep = np.arange(2 * 4 * 4, dtype=np.uint16).reshape(2, 4, 4, 1) * 2000
    decoded = frames_of(animate(deep, format="gif"), "L")
    np.testing.assert_array_equal(np.stack(decoded), deep[..., 0] >> 8)
    ramp = np.linspace(0, 1, 2 * 16 * 16).reshape(2, 16, 16)
    decoded = frames_of(animate(ramp, format="gif", colormap="magma"), "RGB")
    levels = to_levels(ramp.reshape(2 * 16, 16, 1)).pixels
    np.testing.assert_array_equal(np.stack(decoded), table("magma")[levels].reshape(2, 16, 16, 3))


def test_one_range_for_the_whole_clip() -> None:
    clip = np.stack([np.full((4, 4, 1), level) for level in (0.0, 5.0, 10.0)])
    for value_range, levels in (("minmax", [0, 127, 255]), (("percentile", 0, 100), [0, 127, 255])):
        frames = render_frames(clip, check_look(value_range=value_range))
        assert [int(frames.frame(i).pixels[0, 0, 0]) for i in range(3)] == levels
        assert not frames.frame(0).findings
    signed = render_frames(clip - 5, check_look(value_range="minmax", colormap="RdBu"))
    assert signed.frame(1).pixels[0, 0].tolist() == table("RdBu")[127].tolist()


def test_a_constant_clip_is_said_once() -> None:
    clip = np.full((12, 4, 4, 1), 3.0)
    encoded = apng.encode(render_frames(clip, check_look(value_range="minmax")), Fraction(1))
    assert encoded.findings == Findings(remarks={CONSTANT: 1})


def test_a_fault_in_one_frame_makes_all_of_them_coloured() -> None:
    clip = np.zeros((20, 3, 3, 1))
    clip[11, 1, 1] = np.nan
    encoded = apng.encode(render_frames(clip, Look()), Fraction(1))
    decoded = frames_of(b"".join(encoded.pieces), "RGB")
    assert encoded.channels == 3
    assert [bool(frame.any()) for frame in decoded] == [number == 11 for number in range(20)]
    assert decoded[11][1, 1].tolist() == [255, 0, 0]
    assert encoded.findings.non_finite == 1
    gray = apng.encode(render_frames(clip, check_look(nan_color=(9, 9, 9))), Fraction(1))
    assert gray.channels == 1


def test_findings_are_counted_once_for_each_frame() -> None:
    clip = np.full((20, 2, 2, 1), 2.0)
    clip[:, 0, 0] = np.nan
    found = apng.encode(render_frames(clip, Look()), Fraction(1)).findings
    assert found == Findings((2.0, 2.0), 20)
    assert gif.encode(render_frames(clip, Look()), Fraction(1)).findings == found


def test_frames_are_made_as_they_are_needed() -> None:
    made: list[int] = []

    def frame(number: int) -> Picture:
        made.append(number)
        return Picture(np.full((2, 2, 1), number, np.uint8))

    apng.encode(Frames(17, frame), Fraction(1))
    assert made == [*range(8), *range(7, 16), 15, 16]


@given(clips(), st.data())
def test_the_area_that_changed(clip: Array, data: st.DataObject) -> None:
    before = clip[data.draw(st.integers(0, len(clip) - 1))]
    after = clip[data.draw(st.integers(0, len(clip) - 1))]
    rows, columns = changed_area(before, after)
    differs = np.argwhere((before != after).any(axis=2))
    if len(differs):
        expected = (*differs.min(axis=0).tolist(), *(differs.max(axis=0) + 1).tolist())
    else:
        expected = (0, 0, 1, 1)
    assert (rows.start, columns.start, rows.stop, columns.stop) == expected


@pytest.mark.parametrize("wrong", [0, -1, 61, math.nan, math.inf, 0.001])
def test_speeds_out_of_range(wrong: float) -> None:
    with pytest.raises(ValueError, match=r"fps must be a number from 0\.002 to 60"):
        check_fps(wrong)


@pytest.mark.parametrize("wrong", ["10", None, True, [10]])
def test_speeds_are_numbers(wrong: Any) -> None:
    with pytest.raises(TypeError, match="fps must be a number"):
        check_fps(wrong)


@given(st.floats(0.002, 60))
def test_a_speed_can_be_stated_in_an_apng(fps: float) -> None:
    exact = check_fps(fps)
    assert abs(float(exact) - fps) <= 0.0005 + 1e-9
    assert 0 < exact.denominator <= 1000
    assert 0 < exact.numerator < 1 << 16


def test_impossible_gifs() -> None:
    with pytest.raises(ValueError, match="at most 50 frames a second, got fps=60"):
        check_clip("gif", 60, Look(), 3)
    with pytest.raises(ValueError, match="no partial transparency"):
        check_clip("gif", 10, Look(), 4)
    with pytest.raises(ValueError, match="'apng' or 'gif', got 'mp4'"):
        check_clip("mp4", 10, Look(), 3)
    with pytest.raises(ValueError, match="format must be 'apng' or 'gif', got array"):
        check_clip(np.array(["apng", "gif"]), 10, Look(), 3)
    alpha = Frames(1, lambda number: Picture(np.zeros((2, 2, 4), np.uint8)))
    with pytest.raises(ValueError, match="no partial transparency"):
        gif.encode(alpha, Fraction(1))
    wide = Frames(1, lambda number: Picture(np.zeros((1, 70000, 1), np.uint8)))
    with pytest.raises(ValueError, match="at most 65535 pixels"):
        gif.encode(wide, Fraction(1))


@pytest.mark.parametrize(
    ("shape", "layout", "view", "batched"),
    [
        ((5, 6, 7), None, (1, 5, 6, 7, 1), False),
        ((5, 6, 7, 3), None, (1, 5, 6, 7, 3), False),
        ((2, 5, 6, 7, 4), None, (2, 5, 6, 7, 4), True),
        ((2, 5, 3, 6, 7), "ntchw", (2, 5, 6, 7, 3), True),
        ((5, 3, 6, 7), "TCHW", (1, 5, 6, 7, 3), False),
        ((2, 5, 6, 7), "NTHW", (2, 5, 6, 7, 1), True),
    ],
)
def test_axes_of_clips(shape: Any, layout: Any, view: Any, batched: bool) -> None:
    found, was_batched = arrange(np.zeros(shape), layout, CLIPS)
    assert (found.shape, was_batched) == (view, batched)


@pytest.mark.parametrize(
    ("shape", "layout", "message"),
    [
        ((5, 3, 6, 7), None, "the shape looks like TCHW: pass layout='TCHW'"),
        ((2, 5, 3, 6, 7), None, "the shape looks like NTCHW"),
        ((2, 5, 6, 7, 9), None, r"pass 1 to 4 channels, such as frames\[..., :3\]"),
        ((6, 7), None, "have rank 2; expected the axes THW or THWC or NTHWC"),
        ((5, 6, 7), "HWC", "layout must be None or a permutation of 'THW', 'THWC'"),
        ((5, 6, 7), "THWC", "names 4 axes, but frames have the shape"),
        ((5, 6, 7), "THH", "layout must be None or a permutation"),
        ((0, 6, 7), None, "have no elements"),
    ],
)
def test_axes_that_do_not_fit(shape: Any, layout: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        arrange(np.zeros(shape), layout, CLIPS)


def test_other_axes() -> None:
    assert arrange(np.zeros((2, 9, 4, 5)), "NCHW", MAPS)[0].shape == (2, 4, 5, 9)
    assert arrange(np.zeros((4, 5)), None, MASKS)[0].shape == (1, 4, 5)
    assert arrange(np.zeros((0, 4, 5)), None, MASKS)[0].shape == (0, 4, 5)
    with pytest.raises(
        TypeError, match="layout must be None or a permutation of 'HW' or 'NHW', got 3 of type int"
    ):
        arrange(np.zeros((4, 5)), 3, MASKS)


def test_a_batch_is_no_clip() -> None:
    with pytest.raises(ValueError, match="batch of 2 clips"):
        animate(np.zeros((2, 3, 4, 5, 3)))
