"""Audio: sampled sound as WAV files, which the browser plays.

The wire form is that of TensorFlow 2: a tensor of strings [clips, 2]. The first column contains the
WAV files. The second column is for labels, which TensorBoard no longer shows. (The older form is a
``Summary.Audio``. The data server drops the content type of a ``Summary.Audio``, so the browser
does not play the sound.)

uint8, int16 and int32 samples are stored unchanged. Floats become 16-bit samples as in
``tf.audio.encode_wav``: they are multiplied by 2**15, rounded (halves away from zero), and clipped.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tbimage import checks
from tbimage.buffers import Piece
from tbimage.events import wire
from tbimage.kinds import tensors
from tbimage.kinds.numbers import Array, numeric_array
from tbimage.pixels.arrays import array_like

# AudioPluginData.encoding = WAV (tensorboard/plugins/audio/plugin_data.proto).
_PLUGIN_CONTENT = b"\x10\x0b"

# A protobuf message is smaller than 2 GiB (https://protobuf.dev/programming-guides/proto-limits/),
# and a WAV file is smaller than 4 GiB. This limit leaves 1 MiB for headers.
_MOST_BYTES = (1 << 31) - (1 << 20)
# In Hz. No audio hardware has a higher rate. A WAV file stores the bytes per second in 32 bits.
_HIGHEST_RATE = 1 << 24

#: The dtypes that a WAV file can contain: 8-bit PCM is unsigned, wider PCM is signed.
STORED = ("uint8", "int16", "int32")
_FULL_SCALE = 1 << 15
# The number of floats that are converted at a time, so that a long clip is not copied as a whole.
_BLOCK = 1 << 18


@dataclass(frozen=True, slots=True)
class Findings:
    """Findings about the samples, for a message to the user."""

    # The greatest absolute value if it is above 1, so that floats are clipped. Otherwise None.
    peak: float | None
    non_finite: int  # the number of samples that are NaN or infinite; NaN becomes 0


@dataclass(frozen=True, slots=True)
class Clips:
    """The checked clips of one call."""

    samples: Array  # [clips, frames, channels]; a view of the caller's memory until ``snapshot``
    sample_rate: int  # in Hz
    immutable: bool  # whether the memory of the samples never changes

    def snapshot(self) -> Clips:
        """Copy the samples, unless they are immutable."""
        if self.immutable:
            return self
        return Clips(self.samples.copy(order="K"), self.sample_rate, True)


def check_sample_rate(sample_rate: object) -> int:
    """Check the frames per second: an integer, or a float with an integer value."""
    rate = checks.plain_value(sample_rate)
    whole = isinstance(rate, float) and rate.is_integer()
    return checks.integer("sample_rate", int(rate) if whole else sample_rate, 1, _HIGHEST_RATE)


def prepare(
    data: object, sample_rate: int, max_outputs: int | None, layout: object = None
) -> Clips:
    """Check shapes and dtypes, and copy nothing.

    ``layout`` names the axes: clips (N), frames (T), channels (C). None means "T" for data of rank
    1, "TC" for rank 2, and "NTC" for rank 3.
    """
    array = numeric_array("data", data)
    if array.dtype.kind != "f" and array.dtype.name not in STORED:
        raise TypeError(
            f"data must be floats from -1 to 1, or integers that a WAV file can contain "
            f"({', '.join(STORED)}), got dtype {array.dtype}; pass data.astype('int16') if its "
            "values fit 16 bits"
        )
    samples = _arranged(array, layout)
    if samples.shape[2] not in (1, 2):
        raise ValueError(f"data must be {_SHAPES}, got shape {array.shape}{_advice(samples)}")
    samples = samples[:max_outputs]
    width = 2 if array.dtype.kind == "f" else array.dtype.itemsize
    if samples.size * width > _MOST_BYTES:
        raise ValueError(
            f"data must make less than 2 GiB of WAV, got shape {array.shape}; log it in parts"
        )
    return Clips(samples, sample_rate, array_like.is_immutable(data, array))


def _arranged(array: Array, layout: object) -> Array:
    """View an array as [clips, frames, channels]."""
    if layout is not None:
        axes = layout.upper() if isinstance(layout, str) else ""
        if "".join(sorted(axes)) not in ("T", "CT", "NT", "CNT"):
            raise (ValueError if isinstance(layout, str) else TypeError)(
                f"layout must be a permutation of 'T', 'TC', 'NT' or 'NTC' (clips, frames, "
                f"channels), or None, got {layout!r}"
            )
        if len(axes) != array.ndim:
            raise ValueError(
                f"layout {layout!r} names {len(axes)} axes, but data has shape {array.shape}: pass "
                "one letter for each axis"
            )
        array = array.transpose([axes.index(axis) for axis in "NTC" if axis in axes])
        array = array if "N" in axes else array[None]
        return array if "C" in axes else array[..., None]
    if array.ndim == 1:
        return array[None, :, None]
    if array.ndim == 2:
        return array[None]
    if array.ndim == 3:
        return array
    raise ValueError(f"data must be {_SHAPES}, got shape {array.shape}")


_SHAPES = "[frames], [frames, channels] or [clips, frames, channels] with 1 or 2 channels"


def _advice(samples: Array) -> str:
    if samples.shape[1] in (1, 2):
        return "; the channels seem to come first: pass layout='CT', or 'NCT' for a batch"
    return ""


def summary(
    name: str, clips: Clips, description: str | None, report: Callable[[Findings], None]
) -> list[Piece]:
    """Make the Summary; ``report`` is called if there are findings."""
    strings: list[Piece] = []
    peak, non_finite = 0.0, 0
    for samples in clips.samples:
        if samples.dtype.kind == "f":
            samples, clip_peak, clip_non_finite = _to_int16(samples)
            peak, non_finite = max(peak, clip_peak), non_finite + clip_non_finite
        strings += (wav(samples, clips.sample_rate), b"")
    if peak > 1 or non_finite:
        report(Findings(peak if peak > 1 else None, non_finite))
    metadata = wire.summary_metadata("audio", _PLUGIN_CONTENT, description)
    shape = (len(clips.samples), 2)
    return wire.summary([tensors.string_value(name, shape, strings, metadata)])


def _to_int16(samples: Array) -> tuple[Array, float, int]:
    """Return 16-bit samples, the greatest finite magnitude, and the number of non-finite values."""
    pcm = np.empty(samples.shape, np.int16)
    flat, target = samples.reshape(-1), pcm.reshape(-1)
    peak, non_finite = 0.0, 0
    for start in range(0, flat.size, _BLOCK):
        with np.errstate(over="ignore"):  # large values become infinite, and are clipped
            block = flat[start : start + _BLOCK].astype(np.float32)
        finite = np.isfinite(block)
        if not finite.all():
            non_finite += int(finite.size - finite.sum())
            block[np.isnan(block)] = 0
        peak = max(peak, float(np.abs(block, where=finite, out=np.zeros_like(block)).max()))
        np.clip(block, -1, 1, out=block)
        # As in TensorFlow, halves are rounded away from zero. Each operation is exact in float32.
        block *= _FULL_SCALE
        whole = np.trunc(block)
        whole += np.trunc((block - whole) * 2)
        target[start : start + _BLOCK] = np.minimum(whole, _FULL_SCALE - 1)
    return pcm, peak, non_finite


def wav(samples: Array, sample_rate: int) -> Piece:
    """Make a WAV file of samples [frames, channels] with a dtype of ``STORED``."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams(
            (samples.shape[1], samples.itemsize, sample_rate, len(samples), "NONE", "")
        )
        native = samples.astype(samples.dtype.newbyteorder("="), order="C", copy=False)
        writer.writeframes(native.reshape(-1).view(np.uint8).data)
    return file.getbuffer()
