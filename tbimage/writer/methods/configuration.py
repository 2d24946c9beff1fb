"""Methods for hyperparameters, layouts, embeddings and graphs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, SupportsIndex

from tbimage import checks
from tbimage.events.tickets import MAIN, STEP
from tbimage.kinds import scalar as scalar_kind
from tbimage.writer.methods import series
from tbimage.writer.steps import FIRST_STEP, check_step

if TYPE_CHECKING:
    from tbimage.writer.base import RunWriter


def hparams(
    self: RunWriter,
    hparams: Mapping[str, Any],
    metrics: Mapping[str, Any] | Iterable[str] | None = None,
    step: SupportsIndex | None = None,
    *,
    domains: Mapping[str, Iterable[Any]] | None = None,
    group: str | None = None,
    status: str | None = None,
    wall_time: float | None = None,
) -> bool:
    """Log the hyperparameters of this run, for the HParams page.

    TensorBoard shows one trial for each run, so each trial needs its own writer. A later call with
    the same values may add metrics and the status.

    Args:
        hparams: Values by name: bool, int, float or str. A name with the value None is left out. A
            bool stays a bool.
        metrics: The results of the run: numbers by tag, which are logged as scalars, or a list of
            tags. With None or numbers, TensorBoard shows all scalars of the runs.
        step: The step of the metrics' scalars. None: for each tag, the step after the tag's last
            step in the run. Later scalars of the tag may have smaller steps without a warning.
        domains: The allowed values of hyperparameters, by name; the page offers them as filters.
            With domains, or with a list as ``metrics``, the page shows only the columns of this
            call.
        group: The common name of runs that repeat one trial.
        status: "success", "failure" or "running". None: "success" if metrics have values.
        wall_time: Seconds since the epoch, also used as the start time of the run; None: now.

    Returns:
        As ``image``.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: An earlier call had other hyperparameters. A domain has an unknown name, or does
            not contain the value of its hyperparameter. Another value does not fit.
        RuntimeError: The writer is closed.

    Example:
        >>> import tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     values = {"lr": 0.1, "optimizer": "adam", "nesterov": False}
        ...     domains = {"optimizer": ["adam", "sgd"]}
        ...     writer.hparams(values, {"accuracy": 0.9}, domains=domains)
        True
    """
    from tbimage.kinds import hparams as kind

    trial = kind.prepare(hparams, metrics, domains, group, status)
    step = None if step is None else check_step(step)
    wall_time = checks.wall_time(wall_time)
    if not self._begin(kind.SESSION_TAG, 0, may_repeat=True)[2]:
        return False
    first = self._trials.setdefault(self.logdir, trial.values)
    # Values are compared as repr, because 1 == True and nan != nan.
    if repr(sorted(first.items())) != repr(sorted(trial.values.items())):
        raise ValueError(
            f"hparams must be the same in all calls of a writer, got {checks.shown(trial.values)} "
            f"after {checks.shown(first)}: TensorBoard shows one trial for each run. Give each "
            f'trial a writer of its own, as SummaryWriter(os.path.join(logdir, "trial_2"))'
        )
    cost = kind.nbytes(trial)
    logged = self._log(kind.SESSION_TAG, 0, wall_time, kind.summary, trial, wall_time, cost=cost)
    for tag, number in trial.metrics.items():
        if number is not None:
            if step is None:
                logged = _log_metric(self, tag, number, wall_time) and logged
            else:
                logged = series.scalar(self, tag, number, step, wall_time=wall_time) and logged
    return logged


def _log_metric(self: RunWriter, tag: str, number: float, wall_time: float) -> bool:
    """Log the result of a trial at an automatic step; later steps may be smaller."""
    if not self._begin(tag, None, "a scalar", may_repeat=True)[2]:
        return False
    steps = self._watches[MAIN].last
    last = steps.get(tag, self._pipeline.last_step(MAIN, tag))
    logged = self._log_light(scalar_kind.summary, (tag, number, None), None, wall_time)
    steps[tag] = FIRST_STEP if last is None else last
    return logged


def custom_scalars(
    self: RunWriter,
    layout: Mapping[str, Mapping[str, Sequence[Any]]],
    *,
    wall_time: float | None = None,
) -> bool:
    """Define charts of the Custom Scalars page, with scalars of several tags.

    Each call adds its charts. A chart replaces an earlier one with the same category and title.

    Args:
        layout: ``{category: {title: [kind, tags]}}``. With the kind "Multiline", tags are regular
            expressions. With "Margin", three tags are a line: value, lower bound, upper bound.
        wall_time: Seconds since the epoch; None: now.

    Returns:
        As ``image``.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A kind of chart is unknown, or its tags do not fit.
        RuntimeError: The writer is closed.

    Example:
        >>> import tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     charts = {"both": ["Multiline", ["train/loss", "test/loss"]]}
        ...     writer.custom_scalars({"losses": charts})
        True
    """
    from tbimage.kinds import custom_scalars as kind

    charts = kind.check_layout(layout)
    wall_time = checks.wall_time(wall_time)
    if not self._begin(kind.LAYOUT_TAG, 0, may_repeat=True)[2]:
        return False
    for tag in kind.mismatched_tags(charts):
        self._notices.once(
            tag,
            "expression",
            "custom scalars: the tag %r of a multiline chart is a regular expression that "
            "does not match itself, so the chart will not show that tag. Pass re.escape(tag).",
        )
    self._charts.update(charts)
    # A worker makes the summary later, from all charts that exist at that time. So if calls of
    # several threads overlap, the last summary has the charts of all these calls.
    cost = kind.nbytes(charts)
    return self._log(kind.LAYOUT_TAG, None, wall_time, kind.summary, self._charts, cost=cost)


def custom_scalars_multiline(
    self: RunWriter,
    tags: Iterable[str],
    *,
    category: str = "default",
    title: str = "untitled",
    wall_time: float | None = None,
) -> bool:
    """Add a chart of several scalars to the Custom Scalars page.

    Args:
        tags: Regular expressions that match the tags of the scalars.
        category: The section of the page.
        title: The title of the chart.
        wall_time: Seconds since the epoch; None: now.

    Returns:
        As ``custom_scalars``.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A tag is not a regular expression, or there are no tags.
        RuntimeError: The writer is closed.

    Example:
        >>> import tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     writer.custom_scalars_multiline(["loss/.*"], title="losses")
        True
    """
    return custom_scalars(self, {category: {title: ["Multiline", tags]}}, wall_time=wall_time)


def custom_scalars_margin(
    self: RunWriter,
    tags: Iterable[str],
    *,
    category: str = "default",
    title: str = "untitled",
    wall_time: float | None = None,
) -> bool:
    """Add a chart of scalars with lower and upper bounds to the Custom Scalars page.

    Args:
        tags: Three tags for each line: the value, its lower bound and its upper bound.
        category: The section of the page.
        title: The title of the chart.
        wall_time: Seconds since the epoch; None: now.

    Returns:
        As ``custom_scalars``.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: The number of tags is not a multiple of three.
        RuntimeError: The writer is closed.

    Example:
        >>> import tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     writer.custom_scalars_margin(["mean", "low", "high"], title="loss")
        True
    """
    return custom_scalars(self, {category: {title: ["Margin", tags]}}, wall_time=wall_time)


def embedding(
    self: RunWriter,
    name: str,
    data: Any,
    step: SupportsIndex | None = None,
    *,
    labels: Iterable[Any] | None = None,
    header: Sequence[str] | None = None,
    images: Any = None,
    layout: str | None = None,
    value_range: Any = None,
    wall_time: float | None = None,
) -> bool:
    """Log vectors, with labels and pictures, for the Projector page.

    A worker writes the files of the page into the run directory. The page still lists earlier
    embeddings, even those of earlier processes.

    Args:
        name: The name on the page. The page also shows the step.
        data: Numbers of the shape [points, dimensions].
        step: As in ``image``. If the same step is used again, the embedding is replaced.
        labels: One label for each point; or, with a ``header``, a list of labels for each point.
        header: The names of the columns of ``labels``.
        images: One image for each point: [points, height, width, channels], as in ``image``.
        layout: The order of the images' axes, if it is not the order above; see ``image``.
        value_range: Which of the images' values become black and white, as in ``image``.
        wall_time: Seconds since the epoch; None: now.

    Returns:
        As ``image``.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: The numbers of points, labels and images differ, or another value does not fit.
        RuntimeError: The writer is closed.

    Example:
        >>> import numpy, tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     vectors = numpy.random.default_rng(0).normal(size=(3, 16))
        ...     writer.embedding("words", vectors, step=0, labels=["cat", "dog", "cow"])
        True
    """
    from tbimage.kinds import embedding as kind
    from tbimage.writer import projector

    key = kind.step_name(checks.name(name))
    name, number, wanted = self._begin(name, step, key=key, may_repeat=True)
    if not wanted:
        return False
    points = kind.prepare(data, labels, header, images, layout, value_range)
    wall_time = checks.wall_time(wall_time)
    directory = self.logdir

    make = partial(projector.write, directory, name)
    report = partial(self._notices.report, name)
    return self._log(key, number, wall_time, make, points, STEP, report, in_commit=True)


def graph(
    self: RunWriter,
    model: Any,
    inputs: Any = None,
    *,
    strict_trace: bool = True,
    wall_time: float | None = None,
) -> bool:
    """Log the graph of a model, for the Graphs page.

    A torch model or an ONNX file is exported in the calling thread. This needs the exporter of
    torch or of tensorboardX.

    Args:
        model: A ``torch.nn.Module``, the path of an ONNX file, or a ``GraphDef`` message or its
            bytes.
        inputs: The inputs with which a torch model is traced.
        strict_trace: The argument ``strict`` of ``torch.jit.trace``. Pass False for models that
            return dicts or lists.
        wall_time: Seconds since the epoch; None: now.

    Returns:
        As ``image``.

    Raises:
        TypeError: ``model`` is of another type.
        ImportError: The exporter is not installed; the message names the packages to install.
        Exception: The exporter raised an exception.

    Example:
        >>> import tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     writer.graph(b"")  # an empty GraphDef
        True
    """
    from tbimage.kinds import graph as kind

    wall_time = checks.wall_time(wall_time)
    if not self._begin("graph", 0, may_repeat=True)[2]:
        return False
    strict_trace = checks.flag("strict_trace", strict_trace)
    events = kind.events(*kind.export(model, inputs, strict_trace), wall_time)
    logged = [self._log_event("graph", 0, [event], counts_step=False) for event in events]
    return all(logged)
