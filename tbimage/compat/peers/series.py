"""Make the ``Draft`` of a scalar, tensor, text, PR curve or layout, for torch and tensorboardX.

The peers use several wire forms. This module uses those that both loaders of TensorBoard support.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from tbimage import checks
from tbimage.buffers import Piece
from tbimage.compat.peers.drafts import NO_TAG, Draft, check_tag, ready
from tbimage.compat.peers.errors import as_peers
from tbimage.events import wire
from tbimage.events.wire import DATA_CLASS_SCALAR, DATA_CLASS_TENSOR
from tbimage.kinds import custom_scalars as layout_kind
from tbimage.kinds import old_style, tensors
from tbimage.kinds import pr_curve as curve_kind
from tbimage.kinds import scalar as scalar_kind
from tbimage.kinds import tensor as tensor_kind
from tbimage.kinds import text as text_kind
from tbimage.kinds.numbers import Array, numeric_array
from tbimage.pixels.png.strips import Run
from tbimage.writer.notices import Notices

Make = Callable[[], "list[Piece]"]

#: The maximum number of thresholds in both peers. It is also their default.
MOST_THRESHOLDS = 127


@as_peers
def scalar(
    tag: str,
    value: float,
    *,
    as_tensor: bool = False,
    display_name: str = "",
    description: str = "",
) -> Draft:
    """Make the draft of a scalar. TensorBoard shows ``display_name`` in place of the tag."""
    tag = check_tag(tag)
    if as_tensor:
        metadata = wire.summary_metadata("scalars", b"", description or None, DATA_CLASS_SCALAR)
        with np.errstate(over="ignore"):
            number = np.array(value, np.float32)
        pieces = wire.summary([old_style.tensor_value(tag, number, metadata)])
    elif display_name:
        pieces = [_described(tag, value, display_name, description)]
    else:
        pieces = [scalar_kind.summary(tag, value, description or None)]
    return ready(tag, pieces, "a scalar")


def _described(tag: str, value: float, display_name: str, description: str) -> bytes:
    from tbimage.events.messages import Summary, SummaryMetadata

    metadata = SummaryMetadata(
        plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"),
        display_name=checks.text("display_name", display_name),
        summary_description=checks.text("summary_description", description),
        data_class=DATA_CLASS_SCALAR,  # without it, the data server drops name and description
    )
    made = Summary(value=[Summary.Value(tag=tag, simple_value=value, metadata=metadata)])
    return made.SerializeToString()


@as_peers
def tensor(tag: str, data: Any) -> Draft:
    """Make the draft of a tensor for the plugin "tensor". The tensor keeps its dtype."""
    tag = check_tag(tag)
    prepared = tensor_kind.prepare(data)
    tensors.import_messages()
    metadata = wire.summary_metadata("tensor", b"", None, DATA_CLASS_TENSOR)

    def take(notices: Notices, run: Run) -> Make:
        return partial(_tensor, tag, prepared.snapshot(), metadata)

    return Draft(tag or NO_TAG, prepared.nbytes, take, "a tensor")


def _tensor(tag: str, taken: tensor_kind.Tensor, metadata: bytes) -> list[Piece]:
    if taken.array is None:
        return tensor_kind.summary(tag, taken, metadata)
    return wire.summary([old_style.tensor_value(tag, taken.array, metadata)])


@as_peers
def text(tag: str, data: Any) -> Draft:
    """Make the draft of ``tag/text_summary``. As in both peers, a string is a table of one cell."""
    tag = f"{check_tag(tag)}/text_summary"
    if isinstance(data, (list, tuple, bytes, np.ndarray)):
        strings = text_kind.prepare(data)
    else:
        strings = text_kind.Text((), [checks.text("text_string", data).encode()])
    if strings.shape == ():
        strings = text_kind.Text((1,), strings.strings)
    return ready(tag, text_kind.summary(tag, strings, None), "a text")


@as_peers
def pr_curve(tag: str, labels: Any, predictions: Any, num_thresholds: int, weights: Any) -> Draft:
    """Make the draft of a PR curve, for labels (0 or 1) and predictions (0 to 1)."""
    tag = check_tag(tag)
    thresholds = _thresholds(num_thresholds)
    outcomes = curve_kind.prepare(labels, predictions, weights)
    _check_predictions(outcomes.predictions)

    def take(notices: Notices, run: Run) -> Make:
        taken = outcomes.snapshot()
        return lambda: _curve(tag, curve_kind.curve(taken, thresholds))

    return Draft(tag or NO_TAG, outcomes.nbytes, take, "a PR curve")


def _check_predictions(predictions: Array) -> None:
    if not predictions.size or (predictions.min() >= 0 and predictions.max() <= 1):
        return
    if predictions.dtype.kind == "f" and np.isnan(predictions).any():
        missing = int(np.isnan(predictions).sum())
        raise ValueError(
            f"predictions must lie within 0 and 1, got {missing} NaN among {predictions.size}: "
            "leave out these predictions and their labels"
        )
    raise ValueError(
        f"predictions must lie within 0 and 1, got {predictions.min():g} to "
        f"{predictions.max():g}; pass probabilities, not logits"
    )


def _thresholds(num_thresholds: Any) -> int:
    """Return the number of thresholds, at most 127. As in both peers, 1 is allowed."""
    if isinstance(num_thresholds, (int, np.integer)) and num_thresholds == 1:
        return 1
    return curve_kind.check_thresholds(min(num_thresholds, MOST_THRESHOLDS))


def _curve(tag: str, rows: Array) -> list[Piece]:
    from tbimage.events.messages import PrCurvePluginData

    content = PrCurvePluginData(num_thresholds=rows.shape[1]).SerializeToString()
    metadata = wire.summary_metadata("pr_curves", content, None)
    value = old_style.tensor_value(tag, rows.astype(np.float32), metadata)
    return wire.summary([value])


@as_peers
def pr_curve_raw(tag: str, rows: Mapping[str, Any]) -> Draft:
    """Make the draft of a PR curve. ``rows`` has its rows by name, in wire order."""
    tag = check_tag(tag)
    found = {name: numeric_array(name, row) for name, row in rows.items()}
    shapes = {row.shape for row in found.values()}
    if len(shapes) > 1 or {len(shape) for shape in shapes} != {1}:
        shown = ", ".join(f"{name} {row.shape}" for name, row in found.items())
        raise ValueError(f"each row must have one number for each threshold, got shapes: {shown}")
    return ready(tag, _curve(tag, np.stack(list(found.values()))), "a PR curve")


def layout(charts: layout_kind.Charts) -> Draft:
    """Make the draft of a layout of the Custom Scalars page."""
    return ready(layout_kind.LAYOUT_TAG, layout_kind.summary(charts))
