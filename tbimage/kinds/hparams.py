"""Hyperparameters: the settings of a run, and the metrics that measure its result.

The wire form is that of the HParams plugin: up to three values, which have data only in their
metadata. The "session start" has the hyperparameters of a run. The "session end" has the status of
the run. The "experiment" has domains and metrics, and applies to all runs of a log directory.

If no run has an experiment, TensorBoard collects hyperparameters and metrics from all runs. If a
run has one, TensorBoard uses the first that it finds (``hparams/backend_context.py``), and does not
show a hyperparameter that a sweep adds later. So an experiment is written only if the caller passes
domains, or metrics without values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tbimage import checks
from tbimage.buffers import Piece
from tbimage.events import wire
from tbimage.kinds import tensors
from tbimage.kinds.scalar import check_value

if TYPE_CHECKING:
    from tbimage.events import messages

EXPERIMENT_TAG = "_hparams_/experiment"
#: The writer counts the steps of this kind under this tag.
SESSION_TAG = "_hparams_/session_start_info"
SESSION_END_TAG = "_hparams_/session_end_info"

#: The numbers of ``Status`` in tensorboard/plugins/hparams/api.proto.
STATUSES = {"success": 1, "failure": 2, "running": 3}

# Only the metadata of the values is used. But the data server does not list values without a
# tensor.
_NOTHING = np.empty(0, np.float32)

# The bytes that CPython needs for a name and a value in a dict, without their characters.
_ENTRY_BYTES = 160

HParam = bool | float | str

# Key: a type. Value: the field of google.protobuf.Value, and the DataType of api.proto.
_FIELDS: Mapping[type, tuple[str, int]] = {
    bool: ("bool_value", 2),
    float: ("number_value", 3),
    str: ("string_value", 1),
}


@dataclass(frozen=True, slots=True)
class Trial:
    """The checked arguments of one call."""

    values: Mapping[str, HParam]  # the hyperparameters by name
    domains: Mapping[str, Sequence[HParam]]  # the allowed values of a hyperparameter, by its name
    # The values of the metrics by tag; None for a metric without a value.
    metrics: Mapping[str, float | None]
    # True if the caller passes domains, or metrics without values. Then an experiment is written.
    explicit: bool
    group: str  # the name that repetitions of one trial share, or empty
    status: str | None  # a key of ``STATUSES``, or None for unknown


def prepare(
    values: object, metrics: object, domains: object, group: object, status: object
) -> Trial:
    """Check the arguments. If a metric has a value, the default status is "success"."""
    tensors.import_messages()
    checked = {
        checks.text("a hyperparameter's name", name): _hparam(f"hparams[{name!r}]", value)
        for name, value in checks.mapping("hparams", values).items()
        if value is not None
    }
    numbers = _metrics(metrics)
    if status is None and any(number is not None for number in numbers.values()):
        status = "success"
    return Trial(
        values=checked,
        domains=_domains(domains, checked),
        metrics=numbers,
        explicit=bool(domains) or None in numbers.values(),
        group="" if group is None else checks.text("group", group),
        status=checks.choice("status", status, (*STATUSES, None)),
    )


def _hparam(what: str, value: Any) -> HParam:
    plain = checks.plain_value(value)
    if isinstance(plain, str):
        return checks.text(what, plain)
    if isinstance(plain, bool):  # checked before int, because a bool is also an int
        return plain
    if isinstance(plain, (int, float)):
        return check_value(plain, what)
    raise TypeError(
        f"{what} must be bool, int, float or str, got {checks.given(value)}; pass str(…) of it"
    )


def _metrics(metrics: object) -> Mapping[str, float | None]:
    if metrics is None:
        return {}
    if isinstance(metrics, Mapping):
        return {
            checks.text("a metric's tag", tag): check_value(value, f"metrics[{tag!r}]")
            for tag, value in metrics.items()
        }
    tags = checks.items("metrics", metrics, "numbers by tag, or a list of tags")
    return {checks.text("a metric's tag", tag): None for tag in tags}


def _domains(domains: object, values: Mapping[str, HParam]) -> Mapping[str, Sequence[HParam]]:
    checked: dict[str, Sequence[HParam]] = {}
    for name, given in checks.mapping("domains", {} if domains is None else domains).items():
        if name not in values:
            raise ValueError(
                f"domains must have names of hyperparameters, got {name!r}; expected some of "
                f"{', '.join(map(repr, values)) or 'none'}"
            )
        what = f"domains[{name!r}]"
        domain = [_hparam(what, value) for value in checks.items(what, given, "a list of values")]
        kinds = {type(value).__name__ for value in domain} - {type(values[name]).__name__}
        if kinds:
            raise TypeError(
                f"{what} must have values of the same type as {values[name]!r}, got "
                f"{', '.join(sorted(kinds))}"
            )
        if values[name] not in domain:
            raise ValueError(
                f"{what} must contain the value, {values[name]!r}, got {checks.shown(domain)}"
            )
        checked[name] = domain
    return checked


def summary(trial: Trial, start_time: float) -> list[Piece]:
    """Make the Summary of a trial. It has no values of metrics: they are logged as scalars."""
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
    return wire.summary([_value(tag, part) for tag, part in parts.items()])


def _value(tag: str, data: messages.HParamsPluginData) -> list[Piece]:
    metadata = wire.summary_metadata("hparams", data.SerializeToString(), None)
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
    """Estimate the number of bytes of memory that a trial needs."""
    entries = [*trial.values.items(), *trial.metrics.items()]
    entries += [(name, value) for name, domain in trial.domains.items() for value in domain]
    return sum(_ENTRY_BYTES + len(str(name)) + len(str(value)) for name, value in entries)
