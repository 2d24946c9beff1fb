"""Methods for precision and recall."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, SupportsIndex

from tbimage import checks

if TYPE_CHECKING:
    from tbimage.writer.base import RunWriter


def pr_curve(
    self: RunWriter,
    name: str,
    labels: Any,
    predictions: Any,
    step: SupportsIndex | None = None,
    *,
    num_thresholds: int = 127,
    weights: Any = None,
    description: str | None = None,
    wall_time: float | None = None,
) -> bool:
    """Log precision and recall of a binary classifier at many thresholds.

    Args:
        name: The tag.
        labels: The true classes: bools, or 0 and 1; any shape.
        predictions: The probabilities of the classifier, from 0 to 1; of the same shape.
        step: As in ``image``.
        num_thresholds: The number of thresholds from 0 to 1, at least 2. Default 127, as in torch
            and tensorboardX.
        weights: The weight of each prediction: of the same shape, or one number. None: 1.
        description: Markdown that TensorBoard shows with the curve.
        wall_time: Seconds since the epoch; None: now.

    Returns:
        As ``image``. A worker checks later that predictions are within 0..1 and labels are 0 or 1.
        If a value is wrong, the next ``flush`` raises an error.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: The shapes differ, or another value does not fit.
        RuntimeError: The writer is closed.

    Example:
        >>> import tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     writer.pr_curve("cats", [True, False, True], [0.9, 0.4, 0.3], step=0)
        True
    """
    name, step, wanted = self._begin(name, step, "a PR curve")
    if not wanted:
        return False
    from tbimage.kinds import pr_curve as kind

    num_thresholds = kind.check_thresholds(num_thresholds)
    outcomes = kind.prepare(labels, predictions, weights)
    description = checks.description(description)
    wall_time = checks.wall_time(wall_time)
    make = partial(kind.summary, name)
    return self._log(name, step, wall_time, make, outcomes, num_thresholds, description)


def pr_curve_raw(
    self: RunWriter,
    name: str,
    true_positives: Any,
    false_positives: Any,
    true_negatives: Any,
    false_negatives: Any,
    precision: Any,
    recall: Any,
    step: SupportsIndex | None = None,
    *,
    description: str | None = None,
    wall_time: float | None = None,
) -> bool:
    """Log precision and recall that the caller has computed.

    Args:
        name: The tag.
        true_positives: Counts, one for each threshold; thresholds are evenly spaced from 0 to 1.
        false_positives: Counts, one for each threshold.
        true_negatives: Counts, one for each threshold.
        false_negatives: Counts, one for each threshold.
        precision: From 0 to 1, one for each threshold.
        recall: From 0 to 1, one for each threshold.
        step: As in ``image``.
        description: Markdown that TensorBoard shows with the curve.
        wall_time: Seconds since the epoch; None: now.

    Returns:
        As ``image``.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: The arguments have different lengths, or another value does not fit.
        RuntimeError: The writer is closed.

    Example:
        >>> import tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     rows = [[2, 1], [1, 0], [0, 1], [0, 1], [0.67, 1.0], [1.0, 0.5]]
        ...     writer.pr_curve_raw("cats", *rows, step=0)
        True
    """
    name, step, wanted = self._begin(name, step, "a PR curve")
    if not wanted:
        return False
    from tbimage.kinds import pr_curve
    from tbimage.kinds import pr_curve_raw as kind

    rows = kind.prepare(
        {
            "true_positives": true_positives,
            "false_positives": false_positives,
            "true_negatives": true_negatives,
            "false_negatives": false_negatives,
            "precision": precision,
            "recall": recall,
        }
    )
    description = checks.description(description)
    wall_time = checks.wall_time(wall_time)
    return self._log(
        name, step, wall_time, partial(pr_curve.curve_summary, name), rows, description
    )
