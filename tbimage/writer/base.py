"""One run directory being written to: settings, lifecycle, and the way from a call to a ticket.

What lives here: what all kinds of summaries share. What does not: the kinds (``writer.py`` has a
method for each), which step a summary gets (``steps.py``), how it gets to the file
(``pipeline.py``).
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, SupportsIndex

from tbimage import checks
from tbimage.buffers import Piece
from tbimage.events.history import newest_steps
from tbimage.events.segments import SegmentOptions, Segments
from tbimage.events.storage import LocalStorage
from tbimage.pipeline import Pipeline, PipelineOptions
from tbimage.pipeline.queue import IntakeOptions
from tbimage.pipeline.stats import Stats
from tbimage.pipeline.tickets import Ticket
from tbimage.writer import defaults, directories
from tbimage.writer.notices import Notices
from tbimage.writer.sampling import Keep, Keeper
from tbimage.writer.settings import Settings, check_logdir, check_timeout
from tbimage.writer.steps import Steps, check_step

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["RunWriter"]


class RunWriter:
    """What writers of all kinds of summaries share; see ``SummaryWriter``."""

    def __init__(
        self,
        logdir: str | os.PathLike[str],
        *,
        filename_suffix: str = "",
        wire: str = "image",
        encoding: str = "png",
        quality: int = 90,
        compression: str = "fast",
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
        keep: Mapping[str, Keep] | None = None,
    ) -> None:
        """Open a run directory for writing.

        Args:
            logdir: The run directory, created if missing.
            filename_suffix: Appended to the event files' names. Default: nothing; only who reads
                the files by name needs one.
            wire: "image" or "tensor"; see the class.
            encoding: How pictures are stored whose call does not say: "png" keeps every level;
                "jpeg" takes a fifth of the bytes for a photograph, and makes PNGs of what it cannot
                hold, as transparency. Default "png": who looks for faults must not see those of an
                encoder.
            quality: Of a JPEG, 1 to 100. Default 90: what it loses is hard to see.
            compression: Of a PNG: "fast", "balanced" or "small"; all keep every level. Default
                "fast": "small" takes 5 % less for a photograph, and 20 times as long.
            max_pending_bytes: How many bytes of snapshots, and of records not yet written, may be
                in memory; one summary larger than that passes alone. Default 256 MiB: a few hundred
                photographs, and less than a process that holds a model notices.
            on_full: What happens to a summary for which there is no room: "block" waits, so that
                nothing is lost, which training wants; "drop" refuses it, counts it and returns
                False at once, which a service wants.
            block_timeout: After so many seconds "block" becomes "drop". Default None: it waits as
                long as it takes, but never for a disk that fails.
            workers: How many threads encode. Default None: one for each processor that this process
                may use, at most 4, since four encode more than anybody looks at.
            flush_secs: For how many seconds a summary that is cheap to encode, such as a scalar,
                may wait for others to be written with it. A process that is killed loses as much.
                Default 0.1: one write for a hundred scalars in a fast loop, and less than anybody
                waits for a chart.
            fsync: When the file is made to survive a loss of power: "never", "flush" (each
                ``flush`` waits for it) or "close" (when a segment ends). Default "never": what the
                system was given survives the end of the process, however it comes, and waiting for
                the disk costs milliseconds.
            on_error: What becomes of errors that show only after a call has returned: "raise"
                raises the first one in the next ``flush`` or ``close``, "log" only logs and counts
                them. Default "raise": a program that can stop should hear of it.
            max_file_bytes: A new event file is begun before one grows beyond so many bytes. Default
                None: TensorBoard reads files of any size.
            max_file_secs: A new event file is begun when the current one is so many seconds old.
                Default None.
            keep_files: The oldest files are deleted when there are more than so many, at least 2.
                Only this writer's form of names, never the newest two, and none that grew within
                the last half-hour, as a reader may be on its way to them. Default None: all stay.
            keep_bytes: The oldest files are deleted when all have more than so many bytes, with the
                same exceptions. Default None: all stay.
            min_free_bytes: While fewer bytes than this are free on the disk, writing pauses as if
                it were full. Default 0: it stops when the disk is full.
            close_timeout: For how many seconds ``close`` and the end of the process wait for what
                is pending. Default 30: as long as an orchestrator waits between SIGTERM and
                SIGKILL.
            keep: Which calls are logged at all, by patterns of names (``fnmatch``; the first that
                matches counts): ``{"requests/*": tbimage.Keep(reservoir=10)}``. Default: all.

        Raises:
            TypeError: An argument is of the wrong type.
            ValueError: An argument has none of the allowed values.
            OSError: The directory or the event file cannot be made. With ``on_error="log"`` a full
                disk is no reason: it is logged, and tried again.
        """
        given = {**locals(), "keep": {} if keep is None else keep}
        settings = Settings(**{name: given[name] for name in Settings.__dataclass_fields__})
        self._start(check_logdir(logdir), settings, sub_run=False)

    def _start(self, logdir: str, settings: Settings, *, sub_run: bool) -> None:
        self._logdir = logdir
        self._settings = settings
        self._notices = Notices()
        self._keeper = Keeper(settings.keep) if settings.keep else None
        in_sub_run = partial(directories.in_sub_run, logdir, partial(_segments, settings))
        segments = in_sub_run() if sub_run else _segments(settings, logdir)
        pipeline = Pipeline(segments, _pipeline_options(settings), in_sub_run)
        pipeline.open()
        if not sub_run:
            directories.claim(logdir, segments)
        self._pipeline = pipeline
        # Neither of these holds the writer, so that it goes, and its file is closed, with the last
        # reference to it and not only when the garbage collector comes.
        self._steps = Steps(partial(_read_history, pipeline, settings.on_error))
        weakref.finalize(self, _drop, pipeline).atexit = False

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
            >>> import tbimage, tempfile
            >>> tbimage.SummaryWriter(tempfile.mkdtemp()).flush()
            True
        """
        return self._pipeline.flush(check_timeout(timeout))

    async def aflush(self, timeout: float | None = None) -> bool:
        """Wait as ``flush`` does, without holding up the asyncio event loop.

        Args:
            timeout: As in ``flush``.

        Returns:
            As ``flush``.

        Raises:
            Exception: As ``flush``.

        Example:
            >>> import asyncio, tbimage, tempfile
            >>> asyncio.run(tbimage.SummaryWriter(tempfile.mkdtemp()).aflush())
            True
        """
        import asyncio  # which took long to import, unless it is there already

        return await asyncio.to_thread(self.flush, timeout)

    def close(self, timeout: float | None = None) -> bool:
        """Flush and close the file; using the writer after that raises. A second call does nothing.

        Args:
            timeout: Seconds after which what is still pending is given up; None: ``close_timeout``.

        Returns:
            As ``flush``.

        Raises:
            Exception: As ``flush``.

        Example:
            >>> import tbimage, tempfile
            >>> tbimage.SummaryWriter(tempfile.mkdtemp()).close()
            True
        """
        try:
            return self._pipeline.close(check_timeout(timeout))
        finally:
            _release(self._pipeline)

    def stats(self) -> Stats:
        """Return what was logged, written and lost so far, and whether writing works.

        Example:
            >>> import tbimage, tempfile
            >>> tbimage.SummaryWriter(tempfile.mkdtemp()).stats().healthy
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
            >>> with tbimage.SummaryWriter(tempfile.mkdtemp()).as_default(step=3):
            ...     tbimage.scalar("loss", 0.5)
            True
        """
        if step is None:
            return defaults.replaced(default_writer=self)
        check_step(step)
        return defaults.replaced(default_writer=self, default_step=step)

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
        return f"<tbimage.{type(self).__name__} of {self.logdir!r}{state}>"

    def __reduce__(self) -> tuple[Callable[..., RunWriter], tuple[object, ...]]:
        return _reopen, (type(self), self._logdir, self._settings)

    def _begin(self, name: str, step: SupportsIndex | None) -> tuple[str, int | None, bool]:
        """Check name and step, and ask ``record_if`` and ``keep``, before the data is looked at."""
        steps = self._steps
        last = steps.last.get(name) if type(name) is str else None
        if last is None:
            checks.name(name)
        number = defaults.get_step() if step is None else check_step(step)
        if not defaults.should_record(number, name):
            return name, number, False
        if self._keeper is not None and not self._keeper.wants(name):
            self._pipeline.intake.keep_out()
            return name, number, False
        if number is None:
            steps.prepare_automatic(name)
        elif last is not None and number <= last:
            steps.warn_of_repetition(name, number, last)
        return name, number, True

    def _log(
        self,
        name: str,
        step: int | None,
        wall_time: float,
        cost: int,
        take_snapshot: Callable[[], Callable[[], list[Piece]]],
    ) -> bool:
        """Log a summary that is worth a worker's while.

        Args:
            name: Checked.
            step: Checked, or None for an automatic one.
            wall_time: Checked.
            cost: How many bytes the snapshot has.
            take_snapshot: Copies what the caller may change, once there is room for it, and returns
                the function that makes the serialized Summary.

        Returns:
            Whether there was room.
        """
        intake = self._pipeline.intake
        ticket = Ticket(name, step, wall_time, cost)
        try:
            if not intake.admit(ticket):
                return False
            ticket.make_summary = take_snapshot()
            return intake.put(ticket, self._steps.take)
        except BaseException:
            intake.cancel(ticket)
            raise

    def _log_light(
        self,
        make: Callable[..., bytes],
        arguments: tuple[Any, ...],
        step: int | None,
        wall_time: float | None,
    ) -> bool:
        """Log a summary that costs less to make than to hand to another thread.

        Args:
            make: Makes the serialized Summary.
            arguments: Its arguments, of which the first is the name; all immutable and checked.
            step: Checked, or None for an automatic one.
            wall_time: Not checked; None for now.

        Returns:
            Whether there was room.
        """
        return self._pipeline.intake.put_light(
            make,
            arguments,
            self._steps.take,
            step,
            time.time() if wall_time is None else checks.wall_time(wall_time),
            _LIGHT_COST,
        )


