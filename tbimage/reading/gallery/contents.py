"""The content of a page: an index of all tags, and the assets that the index refers to.

The index is small and is loaded first. An asset is a picture, a sound, or the values of a tag as
JSON. A page that is one file contains all assets. A live page requests an asset when the asset
becomes visible.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tbimage.reading.gallery.assets import MAKERS, Asset, Source
from tbimage.reading.gallery.plugins import charts, find_meshes
from tbimage.reading.gallery.sampling import choose, fair_shares
from tbimage.reading.runs import METHODS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tbimage.reading.logs import Logs
    from tbimage.reading.runs import Run, Tag

__all__ = ["Contents", "collect"]

#: The largest number of values of one run on a card. More values would not be visible: a chart has
#: fewer pixels, a card has no space for more histograms, and a slider has fewer positions.
_MOST = {
    "scalar": 5000,
    "text": 1000,
    "pr_curve": 200,
    "histogram": 100,
    "mesh": 200,
    "image": 1000,
    "audio": 1000,
}
# The limits of a live page. It loads the index first, and then one chart at a time. The index has
# the steps of pictures and texts, but not their contents.
_BYTES_OF_A_LIVE_CHART, _BYTES_OF_A_LIVE_INDEX = 8 << 20, 16 << 20

# A point has a step and a value in float64, and a wall time in float32. This is its size in base64.
_POINT_BYTES = 27
# The index has the step, the wall time and the asset of each item. A page that is one file also has
# an HTML element for the item. These are the sizes in bytes.
_INDEX_BYTES, _ITEM_BYTES = 60, 220
# Numbers as decimal text need at most three times as many bytes as in an event file.
_TEXT_FACTOR = 3

# More messages would make the page longer, but not more useful.
_MOST_DAMAGE = 50

#: The kinds of tensors that the page draws, by plugin. A layout has no card, but adds charts.
_PLUGINS = {"pr_curves": "pr_curve", "custom_scalars": "layout"}
_SHOWN_ELSEWHERE = ("hparams", "layout")

#: A batch of pictures has one tag for each picture, such as ``samples/image/0``.
_IN_BATCH = re.compile(r"(.+)/image/([0-9]{1,6})", re.DOTALL)


@dataclass
class Contents:
    """The content of a page.

    Attributes:
        index: The runs, the tags, and the names of their assets, as a value for ``json.dumps``.
        assets: The assets by name. The values of tags come before pictures and sounds.
        shown: For each kind, the number of shown values and of all values.
    """

    index: dict[str, Any]
    assets: dict[str, Asset] = field(default_factory=dict)
    shown: dict[str, tuple[int, int]] = field(default_factory=dict)


def collect(logs: Logs, room: int | None) -> Contents:
    """Choose the values of a page.

    Args:
        logs: The logs.
        room: The approximate limit for the bytes of all assets. If a tag has too many values, some
            of them are chosen, evenly spread. None: the page is live, and loads only visible
            assets.
    """
    names = sorted(logs, key=by_value)
    sources, others = _gather([logs[name] for name in names], live=room is None)
    contents = Contents(
        {
            "title": os.path.basename(os.path.abspath(logs.path)) or logs.path,
            "runs": names,
            "hparams": _hparams([logs[name] for name in names]),
            "others": others,
            "damage": [str(each) for each in logs.damage[:_MOST_DAMAGE]],
        }
    )
    order = sorted(sources, key=lambda each: (list(MAKERS).index(each[0]), by_value(each[1])))
    shares = _divide([(kind, sources[kind, tag]) for kind, tag in order], room)
    for kind in MAKERS:
        contents.index[kind] = []
    for (kind, tag), share in zip(order, shares, strict=True):
        group = sources[kind, tag]
        chosen = choose([each.sizes for each in group], share, _MOST[kind])
        card = _describe(tag, group)
        card["series"] = MAKERS[kind](contents.assets, names, tag, group, chosen)
        contents.index[kind].append(card)
        before, all_before = contents.shown.get(kind, (0, 0))
        counts = sum(map(len, chosen)), sum(len(each.sizes) for each in group)
        contents.shown[kind] = before + counts[0], all_before + counts[1]
    contents.index["chart"] = charts((logs[name] for name in names), contents.index["scalar"])
    contents.index["shown"] = contents.shown
    return contents


def by_value(name: str) -> list[str | int]:
    """Return a key for the natural sort order of names: a2 comes before a10."""
    # Strings and integers alternate, so that keys can be compared.
    parts = re.split(r"([0-9]{1,18})", name)  # int() does not accept thousands of digits
    return [int(part) if at % 2 else part for at, part in enumerate(parts)]


def _gather(
    runs: Sequence[Run], live: bool
) -> tuple[dict[tuple[str, str], list[Source]], list[dict[str, Any]]]:
    """Return the values of each card, by kind and name, and the tags that have no card."""
    sources: dict[tuple[str, str], list[Source]] = {}
    others: dict[str, dict[str, Any]] = {}
    for number, run in enumerate(runs):
        meshes, parts = find_meshes(run)
        for tag, about in run.tags.items():
            kind, card, first = _place(tag, about, run.tags)
            if tag in meshes:
                name = meshes[tag].name
                found = _sources("mesh", number, 0, about, meshes[tag], live)
                sources.setdefault(("mesh", name), []).extend(found)
            elif kind in MAKERS:
                values = getattr(run, METHODS[about.kind])(tag)
                found = _sources(kind, number, first, about, values, live)
                sources.setdefault((kind, card), []).extend(found)
            elif tag not in parts and kind not in _SHOWN_ELSEWHERE:
                blank = {"tag": tag, "kind": kind, "plugin": about.plugin, "runs": []}
                others.setdefault(tag, blank)["runs"].append(number)
    return sources, list(others.values())


def _place(tag: str, about: Tag, tags: Mapping[str, Tag]) -> tuple[str, str, int]:
    """Return kind and name of a tag's card, and the tag's place in its batch (0: no batch)."""
    if about.kind == "tensor" and about.plugin in _PLUGINS:
        return _PLUGINS[about.plugin], tag, 0
    batch = _IN_BATCH.fullmatch(tag) if about.kind == "image" else None
    if batch is None:
        return about.kind, tag, 0
    return about.kind, tag if batch[1] in tags else batch[1], int(batch[2])


def _sources(kind: str, run: int, first: int, about: Tag, values: Any, live: bool) -> list[Source]:
    if kind == "scalar":
        sizes = np.broadcast_to(np.int64(_POINT_BYTES), len(values))
        return [Source(kind, run, 0, about, values, np.arange(len(values)), sizes)]
    is_file = kind in ("image", "audio", "mesh")
    if live:
        sizes = np.broadcast_to(np.int64(_INDEX_BYTES), len(values))
    else:
        sizes = values.sizes * 4 // 3 + _ITEM_BYTES if is_file else values.sizes * _TEXT_FACTOR
    if not is_file:
        return [Source(kind, run, 0, about, values, np.arange(len(values)), sizes)]
    samples = _samples(values.steps)
    return [
        Source(kind, run, first + sample, about, values, there, sizes[there])
        for sample in range(int(samples.max(initial=-1)) + 1)
        for there in [np.flatnonzero(samples == sample)]
    ]


def _samples(steps: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return each value's number in its step. The first value of a step has the number 0."""
    positions = np.arange(len(steps))
    starts = positions.copy()
    starts[1:][steps[1:] == steps[:-1]] = 0
    return positions - np.maximum.accumulate(starts)


def _divide(groups: Sequence[tuple[str, list[Source]]], room: int | None) -> list[int]:
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


def _need(kind: str, group: Sequence[Source]) -> int:
    # Values that are left out because of _MOST must not count as needed bytes.
    limits = (min(1.0, _MOST[kind] / max(len(each.sizes), 1)) for each in group)
    sizes = (int(each.sizes.sum()) for each in group)
    return sum(math.ceil(size * limit) for size, limit in zip(sizes, limits, strict=True))


def _describe(tag: str, group: Iterable[Source]) -> dict[str, Any]:
    card = {"tag": tag}
    for name in ("description", "display_name"):
        text = next(filter(None, (getattr(each.about, name) for each in group)), "")
        if text:
            card[name] = text
    return card


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
