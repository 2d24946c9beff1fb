"""``SummaryWriter``: one method for each kind of summary, on one run directory.

What lives here: the arguments of each kind, their checks and their documentation. What does not:
what a summary is (``kinds/``), and what all kinds share (``run_writer.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, SupportsFloat, SupportsIndex

from tbimage.kinds import names, scalar
from tbimage.pieces import Piece
from tbimage.run_writer import RunWriter

__all__ = ["SummaryWriter"]


class SummaryWriter(RunWriter):
    """Writes summaries to the event files of one run directory.

    Calls return as soon as the data is copied; worker threads encode, in parallel, and write, in
    the order of the calls. Any number of threads may share a writer. After a fork, parent and child
    go on independently, the child in a sub-run of its own.

    Args:
        logdir: The run directory, created if missing. TensorBoard names the run after it.
        filename_suffix: Appended to the event files' names.
        wire: "image" writes ``Summary.Image``, which every reader of event files knows; "tensor"
            writes what TF2's ``tf.summary.image`` does.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: An argument has none of the allowed values.
        OSError: The directory or the event file cannot be made: it is a file, or not writable.

    Example:
        >>> import numpy, tempfile
        >>> logdir = tempfile.mkdtemp()
        >>> with SummaryWriter(logdir) as writer:
        ...     writer.image("photo", numpy.zeros((64, 64, 3), numpy.uint8), step=0)
        ...     writer.scalar("loss", 0.5, step=0)
        True
        True
    """

    def image(
        self,
        name: str,
        data: Any,
        step: SupportsIndex | None = None,
        *,
        max_outputs: int | None = None,
        description: str | None = None,
        layout: str | None = None,
        value_range: Any = None,
        nan_color: tuple[int, int, int] = (255, 0, 0),
        wall_time: float | None = None,
    ) -> bool:
        """Log one image or a batch of images.

        Args:
            name: The tag of a single image; images of a batch have the tags ``name/image/0``,
                ``name/image/1``, …
            data: [height, width], [height, width, channels] or [batch, height, width, channels]
                with 1 to 4 channels (gray, gray and alpha, RGB, RGBA): a NumPy array, nested lists,
                anything with ``__array__`` or DLPack (torch, JAX, TensorFlow, CuPy), a PIL image, a
                matplotlib figure; or an encoded PNG, JPEG, GIF or BMP as bytes or as a path, which
                is stored as it is. Values: uint8 and uint16 as they are, bool as black and white,
                other integers within 0..255, floats from 0 to 1.
            step: An integer that grows with each call; None for the default step
                (``tbimage.set_step``), else for the one after the last of this name, also across
                restarts.
            max_outputs: The most images of a batch; None: all of them. (tf.summary's is 3.)
            description: Markdown that TensorBoard shows with the images.
            layout: The order of the axes where it is another: "CHW", "NCHW", "NHW", …
            value_range: Which values become black and white: ``(low, high)``, "unit" (0 to 1),
                "signed" (-1 to 1), "byte" (0 to 255), "minmax" (of each image) or
                ``("percentile", low, high)``. None: the dtype tells; floats outside [0, 1] are
                clipped and a warning is logged.
            nan_color: Red, green and blue, 0 to 255, of pixels that are NaN or infinite.
            wall_time: Seconds since the epoch; None: now.

        Returns:
            True when the images will be written, or there were none; False when ``record_if`` said
            no, or there was no room (``on_full``).

        Raises:
            TypeError: An argument is of the wrong type, or ``data`` is nothing that has pixels.
            ValueError: A shape, a channel count or another value does not fit.
            RuntimeError: The writer is closed.

        Example:
            >>> import numpy, tempfile
            >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
            ...     batch = numpy.random.default_rng(0).random((4, 3, 32, 32))
            ...     writer.image("inputs", batch, step=0, layout="NCHW", max_outputs=2)
            True
        """
        name, step, wanted = self._begin(name, step)
        if not wanted:
            return False
        image = _image_kind()
        options = image.ImageOptions(
            wire=self._settings.wire,
            description=names.check_description(description),
            value_range=image.levels.check_value_range(value_range),
            nan_color=image.levels.check_nan_color(nan_color),
        )
        wall_time = names.check_wall_time(wall_time)
        images = image.prepare(data, layout, image.check_max_outputs(max_outputs))
        if images.count == 0:
            return True

        def take_snapshot() -> Callable[[], list[Piece]]:
            report = partial(self._notices.report, name)
            snapshot = images.snapshot()
            return partial(image.summary, name, snapshot, options, self._pipeline.run_parts, report)

        return self._log(name, step, wall_time, images.nbytes, take_snapshot)

    def scalar(
        self,
        name: str,
        value: SupportsFloat,
        step: SupportsIndex | None = None,
        *,
        description: str | None = None,
        wall_time: float | None = None,
    ) -> bool:
        """Log one number.

        Args:
            name: The tag.
            value: A number, or an array or tensor of rank 0; stored as float32. NaN and infinities
                are shown as such.
            step: As in ``image``.
            description: Markdown that TensorBoard shows with the chart.
            wall_time: Seconds since the epoch; None: now.

        Returns:
            True when the number will be written; False when ``record_if`` said no, or there was no
            room (``on_full``).

        Raises:
            TypeError: An argument is of the wrong type.
            ValueError: ``value`` is an array of rank 1 or more, or another value does not fit.
            RuntimeError: The writer is closed.

        Example:
            >>> import tempfile
            >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
            ...     writer.scalar("loss", 0.25, step=0)
            True
        """
        name, step, wanted = self._begin(name, step)
        if not wanted:
            return False
        number = scalar.check_value(value)
        description = names.check_description(description)
        return self._log_light(scalar.summary, (name, number, description), step, wall_time)


def _image_kind() -> Any:
    """Import the image kind with the first image: a writer of scalars does not need NumPy."""
    from tbimage.kinds import image

    return image
