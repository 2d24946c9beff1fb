"""``SummaryWriter``: a method for each kind of summary, on one run directory.

What lives here: the table of methods, and what the runs of ``scalars`` add to the lifecycle. What
does not: the methods (``methods/``, in families), what a summary is (``kinds/``), and what all
kinds share (``run_writer.py``).
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from tbimage.pipeline.stats import Stats
from tbimage.writer.base import RunWriter
from tbimage.writer.methods import (
    configuration,
    curves,
    drawings,
    media,
    overlays,
    pictures,
    raw,
    series,
)
from tbimage.writer.settings import Settings, check_timeout
from tbimage.writer.sub_runs import SubRuns, sum_of_stats

if TYPE_CHECKING:
    from tbimage.kinds.custom_scalars import Charts

__all__ = ["SummaryWriter"]


class SummaryWriter(RunWriter):
    """Writes summaries to the event files of one run directory.

    Calls return as soon as the data is copied; worker threads encode, in parallel, and write, in
    the order of the calls. Any number of threads may share a writer. After a fork, parent and child
    go on independently, the child in a sub-run of its own. So does a copy or an unpickled writer,
    which has the settings, but none of the attributes that a subclass adds.

    Args:
        logdir: The run directory, created if missing. TensorBoard names the run after it.
        filename_suffix: Appended to the event files' names.
        wire: "image" writes ``Summary.Image``, which every reader of event files knows; "tensor"
            writes what TF2's ``tf.summary.image`` does.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: An argument has none of the allowed values.
        OSError: The directory or the event file cannot be made: it is a file, or not writable.

    Example:
        >>> import numpy, tempfile
        >>> logdir = tempfile.mkdtemp()
        >>> with SummaryWriter(logdir) as writer:
        ...     writer.image("photo", numpy.zeros((64, 64, 3), numpy.uint8), step=0)
        ...     writer.scalar("loss", 0.5, step=0)
        True
        True
    """

    # Numbers over time.
    scalar = series.scalar
    scalars = series.scalars
    histogram = series.histogram
    histogram_raw = series.histogram_raw
    tensor = series.tensor
    pr_curve = curves.pr_curve
    pr_curve_raw = curves.pr_curve_raw

    # What one looks at, reads or listens to.
    image = pictures.image
    figure = pictures.figure
    grid = drawings.grid
    compare = drawings.compare
    feature_maps = drawings.feature_maps
    segmentation = overlays.segmentation
    boxes = overlays.boxes
    animation = drawings.animation
    video = animation  #: What torch and tensorboardX call it.
    audio = media.audio
    text = media.text
    mesh = media.mesh

    # What stands beside the series.
    hparams = configuration.hparams
    custom_scalars = configuration.custom_scalars
    custom_scalars_multiline = configuration.custom_scalars_multiline
    custom_scalars_margin = configuration.custom_scalars_margin
    embedding = configuration.embedding
    graph = configuration.graph

    # What the caller has made, and marks between the summaries.
    raw_summary = raw.raw_summary
    raw_event = raw.raw_event
    session_log = raw.session_log
    purge = raw.purge

    def _start(self, logdir: str, settings: Settings, *, sub_run: bool) -> None:
        super()._start(logdir, settings, sub_run=sub_run)
        pipeline = self._pipeline
        self._sub_runs = SubRuns(settings, lambda: pipeline.segments.directory)
        weakref.finalize(self, self._sub_runs.pipeline.close_soon).atexit = False
        #: The charts of the Custom Scalars page so far, which each of its summaries repeats.
        self._charts: Charts = {}

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was logged before is in the files, where a crash cannot take it.

        Args:
            timeout: Seconds; None: as long as it takes. With a failing disk one attempt is made.

        Returns:
            True when all of it is in the files. False when time ran out, or something was lost and
            ``on_error="log"``.

        Raises:
            Exception: With ``on_error="raise"``, the first error since the last flush, such as a
                ValueError for integers outside 0..255 or an OSError for a full disk.
        """
        return _both(super().flush, self._sub_runs.pipeline.flush, check_timeout(timeout))

    def close(self, timeout: float | None = None) -> bool:
        """Flush and close all files; using the writer after that raises.

        A second call does nothing.

        Args:
            timeout: Seconds after which what is still pending is given up; None: ``close_timeout``.

        Returns:
            As ``flush``.

        Raises:
            Exception: As ``flush``.
        """
        try:
            return _both(super().close, self._sub_runs.pipeline.close, check_timeout(timeout))
        finally:
            self._sub_runs.release()

    def stats(self) -> Stats:
        """Return what was logged, written and lost so far, and whether writing works.

        One call of ``scalars`` counts as one summary.
        """
        return sum_of_stats(super().stats(), self._sub_runs.pipeline.stats())


def _both(
    first: Callable[[float | None], bool],
    second: Callable[[float | None], bool],
    timeout: float | None,
) -> bool:
    """Call both, also if the first one raises; what is left of the time is the second one's."""
    started = time.monotonic()
    try:
        done = first(timeout)
    finally:
        if timeout is not None:
            timeout = max(timeout - (time.monotonic() - started), 0.0)
        others_done = second(timeout)
    return done and others_done
