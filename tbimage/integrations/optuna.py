"""An Optuna callback that logs each trial as a row of TensorBoard's HParams page."""

from __future__ import annotations

import os
from typing import Any

from tbimage import checks
from tbimage.integrations.failures import Failures
from tbimage.integrations.frameworks import needs
from tbimage.integrations.hyperparameters import flattened
from tbimage.writer import SummaryWriter

with needs("optuna", "3.1"):
    import optuna

__all__ = ["TensorBoardCallback"]


class TensorBoardCallback:
    """Log the parameters and the results of each trial to its own run.

    Args:
        dirname: The parent directory of the runs ``trial-0``, ``trial-1`` and so on.
        metric_name: The tag of the result. If a trial has several results, the tags are numbered:
            ``loss_0``, ``loss_1``.

    Attributes:
        failures: ``failures.count`` is the number of logging errors.

    Raises:
        TypeError: ``metric_name`` is not a string.

    Example:
        >>> import optuna
        >>> from tbimage.integrations.optuna import TensorBoardCallback
        >>> optuna.logging.set_verbosity(optuna.logging.ERROR)
        >>> def objective(trial):
        ...     return (trial.suggest_float("x", -1, 1) - 0.5) ** 2
        >>> callback = TensorBoardCallback("runs/sweep", "loss")
        >>> optuna.create_study().optimize(objective, n_trials=3, callbacks=[callback])
    """

    def __init__(self, dirname: str | os.PathLike[str], metric_name: str) -> None:
        self.failures: Failures = Failures("optuna.TensorBoardCallback")
        self._directory = os.fspath(dirname)
        self._metric = checks.text("metric_name", metric_name)

    def __call__(self, study: optuna.study.Study, trial: optuna.trial.FrozenTrial) -> None:
        """Log a finished trial.

        Args:
            study: The study of the trial.
            trial: The finished trial.
        """
        with self.failures:
            results: list[Any] = trial.values or []  # a failed trial has no values
            names = [self._metric]
            if len(results) > 1:
                names = [f"{self._metric}_{number}" for number in range(len(results))]
            done = trial.state in (
                optuna.trial.TrialState.COMPLETE,
                optuna.trial.TrialState.PRUNED,
            )
            run = os.path.join(self._directory, f"trial-{trial.number}")
            with SummaryWriter(run, on_error="log") as writer:
                for step, value in trial.intermediate_values.items():
                    with self.failures:
                        writer.scalar(f"{self._metric}_intermediate", value, step)
                writer.hparams(
                    flattened(trial.params),
                    dict(zip(names, results, strict=False)),
                    trial.number if results else None,
                    status="success" if done else "failure",
                )
