"""Copy runs to one event file each: without what TensorBoard no longer shows, thinned, renamed."""

from __future__ import annotations

import fnmatch
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tbimage.events.names import host_name, next_name
from tbimage.events.records import frame
from tbimage.events.wire import file_version_event
from tbimage.reading.damage import Damage
from tbimage.reading.logs import Logs, read
from tbimage.reading.repair import new_file, whole_records
from tbimage.reading.runs import Run, not_replaced

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tbimage.events.messages import Event, Summary

__all__ = ["Compaction", "compact", "renamer"]


@dataclass
class Compaction:
    """What ``compact`` did.

    Attributes:
        runs: How many runs were written.
        values: How many values were kept.
        left_out: How many were not: replaced by a restart, thinned out, or dropped.
        lost: What could not be read.
    """

    runs: int = 0
    values: int = 0
    left_out: int = 0
    lost: list[Damage] = field(default_factory=list)


def compact(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    runs: str = "*",
    keep_images: int | None = None,
    every: int = 1,
    rename: Mapping[str, str] | None = None,
    drop: Sequence[str] = (),
    progress: Callable[[Sequence[Run]], Iterable[Run]] = iter,
) -> Compaction:
    """Copy the runs of a log directory, each to one event file that both loaders read.

    Values that TensorBoard no longer shows, since a restart logged their steps again, are left out.

    Args:
        source: The log directory, which is not changed.
        target: The new one. It must be missing or empty, and not within ``source``.
        runs: Which runs are copied, as a shell pattern.
        keep_images: How many pictures and sounds of each tag are kept, evenly spread over its
            steps, with the first and the last. None: all.
        every: 10 keeps the first of each 10 values of a tag, and the last one.
        rename: New names by old ones. A name that ends with ``/`` stands for all tags below it.
        drop: Tags to leave out, as shell patterns.
        progress: Goes through the runs and may tell how far it is.

    Raises:
        ValueError: An argument is out of range, two tags would get one name, no run matches, or
            the target is not empty.
        OSError: A file cannot be read or written.

    Example:
        >>> import tbimage
        >>> with tbimage.SummaryWriter("runs") as writer:
        ...     for step in range(100):
        ...         _ = writer.scalar("loss", 0.5, step)
        >>> compact("runs", "small", every=50, rename={"loss": "train/loss"}).values
        3
        >>> tbimage.read("small")["."].scalars("train/loss").steps.tolist()
        [0, 50, 99]
    """
    for name, number in (("keep_images", keep_images), ("every", every)):
        if number is not None and number < 1:
            raise ValueError(f"{name} must be at least 1, got {number}")
    logs = read(source)
    chosen = [run for name, run in logs.items() if fnmatch.fnmatchcase(name, runs)]
    if not chosen:
        raise ValueError(f"runs: no run of {logs.path} matches {runs!r}; it has {logs.runs[:5]}")
    rename_tag = renamer(rename or {})
    for run in chosen:
        _check_names(run, rename_tag, drop)
    directory = _check_target(logs, os.fspath(target))
    done = Compaction(lost=[each for each in logs.damage if each.kind == "unreadable"])
    for run in progress(chosen):
        kept = _choose(run, keep_images, every, drop)
        _write(run, os.path.join(directory, *run.name.split("/")), kept, rename_tag, done)
    return done


def renamer(rename: Mapping[str, str]) -> Callable[[str], str]:
    """Return a function that gives a tag its new name."""
    prefixes = {old: new for old, new in rename.items() if old.endswith("/")}

    def new_name(tag: str) -> str:
        if tag in rename:
            return rename[tag]
        for old, new in prefixes.items():
            if tag.startswith(old):
                return new + tag[len(old) :]
        return tag

    return new_name


def _check_names(run: Run, rename_tag: Callable[[str], str], drop: Sequence[str]) -> None:
    old: dict[str, str] = {}
    for tag in run.tags:
        if _is_dropped(tag, drop):
            continue
        other = old.setdefault(rename_tag(tag), tag)
        if other != tag:
            raise ValueError(
                f"rename: the tags {other!r} and {tag!r} of run {run.name!r} would both become "
                f"{rename_tag(tag)!r}"
            )


