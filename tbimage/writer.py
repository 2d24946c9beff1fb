"""``SummaryWriter``: one method for each kind of summary, on one run directory.

What lives here: the arguments of each kind, in the order in which they are checked, and the way
from a call to a ticket. What does not: what a summary is (``kinds/``), which step it gets
(``steps.py``), how it gets to the file (``pipeline.py``).
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, SupportsFloat, SupportsIndex

from tbimage import context, runs
from tbimage.counters import Stats
from tbimage.events.history import newest_steps
from tbimage.events.segments import SegmentOptions, Segments
from tbimage.events.storage import LocalStorage
from tbimage.intake import IntakeOptions
from tbimage.kinds import names, scalar
from tbimage.notices import Notices
from tbimage.pipeline import Pipeline, PipelineOptions
from tbimage.settings import Settings, check_logdir
from tbimage.steps import Steps, check_step
from tbimage.tickets import Ticket

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["SummaryWriter"]


class SummaryWriter:
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

    def __init__(
        self,
        logdir: str | os.PathLike[str],
        *,
        filename_suffix: str = "",
        wire: str = "image",
        max_pending_bytes: int = 256 << 20,
        on_full: str = "block",
        block_timeout: float | None = None,
        workers: int | None = None,
        flush_secs: float = 0.1,
        fsync: str = "never",
        on_error: str = "raise",
        max_file_bytes: int | None = None,
        max_file_secs: float | None = None,
        keep_files: int | None = None,
        keep_bytes: int | None = None,
        min_free_bytes: int = 0,
        close_timeout: float = 30.0,
    ) -> None:
        given = locals()
        settings = Settings(**{name: given[name] for name in Settings.__dataclass_fields__})
        self._start(check_logdir(logdir), settings, sub_run=False)

    def _start(self, logdir: str, settings: Settings, *, sub_run: bool) -> None:
        self._logdir = logdir
        self._settings = settings
        self._notices = Notices()
        segments = _sub_run(logdir, settings) if sub_run else _segments(logdir, settings)
        segments.open()
        self._steps = Steps(self._read_history)
        self._pipeline = Pipeline(
            segments, _pipeline_options(settings), partial(_sub_run, logdir, settings)
        )
        runs.claim(segments.directory, self)
        weakref.finalize(self, self._pipeline.close_when_drained).atexit = False

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
        cost = images.nbytes + _TICKET_COST
        intake = self._pipeline.intake
        if not intake.admit(cost):
            return False
        try:
            snapshot = images.snapshot()
        except BaseException:
            intake.release(cost)
            raise
        make = partial(
            image.summary,
            name,
            snapshot,
            options,
            self._pipeline.run_parts,
            partial(self._notices.report, name),
        )
        intake.put(Ticket(make, name, step, wall_time, cost), self._steps.take)
        return True

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
        return self._pipeline.intake.put_light(
            scalar.summary,
            (name, scalar.check_value(value), names.check_description(description)),
            self._steps.take,
            step,
            time.time() if wall_time is None else names.check_wall_time(wall_time),
            scalar.COST,
        )

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was logged before is in the file, where a crash cannot take it.

        Args:
            timeout: Seconds; None: as long as it takes. With a failing disk one attempt is made.

        Returns:
            True when all of it is in the file. False when time ran out, or something was lost and
            ``on_error="log"``.

        Raises:
            Exception: With ``on_error="raise"``, the first error since the last flush, such as a
                ValueError for integers outside 0..255 or an OSError for a full disk.

        Example:
            >>> import tempfile
            >>> SummaryWriter(tempfile.mkdtemp()).flush()
            True
        """
        return self._pipeline.flush(timeout)

    def close(self, timeout: float | None = None) -> bool:
        """Flush and close the file; using the writer after that raises. A second call does nothing.

        Args:
            timeout: Seconds after which what is still pending is given up; None: ``close_timeout``.

        Returns:
            As ``flush``.

        Raises:
            Exception: As ``flush``.

        Example:
            >>> import tempfile
            >>> SummaryWriter(tempfile.mkdtemp()).close()
            True
        """
        return self._pipeline.close(timeout)

    def stats(self) -> Stats:
        """Return what was logged, written and lost so far, and whether writing works.

        Example:
            >>> import tempfile
            >>> SummaryWriter(tempfile.mkdtemp()).stats().healthy
            True
        """
        return self._pipeline.stats()

    @property
    def closed(self) -> bool:
        """Whether the writer was closed."""
        return self._pipeline.closed

    @property
    def logdir(self) -> str:
        """The run directory, absolute; in a forked or unpickled writer that of its sub-run."""
        return self._pipeline.segments.directory

    @property
    def path(self) -> str | None:
        """The event file that is being written; None in a forked writer that has logged nothing."""
        return self._pipeline.segments.path

    def as_default(self, step: SupportsIndex | None = None) -> AbstractContextManager[None]:
        """Make this the default writer within a block, for this thread or asyncio task.

        Args:
            step: The default step within the block; None leaves it as it is.

        Raises:
            TypeError: ``step`` is no integer.
            ValueError: ``step`` does not fit an int64.

        Example:
            >>> import tbimage, tempfile
            >>> with SummaryWriter(tempfile.mkdtemp()).as_default(step=3):
            ...     tbimage.scalar("loss", 0.5)
            True
        """
        if step is None:
            return context.replaced(default_writer=self)
        check_step(step)
        return context.replaced(default_writer=self, default_step=step)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except Exception:
            if exception is None:
                raise  # else it was logged when it happened, and must not hide what ended the block

    def __repr__(self) -> str:
        state = " (closed)" if self._pipeline.closed else ""
        return f"<tbimage.SummaryWriter of {self.logdir!r}{state}>"

    def __reduce__(self) -> tuple[Callable[..., SummaryWriter], tuple[str, Settings]]:
        return _reopen, (self._logdir, self._settings)

    def _begin(self, name: str, step: SupportsIndex | None) -> tuple[str, int | None, bool]:
        """Check name and step, and ask ``record_if``, before anything is done with the data."""
        steps = self._steps
        if not steps.is_known(name):
            names.check_name(name)
        if step is None:
            number = context.get_step()
            if number is None:
                steps.prepare_automatic(name)
        else:
            number = check_step(step)
        return name, number, context.should_record(number, name)

    def _read_history(self) -> dict[str, int]:
        return newest_steps(LocalStorage(), self.logdir)


# What a pending image is counted for besides its pixels: its ticket, closures and array objects.
_TICKET_COST = 1024


def _image_kind() -> Any:
    """Import the image kind with the first image: a writer of scalars does not need NumPy."""
    from tbimage.kinds import image

    return image


def _segments(directory: str, settings: Settings) -> Segments:
    names = SegmentOptions.__dataclass_fields__
    options = SegmentOptions(**{name: getattr(settings, name) for name in names})
    return Segments(LocalStorage(), directory, options)


def _sub_run(logdir: str, settings: Settings) -> Segments:
    """Return the segments of a sub-run that nobody else has."""
    return _segments(runs.sub_run(logdir), settings)


def _pipeline_options(settings: Settings) -> PipelineOptions:
    names = IntakeOptions.__dataclass_fields__
    return PipelineOptions(
        intake=IntakeOptions(**{name: getattr(settings, name) for name in names}),
        workers=settings.worker_count,
        on_error=settings.on_error,
        close_timeout=settings.close_timeout,
    )


def _reopen(logdir: str, settings: Settings) -> SummaryWriter:
    writer = SummaryWriter.__new__(SummaryWriter)
    writer._start(logdir, settings, sub_run=True)
    return writer
