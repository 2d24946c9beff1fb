"""Copy one run to one event file. A copy that is up to date is not made again.

Rules:
- In the target, the directory of a run has one event file and ``compacted.json``. The JSON file has
  the rules, and the size and the version of each source file (if local, its modification time).
- The event file is first written under a temporary name. So each event file in the target is
  complete. If a task is stopped, the next call copies the run from the beginning.
- If a run has grown, the name of its new copy comes after the name of the old copy in alphabetical
  order. The old copy is deleted when the new copy is complete. So TensorBoard's data server
  continues with the new copy.
- The same run and the same rules always give the same bytes. So two tasks may copy the same run at
  the same time.
- The memory that a copy needs depends on the number of tags and on the largest value. It does not
  depend on the number of values, with one exception: ``keep_images`` needs 8 bytes for each picture
  or sound.
"""

from __future__ import annotations

import fnmatch
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, BinaryIO

from tbimage.events.names import is_event_file, is_own_name, next_name
from tbimage.events.records import frame
from tbimage.events.storage import urls
from tbimage.events.wire import file_version_event
from tbimage.reading.damage import Damage
from tbimage.reading.repair import whole_records
from tbimage.reading.targets import (
    SourceFile,
    local_files,
    names_in,
    read_text,
    remove,
    whole_file,
    write_text,
)
from tbimage.reading.thinning import Series

if TYPE_CHECKING:
    from tbimage.events.messages import Event, Summary, SummaryMetadata

__all__ = ["Compaction", "Rules", "RunTask", "compact_run", "tags_of"]

#: This file in the directory of each copy has the rules and the versions of the source files.
RECORD = "compacted.json"
# This number is increased when a new version of tbimage makes a different file from the same run
# and rules.
_FORMAT = 1
# This replaces the name of the host in the file names of copies.
_HOST, _SUFFIX = "compacted", ""


@dataclass(frozen=True)
class Rules:
    """Which values of a run are kept, and their new names. ``compact`` documents the fields."""

    keep_images: int | None
    every: int
    rename: tuple[tuple[str, str], ...]
    drop: tuple[str, ...]

    def drops(self, tag: str) -> bool:
        """Tell whether a tag is left out."""
        return any(fnmatch.fnmatchcase(tag, pattern) for pattern in self.drop)

    def new_name(self, tag: str) -> str:
        """Return the new name of a tag."""
        for old, new in self.rename:
            if tag == old:
                return new
        for old, new in self.rename:
            if old.endswith("/") and tag.startswith(old):
                return new + tag[len(old) :]
        return tag


@dataclass(frozen=True)
class RunTask:
    """A run to copy.

    Attributes:
        name: The name of the run.
        files: The event files of the run with their versions, in the order in which TensorBoard
            reads the files.
        directory: The path or the URL of the directory of the copy.
        rules: Which values are kept.
    """

    name: str
    files: tuple[SourceFile, ...]
    directory: str
    rules: Rules


@dataclass
class Compaction:
    """The results of ``compact``.

    Attributes:
        runs: How many runs were written.
        unchanged: How many runs were not written, because their copies are up to date.
        values: How many values were kept in the runs that were written.
        left_out: How many values were left out: a restart replaced them, ``every`` or
            ``keep_images`` did not keep them, or ``drop`` matches their tags.
        lost: The parts of files that could not be read.
    """

    runs: int = 0
    unchanged: int = 0
    values: int = 0
    left_out: int = 0
    lost: list[Damage] = field(default_factory=list)

    def add(self, other: Compaction) -> None:
        """Add the results of another task."""
        self.runs += other.runs
        self.unchanged += other.unchanged
        self.values += other.values
        self.left_out += other.left_out
        self.lost += other.lost


def compact_run(task: RunTask) -> Compaction:
    """Copy a run, unless its copy is up to date."""
    made_from = {
        "format": _FORMAT,
        "rules": asdict(task.rules),
        "files": {os.path.basename(path): version for path, version in task.files},
    }
    existing = names_in(task.directory)
    record = urls.join(task.directory, RECORD)
    known = read_text(record) if RECORD in existing else None
    copy = _up_to_date_copy(known, made_from)
    if copy is not None and copy in existing:
        _remove_copies(task.directory, existing, copy)  # a stopped task may have left copies
        return Compaction(unchanged=1)
    done = Compaction(runs=1)
    # The copy gets the start time of the run, because TensorBoard sorts runs by start time.
    now = _first_wall_time(task.files[0][0])
    name = next_name(filter(is_event_file, existing), now, _HOST, 0, _SUFFIX)
    with local_files([path for path, _ in task.files], done.lost) as files:
        series = _first_pass(task.rules, files)
        with whole_file(urls.join(task.directory, name)) as file:
            file.writelines(frame([file_version_event(now, "tbimage")]))
            _second_pass(task.rules, files, series, file, done)
    if all(damage.kind != "unreadable" for damage in done.lost):
        write_text(record, json.dumps({"file": name, **made_from}))
    _remove_copies(task.directory, existing, name)
    return done


