"""Functions like those of ``tf.summary``, for the default writer of a thread or asyncio task.

Without a default writer, a call that logs does nothing and returns False, as in tf.summary. So a
library can call these functions, and the program that uses the library decides whether anything is
written.
"""

from __future__ import annotations

from typing import Any, SupportsFloat, SupportsIndex

from tbimage.writer import SummaryWriter
from tbimage.writer.conditions import every_n_steps, every_seconds, record_if
from tbimage.writer.defaults import default_writer, get_step, set_step

__all__ = [
    "audio",
    "create_file_writer",
    "every_n_steps",
    "every_seconds",
    "flush",
    "get_step",
    "graph",
    "histogram",
    "image",
    "record_if",
    "scalar",
    "set_step",
    "text",
    "write",
]

#: ``SummaryWriter`` under the name that tf.summary uses.
create_file_writer = SummaryWriter


def image(
    name: str,
    data: Any,
    step: SupportsIndex | None = None,
    max_outputs: int | None = None,
    description: str | None = None,
    **keywords: Any,
) -> bool:
    """Log one image or a batch of images with the default writer.

    Args:
        name: The name under which TensorBoard shows the images.
        data: An image, a batch, a picture or a file, in a form that ``SummaryWriter.image`` takes.
        step: The step. None: the default step (``set_step``) if it is set, otherwise the next
            step of this name.
        max_outputs: The largest number of images of a batch that are logged. None: all. (In
            tf.summary, the default is 3.)
        description: Markdown that TensorBoard shows beside the images, or None.
        keywords: ``layout``, ``value_range`` and all other keywords of ``SummaryWriter.image``.

    Returns:
        True if the images will be written (see ``SummaryWriter.image``). False if not, or if there
        is no default writer.

    Raises:
        TypeError: See ``SummaryWriter.image``.
        ValueError: See ``SummaryWriter.image``.

    Example:
        >>> import numpy
        >>> image("photo", numpy.zeros((8, 8)), step=0)  # there is no default writer
        False
    """
    writer = default_writer.get()
    return writer is not None and writer.image(
        name, data, step, max_outputs=max_outputs, description=description, **keywords
    )


def scalar(
    name: str,
    value: SupportsFloat,
    step: SupportsIndex | None = None,
    description: str | None = None,
    **keywords: Any,
) -> bool:
    """Log one number with the default writer.

    Args:
        name: The name under which TensorBoard shows the number.
        value: A number, or an array or tensor of rank 0.
        step: The step. None: the default step (``set_step``) if it is set, otherwise the next
            step of this name.
        description: Markdown that TensorBoard shows beside the chart, or None.
        keywords: ``wall_time``.

    Returns:
        True if the number will be written (see ``SummaryWriter.scalar``). False if not, or if there
        is no default writer.

    Raises:
        TypeError: See ``SummaryWriter.scalar``.
        ValueError: See ``SummaryWriter.scalar``.

    Example:
        >>> scalar("loss", 0.5, step=0)  # there is no default writer
        False
    """
    writer = default_writer.get()
    return writer is not None and writer.scalar(
        name, value, step, description=description, **keywords
    )


def histogram(
    name: str,
    data: Any,
    step: SupportsIndex | None = None,
    buckets: int = 30,
    description: str | None = None,
    **keywords: Any,
) -> bool:
    """Log the distribution of values with the default writer.

    Args:
        name: The name under which TensorBoard shows the histogram.
        data: Numbers of any shape and dtype.
        step: The step. None: the default step (``set_step``) if it is set, otherwise the next
            step of this name.
        buckets: The number of buckets, 1 or more.
        description: Markdown that TensorBoard shows beside the histogram, or None.
        keywords: ``wall_time``.

    Returns:
        True if the histogram will be written (see ``SummaryWriter.histogram``). False if not, or if
        there is no default writer.

    Raises:
        TypeError: See ``SummaryWriter.histogram``.
        ValueError: See ``SummaryWriter.histogram``.

    Example:
        >>> histogram("weights", [1, 2, 2], step=0)  # there is no default writer
        False
    """
    writer = default_writer.get()
    return writer is not None and writer.histogram(
        name, data, step, buckets=buckets, description=description, **keywords
    )


