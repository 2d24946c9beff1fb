"""What a page shows: an index of all tags, and the assets that it refers to.

The index is small and is loaded first. An asset is a picture, a sound, or the values of a tag as
JSON. A page that is a file has all assets in it. A live page asks for an asset when it is to be
seen. The name of an asset depends on what is in it, so that a browser may keep it for ever.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tbimage.reading.gallery.sampling import choose, fair_shares
from tbimage.reading.runs import METHODS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tbimage.reading.logs import Logs
    from tbimage.reading.runs import Run, Tag

__all__ = ["Contents", "collect", "dump"]

#: How many values of one run a card has at most: more points than a chart has pixels, more ridges
#: than fit below each other, and more positions than a slider can be set to.
_MOST = {"scalar": 5000, "histogram": 100, "image": 1000, "text": 1000, "audio": 1000}
# A live page loads one chart at a time, and of pictures and texts at first only the index.
_BYTES_OF_A_LIVE_CHART, _BYTES_OF_A_LIVE_INDEX = 8 << 20, 16 << 20

# Bytes of a point in base64: step and value in float64, and wall time in float32.
_POINT_BYTES = 27
# Of an item: its step, wall time and asset in the index; in a page that is a file, its element too.
_INDEX_BYTES, _ITEM_BYTES = 60, 220
# Numbers as decimal text take up to three times as many bytes as in an event file.
_TEXT_FACTOR = 3

# More would make the page long and tell nothing new.
_MOST_DAMAGE = 50

# What browsers show, by the first bytes.
_TYPES = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"RIFF", "audio/wav"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
)

#: A batch has a tag for each of its pictures.
_IN_BATCH = re.compile(r"(.+)/image/([0-9]{1,6})", re.DOTALL)

#: Loads an asset: its content type, and its bytes.
Asset = Callable[[], tuple[str, bytes]]


@dataclass
class Contents:
    """What a page shows.

    Attributes:
        index: Runs, tags, and which asset is where, for ``json.dumps``.
        assets: By name; the values of tags come before pictures and sounds.
        shown: How many values of each kind are in it, and how many there are.
    """

    index: dict[str, Any]
    assets: dict[str, Asset] = field(default_factory=dict)
    shown: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Source:
    """The values of one tag of one run; of batches, those with the same place in the batch."""

    run: int
    sample: int
    about: Tag
    values: Any  # Scalars, or a Series
    positions: NDArray[np.intp]  # in the values
    sizes: NDArray[np.int64]


def dump(value: Any) -> str:
    """Serialize to JSON that has only ASCII and cannot end a script element."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def collect(logs: Logs, room: int | None) -> Contents:
    """Choose what a page shows.

    Args:
        logs: The logs.
        room: About how many bytes all assets may take. Of tags with many values as many are
            chosen, evenly, as fit. None: the page is live, and loads what is looked at.
    """
    sources: dict[tuple[str, str], list[_Source]] = {}
    others: dict[str, dict[str, Any]] = {}
    names = sorted(logs, key=by_value)
    for number, name in enumerate(names):
        run = logs[name]
        for tag, about in run.tags.items():
            if about.kind in _SECTIONS:
                group = sources.setdefault((about.kind, _card(about.kind, tag, run.tags)), [])
                group += _sources(run, number, tag, about, live=room is None)
            elif about.kind != "hparams":
                blank = {"tag": tag, "kind": about.kind, "plugin": about.plugin, "runs": []}
                others.setdefault(tag, blank)["runs"].append(number)
    contents = Contents(
        {
            "title": os.path.basename(os.path.abspath(logs.path)) or logs.path,
            "runs": names,
            "hparams": _hparams([logs[name] for name in names]),
            "others": list(others.values()),
            "damage": [str(each) for each in logs.damage[:_MOST_DAMAGE]],
        }
    )
    order = sorted(sources, key=lambda each: (list(_SECTIONS).index(each[0]), by_value(each[1])))
    shares = _divide([(kind, sources[kind, tag]) for kind, tag in order], room)
    for kind in _SECTIONS:
        contents.index[kind] = []
    for (kind, tag), share in zip(order, shares, strict=True):
        group = sources[kind, tag]
        chosen = choose([each.sizes for each in group], share, _MOST[kind])
        card = _describe(tag, group)
        card["series"] = _SECTIONS[kind](contents.assets, names, tag, group, chosen)
        contents.index[kind].append(card)
        before, all_before = contents.shown.get(kind, (0, 0))
        counts = sum(map(len, chosen)), sum(len(each.sizes) for each in group)
        contents.shown[kind] = before + counts[0], all_before + counts[1]
    contents.index["shown"] = contents.shown
    return contents


