"""Copy runs to one event file each: without what TensorBoard no longer shows, thinned, renamed."""

from __future__ import annotations

import fnmatch
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from tbimage.events.storage.urls import is_url
from tbimage.reading.compact_run import Compaction, Rules, RunTask, compact_run, tags_of
from tbimage.reading.copies import Copies
from tbimage.reading.damage import Damage
from tbimage.reading.logs import find_runs
from tbimage.reading.targets import read_text, write_text

__all__ = ["Compaction", "Engine", "compact"]

T = TypeVar("T")
R = TypeVar("R")
#: Given a function and its arguments, calls it with each and yields what it returns, in any order.
#: ``map`` is one. Function, arguments and results can be pickled.
Engine = Callable[[Callable[[T], R], Sequence[T]], Iterable[R]]

#: In the target directory: which log directory it was made from.
MARK = "compaction.json"


def compact(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    runs: str = "*",
    keep_images: int | None = None,
    every: int = 1,
    rename: Mapping[str, str] | None = None,
    drop: Sequence[str] = (),
    engine: Engine[Any, Any] = map,
    progress: Callable[[Sequence[RunTask]], Iterable[RunTask]] = iter,
) -> Compaction:
    """Copy the runs of a log directory, each to one event file that both loaders read.

    Values that TensorBoard no longer shows, since a restart logged their steps again, are left out.
    A run that was copied before, by the same rules, is not copied again if its files have not
    changed. So the call can be repeated: after new values were logged, or after it was stopped.

    Args:
        source: The log directory, which is not changed; a URL is copied to this machine first.
        target: The new one. It must be missing, empty, or made by ``compact`` from this source. It
            must not be within ``source``.
        runs: Which runs are copied, as a shell pattern.
        keep_images: How many pictures and sounds of each tag are kept, evenly spread over its
            steps, with the first and the last. None: all.
        every: 10 keeps the first of each 10 values of a tag, and the last one.
        rename: New names by old ones. A name that ends with ``/`` stands for all tags below it.
        drop: Tags to leave out, as shell patterns.
        engine: Runs the copies, by default one after the other. ``tbimage.reading.processes``,
            ``tbimage.integrations.dask`` and ``tbimage.integrations.ray`` have others.
        progress: Goes through the runs and may tell how far it is.

    Raises:
        ValueError: An argument is out of range, two tags would get one name, no run matches, or
            the target holds something else.
        OSError: A file cannot be written.

    Example:
        >>> import tbimage
        >>> with tbimage.SummaryWriter("runs") as writer:
        ...     for step in range(100):
        ...         _ = writer.scalar("loss", 0.5, step)
        >>> compact("runs", "small", every=50, rename={"loss": "train/loss"}).values
        3
        >>> tbimage.read("small")["."].scalars("train/loss").steps.tolist()
        [0, 50, 99]
        >>> compact("runs", "small", every=50, rename={"loss": "train/loss"}).unchanged
        1
    """
    for name, number in (("keep_images", keep_images), ("every", every)):
        if number is not None and number < 1:
            raise ValueError(f"{name} must be at least 1, got {number}")
    origin, directory = os.fspath(source), os.fspath(target)
    _check_target(origin, directory)
    rules = Rules(keep_images, every, tuple((rename or {}).items()), tuple(drop))
    copies = Copies(origin) if is_url(origin) else None  # until the end of this function
    found, unreadable = _runs_of(origin if copies is None else copies.path)
    tasks = [
        RunTask(name, tuple(files), os.path.join(directory, *name.split("/")), rules)
        for name, files in found.items()
        if fnmatch.fnmatchcase(name, runs)
    ]
    if not tasks:
        raise ValueError(f"runs: no run of {origin} matches {runs!r}; it has {list(found)[:5]}")
    if rename:
        for task, tags in engine(tags_of, tasks):
            _check_names(task, tags)
    _mark_target(_real(origin), directory)
    done = Compaction(lost=unreadable)
    for _, of_run in zip(progress(tasks), engine(compact_run, tasks), strict=True):
        done.add(of_run)
    return done


def _real(source: str) -> str:
    return source if is_url(source) else os.path.realpath(source)


def _runs_of(source: str) -> tuple[dict[str, list[str]], list[Damage]]:
    if os.path.isfile(source):
        return {".": [source]}, []
    os.scandir(source).close()  # raises where it cannot be read
    return find_runs(source)


def _check_names(task: RunTask, tags: Iterable[str]) -> None:
    old: dict[str, str] = {}
    for tag in tags:
        if task.rules.drops(tag):
            continue
        name = task.rules.new_name(tag)
        other = old.setdefault(name, tag)
        if other != tag:
            raise ValueError(
                f"rename: the tags {other!r} and {tag!r} of run {task.name!r} would both become "
                f"{name!r}"
            )


def _check_target(source: str, target: str) -> None:
    inner, outer = os.path.realpath(target), _real(source)
    if not is_url(source) and os.path.commonpath([inner, outer]) == outer:
        raise ValueError(f"target must not be within {source}, got {target!r}")
    mark = read_text(os.path.join(target, MARK))
    if mark is None:
        if os.path.isdir(target) and os.listdir(target):
            raise ValueError(
                f"target must be missing or empty, or an earlier copy of {source}, got {target!r}"
            )
    elif (made_from := json.loads(mark).get("source")) != outer:
        raise ValueError(f"target {target!r} was made from {made_from!r}, and not from {source!r}")


def _mark_target(source: str, target: str) -> None:
    path = os.path.join(target, MARK)
    if read_text(path) is None:
        write_text(path, json.dumps({"made_by": "tbimage compact", "source": source}))
