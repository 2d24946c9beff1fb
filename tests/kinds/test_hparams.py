"""Hyperparameters as the HParams page's own code reads them."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage.events.messages import HParamsPluginData
from tbimage.kinds import hparams as kind
from tests import readers
from tests.kinds import written

VALUES = {"lr": 0.1, "layers": 3, "optimizer": "adam", "nesterov": False, "note": "ü"}


def parts(directory: Path) -> dict[str, Any]:
    """The content of each tag of a run."""
    return {
        value.tag: HParamsPluginData.FromString(value.metadata.plugin_data.content)
        for value in written.values(directory)
        if value.metadata.plugin_data.plugin_name == "hparams"
    }


def experiment(directory: Path, loader: str) -> Any:
    """The experiment as the plugin puts it together from all runs of a directory."""
    backend_context = pytest.importorskip("tensorboard.plugins.hparams.backend_context")
    from tensorboard import context as tensorboard_context
    from tensorboard.plugins import base_plugin

    with readers.open_loader(directory, loader) as provider:
        backend = backend_context.Context(base_plugin.TBContext(data_provider=provider()))
        request = tensorboard_context.RequestContext()
        return backend.experiment_from_metadata(
            request, "", True, backend.hparams_metadata(request, ""), []
        )


def test_tags_are_those_of_tensorboard() -> None:
    metadata = pytest.importorskip("tensorboard.plugins.hparams.metadata")
    assert metadata.EXPERIMENT_TAG == kind.EXPERIMENT_TAG
    assert metadata.SESSION_START_INFO_TAG == kind.SESSION_TAG
    assert metadata.SESSION_END_INFO_TAG == kind.SESSION_END_TAG


def test_a_session_is_that_of_tensorboard() -> None:
    summary_v2 = pytest.importorskip("tensorboard.plugins.hparams.summary_v2")
    values = {**VALUES, "float32": np.float32(0.5), "int": np.int64(7), "bool": np.bool_(True)}
    theirs = summary_v2.hparams_pb(values, trial_id="a group", start_time_secs=1.5)
    pieces = kind.summary(kind.prepare(values, None, None, "a group", None), 1.5)
    (our_value,), (their_value,) = written.parsed(pieces).value, theirs.value
    assert our_value.tensor.SerializeToString() == their_value.tensor.SerializeToString()
    assert our_value.tag == their_value.tag
    our_data, their_data = (
        HParamsPluginData.FromString(value.metadata.plugin_data.content)
        for value in (our_value, their_value)
    )
    assert our_data == their_data


def test_a_bool_stays_a_bool(tmp_path: Path, loader: str) -> None:
    for run, nesterov in (("a", True), ("b", np.False_)):
        with tbimage.SummaryWriter(tmp_path / run) as writer:
            writer.hparams({"nesterov": nesterov, "lr": 1})
    (lr, nesterov_info) = sorted(
        experiment(tmp_path, loader).hparam_infos, key=lambda info: str(info.name)
    )
    assert (lr.name, lr.type) == ("lr", 3)  # DATA_TYPE_FLOAT64
    assert (nesterov_info.name, nesterov_info.type) == ("nesterov", 2)  # DATA_TYPE_BOOL
    assert {value.bool_value for value in nesterov_info.domain_discrete.values} == {True, False}


def test_without_metrics_all_scalars_are_offered(tmp_path: Path, loader: str) -> None:
    with tbimage.SummaryWriter(tmp_path / "a") as writer:
        writer.hparams(VALUES, {})
        writer.scalar("accuracy", 0.5, 0)
        writer.scalar("loss", 2, 0)
    assert kind.EXPERIMENT_TAG not in parts(tmp_path / "a")
    found = experiment(tmp_path, loader)
    assert {info.name for info in found.hparam_infos} == VALUES.keys()
    assert {info.name.tag for info in found.metric_infos} == {"accuracy", "loss"}


def test_a_sweep_that_adds_a_hyperparameter_and_a_metric_shows_both(
    tmp_path: Path, loader: str
) -> None:
    trials: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "a": ({"lr": 0.1}, {"accuracy": 0.5}),
        "b": ({"lr": 0.2, "layers": 3}, {"accuracy": 0.6, "loss": 0.1}),
        "c": ({"depth": 5}, {}),
    }
    for run, (values, metrics) in trials.items():
        with tbimage.SummaryWriter(tmp_path / run) as writer:
            writer.hparams(values, metrics)
    found = experiment(tmp_path, loader)
    assert {info.name for info in found.hparam_infos} == {"lr", "layers", "depth"}
    assert {info.name.tag for info in found.metric_infos} == {"accuracy", "loss"}


def test_domains_make_an_experiment(tmp_path: Path, loader: str) -> None:
    domains: dict[str, Any] = {
        "optimizer": ["adam", "sgd"],
        "nesterov": [True, False],
        "layers": (2, 3),
    }
    with tbimage.SummaryWriter(tmp_path / "a") as writer:
        writer.hparams(VALUES, {"accuracy": 0.5}, 7, domains=domains)
        writer.scalar("loss", 2, 0)
    found = experiment(tmp_path, loader)
    assert [info.name.tag for info in found.metric_infos] == ["accuracy"]
    infos = {info.name: info for info in found.hparam_infos}
    assert [value.string_value for value in infos["optimizer"].domain_discrete.values] == [
        "adam",
        "sgd",
    ]
    assert [value.bool_value for value in infos["nesterov"].domain_discrete.values] == [True, False]
    assert [value.number_value for value in infos["layers"].domain_discrete.values] == [2, 3]
    assert not infos["lr"].HasField("domain_discrete")
    accuracy = readers.read_runs(tmp_path, loader)["a"]["accuracy"]
    assert [(point.step, point.value) for point in accuracy.points] == [(7, 0.5)]
    assert parts(tmp_path / "a")[kind.SESSION_END_TAG].session_end_info.status == 1  # SUCCESS


def test_tags_of_metrics_need_no_values(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.hparams(VALUES, ["accuracy", "loss"], group="seeds", wall_time=12.5)
        writer.hparams(VALUES, status="failure")
    found = parts(tmp_path)
    (accuracy, loss) = found[kind.EXPERIMENT_TAG].experiment.metric_infos
    assert (accuracy.name.tag, loss.name.tag) == ("accuracy", "loss")
    assert found[kind.SESSION_END_TAG].session_end_info.status == 2  # FAILURE
    start = found[kind.SESSION_TAG].session_start_info
    assert start.hparams["lr"].number_value == 0.1
    assert len(written.values(tmp_path)) == 4


@pytest.mark.parametrize("other", [{"lr": 0.01}, {"lr": True}, {"lr": 1, "layers": 3}, {}])
def test_two_trials_in_one_run_are_refused(tmp_path: Path, loader: str, other: Any) -> None:
    with tbimage.SummaryWriter(tmp_path / "a") as writer:
        writer.hparams({"lr": 1}, {"acc": 0.5}, 0)
        with pytest.raises(ValueError, match="Give each trial a writer of its own"):
            writer.hparams(other, {"acc": 0.9}, 1)
    start = parts(tmp_path / "a")[kind.SESSION_TAG].session_start_info
    assert {name: value.number_value for name, value in start.hparams.items()} == {"lr": 1}
    (point,) = readers.read_runs(tmp_path, loader)["a"]["acc"].points
    assert point.value == 0.5


def test_the_same_trial_may_be_logged_again(tmp_path: Path) -> None:
    values = {"lr": float("nan"), **VALUES}
    with tbimage.SummaryWriter(tmp_path) as writer:
        assert writer.hparams(values, {"acc": 0.5}, 0)
        assert writer.hparams(dict(reversed(values.items())), {"acc": 0.6}, 1, status="failure")
    assert parts(tmp_path)[kind.SESSION_END_TAG].session_end_info.status == 2


@pytest.mark.parametrize("automatic", [False, True])
def test_a_metric_that_is_a_scalar_of_the_run_too(
    tmp_path: Path, loader: str, automatic: bool
) -> None:
    """No warning, which would be an error here, and nothing of the scalar is lost."""
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.hparams({"lr": 0.1}, {"acc": 0.0, "loss": 1})
        for step in range(5):
            writer.scalar("acc", step / 8, None if automatic else step)
        writer.flush()
        with writer.as_default(step=4), tbimage.record_if(tbimage.every_n_steps(4)):
            writer.hparams({"lr": 0.1}, {"acc": 0.75})  # the default step is that of a scalar
        assert writer.flush()
        if not automatic:
            # The data server drops the first metric, at step 0, for the scalar at that step.
            first = [] if loader == "data_server" else [0]
            steps = readers.read_runs(tmp_path, loader)["."]["acc"].steps
            assert steps == [*first, 0, 1, 2, 3, 4, 5]
        for step in range(5, 8):
            writer.scalar("acc", step / 8, None if automatic else step)
        with pytest.raises(tbimage.StepWarning):
            writer.scalar("acc", 0.5, 4)
    points = readers.read_runs(tmp_path, loader)["."]["acc"].points
    if not automatic:
        assert {point.step: point.value for point in points} == {n: n / 8 for n in range(8)}
    else:
        assert [point.step for point in points] == [*range(10)]


def test_none_leaves_a_name_out() -> None:
    assert kind.prepare({"lr": None, "a": 1}, None, None, None, None).values == {"a": 1.0}


def test_numbers_of_frameworks_and_enums_are_values() -> None:
    torch = pytest.importorskip("torch")

    class Optimizer(str, enum.Enum):
        ADAM = "adam"

    values = {
        "a": torch.tensor(0.5),
        "b": torch.tensor(True),
        "c": Optimizer.ADAM,
        "d": np.str_("x"),
    }
    trial = kind.prepare(values, None, None, None, None)
    assert trial.values == {"a": 0.5, "b": True, "c": "adam", "d": "x"}
    assert [type(value) for value in trial.values.values()] == [float, bool, str, str]
    assert written.parsed(kind.summary(trial, 0.0)).value


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"hparams": [1]}, TypeError, r"hparams must be a mapping, got \[1\]"),
        ({"hparams": {"a": [1, 2]}}, TypeError, r"hparams\['a'\] must be bool, int, .* pass str"),
        ({"hparams": {"a": 1j}}, TypeError, r"hparams\['a'\] must be bool"),
        ({"hparams": {"a": np.zeros(3)}}, TypeError, r"hparams\['a'\] must be bool"),
        ({"hparams": {3: 1}}, TypeError, "a hyperparameter's name must be a string, got 3"),
        ({"hparams": {"a": "\ud800"}}, ValueError, "lone surrogate"),
        ({"metrics": 3}, TypeError, "metrics must be numbers by tag, or a list of tags"),
        (
            {"metrics": {"a": "high"}},
            TypeError,
            r"metrics\['a'\] must be a real number, got 'high'",
        ),
        ({"metrics": "accuracy"}, TypeError, "metrics must be numbers by tag, or a list"),
        ({"domains": {"b": [1]}}, ValueError, "got 'b'; expected some of 'a'"),
        ({"domains": {"a": [2, 3]}}, ValueError, r"domains\['a'\] must contain the value, 1.0"),
        ({"domains": {"a": ["1"]}}, TypeError, r"domains\['a'\] must have values of"),
        ({"domains": {"a": "1"}}, TypeError, r"domains\['a'\] must be a list of values"),
        ({"status": "done"}, ValueError, "status must be 'success', 'failure', 'running'"),
        ({"group": 3}, TypeError, "group must be a string"),
    ],
)
def test_bad_input_raises_in_the_caller_and_harms_nothing(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], match: str
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.scalar("good", 1, 0)
        with pytest.raises(error, match=match):
            writer.hparams(**{"hparams": {"a": 1}, **arguments})
    assert written.only_value(tmp_path).tag == "good"


def test_record_if_is_asked(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer, tbimage.record_if(False):
        assert not writer.hparams(VALUES)
    assert written.values(tmp_path) == []


@pytest.mark.parametrize("step", [None, 1])
def test_record_if_and_keep_are_asked_for_each_metric(tmp_path: Path, step: int | None) -> None:
    answers = iter([True, False, True, True])  # for the trial and for each metric
    with tbimage.SummaryWriter(tmp_path, keep={"acc": tbimage.Keep(every=2)}) as writer:
        writer.scalar("acc", 0.5, 0)
        with tbimage.record_if(lambda: next(answers)):
            assert not writer.hparams(VALUES, {"loss": 1, "acc": 2, "error": 3}, step)
    assert next(answers, None) is None
    tags = [value.tag for value in written.values(tmp_path)]
    assert [tag for tag in tags if not tag.startswith("_hparams_")] == ["acc", "error"]
