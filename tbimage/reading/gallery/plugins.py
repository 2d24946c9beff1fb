"""Prepare PR curves, meshes, and the charts of layouts for the page."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tbimage.reading.gallery.sampling import evenly

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tbimage.reading.items import Tensor
    from tbimage.reading.runs import Run
    from tbimage.reading.series import Series

__all__ = ["Meshes", "charts", "curve_content", "find_meshes", "in_base64", "mesh_content"]

# MeshPluginData.ContentType; see proto/tbimage/plugin_data.proto.
_VERTICES, _FACES, _COLORS = 1, 2, 3

# A chart is 230 pixels high, so more thresholds would not be visible.
_MOST_THRESHOLDS = 256
# While a user rotates a mesh, the page can draw this number of points and faces in about 20 ms.
_MOST_POINTS, _MOST_FACES = 20_000, 10_000

_MOST_CHARTS = 200
# The regular expressions of a layout come from the logs, and matching a bad expression may take
# years. So only simple expressions are used. Each of them needs at most 3 ms for a tag. All
# expressions together may take at most 5 s.
_MOST_REPETITIONS, _MOST_CHOICES, _LONGEST_EXPRESSION, _LONGEST_TAG = 2, 4, 500, 200
_MATCHING_SECONDS = 5.0
_COMPLEX = re.compile(r"\)[*+?{]|\(\?|\\[1-9]")


def in_base64(array: NDArray[Any]) -> str:
    """Return the bytes of an array as text."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def curve_content(tensor: Tensor) -> dict[str, Any]:
    """Return the rows of a PR curve: TP, FP, TN, FN, precision, recall and thresholds.

    The last thresholds are left out if no prediction reaches them, because precision is undefined
    there. TensorBoard does the same (``_make_pr_entry`` of its plugin).
    """
    rows = tensor.value
    if rows.ndim != 2 or rows.shape[0] != 6 or not rows.shape[1] or rows.dtype.kind not in "fiu":
        shape = list(rows.shape)
        raise ValueError(f"step {tensor.step}: a PR curve has the shape [6, n], but got {shape}")
    count = rows.shape[1]
    chosen = evenly(count, _MOST_THRESHOLDS)
    with np.errstate(over="ignore"):
        some = rows[:, chosen].astype("<f4")
    reached = np.flatnonzero(some[0] + some[1] != 0)
    end = int(reached[-1]) + 1 if len(reached) else 1
    thresholds = (chosen / max(count - 1, 1)).astype("<f4")
    return {"rows": in_base64(np.vstack([some, thresholds[None]])[:, :end]), "count": end}


@dataclass(frozen=True)
class Meshes:
    """The meshes with one name in one run. The parts of a mesh are tensors with the same step.

    Attributes:
        name: The name of the meshes.
        vertices: The tensors of the vertices.
        faces: The tensors of the faces, or None.
        colors: The tensors of the colors, or None.
    """

    name: str
    vertices: Series[Tensor]
    faces: Series[Tensor] | None
    colors: Series[Tensor] | None

    @property
    def steps(self) -> NDArray[np.int64]:
        """The step of each mesh."""
        return self.vertices.steps

    @property
    def wall_times(self) -> NDArray[np.float64]:
        """When each mesh was logged, in seconds since 1970."""
        return self.vertices.wall_times

    @property
    def sizes(self) -> NDArray[np.int64]:
        """The approximate size of each mesh in the page. One record has all parts of a mesh."""
        most = 40 * _MOST_POINTS + 20 * _MOST_FACES
        sizes: NDArray[np.int64] = np.minimum(self.vertices.sizes * 2, most)
        return sizes

    def __len__(self) -> int:
        return len(self.vertices)

    def __getitem__(self, at: int) -> tuple[NDArray[Any], NDArray[Any] | None, NDArray[Any] | None]:
        step = int(self.steps[at])
        faces, colors = (
            series.at(step).value if series is not None and (series.steps == step).any() else None
            for series in (self.faces, self.colors)
        )
        return self.vertices[at].value, faces, colors


def find_meshes(run: Run) -> tuple[dict[str, Meshes], set[str]]:
    """Find the meshes of a run.

    Returns:
        A dict that maps the vertices' tag to the meshes, and the tags of the faces and the colors.
    """
    tags: dict[str, dict[int, str]] = {}
    for tag, about in run.tags.items():
        if (about.kind, about.plugin) == ("tensor", "mesh"):
            name, part = _mesh_part(run.metadata[tag].content)
            tags.setdefault(name, {})[part] = tag
    found: dict[str, Meshes] = {}
    others: set[str] = set()
    for name, parts in tags.items():
        if not name or _VERTICES not in parts:
            continue
        rest = [parts.get(_FACES), parts.get(_COLORS)]
        series = [None if tag is None else run.tensors(tag) for tag in rest]
        found[parts[_VERTICES]] = Meshes(name, run.tensors(parts[_VERTICES]), *series)
        others.update(filter(None, rest))
    return found, others


