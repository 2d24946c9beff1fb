"""Tensors of any element type, for the caller's own plugins and for programs that read tensors.

A plugin of TensorBoard shows these tensors only if their metadata contains its name. The wire form
is a ``TensorProto`` with metadata that has DATA_CLASS_TENSOR. Without this data class, the loaders
do not list the values of an unknown plugin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tbimage.buffers import Piece
from tbimage.events import wire
from tbimage.kinds import tensors, text
from tbimage.kinds.numbers import Array, first_leaf, numeric_array
from tbimage.pixels.arrays import array_like

#: The plugin's name if the caller passes no metadata. torch's ``add_tensor`` writes the same name.
_PLUGIN = "tensor"


@dataclass(frozen=True, slots=True)
class Tensor:
    """The checked tensor of one call."""

    # The numbers: until ``snapshot``, a view of the caller's memory. None for strings.
    array: Array | None
    strings: text.Text | None  # the strings; None for numbers
    immutable: bool  # whether the memory never changes

    @property
    def nbytes(self) -> int:
        """The size of a snapshot in bytes."""
        if self.array is not None:
            return self.array.nbytes
        return 0 if self.strings is None else self.strings.nbytes

    def snapshot(self) -> Tensor:
        """Copy the numbers in row-major order, unless they are immutable and C-contiguous."""
        if self.array is None or (self.immutable and self.array.flags.c_contiguous):
            return self
        return Tensor(self.array.copy(order="C"), None, True)


def prepare(data: object) -> Tensor:
    """Check the element type, and copy only strings."""
    array = _as_it_is(data)
    if array is None:
        if isinstance(first_leaf(data), (str, bytes)):
            return Tensor(None, text.prepare(data, None), True)
        array = numeric_array("data", data)
    elif array.dtype.kind in "SUOT":
        return Tensor(None, text.prepare(array, None), True)
    if array.dtype.name not in tensors.DATA_TYPES:
        raise TypeError(
            f"data must have a type that a TensorProto can contain, got dtype {array.dtype}; pass "
            f"one of {', '.join(tensors.DATA_TYPES)}, or strings"
        )
    return Tensor(array, None, array_like.is_immutable(data, array))


def _as_it_is(data: Any) -> Array | None:
    """Return NumPy arrays and complex data as an array, without conversion; otherwise None."""
    if isinstance(data, (np.ndarray, np.generic)) and not isinstance(data, np.ma.MaskedArray):
        return np.asarray(data)
    if isinstance(first_leaf(data), (complex, np.complexfloating)):
        return np.asarray(data)
    if "complex" in str(getattr(data, "dtype", None)):  # a tensor of torch, for instance
        real, imaginary = array_like.as_array(data.real), array_like.as_array(data.imag)
        whole: Array = real + np.complex64(1j) * imaginary
        return whole
    return None


def prepare_metadata(metadata: object, description: str | None) -> bytes:
    """Encode the caller's SummaryMetadata, or by default the SummaryMetadata of a plain tensor."""
    if metadata is None:
        return wire.summary_metadata(_PLUGIN, b"", description, wire.DATA_CLASS_TENSOR)
    if description is not None:
        raise ValueError(
            "description must be None if there is metadata: set metadata.summary_description"
        )
    from tbimage.kinds import raw

    return tensors.metadata_field(raw.serialized("metadata", metadata, "SummaryMetadata"))


def summary(name: str, tensor: Tensor, metadata: bytes) -> list[Piece]:
    """Make the Summary of a snapshot."""
    if tensor.array is not None:
        return wire.summary([tensors.value(name, tensor.array, metadata)])
    strings = tensor.strings or text.Text((0,), [])
    return wire.summary([tensors.string_value(name, strings.shape, strings.strings, metadata)])
