"""``tf.summary``'s functions, on the default writer of this thread or asyncio task.

What lives here: one function for each kind of summary. What does not: anything that a writer's
method does.

A call without a default writer returns False and does nothing, as in tf.summary, so that a library
can log and leave it to the program whether that goes anywhere.
"""

from __future__ import annotations

from typing import Any, SupportsFloat, SupportsIndex

from tbimage.conditions import every_n_steps, every_seconds, record_if
from tbimage.context import default_writer, get_step, set_step
from tbimage.writer import SummaryWriter

__all__ = [
    "create_file_writer",
    "every_n_steps",
    "every_seconds",
    "flush",
    "get_step",
    "image",
    "record_if",
    "scalar",
    "set_step",
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
        keywords: ``layout``, ``value_range``, ``nan_color``, ``wall_time``.

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
