"""Search for a learning rate with Ray Tune: a run for each trial, with pictures.

    python examples/ray_tune.py
    tensorboard --logdir runs/ray_tune

The page HParams of TensorBoard compares the trials.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray
from ray import tune

from tbimage.integrations.ray.tune import TuneCallback


def cross() -> NDArray[np.float64]:
    """Return the picture that is learned, [1, 16, 16]: a cross."""
    picture = np.zeros((1, 16, 16))
    picture[:, 7:9] = picture[:, :, 7:9] = 1
    return picture


def train(config: dict[str, Any]) -> None:
    """Learn the picture from noisy ones, and report each step."""
    random = np.random.default_rng(0)
    learned = np.zeros((1, 16, 16))
    for _ in range(20):
        noisy = cross() + random.normal(0, 0.5, cross().shape)
        learned += config["rate"] * (noisy - learned)
        loss = float(np.square(learned - cross()).mean())
        tune.report({"loss": loss, "learned": learned.clip(0, 1)})


def main(logdir: str) -> None:
    """Run three trials, two at a time."""
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    with tempfile.TemporaryDirectory() as storage:
        tuner = tune.Tuner(
            train,
            param_space={"rate": tune.grid_search([0.01, 0.1, 0.9])},
            tune_config=tune.TuneConfig(metric="loss", mode="min"),
            run_config=tune.RunConfig(
                storage_path=storage, callbacks=[TuneCallback(Path(logdir).absolute())], verbose=0
            ),
        )
        best = tuner.fit().get_best_result()
    print(f"the best rate is {best.config['rate']}")
    ray.shutdown()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logdir", default="runs/ray_tune")
    main(**vars(parser.parse_args()))
