"""clu's ``MetricWriter`` without TensorFlow.

``import clu.metric_writers`` needs TensorFlow. This class has the methods of clu's class, and does
not import clu. If clu is already imported when an object is made, the class becomes a virtual
subclass of clu's ``MetricWriter``. clu's ``MultiWriter`` and ``AsyncWriter`` accept all objects of
this class.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from tbimage.integrations.hyperparameters import flattened
from tbimage.writer import SummaryWriter

__all__ = ["MetricWriter"]


class MetricWriter:
    """Log with the methods and the tags of clu's ``SummaryWriter``.

    Args:
        logdir: The run directory, created if missing.
        settings: Settings of ``tbimage.SummaryWriter``, such as ``on_error="log"``.

    Raises:
        TypeError: An argument of the constructor or of a method is of the wrong type.
        ValueError: An argument of the constructor or of a method has an invalid value.
        OSError: The directory cannot be made.

    Example:
        >>> import numpy as np
        >>> from tbimage.integrations.metric_writer import MetricWriter
        >>> writer = MetricWriter("runs/jax")
        >>> writer.write_hparams({"lr": 0.1, "model": {"layers": 2}})
        >>> for step in range(3):
        ...     writer.write_scalars(step, {"loss": 1 / (step + 1)})
        >>> writer.write_images(step, {"inputs": np.zeros((4, 32, 32, 3))})
        >>> writer.close()
    """

    def __init__(self, logdir: str | os.PathLike[str], **settings: Any) -> None:
        self._writer = SummaryWriter(logdir, **{"wire": "tensor", **settings})
        interface = sys.modules.get("clu.metric_writers.interface")
        if interface is not None:
            interface.MetricWriter.register(type(self))

    @property
    def writer(self) -> SummaryWriter:
        """The underlying writer. It also has methods for summaries that clu cannot log."""
        return self._writer

    def write_summaries(
        self, step: int, values: Mapping[str, Any], metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Log tensors for plugins.

        Args:
            step: An integer, greater than the last step of the same tag.
            values: Arrays by tag, of any shape and dtype.
            metadata: ``SummaryMetadata`` messages or their bytes, by tag.
        """
        for name, value in values.items():
            given = None if metadata is None else metadata.get(name)
            self._writer.tensor(name, value, step, metadata=given)

    def write_scalars(self, step: int, scalars: Mapping[str, Any]) -> None:
        """Log numbers.

        Args:
            step: An integer, greater than the last step of the same tag.
            scalars: Numbers, or arrays of rank 0, by tag.
        """
        for name, value in scalars.items():
            self._writer.scalar(name, value, step)

    def write_images(self, step: int, images: Mapping[str, Any]) -> None:
        """Log images.

        Args:
            step: An integer, greater than the last step of the same tag.
            images: [batch, height, width, channels] or [height, width, channels] by tag, in
                a form that ``SummaryWriter.image`` accepts.
        """
        for name, value in images.items():
            self._writer.image(name, value, step)

    def write_videos(self, step: int, videos: Mapping[str, Any]) -> None:
        """Log videos as animated images. clu's own ``SummaryWriter`` leaves out videos.

        Args:
            step: An integer, greater than the last step of the same tag.
            videos: [clips, frames, height, width, channels] or [frames, height, width, channels] by
                tag.
        """
        for name, value in videos.items():
            self._writer.animation(name, value, step)

    def write_audios(self, step: int, audios: Mapping[str, Any], *, sample_rate: int) -> None:
        """Log audio.

        Args:
            step: An integer, greater than the last step of the same tag.
            audios: [clips, frames, channels] by tag, floats from -1 to 1.
            sample_rate: Frames per second, in Hz.
        """
        for name, value in audios.items():
            self._writer.audio(name, value, sample_rate, step)

    def write_texts(self, step: int, texts: Mapping[str, str]) -> None:
        """Log texts.

        Args:
            step: An integer, greater than the last step of the same tag.
            texts: Markdown by tag.
        """
        for name, value in texts.items():
            self._writer.text(name, value, step)

    def write_histograms(
        self,
        step: int,
        arrays: Mapping[str, Any],
        num_buckets: Mapping[str, int] | None = None,
    ) -> None:
        """Log histograms.

        Args:
            step: An integer, greater than the last step of the same tag.
            arrays: Numbers of any shape, by tag.
            num_buckets: The number of buckets by tag. Default 30.
        """
        for name, value in arrays.items():
            buckets = None if num_buckets is None else num_buckets.get(name)
            self._writer.histogram(name, value, step, buckets=30 if buckets is None else buckets)

    def write_hparams(self, hparams: Mapping[str, Any]) -> None:
        """Log the hyperparameters of the run. All calls must pass the same values.

        Args:
            hparams: Values by name. Nested mappings are flattened: {"a": {"b": 1}} becomes "a.b".
        """
        self._writer.hparams(flattened(hparams))

    def flush(self) -> None:
        """Wait until all summaries are in the file."""
        self._writer.flush()

    def close(self) -> None:
        """Flush and close the file."""
        self._writer.close()
