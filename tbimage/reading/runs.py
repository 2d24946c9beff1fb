"""One run: its tags, and the values of each tag, from all files in order.

By default, a ``Run`` leaves out the values that TensorBoard's data server removes. When the server
reads a record with step s, it removes all earlier records of the tag with step s or a greater step
(``StageReservoir::preempt`` in ``tensorboard/data/server/reservoir.rs``). So if a restarted
training logs a step again, the new value replaces the old one. The data server keeps only a sample
of the other values, but a ``Run`` has all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tbimage.reading import items
from tbimage.reading.images import Image
from tbimage.reading.index import (
    AUDIO,
    GRAPH,
    GRAPH_TAG,
    HISTOGRAM,
    IMAGE,
    TENSOR,
    Entries,
    FileIndex,
    Metadata,
)
from tbimage.reading.places import Place
from tbimage.reading.series import Scalars, Series

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tbimage.reading.damage import Damage

__all__ = ["MAKERS", "METHODS", "Run", "Tag", "kind_of", "not_replaced"]

_Maker = Callable[[int, float, int, Place], Any]

#: The kinds of tags. A key is the form of the values and, only for tensors, the plugin.
_KINDS = {
    (IMAGE, ""): "image",
    (HISTOGRAM, ""): "histogram",
    (AUDIO, ""): "audio",
    (GRAPH, ""): "graph",
    (TENSOR, "images"): "image",
    (TENSOR, "histograms"): "histogram",
    (TENSOR, "audio"): "audio",
    (TENSOR, "text"): "text",
}
_PLUGINS = {"scalar": "scalars", "image": "images", "histogram": "histograms", "audio": "audio"}
#: The method of ``Run`` for each kind.
METHODS = {
    "scalar": "scalars",
    "image": "images",
    "histogram": "histograms",
    "text": "texts",
    "audio": "audio",
    "tensor": "tensors",
    "hparams": "hparams",
    "graph": "graph",
}
#: The function that makes an item of each kind.
MAKERS: Mapping[str, _Maker] = {
    "image": Image,
    "histogram": items.histogram,
    "text": items.text,
    "audio": items.audio,
    "tensor": items.tensor,
}


def kind_of(form: int, plugin: str) -> str:
    """Return the kind of a value from its form and the plugin of its tag."""
    known = _KINDS.get((form, plugin if form == TENSOR else ""))
    return known or ("hparams" if plugin == "hparams" else "tensor")


@dataclass(frozen=True)
class Tag:
    """The properties of a tag, without its values.

    Attributes:
        kind: ``"scalar"``, ``"image"``, ``"histogram"``, ``"text"``, ``"audio"``, ``"tensor"``,
            ``"hparams"`` or ``"graph"``.
        count: How many values the tag has. Each picture of a batch is counted.
        first_step: The step of the first value.
        last_step: The step of the last value.
        description: Markdown, as it was logged with the tag.
        display_name: The name that TensorBoard shows, if it differs from the tag.
        plugin: The plugin of the tag, such as ``"pr_curves"``. Empty if it is not known.
    """

    kind: str
    count: int
    first_step: int
    last_step: int
    description: str = ""
    display_name: str = ""
    plugin: str = ""


@dataclass(frozen=True)
class _Columns:
    """The entries of one tag in all files of a run."""

    paths: list[str]
    files: NDArray[np.intp]
    steps: NDArray[np.int64]
    wall_times: NDArray[np.float64]
    offsets: NDArray[np.int64]
    ordinals: NDArray[np.int64]
    forms: NDArray[np.uint8]
    samples: NDArray[np.int64]
    lengths: NDArray[np.int64]

    def select(self, chosen: NDArray[Any]) -> _Columns:
        return _Columns(
            self.paths,
            self.files[chosen],
            self.steps[chosen],
            self.wall_times[chosen],
            self.offsets[chosen],
            self.ordinals[chosen],
            self.forms[chosen],
            self.samples[chosen],
            self.lengths[chosen],
        )

    def place(self, at: int) -> Place:
        path = self.paths[self.files[at]]
        return Place(path, int(self.offsets[at]), int(self.ordinals[at]), int(self.forms[at]))


class Run:
    """One run of a log directory.

    Attributes:
        name: The name that TensorBoard shows: the path below the log directory, or ``"."``.
        metadata: The metadata of each tag, from the first value of the tag.

    Example:
        >>> import tbimage
        >>> with tbimage.SummaryWriter("runs") as writer:
        ...     for step in range(3):
        ...         _ = writer.scalar("loss", 1 / (step + 1), step)
        >>> run = tbimage.read("runs")["."]
        >>> run.tags["loss"].count, run.scalars("loss").steps.tolist()
        (3, [0, 1, 2])
    """

    def __init__(self, name: str, metadata: Mapping[str, Metadata]) -> None:
        self.name = name
        self._files: list[FileIndex] = []
        self.metadata = metadata

    def set_files(self, files: list[FileIndex]) -> None:
        """Set the files of the run. Call this again after values were appended to them."""
        self._files = files
        self.__dict__.pop("tags", None)  # computed again at the next use

    @property
    def indexes(self) -> list[FileIndex]:
        """The indexes of the run's files."""
        return self._files

    @property
    def files(self) -> list[str]:
        """The event files of the run, in the order in which they are read."""
        return [file.path for file in self._files]

    @property
    def damage(self) -> list[Damage]:
        """The damage in the run's files."""
        return [damage for file in self._files for damage in file.damage]

    @cached_property
    def tags(self) -> Mapping[str, Tag]:
        """The properties of each tag, in alphabetical order."""
        names = {name for file in self._files for name in (*file.numbers, *file.entries)}
        return {name: self._describe(name) for name in sorted(names)}

    def _describe(self, name: str) -> Tag:
        metadata = self.metadata.get(name, Metadata())
        if any(name in file.numbers for file in self._files):
            kind, steps = "scalar", self.scalars(name).steps
            count = len(steps)
        else:
            entries = self._columns(name, raw=False)
            kind = kind_of(int(entries.forms[0]), metadata.plugin)
            steps, count = entries.steps, int(entries.samples.sum())
        plugin = metadata.plugin or _PLUGINS.get(kind, "")
        about = metadata.description, metadata.display_name, plugin
        return Tag(kind, count, int(steps[0]), int(steps[-1]), *about)

    def scalars(self, tag: str, *, raw: bool = False) -> Scalars:
        """Return the scalars of a tag.

        Args:
            tag: The tag.
            raw: Whether to also return the values that a restart replaced. TensorBoard no longer
                shows these values.

        Raises:
            KeyError: There is no such tag.
            ValueError: The tag is of another kind.
        """
        found = [file.numbers[tag] for file in self._files if tag in file.numbers]
        if not found:
            raise self._no_such(tag, "scalar")
        steps = np.concatenate([np.array(each.steps, np.int64) for each in found])
        values = np.concatenate([np.array(each.values, np.float64) for each in found])
        wall_times = np.concatenate([np.array(each.wall_times, np.float64) for each in found])
        if raw or _grows(steps):
            return Scalars(steps, values, wall_times)
        kept = not_replaced(steps)
        return Scalars(steps[kept], values[kept], wall_times[kept])

    def images(self, tag: str, *, raw: bool = False, batch: bool = False) -> Series[Image]:
        """Return the pictures of a tag, without reading them.

        Args:
            tag: The tag.
            raw: As for ``scalars``.
            batch: Whether to return a batch with the tags ``tag/image/0``, ``tag/image/1`` and so
                on as one series. Then the ``sample`` of a picture is the number in its tag. A batch
                that was logged as one tensor is always one series.

        Raises:
            KeyError: There is no such tag.
            ValueError: The tag is of another kind.
        """
        if not batch:
            return self._series(tag, "image", raw)
        pattern = re.compile(re.escape(tag) + r"(?:/image(?:/([0-9]+))?)?")
        found = sorted(filter(None, map(pattern.fullmatch, self.tags)), key=lambda each: each[0])
        parts = [
            (int(each[1] or 0), each[0]) for each in found if self.tags[each[0]].kind == "image"
        ]
        if not parts:
            raise self._no_such(f"{tag}/image/0", "image")
        return _merged([(number, self._series(name, "image", raw)) for number, name in parts])

    def histograms(self, tag: str, *, raw: bool = False) -> Series[items.Histogram]:
        """Return the histograms of a tag.

        Args:
            tag: The tag.
            raw: As for ``scalars``, which raises the same errors.
        """
        return self._series(tag, "histogram", raw)

    def texts(self, tag: str, *, raw: bool = False) -> Series[items.Text]:
        """Return the texts of a tag.

        Args:
            tag: The tag.
            raw: As for ``scalars``, which raises the same errors.
        """
        return self._series(tag, "text", raw)

    def audio(self, tag: str, *, raw: bool = False) -> Series[items.Audio]:
        """Return the sounds of a tag.

        Args:
            tag: The tag.
            raw: As for ``scalars``, which raises the same errors.
        """
        return self._series(tag, "audio", raw)

    def tensors(self, tag: str, *, raw: bool = False) -> Series[items.Tensor]:
        """Return the tensors of a tag. The tag may have any kind that is stored as tensors.

        Args:
            tag: The tag.
            raw: As for ``scalars``, which raises the same errors.
        """
        return self._series(tag, "tensor", raw)

    def hparams(self) -> items.HParams | None:
        """Return the hyperparameters of the run, or None if none were logged."""
        contents = [each.content for each in self.metadata.values() if each.plugin == "hparams"]
        return items.hparams(contents) if contents else None

    def custom_scalars(self) -> items.Layout | None:
        """Return the last logged layout of the Custom Scalars dashboard, or None.

        Raises:
            ValueError: The layout cannot be decoded.
        """
        columns = self._columns(items.LAYOUT_TAG, raw=False)
        return items.layout(columns.place(-1)) if len(columns.steps) else None

    def graph(self) -> bytes | None:
        """Return the last logged ``GraphDef`` in serialized form, or None."""
        if GRAPH_TAG not in self.tags or self.tags[GRAPH_TAG].kind != "graph":
            return None
        from tbimage.events.messages import Event

        columns = self._columns(GRAPH_TAG, raw=False)
        return Event.FromString(bytes(columns.place(len(columns.steps) - 1).load())).graph_def

    def _series(self, tag: str, kind: str, raw: bool) -> Series[Any]:
        columns = self._columns(tag, raw)
        plugin = self.metadata.get(tag, Metadata()).plugin
        suits = {
            form: kind_of(form, plugin) == kind or (kind == "tensor" and form == TENSOR)
            for form in set(columns.forms.tolist())
        }
        columns = columns.select(np.array([suits[form] for form in columns.forms.tolist()], bool))
        if not len(columns.steps):
            raise self._no_such(tag, kind)
        samples, sizes = np.zeros(len(columns.steps), np.int64), columns.lengths
        if kind in ("image", "audio"):  # each picture or sound of a step is an item
            samples = np.concatenate([np.arange(count) for count in columns.samples])
            columns = columns.select(np.repeat(np.arange(len(columns.steps)), columns.samples))
            sizes = columns.lengths // np.maximum(columns.samples, 1)
        make = MAKERS[kind]
        return Series(
            columns.steps,
            columns.wall_times,
            sizes,
            lambda at: make(
                int(columns.steps[at]),
                float(columns.wall_times[at]),
                int(samples[at]),
                columns.place(at),
            ),
        )

    def _columns(self, tag: str, raw: bool) -> _Columns:
        found = [file for file in self._files if tag in file.entries]
        entries = [file.entries[tag] for file in found] or [Entries()]
        lengths = [len(each.steps) for each in entries]
        columns = _Columns(
            [file.path for file in found],
            np.repeat(np.arange(len(entries)), lengths),
            _joined((each.steps for each in entries), np.int64),
            _joined((each.wall_times for each in entries), np.float64),
            _joined((each.offsets for each in entries), np.int64),
            _joined((each.ordinals for each in entries), np.int64),
            _joined((each.forms for each in entries), np.uint8),
            _joined((each.samples for each in entries), np.int64),
            _joined((each.lengths for each in entries), np.int64),
        )
        if raw or _grows(columns.steps):
            return columns
        return columns.select(not_replaced(columns.steps))

    def _no_such(self, tag: str, kind: str) -> Exception:
        """Make the error for a tag that is missing or of another kind."""
        known = self.tags.get(tag)
        if known is not None:
            return ValueError(
                f"tag {tag!r} is of kind {known.kind!r}: use run.{METHODS[known.kind]}"
            )
        close = get_close_matches(tag, self.tags, 3) or sorted(self.tags)[:3]
        return KeyError(f"no tag {tag!r} of kind {kind!r} in run {self.name!r}; it has {close}")

    def __repr__(self) -> str:
        return f"<run {self.name!r}: {len(self.tags)} tags>"


