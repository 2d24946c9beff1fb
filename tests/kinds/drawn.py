"""Helpers of the tests of kinds of pictures: from prepared data to decoded pictures.

They make a Summary in this thread, or log one with a real writer. They check nothing.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

import tbimage
from tbimage.events.messages import Summary
from tbimage.kinds import pictures
from tbimage.kinds.options import PictureOptions, check_options
from tbimage.kinds.pictures import Prepared
from tbimage.pixels.png.encoder import run_serially
from tbimage.pixels.values.pictures import Findings
from tests.pictures import decode

__all__ = ["Drawn", "draw", "log", "options"]


class Drawn(NamedTuple):
    """The parts of a Summary."""

    pixels: dict[str, Any]  # by tag
    numbers: dict[str, float]  # by tag
    findings: Findings | None
    summary: Any


def options(**keywords: Any) -> PictureOptions:
    return check_options(**keywords)


def draw(prepared: Prepared, chosen: PictureOptions | None = None, name: str = "x") -> Drawn:
    """Make the Summary of pictures and decode it."""
    reported: list[Findings] = []
    pieces = pictures.summary(
        name, prepared.snapshot(), chosen or options(), run_serially, reported.append
    )
    summary = Summary.FromString(b"".join(pieces))
    pixels = {
        value.tag: decode(value.image.encoded_image_string)
        for value in summary.value
        if value.HasField("image")
    }
    numbers = {
        value.tag: value.simple_value for value in summary.value if value.HasField("simple_value")
    }
    assert len(reported) <= 1
    return Drawn(pixels, numbers, reported[0] if reported else None, summary)


def log(
    writer: tbimage.SummaryWriter,
    name: str,
    prepared: Prepared,
    chosen: PictureOptions | None = None,
    step: int = 0,
) -> bool:
    """Log pictures as a method of the writer does."""
    name, number, _ = writer._begin(name, step)
    run = writer._pipeline.run_parts
    report = partial(writer._notices.report, name)
    make = partial(pictures.summary, name)
    return writer._log(name, number, 1.0, make, prepared, chosen or options(), run, report)


def noise(*shape: int, dtype: Any = np.uint8) -> Any:
    return np.random.default_rng(0).integers(0, 256, shape).astype(dtype)
