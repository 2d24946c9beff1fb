"""Ray Tune: a callback that logs what trials report, each trial to a run of its own."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from numbers import Number
from typing import Any

import numpy as np

try:
    from ray.tune.logger import LoggerCallback
    from ray.tune.result import AUTO_RESULT_KEYS, TRAINING_ITERATION
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"this needs Ray Tune, which lacks {error.name}: pip install 'ray[tune]'", name=error.name
    ) from None

from tbimage.writer import SummaryWriter
from tbimage.writer.settings import check_logdir

__all__ = ["TuneCallback"]

logger = logging.getLogger("tbimage")

# What Tune adds to each result, and what it adds beside AUTO_RESULT_KEYS.
_OF_TUNE = {*AUTO_RESULT_KEYS, "config", "checkpoint_dir_name", "should_checkpoint"}


class TuneCallback(LoggerCallback):  # type: ignore[misc]
    """Logs the results and the hyperparameters of each trial.

    Names are those that the trial reports; those of nested dicts are joined with ``/``. The step is
    ``training_iteration``.

    - A number becomes a scalar.
    - An array of rank 3, [height, width, channels], becomes an image, and one of rank 4,
      [batch, height, width, channels], a batch of images.
    - Another array, or a list of numbers, becomes a histogram.
    - The trial's ``config`` becomes the hyperparameters of the run.

    Other values, and the fields that Tune adds, are left out. A value that cannot be logged is
    named once in the log ``tbimage``; the trial goes on.

    Tune has a logger for TensorBoard of its own, which needs tensorboardX. The environment variable
    ``TUNE_DISABLE_AUTO_CALLBACK_LOGGERS=1`` switches it off.

    Args:
        logdir: The directory of all runs; a run has the name of its trial. None: each trial's
            own directory in the experiment's, which Tune copies to its ``storage_path``.
        settings: Of the ``SummaryWriter``, with ``on_error="log"`` as the default.

    Raises:
        TypeError: ``logdir`` is of the wrong type.
        ValueError: ``logdir`` is empty.

    Example:
        >>> from ray import tune
        >>> def train(config):
        ...     for step in range(3):
        ...         tune.report({"loss": config["rate"] ** step})
        >>> tuner = tune.Tuner(  # doctest: +SKIP
        ...     train,
        ...     param_space={"rate": tune.grid_search([0.1, 0.5])},
        ...     run_config=tune.RunConfig(callbacks=[TuneCallback("runs/search")]),
        ... )
        >>> results = tuner.fit()  # doctest: +SKIP
    """

    def __init__(self, logdir: str | os.PathLike[str] | None = None, **settings: Any) -> None:
        self._logdir = None if logdir is None else check_logdir(logdir)
        self._settings = {"on_error": "log", **settings}
        self._writers: dict[Any, SummaryWriter] = {}
        self._refused: set[str] = set()

    def log_trial_start(self, trial: Any) -> None:
        """Open the run of a trial; Tune calls this."""
        self._close(trial)
        if self._logdir is None:
            trial.init_local_path()
            directory = trial.local_path
        else:
            directory = f"{self._logdir}/{trial}"
        self._writers[trial] = SummaryWriter(directory, **self._settings)
        self._log_hparams(trial, "running")

    def log_trial_result(self, iteration: int, trial: Any, result: dict[str, Any]) -> None:
        """Log a result; Tune calls this."""
        if trial not in self._writers:
            self.log_trial_start(trial)
        step = result.get(TRAINING_ITERATION, iteration)
        reported = {name: value for name, value in result.items() if name not in _OF_TUNE}
        for name, value in _flat(reported):
            try:
                _log(self._writers[trial], name, value, step)
            except (TypeError, ValueError) as error:
                self._refuse(name, error)

    def log_trial_end(self, trial: Any, failed: bool = False) -> None:
        """Close the run of a trial; Tune calls this."""
        if trial in self._writers:
            self._log_hparams(trial, "failure" if failed else "success")
            self._close(trial)

    def _close(self, trial: Any) -> None:
        writer = self._writers.pop(trial, None)
        if writer is not None:
            writer.close()

    def _log_hparams(self, trial: Any, status: str) -> None:
        values = {name: _plain(value) for name, value in _flat(trial.config or {})}
        try:
            if values:
                self._writers[trial].hparams(values, status=status)
        except (TypeError, ValueError) as error:
            self._refuse("config", error)

    def _refuse(self, name: str, error: Exception) -> None:
        if name not in self._refused:
            self._refused.add(name)
            logger.warning("Ray Tune: %r is not logged: %s", name, error)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", value


def _log(writer: SummaryWriter, name: str, value: Any, step: int) -> None:
    if isinstance(value, (Number, np.generic)) or (np.ndim(value) == 0 and hasattr(value, "item")):
        writer.scalar(name, value, step)
    elif hasattr(value, "__array__") and np.ndim(value) in (3, 4):
        writer.image(name, value, step)
    elif hasattr(value, "__array__") or isinstance(value, (list, tuple)):
        writer.histogram(name, value, step)


def _plain(value: Any) -> Any:
    """Return a hyperparameter that can be logged."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
