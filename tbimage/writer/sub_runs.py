"""Runs below a writer's own, all on one pipeline: what ``scalars`` writes to.

What lives here: which of them a record belongs to, and their event files. What does not: how a
summary gets to a file (``pipeline.py``), what an event file is (``events/segments.py``), and which
values go where (``kinds/scalars.py``).

Strategy. The values of one call travel as one record, a *package* in place of a Summary, so that
they have one step and one place in the order of calls, whatever interrupts a caller. The committer
of this pipeline hands records to ``RunFiles``, which looks like the event files of one run and
takes the packages apart.

Rules:
- A thousand runs have one queue, at most one thread and a bounded number of descriptors.
- Nothing of this is made before it is needed: a pipeline that was never used has no thread, and a
  run that has no value has no directory.
- A run that cannot be written does not keep the others of its batch from being written.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import fields
from functools import partial
from typing import Any

from tbimage.events.batches import Batch
from tbimage.events.descriptors import SharingStorage
from tbimage.events.history import newest_steps
from tbimage.events.records import FOOTER_BYTES, HEADER_BYTES, small_record
from tbimage.events.segments import SegmentOptions, Segments
from tbimage.events.storage import LocalStorage
from tbimage.events.wire import varint
from tbimage.kinds import scalars
from tbimage.pipeline import Pipeline, PipelineOptions
from tbimage.pipeline.lifecycle import fork_safe_lock
from tbimage.pipeline.queue import IntakeOptions
from tbimage.pipeline.stats import Stats
from tbimage.writer import directories
from tbimage.writer.settings import Settings
from tbimage.writer.steps import Steps

__all__ = ["MOST_DESCRIPTORS", "RunFiles", "SubRuns", "sum_of_stats"]

#: The most event files of sub-runs that one writer has open: enough for the lines of any chart that
#: a person reads, and an eighth of the smallest usual limit of a process (256, macOS).
MOST_DESCRIPTORS = 32

# What a pending value is counted for, in bytes: its number, its run's name and its place in a list;
# and a call, as in run_writer.py.
_VALUE_BYTES = 160
_CALL_BYTES = 640


class RunFiles(Segments):
    """The event files of many runs, written to as if they were those of one.

    Args:
        where: Returns the directory that the runs' directories are in.
        options: Of each run's files.
    """

    def __init__(self, where: Callable[[], str], options: SegmentOptions) -> None:
        self._runs_storage = SharingStorage(MOST_DESCRIPTORS)
        self._where = where
        self._runs: dict[str, Segments] = {}
        self._waiting: dict[str, Batch] = {}  # what could not be written, by run
        self._accepted = 0  # so many records at the head of the next batch are in _waiting already
        super().__init__(self._runs_storage, "", options)

    @property
    def directory(self) -> str:
        """Where the runs are."""
        return self._where()

    @directory.setter
    def directory(self, directory: str) -> None:
        pass  # decided by the writer, which moves after a fork

    def open(self) -> None:
        """Do nothing: a run begins with its first value."""

    def append(self, batch: Batch) -> int:
        """Write packages to the runs that they are for.

        Args:
            batch: As in ``Segments.append``.

        Returns:
            The number of records.

        Raises:
            OSError: Some run could not be written; what is missing follows with the next call.
        """
        self._accept(batch)
        failure: OSError | None = None
        for run in list(self._waiting):
            try:
                self._write_run(run)
            except OSError as error:
                failure = failure or error
        if failure is not None:
            raise failure
        done, self._accepted = self._accepted, 0
        return done

    def _accept(self, batch: Batch) -> None:
        """Take the records apart that are new in this batch."""
        if self._accepted == len(batch.sizes):
            return
        rest = batch.without_first(self._accepted)
        records = b"".join(rest.pieces)
        new: dict[str, list[bytes]] = {}
        at = 0
        for size in rest.sizes:
            if size:
                for run, record in _unpacked(memoryview(records)[at : at + size]):
                    new.setdefault(run, []).append(record)
            at += size
        waiting = dict(self._waiting)
        for run, parts in new.items():
            old = waiting.get(run, Batch())
            sizes = [*old.sizes, *map(len, parts)]
            waiting[run] = Batch([*old.pieces, b"".join(parts)], sizes)
        count = len(batch.sizes)
        self._waiting, self._accepted = waiting, count  # nothing can come in between

    def _write_run(self, run: str) -> None:
        segments = self._runs.get(run)
        if segments is None:
            directory = os.path.join(self.directory, run)
            segments = self._runs[run] = Segments(self._runs_storage, directory, self._options)
        while (waiting := self._waiting[run]).sizes:
            written = segments.bytes_written, segments.count, segments.displaced
            try:
                self._waiting[run] = waiting.without_first(segments.append(waiting))
            finally:
                self.bytes_written += segments.bytes_written - written[0]
                self.count += segments.count - written[1]
                self.displaced += segments.displaced - written[2]
                self.path = segments.path
        del self._waiting[run]

    def sync(self) -> None:
        """As ``Segments.sync``, for all runs."""
        self._each(Segments.sync)

    def sync_at_end(self) -> None:
        """As ``Segments.sync_at_end``, for all runs."""
        self._each(Segments.sync_at_end)

    def seal(self) -> None:
        """As ``Segments.seal``, for all runs."""
        self._waiting.clear()
        self._accepted = 0
        self._each(Segments.seal)

    def forget(self) -> None:
        """As ``Segments.forget``, for all runs."""
        self._each(Segments.forget)

    def _each(self, function: Callable[[Segments], None]) -> None:
        failure: OSError | None = None
        for segments in list(self._runs.values()):
            try:
                function(segments)
            except OSError as error:
                failure = failure or error
        if failure is not None:
            raise failure


def _unpacked(record: memoryview) -> Iterable[tuple[str, bytes]]:
    """Give the record of each value of a package, and the run that it is for."""
    event = record[HEADER_BYTES : len(record) - FOOTER_BYTES]
    # An Event as wire.small_event makes it: wall time, step, and the package as its summary.
    end = 9 if event[0] == 0x09 else 0
    if event[end] == 0x10:
        end = _after_varint(event, end + 1)
    head = bytes(event[: end + 1])
    for run, summary in scalars.unpack(event[_after_varint(event, end + 1) :]):
        yield run, small_record(head + varint(len(summary)) + summary)


def _after_varint(data: memoryview, at: int) -> int:
    while data[at] & 0x80:
        at += 1
    return at + 1


class SubRuns:
    """What a writer has for the runs below its own.

    Args:
        settings: The writer's.
        where: Returns the directory that the runs' directories are in.

    Attributes:
        pipeline: The one of all these runs.
        steps: Those of their names; one call has one step for all runs.
    """

    def __init__(self, settings: Settings, where: Callable[[], str]) -> None:
        self._where = where
        self._claimed: dict[str, set[str]] = {}  # names of runs, by where they are
        self._lock = fork_safe_lock()
        self.steps = Steps(self._read_history)
        names = SegmentOptions.__dataclass_fields__
        options = SegmentOptions(**{name: getattr(settings, name) for name in names})
        files = partial(RunFiles, where, options)
        self.pipeline = Pipeline(files(), _pipeline_options(settings), files)

    def log(
        self,
        name: str,
        values: dict[str, float],
        step: int | None,
        wall_time: float,
        description: str | None,
    ) -> bool:
        """Log one value to each of several runs.

        Args:
            name: The tag.
            values: The numbers, by the names of the runs' directories.
            step: Checked, or None for an automatic one.
            wall_time: Checked.
            description: Checked.

        Returns:
            Whether there was room.

        Raises:
            OSError: A run's directory cannot be made.
            RuntimeError: The writer is closed.
        """
        self._prepare(values.keys())
        return self.pipeline.intake.put_light(
            scalars.pack,
            (name, tuple(values.items()), description),
            self.steps.take,
            step,
            wall_time,
            _CALL_BYTES + _VALUE_BYTES * len(values),
        )

    def _prepare(self, names: Set[str]) -> None:
        """Make the runs' directories, in the caller, who should know if that fails."""
        base = self._where()
        new = names - self._claimed.get(base, frozenset())
        if not new or self.pipeline.closed:
            return
        for name in new:
            os.makedirs(os.path.join(base, name), exist_ok=True)
        with self._lock:
            claimed = self._claimed.setdefault(base, set())
            new = new - claimed
            claimed |= new
        for name in new:
            directories.claim(os.path.join(base, name), self.pipeline.segments)

    def release(self) -> None:
        """Note that these runs are not written to any more."""
        with self._lock:
            claimed, self._claimed = self._claimed, {}
        for base, names in claimed.items():
            for name in names:
                directories.release(os.path.join(base, name), self.pipeline.segments)

    def _read_history(self) -> dict[str, int]:
        """Find the greatest step of each tag in all runs below: a call has one step for all."""
        newest: dict[str, int] = {}
        with contextlib.suppress(FileNotFoundError), os.scandir(self._where()) as entries:
            for entry in entries:
                if entry.is_dir():
                    for tag, step in newest_steps(LocalStorage(), entry.path).items():
                        newest[tag] = max(step, newest.get(tag, step))
        return newest


def _pipeline_options(settings: Settings) -> PipelineOptions:
    names = IntakeOptions.__dataclass_fields__
    return PipelineOptions(
        intake=IntakeOptions(**{name: getattr(settings, name) for name in names}),
        workers=1,
        on_error=settings.on_error,
        close_timeout=settings.close_timeout,
    )


def sum_of_stats(first: Stats, second: Stats) -> Stats:
    """Add up the counters of two pipelines.

    Args:
        first: Those of one, whose latest error is named if both have one.
        second: Those of the other.

    Example:
        >>> import tbimage, tempfile
        >>> stats = tbimage.SummaryWriter(tempfile.mkdtemp()).stats()
        >>> sum_of_stats(stats, stats).segments == 2 * stats.segments
        True
    """
    sums: dict[str, Any] = {}
    for field in fields(Stats):
        one, other = getattr(first, field.name), getattr(second, field.name)
        if isinstance(one, bool):  # healthy
            sums[field.name] = one and other
        elif isinstance(one, Mapping):
            sums[field.name] = {cause: one[cause] + other[cause] for cause in one}
        elif isinstance(one, (int, float)):
            sums[field.name] = one + other
        else:  # last_error
            sums[field.name] = one or other
    return Stats(**sums)
