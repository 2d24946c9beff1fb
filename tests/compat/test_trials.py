"""Sweeps through ``add_hparams``: what the HParams page shows of several runs."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tbimage.compat import tensorboardx, torch
from tests import readers
from tests.compat import faces
from tests.kinds.test_hparams import experiment

FACES: dict[str, Any] = {"torch": torch, "tensorboardx": tensorboardx}
NAMES = {"torch": "run_name", "tensorboardx": "name"}


@pytest.fixture(params=FACES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def trial(name: str, writer: Any, values: Any, metrics: Any, run: str | None = None) -> None:
    writer.add_hparams(values, metrics, **{NAMES[name]: run})


def columns(directory: Path, loader: str) -> tuple[list[str], list[str]]:
    """Names of the hyperparameters and tags of the metrics on the page."""
    found = experiment(directory, loader)
    return (
        sorted(info.name for info in found.hparam_infos),
        sorted({info.name.tag for info in found.metric_infos}),
    )


@pytest.mark.parametrize("loader", faces.LOADERS)
def test_a_sweep_that_adds_a_hyperparameter_and_a_metric_shows_both(
    name: str, loader: str, tmp_path: Path
) -> None:
    with FACES[name].SummaryWriter(str(tmp_path)) as writer:
        trial(name, writer, {"lr": 0.1}, {"acc": 0.5}, "a")
        trial(name, writer, {"lr": 0.2, "layers": 3}, {"acc": 0.6, "loss": 0.1}, "b")
        trial(name, writer, {"lr": 0.3, "depth": 5}, {}, "c")
    assert columns(tmp_path, loader) == (["depth", "layers", "lr"], ["acc", "loss"])


def test_two_trials_under_one_name_are_two_runs(name: str, tmp_path: Path) -> None:
    with FACES[name].SummaryWriter(str(tmp_path)) as writer:
        for run in ("same", "."):
            trial(name, writer, {"lr": 0.1}, {f"acc of {run}": 0.5}, run)
            with pytest.warns(UserWarning, match="has other hyperparameters already"):
                trial(name, writer, {"lr": 0.01}, {f"acc of {run}": 0.9}, run)
    starts = {
        run: data.session_start_info.hparams["lr"].number_value
        for (run, tag), data in faces.hparams_of(tmp_path).items()
        if "start" in tag
    }
    assert starts == {"same": 0.1, "same_2": 0.01, ".": 0.1, "trial_2": 0.01}
    runs = readers.read_runs(tmp_path, "data_server")
    for run, metric in (("same", 0.5), ("same_2", 0.9)):
        (point,) = runs[run]["acc of same"].points
        assert point.value == pytest.approx(metric)


@pytest.mark.parametrize("loader", faces.LOADERS)
def test_a_metric_that_is_a_scalar_of_the_run_too(name: str, loader: str, tmp_path: Path) -> None:
    """No warning, and nothing of the scalar is lost."""
    with warnings.catch_warnings(), FACES[name].SummaryWriter(str(tmp_path)) as writer:
        warnings.simplefilter("error")
        for step in range(5):
            writer.add_scalar("acc", step / 10, step)
        trial(name, writer, {"lr": 0.1}, {"acc": 0.9}, ".")
        trial(name, writer, {"lr": 0.1}, {"acc": 0.95}, ".")  # the same trial, later
        trial(name, writer, {"lr": 0.1}, {"acc": 0.9})  # in a run of its own
    runs = readers.read_runs(tmp_path, loader)
    assert runs["."]["acc"].steps == [0, 1, 2, 3, 4, 5, 6]
    (other,) = (tags["acc"].steps for run, tags in runs.items() if run != ".")
    assert other == [0]


def test_tensors_of_one_element_are_numbers(name: str, tmp_path: Path) -> None:
    framework = pytest.importorskip("torch")
    values = {"a": framework.tensor(0.5), "b": framework.tensor([1.5]), "c": np.float32(2)}
    with FACES[name].SummaryWriter(str(tmp_path)) as writer:
        trial(name, writer, values, {"m": framework.tensor([[0.5]])}, "t")
    (start,) = (data for (_, tag), data in faces.hparams_of(tmp_path).items() if "start" in tag)
    numbers = {key: value.number_value for key, value in start.session_start_info.hparams.items()}
    assert numbers == {"a": 0.5, "b": 1.5, "c": 2.0}
