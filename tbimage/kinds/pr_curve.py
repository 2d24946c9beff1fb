"""Precision and recall at many thresholds, for predictions between 0 and 1.

The wire form is that of TensorBoard: a float32 tensor [6, thresholds]. The rows are true positives,
false positives, true negatives, false negatives, precision and recall. Threshold i has the value
``i / (thresholds - 1)``. A prediction p is positive at threshold i if
``p * (thresholds - 1) >= i``. Each row is a cumulative sum over buckets, as in
``tensorboard/plugins/pr_curve/summary.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tbimage import checks
from tbimage.buffers import Piece
from tbimage.events import wire
from tbimage.kinds import tensors
from tbimage.kinds.numbers import Array, numeric_array
from tbimage.pixels.arrays import array_like

# The least divisor, so that 0 / 0 becomes 0: _MINIMUM_COUNT of TensorBoard's pr_curve/summary.py.
_LEAST_COUNT = 1e-7


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The checked arguments of one call, as arrays [n]. Without weights, each weight is 1."""

    labels: Array
    predictions: Array
    weights: Array | None

    @property
    def nbytes(self) -> int:
        """The size of a snapshot in bytes."""
        weights = 0 if self.weights is None else self.weights.nbytes
        return self.labels.nbytes + self.predictions.nbytes + weights

    def snapshot(self) -> Outcomes:
        """Copy all arrays."""
        weights = None if self.weights is None else _copy(self.weights)
        return Outcomes(_copy(self.labels), _copy(self.predictions), weights)


def _copy(array: Array) -> Array:
    return array_like.snapshot(array, array)


def check_thresholds(num_thresholds: object) -> int:
    """Check the number of thresholds of a curve."""
    return checks.integer("num_thresholds", num_thresholds, 2)


def prepare(labels: object, predictions: object, weights: object = None) -> Outcomes:
    """Check shapes and dtypes, and copy nothing."""
    tensors.import_messages()
    truth = numeric_array("labels", labels)
    scores = numeric_array("predictions", predictions)
    if truth.shape != scores.shape:
        raise ValueError(
            f"labels and predictions must have the same shape, got {truth.shape} and {scores.shape}"
        )
    if weights is None:
        return Outcomes(truth.reshape(-1), scores.reshape(-1), None)
    importance = numeric_array("weights", weights)
    if importance.shape not in ((), scores.shape):
        raise ValueError(
            f"weights must be one number or have the shape of predictions, {scores.shape}, got "
            f"{importance.shape}"
        )
    importance = np.broadcast_to(importance, scores.shape)
    return Outcomes(truth.reshape(-1), scores.reshape(-1), importance.reshape(-1))


def summary(
    name: str, outcomes: Outcomes, num_thresholds: int, description: str | None
) -> list[Piece]:
    """Check the values of labels and predictions, and make the Summary."""
    return curve_summary(name, curve(outcomes, num_thresholds), description)


def curve(outcomes: Outcomes, num_thresholds: int) -> npt.NDArray[np.float64]:
    """Return float64 [6, thresholds], the rows of the wire form."""
    labels, predictions = outcomes.labels, outcomes.predictions
    if not ((predictions >= 0) & (predictions <= 1)).all():
        raise ValueError(
            f"predictions must lie within 0 and 1 and not be NaN, got {predictions.min():g} to "
            f"{predictions.max():g}; pass probabilities, not logits"
        )
    if not ((labels == 0) | (labels == 1)).all():
        raise ValueError(
            f"labels must be 0 or 1, got {labels.min():g} to {labels.max():g}; pass labels == the "
            "index of the class"
        )
    # As in TensorBoard and torch, the product below has the float type of the predictions. But
    # 16-bit floats are first converted to float32.
    scale = num_thresholds - 1
    if predictions.dtype.kind != "f":
        predictions = predictions.astype(np.float64)
    elif predictions.dtype.itemsize == 2:
        predictions = predictions.astype(np.float32)
    bucket = (predictions * predictions.dtype.type(scale)).astype(np.intp)
    positive = labels.astype(bool)
    weights = outcomes.weights

    def at_or_above(chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        chosen_weights = None if weights is None else weights[chosen]
        counts = np.bincount(bucket[chosen], chosen_weights, minlength=num_thresholds)
        return np.cumsum(counts[::-1].astype(np.float64))[::-1]

    true_positives, false_positives = at_or_above(positive), at_or_above(~positive)
    false_negatives = true_positives[0] - true_positives
    true_negatives = false_positives[0] - false_positives
    precision = true_positives / np.maximum(_LEAST_COUNT, true_positives + false_positives)
    recall = true_positives / np.maximum(_LEAST_COUNT, true_positives + false_negatives)
    return np.stack(
        [true_positives, false_positives, true_negatives, false_negatives, precision, recall]
    )


def curve_summary(name: str, rows: npt.NDArray[Any], description: str | None) -> list[Piece]:
    """Make the Summary of a table [6, thresholds]."""
    from tbimage.events.messages import PrCurvePluginData

    content = PrCurvePluginData(num_thresholds=rows.shape[1]).SerializeToString()
    metadata = wire.summary_metadata("pr_curves", content, description)
    return wire.summary([tensors.value(name, rows.astype(np.float32), metadata)])
