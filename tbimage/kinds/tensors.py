"""Summary.Values that hold a tensor: the wire form of nearly all kinds but images and scalars.

``TensorProto`` and ``SummaryMetadata`` are encoded here as buffers, so that the data of a mesh or
an audio clip are never copied into a message.

- The output is byte for byte what ``SerializeToString()`` of the same message gives.
- A scalar has a shape, too: the data server drops tensors without one.
- Strings are in ``string_val``, everything else is in ``tensor_content``, as in TensorFlow's
  ``SummaryFileWriter::WriteTensor``.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tbimage.buffers import Piece
from tbimage.events.wire import length_delimited, summary, varint

if TYPE_CHECKING:  # text does not need NumPy
    from tbimage.kinds.numbers import Array

__all__ = [
    "DATA_TYPES",
    "content",
    "metadata",
    "metadata_field",
    "string_value",
    "summary",
    "value",
]

# Field numbers of tensorflow/core/framework/{summary,tensor,tensor_shape}.proto; see proto/.
_VALUE_TAG = 1
_VALUE_TENSOR = b"\x42"  # 8
_VALUE_METADATA = 9
_METADATA_PLUGIN_DATA = 1
_METADATA_DESCRIPTION = 3
_METADATA_DATA_CLASS = b"\x20"  # 4
_PLUGIN_DATA_NAME = 1
_PLUGIN_DATA_CONTENT = 2
_TENSOR_DTYPE = b"\x08"  # 1
_TENSOR_SHAPE = 2
_TENSOR_CONTENT = b"\x22"  # 4
_TENSOR_STRING_VALUE = b"\x42"  # 8
_SHAPE_DIM = 2
_DIM_SIZE = b"\x08"

_DT_STRING = 7

#: Element types by NumPy's names: their numbers in tensorflow/core/framework/types.proto.
DATA_TYPES = {
    "float32": 1,
    "float64": 2,
    "int32": 3,
    "uint8": 4,
    "int16": 5,
    "int8": 6,
    "complex64": 8,
    "int64": 9,
    "bool": 10,
    "bfloat16": 14,
    "uint16": 17,
    "complex128": 18,
    "float16": 19,
    "uint32": 22,
    "uint64": 23,
    "float8_e5m2": 24,
    "float8_e4m3fn": 25,
}


def metadata(
    plugin_name: str, plugin_content: bytes, description: str | None, data_class: int = 0
) -> bytes:
    """Encode a SummaryMetadata as the field of a Summary.Value.

    TensorBoard knows the data classes of its own plugins. It does not list values of other plugins
    without a ``data_class``, one of the ``DATA_CLASS`` constants of ``wire``.
    """
    plugin = length_delimited(_PLUGIN_DATA_NAME, plugin_name.encode())
    if plugin_content:
        plugin += length_delimited(_PLUGIN_DATA_CONTENT, plugin_content)
    encoded = length_delimited(_METADATA_PLUGIN_DATA, plugin)
    if description:
        encoded += length_delimited(_METADATA_DESCRIPTION, description.encode())
    if data_class:
        encoded += _METADATA_DATA_CLASS + varint(data_class)
    return metadata_field(encoded)


def metadata_field(serialized: bytes) -> bytes:
    """Encode a serialized SummaryMetadata as the field of a Summary.Value."""
    return length_delimited(_VALUE_METADATA, serialized)


def value(tag: str, array: Array, encoded_metadata: bytes) -> list[Piece]:
    """Encode a Summary.Value with a tensor of numbers, which must not change any more."""
    head = _head(DATA_TYPES[array.dtype.name], array.shape)
    tensor: list[Piece] = [head]
    if array.nbytes:
        tensor = [head + _TENSOR_CONTENT + varint(array.nbytes), content(array)]
    return _value(tag, tensor, encoded_metadata)


def string_value(
    tag: str, shape: Sequence[int], strings: Sequence[Piece], encoded_metadata: bytes
) -> list[Piece]:
    """Encode a Summary.Value with a tensor of strings, which are in row-major order."""
    if len(strings) != math.prod(shape):
        raise ValueError(f"{len(strings)} strings do not fill the shape {tuple(shape)}")
    tensor: list[Piece] = [_head(_DT_STRING, shape)]
    for string in strings:
        tensor += (_TENSOR_STRING_VALUE + varint(len(string)), string)
    return _value(tag, tensor, encoded_metadata)


def content(array: Array) -> Piece:
    """Give the bytes of an array, row-major and little-endian, without a copy if possible."""
    swapped = array.dtype.byteorder == ">" or (
        array.dtype.byteorder == "=" and sys.byteorder == "big"
    )
    if swapped:
        array = array.byteswap()
    # Types of ml_dtypes have no buffer interface, but bytes have.
    return array.ravel().view("u1").data


def _head(data_type: int, shape: Sequence[int]) -> bytes:
    sizes = (_DIM_SIZE + varint(size) if size else b"" for size in shape)
    dimensions = b"".join(length_delimited(_SHAPE_DIM, size) for size in sizes)
    return _TENSOR_DTYPE + varint(data_type) + length_delimited(_TENSOR_SHAPE, dimensions)


def _value(tag: str, tensor: list[Piece], encoded_metadata: bytes) -> list[Piece]:
    size = sum(map(len, tensor))
    head = length_delimited(_VALUE_TAG, tag.encode()) + _VALUE_TENSOR + varint(size)
    return [head, *tensor, encoded_metadata]
