"""``tf.summary`` without TensorFlow: TF2's names, signatures, defaults and bytes.

Rules:

- A Summary has the same bytes as in TF2, with two exceptions: PNGs are compressed in another way,
  and faults of TF2 are not copied.
- ``tbimage`` itself uses the same default writer, default step and record_if. So functions of
  ``tbimage`` can be used in the same ``with`` block. An example is
  ``tbimage.image("depth", depth, value_range="minmax")``.
- Within a ``tf.function``, each call becomes an operation. The operation logs with each
  execution (``tracing.py``).
- docs/migrating.md lists the intended differences.

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
from tbimage.compat.tf_summary.raw import should_record_summaries, write
from tbimage.compat.tf_summary.state import record_if
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

_WITH_TENSORFLOW = (
    "records TensorFlow's own graphs and profiles: use tf.summary.{name} with a writer of "
    "tf.summary.create_file_writer, in a separate run directory"
)
#: The names of ``tf.summary`` that are missing here, and what to use instead.
_LEFT_OUT = {
    "graph": _WITH_TENSORFLOW + "; tbimage.SummaryWriter.graph shows models of torch and ONNX",
    "trace_export": _WITH_TENSORFLOW,
    "trace_off": _WITH_TENSORFLOW,
    "trace_on": _WITH_TENSORFLOW + ", or tf.profiler.experimental.start for a profile",
}


def __getattr__(name: str) -> NoReturn:
    if name in _LEFT_OUT:
        raise AttributeError(f"{__name__} has no {name}, which {_LEFT_OUT[name].format(name=name)}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
