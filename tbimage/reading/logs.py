"""Read the runs of a log directory, follow appended values, and return scalars as tables."""

from __future__ import annotations

import html
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from tbimage.events.names import is_event_file
from tbimage.events.storage.urls import is_url
from tbimage.reading.damage import Damage
from tbimage.reading.index import GRAPH, FileIndex, Metadata
from tbimage.reading.places import Place
from tbimage.reading.runs import MAKERS, Run, kind_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tbimage.reading.copies import Copies

__all__ = ["Logged", "Logs", "find_runs", "package", "read"]

# The largest number of rows of a table in a notebook. Logs may have thousands of tags.
_MOST_ROWS = 200


@dataclass(frozen=True)
class Logged:
    """A value that ``Logs.follow`` yields or ``Logs.last`` returns.

    Attributes:
        run: The name of the run.
        tag: The tag.
        kind: The kind of the tag, as in ``Tag``.
        step: The step of the value.
        wall_time: When the value was logged, in seconds since 1970.
    """

    run: str
    tag: str
    kind: str
    step: int
    wall_time: float
    _source: float | Place = field(repr=False)

    @property
    def value(self) -> Any:
        """A float, or an item of ``Run``, such as an ``Image``. None for kinds without items."""
        if not isinstance(self._source, Place):
            return self._source
        make = MAKERS.get(self.kind)
        return make and make(self.step, self.wall_time, 0, self._source)


def read(
    path: str | os.PathLike[str],
    *,
    verify: bool = False,
    progress: Callable[[Sequence[FileIndex]], Iterable[FileIndex]] = iter,
) -> Logs:
    """Read the logs in a directory of runs, in one run, or in one event file.

    This reads steps, tags and scalars. Pictures and other large values are read on request, so
    that logs of many gigabytes open in a second and take little memory.

    Args:
        path: A directory, an event file with any name, or a URL in an object store, such as
            ``s3://bucket/runs``. All files below a directory are read if their names contain
            ``tfevents``. The event files of a URL are copied to a temporary directory.
        verify: Whether to check the checksums of large records now, too. They are always checked
            when the records are used. True: all bytes of the files are read.
        progress: A function that takes the files and yields them. It may show the progress.

    Returns:
        The logs. If a directory has no event files, the logs have no runs. Damaged records are
        skipped. ``damage`` lists them.

    Raises:
        OSError: There is no such path, or it cannot be read.
        ValueError: The file is not an event file, or fsspec does not know the protocol of the URL.
        ImportError: The package for the URL is not installed.
        TypeError: ``path`` is neither str nor PathLike.

    Example:
        >>> import tbimage
        >>> with tbimage.SummaryWriter("runs/train") as writer:
        ...     _ = writer.scalar("loss", 0.5, step=1)
        ...     _ = writer.image("noise", np.zeros((4, 6, 3), np.uint8), step=1)
        >>> logs = tbimage.read("runs")
        >>> logs.runs
        ['train']
        >>> run = logs["train"]
        >>> run.scalars("loss").values.tolist()
        [0.5]
        >>> picture = run.images("noise")[-1]
        >>> picture.step, picture.width, picture.pixels().shape
        (1, 6, (4, 6, 3))
    """
    text: object = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str):
        raise TypeError(f"path must be str or PathLike, got {path!r} of type {type(path).__name__}")
    return Logs(text, verify, progress)