def _mesh_part(content: bytes) -> tuple[str, int]:
    """Return the name of a mesh and the part in a tag, such as _FACES, from the plugin's data."""
    from google.protobuf.message import DecodeError

    from tbimage.events.messages import MeshPluginData

    try:
        data = MeshPluginData.FromString(content)
    except DecodeError:
        return "", 0
    return data.name, data.content_type


def mesh_content(
    vertices: NDArray[Any], faces: NDArray[Any] | None, colors: NDArray[Any] | None
) -> dict[str, Any]:
    """Return the first mesh of a batch, reduced to the points or faces that the page can draw."""
    points, triangles, levels = (_rows(each) for each in (vertices, faces, colors))
    if points is None:
        shape = list(vertices.shape)
        raise ValueError(f"vertices of a mesh have the shape [batch, n, 3], but got {shape}")
    batch = vertices.shape[0] if vertices.ndim == 3 else 1
    content: dict[str, Any] = {"batch": batch, "points": len(points), "faces": 0}
    if triangles is not None:
        content["faces"] = len(triangles)
        with np.errstate(invalid="ignore"):  # torch logs indices as float32
            triangles = triangles[evenly(len(triangles), _MOST_FACES)].astype(np.int64)
        triangles = triangles[((triangles >= 0) & (triangles < len(points))).all(axis=1)]
        kept, corners = np.unique(triangles, return_inverse=True)
        content["triangles"] = in_base64(corners.reshape(-1).astype("<u4"))
    else:
        kept = evenly(len(points), _MOST_POINTS)
    with np.errstate(over="ignore"):
        content["places"] = in_base64(points[kept].astype("<f4"))
    if levels is not None and len(levels) == len(points):
        content["colors"] = in_base64(np.clip(np.nan_to_num(levels[kept]), 0, 255).astype("u1"))
    return content


def _rows(array: NDArray[Any] | None) -> NDArray[Any] | None:
    """Return the first ``[n, 3]`` of ``[batch, n, 3]``, or None for another shape or type."""
    if array is None or array.ndim not in (2, 3) or array.shape[-1] != 3:
        return None
    if not array.size or array.dtype.kind not in "fiu":
        return None
    first: NDArray[Any] = array[0] if array.ndim == 3 else array
    return first


def charts(runs: Iterable[Run], cards: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the charts of all layouts.

    If several charts have the same category and title, only the first one is returned.

    Args:
        runs: The runs. Some of them may have a layout.
        cards: The cards of scalars. The charts use the data of these cards.
    """
    by_tag = {card["tag"]: card["series"][0] for card in cards if card["series"]}
    matching = _Matching(list(by_tag))
    found: dict[str, dict[str, Any]] = {}
    for run in runs:
        try:
            layout = run.custom_scalars() or {}
        except (OSError, ValueError) as error:
            found.setdefault("layout", {"tag": "layout", "problem": str(error)[:200], "series": []})
            continue
        for category, titles in layout.items():
            for title, (kind, tags) in titles.items():
                name = f"{category}/{title}"
                if name in found or len(found) >= _MOST_CHARTS:
                    continue
                if kind == "margin":
                    threes = zip(tags[::3], tags[1::3], tags[2::3], strict=False)
                    lines = [list(each) for each in threes if by_tag.keys() >= set(each)]
                else:
                    lines = [[tag] for tag in matching.tags(tags)]
                needed = dict.fromkeys(tag for line in lines for tag in line)
                series = [{**by_tag[tag], "tag": tag} for tag in needed]
                found[name] = {"tag": name, "lines": lines, "series": series}
    return list(found.values())


class _Matching:
    """Find the tags whose beginning matches an expression, as TensorBoard does."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = [name for name in names if len(name) <= _LONGEST_TAG]
        self._known = set(names)
        self._until = time.monotonic() + _MATCHING_SECONDS

    def tags(self, expressions: Iterable[str]) -> list[str]:
        """Return the tags that match one of the expressions, or are equal to one of them."""
        found: dict[str, None] = {}
        for expression in expressions:
            if expression in self._known:
                found[expression] = None
            if not _is_simple(expression):
                continue
            pattern = re.compile(expression)
            for name in self._names:
                if time.monotonic() < self._until and pattern.match(name):
                    found[name] = None
        return list(found)


def _is_simple(expression: str) -> bool:
    """Tell whether an expression is valid and short, has few repetitions and repeats no group."""
    repetitions = sum(map(expression.count, "*+{"))
    choices = sum(map(expression.count, "?|"))
    is_short = len(expression) <= _LONGEST_EXPRESSION
    if not is_short or repetitions > _MOST_REPETITIONS or choices > _MOST_CHOICES:
        return False
    try:
        return not _COMPLEX.search(expression) and bool(re.compile(expression))
    except (re.error, OverflowError, RecursionError):
        return False
