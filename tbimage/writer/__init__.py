"""``SummaryWriter``: a method for each kind of summary, for one run directory."""

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

    A call returns as soon as the data is copied. Worker threads encode in parallel. Summaries are
    written in the order of the calls. Any number of threads may share a writer. After a fork, the
    child continues in its own sub-run. A copied or unpickled writer also writes to its own sub-run.
    It has the settings of the original writer, but not the attributes that a subclass adds.
    ``__init__`` documents the arguments.

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

    # Pictures, sound, text and shapes.
    image = pictures.image
    figure = pictures.figure
    grid = drawings.grid
    compare = drawings.compare
    feature_maps = drawings.feature_maps
    segmentation = overlays.segmentation
    boxes = overlays.boxes
    animation = drawings.animation
    video = animation  #: The name in torch and tensorboardX.
    audio = media.audio
    text = media.text
    mesh = media.mesh

    # Hyperparameters, layouts, embeddings and graphs.
    hparams = configuration.hparams
    custom_scalars = configuration.custom_scalars
    custom_scalars_multiline = configuration.custom_scalars_multiline
    custom_scalars_margin = configuration.custom_scalars_margin
    embedding = configuration.embedding
    graph = configuration.graph

    # Messages that the caller has made, and special events such as checkpoints.
    raw_summary = raw.raw_summary
    raw_event = raw.raw_event
    session_log = raw.session_log
    purge = raw.purge
