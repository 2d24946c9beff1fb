"""The pictures that every benchmark encodes. They are computed, and equal on every machine.

Rules:
- The photographs are those in the wheel of scikit-image. All else is computed from them, from a
  seeded generator or from geometry. Nothing is downloaded.
- The pictures are like those that users log. So there are feature maps as a grid and in colour,
  masks as 0 and 255 and as label colours, and a depth map as uint16 and in colour.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import skimage
from PIL import Image, ImageDraw

Kind = Literal["photograph", "thumbnail", "map", "mask", "drawing", "depth", "noise"]
Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

SEED = 20_240_229
_GOLDEN_RATIO = 0.61803398875  # the distance of hues on the circle that look different

_PHOTOGRAPHS = (
    "astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "coffee.png",
    "coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "moon.png",
    "motorcycle_left.png", "motorcycle_right.png", "page.png", "retina.jpg", "rocket.jpg",
    "text.png",
)  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """One picture of the corpus: (H, W, C) pixels, uint8 or uint16, and what it stands for."""

    name: str
    kind: Kind
    pixels: Pixels


def corpus(kinds: tuple[Kind, ...] | None = None) -> list[Picture]:
    """Every picture, or those of the given kinds, in a fixed order."""
    return [picture for picture in _pictures() if kinds is None or picture.kind in kinds]


def _pictures() -> Iterator[Picture]:
    for file in _PHOTOGRAPHS:
        yield Picture(file.partition(".")[0], "photograph", _read(file))
    yield Picture("mosaic_1080p", "photograph", _mosaic(1080, 1920))
    for file in ("astronaut.png", "camera.png"):
        yield Picture(f"{file.partition('.')[0]}_64", "thumbnail", _thumbnail(_read(file)))
    for name, (kind, make) in _MADE.items():
        yield Picture(name, kind, make())


@functools.cache
def _read(file: str) -> npt.NDArray[np.uint8]:
    path = os.path.join(os.path.dirname(skimage.__file__), "data", file)
    pixels = np.asarray(Image.open(path))
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def _mosaic(height: int, width: int) -> npt.NDArray[np.uint8]:
    """A picture of the size of a screen: five photographs, mirrored at their borders."""
    columns = []
    photographs = [_read(f) for f in _PHOTOGRAPHS if _read(f).shape[2] == 3][:5]
    for photograph in photographs:
        rows, across = height - photograph.shape[0], width // 5 - photograph.shape[1]
        padding = ((0, max(rows, 0)), (0, max(across, 0)), (0, 0))
        columns.append(np.pad(photograph, padding, mode="symmetric")[:height, : width // 5])
    return np.ascontiguousarray(np.concatenate(columns, axis=1))


def _thumbnail(photograph: npt.NDArray[np.uint8]) -> Pixels:
    image = Image.fromarray(photograph.squeeze())
    return np.asarray(image.resize((64, 64), Image.Resampling.BOX)).reshape(64, 64, -1)


# --- maps ---


def _activations(count: int, size: int, stride: int) -> npt.NDArray[np.float32]:
    """Maps of ``size``² like those of a network's first layer: random 5×5 filters and a ReLU."""
    photograph = _read("astronaut.png").astype(np.float32).mean(2) / 255
    windows = np.lib.stride_tricks.sliding_window_view(photograph, (5, 5))
    windows = windows[: size * stride : stride, : size * stride : stride].reshape(size, size, 25)
    filters = np.random.default_rng(SEED).normal(size=(count, 25)).astype(np.float32)
    filters -= filters.mean(1, keepdims=True)
    return np.maximum(np.einsum("hwk,nk->nhw", windows, filters), 0)


