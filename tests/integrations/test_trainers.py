"""The callbacks of transformers, accelerate and optuna, as TensorBoard reads their logs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests import readers
from tests.compat import faces
from tests.integrations.programs import HEAVY, require, run

pytestmark = HEAVY

TRANSFORMERS = """
import sys, warnings, torch, transformers
from transformers.integrations import TensorBoardCallback
from tbimage.integrations.transformers import TBImageCallback

warnings.simplefilter("ignore")
transformers.logging.set_verbosity_error()
directory = sys.argv[1]


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 1)

    def forward(self, x, labels=None):
        out = self.linear(x)
        return {"loss": ((out - labels) ** 2).mean(), "out": out}


data = [{"x": torch.randn(4), "labels": torch.randn(1)} for _ in range(16)]
arguments = transformers.TrainingArguments(
    directory + "/out", max_steps=6, logging_steps=2, eval_strategy="steps", eval_steps=3,
    report_to="none", save_strategy="no", use_cpu=True, disable_tqdm=True,
)
callback = TBImageCallback(
    directory + "/ours", draw=lambda model: {"weights": torch.sigmoid(model.linear.weight)}
)
broken = TBImageCallback(directory + "/broken", draw=lambda model: 1 / 0)
callbacks = [TensorBoardCallback(), callback, broken]
trainer = transformers.Trainer(
    Model(), arguments, train_dataset=data, eval_dataset=data, callbacks=callbacks
)
trainer.train()
assert (callback.failures.count, broken.failures.count) == (0, 2)
trainer.evaluate(metric_key_prefix="test")  # opens the run again, until the process ends
"""
ACCELERATE = """
import sys, numpy as np, torch
from accelerate import Accelerator
from tbimage.integrations.accelerate import TBImageTracker

tracker = TBImageTracker(sys.argv[1])
accelerator = Accelerator(cpu=True, log_with=tracker)
accelerator.init_trackers("project", config={"lr": 0.1, "model": {"layers": 2}, "none": None})
for step in range(3):
    values = {"loss": torch.tensor(step / 2), "note": "*text*", "both": {"a": 1.0, "b": 2.0}}
    accelerator.log(values, step=step)
accelerator.log({"broken": torch.zeros(3)}, step=0)
tracker.log_images({"images": np.zeros((2, 3, 8, 8))}, step=1, layout="NCHW")
accelerator.end_training()
assert tracker.failures.count == 1
"""
OPTUNA = """
import sys, optuna
from tbimage.integrations.optuna import TensorBoardCallback


def objective(trial):
    x, kind = trial.suggest_float("x", -1, 1), trial.suggest_categorical("kind", ["a", 1, None])
    for step in range(3):
        trial.report(x + step, step)
    if trial.number == 1:
        raise ZeroDivisionError
    return x

optuna.logging.set_verbosity(optuna.logging.CRITICAL)
study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
callback = TensorBoardCallback(sys.argv[1] + "/runs", "loss")
study.optimize(objective, n_trials=3, catch=(ZeroDivisionError,), callbacks=[callback])
both = TensorBoardCallback(sys.argv[1] + "/both", "loss")
study_of_two = optuna.create_study(directions=["minimize"] * 2)
study_of_two.optimize(lambda trial: (1.0, 2.0), n_trials=1, callbacks=[both])
open(sys.argv[1] + "/file", "w").close()
broken = TensorBoardCallback(sys.argv[1] + "/file", "loss")
study.optimize(objective, n_trials=2, callbacks=[broken])
assert (callback.failures.count, both.failures.count, broken.failures.count) == (0, 0, 2)
print([trial.params["x"] for trial in study.trials[:3]])
"""


def values(series: readers.Series) -> list[tuple[int, Any]]:
    return [(point.step, point.value) for point in series.points]


def test_transformers_has_the_tags_of_its_own_callback(tmp_path: Path) -> None:
    require("transformers")
    theirs = tmp_path / "theirs"
    run(TRANSFORMERS, tmp_path, cwd=tmp_path, TENSORBOARD_LOGGING_DIR=str(theirs))
    if not theirs.exists():  # older ones do not know this variable
        theirs = next((tmp_path / "out" / "runs").iterdir())
    expected = readers.read_runs(theirs, "data_server")["."]
    ours = readers.read_runs(tmp_path / "ours", "data_server")["."]
    weights = ours.pop("weights")
    assert weights.steps == [3, 6]
    assert {tag.removesuffix("/text_summary") for tag in expected} == set(ours)
    for tag, series in expected.items():
        if series.plugin == "scalars":
            faces.assert_same(series, ours[tag], wall_times=False)
    assert ours["train/loss"].steps == [2, 4, 6]
    assert ours["eval/loss"].steps == [3, 6]
    assert ours["test/loss"].steps == [6]


def test_accelerate_tracks(tmp_path: Path) -> None:
    require("accelerate")
    run(ACCELERATE, tmp_path, cwd=tmp_path)
    runs = readers.read_runs(tmp_path, "data_server")
    assert values(runs["."]["loss"]) == [(0, 0.0), (1, 0.5), (2, 1.0)]
    assert runs["."]["note"].steps == [0, 1, 2]
    assert runs["."]["images/image/1"].steps == [1]
    assert values(runs["both_b"]["both"])[0] == (0, 2.0)
    (start,) = faces.hparams_of(tmp_path).values()
    assert set(start.session_start_info.hparams) == {"lr", "model.layers"}


def test_a_trial_of_optuna_is_a_run_with_hyperparameters(tmp_path: Path) -> None:
    require("optuna")
    xs = json.loads(run(OPTUNA, tmp_path, cwd=tmp_path))
    runs = readers.read_runs(tmp_path / "runs", "data_server")
    assert set(runs) == {"trial-0", "trial-1", "trial-2"}
    found = faces.hparams_of(tmp_path / "runs")
    for number, x in enumerate(xs):
        name = f"trial-{number}"
        tags = runs[name]
        assert [step for step, _ in values(tags["loss_intermediate"])] == [0, 1, 2]
        if number == 1:
            assert "loss" not in tags
        else:
            assert values(tags["loss"]) == [(number, pytest.approx(x))]
        start = found[name, "_hparams_/session_start_info"].session_start_info
        assert start.hparams["x"].number_value == x
        end = found[name, "_hparams_/session_end_info"].session_end_info
        assert end.status == (2 if number == 1 else 1)  # STATUS_FAILURE, STATUS_SUCCESS
    assert {"loss_0", "loss_1"} < set(readers.read_runs(tmp_path / "both", "python")["trial-0"])
