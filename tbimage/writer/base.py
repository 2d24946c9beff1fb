"""``RunWriter``: the settings and lifecycle of a writer, and how summaries enter its pipeline."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, SupportsIndex

from tbimage import checks
from tbimage.buffers import Piece
from tbimage.events.storage import urls
from tbimage.events.tickets import MAIN, Work
from tbimage.pipeline import Pipeline
from tbimage.writer import defaults, directories, ranks
from tbimage.writer.notices import Notices
from tbimage.writer.sampling import Keep, Keeper
from tbimage.writer.settings import Settings, check_logdir
from tbimage.writer.stats import Stats, stats_of
from tbimage.writer.steps import KindWatch, StepWatch, check_step
from tbimage.writer.sub_runs import SubRuns, make_files

if TYPE_CHECKING:
    from typing_extensions import Self

    from tbimage.kinds.custom_scalars import Charts


class RunWriter:
    """The base class of ``SummaryWriter``: everything except the methods that log summaries."""

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
        spool_dir: str | os.PathLike[str] | None = None,
        keep: Mapping[str, Keep] | None = None,
        font: Any = None,
        rank: str | int | None = None,
    ) -> None:
        """Open a run directory for writing.

        Args:
            logdir: The run directory: a path, or a URL of an object store. It is created if needed.
            filename_suffix: The end of the event files' names. Default: nothing.
            wire: The wire form of pictures. "image" (default) writes ``Summary.Image``, which every
                reader of event files knows. "tensor" writes the form of TF2's ``tf.summary.image``.
            encoding: The format of pictures if the call has no ``encoding``. "png" is lossless. For
                a photograph, "jpeg" needs a fifth of the bytes of a PNG. Pictures that a JPEG
                cannot store, such as those with transparency, become PNGs. Default "png", because
                JPEG adds errors that look like errors of the data.
            quality: The quality of a JPEG, 1 to 100. Default 90: the loss is hard to see.
            compression: The compression of a PNG: "fast" (default), "balanced" or "small". For a
                photograph, "small" needs 1 to 11 % fewer bytes than "fast", but 100 times the time.
            max_pending_bytes: The largest total size of snapshots and unwritten records in memory,
                in bytes. A summary that is larger than this is accepted when nothing else is
                pending. Default 256 MiB: a few hundred photographs.
            on_full: The behaviour of a call when ``max_pending_bytes`` are in use. "block" waits,
                so that nothing is lost; use it in a training program. "drop" counts the summary as
                dropped and returns False at once; use it in a service.
            block_timeout: The seconds after which a waiting call drops its summary. Default None:
                no limit. While writing fails, calls do not wait for room.
            workers: The number of threads that encode, at most 6. Default None: one for each
                available processor, at most 4. Four threads encode about 1.5 GB of pixels a second.
            flush_secs: Scalars and other cheap summaries wait in memory for at most this number of
                seconds, and are written together. If the process is killed while they wait, they
                are lost. Default 0.1: in a fast loop, about a hundred scalars share one write. With
                0 and ``spool_dir``, each call waits until its summary is on the local disk.
            fsync: When ``os.fsync`` is called to protect the file from a power failure: "never",
                "flush" (in each ``flush``) or "close" (when a file is finished). Default "never":
                an fsync takes milliseconds, and helps only after a power failure or a system crash.
            on_error: The handling of errors that occur after a call has returned. "raise" (default)
                raises the first in the next ``flush`` or ``close``. "log" only logs and counts all.
            max_file_bytes: The largest size of an event file. A record that does not fit begins a
                new file. Default None: no limit on a disk, and 64 MiB in an object store.
            max_file_secs: The largest age of an event file, in seconds. After this time, the next
                record begins a new file. Default None: no limit.
            keep_files: The largest number of event files, 2 or more. If there are more, the oldest
                are deleted, except files of other programs and files that readers may need: the
                newest two, and files that grew in the last half-hour. Default None: all are kept.
            keep_bytes: The largest size of all event files together. If they are larger, the oldest
                are deleted, with the same exceptions. Default None: all are kept.
            min_free_bytes: If a write would leave fewer free bytes on the disk than this, writing
                pauses, as on a full disk. Default 0: writing pauses only when the disk is full.
            close_timeout: Seconds that ``close`` and the exit of the process wait for pending
                summaries. Default 30: orchestrators wait this long between SIGTERM and SIGKILL.
            upload_secs: Seconds between two uploads to an object store. ``flush`` uploads at once.
            spool_dir: A local directory for records that are not uploaded yet. If the process ends
                before the upload, the next writer of the run uploads them. Default None.
            keep: Rules for the calls that are logged, by patterns of names (``fnmatch``; the first
                match is used): ``{"requests/*": tbimage.Keep(reservoir=10)}``. Default: all.
            font: The font of texts in pictures, for the whole process: a file's path or a Pillow
                font, as in ``tbimage.set_font``. Default None: the current font.
            rank: How the processes of a job share ``logdir``. "separate": each logs to its own run,
                such as ``logdir/rank-0003``. The number is the environment variable RANK,
                SLURM_PROCID, OMPI_COMM_WORLD_RANK or PMI_RANK. An integer: as "separate", with this
                number as the rank. "zero": rank 0 logs to ``logdir``; in other processes, a call
                does nothing and returns False. Default None: only this process uses ``logdir``.

        Raises:
            TypeError: An argument is of the wrong type.
            ValueError: An argument has a value that is not allowed.
            ImportError: The package for the URL is not installed.
            OSError: The directory or the event file cannot be made. But with ``on_error="log"``,
                errors of a full disk or an object store are only logged: the writer tries again.
        """
        given = dict(locals())  # a copy: with a debugger, Python 3.10 adds ``given`` to locals()
        left = {name for name in ("workers", "keep", "spool_dir") if given[name] is None}
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
        self._writes_through = settings.spool_dir is not None and settings.flush_secs == 0
        if ranks.silence(self, logdir, settings.rank):
            return
        # The path is resolved here, because the calls that log must do no I/O.
        self._real = logdir if urls.is_url(logdir) else os.path.realpath(logdir)
        files = partial(make_files, settings, logdir, self._real, sub_run)
        self._pipeline = Pipeline(files, settings)
        self._pipeline.open()
        # The finalizer does not refer to the writer. So when the last reference to the writer is
        # gone, its file is closed at once, and not later by the garbage collector.
        weakref.finalize(self, _drop, self._pipeline).atexit = False
        if not sub_run:
            directories.claim_run(self._real, self._pipeline.files)
        self._notices = Notices(self._pipeline.say)
        self._keeper = Keeper(settings.keep) if settings.keep else None
        self._watches = (StepWatch(), StepWatch())  # one for each lane of the pipeline
        self._kinds = KindWatch()
        self._sub_runs = SubRuns(self._real)
        #: All charts of the Custom Scalars page so far: each summary must have all of them.
        self._charts: Charts = {}
        #: The hyperparameters by run directory, because a forked writer has its own directory.
        self._trials: dict[str, Mapping[str, object]] = {}

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all earlier summaries are in the file. Then a crash of the process loses none.

        Args:
            timeout: Seconds; None: no limit. If a write fails, ``flush`` does not wait for a retry.

        Returns:
            True if all these summaries are in the file. False after ``timeout`` seconds. Also False
            if ``on_error="log"`` and a write failed or a summary was lost.

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
        """Wait as ``flush`` does, without blocking the asyncio event loop.

        Args:
            timeout: As in ``flush``. The result and the errors are also those of ``flush``.

        Example:
            >>> import asyncio, tbimage, tempfile
            >>> asyncio.run(tbimage.SummaryWriter(tempfile.mkdtemp()).aflush())
            True
        """
        return await self._pipeline.aflush(checks.seconds("timeout", timeout, optional=True))

    def close(self, timeout: float | None = None) -> bool:
        """Flush and close the file. Logging after that raises an error; closing again does nothing.

        Args:
            timeout: Seconds after which pending summaries are dropped; None: ``close_timeout``.
                The result and the errors are those of ``flush``.

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
        """Return the numbers of logged, written and lost summaries, and whether writing works.

        Example:
            >>> import tbimage, tempfile
            >>> tbimage.SummaryWriter(tempfile.mkdtemp()).stats().healthy
            True
        """
        return stats_of(self._pipeline)

    @property
    def closed(self) -> bool:
        """Whether the writer was closed."""
        return self._pipeline.closed

    @property
    def logdir(self) -> str:
        """The absolute path or the URL of the run; after a fork or unpickling, of the sub-run."""
        return self._pipeline.files.directory

    @property
    def path(self) -> str | None:
        """The path of the newest event file; None in a forked writer that has logged nothing."""
        return self._pipeline.files.path

    def as_default(self, step: SupportsIndex | None = None) -> AbstractContextManager[None]:
        """Make this writer the default within a block, for this thread or asyncio task.

        Args:
            step: The default step within the block. None: the default step is not changed.

        Raises:
            TypeError: ``step`` is not an integer.
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

    def __exit__(self, kind: object, exception: object, traceback: object) -> None:
        try:
            self.close()
        except Exception:
            if exception is None:
                raise  # otherwise the block's own exception continues; this error is logged

    def __repr__(self) -> str:
        state = " (closed)" if self._pipeline.closed else ""
        return f"<tbimage.{type(self).__name__} of {self.logdir!r}{state}>"

    def __reduce__(self) -> tuple[Callable[..., RunWriter], tuple[object, ...]]:
        return _reopen, (type(self), self._logdir, self._settings)

    # The methods that log use these functions.

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
        """Check name and step, and ask ``record_if`` and ``keep``, before the data is read.

        The last step is stored under ``key``, by default the name. If ``may_repeat`` is True, the
        step need not increase. Return the name, the step, and whether the summary is wanted.
        """
        watch = self._watches[lane]
        last = watch.last.get(key or name) if type(name) is str else None
        if last is None:
            name = checks.name(name)
        key = key or name
        number = defaults.get_step() if step is None else check_step(step)
        allows = defaults.condition.get()
        if allows is not None and not allows(number, name):
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
        """Log a summary: reserve memory, take a snapshot, and put the snapshot in the pipeline.

        ``take`` or ``data.snapshot`` returns the snapshot; without both, it is ``data``. Its size
        is ``cost`` bytes. The commit later calls ``make(snapshot, *rest)`` if the snapshot is small
        or if ``in_commit`` is True; otherwise an encoder does. If ``wall_time`` is None, ``make``
        makes a whole Event. Name, step and time are already checked.
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
            logged = self._pipeline.put((lane, key, step, wall_time, make, (), work))
        finally:
            self._pipeline.let_go()
        if counts_step and logged:
            self._watches[lane].note(name, step)
        if self._writes_through and logged:
            self._pipeline.ask("write", self._settings.close_timeout)
        return logged

    def _log_event(
        self, name: str, step: int, pieces: Sequence[Piece], *, counts_step: bool
    ) -> bool:
        """Log a serialized Event, which has its own step and wall time."""
        cost = sum(map(len, pieces))
        return self._log(name, step, None, list, pieces, cost=cost, counts_step=counts_step)

    def _log_light(
        self,
        make: Callable[..., bytes],
        arguments: tuple[Any, ...],
        step: int | None,
        wall_time: float | None,
    ) -> bool:
        """Log a summary that needs no snapshot and little time to encode, such as a scalar.

        The arguments of ``make`` are immutable, and the first is the name. Everything except the
        wall time is already checked.
        """
        name = arguments[0]
        wall_time = time.time() if wall_time is None else checks.wall_time(wall_time)
        logged = self._pipeline.put_light((MAIN, name, step, wall_time, make, arguments, None))
        last = self._watches[MAIN].last
        if logged and step is not None and step > last.get(name, step):
            last[name] = step
        elif logged:
            self._watches[MAIN].note(name, step)
        if self._writes_through and logged:
            self._pipeline.ask("write", self._settings.close_timeout)
        return logged


# The commit itself encodes smaller data: passing it to an encoder takes longer (docs/design.md).
_SMALL_BYTES = 64 * 1024


def _drop(pipeline: Pipeline) -> None:
    """Close the pipeline of a deleted writer, without waiting."""
    directories.release(pipeline.close_soon())


def _reopen(kind: type[RunWriter], logdir: str, settings: Settings) -> RunWriter:
    writer = kind.__new__(kind)
    writer._start(logdir, settings, sub_run=True)
    return writer
