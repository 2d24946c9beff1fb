"""Convert TensorProtos to NumPy arrays, and find properties without reading whole tensors."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any

from tbimage.reading.fields import MalformedError, Read, bytes_reader, fields, varint_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tbimage.events.messages import TensorProto

__all__ = [
    "check_repetitions",
    "count_samples",
    "float_position",
    "number_in",
    "strings_of",
    "to_array",
]

# The field numbers of TensorProto; see proto/tbimage/tensor.proto.
_DTYPE, _SHAPE, _CONTENT, _FLOAT_VALUES, _STRINGS = 1, 2, 4, 5, 8
_DT_FLOAT, _DT_STRING = 1, 7

# This maps a DataType to the name of the NumPy type, and to a repeated field of TensorProto. The
# elements are in tensor_content or in this field (tensorflow/core/framework/types.proto,
# tensor.proto).
_TYPES: dict[int, tuple[str, str]] = {
    1: ("<f4", "float_val"),
    2: ("<f8", "double_val"),
    3: ("<i4", "int_val"),
    4: ("u1", "int_val"),
    5: ("<i2", "int_val"),
    6: ("i1", "int_val"),
    8: ("<c8", "scomplex_val"),
    9: ("<i8", "int64_val"),
    10: ("?", "bool_val"),
    14: ("bfloat16", "half_val"),
    17: ("<u2", "int_val"),
    18: ("<c16", "dcomplex_val"),
    19: ("<f2", "half_val"),
    22: ("<u4", "uint32_val"),
    23: ("<u8", "uint64_val"),
}
# If a tensor stores fewer elements than its shape has, the last element is repeated. The shape of
# such a tensor has at most this number of elements, so that a record of 30 bytes does not take all
# memory. If only one element is stored, there is no limit, because no copies are made.
_MOST_REPEATED = 1 << 24
# If elements are repeated, copies of an array have at most this number of elements, or of bytes in
# strings.
_MOST_COPIED, _MOST_BYTES_COPIED = 1 << 20, 1 << 24
_LARGEST_NUMBER = 4096  # bytes; a tensor with one number is smaller in every usual encoding


def float_position(read: Read, start: int, stop: int) -> int | None:
    """Return the position of the four bytes of a float32 scalar in a TensorProto, or None."""
    dtype, found = 0, []
    for number, kind, begin, end in fields(read, start, stop):
        if number == _DTYPE and kind == 0:
            dtype = varint_at(read, begin, end)
        elif number in (_CONTENT, _FLOAT_VALUES):
            found.append((begin, end))
    if dtype != _DT_FLOAT or len(found) != 1 or found[0][1] - found[0][0] != 4:
        return None
    return found[0][0]


def number_in(read: Read, start: int, stop: int) -> float | None:
    """Return the number in a serialized TensorProto, or None if it has none or several."""
    position = float_position(read, start, stop)
    if position is not None:
        value: float = struct.unpack("<f", read(position, position + 4))[0]
        return value
    if stop - start > _LARGEST_NUMBER:
        return None
    try:
        tensor = _parse(read(start, stop))
        if math.prod(dimension.size for dimension in tensor.tensor_shape.dim) != 1:
            return None  # checked before memory is allocated
        array = to_array(tensor)
    except ValueError:
        return None
    if array.dtype.kind not in "fiub":
        return None
    return float(array.reshape(())[()])


def count_samples(read: Read, start: int, stop: int, plugin: str) -> int:
    """Count the pictures (all strings except width and height) or the sounds (rows) of a step."""
    count, rows = 0, None
    for number, kind, begin, end in fields(read, start, stop):
        if number == _STRINGS and kind == 2:
            count += 1
        elif number == _SHAPE and kind == 2:
            for inner, inner_kind, first, last in fields(read, begin, end):
                if inner == 2 and inner_kind == 2 and rows is None:
                    rows = _dimension(read, first, last)
    if plugin == "images":
        return max(count - 2, 0)
    return count if rows is None else min(rows, count)


def _dimension(read: Read, start: int, stop: int) -> int:
    for number, kind, begin, end in fields(read, start, stop):
        if number == 1 and kind == 0:
            return varint_at(read, begin, end)
    return 0


def strings_of(tensor: bytes | memoryview) -> list[tuple[int, int]]:
    """Return where the strings of a serialized TensorProto start and stop."""
    found = fields(bytes_reader(tensor), 0, len(tensor))
    return [(start, stop) for number, kind, start, stop in found if (number, kind) == (_STRINGS, 2)]


def _parse(data: bytes) -> TensorProto:
    from google.protobuf.message import DecodeError

    from tbimage.events.messages import TensorProto

    try:
        return TensorProto.FromString(data)
    except DecodeError as error:
        raise MalformedError(f"not a TensorProto: {error}") from None


def to_array(tensor: TensorProto | bytes) -> NDArray[Any]:
    """Convert a tensor to an array with the same shape and type.

    Args:
        tensor: The message, or its bytes. If the tensor stores fewer elements than its shape has,
            the last element is repeated, as in TensorFlow.

    Returns:
        The array, which may be read-only. Strings are ``bytes`` objects. bfloat16 becomes float32,
        because NumPy has no bfloat16.

    Raises:
        ValueError: The type is unknown, or the number of elements does not fit the shape.
    """
    import numpy as np

    if isinstance(tensor, bytes):
        tensor = _parse(tensor)
    shape = tuple(dimension.size for dimension in tensor.tensor_shape.dim)
    if any(size < 0 for size in shape):
        raise ValueError(f"a tensor has a negative size in its shape {shape}")
    if tensor.dtype == _DT_STRING:
        strings = np.empty(len(tensor.string_val), object)
        strings[:] = tensor.string_val
        return _shaped(strings, shape)
    if tensor.dtype not in _TYPES:
        raise ValueError(f"a tensor has the type {tensor.dtype}, which has no NumPy equivalent")
    name, field = _TYPES[tensor.dtype]
    bits = "<u2" if field == "half_val" else name
    if tensor.tensor_content:
        if len(tensor.tensor_content) % np.dtype(bits).itemsize:
            raise ValueError(
                f"a tensor of {name} has {len(tensor.tensor_content)} bytes, which is not a whole "
                "number of elements"
            )
        elements = np.frombuffer(tensor.tensor_content, bits)
    else:
        elements = _elements(getattr(tensor, field), bits)
    if name == "bfloat16":
        elements = (elements.astype("<u4") << 16).view("<f4")
    elif field == "half_val":
        elements = elements.view("<f2")
    return _shaped(elements, shape)


def _elements(values: Any, dtype: str) -> NDArray[Any]:
    import numpy as np

    if dtype.startswith("<c"):  # real, imaginary, real, …
        parts = np.array(values, "<f4" if dtype == "<c8" else "<f8")
        return parts[: len(parts) // 2 * 2].view(dtype)
    # int_val may have negative numbers for an unsigned type. Only astype converts such numbers, so
    # the first array has NumPy's default type for these values.
    return np.array(values, None if len(values) else dtype).astype(dtype)


def _shaped(elements: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    import numpy as np

    wanted = math.prod(shape)
    if len(elements) == wanted:
        return elements.reshape(shape)
    if len(elements) == 1 and wanted < np.iinfo(np.intp).max:
        return np.broadcast_to(elements.reshape((1,) * len(shape)), shape)
    if not 0 < len(elements) < wanted or wanted > _MOST_REPEATED:
        raise ValueError(
            f"a tensor of shape {shape} has {len(elements)} elements: this is zero, too many, or "
            "so few that the last element would be repeated too often"
        )
    # For strings, np.full would drop zero bytes at their ends, and copy each string.
    rest = np.repeat(elements[-1:], wanted - len(elements))
    return np.concatenate([elements, rest]).reshape(shape)


def check_repetitions(array: NDArray[Any]) -> None:
    """Raise ValueError if copies of the repeated elements of ``to_array`` would be too large."""
    if array.size > _MOST_COPIED and 0 in array.strides:
        raise ValueError(f"a tensor repeats one element {array.size} times")
    if array.dtype == object and array.size > 1 and array.flat[-1] is array.flat[-2]:
        size = sum(map(len, array.flat))
        if size > _MOST_BYTES_COPIED:
            raise ValueError(f"a tensor repeats one string, so that its strings have {size} bytes")