def text(
    name: str,
    data: Any,
    step: SupportsIndex | None = None,
    description: str | None = None,
    **keywords: Any,
) -> bool:
    """Log a text, or a table of texts, with the default writer.

    Args:
        name: The name under which TensorBoard shows the text.
        data: A string of Markdown. An array or list of strings of rank 1 or 2 becomes a table.
        step: The step. None: the default step (``set_step``) if it is set, otherwise the next
            step of this name.
        description: Markdown that TensorBoard shows beside the text, or None.
        keywords: ``markdown`` and ``wall_time``.

    Returns:
        True if the text will be written (see ``SummaryWriter.text``). False if not, or if there is
        no default writer.

    Raises:
        TypeError: See ``SummaryWriter.text``.
        ValueError: See ``SummaryWriter.text``.

    Example:
        >>> text("note", "*all* is well", step=0)  # there is no default writer
        False
    """
    writer = default_writer.get()
    return writer is not None and writer.text(name, data, step, description=description, **keywords)


def audio(
    name: str,
    data: Any,
    sample_rate: SupportsIndex,
    step: SupportsIndex | None = None,
    max_outputs: int | None = None,
    description: str | None = None,
    **keywords: Any,
) -> bool:
    """Log one clip of audio or a batch of clips with the default writer.

    Args:
        name: The name under which TensorBoard shows the clips.
        data: Samples of shape ``(frames,)``, ``(frames, channels)`` or
            ``(clips, frames, channels)``.
        sample_rate: Frames per second, in Hz.
        step: The step. None: the default step (``set_step``) if it is set, otherwise the next
            step of this name.
        max_outputs: The largest number of clips of a batch that are logged. None: all. (In
            tf.summary, the default is 3.)
        description: Markdown that TensorBoard shows beside the clips, or None.
        keywords: ``layout``, ``wall_time``.

    Returns:
        True if the clips will be written (see ``SummaryWriter.audio``). False if not, or if there
        is no default writer.

    Raises:
        TypeError: See ``SummaryWriter.audio``.
        ValueError: See ``SummaryWriter.audio``.

    Example:
        >>> audio("tone", [0.0, 0.5], 8000, step=0)  # there is no default writer
        False
    """
    writer = default_writer.get()
    return writer is not None and writer.audio(
        name, data, sample_rate, step, max_outputs=max_outputs, description=description, **keywords
    )


def write(
    tag: str, tensor: Any, step: SupportsIndex | None = None, metadata: Any = None, **keywords: Any
) -> bool:
    """Log a tensor with the default writer, without conversion.

    Args:
        tag: The name of the summary.
        tensor: An array or tensor of any shape and element type; strings are allowed, too.
        step: The step. None: the default step (``set_step``) if it is set, otherwise the next
            step of this tag.
        metadata: None, or a SummaryMetadata, which names the plugin that shows the tensor.
        keywords: ``description``, ``wall_time``.

    Returns:
        True if the tensor will be written (see ``SummaryWriter.tensor``). False if not, or if there
        is no default writer.

    Raises:
        TypeError: See ``SummaryWriter.tensor``.
        ValueError: See ``SummaryWriter.tensor``.

    Example:
        >>> write("spectrum", [1 + 2j], step=0)  # there is no default writer
        False
    """
    writer = default_writer.get()
    return writer is not None and writer.tensor(tag, tensor, step, metadata=metadata, **keywords)


def graph(model: Any, inputs: Any = None, **keywords: Any) -> bool:
    """Log the graph of a model with the default writer.

    Args:
        model: A torch.nn.Module, the path of an ONNX file, or a GraphDef.
        inputs: The inputs for tracing a torch model, or None.
        keywords: ``strict_trace``, ``wall_time``.

    Returns:
        True if the graph will be written (see ``SummaryWriter.graph``). False if not, or if there
        is no default writer.

    Raises:
        TypeError: See ``SummaryWriter.graph``.
        ImportError: See ``SummaryWriter.graph``.

    Example:
        >>> graph(b"")  # there is no default writer
        False
    """
    writer = default_writer.get()
    return writer is not None and writer.graph(model, inputs, **keywords)


def flush(timeout: float | None = None) -> bool:
    """Flush the default writer.

    Args:
        timeout: The longest wait in seconds; None: no limit.

    Returns:
        True if everything is written (see ``SummaryWriter.flush``), or if there is no default
        writer.

    Raises:
        Exception: See ``SummaryWriter.flush``.

    Example:
        >>> flush()
        True
    """
    writer = default_writer.get()
    return writer is None or writer.flush(timeout)
