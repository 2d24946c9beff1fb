"""The callback for Ray Tune: the logs of reported results. tests/examples runs it in Ray."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tests import readers

pytestmark = pytest.mark.slow  # it needs the extra `clusters`


class Trial:
    """The attributes of a trial that the callback uses."""

    def __init__(self, name: str, **config: Any) -> None:
        self.name = name
        self.config = config

    def __str__(self) -> str:
        return self.name


def callback(logdir: Path) -> Any:
    pytest.importorskip("ray")
    from tbimage.integrations.ray.tune import TuneCallback

    return TuneCallback(logdir)


def test_each_kind_of_value_gets_its_kind_of_summary(tmp_path: Path) -> None:
    tune, trial = callback(tmp_path), Trial("train_1", rate=0.1, layers={"count": 3}, rest=None)
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    result = {
        "loss": np.float32(0.5),
        "whole": 3,
        "nested": {"accuracy": 0.25},
        "photo": np.moveaxis(picture, 2, 0),
        "batch": np.moveaxis(np.stack([picture, picture]), 3, 1),
        "weights": np.linspace(-1, 1, 100),
        "list": [1.0, 2.0, 3.0],
        "text": "left out",
        "none": None,
        "done": False,
        "training_iteration": 7,
        "pid": 3,
        "config": {"rate": 0.1},
    }
    tune.log_trial_result(7, trial, result)
    tune.log_trial_end(trial)
    run = tbimage.read(tmp_path)["train_1"]
    kinds = {tag: about.kind for tag, about in run.tags.items() if not tag.startswith("_")}
    assert kinds == {
        "loss": "scalar",
        "whole": "scalar",
        "nested/accuracy": "scalar",
        "photo": "image",
        "batch/image/0": "image",
        "batch/image/1": "image",
        "weights": "histogram",
        "list": "histogram",
    }
    assert run.scalars("loss").steps.tolist() == [7]
    assert np.array_equal(run.images("photo")[-1].pixels(), picture)
    trial_values = run.hparams()
    assert trial_values is not None
    assert dict(trial_values.values) == {"rate": 0.1, "layers/count": 3.0}
    assert trial_values.status == "success"
    for loader in readers.LOADERS:
        assert readers.read_runs(tmp_path, loader)["train_1"]["loss"].steps == [7]


def test_what_cannot_be_logged_is_named_once_and_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tune, trial = callback(tmp_path), Trial("train_1", function=print)
    tune.log_trial_start(trial)
    with caplog.at_level(logging.WARNING, "tbimage"):
        for step in range(3):
            result = {"loss": 1.0, "odd": np.zeros((7, 2, 2)), "training_iteration": step}
            tune.log_trial_result(step, trial, result)
    tune.log_trial_end(trial, failed=True)
    assert [record.args[0] for record in caplog.records if record.args] == ["odd"]  # type: ignore[index]
    run = tbimage.read(tmp_path)["train_1"]
    assert run.scalars("loss").steps.tolist() == [0, 1, 2]
    values = run.hparams()
    assert values is not None
    assert values.status == "failure"
    assert "print" in str(values.values["function"])


def test_a_trial_that_is_started_again_goes_on_in_its_run(tmp_path: Path) -> None:
    tune, trial = callback(tmp_path), Trial("train_1", rate=0.1)
    for start in (0, 5):  # Tune restores a trial from its checkpoint
        tune.log_trial_start(trial)
        for step in range(start, start + 5):
            tune.log_trial_result(step, trial, {"loss": 1.0, "training_iteration": step})
    tune.log_trial_end(trial)
    for loader in readers.LOADERS:
        assert readers.read_runs(tmp_path, loader)["train_1"]["loss"].steps == list(range(10))
