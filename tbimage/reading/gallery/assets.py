"""Make the assets of a page: the pictures, sounds and values that its index refers to.

If the content of an asset changes, its name changes. So a browser may cache an asset forever.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tbimage.reading.gallery.plugins import curve_content, in_base64, mesh_content

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tbimage.reading.runs import Tag

__all__ = ["MAKERS", "Asset", "Source", "dump"]

# The formats that browsers show or play, by their first bytes.
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

# The limits of a text on the page. A browser needs more than a second for twice as much text.
_LONGEST_TEXT, _MOST_ROWS, _MOST_COLUMNS = 200_000, 500, 50

#: A function that loads an asset, and returns its content type and its bytes.
Asset = Callable[[], tuple[str, bytes]]


@dataclass(frozen=True)
class Source:
    """The values of one tag in one run. For a batch, the values at one position in the batch."""

    kind: str  # the kind of the card that shows the values
    run: int
    sample: int
    about: Tag
    values: Any  # Scalars, or a Series
    positions: NDArray[np.intp]  # the indices of this source's values in ``values``
    sizes: NDArray[np.int64]


def dump(value: Any) -> str:
    """Serialize to JSON that has only ASCII and cannot end a script element."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _name(*parts: object) -> str:
    text = repr(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=12).hexdigest()


def _times(wall_times: NDArray[np.float64]) -> list[float | None]:
    return [round(each, 3) if math.isfinite(each) else None for each in wall_times.tolist()]


def _narrow(numbers: NDArray[np.float64]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return numbers.astype("<f4")


_Chosen = Sequence["NDArray[np.intp]"]


def _scalars(
    assets: dict[str, Asset], runs: Sequence[str], tag: str, group: list[Source], chosen: _Chosen
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
            step = in_base64(source.values.steps[points].astype("<f8"))
            wall_times = source.values.wall_times[points]
            start = float(wall_times[0]) if np.isfinite(wall_times[:1]).any() else 0.0
            line = {
                "run": source.run,
                "steps": steps.setdefault(step, len(steps)),
                "start": start,
                "times": in_base64(_narrow(wall_times - start)),
                "values": in_base64(narrow if exact else numbers.astype("<f8")),
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
    """Return a function that makes a JSON asset for each run."""

    def make(
        assets: dict[str, Asset],
        runs: Sequence[str],
        tag: str,
        group: list[Source],
        chosen: _Chosen,
    ) -> list[dict[str, Any]]:
        series = []
        for source, items in zip(group, chosen, strict=True):
            if not len(items):
                continue
            values, count = source.values, len(source.sizes)
            last = float(values.wall_times[-1])
            name = _name(source.kind, tag, runs[source.run], count, last, len(items))

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
    except ValueError as error:  # only this value cannot be decoded
        return {"problem": str(error)[:200]}


def _buckets(histogram: Any) -> list[list[float]]:
    finite = histogram.buckets[np.isfinite(histogram.buckets).all(axis=1)]
    return [[float(f"{each:.6g}") for each in bucket] for bucket in finite.tolist()]


def _text(text: Any) -> Any:
    """Return Markdown, or the rows of a table. Long texts and large tables are truncated."""
    strings = text.strings
    if strings.ndim not in (1, 2) or strings.size < 2:
        return _cut(text.text, _LONGEST_TEXT)
    cells = strings.reshape(len(strings), -1)
    rows, columns = cells.shape
    shown = cells[:_MOST_ROWS, :_MOST_COLUMNS]
    longest = _LONGEST_TEXT // shown.size
    table = [[_cut(cell, longest) for cell in row] for row in shown.tolist()]
    if shown.size < cells.size:
        table.append([f"… of {rows} rows and {columns} columns"])
    return table


def _cut(text: str, longest: int) -> str:
    rest = len(text) - longest
    return text if rest <= 0 else f"{text[:longest]}… and {rest} more characters"


def _files(
    assets: dict[str, Asset], runs: Sequence[str], tag: str, group: list[Source], chosen: _Chosen
) -> list[dict[str, Any]]:
    """Make an asset for each picture, sound or mesh."""
    found = []
    for source, items in zip(group, chosen, strict=True):
        positions = source.positions[items]
        steps = source.values.steps[positions].tolist()
        times = _times(source.values.wall_times[positions])
        key = source.kind, tag, runs[source.run], source.sample
        names = [_name(*key, *when) for when in zip(steps, times, strict=True)]
        for name, at in zip(names, positions.tolist(), strict=True):
            assets[name] = _loader(source.kind, source.values, at)
        about = {"run": source.run, "sample": source.sample, "count": len(source.sizes)}
        found.append({**about, "steps": steps, "times": times, "assets": names})
    return found


def _loader(kind: str, series: Any, at: int) -> Asset:
    def load() -> tuple[str, bytes]:
        if kind == "mesh":
            return "application/json", dump(mesh_content(*series[at])).encode()
        item = series[at]
        encoded = item.encoded
        content_type = next((each for magic, each in _TYPES if encoded.startswith(magic)), "")
        if encoded[8:12] == b"WEBP":
            content_type = "image/webp"
        if content_type:
            return content_type, encoded
        if hasattr(item, "_repr_png_"):  # a picture in a format that browsers do not show
            return "image/png", item._repr_png_()
        raise ValueError(f"step {item.step}: a sound of an unknown format")

    return load


#: For each kind, the function that makes the series of its cards. The index and the assets of a
#: page have the kinds in this order.
MAKERS: Mapping[str, Callable[..., list[dict[str, Any]]]] = {
    "scalar": _scalars,
    "text": _with_json(_text),
    "pr_curve": _with_json(curve_content),
    "histogram": _with_json(_buckets),
    "mesh": _files,
    "image": _files,
    "audio": _files,
}
