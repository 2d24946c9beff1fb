"""The three messages that peers make of hyperparameters.

What lives here: taking apart what ``kinds/hparams.py`` puts into one Summary, for third parties
that log the three by themselves.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tbimage.compat.peers.series import number
from tbimage.kinds import hparams as kind

if TYPE_CHECKING:
    from tbimage.events.messages import Summary

__all__ = ["messages"]


def messages(
    values: Mapping[str, Any], metrics: Mapping[str, Any], domains: Mapping[str, Any] | None
) -> tuple[Summary, Summary, Summary]:
    """Make the messages of a trial.

    Args:
        values: The hyperparameters.
        metrics: Numbers by tag.
        domains: The values that hyperparameters may take, or None.

    Returns:
        Experiment, session start and session end. The experiment is empty where there are neither
        metrics nor domains, so that TensorBoard collects them from the runs.

    Raises:
        TypeError: A value is of another type.
        ValueError: A domain does not fit.

    Example:
        >>> [len(message.value) for message in messages({"lr": 0.1}, {"loss": 1.0}, None)]
        [1, 1, 1]
    """
    from tbimage.events.messages import Summary

    numbers = {tag: number("metric_dict", value) for tag, value in metrics.items()}
    trial = kind.prepare(values, numbers, domains, None, "success")
    made: Any = Summary.FromString(b"".join(kind.summary(trial, time.time())))
    by_tag = {value.tag: Summary(value=[value]) for value in made.value}
    tags = kind.EXPERIMENT_TAG, kind.SESSION_TAG, kind.SESSION_END_TAG
    experiment, start, end = (by_tag.get(tag, Summary()) for tag in tags)
    return experiment, start, end