def _to_levels(values: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    low, high = np.nanmin(values), np.nanmax(values)
    return ((values - low) * (255 / (high - low))).astype(np.uint8)


def _color_map(levels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Levels in 256 colours from blue by green to red (a smooth ramp, as viridis and turbo are)."""
    ramp = np.linspace(0, 1, 256)
    red, green, blue = 2 * ramp - 0.6, np.sin(np.pi * ramp), 1.2 - 2 * ramp
    colors = np.clip(np.stack([red, green, blue], axis=-1), 0, 1)
    return (colors * 255).astype(np.uint8)[levels]


def _feature_grid() -> Pixels:
    maps = np.stack([_to_levels(activation) for activation in _activations(64, 62, 8)])
    framed = np.pad(maps, ((0, 0), (1, 1), (1, 1))).reshape(8, 8, 64, 64)
    return framed.swapaxes(1, 2).reshape(512, 512, 1)


def _feature_map() -> Pixels:
    return _to_levels(_activations(1, 254, 2)[0])[:, :, None]


def _feature_map_in_color() -> Pixels:
    return _color_map(_feature_map()[:, :, 0].astype(np.uint8))


def _attention_in_color() -> Pixels:
    """A 14×14 attention map brought to 448×448 by bilinear interpolation, in colour."""
    small = Image.fromarray(_to_levels(_activations(1, 14, 36)[0]))
    return _color_map(np.asarray(small.resize((448, 448), Image.Resampling.BILINEAR)))


def _attention_blocks() -> Pixels:
    """The same map without interpolation: flat squares of 32×32."""
    return _to_levels(_activations(1, 14, 36)[0]).repeat(32, 0).repeat(32, 1)[:, :, None]


def _confusion_matrix() -> Pixels:
    """100 classes, 6×6 pixels each, in colour: mostly dark, a strong diagonal."""
    counts = np.random.default_rng(SEED).poisson(0.7, size=(100, 100)) + np.diag(np.full(100, 40))
    return _color_map(_to_levels(counts.astype(np.float32))).repeat(6, 0).repeat(6, 1)


# --- masks ---


def _horse_mask() -> Pixels:
    return np.where(_read("horse.png")[:, :, :1] > 128, np.uint8(255), np.uint8(0))


def _coins_mask() -> Pixels:
    return np.where(_read("coins.png") > 107, np.uint8(255), np.uint8(0))


def _labels() -> npt.NDArray[np.int64]:
    """A segmentation into 60 regions with bent borders."""
    generator = np.random.default_rng(SEED)
    centers = generator.uniform(0, 512, size=(60, 2))
    y, x = np.mgrid[:512, :512].astype(np.float64)
    y, x = y + 9 * np.sin(x / 17), x + 9 * np.sin(y / 13)
    return ((y[..., None] - centers[:, 0]) ** 2 + (x[..., None] - centers[:, 1]) ** 2).argmin(-1)


def _label_ids() -> Pixels:
    return _labels().astype(np.uint8)[:, :, None]


def _label_colors() -> Pixels:
    hue = (np.arange(60) * _GOLDEN_RATIO)[:, None] + np.array([0, 1 / 3, 2 / 3])
    return (np.abs(hue % 1 - 0.5) * 510).astype(np.uint8)[_labels()]


def _overlay() -> Pixels:
    """A photograph under half-transparent label colours, as a segmentation is looked at."""
    return ((_read("astronaut.png").astype(np.uint16) + _label_colors()) // 2).astype(np.uint8)


# --- drawings ---


def _boxes_on_photograph() -> Pixels:
    image = Image.fromarray(_read("coffee.png"))
    draw = ImageDraw.Draw(image)
    for box in ((40, 60, 300, 330), (180, 20, 560, 380), (420, 250, 590, 395)):
        draw.rectangle(box, outline=(255, 64, 0), width=3)
    return np.asarray(image)


def _line_plot() -> Pixels:
    """Axes, a grid and three anti-aliased curves on white, as a plotting library draws them."""
    image = Image.new("RGB", (4 * 640, 4 * 480), "white")
    draw = ImageDraw.Draw(image)
    for at in range(1, 9):
        draw.line([(240, at * 208), (2440, at * 208)], (215, 215, 215), 4)
        draw.line([(at * 280, 120), (at * 280, 1760)], (215, 215, 215), 4)
    walks = np.random.default_rng(SEED).normal(size=(3, 551)).cumsum(1)
    for walk, color in zip(walks, ((31, 119, 180), (255, 127, 14), (44, 160, 44)), strict=True):
        points = [(240 + 4 * i, int(920 + 16 * y)) for i, y in enumerate(walk)]
        draw.line(points, color, 8, joint="curve")
    draw.rectangle((240, 120, 2440, 1760), outline="black", width=8)
    return np.asarray(image.resize((640, 480), Image.Resampling.BOX))


def _disks() -> Pixels:
    """Disks in flat colours with transparent surroundings, 512×512 RGBA."""
    image = Image.new("RGBA", (512, 512))
    draw = ImageDraw.Draw(image)
    for x, y, radius, *color in np.random.default_rng(SEED).integers(0, 255, size=(40, 6)).tolist():
        center, radius = (2 * x, 2 * y), radius // 4 + 4
        box = (center[0] - radius, center[1] - radius, center[0] + radius, center[1] + radius)
        draw.ellipse(box, fill=(*color, 255))
    return np.asarray(image)


def _gradient() -> Pixels:
    y, x = np.mgrid[:400, :600]
    ramps = [y * 255 // 399, x * 255 // 599, (x + y) * 255 // 998]
    return np.stack(ramps, axis=-1).astype(np.uint8)


# --- depth and noise ---


def _depth() -> npt.NDArray[np.float32]:
    path = os.path.join(os.path.dirname(skimage.__file__), "data", "motorcycle_disp.npz")
    with np.load(path) as archive:
        disparity = archive["arr_0"]
    known: npt.NDArray[np.float32] = np.where(np.isfinite(disparity), disparity, 0)
    return known


def _depth_16_bit() -> Pixels:
    return (_depth() * 256).astype(np.uint16)[:, :, None]


def _depth_8_bit() -> Pixels:
    return _to_levels(_depth())[:, :, None]


def _depth_in_color() -> Pixels:
    return _color_map(_to_levels(_depth()))


def _uniform_noise() -> Pixels:
    return np.random.default_rng(SEED).integers(0, 256, size=(256, 256, 3), dtype=np.uint8)


def _normal_noise() -> Pixels:
    values = np.random.default_rng(SEED).normal(128, 20, size=(256, 256, 1))
    return np.clip(values, 0, 255).astype(np.uint8)


_MADE: dict[str, tuple[Kind, Callable[[], Pixels]]] = {
    "feature_grid": ("map", _feature_grid),
    "feature_map": ("map", _feature_map),
    "feature_map_in_color": ("map", _feature_map_in_color),
    "attention_in_color": ("map", _attention_in_color),
    "attention_blocks": ("map", _attention_blocks),
    "confusion_matrix": ("map", _confusion_matrix),
    "horse_mask": ("mask", _horse_mask),
    "coins_mask": ("mask", _coins_mask),
    "label_ids": ("mask", _label_ids),
    "label_colors": ("mask", _label_colors),
    "label_overlay": ("photograph", _overlay),
    "boxes_on_photograph": ("photograph", _boxes_on_photograph),
    "chessboard": ("drawing", lambda: _read("chessboard_GRAY.png")),
    "chessboard_in_color": ("drawing", lambda: _read("chessboard_RGB.png")),
    "phantom": ("drawing", lambda: _read("phantom.png")),
    "logo": ("drawing", lambda: _read("logo.png")),
    "line_plot": ("drawing", _line_plot),
    "disks": ("drawing", _disks),
    "gradient": ("drawing", _gradient),
    "depth_16_bit": ("depth", _depth_16_bit),
    "depth_8_bit": ("depth", _depth_8_bit),
    "depth_in_color": ("depth", _depth_in_color),
    "uniform_noise": ("noise", _uniform_noise),
    "normal_noise": ("noise", _normal_noise),
}
