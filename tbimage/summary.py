"""``tf.summary``'s functions, on the default writer of this thread or asyncio task.

What lives here: one function for each kind of summary. What does not: anything that a writer's
method does.

A call without a default writer returns False and does nothing, as in tf.summary, so that a library
can log and leave it to the program whether that goes anywhere.
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

#: tf.summary's name for making a writer.
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
        name: As in ``SummaryWriter.image``, like the other arguments.
        data: See there.
        step: See there.
        max_outputs: See there. All images by default, where tf.summary logs 3.
        description: See there.
        keywords: ``layout``, ``value_range`` and all others of ``SummaryWriter.image``.

    Returns:
        As ``SummaryWriter.image``; False without a default writer.

    Raises:
        TypeError: As ``SummaryWriter.image``.
        ValueError: As ``SummaryWriter.image``.

    Example:
        >>> import numpy
        >>> image("photo", numpy.zeros((8, 8)), step=0)  # there is no default writer
        False
    """
    writer = default_writer.get()
    if writer is None:
        return False
    return writer.image(
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
        name: As in ``SummaryWriter.scalar``, like the other arguments.
        value: See there.
        step: See there.
        description: See there.
        keywords: ``wall_time``.

    Returns:
        As ``SummaryWriter.scalar``; False without a default writer.

    Raises:
        TypeError: As ``SummaryWriter.scalar``.
        ValueError: As ``SummaryWriter.scalar``.

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
    """Log how values are distributed with the default writer.

    Args:
        name: As in ``SummaryWriter.histogram``, like the other arguments.
        data: See there.
        step: See there.
        buckets: See there.
        description: See there.
        keywords: ``wall_time``.

    Returns:
        As ``SummaryWriter.histogram``; False without a default writer.

    Raises:
        TypeError: As ``SummaryWriter.histogram``.
        ValueError: As ``SummaryWriter.histogram``.

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
        name: As in ``SummaryWriter.text``, like the other arguments.
        data: See there.
        step: See there.
        description: See there.
        keywords: ``markdown`` and ``wall_time``.

    Returns:
        As ``SummaryWriter.text``; False without a default writer.

    Raises:
        TypeError: As ``SummaryWriter.text``.
        ValueError: As ``SummaryWriter.text``.

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
        name: As in ``SummaryWriter.audio``, like the other arguments.
        data: See there.
        sample_rate: See there.
        step: See there.
        max_outputs: See there. All clips by default, where tf.summary logs 3.
        description: See there.
        keywords: ``wall_time``.

    Returns:
        As ``SummaryWriter.audio``; False without a default writer.

    Raises:
        TypeError: As ``SummaryWriter.audio``.
        ValueError: As ``SummaryWriter.audio``.

    Example:
        >>> audio("tone", [0.0, 0.5], 8000, step=0)  # there is no default writer
        False
    """
    writer = default_writer.get()
    return writer is not None and writer.audio(
        name, data, sample_rate, step, max_outputs=max_outputs, description=description, **keywords
    )


def write(
    tag: str,
    tensor: Any,
    step: SupportsIndex | None = None,
    metadata: Any = None,
    **keywords: Any,
) -> bool:
    """Log a tensor as it is with the default writer.

    Args:
        tag: The name of ``SummaryWriter.tensor``, as tf.summary calls it here.
        tensor: The data of ``SummaryWriter.tensor``.
        step: See there.
        metadata: See there.
        keywords: ``description``, ``wall_time``.

    Returns:
        As ``SummaryWriter.tensor``; False without a default writer.

    Raises:
        TypeError: As ``SummaryWriter.tensor``.
        ValueError: As ``SummaryWriter.tensor``.

    Example:
        >>> write("spectrum", [1 + 2j], step=0)  # there is no default writer
        False
    """
    writer = default_writer.get()
    return writer is not None and writer.tensor(tag, tensor, step, metadata=metadata, **keywords)


def graph(
    model: Any,
    inputs: Any = None,
    **keywords: Any,
) -> bool:
    """Log the graph of a model with the default writer.

    Args:
        model: As in ``SummaryWriter.graph``, like the other arguments.
        inputs: See there.
        keywords: ``strict_trace``, ``wall_time``.

    Returns:
        As ``SummaryWriter.graph``; False without a default writer.

    Raises:
        TypeError: As ``SummaryWriter.graph``.
        ImportError: As ``SummaryWriter.graph``.

    Example:
        >>> graph(b"")  # there is no default writer
        False
    """
    writer = default_writer.get()
    return writer is not None and writer.graph(model, inputs, **keywords)


def flush(timeout: float | None = None) -> bool:
    """Flush the default writer.

    Args:
        timeout: As in ``SummaryWriter.flush``.

    Returns:
        As ``SummaryWriter.flush``; True without a default writer, since nothing was logged.

    Raises:
        Exception: As ``SummaryWriter.flush``.

    Example:
        >>> flush()
        True
    """
    writer = default_writer.get()
    return writer is None or writer.flush(timeout)
