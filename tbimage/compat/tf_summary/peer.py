"""Use TensorFlow if the program has imported it. This package never imports TensorFlow."""

from __future__ import annotations

import os
import sys
from typing import Any


def imported() -> Any | None:
    """Return the module ``tensorflow``, or None if the program has not imported it."""
    tf = sys.modules.get("tensorflow")
    return tf if hasattr(tf, "executing_eagerly") else None  # without it, the import is incomplete


def building_graph() -> Any | None:
    """Return ``tensorflow`` while a function is traced or a graph is built, else None."""
    tf = imported()
    return None if tf is None or tf.executing_eagerly() else tf


def name_scope() -> str:
    """Return the names of TensorFlow's current scopes, joined by slashes."""
    tf = imported()
    return "" if tf is None else str(tf.get_current_name_scope())


def is_tensor(value: Any) -> bool:
    """Tell whether a value is a tensor or a Variable of TensorFlow, or a Keras variable."""
    tf = imported()
    return tf is not None and (tf.is_tensor(value) or hasattr(type(value), "__tf_tensor__"))


def as_input(value: Any) -> Any:
    """Turn a Keras variable or a list with tensors into a tensor; leave other objects unchanged."""
    tf = imported()
    if tf is None or isinstance(value, (tf.Tensor, tf.Variable)) or not _needs_converting(value):
        return value
    return tf.convert_to_tensor(value)


def _needs_converting(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(is_tensor(each) or _needs_converting(each) for each in value)
    return hasattr(type(value), "__tf_tensor__")  # a Keras variable


def as_text(value: Any) -> Any:
    """Turn a tensor of one string into the string; return other objects unchanged."""
    numpy = getattr(value, "numpy", None)
    if not callable(numpy):
        return value
    value = numpy()
    return os.fsdecode(value) if isinstance(value, bytes) else value
