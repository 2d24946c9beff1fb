"""``flax.metrics.tensorboard.SummaryWriter`` without TensorFlow. The module never imports flax."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from tbimage.integrations.hyperparameters import flattened
from tbimage.pixels.arrays import array_like
from tbimage.writer import SummaryWriter as RunWriter

__all__ = ["SummaryWriter"]

# If the last axis of an array of rank 3 has one of these lengths, the array is [height, width,
# channels], as in flax. Other arrays of rank 3 are [images, height, width].
_CHANNELS = (1, 3)


class SummaryWriter:
    """Log with the methods and the tags of flax's ``SummaryWriter``.

    Grayscale images keep one channel. (flax converts them to three equal channels.)

    Args:
        log_dir: The run directory, created if missing.
        auto_flush: Ignored. Summaries are written every 0.1 s. ``flush`` waits for all of them.
        settings: Settings of ``tbimage.SummaryWriter``, such as ``on_error="log"``.

    Raises:
        TypeError: An argument of the constructor or of a method is of the wrong type.
        ValueError: An argument of the constructor or of a method has an invalid value.
        OSError: The directory cannot be made.

    Example:
        >>> import numpy as np
        >>> from tbimage.integrations.flax import SummaryWriter
        >>> writer = SummaryWriter("runs/flax")
        >>> for step in range(3):
        ...     writer.scalar("loss", 1 / (step + 1), step)
        >>> writer.image("inputs", np.zeros((4, 32, 32, 3)), step)
        >>> writer.close()
    """

    def __init__(
        self, log_dir: str | os.PathLike[str], auto_flush: bool = True, **settings: Any
    ) -> None:
        self._writer = RunWriter(log_dir, **{"wire": "tensor", **settings})

    @property
    def writer(self) -> RunWriter:
        """The underlying writer. It also has methods for summaries that flax cannot log."""
        return self._writer

    def scalar(self, tag: str, value: Any, step: int) -> None:
        """Log ``value`` (a number or an array of rank 0) as ``tag`` at ``step``."""
        self._writer.scalar(tag, value, step)

    def image(self, tag: str, image: Any, step: int, max_outputs: int = 3) -> None:
        """Log images.

        Args:
            tag: The tag.
            image: [height, width], [height, width, channels] with 1 or 3 channels,
                [images, height, width] or [images, height, width, channels].
            step: An integer, greater than the last step of the same tag.
            max_outputs: The largest number of images to log. Default 3.
        """
        array = array_like.as_array(image)
        of_images = array.ndim == 3 and array.shape[-1] not in _CHANNELS
        layout = "NHW" if of_images else None
        self._writer.image(tag, array, step, layout=layout, max_outputs=max_outputs)

    def audio(
        self,
        tag: str,
        audiodata: Any,
        step: int,
        sample_rate: int = 44100,
        max_outputs: int = 3,
    ) -> None:
        """Log audio.

        Args:
            tag: The tag.
            audiodata: [clips, frames, channels], floats from -1 to 1.
            step: An integer, greater than the last step of the same tag.
            sample_rate: Frames per second, in Hz. Default 44,100.
            max_outputs: The largest number of clips to log. Default 3.
        """
        self._writer.audio(tag, audiodata, sample_rate, step, max_outputs=max_outputs)

    def histogram(self, tag: str, values: Any, step: int, bins: int | None = None) -> None:
        """Log a histogram of ``values``, with ``bins`` buckets (default 30).

        Args:
            tag: The tag.
            values: Numbers of any shape.
            step: An integer, greater than the last step of the same tag.
            bins: The number of buckets.
        """
        self._writer.histogram(tag, values, step, buckets=30 if bins is None else bins)

    def text(self, tag: str, textdata: str, step: int) -> None:
        """Log the Markdown ``textdata`` as ``tag`` at ``step``."""
        self._writer.text(tag, textdata, step)

    def write(self, tag: str, tensor: Any, step: int, metadata: Any = None) -> None:
        """Log a ``tensor`` of any shape as ``tag`` at ``step``. A plugin can read ``metadata``."""
        self._writer.tensor(tag, tensor, step, metadata=metadata)

    def hparams(self, hparams: Mapping[str, Any]) -> None:
        """Log ``hparams``, a mapping of names to values. All calls must pass the same values."""
        self._writer.hparams(flattened(hparams))

    def flush(self) -> None:
        """Wait until all summaries are in the file."""
        self._writer.flush()

    def close(self) -> None:
        """Flush and close the file."""
        self._writer.close()
