"""The three messages that peers make of hyperparameters, for third parties that log them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tbimage.compat.peers.numbers import number
from tbimage.kinds import hparams as kind

if TYPE_CHECKING:
    from tbimage.events.messages import Summary

__all__ = ["messages"]


def messages(
    values: Mapping[str, Any], metrics: Mapping[str, Any], domains: Mapping[str, Any] | None
) -> tuple[Summary, Summary, Summary]:
    """Make experiment, session start and session end of a trial.

    The experiment is empty where there are no domains, so that TensorBoard collects
    hyperparameters and metrics from all runs.
    """
    from tbimage.events.messages import Summary

    numbers = {tag: number(f"metric_dict[{tag!r}]", metrics[tag]) for tag in metrics}
    trial = kind.prepare(values, numbers, domains, None, "success")
    made: Any = Summary.FromString(b"".join(kind.summary(trial, time.time())))
    by_tag = {value.tag: Summary(value=[value]) for value in made.value}
    tags = kind.EXPERIMENT_TAG, kind.SESSION_TAG, kind.SESSION_END_TAG
    experiment, start, end = (by_tag.get(tag, Summary()) for tag in tags)
    return experiment, start, end
