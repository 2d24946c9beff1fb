"""The methods that torch's and tensorboardX's writers share, signature for signature.

What lives here: those methods, and the lifecycle. What does not: methods whose signatures differ
(``torch/writer.py``, ``tensorboardx/writer.py``), and what the summaries are (``pictures.py``,
``series.py``).

Rules:
- Names, order and defaults of arguments are the peers'; tests compare them with those installed.
- A step that is not given is 0, a closed writer opens a new file, as with both peers.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tbimage.compat.peers import pictures, series, sounds
from tbimage.compat.peers.drafts import Draft
from tbimage.compat.peers.file_writer import BaseFileWriter
from tbimage.compat.peers.pixels import to_levels
from tbimage.kinds import graph as graph_kind
from tbimage.kinds import names
from tbimage.kinds.numbers import Array, numeric_array
from tbimage.pipeline.tickets import SUB_RUNS
from tbimage.writer import SummaryWriter as Native
from tbimage.writer.caller_warnings import warn_caller
from tbimage.writer.methods.series import log_scalars

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["PeerWriter", "default_logdir"]


def default_logdir(comment: str | None) -> str:
    """Name a new run as both peers do: ``runs/Nov23_10-42-40_host`` and the comment.

    Args:
        comment: Appended.

    Example:
        >>> default_logdir("_lr1").endswith("_lr1")
        True
    """
    now = datetime.now().strftime("%b%d_%H-%M-%S")
    return os.path.join("runs", f"{now}_{socket.gethostname()}{comment or ''}")


class PeerWriter:
    """What both peers' SummaryWriter have. Subclasses say what they do not share.

    Attributes:
        file_writer: Where ready messages go; None while the writer is closed.
        all_writers: It, by its directory; None while the writer is closed. (The runs of
            ``add_scalars`` need no writers of their own.)
        default_bins: The edges that ``bins="tensorflow"`` stands for.
    """

    _single: ClassVar[bool]  # see compat.pixels.to_levels
    _mono: ClassVar[bool]  # see sounds.audio

    def __init__(self, purge_step: int | None) -> None:
        self.purge_step = purge_step
        self.file_writer: Any = None
        self.all_writers: dict[str, Any] | None = None
        self._get_file_writer()
        self.default_bins: list[float] = list(series.default_bins())

    def _new_file_writer(self) -> BaseFileWriter:
        raise NotImplementedError

    @staticmethod
    def _clean(tag: Any) -> Any:
        return tag

    @staticmethod
    def _samples(values: Array) -> Array:
        raise NotImplementedError

    @staticmethod
    def _scalars_directory(main_tag: str, tag: str) -> str:
        raise NotImplementedError

    def _get_file_writer(self) -> Any:
        if self.file_writer is None or self.all_writers is None:
            self.file_writer = self._new_file_writer()
            self.all_writers = {self.file_writer.get_logdir(): self.file_writer}
            if self.purge_step is not None and self.file_writer.native is not None:
                self.file_writer.native.purge(self.purge_step)
                self._purged()
        return self.file_writer

    def _purged(self) -> None:
        """Forget the step, so that a file that is opened later purges nothing."""
        self.purge_step = None

    def _log(self, draft: Draft, global_step: Any, walltime: float | None) -> None:
        self._get_file_writer().log(draft, global_step, walltime)

    def _log_scalar(self, tag: Any, value: Any, global_step: Any, walltime: float | None) -> None:
        files = self._get_file_writer()
        if files.native is not None:
            step, walltime = files.when(global_step, walltime)
            files.native.scalar(tag, series.number("scalar_value", value), step, wall_time=walltime)

    def _log_hparams(
        self, run: str | None, values: dict[str, Any], metrics: Any, domains: Any, global_step: Any
    ) -> None:
        """Log a trial in a run of its own below this one, or in this one if ``run`` is "."."""
        files = self._get_file_writer()
        if files.native is None:
            return
        step, walltime = files.when(global_step, None)
        metrics = {tag: series.number("metric_dict", value) for tag, value in metrics.items()}
        said = {"domains": domains, "status": "success", "wall_time": walltime}
        if run is not None and os.path.normpath(run) == ".":
            files.native.hparams(values, metrics, step, **said)
            return
        logdir = files.get_logdir()
        directory = os.path.join(logdir, run or str(time.time()))
        if not os.path.abspath(directory).startswith(os.path.abspath(logdir) + os.sep):
            raise ValueError(
                f"run_name must lead to a directory below {logdir!r}, got {run!r}: it must not "
                "begin with '/' or leave the directory by '..'"
            )
        with Native(directory) as trial:
            trial.hparams(values, metrics, step, **said)

    def add_scalars(
        self,
        main_tag: Any,
        tag_scalar_dict: Any,
        global_step: Any = None,
        walltime: Any = None,
    ) -> None:
        """Log one number for each key, each in a run of its own below this one."""
        files = self._get_file_writer()
        if files.native is None or not tag_scalar_dict:
            return
        values = {
            self._scalars_directory(main_tag, tag): series.number("tag_scalar_dict", value)
            for tag, value in tag_scalar_dict.items()
        }
        step, walltime = files.when(global_step, walltime)
        name = self._clean(main_tag)
        # The keys of one step often come in several calls, so that a step may repeat.
        name, step, wanted = files.native._begin(name, step, lane=SUB_RUNS, may_repeat=True)
        if wanted:
            walltime = names.check_wall_time(walltime)
            log_scalars(files.native, name, values, step, walltime, None)

    def add_histogram(
        self,
        tag: Any,
        values: Any,
        global_step: Any = None,
        bins: Any = "tensorflow",
        walltime: Any = None,
        max_bins: Any = None,
    ) -> None:
        """Log how values are distributed."""
        draft = series.histogram(self._clean(tag), values, bins, max_bins)
        self._log(draft, global_step, walltime)

    def add_histogram_raw(
        self,
        tag: Any,
        min: Any,
        max: Any,
        num: Any,
        sum: Any,
        sum_squares: Any,
        bucket_limits: Any,
        bucket_counts: Any,
        global_step: Any = None,
        walltime: Any = None,
    ) -> None:
        """Log a histogram that is counted; TensorBoard shows no sums."""
        draft = series.histogram_raw(tag, min, max, bucket_limits, bucket_counts)
        self._log(draft, global_step, walltime)

    def add_image(
        self,
        tag: Any,
        img_tensor: Any,
        global_step: Any = None,
        walltime: Any = None,
        dataformats: Any = "CHW",
    ) -> None:
        """Log an image; of a batch, the grid."""
        draft = pictures.image(self._clean(tag), img_tensor, dataformats, single=self._single)
        self._log(draft, global_step, walltime)

    def add_images(
        self,
        tag: Any,
        img_tensor: Any,
        global_step: Any = None,
        walltime: Any = None,
        dataformats: Any = "NCHW",
    ) -> None:
        """Log a batch of images as one grid of 8 columns."""
        self.add_image(tag, img_tensor, global_step, walltime, dataformats)

    def add_figure(
        self,
        tag: Any,
        figure: Any,
        global_step: Any = None,
        close: Any = True,
        walltime: Any = None,
    ) -> None:
        """Draw a matplotlib figure and log it; of a list, the grid."""
        from tbimage.kinds import figure as kind

        figures, batched = kind.check_figures(figure)
        try:
            pixels = kind.draw(figures, batched)
        finally:
            if close:
                kind.close(figures)
        pixels.flags.writeable = False  # nobody else has it: no need for a copy
        self.add_image(tag, pixels, global_step, walltime, "NHWC" if batched else "HWC")

    def add_audio(
        self,
        tag: Any,
        snd_tensor: Any,
        global_step: Any = None,
        sample_rate: Any = 44100,
        walltime: Any = None,
    ) -> None:
        """Log a clip of audio."""
        draft = sounds.audio(tag, snd_tensor, sample_rate, self._samples, mono=self._mono)
        self._log(draft, global_step, walltime)

    def add_text(
        self, tag: Any, text_string: Any, global_step: Any = None, walltime: Any = None
    ) -> None:
        """Log Markdown, under ``tag/text_summary``."""
        self._log(series.text(tag, text_string), global_step, walltime)

    def add_graph(
        self,
        model: Any,
        input_to_model: Any = None,
        verbose: Any = False,
        use_strict_trace: Any = True,
    ) -> None:
        """Log the graph of a torch model, which torch's own exporter traces."""
        if verbose:
            warn_caller("verbose: the graph is logged and not printed", UserWarning)
        self._log_graph(model, input_to_model, use_strict_trace)

    def _log_graph(self, model: Any, inputs: Any = None, strict_trace: bool = True) -> None:
        files = self._get_file_writer()
        if files.native is not None:
            files.log_graph(*graph_kind.export(model, inputs, strict_trace))

    def add_embedding(
        self,
        mat: Any,
        metadata: Any = None,
        label_img: Any = None,
        global_step: Any = None,
        tag: Any = "default",
        metadata_header: Any = None,
    ) -> None:
        """Log points for the Projector page, with labels and pictures."""
        files = self._get_file_writer()
        if files.native is None:
            return
        if metadata is not None and not metadata_header:
            metadata = [str(label) for label in metadata]
        step, _ = files.when(global_step, None)
        files.native.embedding(
            tag,
            mat,
            step,
            labels=metadata,
            header=metadata_header or None,
            images=None if label_img is None else _sprite_levels(label_img),
        )

    def add_pr_curve(
        self,
        tag: Any,
        labels: Any,
        predictions: Any,
        global_step: Any = None,
        num_thresholds: Any = 127,
        weights: Any = None,
        walltime: Any = None,
    ) -> None:
        """Log precision and recall of a binary classifier."""
        draft = series.pr_curve(tag, labels, predictions, num_thresholds, weights)
        self._log(draft, global_step, walltime)

    def add_pr_curve_raw(
        self,
        tag: Any,
        true_positive_counts: Any,
        false_positive_counts: Any,
        true_negative_counts: Any,
        false_negative_counts: Any,
        precision: Any,
        recall: Any,
        global_step: Any = None,
        num_thresholds: Any = 127,
        weights: Any = None,
        walltime: Any = None,
    ) -> None:
        """Log precision and recall that are computed; the rows tell how many thresholds."""
        rows = {
            "true_positive_counts": true_positive_counts,
            "false_positive_counts": false_positive_counts,
            "true_negative_counts": true_negative_counts,
            "false_negative_counts": false_negative_counts,
            "precision": precision,
            "recall": recall,
        }
        self._log(series.pr_curve_raw(tag, rows), global_step, walltime)

    def add_custom_scalars_multilinechart(
        self, tags: Any, category: Any = "default", title: Any = "untitled"
    ) -> None:
        """Add a chart of several scalars to the Custom Scalars page."""
        self.add_custom_scalars({category: {title: ["Multiline", tags]}})

    def add_custom_scalars_marginchart(
        self, tags: Any, category: Any = "default", title: Any = "untitled"
    ) -> None:
        """Add a chart of a scalar between two bounds to the Custom Scalars page."""
        self.add_custom_scalars({category: {title: ["Margin", tags]}})

    def add_custom_scalars(self, layout: Mapping[str, Any]) -> None:
        """Lay out the Custom Scalars page; charts of several calls add up."""
        files = self._get_file_writer()
        if files.native is not None:
            files.native.custom_scalars(layout)

    def add_mesh(
        self,
        tag: Any,
        vertices: Any,
        colors: Any = None,
        faces: Any = None,
        config_dict: Any = None,
        global_step: Any = None,
        walltime: Any = None,
    ) -> None:
        """Log a mesh or a point cloud."""
        draft = series.mesh(tag, vertices, colors, faces, config_dict)
        self._log(draft, global_step, walltime)

    def flush(self) -> None:
        """Wait until all that was logged is in the files."""
        if self.file_writer is not None:
            self.file_writer.flush()

    def close(self) -> None:
        """Flush and close the files. A later call opens new ones."""
        files, self.file_writer, self.all_writers = self.file_writer, None, None
        if files is not None:
            files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.close()


def _sprite_levels(label_img: Any) -> Array:
    """Scale the pictures of an embedding as both peers do, in float64: [N, H, W, C] of uint8."""
    images = numeric_array("label_img", label_img)
    if images.ndim != 4:
        raise ValueError(f"label_img must be [points, C, H, W], got shape {images.shape}")
    images = images.transpose(0, 2, 3, 1)
    count, height, width, channels = images.shape
    values = images.astype(np.float64) if images.dtype.kind == "f" else images
    found = to_levels(values.reshape(count * height, width, channels), single=False)
    return found.pixels.reshape(count, height, width, -1)
