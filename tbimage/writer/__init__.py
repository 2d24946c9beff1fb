"""``SummaryWriter``: a method for each kind of summary, on one run directory."""

from __future__ import annotations

from tbimage.writer import imports as imports  # so that forks wait for imports
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
