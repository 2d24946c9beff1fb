"""The most important figures of the report as a chart, in one PNG."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.columns import PHOTOS
from benchmarks.results import Results
from benchmarks.tables import significant
from tbimage.pixels.png.encoder import encode

__all__ = ["draw"]

_COLORS = {
    "tbimage": "#d1495b",
    "tbimage, pure wheel": "#edae49",
    "tensorboardX": "#66a182",
    "torch": "#2e4057",
    "TensorFlow": "#8d96a3",
    "tensorboard": "#00798c",
}


def draw(results: Results, path: Path) -> bool:
    """Draw the times of photographs, and how the cost grows with their number.

    Args:
        results: The measured values.
        path: Where to write the PNG.

    Returns:
        Whether there was anything to draw.
    """
    panels = [
        panel
        for name, panel in (("photos", _photos), ("images", _images), ("scalars", _scalars))
        if results.cases(name) and (panel is not _photos or {*PHOTOS} & {*results.cases(name)})
    ]
    if not panels:
        return False
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot, ticker

    widths = [5 if panel is _photos else 3 for panel in panels]
    figure, axes = pyplot.subplots(
        1, len(panels), figsize=(sum(widths), 3.4), width_ratios=widths, squeeze=False, dpi=110
    )
    for panel, axis in zip(panels, axes[0], strict=True):
        panel(results, axis)
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
        axis.xaxis.set_minor_formatter(ticker.NullFormatter())
        axis.yaxis.set_minor_formatter(ticker.NullFormatter())
    handles, labels = axes[0][-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=6, fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[:, :, :3]  # type: ignore[attr-defined]
    pyplot.close(figure)
    path.write_bytes(b"".join(encode(pixels, compression="small").pieces))
    return True


def _photos(results: Results, axis: Any) -> None:
    names = results.contestants("photos")
    width = 0.8 / len(names)
    for number, name in enumerate(names):
        walls = [results.median("photos", name, column, "wall") for column in PHOTOS]
        heights = [wall * 1e3 if wall is not None else math.nan for wall in walls]
        left = [x + (number - (len(names) - 1) / 2) * width for x in range(len(PHOTOS))]
        bars = axis.bar(left, heights, width, color=_COLORS[name], label=name)
        axis.bar_label(bars, [significant(each) for each in heights], fontsize=6, padding=1)
    axis.set_yscale("log")
    axis.set_ylim(bottom=0.3)
    axis.set_xticks(range(len(PHOTOS)), PHOTOS)
    axis.set_title("ms a photograph, end to end", fontsize=9)


def _growth(results: Results, axis: Any, section: str, title: str) -> None:
    cases = results.cases(section)
    for name in results.contestants(section):
        points = [
            (int(case), wall * 1e6)
            for case in cases
            if (wall := results.median(section, name, case, "wall")) is not None
        ]
        style = {"color": _COLORS[name], "label": name, "marker": "o", "markersize": 3}
        axis.plot(*zip(*points, strict=True), **style)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_title(title, fontsize=9)
    axis.set_xlabel("in one file", fontsize=8)


def _images(results: Results, axis: Any) -> None:
    _growth(results, axis, "images", "µs an image of 64×64")


def _scalars(results: Results, axis: Any) -> None:
    _growth(results, axis, "scalars", "µs a scalar, one processor")
