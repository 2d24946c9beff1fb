"""Tensors as they are, of any element type: for plugins of one's own, and for reading back.

No dashboard of TensorBoard shows them unless the metadata names one that does. The wire form is a
``TensorProto`` with metadata that says DATA_CLASS_TENSOR, without which a loader lists no value of
a plugin that it does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tbimage.buffers import Piece
from tbimage.events import wire
from tbimage.kinds import tensors, text
from tbimage.kinds.numbers import Array, numeric_array
from tbimage.pixels.arrays import array_like

__all__ = ["Tensor", "prepare", "prepare_metadata", "summary"]

#: The plugin's name where the caller gives no metadata, as torch's ``add_tensor`` has it.
_PLUGIN = "tensor"


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of numbers or of strings.

    Attributes:
        array: The numbers, a view of the caller's memory until ``snapshot``; or None.
        strings: The strings; or None.
        immutable: Whether nobody can change the memory.
    """

    array: Array | None
    strings: text.Text | None
    immutable: bool

    @property
    def nbytes(self) -> int:
        """How many bytes a snapshot has."""
        if self.array is not None:
            return self.array.nbytes
        return 0 if self.strings is None else self.strings.nbytes

    def snapshot(self) -> Tensor:
        """Return this tensor in memory that nobody changes, row-major."""
        if self.array is None or (self.immutable and self.array.flags.c_contiguous):
            return self
        return Tensor(self.array.copy(order="C"), None, True)


def prepare(data: object) -> Tensor:
    """Check the element type, and copy nothing but strings.

    Args:
        data: An array or tensor of any type and shape, nested lists, a number; strings and arrays
            of strings. Types that NumPy lacks are widened (torch's bfloat16 to float32); those of
            ml_dtypes stay.

    Returns:
        The tensor, as a view of the caller's memory.

    Raises:
        TypeError: The element type is none that a TensorProto has.
        ValueError: Lists are ragged, or strings are not valid Unicode.

    Example:
        >>> prepare(np.zeros(3, np.complex64)).array.dtype
        dtype('complex64')
    """
    array = _as_it_is(data)
    if array is None:
        if _is_text(data):
            return Tensor(None, text.prepare(data, None), True)
        array = numeric_array("data", data)
    elif array.dtype.kind in "SUOT":
        return Tensor(None, text.prepare(array, None), True)
    if array.dtype.name not in tensors.DATA_TYPES:
        raise TypeError(
            f"data must have a type that a TensorProto can hold, got dtype {array.dtype}; pass one "
            f"of {', '.join(tensors.DATA_TYPES)}, or strings"
        )
    return Tensor(array, None, array_like.is_immutable(data, array))


def _as_it_is(data: Any) -> Array | None:
    """Give what NumPy holds already, complex numbers and strings included."""
    if isinstance(data, (np.ndarray, np.generic)) and not isinstance(data, np.ma.MaskedArray):
        return np.asarray(data)
    if isinstance(_first_leaf(data), (complex, np.complexfloating)):
        return np.asarray(data)
    if "complex" in str(getattr(data, "dtype", None)):  # a tensor of torch and the like
        whole: Array = array_like.as_array(data.real) + np.complex64(1j) * array_like.as_array(
            data.imag
        )
        return whole
    return None


def _is_text(data: object) -> bool:
    return isinstance(_first_leaf(data), (str, bytes))


def _first_leaf(data: object) -> object:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return data


def prepare_metadata(metadata: object, description: str | None) -> bytes:
    """Check the metadata that a caller gives, and encode what there is.

    Args:
        metadata: A SummaryMetadata message of any package, or a serialized one; None for that of a
            plain tensor.
        description: Markdown, or None.

    Returns:
        The serialized field of a Summary.Value.

    Raises:
        TypeError: It is none of these.
        ValueError: The bytes are no SummaryMetadata, or there is a description besides.

    Example:
        >>> b"tensor" in prepare_metadata(None, None)
        True
    """
    if metadata is None:
        return tensors.metadata(_PLUGIN, b"", description, wire.DATA_CLASS_TENSOR)
    if description is not None:
        raise ValueError(
            "description must be None where there is metadata, which has one of its own: set "
            "metadata.summary_description"
        )
    from tbimage.kinds import raw

    return tensors.metadata_field(raw.serialized("metadata", metadata, "SummaryMetadata"))


def summary(name: str, tensor: Tensor, metadata: bytes) -> list[Piece]:
    """Make the Summary of a tensor.

    Args:
        name: Becomes the tag.
        tensor: A snapshot.
        metadata: What ``prepare_metadata`` returned.

    Returns:
        The serialized Summary, as pieces.

    Example:
        >>> len(b"".join(summary("a", prepare([1.0, 2.0]), b""))) > 16
        True
    """
    if tensor.array is not None:
        return tensors.summary([tensors.value(name, tensor.array, metadata)])
    strings = tensor.strings or text.Text((0,), [])
    return tensors.summary([tensors.string_value(name, strings.shape, strings.strings, metadata)])
