"""Encode Summary.Values with a tensor. Images and scalars have other wire forms.

``TensorProto`` and ``SummaryMetadata`` are encoded here as buffers, so that the data of a mesh or
an audio clip is never copied into a message.

- The output has the same bytes as ``SerializeToString()`` of the same message.
- Tensors of rank 0 have a ``tensor_shape``: the data server drops tensors without this field.
- Strings are in ``string_val``. Other elements are in ``tensor_content``, as in TensorFlow's
  ``SummaryFileWriter::WriteTensor``.
"""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tbimage.buffers import Piece
from tbimage.events import wire

if TYPE_CHECKING:  # text does not need NumPy
    from tbimage.kinds.numbers import Array

_TENSOR_CONTENT = b"\x22"  # TensorProto.tensor_content, field 4

#: Key: NumPy's name of a dtype. Value: its number in tensorflow/core/framework/types.proto.
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


def import_messages() -> None:
    """Import the classes of messages in the caller's thread, so that workers import nothing."""
    importlib.import_module("tbimage.events.messages")


def metadata_field(serialized: bytes) -> bytes:
    """Encode a serialized SummaryMetadata as a field of a Summary.Value."""
    return wire.length_delimited(wire.VALUE_METADATA, serialized)


def value(tag: str, array: Array, encoded_metadata: bytes) -> list[Piece]:
    """Encode a Summary.Value with a tensor of numbers. The pieces may be views of ``array``."""
    values: list[Piece] = []
    if array.nbytes:
        values = [_TENSOR_CONTENT + wire.varint(array.nbytes), content(array)]
    data_type = DATA_TYPES[array.dtype.name]
    return wire.tensor_value(tag, data_type, array.shape, values, encoded_metadata)


def string_value(
    tag: str, shape: Sequence[int], strings: Sequence[Piece], encoded_metadata: bytes
) -> list[Piece]:
    """Encode a Summary.Value with a tensor of strings in row-major order."""
    if len(strings) != math.prod(shape):
        raise ValueError(f"{len(strings)} strings do not fill the shape {tuple(shape)}")
    return wire.string_tensor_value(tag, [[each] for each in strings], encoded_metadata, shape)


def content(array: Array) -> Piece:
    """Return the bytes of an array, row-major and little-endian, without a copy if possible."""
    swapped = array.dtype.byteorder == ">" or (
        array.dtype.byteorder == "=" and sys.byteorder == "big"
    )
    if swapped:
        array = array.byteswap()
    # The types of ml_dtypes have no buffer interface, so the array is viewed as bytes.
    return array.ravel().view("u1").data
