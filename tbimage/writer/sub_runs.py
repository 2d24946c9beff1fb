"""The event files of a writer: those of its run, and those of the sub-runs of ``scalars``.

The values of one call are one record, with a *package* in place of a Summary. So they share one
step and one place in the order of the calls, even if the caller is interrupted.

Rules:
- The number of descriptors is bounded, for any number of runs.
- A run without values has no directory.
- If one run cannot be written, the other runs of its batch are written.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from itertools import islice

from tbimage.events.batches import Batch
from tbimage.events.descriptors import SharingStorage
from tbimage.events.history import newest_steps
from tbimage.events.records import FOOTER_BYTES, HEADER_BYTES, small_record
from tbimage.events.segments import SegmentOptions, Segments
from tbimage.events.storage import LocalStorage
from tbimage.events.wire import varint
from tbimage.kinds import scalars
from tbimage.writer import directories

#: The most event files of sub-runs that one writer has open: enough for the lines of any chart that
#: a person reads, and an eighth of the smallest usual limit of a process (256, macOS).
MOST_DESCRIPTORS = 32


# An Event's session_log (7) with the status (1) START.
_SESSION_START = b"\x3a\x02\x08\x01"


class RunFiles(Segments):
    """The event files of many runs, which are written to like those of one.

    ``directory`` contains the directories of the runs, and ``options`` are those of each run's
    files. ``say`` takes a line for the log.
    """

    def __init__(
        self,
        directory: str,
        options: SegmentOptions,
        say: Callable[..., None],
    ) -> None:
        self._runs_storage = SharingStorage(MOST_DESCRIPTORS)
        self._runs: dict[str, Segments] = {}
        self._waiting: dict[str, Batch] = {}  # the unwritten records of each run
        self._accepted = 0  # how many of the next batch's records _waiting has
        super().__init__(self._runs_storage, directory, options, say)

    def open(self) -> None:
        """Do nothing: a run begins with its first value."""

    def history(self) -> dict[str, int]:
        """Return the greatest step of each tag in all sub-runs: a call has one step for all."""
        newest: dict[str, int] = {}
        with contextlib.suppress(FileNotFoundError), os.scandir(self.directory) as entries:
            for entry in entries:
                if entry.is_dir():
                    for tag, step in newest_steps(LocalStorage(), entry.path).items():
                        newest[tag] = max(step, newest.get(tag, step))
        return newest

    def append(self, batch: Batch) -> int:
        """Write packages to their runs, and return the number of records.

        It raises an OSError if a run could not be written; the next call writes the missing
        records.
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
        """Unpack the records that are new in this batch."""
        if self._accepted == len(batch.sizes):
            return
        rest = batch.without_first(self._accepted)
        records = b"".join(rest.pieces)
        new: dict[str, list[bytes]] = {}
        at = 0
        for size in rest.sizes:
            if size:
                for run, record in _unpacked(memoryview(records)[at : at + size]):
                    for each in [run] if run else {*new, *self._waiting, *self._known()}:
                        new.setdefault(each, []).append(record)
            at += size
        waiting = dict(self._waiting)
        for run, parts in new.items():
            old = waiting.get(run, Batch())
            sizes = [*old.sizes, *map(len, parts)]
            waiting[run] = Batch([*old.pieces, b"".join(parts)], sizes)
        count = len(batch.sizes)
        self._waiting, self._accepted = waiting, count  # last, because all else may fail

    def _known(self) -> Iterable[str]:
        """Yield the runs of ``scalars``: this writer's, and those that the directory holds."""
        yield from self._runs
        for path, _, _ in islice(os.walk(self.directory), 1, None):
            run = os.path.relpath(path, self.directory)
            with contextlib.suppress(OSError):  # TensorBoard, too, ignores what it cannot read
                tags = newest_steps(LocalStorage(), path)
                if tags and all(scalars.belongs(run, tag) for tag in tags):
                    yield run

    def _write_run(self, run: str) -> None:
        segments = self._runs.get(run)
        if segments is None:
            directory = os.path.join(self.directory, run)
            segments = Segments(self._runs_storage, directory, self._options, self._say)
            self._runs[run] = segments
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


class SubRuns:
    """The names of the sub-runs that a writer writes to."""

    def __init__(self, real: str) -> None:
        self._real = real  # the path of the run directory without links
        self._claimed: dict[str, None] = {}
        self._sources: dict[str, str] = {}  # the name and key of each

    def check(self, sources: Mapping[str, str]) -> None:
        """Raise a ValueError if a key makes the same directory as another key."""
        for run, source in sources.items():
            first = self._sources.setdefault(run, source)
            if first != source:
                raise ValueError(
                    f"the key {source!r} makes the directory {run!r}, which {first!r} has already: "
                    "rename one of them"
                )

    def claim(self, names: Iterable[str], files: Segments) -> None:
        """Register these sub-runs, and warn if another writer writes to one of them."""
        for name in names:
            if name not in self._claimed:
                self._claimed[name] = None
                directories.claim(os.path.join(self._real, name), files)


def _unpacked(record: memoryview) -> Iterable[tuple[str, bytes]]:
    """Yield the run and the record of each value of a package."""
    event = record[HEADER_BYTES : len(record) - FOOTER_BYTES]
    # An Event as wire.small_event makes it: wall time, step, and the package as its summary.
    end = 9 if event[0] == 0x09 else 0
    if event[end] == 0x10:
        end = _after_varint(event, end + 1)
    head = bytes(event[: end + 1])
    for run, summary in scalars.unpack(event[_after_varint(event, end + 1) :]):
        if run:
            yield run, small_record(head + varint(len(summary)) + summary)
        else:
            yield run, small_record(head[:-1] + _SESSION_START) * 2


def _after_varint(data: memoryview, at: int) -> int:
    while data[at] & 0x80:
        at += 1
    return at + 1


def make_files(
    options: SegmentOptions,
    logdir: str,
    real: str,
    is_copy: bool,
    say: Callable[..., None],
    in_child: bool,
) -> tuple[Segments, RunFiles]:
    """Make the files of a writer; those of a copy or a forked child are in a sub-run."""
    main = Segments(LocalStorage(), logdir, options, say)
    if is_copy or in_child:
        main.directory = os.path.join(logdir, directories.claim_sub_run(real, main))
    return main, RunFiles(main.directory, options, say)
