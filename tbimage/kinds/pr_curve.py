"""Precision and recall over thresholds, of predictions between 0 and 1.

The wire form is TensorBoard's: a float32 tensor [6, thresholds] whose rows are true positives,
false positives, true negatives, false negatives, precision and recall at the thresholds
``i / (thresholds - 1)``. A prediction p is positive at threshold i when ``p * (thresholds - 1) >=
i``; each row is one cumulative sum over buckets, as in ``tensorboard/plugins/pr_curve/summary.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tbimage.buffers import Piece
from tbimage.kinds import tensors
from tbimage.kinds.numbers import Array, check_count, numeric_array
from tbimage.pixels.arrays import array_like

__all__ = ["Outcomes", "check_thresholds", "curve", "curve_summary", "prepare", "summary"]

# Divisors are at least this, so that 0 / 0 is 0: _MINIMUM_COUNT of TensorBoard's
# pr_curve/summary.py.
_LEAST_COUNT = 1e-7


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Labels and predictions of one call, after all that their shapes can tell was checked.

    Attributes:
        labels: [n], 0 or 1 each.
        predictions: [n], from 0 to 1 each.
        weights: [n], or None for 1 each.
    """

    labels: Array
    predictions: Array
    weights: Array | None

    @property
    def nbytes(self) -> int:
        """How many bytes a snapshot has."""
        weights = 0 if self.weights is None else self.weights.nbytes
        return self.labels.nbytes + self.predictions.nbytes + weights

    def snapshot(self) -> Outcomes:
        """Return these in memory that nobody changes."""
        weights = None if self.weights is None else _copy(self.weights)
        return Outcomes(_copy(self.labels), _copy(self.predictions), weights)


def _copy(array: Array) -> Array:
    return array_like.snapshot(array, array)


def check_thresholds(num_thresholds: object) -> int:
    """Check how many thresholds a curve has.

    Args:
        num_thresholds: 2 or more.

    Raises:
        TypeError: It is no integer.
        ValueError: It is less than 2.

    Example:
        >>> check_thresholds(127)
        127
    """
    return check_count("num_thresholds", num_thresholds, 2)


def prepare(labels: object, predictions: object, weights: object = None) -> Outcomes:
    """Check all that shapes and dtypes can tell, and copy nothing.

    Args:
        labels: True or False, or 0 or 1; any shape.
        predictions: From 0 to 1; of the same shape.
        weights: How much each counts; of the same shape, or one number, or None for 1.

    Returns:
        Flat views of the caller's memory where that is possible.

    Raises:
        TypeError: One of them is not numbers.
        ValueError: Their shapes differ.

    Example:
        >>> prepare([True, False], [0.9, 0.2]).labels.tolist()
        [True, False]
    """
    truth = numeric_array("labels", labels)
    scores = numeric_array("predictions", predictions)
    if truth.shape != scores.shape:
        raise ValueError(
            f"labels and predictions must have one shape, got {truth.shape} and {scores.shape}"
        )
    if weights is None:
        return Outcomes(truth.reshape(-1), scores.reshape(-1), None)
    importance = numeric_array("weights", weights)
    if importance.shape not in ((), scores.shape):
        raise ValueError(
            f"weights must be one number or of the shape of predictions, {scores.shape}, got "
            f"{importance.shape}"
        )
    importance = np.broadcast_to(importance, scores.shape)
    return Outcomes(truth.reshape(-1), scores.reshape(-1), importance.reshape(-1))


def summary(
    name: str, outcomes: Outcomes, num_thresholds: int, description: str | None
) -> list[Piece]:
    """Make the Summary of a curve.

    Args:
        name: Becomes the tag.
        outcomes: A snapshot.
        num_thresholds: 2 or more.
        description: Markdown, or None.

    Returns:
        The serialized Summary, as pieces.

    Raises:
        ValueError: A prediction lies outside 0..1 or is NaN, or a label is neither 0 nor 1.

    Example:
        >>> pieces = summary("a", prepare([1, 0], [0.9, 0.2]), 3, None)
        >>> len(b"".join(pieces)) > 6 * 3 * 4
        True
    """
    return curve_summary(name, curve(outcomes, num_thresholds), description)


def curve(outcomes: Outcomes, num_thresholds: int) -> npt.NDArray[np.float64]:
    """Count outcomes at each threshold.

    Args:
        outcomes: Labels and predictions.
        num_thresholds: 2 or more.

    Returns:
        float64 [6, num_thresholds]: true positives, false positives, true negatives, false
        negatives, precision, recall.

    Raises:
        ValueError: A prediction lies outside 0..1 or is NaN, or a label is neither 0 nor 1.

    Example:
        >>> curve(prepare([1, 1, 0], [1.0, 0.4, 0.4]), 3)[:2]
        array([[2., 1., 1.],
               [1., 0., 0.]])
    """
    labels, predictions = outcomes.labels, outcomes.predictions
    if not ((predictions >= 0) & (predictions <= 1)).all():
        raise ValueError(
            f"predictions must lie within 0 and 1 and not be NaN, got {predictions.min():g} to "
            f"{predictions.max():g}; pass probabilities, not logits"
        )
    if not ((labels == 0) | (labels == 1)).all():
        raise ValueError(
            f"labels must be 0 or 1, got {labels.min():g} to {labels.max():g}; pass labels == the "
            "class that is meant"
        )
    # In the predictions' own precision, as TensorBoard and torch do it.
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
    """Make the Summary of a curve whose outcomes are counted.

    Args:
        name: Becomes the tag.
        rows: [6, thresholds], as ``curve`` returns them.
        description: Markdown, or None.

    Returns:
        The serialized Summary, as pieces.

    Example:
        >>> len(b"".join(curve_summary("a", np.zeros((6, 2)), None))) > 48
        True
    """
    from tbimage.events.messages import PrCurvePluginData

    content = PrCurvePluginData(num_thresholds=rows.shape[1]).SerializeToString()
    metadata = tensors.metadata("pr_curves", content, description)
    return tensors.summary([tensors.value(name, rows.astype(np.float32), metadata)])
