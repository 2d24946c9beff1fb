"""Copy each run to one event file, without values that TensorBoard no longer shows."""

from __future__ import annotations

import fnmatch
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from tbimage.events.storage import urls
from tbimage.reading.compact_run import Compaction, Rules, RunTask, compact_run, tags_of
from tbimage.reading.targets import canonical, names_in, read_text, runs_below, write_text

__all__ = ["Compaction", "Engine", "compact"]

T = TypeVar("T")
R = TypeVar("R")
#: An engine takes a function and a sequence of arguments. It calls the function with each argument,
#: and yields the results in any order. Python's ``map`` is an engine. The function, the arguments
#: and the results can be pickled.
Engine = Callable[[Callable[[T], R], Sequence[T]], Iterable[R]]

#: The name of a file in the target directory. The file tells which log directory was copied.
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
    """Copy each run of a log directory to one event file that both loaders of TensorBoard can read.

    If a restart logged a step again, TensorBoard no longer shows the old values of this step and of
    later steps. ``compact`` leaves out these values. A run is not copied again if its files and the
    rules are the same as in the last call. So ``compact`` can be called again after new values were
    logged, or after a call was stopped.

    Args:
        source: The path of the log directory, or its URL in an object store. ``compact`` does not
            change it.
        target: The path or the URL of the new directory. It must be missing, empty, or made by
            ``compact`` from this source. It must not be within ``source``.
        runs: A shell pattern. The runs whose names match it are copied.
        keep_images: How many pictures or sounds of each tag are kept, evenly spread, with the first
            and the last one. 1: only the last one is kept. None: all are kept.
        every: The first of each ``every`` values of a tag is kept, and the last value of the tag.
        rename: A mapping from old names to new names. An old name that ends with ``/`` is replaced
            in all tags that begin with this name.
        drop: Tags to leave out, as shell patterns.
        engine: A function that calls another function for each run. The default processes one run
            after the other. ``tbimage.reading.processes``, ``tbimage.integrations.dask`` and
            ``tbimage.integrations.ray`` have parallel engines.
        progress: A function that takes the runs and yields them. It may show the progress.

    Raises:
        ValueError: An argument is out of range, two tags would get the same name, no run matches,
            or the target has other files.
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
    origin = canonical(os.fspath(source), "source")
    directory = canonical(os.fspath(target), "target")
    _check_target(origin, directory)
    rules = Rules(keep_images, every, tuple((rename or {}).items()), tuple(drop))
    found, unreadable = runs_below(origin)
    tasks = [
        RunTask(name, files, _directory_of(directory, name), rules)
        for name, files in found.items()
        if fnmatch.fnmatchcase(name, runs)
    ]
    if not tasks:
        raise ValueError(
            f"runs: no run of {origin} matches {runs!r}; the first runs are {list(found)[:5]}"
        )
    if rename:
        for task, tags in engine(tags_of, tasks):
            _check_names(task, tags)
    _mark_target(origin, directory)
    done = Compaction(lost=unreadable)
    for _, of_run in zip(progress(tasks), engine(compact_run, tasks), strict=True):
        done.add(of_run)
    return done


def _directory_of(target: str, run: str) -> str:
    return target if run == "." else urls.join(target, *run.split("/"))


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
    separator = "/" if urls.is_url(source) else os.sep
    if f"{target}{separator}".startswith(source.rstrip(separator) + separator):
        raise ValueError(f"target must not be within {source}, got {target!r}")
    mark = read_text(urls.join(target, MARK))
    if mark is None:
        if names_in(target):
            raise ValueError(
                f"target must be missing or empty, or an earlier copy of {source}, got {target!r}"
            )
    elif (made_from := json.loads(mark).get("source")) != source:
        raise ValueError(f"target {target!r} was made from {made_from!r}, and not from {source!r}")


def _mark_target(source: str, target: str) -> None:
    path = urls.join(target, MARK)
    if read_text(path) is None:
        write_text(path, json.dumps({"made_by": "tbimage compact", "source": source}))
