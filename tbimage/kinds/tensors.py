"""Summary.Values that hold a tensor: the wire form of nearly every kind but images and scalars.

What lives here: ``TensorProto`` and ``SummaryMetadata`` as pieces, so that a mesh or a clip of
audio is never copied into a message. What does not: what the tensor means; Event and Summary
(``events/wire.py``).

Rules:
- The output is what ``SerializeToString()`` of the same message gives, byte for byte.
- A shape is written also for a scalar: the data server drops a tensor without one.
- Strings stand in ``string_val``, everything else in ``tensor_content``, as TensorFlow's
  ``SummaryFileWriter::WriteTensor`` does it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tbimage.buffers import Piece
from tbimage.events.wire import length_delimited, summary, varint

if TYPE_CHECKING:  # who logs text does not need NumPy
    from tbimage.kinds.numbers import Array

__all__ = [
    "DATA_TYPES",
    "content",
    "metadata",
    "metadata_field",
    "string_value",
    "summary",
    "value",
    "value_of",
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

#: NumPy's name of an element type, and its number in tensorflow/core/framework/types.proto.
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
    r"""Encode a SummaryMetadata, with the key that makes it a Summary.Value's metadata.

    Args:
        plugin_name: The dashboard that shows the value: "histograms", "text", …
        plugin_content: The plugin's own message, serialized.
        description: Markdown shown with the summary, or None.
        data_class: One of the ``DATA_CLASS`` constants of ``wire``. TensorBoard knows those of its
            own plugins; what belongs to another plugin is not listed without one.

    Returns:
        The serialized field.

    Example:
        >>> metadata("text", b"", None)
        b'J\x08\n\x06\n\x04text'
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
    r"""Encode a serialized SummaryMetadata as the field of a Summary.Value.

    Args:
        serialized: The message.

    Example:
        >>> metadata_field(b"...")
        b'J\x03...'
    """
    return length_delimited(_VALUE_METADATA, serialized)


def value(tag: str, array: Array, encoded_metadata: bytes) -> list[Piece]:
    r"""Encode a Summary.Value that holds a tensor of numbers.

    Args:
        tag: The tag.
        array: Of one of ``DATA_TYPES``, any shape; it must not change any more.
        encoded_metadata: What ``metadata`` returned.

    Returns:
        The serialized Summary.Value, as pieces.

    Example:
        >>> import numpy
        >>> b"".join(value("a", numpy.float32([1, 2]), b""))
        b'\n\x01aB\x12\x08\x01\x12\x04\x12\x02\x08\x02"\x08\x00\x00\x80?\x00\x00\x00@'
    """
    elements: list[Piece] = []
    if array.nbytes:
        elements = [_TENSOR_CONTENT + varint(array.nbytes), content(array)]
    return value_of(tag, array.dtype.name, array.shape, elements, encoded_metadata)


def value_of(
    tag: str, dtype: str, shape: Sequence[int], elements: Sequence[Piece], encoded_metadata: bytes
) -> list[Piece]:
    """Encode a Summary.Value that holds a tensor whose elements are encoded fields."""
    return _value(tag, [_head(DATA_TYPES[dtype], shape), *elements], encoded_metadata)


def string_value(
    tag: str, shape: Sequence[int], strings: Sequence[Piece], encoded_metadata: bytes
) -> list[Piece]:
    r"""Encode a Summary.Value that holds a tensor of strings.

    Args:
        tag: The tag.
        shape: The tensor's shape.
        strings: Its elements, row-major.
        encoded_metadata: What ``metadata`` returned.

    Returns:
        The serialized Summary.Value, as pieces.

    Example:
        >>> b"".join(string_value("a", (), [b"x"], b""))
        b'\n\x01aB\x07\x08\x07\x12\x00B\x01x'
    """
    if len(strings) != math.prod(shape):
        raise ValueError(f"{len(strings)} strings do not fill the shape {tuple(shape)}")
    tensor: list[Piece] = [_head(_DT_STRING, shape)]
    for string in strings:
        tensor += (_TENSOR_STRING_VALUE + varint(len(string)), string)
    return _value(tag, tensor, encoded_metadata)


def content(array: Array) -> Piece:
    r"""Give the bytes of an array as ``tensor_content`` has them: row-major and little-endian.

    Args:
        array: Of any dtype of fixed size; not empty.

    Returns:
        A view of the array where it lies like that already.

    Example:
        >>> import numpy
        >>> bytes(content(numpy.array([1, 2], ">i2")))
        b'\x01\x00\x02\x00'
    """
    swapped = array.dtype.byteorder == ">" or (
        array.dtype.byteorder == "=" and sys.byteorder == "big"
    )
    if swapped:
        array = array.byteswap()
    # Types of ml_dtypes have no buffer interface; as bytes they have.
    return array.ravel().view("u1").data


def _head(data_type: int, shape: Sequence[int]) -> bytes:
    sizes = (_DIM_SIZE + varint(size) if size else b"" for size in shape)
    dimensions = b"".join(length_delimited(_SHAPE_DIM, size) for size in sizes)
    return _TENSOR_DTYPE + varint(data_type) + length_delimited(_TENSOR_SHAPE, dimensions)


def _value(tag: str, tensor: list[Piece], encoded_metadata: bytes) -> list[Piece]:
    size = sum(map(len, tensor))
    head = length_delimited(_VALUE_TAG, tag.encode()) + _VALUE_TENSOR + varint(size)
    return [head, *tensor, encoded_metadata]
