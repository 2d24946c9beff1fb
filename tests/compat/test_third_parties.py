"""Third parties that log through torch's writer: the real packages, with the adapter instead.

The loggers of Lightning, accelerate and stable-baselines3, and trainings that log through them, run
with torch's writer and with the face. The values that TensorBoard reads are compared. Each package
runs unchanged; only the module of its writer is replaced.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tbimage.compat import torch as face
from tests import readers
from tests.compat import faces

torch: Any = pytest.importorskip("torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    peer: Any = pytest.importorskip("torch.utils.tensorboard")

WRITERS = {"peer": peer.SummaryWriter, "face": face.SummaryWriter}

# They warn of many things that do not concern tbimage.
pytestmark = pytest.mark.filterwarnings("default")


def imported(module: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(module)


def assert_same_runs(directory: Path) -> faces.Runs:
    """Compare what two runs of a program have left, and give what the face's has."""
    theirs = readers.read_runs(directory / "peer", "python")
    theirs.get("run/trial", {}).pop("_hparams_/experiment", None)  # says: there are no metrics
    ours = readers.read_runs(directory / "face", "python")
    assert {run: set(tags) for run, tags in theirs.items()} == {
        run: set(tags) for run, tags in ours.items()
    }
    for run, tags in theirs.items():
        for tag, series in tags.items():
            faces.assert_same(series, ours[run][tag], wall_times=False)
    return ours


@pytest.mark.slow  # importing it takes seconds
def test_fabrics_tensorboard_logger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loggers = imported("lightning.fabric.loggers")
    for name, writer in WRITERS.items():
        monkeypatch.setattr(peer, "SummaryWriter", writer)
        logger = loggers.TensorBoardLogger(tmp_path / name, name="run", flush_secs=5)
        logger.log_hyperparams({"lr": 0.1, "bias": True, "sizes": [3, 5]}, {"loss": 0.25})
        for step in range(3):
            logger.log_metrics({"a": step / 2, "b": torch.tensor(1.5), "c": {"x": 1.0}}, step)
        logger.log_graph(torch.nn.Linear(3, 2), torch.zeros(1, 3))
        logger.experiment.add_image("image", np.zeros((3, 8, 8)), 1)
        assert isinstance(logger.experiment, writer)
        logger.save()
        logger.finalize("success")
    ours = assert_same_runs(tmp_path)
    assert ours["run/version_0"]["a"].steps == [0, 1, 2]
    assert "run/version_0/c_x" in ours
    faces.assert_same_hparams(tmp_path / "peer", tmp_path / "face", experiment=True)


def test_accelerates_tracker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported("accelerate")
    tracking = imported("accelerate.tracking")
    imported("accelerate.state").PartialState()
    for name, writer in WRITERS.items():
        monkeypatch.setattr(peer, "SummaryWriter", writer)
        tracker = tracking.TensorBoardTracker("run", tmp_path / name, max_queue=3)
        tracker.start()
        tracker.writer.add_hparams({"lr": 0.1, "epochs": 3}, {}, run_name="trial")
        for step in range(3):
            tracker.log({"loss": 0.5, "note": f"*{step}*", "both": {"a": 1.0}}, step=step)
        tracker.log_images({"images": np.zeros((2, 8, 8, 3), np.uint8)}, step=1, dataformats="NHWC")
        tracker.finish()
    ours = assert_same_runs(tmp_path)
    assert ours["run"]["loss"].steps == [0, 1, 2]
    assert "run/both_a" in ours


def test_accelerate_stores_hyperparameters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported("accelerate.state").PartialState()
    monkeypatch.setattr(peer, "SummaryWriter", face.SummaryWriter)
    tracker = imported("accelerate.tracking").TensorBoardTracker("run", tmp_path)
    tracker.start()
    tracker.store_init_configuration({"lr": 0.1, "bias": True, "name": "a", "none": None})
    tracker.finish()
    (start,) = (data for (_, tag), data in faces.hparams_of(tmp_path).items() if "start" in tag)
    assert set(start.session_start_info.hparams) == {"lr", "bias", "name"}


def test_the_output_format_of_stable_baselines3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = imported("stable_baselines3.common.logger")
    pixels = np.random.default_rng(1).random((3, 8, 8))
    for name, writer in WRITERS.items():
        monkeypatch.setattr(logger, "SummaryWriter", writer)
        written = logger.Logger(
            str(tmp_path / name), [logger.TensorBoardOutputFormat(str(tmp_path / name))]
        )
        written.record("hparams", logger.HParam({"lr": 0.1, "algorithm": "PPO"}, {"reward": 0}))
        for step in range(3):
            written.record("reward", step / 2)
            written.record("note", "*text*")
            written.record("weights", torch.linspace(0, 1, 50))
            written.record("image", logger.Image(pixels, "CHW"))
            written.dump(step)
        written.close()
    ours = assert_same_runs(tmp_path)
    assert ours["."]["reward"].steps == [0, 1, 2]
    faces.assert_same_hparams(tmp_path / "peer", tmp_path / "face", experiment=True)


def losses(runs: faces.Runs, tag: str) -> list[Any]:
    """The values of a tag in the one run that has it."""
    (series,) = (tags[tag] for tags in runs.values() if tag in tags)
    return [(point.step, point.value) for point in series.points]


@pytest.mark.slow
def test_a_training_of_stable_baselines3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = imported("stable_baselines3")
    logger = imported("stable_baselines3.common.logger")
    for name, writer in WRITERS.items():
        monkeypatch.setattr(logger, "SummaryWriter", writer)
        agent = library.PPO(
            "MlpPolicy",
            "CartPole-v1",
            n_steps=32,
            batch_size=32,
            n_epochs=1,
            seed=3,
            device="cpu",
            tensorboard_log=str(tmp_path / name),
        )
        agent.learn(96, log_interval=1)
    theirs = readers.read_runs(tmp_path / "peer", "data_server")
    ours = readers.read_runs(tmp_path / "face", "data_server")
    assert {run: set(tags) for run, tags in theirs.items()} == {
        run: set(tags) for run, tags in ours.items()
    }
    assert losses(theirs, "train/loss") == losses(ours, "train/loss") != []


@pytest.mark.slow
def test_a_training_of_lightning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lightning = imported("lightning.pytorch")
    loggers = imported("lightning.pytorch.loggers")
    boring: Any = imported("lightning.pytorch.demos.boring_classes").BoringModel

    class Model(boring):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            loss = super().training_step(batch, batch_idx)
            self.log("loss", loss["loss"])
            return loss

    for name, writer in WRITERS.items():
        monkeypatch.setattr(peer, "SummaryWriter", writer)
        lightning.seed_everything(3)
        logger = loggers.TensorBoardLogger(tmp_path / name, name="run")
        trainer = lightning.Trainer(
            max_steps=4,
            logger=logger,
            log_every_n_steps=1,
            limit_val_batches=0,
            accelerator="cpu",
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(Model())
        assert isinstance(logger.experiment, writer)
        logger.experiment.close()
    ours = assert_same_runs(tmp_path)
    assert ours["run/version_0"]["loss"].steps == [0, 1, 2, 3]
