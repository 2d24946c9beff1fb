"""A log directory with a summary of every kind, for looking at TensorBoard's pages.

It has the calls, one function for each page or two. test_dashboards.py has the expected content of
the pages.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

import tbimage

__all__ = ["THRESHOLDS", "WORDS", "write"]

STEPS = 25
THRESHOLDS = 33
WORDS = tuple(f"{kind} {number}" for kind in ("bird", "fish", "tree") for number in range(12))

_TRIALS = {"adam": (0.001, True, 0.93), "sgd": (0.1, False, 0.87)}


def write(logdir: os.PathLike[str] | str) -> None:
    """Log every kind into ``run``, its sub-runs, and a run for each trial of hyperparameters."""
    random = np.random.default_rng(7)
    with tbimage.SummaryWriter(Path(logdir) / "run") as writer:
        for step in range(STEPS):
            _numbers(writer, step, random)
        _curves(writer, random)
        _pictures(writer)
        _media(writer)
        _mesh(writer)
        _configuration(writer, random)
        _graph(writer)
    for optimizer, (rate, nesterov, accuracy) in _TRIALS.items():
        with tbimage.SummaryWriter(Path(logdir) / optimizer) as writer:
            values = {"lr": rate, "nesterov": nesterov, "optimizer": optimizer}
            writer.hparams(values, {"accuracy": accuracy}, STEPS)


def _numbers(writer: Any, step: int, random: np.random.Generator) -> None:
    loss = 0.1 + 0.9 * 0.85**step
    writer.scalar("loss", loss, step, description="What is left to *learn*.")
    writer.scalars("error", {"train": loss / 2, "test": loss / 2 + step / 100}, step)
    for name, value in {"mean": loss, "low": loss - 0.1, "high": loss + 0.2}.items():
        writer.scalar(f"band/{name}", value, step)
    summary = {"value": [{"tag": "ready_made", "simple_value": loss}]}
    writer.raw_summary(_message(summary), step)
    writer.histogram("weights", random.normal(step / 10, 1 + step / 20, 2000), step)
    counts, edges = np.histogram(random.exponential(1 + step / 10, 1000), 20)
    writer.histogram_raw("lengths", counts, edges, step)


def _message(fields: dict[str, Any]) -> Any:
    from tbimage.events.messages import Summary

    return Summary(**fields)


def _curves(writer: Any, random: np.random.Generator) -> None:
    labels = random.integers(0, 2, 1000)
    scores = np.clip(labels * 0.3 + random.random(1000) * 0.7, 0, 1)
    writer.pr_curve("cats", labels, scores, 0)
    recall = np.linspace(1, 0, THRESHOLDS)
    hits, misses = 100 * recall, 100 * recall**2
    precision = hits / np.maximum(hits + misses, 1)
    rows = hits, misses, 100 - misses, 100 - hits, precision, recall
    writer.pr_curve_raw("dogs", *rows, 0)


def _pictures(writer: Any) -> None:
    with PIL.Image.open(Path(tbimage.__file__).parent / "cli" / "photos" / "cat.jpg") as file:
        cat = np.asarray(file.convert("RGB").resize((180, 120))) / np.float32(255)
    writer.image("cat", cat, 0)
    writer.figure("plot", _figure(), 0)
    writer.grid("sheet", [cat, cat[:, ::-1], cat[30:90], cat[..., :1]], 0, columns=2)
    writer.feature_maps("edges", np.concatenate([np.gradient(cat, axis=0), cat], -1), 0)
    writer.boxes("found", cat, [[40, 10, 150, 115]], 0, labels=["cat"], scores=[0.97])
    bright = (cat.mean(-1) > 0.5).astype(int)
    classes = ["dark", "bright"]
    writer.segmentation("parts", bright, 0, image=cat, classes=classes, legend=True)
    writer.compare("copy", cat, np.round(cat * 4) / 4, step=0, titles=["cat", "5 levels"])
    writer.animation("turning", np.stack([np.roll(cat, 30 * number, 1) for number in range(6)]), 0)


def _media(writer: Any) -> None:
    writer.text("prompt", "Draw **a cat** that\n\n- sleeps\n- *dreams*", 0)
    writer.text("answers", [["word", "times"], ["meow", "7"], ["purr", "12"]], 0)
    seconds = np.arange(8000) / 8000
    writer.audio("tone", np.sin(2 * np.pi * 440 * seconds), 8000, 0)


def _figure() -> Any:
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(3, 2), layout="tight")
    axes.plot(np.linspace(0, 1, 50) ** 2)
    return figure


def _mesh(writer: Any) -> None:
    """Log a torus, whose colours are its coordinates."""
    around, across = 48, 24
    u, v = np.meshgrid(np.arange(around) / around, np.arange(across) / across)
    u, v = 2 * np.pi * u.ravel(), 2 * np.pi * v.ravel()
    ring = 2 + np.cos(v)
    vertices = np.stack([ring * np.cos(u), ring * np.sin(u), np.sin(v)], -1)
    colors = (vertices - vertices.min(0)) / np.ptp(vertices, 0) * 255
    index = np.arange(around * across).reshape(across, around)
    right, below = np.roll(index, -1, 1), np.roll(index, -1, 0)
    corner = np.roll(right, -1, 0)
    halves = [index, right, below], [right, corner, below]
    faces = np.concatenate([np.stack(half, -1).reshape(-1, 3) for half in halves])
    writer.mesh("torus", vertices[None], 0, faces=faces[None], colors=colors[None].astype(np.uint8))


def _configuration(writer: Any, random: np.random.Generator) -> None:
    writer.custom_scalars({"errors": {"loss and mean": ["Multiline", ["^loss$", "band/mean"]]}})
    writer.custom_scalars_margin(["band/mean", "band/low", "band/high"], title="band")
    centres = random.normal(0, 4, (3, 16)).repeat(len(WORDS) // 3, axis=0)
    vectors = centres + random.normal(size=centres.shape)
    pictures = np.zeros((len(WORDS), 16, 16, 3), np.uint8)
    pictures[np.arange(len(WORDS)), ..., np.arange(len(WORDS)) // 12] = 255
    writer.embedding("words", vectors, 0, labels=WORDS, images=pictures)


def _graph(writer: Any) -> None:
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        writer.graph(model, torch.zeros(1, 3))
