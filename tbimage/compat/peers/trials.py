"""Hyperparameters: the run of each trial, and the three messages that other packages log."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tbimage.compat.peers.numbers import number
from tbimage.events.storage import urls
from tbimage.kinds import hparams as kind
from tbimage.writer.caller_warnings import warn_caller

if TYPE_CHECKING:
    from tbimage.events.messages import Summary


def free_run(run: str, values: dict[str, Any], trials: dict[str, dict[str, Any]]) -> str:
    """Store a trial in ``trials``. Return ``run``, or a new name if another trial has ``run``."""
    run = os.path.normpath(run)
    free, count = run, 1
    while trials.setdefault(free, values) != values:
        count += 1
        free = f"{'trial' if run == '.' else run}_{count}"
    if free != run:
        warn_caller(
            f"add_hparams: the run {run!r} has other hyperparameters already, and TensorBoard "
            f"shows one trial for each run. This trial is in the run {free!r}.",
            UserWarning,
        )
    return free


def directory_of(run: str, logdir: str) -> str:
    """Return the directory of a trial's run, which is below the writer's directory."""
    if urls.is_url(logdir):
        return urls.check_url(urls.join(logdir, run), "run_name")
    directory = os.path.join(logdir, run)
    if not os.path.abspath(directory).startswith(os.path.abspath(logdir) + os.sep):
        raise ValueError(
            f"run_name must name a directory below {logdir!r}, got {run!r}: it must not begin "
            "with '/' or leave the directory with '..'"
        )
    return directory


def messages(
    values: Mapping[str, Any], metrics: Mapping[str, Any], domains: Mapping[str, Any] | None
) -> tuple[Summary, Summary, Summary]:
    """Make the messages of a trial: experiment, session start and session end.

    If there are no domains, the experiment is empty. Then TensorBoard collects hyperparameters and
    metrics from all runs.
    """
    from tbimage.events.messages import Summary

    numbers = {tag: number(f"metric_dict[{tag!r}]", metrics[tag]) for tag in metrics}
    trial = kind.prepare(values, numbers, domains, None, "success")
    made: Any = Summary.FromString(b"".join(kind.summary(trial, time.time())))
    by_tag = {value.tag: Summary(value=[value]) for value in made.value}
    tags = kind.EXPERIMENT_TAG, kind.SESSION_TAG, kind.SESSION_END_TAG
    experiment, start, end = (by_tag.get(tag, Summary()) for tag in tags)
    return experiment, start, end
