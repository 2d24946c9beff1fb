"""``tf.summary.write`` and ``write_raw_pb``: log tensors and Summaries of the caller."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np

from tbimage import checks
from tbimage.compat.tf_summary import peer, tracing
from tbimage.compat.tf_summary.state import (
    as_step,
    asked,
    begin,
    missing_step,
    should_record,
    step_of,
)
from tbimage.events import wire
from tbimage.kinds import raw, tensors
from tbimage.kinds import tensor as kind
from tbimage.kinds.numbers import Array, first_leaf, numeric_array
from tbimage.writer import defaults

_INT32 = range(-(1 << 31), 1 << 31)
# For objects of these types, TensorFlow chooses the dtype. (If NumPy's integers are in a list,
# TensorFlow ignores their dtype.)
_PYTHON = (bool, int, float, np.integer, list, tuple)


def write(tag: Any, tensor: Any, step: Any = None, metadata: Any = None, name: Any = None) -> Any:
    """Log a tensor with the default writer.

    Args:
        tag: The tag. Scopes are not added.
        tensor: An array of any shape and type (also strings or bytes), or a function without
            arguments that returns such an array. The function is called only if the tensor is
            recorded. As in ``tf.constant``, Python's ints become int32 if they fit, and Python's
            floats become float32.
        step: An integer or a Variable; None: the default step.
        metadata: A ``SummaryMetadata`` message of any package, or its bytes. The bytes may also be
            in a string tensor.
        name: Not used.

    Returns:
        True if the tensor is recorded. False if there is no default writer, or if ``record_if``
        leaves the tensor out. In a graph of TensorFlow, a bool tensor.

    Raises:
        TypeError: An argument is of the wrong type, or a ``TensorProto`` cannot contain the data.
        ValueError: There is a writer but no step, the tag is empty, or the bytes of ``metadata``
            are not a ``SummaryMetadata``.

    Example:
        >>> write("spectrum", lambda: [1.0, 2.0], step=0)  # there is no default writer
        False
    """
    log = tracing.log_made if callable(tensor) else tracing.log
    return log(_write, step, tag, tensor, metadata)


def _write(step: Any, tag: Any, tensor: Any, metadata: Any) -> bool:
    tag = peer.as_text(tag)
    begun = begin(tag, step, None if metadata is not None else "a tensor")
    if begun is None:
        return False
    writer, number = begun
    field = _metadata_field(metadata)
    data = _as_numpy(tensor() if callable(tensor) else tensor)
    found = _strings(data)
    if found is not None:
        value = tensors.string_value(tag, found[0], found[1], field)
        cost = sum(map(len, found[1]))
        return writer._log(tag, number, time.time(), wire.summary, [value], cost=cost)
    prepared = kind.prepare(_narrowed(data))
    return writer._log(tag, number, time.time(), partial(kind.summary, tag), prepared, field)


def _metadata_field(metadata: Any) -> bytes:
    if peer.is_tensor(metadata):
        metadata = metadata.numpy()
    if metadata is None or metadata == "":
        return b""
    serialized = raw.serialized("metadata", metadata, "SummaryMetadata")
    return tensors.metadata_field(serialized) if serialized else b""


def _as_numpy(data: Any) -> Any:
    """Return a tensor of TensorFlow or JAX as an array, so that bfloat16 and strings are kept."""
    if hasattr(data, "__array__") and not hasattr(data, "detach"):
        return np.asarray(data)
    return list(data) if isinstance(data, range) else data


def _strings(data: Any) -> tuple[tuple[int, ...], list[bytes]] | None:
    """Return the shape and the elements of a tensor of strings; None for other data."""
    leaf = first_leaf(data)
    if not (
        isinstance(leaf, (str, bytes))
        or (isinstance(leaf, np.ndarray) and leaf.dtype.kind in "SUO")
    ):
        return None
    array = np.array(data, dtype=object)
    return array.shape, [_as_bytes(element) for element in array.ravel()]


def _as_bytes(element: Any) -> bytes:
    if isinstance(element, bytes):
        return element
    return checks.text("an element of tensor", element).encode()


def _narrowed(data: Any) -> Any:
    """Convert Python's numbers to the types that TensorFlow chooses for them."""
    leaf = first_leaf(data)
    if isinstance(leaf, np.floating) or not isinstance(leaf, _PYTHON):
        return data
    array: Array = numeric_array("tensor", data)
    if array.dtype == np.float64:
        with np.errstate(over="ignore"):
            return array.astype(np.float32)
    if array.dtype == np.int64 and int(array.min()) in _INT32 and int(array.max()) in _INT32:
        return array.astype(np.int32)
    return array


def write_raw_pb(tensor: Any, step: Any = None, name: Any = None) -> Any:
    """Log the caller's Summaries with the default writer, as one Summary.

    Args:
        tensor: A serialized ``Summary``, an array of serialized Summaries, or a message of any
            package.
        step: As in ``write``.
        name: Not used.

    Returns:
        As ``write``.

    Raises:
        TypeError: ``tensor`` is of another type, or the step is not an integer.
        ValueError: There is a writer but no step (even if ``record_if`` leaves the summary out), or
            the bytes are not a ``Summary``.

    Example:
        >>> write_raw_pb(b"", step=0)  # there is no default writer
        False
    """
    return tracing.log(_write_raw_pb, step, tensor, always=True)


def _write_raw_pb(step: Any, tensor: Any) -> bool:
    if step is not None:
        as_step(step)
    writer = defaults.default_writer.get()
    if writer is None:
        return False
    if step_of(step) is None:
        raise missing_step()
    if not should_record(step, ""):
        return False
    found = _strings(_as_numpy(tensor))
    with asked():
        return writer.raw_summary(tensor if found is None else b"".join(found[1]), step_of(step))


def should_record_summaries() -> Any:
    """Tell whether summaries are recorded now.

    Returns:
        False if there is no default writer. Otherwise the value of the condition of ``record_if``,
        or True if there is no condition. In a graph of TensorFlow, a bool tensor.

    Raises:
        TypeError: The condition does not return a bool.

    Example:
        >>> should_record_summaries()  # there is no default writer
        False
    """
    return tracing.ask(_should_record, None)


def _should_record(step: None) -> bool:
    return defaults.default_writer.get() is not None and should_record(step, "")
