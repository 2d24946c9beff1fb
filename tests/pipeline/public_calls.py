"""A call of each public function of a writer, for tests that disturb all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

import tbimage
from tbimage.events import messages
from tests.pipeline.soundness import PICTURE

__all__ = ["CALLS", "LARGE"]

LARGE = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
_SMALL = LARGE[:8, :8]
_PHOTO = Path(tbimage.__file__).parent / "cli" / "photos" / "cat.jpg"
_POINTS = np.linspace(0.0, 1.0, 1000)
_HALVES = np.full(2, 0.5, np.float32)


def _figure(writer: tbimage.SummaryWriter, tag: str, step: int) -> None:
    from matplotlib.figure import Figure

    writer.figure(tag, Figure((1, 1), dpi=20), step)


def _as_default(writer: tbimage.SummaryWriter, tag: str, step: int) -> None:
    with writer.as_default(step):
        tbimage.scalar(tag, 0.5)


def _summary(tag: str) -> messages.Summary:
    return messages.Summary(value=[messages.Summary.Value(tag=tag, simple_value=0.5)])


#: Calls with a tag and a step. The text before a comma is the name of the called function.
CALLS: dict[str, Callable[[tbimage.SummaryWriter, str, int], object]] = {
    "scalar": lambda writer, tag, step: writer.scalar(tag, 0.5, step),
    "scalar, automatic step": lambda writer, tag, step: writer.scalar(tag, 0.5),
    "scalar, kept out": lambda writer, tag, step: writer.scalar(f"never {tag}", 0.5, step),
    "scalars": lambda writer, tag, step: writer.scalars(tag, {"x": 1.0}, step),
    "scalars, automatic step": lambda writer, tag, step: writer.scalars(tag, {"x": 1.0}),
    "histogram": lambda writer, tag, step: writer.histogram(tag, _POINTS, step),
    "histogram_raw": lambda writer, tag, step: writer.histogram_raw(tag, [3], [0.0, 1.0], step),
    "tensor": lambda writer, tag, step: writer.tensor(tag, _POINTS, step),
    "text": lambda writer, tag, step: writer.text(tag, "some words", step),
    "audio": lambda writer, tag, step: writer.audio(tag, _POINTS, 8000, step),
    "mesh": lambda writer, tag, step: writer.mesh(tag, _POINTS[:999].reshape(-1, 3), step),
    "pr_curve": lambda writer, tag, step: writer.pr_curve(tag, [0, 1], _HALVES, step),
    "pr_curve_raw": lambda writer, tag, step: writer.pr_curve_raw(
        tag, _HALVES, _HALVES, _HALVES, _HALVES, _HALVES, _HALVES, step
    ),
    "image, small": lambda writer, tag, step: writer.image(tag, PICTURE, step),
    "image, large": lambda writer, tag, step: writer.image(tag, LARGE, step),
    "image, a file": lambda writer, tag, step: writer.image(tag, _PHOTO, step),
    "figure": _figure,
    "grid": lambda writer, tag, step: writer.grid(tag, [_SMALL, _SMALL], step),
    "compare": lambda writer, tag, step: writer.compare(tag, _SMALL, _SMALL, step=step),
    "feature_maps": lambda writer, tag, step: writer.feature_maps(tag, _SMALL, step),
    "boxes": lambda writer, tag, step: writer.boxes(tag, _SMALL, [[1.0, 1, 5, 5]], step),
    "segmentation": lambda writer, tag, step: writer.segmentation(tag, _SMALL[..., 0] // 64, step),
    "animation": lambda writer, tag, step: writer.animation(tag, [_SMALL, _SMALL], step),
    "video": lambda writer, tag, step: writer.video(tag, [_SMALL, _SMALL], step),
    "embedding": lambda writer, tag, step: writer.embedding(tag, _POINTS.reshape(10, 100), step),
    "custom_scalars": lambda writer, tag, step: writer.custom_scalars(
        {"losses": {f"{tag} {step}": ["Multiline", ["train", "test"]]}}
    ),
    "custom_scalars_multiline": lambda writer, tag, step: writer.custom_scalars_multiline(
        ["train", "test"], title=f"{tag} {step}"
    ),
    "custom_scalars_margin": lambda writer, tag, step: writer.custom_scalars_margin(
        ["mean", "low", "high"], title=f"{tag} {step}"
    ),
    "graph": lambda writer, tag, step: writer.graph(b""),
    "hparams": lambda writer, tag, step: writer.hparams({"rate": 0.1}, {tag: 0.5}, step),
    "raw_summary": lambda writer, tag, step: writer.raw_summary(_summary(tag), step),
    "raw_event": lambda writer, tag, step: writer.raw_event(
        messages.Event(step=step, summary=_summary(tag))
    ),
    "session_log": lambda writer, tag, step: writer.session_log("checkpoint", step),
    "purge": lambda writer, tag, step: writer.purge(step),
    "as_default": _as_default,
    "flush": lambda writer, tag, step: writer.scalar(tag, 0.5, step) and writer.flush(10),
    "flush, of an image": lambda writer, tag, step: (
        writer.image(tag, LARGE, step) and writer.flush(10)
    ),
    "stats": lambda writer, tag, step: writer.stats(),
    "logdir, path, closed": lambda writer, tag, step: (writer.logdir, writer.path, writer.closed),
}
