"""A logger for Lightning."""

from __future__ import annotations

import os
import re
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from tbimage import checks
from tbimage.compat.torch import SummaryWriter as TorchWriter
from tbimage.integrations.failures import Failures, guarded
from tbimage.integrations.frameworks import needs
from tbimage.integrations.hyperparameters import flattened
from tbimage.writer import SummaryWriter
from tbimage.writer.settings import check_logdir

with needs("lightning", "2.4"):
    from lightning.pytorch.core.saving import save_hparams_to_yaml
    from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment
    from lightning.pytorch.utilities import rank_zero_only

__all__ = ["TBImageLogger"]


class TBImageLogger(Logger):
    """Log Lightning training, in the same directories as Lightning's ``TensorBoardLogger``.

    A logging error never stops the training. The logger counts all errors, and reports the first
    error of each class. But if the run directory cannot be made, the error is raised before the
    training begins.

    Args:
        save_dir: The directory of all experiments.
        name: The name of the experiment and of its directory in ``save_dir``. If it is "" or None,
            the runs are directly in ``save_dir``.
        version: A number n for the run directory ``version_n``, or the name of the run directory.
            If None, the number after the largest existing number is used.
        log_graph: Whether the method ``log_graph`` logs the model's graph. This needs tensorboard.
        default_hp_metric: Whether to log the metric ``hp_metric`` with the value -1 if there are no
            other metrics. Default False, because the HParams page does not need ``hp_metric``.
        prefix: A string before the name of each metric. A "-" separates the string from the name.
        sub_dir: A subdirectory of the run directory, to which the logger writes.

    Attributes:
        failures: ``failures.count`` is the number of logging errors.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: ``save_dir`` is empty, or is a URL that a writer cannot use.

    Example:
        >>> from tbimage.integrations.lightning import TBImageLogger
        >>> logger = TBImageLogger("runs", name="model", version="first")
        >>> logger.log_hyperparams({"lr": 0.1})
        >>> for step in range(3):
        ...     logger.log_metrics({"loss": 1 / (step + 1)}, step)
        >>> logger.log_image("inputs", [[0.0, 0.5], [0.5, 1.0]], step)
        >>> logger.experiment.add_text("note", "as with torch's writer", step)
        >>> logger.finalize("success")
    """

    def __init__(
        self,
        save_dir: str | os.PathLike[str],
        name: str | None = "lightning_logs",
        version: int | str | None = None,
        log_graph: bool = False,
        default_hp_metric: bool = False,
        prefix: str = "",
        sub_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__()
        check_logdir(save_dir)
        self.failures: Failures = Failures("lightning.TBImageLogger")
        self._save_dir = os.fspath(save_dir)
        self._name = "" if name is None else checks.text("name", name)
        self._version = version
        self._log_graph = checks.flag("log_graph", log_graph)
        self._default_hp_metric = checks.flag("default_hp_metric", default_hp_metric)
        self._prefix = checks.text("prefix", prefix)
        self._sub_dir = "" if sub_dir is None else os.fspath(sub_dir)
        self._hyperparameters: dict[str, Any] = {}
        self._experiment: TorchWriter | None = None

    @property
    def save_dir(self) -> str:
        """The directory of all experiments."""
        return self._save_dir

    @property
    def name(self) -> str:
        """The name of the experiment."""
        return self._name

    @property
    def version(self) -> int | str:
        """The number or the name of the run."""
        if self._version is None:
            root = self.root_dir
            names = os.listdir(root) if os.path.isdir(root) else []
            numbers = [int(each[8:]) for each in names if re.fullmatch(r"version_\d+", each)]
            self._version = max(numbers, default=-1) + 1
        return self._version

    @property
    def root_dir(self) -> str:
        """The directory of the experiment."""
        return os.path.join(self._save_dir, self._name)

    @property
    def log_dir(self) -> str:
        """The directory of the run."""
        version = self.version if isinstance(self.version, str) else f"version_{self.version}"
        return os.path.join(self.root_dir, version, self._sub_dir).rstrip(os.sep)

    @property
    @rank_zero_experiment
    def experiment(self) -> TorchWriter:
        """The writer, with the methods of torch's writer: ``add_scalar``, ``add_image``, …."""
        if self._experiment is None:
            self._experiment = TorchWriter(self.log_dir)
        return self._experiment

    @property
    def writer(self) -> SummaryWriter:
        """The ``tbimage.SummaryWriter`` of the first process."""
        native: SummaryWriter = self.experiment._get_file_writer().native  # reopens a closed file
        return native

    @rank_zero_only
    @guarded
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log numbers.

        Args:
            metrics: Numbers by name. A value may also be a mapping of names to numbers. Each number
                of such a mapping gets its own run.
            step: An integer, greater than the last step of each tag. If None, the step is 0.
        """
        for name, value in metrics.items():
            with self.failures:
                tag = f"{self._prefix}-{name}" if self._prefix else name
                many = isinstance(value, Mapping)
                (self.experiment.add_scalars if many else self.experiment.add_scalar)(
                    tag, value, step
                )

    @rank_zero_only
    @guarded
    def log_image(self, key: str, images: Any, step: int | None = None, **options: Any) -> None:
        """Log images.

        Args:
            key: The tag.
            images: As in ``SummaryWriter.image``. For a batch of torch, pass ``layout="NCHW"``.
            step: An integer, greater than the last step of this tag. If None, the tag's next step.
            options: More arguments of ``SummaryWriter.image``, such as ``value_range``.
        """
        with self.failures:
            self.writer.image(key, images, step, **options)

    @rank_zero_only
    @guarded
    def log_hyperparams(
        self,
        params: Mapping[str, Any] | Namespace,
        metrics: Mapping[str, Any] | float | None = None,
        step: int | None = None,
    ) -> None:
        """Log the hyperparameters of the run, and metrics of the result.

        Args:
            params: Values by name. Nested mappings are flattened, with "/" between the names.
            metrics: Numbers by tag, or one number for the tag ``hp_metric``.
            step: The step of the metrics.
        """
        with self.failures:
            given = vars(params) if isinstance(params, Namespace) else dict(params)
            self._hyperparameters |= given
            if metrics is None and self._default_hp_metric:
                metrics = -1.0
            if metrics is not None and not isinstance(metrics, Mapping):
                metrics = {"hp_metric": metrics}
            self.writer.hparams(flattened(given, "/"), metrics, step)

    @rank_zero_only
    @guarded
    def log_graph(self, model: Any, input_array: Any = None) -> None:
        """Log the graph of a model, if the logger was made with ``log_graph=True``.

        Args:
            model: The module.
            input_array: The input of the module. If None, ``model.example_input_array`` is used.
        """
        if self._log_graph:
            with self.failures:
                inputs = model.example_input_array if input_array is None else input_array
                if inputs is None:
                    raise ValueError("log_graph needs model.example_input_array, which is None")
                self.writer.graph(model, inputs)

    @rank_zero_only
    @guarded
    def save(self) -> None:
        """Flush all summaries to the file. Write ``hparams.yaml`` if it is missing."""
        with self.failures:
            if self._experiment is not None:
                self._experiment.flush()
                file = os.path.join(self.log_dir, "hparams.yaml")
                if not os.path.exists(file):
                    save_hparams_to_yaml(file, self._hyperparameters)

    @rank_zero_only
    @guarded
    def finalize(self, status: str) -> None:
        """Close the file. If the training succeeded, call ``save`` first.

        Args:
            status: The result of the training: "success", or another status of Lightning.
        """
        if status == "success":
            self.save()
        with self.failures:
            if self._experiment is not None:
                self._experiment.close()