class Logs(Mapping[str, Run]):
    """A mapping from names to runs. ``read`` returns it.

    Attributes:
        path: The directory, the event file, or the URL that was given.
    """

    def __init__(
        self,
        path: str,
        verify: bool = False,
        progress: Callable[[Sequence[FileIndex]], Iterable[FileIndex]] = iter,
    ) -> None:
        self.path = path
        self._verify = verify
        self._runs: dict[str, Run] = {}
        self._files: dict[str, FileIndex] = {}
        self._metadata: dict[str, dict[str, Metadata]] = {}
        self._unreadable: list[Damage] = []
        self._copies: Copies | None = None
        if is_url(path) and not os.path.exists(path):
            from tbimage.reading.copies import Copies

            self._copies = Copies(path)
            path = self._copies.path
        self._root = path
        mode = os.stat(path).st_mode
        if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
            raise ValueError(f"path must be a directory or a regular file, got {self.path!r}")
        self._is_file = stat.S_ISREG(mode)
        if not self._is_file:
            os.scandir(path).close()  # raises an error if the directory cannot be read
        self._refresh(progress)
        if self._is_file:
            self._check_file(next(iter(self._files.values())))

    def _check_file(self, file: FileIndex) -> None:
        for damage in file.damage:
            if damage.kind == "unreadable":
                raise OSError(f"{damage.path}: {damage.detail}")
            if file.records == 0 and damage.kind == "header":
                raise ValueError(f"{self.path}: no event file, because it does not have any record")

    @property
    def runs(self) -> list[str]:
        """The names of the runs, as in TensorBoard. ``"."`` is the run in ``path`` itself."""
        return list(self._runs)

    @property
    def damage(self) -> list[Damage]:
        """The damage in all files, and the directories that cannot be opened."""
        found = [*self._unreadable, *(each for run in self._runs.values() for each in run.damage)]
        if self._copies is None:
            return found
        return [replace(each, path=self._copies.url_of(each.path)) for each in found]

    def __getitem__(self, run: str) -> Run:
        try:
            return self._runs[run]
        except KeyError:
            close = get_close_matches(str(run), self._runs, 3) or self.runs[:3]
            raise KeyError(f"no run {run!r} in {self.path}; it has {close}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._runs)

    def __len__(self) -> int:
        return len(self._runs)

    def refresh(self) -> bool:
        """Read appended values, new files and new runs. Deleted files are removed from the logs.

        Returns:
            Whether anything has changed.
        """
        before = list(self._files)
        return bool(self._refresh()) or list(self._files) != before

    def _refresh(
        self, progress: Callable[[Sequence[FileIndex]], Iterable[FileIndex]] = iter
    ) -> list[tuple[str, FileIndex]]:
        """Refresh all files, and return those that have changed, with the names of their runs."""
        if self._copies is not None and self._files:
            self._copies.refresh()
        found = self._find()
        self._metadata = {name: self._metadata.get(name, {}) for name in found}
        files: dict[str, FileIndex] = {}
        run_of: dict[str, str] = {}
        for name, paths in found.items():
            for path in paths:
                known = self._files.get(path)
                files[path] = known or FileIndex(path, self._metadata[name], self._verify)
                run_of[path] = name
        changed = [
            (run_of[index.path], index)
            for index in progress(list(files.values()))
            if index.refresh()
        ]
        runs: dict[str, Run] = {}
        for name, paths in found.items():
            runs[name] = self._runs.get(name) or Run(name, self._metadata[name])
            runs[name].set_files([files[path] for path in paths])
        self._files, self._runs = files, runs
        return changed

    def _find(self) -> dict[str, list[str]]:
        """Find the event files of each run, in the order in which TensorBoard reads them."""
        if self._is_file:
            return {".": [self._keep(self._root)]}
        found, self._unreadable = find_runs(self._root)
        return {run: [self._keep(path) for path in paths] for run, paths in found.items()}

    def _keep(self, path: str) -> str:
        return path if self._copies is None else self._copies.keep(path)

    def follow(
        self, *, seconds_between: float = 0.1, until: Callable[[], bool] | None = None
    ) -> Iterator[Logged]:
        """Yield the values that are appended to any run, and the values of new runs.

        Args:
            seconds_between: The pause between two checks of the files, at least 1 s for a URL.
            until: A function that is called after each check. The iteration ends when the function
                returns True. None: the iteration never ends.

        Yields:
            Values that were appended after the last ``refresh``. The values of one check are in the
            order of their wall times.
        """
        seen = {path: _counts(index) for path, index in self._files.items()}
        while True:
            new: list[Logged] = []
            for run, index in self._refresh():
                new += _appended(run, index, seen.get(index.path, {}))
                seen[index.path] = _counts(index)
            yield from sorted(new, key=lambda logged: logged.wall_time)
            if until is not None and until():
                return
            # An object store charges a fee for each listing.
            time.sleep(seconds_between if self._copies is None else max(seconds_between, 1.0))

    def last(self, count: int) -> list[Logged]:
        """Return the last ``count`` values of each tag in each file, or all if there are fewer.

        Returns:
            The values in the order of their wall times.
        """
        found: list[Logged] = []
        for name, run in self._runs.items():
            for index in run.indexes:
                start = {key: max(size - count, 0) for key, size in _counts(index).items()}
                found += _appended(name, index, start)
        return sorted(found, key=lambda logged: logged.wall_time)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return all scalars as the columns of one long table.

        Returns:
            Arrays of equal length: ``run`` and ``tag`` (str objects), ``step`` (int64),
            ``wall_time`` and ``value`` (float64).
        """
        parts: list[tuple[str, str, Any]] = []
        for name, run in self._runs.items():
            for tag, about in run.tags.items():
                if about.kind == "scalar":
                    parts.append((name, tag, run.scalars(tag)))
        lengths = [len(scalars) for _, _, scalars in parts]
        empty = np.zeros(0)
        return {
            "run": np.repeat(np.array([run for run, _, _ in parts], object), lengths),
            "tag": np.repeat(np.array([tag for _, tag, _ in parts], object), lengths),
            "step": np.concatenate([*(part[2].steps for part in parts), empty.astype(np.int64)]),
            "wall_time": np.concatenate([*(part[2].wall_times for part in parts), empty]),
            "value": np.concatenate([*(part[2].values for part in parts), empty]),
        }

    def to_pandas(self) -> Any:
        """Return all scalars as a ``pandas.DataFrame`` with the columns that ``columns`` returns.

        Raises:
            ImportError: pandas is not installed.
        """
        return package("pandas").DataFrame(self.columns())

    def to_polars(self) -> Any:
        """Return all scalars as a ``polars.DataFrame`` with the columns that ``columns`` returns.

        Raises:
            ImportError: polars is not installed.
        """
        columns: dict[str, Any] = self.columns()
        names = {name: columns[name].tolist() for name in ("run", "tag")}
        return package("polars").DataFrame({**names, **{each: columns[each] for each in _NUMBERS}})

    def to_arrow(self) -> Any:
        """Return all scalars as a ``pyarrow.Table`` with the columns that ``columns`` returns.

        Raises:
            ImportError: pyarrow is not installed.
        """
        return package("pyarrow").table(self.columns())

    def __repr__(self) -> str:
        return f"<logs of {self.path!r}: {len(self)} runs>"

    def _repr_html_(self) -> str:
        rows: list[str] = []
        for name, run in self._runs.items():
            for tag, about in run.tags.items():
                if len(rows) == _MOST_ROWS:
                    break
                cells = name, tag, about.kind, about.count, about.first_step, about.last_step
                rows.append("".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells))
        names = "run", "tag", "kind", "count", "first step", "last step"
        head = "".join(f"<th>{name}</th>" for name in names)
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        more = sum(len(run.tags) for run in self._runs.values()) - len(rows)
        rest = f"<p>and {more} more</p>" if more else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}"


_NUMBERS = ("step", "wall_time", "value")


def find_runs(path: str) -> tuple[dict[str, list[str]], list[Damage]]:
    """Find the runs below a directory, without reading them.

    Returns:
        The event files of each run, in the order in which TensorBoard reads them; and the
        directories that cannot be opened.
    """
    found: dict[str, list[str]] = {}
    unreadable: list[Damage] = []
    waiting: list[tuple[str, str, frozenset[tuple[int, int]]]] = [(path, ".", frozenset())]
    while waiting:
        directory, run, above = waiting.pop()
        files = []
        try:
            status = os.stat(directory)
            identity = (status.st_dev, status.st_ino)
            if identity in above:
                continue  # a link to a directory that contains the link
            with os.scandir(directory) as entries:
                for entry in entries:
                    if is_event_file(entry.name) and entry.is_file():
                        files.append(entry.path)
                    elif entry.is_dir():
                        below = entry.name if run == "." else f"{run}/{entry.name}"
                        waiting.append((entry.path, below, above | {identity}))
        except OSError as error:
            reason = error.strerror or str(error)
            unreadable.append(Damage(directory, 0, 0, "unreadable", reason))
        if files:
            found[run] = sorted(files)
    return dict(sorted(found.items())), unreadable


def package(name: str) -> Any:
    """Import an optional package. An ImportError has the command that installs the package."""
    try:
        return import_module(name)
    except ImportError:
        top = name.partition(".")[0]
        raise ImportError(f"this needs {top}, which is not installed: pip install {top}") from None


def _counts(index: FileIndex) -> dict[tuple[str, bool], int]:
    numbers = {(tag, True): len(each.steps) for tag, each in index.numbers.items()}
    return numbers | {(tag, False): len(each.steps) for tag, each in index.entries.items()}


def _appended(run: str, index: FileIndex, seen: dict[tuple[str, bool], int]) -> Iterator[Logged]:
    for tag, numbers in index.numbers.items():
        count = len(numbers.steps)
        start = seen.get((tag, True), 0)
        for at in range(start if start <= count else 0, count):
            about = numbers.steps[at], numbers.wall_times[at]
            yield Logged(run, tag, "scalar", *about, numbers.values[at])
    for tag, entries in index.entries.items():
        plugin = index.metadata.get(tag, Metadata()).plugin
        count = len(entries.steps)
        start = seen.get((tag, False), 0)
        for at in range(start if start <= count else 0, count):
            form = entries.forms[at]
            place = Place(index.path, entries.offsets[at], entries.ordinals[at], form)
            kind = "graph" if form == GRAPH else kind_of(form, plugin)
            yield Logged(run, tag, kind, entries.steps[at], entries.wall_times[at], place)