def by_value(name: str) -> list[str | int]:
    """Sort key: digits by value. Texts and numbers alternate, so that keys can be compared."""
    parts = re.split(r"([0-9]{1,18})", name)  # int() refuses thousands of digits
    return [int(part) if at % 2 else part for at, part in enumerate(parts)]


def _card(kind: str, tag: str, tags: Mapping[str, Tag]) -> str:
    """Return the name of the card that shows a tag: one for all pictures of a batch."""
    batch = _IN_BATCH.fullmatch(tag) if kind == "image" else None
    return batch[1] if batch and batch[1] not in tags else tag


def _sources(run: Run, number: int, tag: str, about: Tag, live: bool) -> list[_Source]:
    if about.kind == "scalar":
        scalars = run.scalars(tag)
        sizes = np.broadcast_to(np.int64(_POINT_BYTES), len(scalars))
        return [_Source(number, 0, about, scalars, np.arange(len(scalars)), sizes)]
    series = getattr(run, METHODS[about.kind])(tag)
    is_file = about.kind in ("image", "audio")
    if live:
        sizes = np.broadcast_to(np.int64(_INDEX_BYTES), len(series))
    else:
        sizes = series.sizes * 4 // 3 + _ITEM_BYTES if is_file else series.sizes * _TEXT_FACTOR
    if not is_file:
        return [_Source(number, 0, about, series, np.arange(len(series)), sizes)]
    batch = _IN_BATCH.fullmatch(tag) if about.kind == "image" else None
    first = int(batch[2]) if batch else 0
    samples = _samples(series.steps)
    return [
        _Source(number, first + sample, about, series, there, sizes[there])
        for sample in range(int(samples.max(initial=-1)) + 1)
        for there in [np.flatnonzero(samples == sample)]
    ]


def _samples(steps: NDArray[np.int64]) -> NDArray[np.intp]:
    """Number the values that have the same step."""
    positions = np.arange(len(steps))
    starts = positions.copy()
    starts[1:][steps[1:] == steps[:-1]] = 0
    return positions - np.maximum.accumulate(starts)


def _divide(groups: Sequence[tuple[str, list[_Source]]], room: int | None) -> list[int]:
    """Return how many bytes the values of each card may take."""
    needs = [_need(kind, group) for kind, group in groups]
    if room is not None:
        return fair_shares(needs, room)
    in_index = [
        0 if kind == "scalar" else need for (kind, _), need in zip(groups, needs, strict=True)
    ]
    shares = fair_shares(in_index, _BYTES_OF_A_LIVE_INDEX)
    return [
        min(need, _BYTES_OF_A_LIVE_CHART) if kind == "scalar" else share
        for (kind, _), need, share in zip(groups, needs, shares, strict=True)
    ]


def _need(kind: str, group: Sequence[_Source]) -> int:
    # Of what is left out in any case, no more than about the right number of bytes is counted.
    limits = (min(1.0, _MOST[kind] / max(len(each.sizes), 1)) for each in group)
    sizes = (int(each.sizes.sum()) for each in group)
    return sum(math.ceil(size * limit) for size, limit in zip(sizes, limits, strict=True))


def _describe(tag: str, group: Iterable[_Source]) -> dict[str, Any]:
    card = {"tag": tag}
    for name in ("description", "display_name"):
        text = next(filter(None, (getattr(each.about, name) for each in group)), "")
        if text:
            card[name] = text
    return card


def _name(*parts: object) -> str:
    text = repr(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=12).hexdigest()


def _times(wall_times: NDArray[np.float64]) -> list[float | None]:
    return [round(each, 3) if math.isfinite(each) else None for each in wall_times.tolist()]


