"""The methods that torch's and tensorboardX's writers share, with the same signatures.

- The arguments have the names, order and defaults of the peers. Tests compare them with the
  installed peers.
- As in both peers, the default step is 0. A closed writer opens a new file for the next call.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

from tbimage import checks
from tbimage.compat.peers import embeddings, histograms, meshes, pictures, series, sounds
from tbimage.compat.peers.drafts import Draft, check_tag
from tbimage.compat.peers.errors import PeerValueError, as_peers
from tbimage.compat.peers.file_writer import BaseFileWriter
from tbimage.compat.peers.numbers import number, numbers_by_tag
from tbimage.compat.peers.trials import directory_of, free_run
from tbimage.events.tickets import SUB_RUNS
from tbimage.kinds import graph as graph_kind
from tbimage.kinds.numbers import Array
from tbimage.writer import SummaryWriter as Native
from tbimage.writer.caller_warnings import warn_caller
from tbimage.writer.methods.series import log_scalars

if TYPE_CHECKING:
    from typing_extensions import Self


def default_logdir(comment: str | None) -> str:
    """Name a new run as both peers do: ``runs/Nov23_10-42-40_host`` and the comment."""
    now = datetime.now().strftime("%b%d_%H-%M-%S")
    return os.path.join("runs", f"{now}_{socket.gethostname()}{comment or ''}")


class PeerWriter:
    """The common part of both peers' SummaryWriter. Subclasses define the differences.

    Attributes:
        file_writer: The FileWriter, which logs protobuf messages. None while this object is closed.
        all_writers: A dict with ``file_writer`` under its directory. None while this object is
            closed. The dict does not contain the runs of ``add_scalars``.
        default_bins: The edges of the bins for ``bins="tensorflow"``.
    """

    _single: ClassVar[bool]  # see peers.pixels.to_levels
    _channels_first: ClassVar[bool]  # see peers.sounds.audio

    def __init__(self, purge_step: int | None) -> None:
        self.purge_step = purge_step
        self.file_writer: Any = None
        self.all_writers: dict[str, Any] | None = None
        self._trials: dict[str, dict[str, Any]] = {}
        self._get_file_writer()
        self.default_bins: list[float] = list(histograms.default_bins())

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
        """Delete the purge step, so that a later call of ``_get_file_writer`` purges nothing."""
        self.purge_step = None

    def _log(self, draft: Draft, global_step: Any, walltime: float | None) -> None:
        self._get_file_writer().log(draft, global_step, walltime)

    def _log_scalar(self, tag: Any, value: Any, global_step: Any, walltime: float | None) -> None:
        files = self._get_file_writer()
        if files.native is None:
            return
        value = number("scalar_value", value)
        if type(tag) is str and tag:  # the usual case, which has a fast path
            step, walltime = files.when(global_step, walltime)
            files.native.scalar(tag, value, step, wall_time=walltime)
        else:
            files.log(series.scalar(tag, value), global_step, walltime)

    def _log_hparams(
        self, run: str | None, values: dict[str, Any], metrics: Any, domains: Any, global_step: Any
    ) -> None:
        """Log a trial in a sub-run of this run, or in this run itself if ``run`` is "."."""
        files = self._get_file_writer()
        if files.native is None:
            return
        # Without a step, a metric gets the step after the last step of its tag. If a point
        # repeats a step, the data server drops the older points with the same or a greater step.
        step, walltime = files.when(global_step, None, default=None)
        metrics = {tag: number(f"metric_dict[{tag!r}]", metrics[tag]) for tag in metrics}
        details = {"domains": domains, "status": "success", "wall_time": walltime}
        run = free_run(run or str(time.time()), values, self._trials)
        if run == ".":
            files.native.hparams(values, metrics, step, **details)
            return
        with Native(directory_of(run, files.get_logdir())) as trial:
            trial.hparams(values, metrics, step, **details)

    def add_scalars(
        self,
        main_tag: Any,
        tag_scalar_dict: Any,
        global_step: Any = None,
        walltime: Any = None,
    ) -> None:
        """Log one number for each key of a dict. Each key has its own sub-run."""
        files = self._get_file_writer()
        if files.native is None:
            return
        values = numbers_by_tag(tag_scalar_dict)
        if not check_tag(main_tag):
            raise PeerValueError("main_tag must not be empty: it names the chart, and the runs")
        values = {self._scalars_directory(main_tag, tag): values[tag] for tag in values}
        if not values:
            return
        step, walltime = files.when(global_step, walltime)
        name = self._clean(main_tag)
        # Several calls often log different keys of the same step, so a step may repeat.
        name, step, wanted = files.native._begin(name, step, lane=SUB_RUNS, may_repeat=True)
        if wanted:
            walltime = checks.wall_time(walltime)
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
        """Log a histogram of values of any shape.

        ``bins`` is "tensorflow" (1548 bins, whose edges grow by 10 % on both sides of 0), or a
        value that ``numpy.histogram`` takes for ``bins``. If there are more bins than ``max_bins``,
        neighbouring bins are merged.
        """
        draft = histograms.histogram(self._clean(tag), values, bins, max_bins)
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
        """Log a histogram from bucket counts. ``bucket_limits`` has the buckets' right edges."""
        totals = {"min": min, "max": max, "num": num, "sum": sum, "sum_squares": sum_squares}
        draft = histograms.histogram_raw(tag, totals, bucket_limits, bucket_counts)
        self._log(draft, global_step, walltime)

    def add_image(
        self,
        tag: Any,
        img_tensor: Any,
        global_step: Any = None,
        walltime: Any = None,
        dataformats: Any = "CHW",
    ) -> None:
        """Log an image, or a batch as one grid.

        Floats are from 0 to 1, integers from 0 to 255. ``dataformats`` is a permutation of "HW",
        "CHW", "NHW" or "NCHW". It is ignored for figures, PIL images and encoded files.
        """
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
        """Log a batch of images as one grid, in at most 8 columns."""
        self.add_image(tag, img_tensor, global_step, walltime, dataformats)

    def add_figure(
        self,
        tag: Any,
        figure: Any,
        global_step: Any = None,
        close: Any = True,
        walltime: Any = None,
    ) -> None:
        """Draw a figure of matplotlib, or a list of figures as one grid, and log the picture.

        If ``close`` is true, the figures are closed afterwards.
        """
        from tbimage.kinds import figure as kind

        figures, batched = kind.check_figures(figure)
        try:
            pixels = kind.draw(figures, batched)
        finally:
            if close:
                kind.close(figures)
        pixels.flags.writeable = False  # then no copy is made; no other code uses this array
        self.add_image(tag, pixels, global_step, walltime, "NHWC" if batched else "HWC")

    def add_audio(
        self,
        tag: Any,
        snd_tensor: Any,
        global_step: Any = None,
        sample_rate: Any = 44100,
        walltime: Any = None,
    ) -> None:
        """Log a clip of audio (mono or stereo) with ``sample_rate`` frames a second.

        The clip is [frames], [channels, frames] or [frames, channels]. Its dtype is float (values
        from -1 to 1), int16, int32 or uint8. Integers are stored unchanged.
        """
        draft = sounds.audio(
            tag, snd_tensor, sample_rate, self._samples, channels_first=self._channels_first
        )
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
        """Log the graph of a torch model. torch's own exporter traces the model."""
        if verbose:
            warn_caller("verbose: the graph is logged and not printed", UserWarning)
        self._log_graph(model, input_to_model, use_strict_trace)

    def _log_graph(self, model: Any, inputs: Any = None, strict_trace: bool = True) -> None:
        files = self._get_file_writer()
        if files.native is None:
            return
        try:
            exported = graph_kind.export(model, inputs, strict_trace)
        except RuntimeError as error:
            if "strict=False" not in str(error):
                raise
            raise RuntimeError(
                f"{error} (In add_graph, this argument is use_strict_trace=False.)"
            ) from error
        files.log_graph(*exported)

    def add_embedding(
        self,
        mat: Any,
        metadata: Any = None,
        label_img: Any = None,
        global_step: Any = None,
        tag: Any = "default",
        metadata_header: Any = None,
    ) -> None:
        """Log points [points, dimensions] for the Projector page.

        ``metadata`` has one label for each point, or one row of labels if there is a
        ``metadata_header``. ``label_img`` is [points, C, H, W].
        """
        files = self._get_file_writer()
        if files.native is None:
            return
        checked = embeddings.check(mat, metadata, label_img, metadata_header)
        files.native.embedding(tag, step=files.when(global_step, None)[0], **checked)

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
        """Log precision and recall for labels (0 or 1) and predictions (from 0 to 1)."""
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
        """Log precision and recall that the caller has computed, one value for each threshold."""
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
        """Add a chart of a scalar and its two bounds to the Custom Scalars page."""
        self.add_custom_scalars({category: {title: ["Margin", tags]}})

    def add_custom_scalars(self, layout: Mapping[str, Any]) -> None:
        """Add charts to the Custom Scalars page."""
        files = self._get_file_writer()
        if files.native is not None:
            as_peers(files.native.custom_scalars)(layout)

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
        """Log meshes or point clouds.

        ``vertices`` and ``colors`` are [batch, points, 3]. ``faces`` is [batch, faces, 3]. Colours
        are from 0 to 255, or floats from 0 to 1. ``config_dict`` is the configuration of THREE.js.
        """
        draft = meshes.mesh(tag, vertices, colors, faces, config_dict)
        self._log(draft, global_step, walltime)

    def flush(self) -> None:
        """Wait until all earlier summaries are in the files."""
        if self.file_writer is not None:
            self.file_writer.flush()

    def close(self) -> None:
        """Flush and close the files. The next call that logs opens new files."""
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