# What a scalar is counted for altogether, in bytes; measured with tracemalloc.
_LIGHT_COST = 640


def _drop(pipeline: Pipeline) -> None:
    """See to the end of a writer that is garbage-collected without being closed."""
    _release(pipeline)
    pipeline.close_soon()


def _release(pipeline: Pipeline) -> None:
    directories.release(pipeline.segments.directory, pipeline.segments)


def _segments(settings: Settings, directory: str) -> Segments:
    names = SegmentOptions.__dataclass_fields__
    options = SegmentOptions(**{name: getattr(settings, name) for name in names})
    return Segments(LocalStorage(), directory, options)


def _read_history(pipeline: Pipeline, on_error: str) -> dict[str, int]:
    try:
        return newest_steps(LocalStorage(), pipeline.segments.directory)
    except OSError as error:
        if on_error == "raise":
            raise
        pipeline.note_error(error, "automatic steps begin with 0")
        return {}


def _pipeline_options(settings: Settings) -> PipelineOptions:
    names = IntakeOptions.__dataclass_fields__
    return PipelineOptions(
        intake=IntakeOptions(**{name: getattr(settings, name) for name in names}),
        workers=settings.worker_count,
        on_error=settings.on_error,
        close_timeout=settings.close_timeout,
    )


def _reopen(kind: type[RunWriter], logdir: str, settings: Settings) -> RunWriter:
    writer = kind.__new__(kind)
    writer._start(logdir, settings, sub_run=True)
    return writer