def _narrow(numbers: NDArray[np.float64]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return numbers.astype("<f4")


def _base64(array: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


_Chosen = Sequence["NDArray[np.intp]"]


def _scalars(
    assets: dict[str, Asset], runs: Sequence[str], tag: str, group: list[_Source], chosen: _Chosen
) -> list[dict[str, Any]]:
    """Make one asset for all lines of a chart."""
    lengths = [
        (runs[each.run], each.run, len(each.values), float(each.values.wall_times[-1]))
        for each in group
    ]
    name = _name("scalar", tag, lengths, [len(each) for each in chosen])

    def load() -> tuple[str, bytes]:
        steps: dict[str, int] = {}
        lines = []
        for source, points in zip(group, chosen, strict=True):
            numbers = source.values.values[points]
            narrow = _narrow(numbers)
            exact = np.array_equal(narrow.astype(np.float64), numbers, equal_nan=True)
            step = _base64(source.values.steps[points].astype("<f8"))
            wall_times = source.values.wall_times[points]
            start = float(wall_times[0]) if np.isfinite(wall_times[:1]).any() else 0.0
            line = {
                "run": source.run,
                "steps": steps.setdefault(step, len(steps)),
                "start": start,
                "times": _base64(_narrow(wall_times - start)),
                "values": _base64(narrow if exact else numbers.astype("<f8")),
                "double": not exact,
            }
            lines.append(line)
        return "application/json", dump({"steps": list(steps), "lines": lines}).encode()

    assets[name] = load
    counts = [(len(points), len(each.sizes)) for points, each in zip(chosen, group, strict=True)]
    return [
        {
            "asset": name,
            "runs": [each.run for each in group],
            "shown": sum(shown for shown, _ in counts),
            "count": sum(count for _, count in counts),
        }
    ]


def _with_json(
    content: Callable[[Any], Any],
) -> Callable[..., list[dict[str, Any]]]:
    """Return a function that makes an asset of JSON for each run."""

    def make(
        assets: dict[str, Asset],
        runs: Sequence[str],
        tag: str,
        group: list[_Source],
        chosen: _Chosen,
    ) -> list[dict[str, Any]]:
        series = []
        for source, items in zip(group, chosen, strict=True):
            if not len(items):
                continue
            values, count = source.values, len(source.sizes)
            last = float(values.wall_times[-1])
            name = _name(source.about.kind, tag, runs[source.run], count, last, len(items))

            def load(values: Any = values, items: Any = items) -> tuple[str, bytes]:
                rows = [_or_problem(content, values, int(at)) for at in items]
                return "application/json", dump(rows).encode()

            assets[name] = load
            steps, times = values.steps[items].tolist(), _times(values.wall_times[items])
            about = {"run": source.run, "asset": name, "count": count}
            series.append({**about, "steps": steps, "times": times})
        return series

    return make


def _or_problem(content: Callable[[Any], Any], values: Any, at: int) -> Any:
    try:
        return content(values[at])
    except ValueError as error:  # it cannot be decoded; the others can
        return {"problem": str(error)[:200]}


def _buckets(histogram: Any) -> list[list[float]]:
    finite = histogram.buckets[np.isfinite(histogram.buckets).all(axis=1)]
    return [[float(f"{each:.6g}") for each in bucket] for bucket in finite.tolist()]


def _text(text: Any) -> Any:
    """Return Markdown, or the rows of a table."""
    strings = text.strings
    if strings.ndim in (1, 2) and strings.size > 1:
        return strings.reshape(len(strings), -1).tolist()
    return text.text


def _files(
    assets: dict[str, Asset], runs: Sequence[str], tag: str, group: list[_Source], chosen: _Chosen
) -> list[dict[str, Any]]:
    """Make an asset for each picture or sound."""
    found = []
    for source, items in zip(group, chosen, strict=True):
        positions = source.positions[items]
        steps = source.values.steps[positions].tolist()
        times = _times(source.values.wall_times[positions])
        key = source.about.kind, tag, runs[source.run], source.sample
        names = [_name(*key, *when) for when in zip(steps, times, strict=True)]
        for name, at in zip(names, positions.tolist(), strict=True):
            assets[name] = _loader(source.values, at)
        about = {"run": source.run, "sample": source.sample, "count": len(source.sizes)}
        found.append({**about, "steps": steps, "times": times, "assets": names})
    return found


def _loader(series: Any, at: int) -> Asset:
    def load() -> tuple[str, bytes]:
        item = series[at]
        encoded = item.encoded
        content_type = next((each for magic, each in _TYPES if encoded.startswith(magic)), "")
        if encoded[8:12] == b"WEBP":
            content_type = "image/webp"
        if content_type:
            return content_type, encoded
        if hasattr(item, "_repr_png_"):  # a picture that browsers do not show
            return "image/png", item._repr_png_()
        raise ValueError(f"step {item.step}: a sound of an unknown format")

    return load


#: What makes the series of the cards of each kind, in the order of the page.
_SECTIONS: Mapping[str, Callable[..., list[dict[str, Any]]]] = {
    "scalar": _scalars,
    "text": _with_json(_text),
    "histogram": _with_json(_buckets),
    "image": _files,
    "audio": _files,
}


def _hparams(runs: Iterable[Run]) -> list[dict[str, Any]]:
    """Return a row for each run that has hyperparameters, with the last values of its metrics."""
    rows = []
    for number, run in enumerate(runs):
        trial = run.hparams()
        if trial is None or not (trial.values or trial.metrics):
            continue
        scalars = [tag for tag, about in run.tags.items() if about.kind == "scalar"]
        wanted = [tag for tag in trial.metrics if tag in scalars] or scalars[:8]
        metrics = {tag: _finite(float(run.scalars(tag).values[-1])) for tag in wanted}
        values = {name: _finite(trial.values[name]) for name in sorted(trial.values, key=by_value)}
        rows.append({"run": number, "values": values, "metrics": metrics, "status": trial.status})
    return rows


def _finite(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
