"""One run directory being written to: settings, lifecycle, and the way from a call to a ticket.

What lives here: what all kinds of summaries share. What does not: the kinds (``writer.py`` has a
method for each), which step a summary gets (``steps.py``), how it gets to the file
(``pipeline.py``).
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, SupportsIndex

from tbimage import context, runs
from tbimage.counters import Stats
from tbimage.events.history import newest_steps
from tbimage.events.segments import SegmentOptions, Segments
from tbimage.events.storage import LocalStorage
from tbimage.intake import IntakeOptions
from tbimage.kinds import names
from tbimage.notices import Notices
from tbimage.pieces import Piece
from tbimage.pipeline import Pipeline, PipelineOptions
from tbimage.settings import Settings, check_logdir
from tbimage.steps import Steps, check_step
from tbimage.tickets import Ticket

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
            >>> import tbimage, tempfile
            >>> tbimage.SummaryWriter(tempfile.mkdtemp()).close()
            True
        """
        return self._pipeline.close(timeout)

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
        return f"<tbimage.{type(self).__name__} of {self.logdir!r}{state}>"

    def __reduce__(self) -> tuple[Callable[..., RunWriter], tuple[object, ...]]:
        return _reopen, (type(self), self._logdir, self._settings)

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
        cost += _TICKET_COST
        if not intake.admit(cost):
            return False
        try:
            make = take_snapshot()
        except BaseException:
            intake.release(cost)
            raise
        intake.put(Ticket(make, name, step, wall_time, cost), self._steps.take)
        return True

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
            time.time() if wall_time is None else names.check_wall_time(wall_time),
            _LIGHT_COST,
        )

    def _read_history(self) -> dict[str, int]:
        return newest_steps(LocalStorage(), self.logdir)


# What a pending summary is counted for besides its snapshot (ticket, closures, array objects), and
# what a scalar is counted for altogether, in bytes; measured with tracemalloc.
_TICKET_COST = 1024
_LIGHT_COST = 640


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


def _reopen(kind: type[RunWriter], logdir: str, settings: Settings) -> RunWriter:
    writer = kind.__new__(kind)
    writer._start(logdir, settings, sub_run=True)
    return writer
