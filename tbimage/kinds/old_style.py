"""Old-style values: the forms of histograms, audio and tensors that torch and tensorboardX write.

TensorBoard calls these values "old-style" (``tensorboard/data_compat.py``). TensorBoard's data
server and its loader in Python show them. ``EventAccumulator.Histograms``,
``EventAccumulator.Audio`` and tbparse read no other form.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tbimage.buffers import Piece
from tbimage.events import wire
from tbimage.events.wire import DATA_CLASS_BLOB_SEQUENCE, float32, length_delimited, varint
from tbimage.kinds import tensors

Floats = npt.NDArray[np.float64]

# Field numbers of tensorflow/core/framework/{summary,tensor}.proto; see proto/.
_VALUE_TAG = 1
_VALUE_AUDIO = b"\x32"  # 6
_AUDIO_SAMPLE_RATE = b"\x0d"  # 1, float
_AUDIO_CHANNELS = b"\x10"  # 2
_AUDIO_FRAMES = b"\x18"  # 3
_AUDIO_ENCODED = b"\x22"  # 4
_AUDIO_CONTENT_TYPE = 5

# AudioPluginData.encoding = WAV. The data server drops the content type of a Summary.Audio. If the
# metadata has this encoding and a ``data_class``, the browser can still play the sound.
_WAV = b"\x10\x0b"


def histogram_value(
    tag: str, limits: Floats, counts: Floats, low: float, high: float, **totals: float
) -> list[Piece]:
    """Encode a Summary.Value with a HistogramProto.

    ``limits`` are the right edges of the buckets. ``low`` and ``high`` are the smallest and the
    greatest value. ``totals`` are ``num``, ``sum`` and ``sum_squares``. Empty buckets below ``low``
    and above ``high`` are kept, but their edges are clipped to ``low`` and ``high``. Otherwise the
    data server would show buckets whose right edge is less than their left edge.
    """
    from tbimage.events.messages import HistogramProto, Summary

    filled = np.flatnonzero(counts)
    if filled.size:
        first, last = filled[0], filled[-1]
        limits = limits.copy()
        limits[:first] = limits[:first].clip(low, None)
        if last < len(limits) - 1:
            limits[last:] = limits[last:].clip(None, high)
    made: dict[str, Any] = {"bucket_limit": limits.tolist(), "bucket": counts.tolist(), **totals}
    histo = HistogramProto(min=low, max=high, **made)
    return [Summary.Value(tag=tag, histo=histo).SerializeToString()]


def audio_value(
    tag: str, wav: Piece, sample_rate: float, channels: int, frames: int
) -> list[Piece]:
    """Encode a Summary.Value with a Summary.Audio."""
    head = (
        _AUDIO_SAMPLE_RATE
        + float32(sample_rate)
        + _AUDIO_CHANNELS
        + varint(channels)
        + _AUDIO_FRAMES
        + varint(frames)
        + _AUDIO_ENCODED
        + varint(len(wav))
    )
    tail = length_delimited(_AUDIO_CONTENT_TYPE, b"audio/wav")
    metadata = wire.summary_metadata("audio", _WAV, None, DATA_CLASS_BLOB_SEQUENCE)
    size = len(head) + len(wav) + len(tail)
    start = length_delimited(_VALUE_TAG, tag.encode()) + _VALUE_AUDIO + varint(size)
    return [start + head, wav, tail + metadata]


# Key: NumPy's name of a dtype. Value: the key of a packed TensorProto field that has the same
# bytes as ``tensor_content`` (tensorflow/core/framework/tensor.proto).
_SAME_BYTES = {
    "float32": b"\x2a",  # float_val, 5
    "float64": b"\x32",  # double_val, 6
    "complex64": b"\x4a",  # scomplex_val, 9
    "bool": b"\x5a",  # bool_val, 11
    "complex128": b"\x62",  # dcomplex_val, 12
}

# Key: NumPy's name of a dtype. Value: the TensorProto field that contains its elements as varints.
# The bits of a 16-bit float are stored as an integer.
_VARINTS = {
    "int8": "int_val",
    "int16": "int_val",
    "int32": "int_val",
    "uint8": "int_val",
    "uint16": "int_val",
    "int64": "int64_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
    "float16": "half_val",
    "bfloat16": "half_val",
}


def tensor_value(tag: str, array: npt.NDArray[Any], encoded_metadata: bytes) -> list[Piece]:
    """Encode a Summary.Value with a tensor whose elements are in the field for their type.

    Elements of a type without such a field (float8) are in ``tensor_content``.
    """
    name = array.dtype.name
    elements: list[Piece]
    if not array.size or name not in _SAME_BYTES | _VARINTS:
        return tensors.value(tag, array, encoded_metadata)
    if name in _SAME_BYTES:
        elements = [_SAME_BYTES[name] + varint(array.nbytes), tensors.content(array)]
    else:
        from tbimage.events.messages import TensorProto

        flat = array.astype(array.dtype.newbyteorder("="), order="C").reshape(-1)
        numbers = flat.view(np.uint16) if _VARINTS[name] == "half_val" else flat
        elements = [TensorProto(**{_VARINTS[name]: numbers.tolist()}).SerializeToString()]
    data_type = tensors.DATA_TYPES[name]
    return wire.tensor_value(tag, data_type, array.shape, elements, encoded_metadata)
