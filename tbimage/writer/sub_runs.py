"""The event files of a writer: those of its run, and those of the sub-runs of ``scalars``.

In the pipeline, the values of one call of ``scalars`` are one record. Instead of a Summary, this
record has a *package*: the Summaries of all sub-runs of the call. So the values share one step and
one place in the order of the calls, even if the caller is interrupted.

Rules:
- The number of file descriptors is limited, for any number of runs.
- A run without values has no directory.
- If one run cannot be written, the other runs of the same batch are still written.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping

from tbimage.events.batches import Batch, concatenate
from tbimage.events.descriptors import SharingStorage
from tbimage.events.event_files import EventFiles, SegmentOptions
from tbimage.events.history import described, newest_steps
from tbimage.events.records import FOOTER_BYTES, HEADER_BYTES, small_record
from tbimage.events.segments import PATIENCE_SECS, Segments, UnwritableError
from tbimage.events.storage import LocalStorage, Storage, is_shortage, urls
from tbimage.events.wire import varint
from tbimage.kinds import scalars
from tbimage.writer import directories
from tbimage.writer.settings import Settings

#: The largest number of open event files for the sub-runs of one writer. Each sub-run is one line
#: of a chart, and a chart with more lines is hard to read. The limit of a process is 256 open files
#: by default on macOS, and more on other usual systems.
MOST_DESCRIPTORS = 32


# The field session_log (7) of an Event. In it, the field status (1) has the value START (1).
_SESSION_START = b"\x3a\x02\x08\x01"


class RunFiles(EventFiles):
    """The event files of many runs, with the interface of the files of one run.

    The directory ``directory`` in ``storage`` contains the directories of the runs. ``options``
    apply to the files of each run. ``say`` logs a line. ``begin`` makes the ``EventFiles`` of a
    directory.
    """

    def __init__(
        self,
        storage: Storage,
        directory: str,
        options: SegmentOptions,
        say: Callable[..., None],
        begin: Callable[[str], EventFiles],
    ) -> None:
        self._begin = begin
        self._runs: dict[str, EventFiles] = {}
        self._waiting: dict[str, Batch] = {}  # the unwritten records of each run
        self._accepted = 0  # how many records of the next batch are already in _waiting
        # The calls with a value that can never be written, by the start of their Events.
        self._unwritable: dict[bytes, UnwritableError] = {}
        super().__init__(storage, directory, options, say)

    def open(self) -> None:
        """Do nothing: the files of a run are made when its first value comes."""

    def history(self) -> dict[str, int]:
        """Return each tag's greatest step over all sub-runs, which get the same step in a call."""
        newest: dict[str, int] = {}
        for run in self._storage.directories(self.directory):
            if "/" not in run and os.sep not in run:
                directory = self._storage.join(self.directory, run)
                found = newest_steps(self._storage, directory, self._leave_out)
                for tag, step in found.items():
                    newest[tag] = max(step, newest.get(tag, step))
        return newest

    def append(self, batch: Batch) -> int:
        """Write packages to their runs, and return the number of records.

        If a run could not be written, an OSError is raised. The next call writes the missing
        records. If a record can never be written, the other records are written, and then an
        UnwritableError is raised: one package of the batch is lost.
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
        while self._unwritable:
            unwritable = self._unwritable.pop(next(iter(self._unwritable)))
            if self._accepted:  # the caller leaves out one package, and passes the others again
                self._accepted -= 1
                raise unwritable
        done, self._accepted = self._accepted, 0
        return done

    def _accept(self, batch: Batch) -> None:
        """Unpack the records of this batch that are not yet in ``_waiting``."""
        if self._accepted == len(batch.sizes):
            return
        waiting = dict(self._waiting)
        for run, new in self._unpack(batch.without_first(self._accepted)).items():
            waiting[run] = concatenate([waiting.get(run, Batch()), new])
        count = len(batch.sizes)
        self._waiting, self._accepted = waiting, count  # last, because the lines above may fail

    def _unpack(self, batch: Batch) -> dict[str, Batch]:
        """Return the records of each run."""
        records = b"".join(batch.pieces)
        new: dict[str, list[bytes]] = {}
        at = 0
        for size in batch.sizes:
            if size:
                for run, record in _unpacked(memoryview(records)[at : at + size]):
                    for each in [run] if run else {*new, *self._waiting, *self._known()}:
                        new.setdefault(each, []).append(record)
            at += size
        return {run: Batch([b"".join(parts)], [*map(len, parts)]) for run, parts in new.items()}

    def parts(self, batch: Batch) -> Mapping[str, Batch]:
        """Return the records of each run, by its directory."""
        return {self._files_of(run).directory: new for run, new in self._unpack(batch).items()}

    def files_in(self, directory: str) -> EventFiles:
        """Return the files of a run, by its directory."""
        return self._runs[directory[len(self.directory) :].lstrip("/")]

    def _known(self) -> Iterable[str]:
        """Yield the runs of ``scalars``: those of this writer, and those in the directory."""
        yield from self._runs
        for run in self._storage.directories(self.directory):
            try:
                tags = newest_steps(self._storage, self._storage.join(self.directory, run))
            except OSError as error:
                if is_shortage(error):
                    raise  # the next commit tries again
                continue  # TensorBoard also ignores what cannot be read
            if tags and all(scalars.belongs(run, tag) for tag in tags):
                yield run

    def _files_of(self, run: str) -> EventFiles:
        if run not in self._runs:
            self._runs[run] = self._begin(self._storage.join(self.directory, run))
        return self._runs[run]

    def _write_run(self, run: str) -> None:
        segments = self._files_of(run)
        while (waiting := self._waiting[run]).sizes:
            with self._counting(segments):
                try:
                    done = segments.append(waiting)
                except UnwritableError as error:
                    done = 1
                    self._note_unwritable(b"".join(waiting.first(1).pieces), error)
            while True:
                try:
                    self._waiting[run] = waiting.without_first(done)
                    break
                except MemoryError:  # try again: otherwise these records would be written twice
                    time.sleep(PATIENCE_SECS)
        del self._waiting[run]

    def _note_unwritable(self, record: bytes, error: UnwritableError) -> None:
        event = memoryview(record)[HEADER_BYTES:]
        error.strerror = f"{described(record, 'a value')}: {error.strerror}"
        self._unwritable[bytes(event[: _start_of_summary(event)])] = error

    def sync(self) -> None:
        """As ``EventFiles.sync``, for all runs."""
        self._each(lambda files: files.sync())

    def sync_at_end(self) -> None:
        """As ``EventFiles.sync_at_end``, for all runs."""
        self._each(lambda files: files.sync_at_end())

    @property
    def syncs_on_flush(self) -> bool:
        """Whether a flush must wait for ``sync``."""
        return self._options.fsync == "flush"

    def seal(self) -> None:
        """As ``EventFiles.seal``, for all runs."""
        self._waiting.clear()
        self._accepted = 0
        self._each(lambda files: files.seal())

    def forget(self) -> None:
        """As ``EventFiles.forget``, for all runs."""
        self._each(lambda files: files.forget())

    def _each(self, function: Callable[[EventFiles], None]) -> None:
        failure: OSError | None = None
        for segments in list(self._runs.values()):
            try:
                function(segments)
            except OSError as error:
                failure = failure or error
        if failure is not None:
            raise failure


class SubRuns:
    """The names of the sub-runs of a writer."""

    def __init__(self, real: str) -> None:
        self._real = real  # the path of the run directory, without symbolic links
        self._claimed: dict[str, None] = {}
        self._sources: dict[str, str] = {}  # by sub-run: the tag and key of its values

    def check(self, sources: Mapping[str, str]) -> None:
        """Raise a ValueError if two keys have the same directory."""
        for run, source in sources.items():
            first = self._sources.setdefault(run, source)
            if first != source:
                raise ValueError(
                    f"the key {source!r} needs the directory {run!r}, which the key {first!r} "
                    "already has: rename one of the keys"
                )

    def claim(self, names: Iterable[str], files: EventFiles) -> None:
        """Register these sub-runs, and warn if another writer writes to one of them."""
        for name in names:
            if name not in self._claimed:
                self._claimed[name] = None
                directories.claim(urls.join(self._real, name), files)


def _unpacked(record: memoryview) -> Iterable[tuple[str, bytes]]:
    """Yield the run (empty: all runs) and the record of each value of a package."""
    event = record[HEADER_BYTES : len(record) - FOOTER_BYTES]
    # wire.small_event has made the Event: wall time, step, and the package as its summary.
    end = _start_of_summary(event)
    head = bytes(event[: end + 1])
    for run, summary in scalars.unpack(event[_after_varint(event, end + 1) :]):
        if run:
            yield run, small_record(head + varint(len(summary)) + summary)
        else:
            yield run, small_record(head[:-1] + _SESSION_START) * 2


def _start_of_summary(event: memoryview) -> int:
    end = 9 if event[0] == 0x09 else 0
    return _after_varint(event, end + 1) if event[end] == 0x10 else end


def _after_varint(data: memoryview, at: int) -> int:
    while data[at] & 0x80:
        at += 1
    return at + 1


_Maker = Callable[[str], EventFiles]


def make_files(
    settings: Settings,
    logdir: str,
    real: str,
    is_copy: bool,
    say: Callable[..., None],
    in_child: bool,
) -> tuple[EventFiles, EventFiles]:
    """Make the files of a writer; those of a copy or a forked child are in a sub-run."""
    make, make_sharing, storage = _makers(settings, logdir, say)
    main = files = make(logdir)
    runs: EventFiles = RunFiles(storage, logdir, settings, say, make_sharing)
    runs.commit_secs = main.commit_secs
    of_runs = runs
    if settings.spool_dir is not None and urls.is_url(logdir):
        from tbimage.events.spool import Spool
        from tbimage.events.spooled_files import SpooledFiles

        place, secs = os.fspath(settings.spool_dir), settings.upload_secs
        main = spooled = SpooledFiles(files, Spool(place, logdir, say), make, secs)
        runs = SpooledFiles(of_runs, Spool(place, logdir, say), None, secs, spooled)
    if is_copy or in_child:
        directory = urls.join(logdir, directories.claim_sub_run(real, main))
        for each in (files, of_runs, main, runs):
            each.directory = directory
    return main, runs


def _makers(
    settings: Settings, logdir: str, say: Callable[..., None]
) -> tuple[_Maker, _Maker, Storage]:
    """Return functions that make the files of a run and of a sub-run, and the storage."""
    if urls.is_url(logdir):
        from tbimage.events.object_segments import ObjectSegments
        from tbimage.events.storage.stores import objects_of

        objects = objects_of(logdir)

        def make(directory: str) -> EventFiles:
            return ObjectSegments(objects, directory, settings, say, settings.upload_secs)

        return make, make, objects
    sharing = SharingStorage(MOST_DESCRIPTORS)
    return (
        lambda directory: Segments(LocalStorage(), directory, settings, say),
        lambda directory: Segments(sharing, directory, settings, say),
        LocalStorage(),
    )
