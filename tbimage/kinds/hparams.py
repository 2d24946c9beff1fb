"""Hyperparameters: what a run was made with, and by which metrics it is judged.

The wire form is the HParams plugin's: values that hold nothing but metadata, under three tags. The
session's start has the hyperparameters of this run; its end, how it went; the experiment, which
belongs to all runs of a log directory, has domains and metrics. Without an experiment TensorBoard
collects hyperparameters and metrics from all runs by itself, with one it shows only what is in the
first that it finds (``hparams/backend_context.py``). So one is written only where the caller gives
domains, or metrics without values; otherwise a sweep that adds a hyperparameter would not show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tbimage.buffers import Piece
from tbimage.kinds import tensors
from tbimage.kinds.names import check_text
from tbimage.kinds.scalar import check_value

if TYPE_CHECKING:
    from tbimage.events import messages

__all__ = ["SESSION_TAG", "STATUSES", "Trial", "nbytes", "prepare", "summary"]

EXPERIMENT_TAG = "_hparams_/experiment"
#: The tag under which the steps of this kind are counted.
SESSION_TAG = "_hparams_/session_start_info"
SESSION_END_TAG = "_hparams_/session_end_info"

#: Status of tensorboard/plugins/hparams/api.proto.
STATUSES = {"success": 1, "failure": 2, "running": 3}

# What a value holds that has only metadata: the data server lists no series without a tensor.
_NOTHING = np.empty(0, np.float32)

# What CPython takes for a name and a value in a dict, besides their characters.
_ENTRY_BYTES = 160

HParam = bool | float | str

# By the Python type of a value: the field of google.protobuf.Value, and DataType of api.proto.
_FIELDS: Mapping[type, tuple[str, int]] = {
    bool: ("bool_value", 2),
    float: ("number_value", 3),
    str: ("string_value", 1),
}


@dataclass(frozen=True, slots=True)
class Trial:
    """What one call says, checked.

    Attributes:
        values: The hyperparameters: bool, float or str.
        domains: The values that some of them may take.
        metrics: The metrics' tags, and their values where they are known.
        explicit: Whether there is an experiment: the caller gave domains, or metrics by tag alone.
        group: The name of the trials that are repetitions of each other, or empty.
        status: A key of ``STATUSES``, or None for unknown.
    """

    values: Mapping[str, HParam]
    domains: Mapping[str, Sequence[HParam]]
    metrics: Mapping[str, float | None]
    explicit: bool
    group: str
    status: str | None


def prepare(
    values: object, metrics: object, domains: object, group: object, status: object
) -> Trial:
    """Check what the caller gave.

    Args:
        values: bool, int, float or str by name, or NumPy's or other frameworks' numbers; None
            leaves one out.
        metrics: Numbers by tag, or tags alone, or None.
        domains: By name, the values that a hyperparameter may take, or None.
        group: The name of repetitions, or None.
        status: A key of ``STATUSES``, or None for "success" where metrics have values.

    Raises:
        TypeError: One of them is of the wrong type.
        ValueError: A domain is of no hyperparameter or lacks its value, or the status is unknown.

    Example:
        >>> prepare({"lr": 0.1, "bias": True}, None, None, None, None).values
        {'lr': 0.1, 'bias': True}
    """
    checked = {
        check_text("a hyperparameter's name", name): _hparam(f"hparams[{name!r}]", value)
        for name, value in _mapping("hparams", values).items()
        if value is not None
    }
    numbers = _metrics(metrics)
    if status is None and any(number is not None for number in numbers.values()):
        status = "success"
    if status is not None and (not isinstance(status, str) or status not in STATUSES):
        raise ValueError(f"status must be {', '.join(map(repr, STATUSES))} or None, got {status!r}")
    return Trial(
        values=checked,
        domains=_domains(domains, checked),
        metrics=numbers,
        explicit=bool(domains) or None in numbers.values(),
        group="" if group is None else check_text("group", group),
        status=status,
    )


def _mapping(argument: str, given: object) -> Mapping[Any, Any]:
    if isinstance(given, Mapping):
        return given
    raise TypeError(
        f"{argument} must be a mapping, got {given!r:.80} of type {type(given).__name__}"
    )


def _hparam(what: str, value: Any) -> HParam:
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "shape", None) == ():  # NumPy's, torch's, JAX's, …
        value = item()
    if isinstance(value, str):
        return str.__str__(check_text(what, value))  # of an enum its value, and not its name
    if isinstance(value, bool):  # before int, which bool is too
        return value
    if isinstance(value, (int, float)):
        return check_value(value)
    raise TypeError(
        f"{what} must be bool, int, float or str, got {value!r:.80} of type "
        f"{type(value).__name__}; pass str(…) of it"
    )


def _metrics(metrics: object) -> Mapping[str, float | None]:
    if metrics is None:
        return {}
    if isinstance(metrics, Mapping):
        return {
            check_text("a metric's tag", tag): check_value(value) for tag, value in metrics.items()
        }
    if isinstance(metrics, Iterable) and not isinstance(metrics, (str, bytes)):
        return {check_text("a metric's tag", tag): None for tag in metrics}
    raise TypeError(
        "metrics must be numbers by tag, or a list of tags, got "
        f"{metrics!r:.80} of type {type(metrics).__name__}"
    )


def _domains(domains: object, values: Mapping[str, HParam]) -> Mapping[str, Sequence[HParam]]:
    checked: dict[str, Sequence[HParam]] = {}
    for name, given in _mapping("domains", {} if domains is None else domains).items():
        if name not in values:
            raise ValueError(
                f"domains must be of hyperparameters, got {name!r}, which is none of "
                f"{', '.join(map(repr, values)) or 'them'}"
            )
        if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
            raise TypeError(
                f"domains[{name!r}] must be a list of values, got {given!r:.80} of type "
                f"{type(given).__name__}"
            )
        domain = [_hparam(f"domains[{name!r}]", value) for value in given]
        kinds = {type(value).__name__ for value in domain} - {type(values[name]).__name__}
        if kinds:
            raise TypeError(
                f"domains[{name!r}] must be of the type of the value, {values[name]!r}, got "
                f"{', '.join(sorted(kinds))}"
            )
        if values[name] not in domain:
            raise ValueError(
                f"domains[{name!r}] must have the value, {values[name]!r}, got {domain!r:.80}"
            )
        checked[name] = domain
    return checked


def summary(trial: Trial, start_time: float) -> list[Piece]:
    """Make the Summary of a trial, without the metrics' values, which are scalars.

    Args:
        trial: What ``prepare`` returned.
        start_time: When the session began, in seconds since the epoch.

    Returns:
        The serialized Summary, as pieces.

    Example:
        >>> pieces = summary(prepare({"lr": 0.1}, [], None, None, None), 0.0)
        >>> SESSION_TAG.encode() in b"".join(pieces)
        True
    """
    from tbimage.events.messages import HParamsPluginData, SessionEndInfo, SessionStartInfo

    start = SessionStartInfo(group_name=trial.group, start_time_secs=start_time)
    for name, value in sorted(trial.values.items()):
        setattr(start.hparams[name], _FIELDS[type(value)][0], value)
    parts = {SESSION_TAG: HParamsPluginData(session_start_info=start)}
    if trial.explicit:
        parts[EXPERIMENT_TAG] = HParamsPluginData(experiment=_experiment(trial))
    if trial.status is not None:
        end = SessionEndInfo(status=STATUSES[trial.status])
        parts[SESSION_END_TAG] = HParamsPluginData(session_end_info=end)
    return tensors.summary([_value(tag, part) for tag, part in parts.items()])


def _value(tag: str, data: messages.HParamsPluginData) -> list[Piece]:
    metadata = tensors.metadata("hparams", data.SerializeToString(), None)
    return tensors.value(tag, _NOTHING, metadata)


def _experiment(trial: Trial) -> messages.Experiment:
    from tbimage.events.messages import Experiment, HParamInfo, MetricInfo, MetricName

    experiment = Experiment()
    for name, value in trial.values.items():
        field, kind = _FIELDS[type(value)]
        info = HParamInfo(name=name, type=kind)
        for allowed in trial.domains.get(name, ()):
            setattr(info.domain_discrete.values.add(), field, allowed)
        experiment.hparam_infos.append(info)
    for tag in trial.metrics:
        experiment.metric_infos.append(MetricInfo(name=MetricName(tag=tag)))
    return experiment


def nbytes(trial: Trial) -> int:
    """Tell about how many bytes of memory a trial takes.

    Args:
        trial: What ``prepare`` returned.

    Example:
        >>> nbytes(prepare({"lr": 0.1}, None, None, None, None)) > 0
        True
    """
    entries = [*trial.values.items(), *trial.metrics.items()]
    entries += [(name, value) for name, domain in trial.domains.items() for value in domain]
    return sum(_ENTRY_BYTES + len(str(name)) + len(str(value)) for name, value in entries)
