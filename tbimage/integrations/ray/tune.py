"""A Ray Tune callback that logs the results of each trial to its own run."""

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
        f"this needs Ray Tune; {error.name} is missing: pip install 'ray[tune]'", name=error.name
    ) from None

from tbimage.writer import SummaryWriter
from tbimage.writer.settings import check_logdir

__all__ = ["TuneCallback"]

logger = logging.getLogger("tbimage")

# The fields that Tune adds to each result (``ray.tune.result``, ``ray.tune.trainable``).
_OF_TUNE = {*AUTO_RESULT_KEYS, "done", "trial_id", "experiment_tag", "should_checkpoint"}


class TuneCallback(LoggerCallback):
    """Log the results and the hyperparameters of each trial.

    A tag is the name of a reported value. The keys of nested dicts are joined with ``/``. The step
    is ``training_iteration``.

    - A number becomes a scalar.
    - An array of rank 3 becomes an image, and an array of rank 4 becomes a batch of images. The
      default order of the axes is [batch, channels, height, width]. If tensorboardX is installed,
      Tune also runs its own TensorBoard logger, which stops the search if the order is different.
    - An array of any other rank becomes a histogram. A list is treated as an array.
    - The trial's ``config`` becomes the hyperparameters of the run.

    Other values, and the fields that Tune adds, are left out. If a value cannot be logged, the
    logger ``tbimage`` warns once for each name, and the trial continues.

    ``logdir`` must not be the directory of the experiment, because Tune's own TensorBoard logger
    writes to that directory.

    Args:
        logdir: The directory of all runs. A run has the name of its trial, such as
            ``train_5be6b_00000``. The process that calls ``fit`` writes all runs.
        layout: The axes of an image, as in ``SummaryWriter.image``. Default "CHW". A batch has the
            additional first axis N.
        settings: Settings of the ``SummaryWriter``. The default of ``on_error`` is "log".

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

    def __init__(
        self, logdir: str | os.PathLike[str], *, layout: str = "CHW", **settings: Any
    ) -> None:
        self._logdir = check_logdir(logdir)
        self._layout = layout
        self._settings = {"on_error": "log", **settings}
        self._writers: dict[Any, SummaryWriter] = {}
        self._refused: set[str] = set()

    def log_trial_start(self, trial: Any) -> None:
        """Open the run of a trial; Tune calls this."""
        self._close(trial)
        self._writers[trial] = SummaryWriter(f"{self._logdir}/{trial}", **self._settings)
        self._log_hparams(trial, None)  # TensorBoard keeps the first status, so none yet

    def log_trial_result(self, iteration: int, trial: Any, result: dict[str, Any]) -> None:
        """Log a result; Tune calls this."""
        if trial not in self._writers:
            self.log_trial_start(trial)
        step = result.get(TRAINING_ITERATION, iteration)
        reported = {name: value for name, value in result.items() if name not in _OF_TUNE}
        for name, value in _flat(reported):
            try:
                self._log(self._writers[trial], name, value, step)
            except (TypeError, ValueError) as error:
                self._refuse(name, error)

    def log_trial_end(self, trial: Any, failed: bool = False) -> None:
        """Close the run of a trial; Tune calls this."""
        if trial in self._writers:
            self._log_hparams(trial, "failure" if failed else "success")
            self._close(trial)

    def _log(self, writer: SummaryWriter, name: str, value: Any, step: int) -> None:
        if isinstance(value, (Number, np.bool_)):
            writer.scalar(name, value, step)  # type: ignore[arg-type]
        elif isinstance(value, (list, tuple)) or hasattr(value, "__array__"):
            rank = np.ndim(value)
            if rank == 0:
                writer.scalar(name, value, step)
            elif rank in (3, 4):
                writer.image(name, value, step, layout="N" * (rank - 3) + self._layout)
            else:
                writer.histogram(name, value, step)

    def _close(self, trial: Any) -> None:
        writer = self._writers.pop(trial, None)
        if writer is not None:
            writer.close()

    def _log_hparams(self, trial: Any, status: str | None) -> None:
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


def _plain(value: Any) -> Any:
    """Convert a hyperparameter to None, bool, int, float or str."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
