"""Clips of audio of torch and tensorboardX.

What lives here: drafts of clips, and the peers' rules from floats to samples. What does not: the
rule of ``SummaryWriter.audio`` (``kinds/audio.py``), which is TensorFlow's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tbimage.buffers import Piece
from tbimage.compat.peers.drafts import Draft
from tbimage.kinds import audio as kind
from tbimage.kinds import names
from tbimage.kinds.numbers import Array, numeric_array
from tbimage.pixels.png.encoder import Run
from tbimage.writer.notices import Notices

__all__ = ["audio", "shifted_samples", "truncated_samples"]


def truncated_samples(values: Array) -> Array:
    """Turn floats into samples as torch does: times 32767, without the fraction.

    Args:
        values: From -1 to 1.

    Example:
        >>> truncated_samples(np.array([-1.0, 0.00004, 1.0])).tolist()
        [-32767, 1, 32767]
    """
    samples: Array = (values * values.dtype.type(32767)).astype(np.int16)
    return samples


def shifted_samples(values: Array) -> Array:
    """Turn floats into samples as soundfile does for tensorboardX: the upper half of 32 bits.

    Args:
        values: From -1 to 1.

    Example:
        >>> shifted_samples(np.array([-1.0, -0.00004, 0.00004, 1.0])).tolist()
        [-32768, -2, 1, 32767]
    """
    wide = np.rint(values.astype(np.float64) * 2.0**31).clip(-(2**31), 2**31 - 1)
    return (wide.astype(np.int64) >> 16).astype(np.int16)


def audio(
    tag: str, data: Any, sample_rate: Any, to_samples: Callable[[Array], Array], *, mono: bool
) -> Draft:
    """Draft one clip.

    Args:
        tag: The tag.
        data: [frames], or [frames, channels], or [1, frames] where ``mono``. Floats from -1 to 1,
            or integers that a WAV file holds.
        sample_rate: In Hz.
        to_samples: Turns floats from -1 to 1 into int16.
        mono: Whether axes of one element are left out, as torch does.

    Raises:
        TypeError: ``data`` is not numbers.
        ValueError: Its shape is another one.

    Example:
        >>> audio("a", np.zeros((1, 80)), 8000, truncated_samples, mono=True).name
        'a'
    """
    name = names.check_name(tag)
    array = numeric_array("snd_tensor", data)
    if mono:
        array = array.reshape([size for size in array.shape if size != 1])
        array = array.reshape(-1) if array.ndim == 0 else array
        if array.ndim != 1:
            raise ValueError(f"snd_tensor must be [frames] or [1, frames], got {array.shape}")
    rate = kind.check_sample_rate(sample_rate)
    clips = kind.prepare(array, rate, None)

    def take(notices: Notices, run: Run) -> Callable[[], list[Piece]]:
        taken = clips.snapshot()
        return partial(_audio, name, taken, to_samples, partial(notices.report_audio, name))

    return Draft(name, clips.samples.nbytes, take)


def _audio(
    name: str,
    clips: kind.Clips,
    to_samples: Callable[[Array], Array],
    report: Callable[[kind.Findings], None],
) -> list[Piece]:
    samples = clips.samples
    if samples.dtype.kind == "f" and samples.size:
        finite = np.isfinite(samples)
        peak = float(np.abs(samples, where=finite, out=np.zeros_like(samples)).max())
        non_finite = int(samples.size - finite.sum())
        if peak > 1 or non_finite:
            report(kind.Findings(peak if peak > 1 else None, non_finite))
        samples = np.nan_to_num(samples, nan=0.0).clip(-1, 1)
        samples = to_samples(samples)
    ready = kind.Clips(samples, clips.sample_rate, True)
    return kind.summary(name, ready, None, report)
