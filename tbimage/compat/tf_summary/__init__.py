"""``tf.summary`` without TensorFlow: TF2's names, signatures, defaults and bytes.

What lives here: the names. What does not: what they do (``writers.py``, ``state.py``,
``images.py``, ``kinds.py``, ``raw.py``) and what is different on purpose (docs/migrating.md).

Rules:
- A Summary is TF2's byte for byte, but for the compression of PNGs, wherever TF2 is right.
- The default writer, the default step and record_if are those of ``tbimage`` itself, so that both
  may be used in one block: ``tbimage.image("depth", depth, value_range="minmax")``.

Example:
    >>> import numpy
    >>> import tbimage.compat.tf_summary as tf_summary
    >>> writer = tf_summary.create_file_writer("logs")
    >>> with writer.as_default(step=1):
    ...     tf_summary.scalar("loss", 0.5)
    ...     tf_summary.image("noise", numpy.random.default_rng(0).random((4, 32, 32, 3)))
    True
    True
    >>> writer.close()
"""

from __future__ import annotations

from typing import NoReturn

from tbimage.compat.tf_summary import experimental
from tbimage.compat.tf_summary.images import image
from tbimage.compat.tf_summary.kinds import audio, histogram, scalar, text
from tbimage.compat.tf_summary.raw import write
from tbimage.compat.tf_summary.state import record_if, should_record_summaries
from tbimage.compat.tf_summary.writers import (
    SummaryWriter,
    create_file_writer,
    create_noop_writer,
    flush,
)

__all__ = [
    "SummaryWriter",
    "audio",
    "create_file_writer",
    "create_noop_writer",
    "experimental",
    "flush",
    "histogram",
    "image",
    "record_if",
    "scalar",
    "should_record_summaries",
    "text",
    "write",
]

#: What records TensorFlow itself, so that without TensorFlow there is nothing to record.
_LEFT_OUT = ("graph", "trace_export", "trace_off", "trace_on")


def __getattr__(name: str) -> NoReturn:
    if name in _LEFT_OUT:
        raise AttributeError(
            f"{__name__} has no {name}, which records TensorFlow's own graphs; of models of torch "
            "and ONNX tbimage.SummaryWriter.graph shows the graph"
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