def _is_dropped(tag: str, drop: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(tag, pattern) for pattern in drop)


def _check_target(logs: Logs, target: str) -> str:
    inner, outer = os.path.realpath(target), os.path.realpath(logs.path)
    if os.path.commonpath([inner, outer]) == outer:
        raise ValueError(f"target must not be within {logs.path}, got {target!r}")
    os.makedirs(target, exist_ok=True)
    if os.listdir(target):
        raise ValueError(f"target must be missing or empty, got {target!r}")
    return target


def _choose(
    run: Run, keep_images: int | None, every: int, drop: Sequence[str]
) -> dict[str, NDArray[np.bool_]]:
    """Tell of the values of each tag, in the order of the files, which ones are kept."""
    steps: dict[str, list[int]] = defaultdict(list)
    pictures: set[str] = {
        tag for tag, about in run.tags.items() if about.kind in ("image", "audio")
    }
    for path in run.files:
        for event in _events(path, []):
            for value in event.summary.value:
                steps[value.tag].append(event.step)
    chosen = {}
    for tag, of_tag in steps.items():
        kept = np.zeros(len(of_tag), bool)
        if not _is_dropped(tag, drop):
            shown = np.flatnonzero(not_replaced(np.array(of_tag, np.int64)))
            thinned = np.union1d(shown[::every], shown[-1:])
            if tag in pictures and keep_images is not None and keep_images < len(thinned):
                thinned = thinned[np.linspace(len(thinned) - 1, 0, keep_images).round().astype(int)]
            kept[thinned] = True
        chosen[tag] = kept
    return chosen


def _events(path: str, lost: list[Damage]) -> Iterable[Event]:
    from tbimage.events.messages import Event

    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        for _, payload in whole_records(path, descriptor, lost):
            yield Event.FromString(bytes(payload))
    finally:
        os.close(descriptor)


def _write(
    run: Run,
    directory: str,
    kept: Mapping[str, NDArray[np.bool_]],
    rename_tag: Callable[[str], str],
    done: Compaction,
) -> None:
    seen: Counter[str] = Counter()
    metadata: dict[str, Any] = {}
    described: set[str] = set()

    def keeps(value: Summary.Value) -> bool:
        if value.HasField("metadata") and value.tag not in metadata:
            metadata[value.tag] = value.metadata
        number = seen[value.tag]
        seen[value.tag] += 1
        chosen = kept.get(value.tag, ())
        return number < len(chosen) and bool(chosen[number])  # the file may have grown meanwhile

    os.makedirs(directory, exist_ok=True)
    now = _first_wall_time(run)
    name = next_name([], now, host_name(), os.getpid(), "")
    with new_file(os.path.join(directory, name)) as file:
        file.writelines(frame([file_version_event(now, "tbimage")]))
        for path in run.files:
            for event in _events(path, done.lost):
                if event.HasField("summary"):
                    values = [value for value in event.summary.value if keeps(value)]
                    done.values += len(values)
                    done.left_out += len(event.summary.value) - len(values)
                    if not values:
                        continue
                    for value in values:  # the first one of a tag has its metadata
                        if value.tag in metadata and value.tag not in described:
                            value.metadata.CopyFrom(metadata[value.tag])
                        described.add(value.tag)
                        value.tag = rename_tag(value.tag)
                    copies = list(values)
                    event.summary.ClearField("value")
                    event.summary.value.extend(copies)
                elif event.WhichOneof("what") in (None, "file_version", "session_log"):
                    continue
                file.writelines(frame([event.SerializeToString()]))
    done.runs += 1


def _first_wall_time(run: Run) -> float:
    """The time in the name of the first file, by which loaders sort runs."""
    part = os.path.basename(run.files[0]).partition("tfevents.")[2].partition(".")[0]
    return float(part) if part.isdigit() and len(part) == 10 else 0.0
