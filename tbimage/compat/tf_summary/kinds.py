"""``tf.summary``'s scalars, histograms, text and audio, with TF2's arguments and metadata."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np

from tbimage import checks
from tbimage.compat.tf_summary import tracing
from tbimage.compat.tf_summary.scopes import tag_of
from tbimage.compat.tf_summary.state import begin
from tbimage.events import wire
from tbimage.kinds import audio as audio_kind
from tbimage.kinds import histogram as histogram_kind
from tbimage.kinds import scalar as scalar_kind
from tbimage.kinds import tensors
from tbimage.kinds import text as text_kind
from tbimage.kinds.numbers import Array, numeric_array

_BUCKETS = 30
_LAYOUT = "[clips, frames, channels]"
_ANY = -(1 << 31)


def scalar(name: Any, data: Any, step: Any = None, description: Any = None) -> Any:
    """Log one number with the default writer.

    Args:
        name: The name. The tag begins with the scopes and ends with this name.
        data: A number, or an array or tensor of rank 0. It is stored as float32.
        step: An integer or a Variable; None: the default step.
        description: Markdown that TensorBoard shows with the chart.

    Returns:
        True if the summary is recorded. False if there is no default writer, or if ``record_if``
        leaves the summary out. In a graph of TensorFlow, a bool tensor.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: There is a writer but no step, or ``data`` is of rank 1 or more.

    Example:
        >>> scalar("loss", 0.5, step=0)  # there is no default writer
        False
    """
    _check_rank_0(data)
    return tracing.log(_scalar, step, tag_of(name, "scalar_summary"), data, description)


def _check_rank_0(data: Any) -> None:
    shape = np.shape(data) if isinstance(data, (list, tuple)) else getattr(data, "shape", ())
    if getattr(shape, "rank", 0) is not None and tuple(shape):  # a symbolic rank may be None
        raise ValueError(
            f"data must be one number, got shape {tuple(shape)}; pass its mean, or log it as a "
            "histogram"
        )


def _scalar(step: Any, tag: str, data: Any, description: Any) -> bool:
    _check_rank_0(data)
    begun = begin(tag, step, "a scalar")
    if begun is None:
        return False
    writer, number = begun
    value = _as_float32(data)
    if np.isinf(value) and scalar_kind.overflows(scalar_kind.check_value(data), data):
        writer._notices.report_overflow(tag)
    arguments = (tag, value, checks.description(description))
    return writer._log_light(_scalar_summary, arguments, number, None)


def _as_float32(data: Any) -> Array:
    value = data
    if isinstance(data, (int, float)):
        value = scalar_kind.check_value(data)  # this accepts an int of any size
    with np.errstate(over="ignore"):  # values too large for float32 become infinite, as in TF2
        return numeric_array("data", value).astype(np.float32)


def _scalar_summary(tag: str, value: Array, description: str | None) -> bytes:
    metadata = wire.summary_metadata("scalars", b"", description)
    return b"".join(wire.summary([tensors.value(tag, value, metadata)]))


def histogram(
    name: Any, data: Any, step: Any = None, buckets: Any = None, description: Any = None
) -> Any:
    """Log a histogram of values with the default writer.

    Args:
        name: As in ``scalar``.
        data: Numbers of any shape. NaN and infinities are left out, and a warning is logged.
        step: As in ``scalar``.
        buckets: The number of buckets; None: 30. If it is below 1, there are no buckets.
        description: As in ``scalar``.

    Returns:
        As ``scalar``.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: There is a writer but no step, or ``data`` has ragged lists.

    Example:
        >>> histogram("weights", [0.1, 0.2], step=0)  # there is no default writer
        False
    """
    tag = tag_of(name, "histogram_summary")
    return tracing.log(_histogram, step, tag, data, buckets, description)


def _histogram(step: Any, tag: str, data: Any, buckets: Any, description: Any) -> bool:
    begun = begin(tag, step, "a histogram")
    if begun is None:
        return False
    writer, number = begun
    count = _BUCKETS if buckets is None else checks.integer("buckets", buckets, _ANY)
    description = checks.description(description)
    values = histogram_kind.prepare(data)
    if count < 1:
        table = partial(histogram_kind.table_summary, tag)
        return writer._log(tag, number, time.time(), table, np.zeros((0, 3)), description)
    report = partial(writer._notices.report_histogram, tag)
    return writer._log(
        tag,
        number,
        time.time(),
        partial(histogram_kind.summary, tag),
        values,
        count,
        description,
        report,
        take=partial(histogram_kind.snapshot, data, values),
    )


def text(name: Any, data: Any, step: Any = None, description: Any = None) -> Any:
    """Log a text, or a table of texts, with the default writer.

    Args:
        name: As in ``scalar``.
        data: A string of Markdown, or an array of strings of any rank. TensorBoard shows arrays of
            rank 1 or 2 as tables.
        step: As in ``scalar``.
        description: As in ``scalar``.

    Returns:
        As ``scalar``.

    Raises:
        TypeError: ``data`` contains objects that are not strings, or another argument is of the
            wrong type.
        ValueError: There is a writer but no step, or a string is not valid Unicode.

    Example:
        >>> text("prompt", "Draw *a cat*.", step=0)  # there is no default writer
        False
    """
    return tracing.log(_text, step, tag_of(name, "text_summary"), data, description)


def _text(step: Any, tag: str, data: Any, description: Any) -> bool:
    begun = begin(tag, step, "a text")
    if begun is None:
        return False
    writer, number = begun
    strings = text_kind.prepare(data, None)
    description = checks.description(description)
    make = partial(text_kind.summary, tag)
    return writer._log(tag, number, time.time(), make, strings, description)


def audio(
    name: Any,
    data: Any,
    sample_rate: Any,
    step: Any = None,
    max_outputs: Any = 3,
    encoding: Any = None,
    description: Any = None,
) -> Any:
    """Log clips of audio with the default writer, as WAV files.

    Args:
        name: As in ``scalar``.
        data: [clips, frames, channels]: floats from -1 to 1 (stored as int16), uint8, int16, int32.
        sample_rate: Frames a second, in Hz.
        step: As in ``scalar``.
        max_outputs: The largest number of clips to log. Further clips are left out.
        encoding: "wav" or None. Both mean the same.
        description: As in ``scalar``.

    Returns:
        As ``scalar``.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: There is a writer but no step, ``encoding`` is not "wav" or None, or ``data``
            does not have three axes.

    Example:
        >>> audio("tone", [[[0.5], [-0.5]]], 8000, step=0)  # there is no default writer
        False
    """
    if encoding not in (None, "wav"):
        raise ValueError(f"encoding must be 'wav' or None, got {encoding!r}")
    tag = tag_of(name, "audio_summary")
    tracing.check_rank(data, 3, _LAYOUT)
    return tracing.log(_audio, step, tag, data, sample_rate, max_outputs, description)


def _audio(
    step: Any, tag: str, data: Any, sample_rate: Any, max_outputs: Any, description: Any
) -> bool:
    begun = begin(tag, step, "audio")
    if begun is None:
        return False
    writer, number = begun
    limit = checks.integer("max_outputs", max_outputs, 0)
    clips = _clips(data, audio_kind.check_sample_rate(sample_rate), limit)
    description = checks.description(description)
    report = partial(writer._notices.report_audio, tag)
    make = partial(audio_kind.summary, tag)
    cost = clips.samples.nbytes
    return writer._log(tag, number, time.time(), make, clips, description, report, cost=cost)


def _clips(data: Any, sample_rate: int, limit: int) -> audio_kind.Clips:
    samples = numeric_array("data", data)
    if samples.ndim != 3 or samples.shape[2] == 0:
        raise ValueError(f"data must be {_LAYOUT}, got shape {samples.shape}")
    if samples.shape[2] > 2 and samples.dtype.kind == "f":
        # ``SummaryWriter.audio`` does not accept more than two channels, because some browsers do
        # not play them. TF2 and this adapter accept more channels.
        return audio_kind.Clips(samples[:limit], sample_rate, False)
    return audio_kind.prepare(data, sample_rate, limit)
