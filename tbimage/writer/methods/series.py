"""Methods for numbers over time: scalars, scalars of several runs, histograms, tensors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, SupportsFloat, SupportsIndex

from tbimage import checks
from tbimage.events.tickets import SUB_RUNS
from tbimage.kinds import scalar as scalar_kind

# The bytes of memory that count for each pending value of ``scalars``: a number and a run name.
_VALUE_BYTES = 160

if TYPE_CHECKING:
    from tbimage.writer.base import RunWriter


def scalar(
    self: RunWriter,
    name: str,
    value: SupportsFloat,
    step: SupportsIndex | None = None,
    *,
    description: str | None = None,
    wall_time: float | None = None,
) -> bool:
    """Log one number.

    Args:
        name: The tag.
        value: A number, or an array or tensor of rank 0; stored as float32. It may be NaN or
            infinite.
        step: As in ``image``.
        description: Markdown that TensorBoard shows with the chart.
        wall_time: Seconds since the epoch; None: now.

    Returns:
        As ``image``.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: ``value`` is an array of rank 1 or more, or another value does not fit.
        RuntimeError: The writer is closed.

    Example:
        >>> import tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     writer.scalar("loss", 0.25, step=0)
        True
    """
    name, step, wanted = self._begin(name, step, "a scalar")
    if not wanted:
        return False
    number = scalar_kind.check_value(value)
    if abs(number) >= scalar_kind.TOO_LARGE and scalar_kind.overflows(number, value):
        self._notices.report_overflow(name)
    if description is not None:
        description = checks.description(description)
    return self._log_light(scalar_kind.summary, (name, number, description), step, wall_time)


def scalars(
    self: RunWriter,
    name: str,
    values: Mapping[str, SupportsFloat],
    step: SupportsIndex | None = None,
    *,
    description: str | None = None,
    wall_time: float | None = None,
) -> bool:
    """Log one number for each key, for a chart that has one line for each key.

    TensorBoard draws a line for each run, so each key has its own run: the directory ``name_key``
    in the run directory. In this name, ``_`` replaces characters that file systems forbid. All of
    these runs together use at most 32 file descriptors.

    Args:
        name: The tag, in all of these runs.
        values: Numbers by key, each as in ``scalar``.
        step: As in ``image``; one step for all keys.
        description: Markdown that TensorBoard shows with the chart.
        wall_time: Seconds since the epoch; None: now.

    Returns:
        As ``image``. If a worker cannot make a directory, ``flush`` raises the OSError.

    Raises:
        TypeError: An argument is of the wrong type, or a value is not a number.
        ValueError: Two keys make the same directory, a key makes a name that is too long, or
            another value does not fit.
        RuntimeError: The writer is closed.

    Example:
        >>> import tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     writer.scalars("loss", {"train": 0.25, "test": 0.5}, step=0)
        True
    """
    from tbimage.kinds import scalars as kind

    # The step may repeat here, because ``log_scalars`` checks the steps of each run.
    name, number, wanted = self._begin(name, step, lane=SUB_RUNS, may_repeat=True)
    if not wanted:
        return False
    numbers = kind.check_values(name, values)
    for run, given in zip(numbers, values.values(), strict=True):
        if scalar_kind.overflows(numbers[run], given):
            self._notices.report_overflow(run)
    description = checks.description(description)
    wall_time = checks.wall_time(wall_time)
    if not numbers:
        return True
    keys = map(str.__str__, values)  # an enum with strings would print in another way
    self._sub_runs.check({kind.run_name(name, key): f"{name}: {key}" for key in keys})
    return log_scalars(self, name, numbers, number, wall_time, description)


def log_scalars(
    self: RunWriter,
    name: str,
    numbers: Mapping[str, float],
    step: int | None,
    wall_time: float,
    description: str | None,
) -> bool:
    """Log checked numbers; the keys of ``numbers`` are the names of their runs."""
    from tbimage.kinds import scalars as kind

    self._sub_runs.claim(numbers, self._pipeline.files)
    watch = self._watches[SUB_RUNS]
    for run in numbers:
        watch.check(name, run, step, None)
    logged = self._log(
        name,
        step,
        wall_time,
        partial(kind.pack, name),
        tuple(numbers.items()),
        description,
        cost=_VALUE_BYTES * len(numbers),
        lane=SUB_RUNS,
        in_commit=True,
    )
    if logged:
        for run in numbers:
            watch.note(run, step)
    return logged


def histogram(
    self: RunWriter,
    name: str,
    data: Any,
    step: SupportsIndex | None = None,
    *,
    buckets: int = 30,
    description: str | None = None,
    wall_time: float | None = None,
) -> bool:
    """Log the distribution of values.

    Args:
        name: The tag.
        data: Numbers of any shape and dtype. NaN and infinite values are in no bucket; if there are
            such values, a warning is logged.
        step: As in ``image``.
        buckets: The number of buckets of equal width from the least to the greatest value.
        description: Markdown that TensorBoard shows with the histogram.
        wall_time: Seconds since the epoch; None: now.

    Returns:
        As ``image``.

    Raises:
        TypeError: An argument is of the wrong type, or ``data`` has something other than numbers.
        ValueError: ``buckets`` is below 1, or another value does not fit.
        RuntimeError: The writer is closed.

    Example:
        >>> import numpy, tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     weights = numpy.random.default_rng(0).normal(size=(64, 32))
        ...     writer.histogram("weights", weights, step=0)
        True
    """
    name, step, wanted = self._begin(name, step, "a histogram")
    if not wanted:
        return False
    from tbimage.kinds import histogram as kind

    buckets = checks.integer("buckets", buckets, 1)
    values = kind.prepare(data)
    description = checks.description(description)
    wall_time = checks.wall_time(wall_time)

    report = partial(self._notices.report_histogram, name)
    make = partial(kind.summary, name)
    take = partial(kind.snapshot, data, values)
    return self._log(name, step, wall_time, make, values, buckets, description, report, take=take)


def histogram_raw(
    self: RunWriter,
    name: str,
    counts: Any,
    edges: Any,
    step: SupportsIndex | None = None,
    *,
    description: str | None = None,
    wall_time: float | None = None,
) -> bool:
    """Log a histogram that the caller has computed, for instance with ``numpy.histogram``.

    Args:
        name: The tag.
        counts: The number of values in each of the k buckets.
        edges: The edges of the buckets: k + 1 numbers that do not decrease.
        step: As in ``image``.
        description: Markdown that TensorBoard shows with the histogram.
        wall_time: Seconds since the epoch; None: now.

    Returns:
        As ``histogram``.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: Counts and edges do not fit each other, or another value does not fit.
        RuntimeError: The writer is closed.

    Example:
        >>> import numpy, tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     writer.histogram_raw("sizes", *numpy.histogram([1, 2, 4], bins=3), step=0)
        True
    """
    name, step, wanted = self._begin(name, step, "a histogram")
    if not wanted:
        return False
    from tbimage.kinds import histogram
    from tbimage.kinds import histogram_raw as kind

    table = kind.prepare(counts, edges)
    description = checks.description(description)
    wall_time = checks.wall_time(wall_time)
    return self._log(
        name, step, wall_time, partial(histogram.table_summary, name), table, description
    )


def tensor(
    self: RunWriter,
    name: str,
    data: Any,
    step: SupportsIndex | None = None,
    *,
    metadata: Any = None,
    description: str | None = None,
    wall_time: float | None = None,
) -> bool:
    """Log a tensor. TensorBoard shows it only if the metadata names one of its plugins.

    Args:
        name: The tag.
        data: An array of any shape and type: bools, integers, floats, complex numbers, strings.
        step: As in ``image``.
        metadata: A ``SummaryMetadata`` message from any package, or its bytes. It names the plugin
            that shows the tensor. None: the plugin "tensor", which TensorBoard does not have.
        description: Markdown that TensorBoard shows with the tensor, if ``metadata`` is None.
        wall_time: Seconds since the epoch; None: now.

    Returns:
        As ``image``.

    Raises:
        TypeError: An argument is of the wrong type, or a ``TensorProto`` cannot store the data.
        ValueError: ``metadata`` cannot be parsed, or another value does not fit.
        RuntimeError: The writer is closed.

    Example:
        >>> import tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     writer.tensor("spectrum", [1 + 2j, 3 - 1j], step=0)
        True
    """
    name, step, wanted = self._begin(name, step, None if metadata is not None else "a tensor")
    if not wanted:
        return False
    from tbimage.kinds import tensor as kind

    prepared = kind.prepare(data)
    field = kind.prepare_metadata(metadata, checks.description(description))
    wall_time = checks.wall_time(wall_time)
    return self._log(name, step, wall_time, partial(kind.summary, name), prepared, field)
