"""The logger of Lightning: a training, as TensorBoard reads it."""

from __future__ import annotations

from pathlib import Path

from tests import readers
from tests.compat import faces
from tests.integrations.programs import HEAVY, require, run

require("lightning")
pytestmark = HEAVY

TRAINING = """
import json, sys, warnings, logging
import torch, lightning
from lightning.pytorch.demos.boring_classes import BoringModel
from lightning.pytorch.loggers import TensorBoardLogger
from tbimage.integrations.lightning import TBImageLogger

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.simplefilter("ignore")
directory = sys.argv[1]


class Model(BoringModel):
    def __init__(self, lr=0.1, sizes=(3, 4)):
        super().__init__()
        self.save_hyperparameters()
        self.example_input_array = torch.zeros(1, 32)

    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        self.log("loss", loss["loss"])
        if isinstance(self.logger, TBImageLogger):
            images = torch.linspace(0, 1, 2 * 3 * 4 * 4).reshape(2, 3, 4, 4)
            self.logger.log_image("images", images, self.global_step, layout="NCHW")
            self.logger.experiment.add_text("note", "a *text*", self.global_step)
        return loss


def train(logger):
    lightning.seed_everything(3, verbose=False)
    lightning.Trainer(
        max_steps=4, logger=logger, log_every_n_steps=1, limit_val_batches=1, accelerator="cpu",
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=directory,
    ).fit(Model())
"""
COMPARED = (
    TRAINING
    + """
for number in range(2):
    train(TensorBoardLogger(directory + "/theirs", name="run"))
    logger = TBImageLogger(directory + "/ours", name="run", log_graph=True)
    train(logger)
    logger.log_image("after", [[0.0, 1.0]], 4)  # opens the closed run again
    logger.finalize("success")
    assert logger.failures.count == 0
    assert logger.version == number
"""
)
FAILING = (
    TRAINING
    + """
logger = TBImageLogger(directory + "/run")
logger.log_metrics({"loss": torch.zeros(3), "accuracy": 1.0}, 0)
logger.log_image("image", [[0.5, 2]], 0, layout="CHW")
logger.log_hyperparams({"a": 1}, {"loss": "none"})
print(logger.failures.count)
logger.finalize("success")
"""
)


def test_a_training_is_logged_as_by_lightnings_own_logger(tmp_path: Path) -> None:
    run(COMPARED, tmp_path, cwd=tmp_path)
    theirs = readers.read_runs(tmp_path / "theirs", "data_server")
    ours = readers.read_runs(tmp_path / "ours", "data_server")
    assert set(ours) == set(theirs) == {"run/version_0", "run/version_1"}
    for name, tags in theirs.items():
        tags.pop("hp_metric", None)
        scalars = {tag: series for tag, series in tags.items() if series.plugin == "scalars"}
        assert {"loss", "epoch"} <= set(scalars)
        for tag, series in scalars.items():
            faces.assert_same(series, ours[name][tag], wall_times=False)
    run_of_ours = ours["run/version_0"]
    assert run_of_ours["images/image/1"].steps == [0, 1, 2, 3]
    assert run_of_ours["after"].steps == [4]
    assert run_of_ours["note/text_summary"].steps == [0, 1, 2, 3]
    assert any(series.plugin == "graphs" for series in run_of_ours.values())
    (start,) = (
        data
        for (name, tag), data in faces.hparams_of(tmp_path / "ours").items()
        if name == "run/version_0" and "start" in tag
    )
    values = start.session_start_info.hparams
    assert values["lr"].number_value == 0.1
    for kind in ("theirs", "ours"):
        directory = tmp_path / kind / "run" / "version_0"
        assert list(directory.glob("checkpoints/*.ckpt"))
        assert "lr: 0.1" in (directory / "hparams.yaml").read_text("utf-8")


def test_errors_of_logging_do_not_end_a_training(tmp_path: Path) -> None:
    assert run(FAILING, tmp_path, cwd=tmp_path) == "3\n"
    (tags,) = readers.read_runs(tmp_path / "run", "data_server").values()
    assert set(tags) == {"accuracy"}
