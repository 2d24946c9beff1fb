"""Make audio as torch and tensorboardX do: a Summary.Audio with the same samples."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tbimage.buffers import Piece
from tbimage.compat.peers.drafts import NO_TAG, Draft, check_tag
from tbimage.compat.peers.errors import as_peers
from tbimage.events import wire
from tbimage.kinds import audio as kind
from tbimage.kinds import old_style
from tbimage.kinds.numbers import Array, numeric_array
from tbimage.pixels.png.strips import Run
from tbimage.writer.notices import Notices


def truncated_samples(values: Array) -> Array:
    """Turn floats from -1 to 1 into samples as torch does: multiply by 32767 and truncate."""
    samples: Array = (values * values.dtype.type(32767)).astype(np.int16)
    return samples


def shifted_samples(values: Array) -> Array:
    """Turn floats into samples as soundfile does for tensorboardX: take the upper 16 of 32 bits."""
    wide = np.rint(values.astype(np.float64) * 2.0**31).clip(-(2**31), 2**31 - 1)
    return (wide.astype(np.int64) >> 16).astype(np.int16)


@as_peers
def audio(
    tag: str,
    data: Any,
    sample_rate: Any,
    to_samples: Callable[[Array], Array],
    *,
    channels_first: bool,
) -> Draft:
    """Make the ``Draft`` of one clip with 1 or 2 channels.

    The shape is [frames], [channels, frames] or [frames, channels]. The elements are floats from -1
    to 1, or integers of a type that a WAV file can contain. ``to_samples`` turns floats into int16.
    ``channels_first`` selects the rules of torch: the shape [2, 2] means [channels, frames]. Axes
    of length 1 are removed before the shape is checked.
    """
    tag = check_tag(tag)
    array = _frames_first(numeric_array("snd_tensor", data), channels_first)
    if array.dtype.kind != "f" and array.dtype.name not in kind.STORED:
        raise TypeError(
            "snd_tensor must be floats from -1 to 1, or integers that a WAV file can contain "
            f"({', '.join(kind.STORED)}), got dtype {array.dtype}; pass "
            "snd_tensor.astype('int16') if its values fit 16 bits"
        )
    clips = kind.prepare(array, kind.check_sample_rate(sample_rate), None)

    def take(notices: Notices, run: Run) -> Callable[[], list[Piece]]:
        report = partial(notices.report_audio, tag)
        return partial(_audio, tag, clips.snapshot(), to_samples, report)

    return Draft(tag or NO_TAG, clips.samples.nbytes, take, "audio")


def _frames_first(array: Array, channels_first: bool) -> Array:
    """View a clip as [frames] or [frames, channels]."""
    shape = array.shape
    if channels_first:
        array = array.reshape([size for size in shape if size != 1] or [1])
    if array.ndim == 2:
        first, last = (size in (1, 2) for size in array.shape)
        if first and (channels_first or not last):
            array = array.T
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] not in (1, 2)):
        raise ValueError(
            "snd_tensor must be [frames], [channels, frames] or [frames, channels] with 1 or 2 "
            f"channels, got shape {shape}; log the clips of a batch one by one"
        )
    return array


def _audio(
    tag: str,
    clips: kind.Clips,
    to_samples: Callable[[Array], Array],
    report: Callable[[kind.Findings], None],
) -> list[Piece]:
    (samples,) = clips.samples
    if samples.dtype.kind == "f" and samples.size:
        finite = np.isfinite(samples)
        peak = float(np.abs(samples, where=finite, out=np.zeros_like(samples)).max())
        non_finite = int(samples.size - finite.sum())
        if peak > 1 or non_finite:
            report(kind.Findings(peak if peak > 1 else None, non_finite))
        samples = to_samples(np.nan_to_num(samples, nan=0.0).clip(-1, 1))
    elif samples.dtype.kind == "f":
        samples = samples.astype(np.int16)
    frames, channels = samples.shape
    wav = kind.wav(samples, clips.sample_rate)
    value = old_style.audio_value(tag, wav, clips.sample_rate, channels, frames)
    return wire.summary([value])
