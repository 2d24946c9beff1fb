"""What torch and tensorboardX log besides pictures and sound: histograms, text, curves, meshes.

What lives here: drafts of these summaries, in the wire forms that both of TensorBoard's loaders
show (``kinds/``), with the peers' buckets and tags.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from tbimage.buffers import Piece
from tbimage.compat.peers.drafts import Draft
from tbimage.events.wire import DATA_CLASS_SCALAR, DATA_CLASS_TENSOR
from tbimage.kinds import custom_scalars as layout_kind
from tbimage.kinds import histogram as histogram_kind
from tbimage.kinds import mesh as mesh_kind
from tbimage.kinds import names, tensors
from tbimage.kinds import pr_curve as curve_kind
from tbimage.kinds import pr_curve_raw as raw_curve_kind
from tbimage.kinds import scalar as scalar_kind
from tbimage.kinds import tensor as tensor_kind
from tbimage.kinds import text as text_kind
from tbimage.kinds.numbers import Array, numeric_array
from tbimage.pixels.png.encoder import Run
from tbimage.writer.notices import Notices

__all__ = [
    "default_bins",
    "histogram",
    "histogram_raw",
    "layout",
    "mesh",
    "number",
    "pr_curve",
    "pr_curve_raw",
    "scalar",
    "tensor",
    "text",
]

Make = Callable[[], "list[Piece]"]

#: Both peers take at most so many, which is the number that TensorBoard's own summaries default to.
MOST_THRESHOLDS = 127


def number(argument: str, value: Any) -> float:
    """Give the one number of an argument.

    Args:
        argument: Its name, for errors.
        value: A number, or an array or tensor of one element.

    Raises:
        TypeError: It is no real number.
        ValueError: It has another number of elements.

    Example:
        >>> number("scalar_value", np.ones((1, 1)))
        1.0
    """
    if isinstance(value, (list, tuple)) or getattr(value, "shape", ()) != ():
        array = numeric_array(argument, value)
        if array.size != 1:
            raise ValueError(f"{argument} must be one number, got shape {array.shape}")
        return float(array.reshape(()))
    try:
        return scalar_kind.check_value(value)
    except TypeError as error:
        raise TypeError(f"{argument}: {error}") from None


def scalar(
    tag: str,
    value: float,
    *,
    as_tensor: bool = False,
    display_name: str = "",
    description: str = "",
) -> Draft:
    """Draft a scalar that has more than its number.

    Args:
        tag: The tag.
        value: The number.
        as_tensor: Whether it is stored as a tensor.
        display_name: What TensorBoard shows in place of the tag.
        description: Markdown.

    Example:
        >>> scalar("a", 1.0, as_tensor=True).name
        'a'
    """
    name = names.check_name(tag)
    if as_tensor:
        metadata = tensors.metadata("scalars", b"", description or None, DATA_CLASS_SCALAR)
        pieces = tensors.summary([tensors.value(name, np.array(value, np.float32), metadata)])
    elif display_name:
        pieces = [_described(name, value, display_name, description)]
    else:
        pieces = [scalar_kind.summary(name, value, description or None)]
    return _made(name, pieces)


def _described(name: str, value: float, display_name: str, description: str) -> bytes:
    from tbimage.events.messages import Summary, SummaryMetadata

    metadata = SummaryMetadata(
        plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"),
        display_name=names.check_text("display_name", display_name),
        summary_description=names.check_text("summary_description", description),
        data_class=DATA_CLASS_SCALAR,  # without it the data server drops both
    )
    made = Summary(value=[Summary.Value(tag=name, simple_value=value, metadata=metadata)])
    return made.SerializeToString()


def _made(name: str, pieces: list[Piece]) -> Draft:
    return Draft(name, sum(map(len, pieces)), lambda notices, run: lambda: pieces)


def tensor(tag: str, data: Any) -> Draft:
    """Draft a tensor as it is, for the plugin "tensor".

    Args:
        tag: The tag.
        data: An array of any shape and dtype.

    Example:
        >>> tensor("a", np.zeros(3)).nbytes
        24
    """
    name = names.check_name(tag)
    prepared = tensor_kind.prepare(data)
    metadata = tensors.metadata("tensor", b"", None, DATA_CLASS_TENSOR)

    def take(notices: Notices, run: Run) -> Make:
        return partial(tensor_kind.summary, name, prepared.snapshot(), metadata)

    return Draft(name, prepared.nbytes, take)


@lru_cache(maxsize=1)
def default_bins() -> tuple[float, ...]:
    """Return the edges that both peers take for ``bins="tensorflow"``.

    They are TensorFlow's old ones: from 1e-12 up to 1e20 each a tenth greater than the last, the
    same negative, and 0 (``core/lib/histogram/histogram.cc``).

    Example:
        >>> len(default_bins())
        1549
    """
    edges, edge = [], 1e-12
    while edge < 1e20:
        edges.append(edge)
        edge *= 1.1
    return (*(-edge for edge in reversed(edges)), 0, *edges)


def histogram(tag: str, data: Any, bins: Any, max_bins: int | None) -> Draft:
    """Draft a histogram with the peers' buckets.

    Args:
        tag: The tag.
        data: Numbers of any shape and dtype. NaN and infinities are left out and reported.
        bins: "tensorflow", or what ``numpy.histogram`` takes.
        max_bins: Neighbours are merged until there are about as many; None: never.

    Raises:
        TypeError: ``data`` is not numbers, or ``bins`` is nothing that ``numpy.histogram`` takes.
        ValueError: ``bins`` is none of its names, or no edges that grow.

    Example:
        >>> histogram("a", [1, 2, 3], "auto", None).name
        'a'
    """
    name = names.check_name(tag)
    values = histogram_kind.prepare(data)
    if isinstance(bins, str) and bins == "tensorflow":
        bins = default_bins()
    else:
        np.histogram_bin_edges([0.0, 1.0], bins)  # raises here what a worker would

    def take(notices: Notices, run: Run) -> Make:
        taken = histogram_kind.snapshot(data, values)
        return partial(_histogram, name, taken, bins, max_bins, notices)

    return Draft(name, values.nbytes, take)


def _histogram(
    name: str, values: Array, bins: Any, max_bins: int | None, notices: Notices
) -> list[Piece]:
    numbers = values.reshape(-1).astype(np.float64)
    finite = np.isfinite(numbers)
    if not finite.all():
        notices.report_histogram(name, int(numbers.size - finite.sum()))
        numbers = numbers[finite]
    if not numbers.size:
        return histogram_kind.table_summary(name, np.zeros((1, 3)), None)
    low, high = float(numbers.min()), float(numbers.max())
    if bins is default_bins():
        numbers = numbers.clip(bins[0], bins[-1])
    try:
        with np.errstate(over="raise", invalid="raise"):
            counts, edges = np.histogram(numbers, bins)
    except (FloatingPointError, MemoryError, ValueError):  # float64 cannot divide their range so
        counts, edges = np.array([numbers.size]), np.array([low, high])
    if max_bins is not None and len(counts) > max_bins:
        firsts = np.arange(0, len(counts), len(counts) // max_bins)
        counts = np.add.reduceat(counts, firsts)
        edges = np.append(edges[firsts], edges[-1])
    return histogram_kind.table_summary(name, _table(counts, edges[1:], low, high), None)


def _table(counts: Array, limits: Array, low: float, high: float) -> npt.NDArray[np.float64]:
    """Make left edge, right edge and count of each bucket, as TensorBoard reads a HistogramProto.

    That is, without empty buckets at both ends, from the least to the greatest value
    (``data_compat._migrate_histogram_value``).
    """
    filled = np.flatnonzero(counts)
    if not filled.size:
        return np.zeros((1, 3))
    first, last = int(filled[0]), int(filled[-1])
    inner = limits[first:last]
    return np.stack([[low, *inner], [*inner, high], counts[first : last + 1]], axis=1)


def histogram_raw(tag: str, low: float, high: float, limits: Any, counts: Any) -> Draft:
    """Draft a histogram whose buckets are counted.

    Args:
        tag: The tag.
        low: The least value.
        high: The greatest value.
        limits: Where each bucket ends.
        counts: How many values each bucket has.

    Raises:
        TypeError: One of them is not numbers.
        ValueError: There are not as many limits as counts.

    Example:
        >>> histogram_raw("a", 0, 2, [1, 2], [3, 4]).name
        'a'
    """
    name = names.check_name(tag)
    ends = np.array(numeric_array("bucket_limits", limits), np.float64)
    heights = np.array(numeric_array("bucket_counts", counts), np.float64)
    if ends.ndim != 1 or ends.shape != heights.shape:
        raise ValueError(
            "bucket_limits and bucket_counts must be of one length, got shapes "
            f"{ends.shape} and {heights.shape}"
        )
    table = _table(heights, ends, number("min", low), number("max", high))
    return _made(name, histogram_kind.table_summary(name, table, None))


def text(tag: str, data: Any) -> Draft:
    """Draft a text, which both peers store as a table of one cell under ``tag/text_summary``.

    Args:
        tag: The tag.
        data: Markdown.

    Raises:
        TypeError: It is no text.
        ValueError: It is not valid Unicode.

    Example:
        >>> text("a", "*b*").name
        'a/text_summary'
    """
    name = names.check_name(f"{names.check_name(tag)}/text_summary")
    strings = text_kind.prepare(data)
    if strings.shape == ():
        strings = text_kind.Text((1,), strings.strings)
    return _made(name, text_kind.summary(name, strings, None))


def pr_curve(tag: str, labels: Any, predictions: Any, num_thresholds: int, weights: Any) -> Draft:
    """Draft precision and recall.

    Args:
        tag: The tag.
        labels: 0 or 1, any shape.
        predictions: From 0 to 1, of the same shape.
        num_thresholds: At most 127 are taken.
        weights: How much each counts, or None.

    Raises:
        TypeError: One of them is not numbers.
        ValueError: The shapes differ.

    Example:
        >>> pr_curve("a", [1, 0], [0.9, 0.1], 127, None).name
        'a'
    """
    name = names.check_name(tag)
    thresholds = curve_kind.check_thresholds(min(num_thresholds, MOST_THRESHOLDS))
    outcomes = curve_kind.prepare(labels, predictions, weights)

    def take(notices: Notices, run: Run) -> Make:
        return partial(curve_kind.summary, name, outcomes.snapshot(), thresholds, None)

    return Draft(name, outcomes.nbytes, take)


def pr_curve_raw(tag: str, rows: Mapping[str, Any]) -> Draft:
    """Draft precision and recall that are computed.

    Args:
        tag: The tag.
        rows: By argument, in the order of ``kinds.pr_curve_raw.prepare``.

    Raises:
        TypeError: One of them is not numbers.
        ValueError: They are not of one length.

    Example:
        >>> pr_curve_raw("a", dict.fromkeys("abcdef", [1, 2])).name
        'a'
    """
    name = names.check_name(tag)
    return _made(name, curve_kind.curve_summary(name, raw_curve_kind.prepare(rows), None))


def mesh(tag: str, vertices: Any, colors: Any, faces: Any, config: Any) -> Draft:
    """Draft a mesh.

    Args:
        tag: What the tags begin with.
        vertices: [batch, points, 3].
        colors: Likewise, or None.
        faces: [batch, faces, 3], or None.
        config: For THREE.js, or None.

    Raises:
        TypeError: One of them is not numbers.
        ValueError: Their shapes do not fit each other.

    Example:
        >>> mesh("a", np.zeros((1, 3, 3)), None, None, None).name
        'a_VERTEX'
    """
    name = names.check_name(tag)
    parts = mesh_kind.prepare(vertices, faces, colors)
    json = mesh_kind.check_config(config)

    def take(notices: Notices, run: Run) -> Make:
        return partial(mesh_kind.summary, name, parts.snapshot(), json, None)

    return Draft(mesh_kind.first_tag(name), parts.nbytes, take)


def layout(charts: layout_kind.Charts) -> Draft:
    """Draft a layout of the Custom Scalars page.

    Args:
        charts: What ``kinds.custom_scalars.check_layout`` returned.

    Example:
        >>> layout({}).name
        'custom_scalars__config__'
    """
    return _made(layout_kind.LAYOUT_TAG, layout_kind.summary(charts))
