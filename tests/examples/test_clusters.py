"""The examples for clusters, run with torchrun, Dask and Ray: their logs, pixel for pixel."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tests import readers
from tests.cli.command import ENVIRONMENT, ROOT, images_in
from tests.clusters.test_engines import ENVIRONMENT as OF_RAY
from tests.pipeline import logs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EXAMPLES = {"torchrun": "torch", "dask_map": "distributed", "ray_tune": "ray"}


def run_example(name: str, logdir: Path, *options: str) -> str:
    """Run an example as its docstring says; return what it prints."""
    pytest.importorskip(EXAMPLES[name])
    command = [sys.executable, str(ROOT / "examples" / f"{name}.py")]
    if name == "torchrun":
        launcher = ["-m", "torch.distributed.run", "--nproc-per-node=2"]
        command[1:1] = [*launcher, "--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0"]
    environment = {**ENVIRONMENT, **OF_RAY, "OMP_NUM_THREADS": "1"}
    del environment["PYTHONWARNINGS"]  # frameworks issue some
    done = subprocess.run(
        [*command, "--logdir", str(logdir), *options],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=logdir.parent,
    )
    assert done.returncode == 0, done.stderr
    assert "tbimage" not in done.stderr
    return done.stdout


def module(name: str) -> types.ModuleType:
    """The code of an example, to compute what it should have logged."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_says_how_to_run_and_see_it(name: str) -> None:
    text = (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 110
    assert f" examples/{name}.py\n" in text
    assert f"    tensorboard --logdir runs/{name}\n" in text
    assert f'"--logdir", default="runs/{name}"' in text


def test_torchrun(tmp_path: Path) -> None:
    run_example("torchrun", tmp_path / "runs", "--steps", "60")
    steps = list(range(60))
    for loader in readers.LOADERS:
        shown = logs.shown(tmp_path / "runs", loader)
        assert shown == {
            "ranks/rank-0000": {"loss": steps},
            "ranks/rank-0001": {"loss": steps},
            "job": {"loss": steps, "picture": [0, 50]},
        }
    read = tbimage.read(tmp_path / "runs")
    losses = [read[f"ranks/rank-000{rank}"].scalars("loss").values for rank in (0, 1)]
    assert not np.array_equal(losses[0], losses[1])
    assert np.allclose(read["job"].scalars("loss").values, np.mean(losses, axis=0), rtol=1e-5)


def test_dask_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = run_example("dask_map", tmp_path / "runs", "--pictures", "9")
    assert printed.startswith("9 pictures")
    pictures: dict[int, Any] = {}
    for run in logs.runs(tmp_path / "runs"):
        pictures |= {image.step: image.pixels for image in images_in(run)["set"]}
    assert sorted(pictures) == list(range(9))

    example = module("dask_map")
    with tbimage.SummaryWriter(tmp_path / "expected") as writer:
        monkeypatch.setattr(example, "worker_writer", lambda: writer)
        for number in range(9):
            example.mandelbrot(number)
    expected = {image.step: image.pixels for image in images_in(tmp_path / "expected")["set"]}
    for number, pixels in expected.items():
        assert np.array_equal(pictures[number], pixels)


def test_ray_tune(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = run_example("ray_tune", tmp_path / "runs")
    assert "the best rate is 0.1" in printed
    runs = logs.runs(tmp_path / "runs")
    assert len(runs) == 3
    read = tbimage.read(tmp_path / "runs")
    reported: list[dict[str, Any]] = []
    example = module("ray_tune")
    monkeypatch.setattr(example.tune, "report", reported.append)
    for run in runs:
        values = read[run.name].hparams()
        assert values is not None
        assert values.status == "success"
        reported.clear()
        example.train({"rate": values.values["rate"]})
        losses = np.array([result["loss"] for result in reported], np.float32)
        assert np.array_equal(read[run.name].scalars("loss").values, losses)
        assert read[run.name].scalars("loss").steps.tolist() == list(range(1, 21))
        expected = (reported[-1]["learned"] * 255.5).clip(0, 255).astype(np.uint8)
        assert np.array_equal(read[run.name].images("learned")[-1].pixels()[..., 0], expected[0])
    for loader in readers.LOADERS:
        assert len(logs.shown(tmp_path / "runs", loader)) == 3