def _up_to_date_copy(record: str | None, made_from: dict[str, Any]) -> str | None:
    """Return the name of the copy if its rules and source files have not changed, else None."""
    try:
        name = json.loads(record or "{}")["file"]
        is_same = json.loads(record or "{}") == json.loads(json.dumps({"file": name, **made_from}))
    except (ValueError, KeyError):
        return None
    return name if is_same else None


def _remove_copies(directory: str, existing: Iterable[str], current: str) -> None:
    """Delete the copies that the current copy replaces."""
    for name in existing:
        if name != current and f".{_HOST}.0." in name and is_own_name(name, _SUFFIX):
            remove(urls.join(directory, name))


def tags_of(task: RunTask) -> tuple[RunTask, list[str]]:
    """Return the task, and the tags of its run."""
    with local_files([path for path, _ in task.files], []) as files:
        events = (event for _, event in _records(files, []))
        return task, list({value.tag: None for event in events for value in event.summary.value})


def _first_pass(rules: Rules, files: Mapping[str, str]) -> dict[str, Series]:
    """Read the steps of each tag that is not dropped."""
    series: dict[str, Series] = {}
    for _, event in _records(files, []):
        for value in event.summary.value:
            of_tag = series.get(value.tag)
            if of_tag is None:
                if rules.drops(value.tag):
                    continue
                keep = rules.keep_images if _is_media(value) else None
                of_tag = series[value.tag] = Series(rules.every, keep)
            of_tag.add(event.step)
    return series


def _is_media(value: Summary.Value) -> bool:
    """Tell from the first value of a tag whether the tag has pictures or sounds."""
    plugin = value.metadata.plugin_data.plugin_name
    return value.WhichOneof("value") in ("image", "audio") or plugin in ("images", "audio")


def _second_pass(
    rules: Rules,
    files: Mapping[str, str],
    series: Mapping[str, Series],
    file: BinaryIO,
    done: Compaction,
) -> None:
    """Write the values that are kept."""
    metadata: dict[str, SummaryMetadata] = {}
    described: set[str] = set()

    def keeps(value: Summary.Value, step: int) -> bool:
        if value.HasField("metadata") and value.tag not in metadata:
            metadata[value.tag] = value.metadata
        of_tag = series.get(value.tag)
        return of_tag is not None and of_tag.keeps(step)

    for payload, event in _records(files, done.lost):
        if event.HasField("summary"):
            count = len(event.summary.value)
            values = [value for value in event.summary.value if keeps(value, event.step)]
            done.values += len(values)
            done.left_out += count - len(values)
            if not values:
                continue
            changed = bool(rules.rename) or len(values) < count
            for value in values:  # the first value of a tag must have the tag's metadata
                if value.tag not in described:
                    described.add(value.tag)
                    if value.tag in metadata and not value.HasField("metadata"):
                        value.metadata.CopyFrom(metadata[value.tag])
                        changed = True
                value.tag = rules.new_name(value.tag)
            if changed:
                copies = list(values)
                event.summary.ClearField("value")
                event.summary.value.extend(copies)
                payload = event.SerializeToString()
        elif event.WhichOneof("what") in (None, "file_version", "session_log"):
            continue
        file.writelines(frame([payload]))


def _records(
    files: Mapping[str, str], lost: list[Damage]
) -> Iterator[tuple[bytes | memoryview, Event]]:
    """Yield payload and Event of each undamaged record of a run."""
    for path, name in files.items():
        try:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as error:
            lost.append(Damage(name, 0, 0, "unreadable", error.strerror or str(error)))
            continue
        found: list[Damage] = []
        try:
            for _, payload, event in whole_records(path, descriptor, found):
                yield payload, event
        finally:
            os.close(descriptor)
        lost += [replace(each, path=name) for each in found]


def _first_wall_time(path: str) -> float:
    """Return the time in the name of a file, or 0.0 if the name has no time."""
    part = os.path.basename(path).partition("tfevents.")[2].partition(".")[0]
    return float(part) if part.isdigit() and len(part) == 10 else 0.0
