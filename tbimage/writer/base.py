"""``RunWriter``: settings, lifecycle, and the way to the pipeline, for all kinds of summaries."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, SupportsIndex

from tbimage import checks
from tbimage.buffers import Piece
from tbimage.events.storage import urls
from tbimage.pipeline import Pipeline
from tbimage.pipeline.tickets import MAIN, Work
from tbimage.writer import defaults, directories, ranks
from tbimage.writer.notices import Notices
from tbimage.writer.sampling import Keep, Keeper
from tbimage.writer.settings import Settings, check_logdir
from tbimage.writer.stats import Stats
from tbimage.writer.steps import KindWatch, StepWatch, check_step
from tbimage.writer.sub_runs import SubRuns, make_files

if TYPE_CHECKING:
    from typing_extensions import Self

    from tbimage.kinds.custom_scalars import Charts

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
        upload_secs: float = 5.0,
        keep: Mapping[str, Keep] | None = None,
        font: Any = None,
        rank: str | int | None = None,
    ) -> None:
        """Open a run directory for writing.

        Args:
            logdir: The run directory, created if missing.
            filename_suffix: Appended to the event files' names. Default: nothing.
            wire: "image" or "tensor"; see the class.
            encoding: How pictures are stored whose call does not say: "png" keeps every level;
                "jpeg" takes a fifth of the bytes for a photograph, and makes PNGs of what it cannot
                hold, as transparency. Default "png": an encoder must not add faults.
            quality: Of a JPEG, 1 to 100. Default 90: what it loses is hard to see.
            compression: Of a PNG: "fast", "balanced" or "small"; all keep every level. Default
                "fast": "small" takes 5 % less for a photograph, and 20 times as long.
            max_pending_bytes: How many bytes of snapshots, and of records not yet written, may be
                in memory; a larger summary passes alone. Default 256 MiB: hundreds of photographs.
            on_full: What happens to a summary for which there is no room: "block" waits, which
                training wants; "drop" counts it and returns False at once, which a service wants.
            block_timeout: After so many seconds "block" becomes "drop". Default None: it waits as
                long as it takes, but never for a disk that fails.
            workers: How many threads encode. Default None: one for each processor, at most 4.
            flush_secs: For how many seconds a summary that is cheap to encode, such as a scalar,
                may wait to be written with others; a kill loses as much. Default 0.1.
            fsync: When the file is made to survive a loss of power: "never", "flush" (each
                ``flush`` waits for it) or "close" (when a segment ends). Default "never": a crash
                of the process loses nothing, and waiting for the disk costs milliseconds.
            on_error: What becomes of errors that show only after a call has returned: "raise"
                raises the first one in the next ``flush`` or ``close``, "log" only logs and counts
                them. Default "raise".
            max_file_bytes: A new event file is begun before one grows beyond so many bytes. Default
                None: any size, and 64 MiB in an object store.
            max_file_secs: A new event file is begun after so many seconds. Default None.
            keep_files: The oldest files are deleted when there are more than so many, at least 2.
                Only this writer's form of names, never the newest two, and none that grew within
                the last half-hour, as a reader may be on its way to them. Default None: all stay.
            keep_bytes: As ``keep_files``, when all files have more than so many bytes.
            min_free_bytes: While fewer bytes are free, writing pauses as on a full disk. Default 0.
            close_timeout: For how many seconds ``close`` and the end of the process wait for what
                is pending. Default 30: what Kubernetes waits between SIGTERM and SIGKILL.
            upload_secs: What is new is uploaded to an object store after so many seconds, and at
                ``flush`` and ``close``. Default 5: TensorBoard looks as often.
            keep: Which calls are logged at all, by patterns of names (``fnmatch``; the first that
                matches counts): ``{"requests/*": tbimage.Keep(reservoir=10)}``. Default: all.
            font: The font of texts in pictures, for the whole process: a file's path or a Pillow
                font, as ``tbimage.set_font`` takes it. Default None: what is in use stays.
            rank: How the processes of a job share ``logdir``. "separate": each logs to a run of its
                own, ``logdir/rank-0003``, by RANK, SLURM_PROCID, OMPI_COMM_WORLD_RANK or PMI_RANK.
                An integer: the same, with this rank. "zero": rank 0 logs to ``logdir``; in others a
                call does nothing and returns False. Default None: this is the only process.

        Raises:
            TypeError: An argument is of the wrong type.
            ValueError: An argument has none of the allowed values.
            ImportError: The package for the URL is not installed.
            OSError: The directory or the event file cannot be made. With ``on_error="log"`` a full
                disk or an error of a store is logged, and tried again.
        """
        given = locals()
        left = {name for name in ("workers", "keep") if given[name] is None}
        names = Settings.__dataclass_fields__.keys() - left
        settings = Settings(**{name: given[name] for name in names})
        directory = ranks.directory_of_rank(check_logdir(logdir), settings.rank)
        self._start(directory, settings, sub_run=False)

    def _start(self, logdir: str, settings: Settings, *, sub_run: bool) -> None:
        if settings.font is not None:
            from tbimage.fonts import set_font

            set_font(settings.font)
        self._logdir = logdir
        self._settings = settings
        if ranks.silence(self, logdir, settings.rank):
            return
        # Here, since no call does I/O.
        self._real = logdir if urls.is_url(logdir) else os.path.realpath(logdir)
        files = partial(make_files, settings, logdir, self._real, sub_run)
        self._pipeline = Pipeline(files, settings)
        self._pipeline.open()
        if not sub_run:
            directories.claim_run(self._real, self._pipeline.files)
        self._notices = Notices(self._pipeline.say)
        self._keeper = Keeper(settings.keep) if settings.keep else None
        self._watches = (StepWatch(), StepWatch())  # of each lane of the pipeline
        self._kinds = KindWatch()
        self._sub_runs = SubRuns(self._real)
        #: The charts of the Custom Scalars page so far, which each of its summaries repeats.
        self._charts: Charts = {}
        #: The hyperparameters of each run directory: a forked writer has one of its own.
        self._trials: dict[str, Mapping[str, object]] = {}
        # The finalizer does not hold the writer, so that it goes, and its file is closed, with the
        # last reference to it and not only when the garbage collector comes.
        weakref.finalize(self, _drop, self._pipeline).atexit = False

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
        return self._pipeline.flush(checks.seconds("timeout", timeout, optional=True))

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
        return await self._pipeline.aflush(checks.seconds("timeout", timeout, optional=True))

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
            return self._pipeline.close(checks.seconds("timeout", timeout, optional=True))
        finally:
            directories.release(self._pipeline.files)

    def stats(self) -> Stats:
        """Return what was logged, written and lost so far, and whether writing works.

        Example:
            >>> import tbimage, tempfile
            >>> tbimage.SummaryWriter(tempfile.mkdtemp()).stats().healthy
            True
        """
        return Stats(**self._pipeline.counters())

    @property
    def closed(self) -> bool:
        """Whether the writer was closed."""
        return self._pipeline.closed

    @property
    def logdir(self) -> str:
        """The run directory, absolute; in a forked or unpickled writer that of its sub-run."""
        return self._pipeline.files.directory

    @property
    def path(self) -> str | None:
        """The event file that is being written; None in a forked writer that has logged nothing."""
        return self._pipeline.files.path

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

    # From a method to the pipeline.

    def _begin(
        self,
        name: str,
        step: SupportsIndex | None,
        kind: str | None = None,
        *,
        lane: int = MAIN,
        key: str | None = None,
        may_repeat: bool = False,
    ) -> tuple[str, int | None, bool]:
        """Check name and step, and ask ``record_if`` and ``keep``, before the data is looked at.

        Steps count under ``key``, by default the name. ``may_repeat``: nothing is lost where a step
        comes again. Returns the name, the step, and whether the summary is wanted.
        """
        if key is None:
            key = name
        watch = self._watches[lane]
        last = watch.last.get(key) if type(name) is str else None
        if last is None:
            checks.name(name)
        number = defaults.get_step() if step is None else check_step(step)
        if not defaults.should_record(number, name):
            return name, number, False
        if self._keeper is not None and not self._keeper.wants(name):
            self._pipeline.keep_out()
            return name, number, False
        if not may_repeat and (last is None or number is None or number <= last):
            watch.check(name, key, number, self._pipeline.last_step(lane, key))
        if kind is not None and self._kinds.of.get(name) != kind and not self._pipeline.closed:
            self._kinds.check(name, kind)
        return name, number, True

    def _log(
        self,
        name: str,
        step: int | None,
        wall_time: float | None,
        make: Callable[..., bytes | list[Piece]],
        data: Any,
        *rest: Any,
        cost: int | None = None,
        take: Callable[[], Any] | None = None,
        lane: int = MAIN,
        counts_step: bool = True,
        in_commit: bool = False,
    ) -> bool:
        """Log a summary of some size: reserve memory for it, copy what may change, and put it.

        A worker calls ``make`` with what ``take`` or ``data.snapshot`` gives, and the rest; where
        ``wall_time`` is None, this makes a whole Event. Name, step and time are checked. ``cost``
        is the size of the snapshot in bytes. ``in_commit``: it is cheap, or writes files itself.
        """
        if cost is None:
            cost = len(data) if isinstance(data, bytes) else data.nbytes
        work = Work(cost, apart=not in_commit and cost > _SMALL_BYTES)
        try:
            if not self._pipeline.admit(work):
                return False
            if take is None:
                take = getattr(data, "snapshot", None)
            work.arguments = (data if take is None else take(), *rest)
            key = name if counts_step else None
            self._pipeline.put((lane, key, step, wall_time, make, (), work))
        finally:
            self._pipeline.let_go()
        if counts_step:
            self._watches[lane].note(name, step)
        return True

    def _log_event(
        self, name: str, step: int, pieces: Sequence[Piece], *, counts_step: bool
    ) -> bool:
        """Log a serialized Event, which has a step and a wall time of its own."""
        cost = sum(map(len, pieces))
        return self._log(name, step, None, list, pieces, cost=cost, counts_step=counts_step)

    def _log_light(
        self,
        make: Callable[..., bytes],
        arguments: tuple[Any, ...],
        step: int | None,
        wall_time: float | None,
    ) -> bool:
        """Log a summary that costs less to make than to hand to another thread.

        The arguments of ``make``, first the name, are immutable. All is checked but the wall time.
        """
        name = arguments[0]
        wall_time = time.time() if wall_time is None else checks.wall_time(wall_time)
        logged = self._pipeline.put_light((MAIN, name, step, wall_time, make, arguments, None))
        last = self._watches[MAIN].last
        if step is not None and step > last.get(name, step):
            last[name] = step
        else:
            self._watches[MAIN].note(name, step)
        return logged


# Below this a picture is encoded with the commit, as scalars are: to hand a picture of 64x64 to an
# encoder takes longer than to encode it (134 µs instead of 230).
_SMALL_BYTES = 64 * 1024


def _drop(pipeline: Pipeline) -> None:
    """See to the end of a writer that is garbage-collected without being closed."""
    directories.release(pipeline.close_soon())


def _reopen(kind: type[RunWriter], logdir: str, settings: Settings) -> RunWriter:
    writer = kind.__new__(kind)
    writer._start(logdir, settings, sub_run=True)
    return writer