def _joined(columns: Iterable[Any], dtype: Any) -> NDArray[Any]:
    return np.concatenate([np.array(each, dtype) for each in columns])


def _grows(steps: NDArray[np.int64]) -> bool:
    return bool((steps[1:] > steps[:-1]).all())


def not_replaced(steps: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which records are kept. A record is kept if all later records have greater steps."""
    smallest_later = np.minimum.accumulate(steps[::-1])[::-1]
    kept = np.ones(len(steps), bool)
    kept[:-1] = steps[:-1] < smallest_later[1:]
    return kept


def _merged(parts: list[tuple[int, Series[Image]]]) -> Series[Image]:
    steps = np.concatenate([series.steps for _, series in parts])
    wall_times = np.concatenate([series.wall_times for _, series in parts])
    sizes = np.concatenate([series.sizes for _, series in parts])
    numbers = np.concatenate([np.full(len(series), number) for number, series in parts])
    which = np.concatenate([np.full(len(series), at) for at, (_, series) in enumerate(parts)])
    within = np.concatenate([np.arange(len(series)) for _, series in parts])
    order = np.lexsort((numbers, steps))

    def make(at: int) -> Image:
        source = order[at]
        image = parts[which[source]][1][int(within[source])]
        return Image(image.step, image.wall_time, image.sample + int(numbers[source]), image.place)

    return Series(steps[order], wall_times[order], sizes[order], make)
