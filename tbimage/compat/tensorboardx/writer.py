"""tensorboardX's SummaryWriter and FileWriter: the methods whose signatures differ from torch's."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from tbimage.compat.peers import pictures, series, sounds
from tbimage.compat.peers.file_writer import BaseFileWriter
from tbimage.compat.peers.numbers import number
from tbimage.compat.peers.peer_writer import PeerWriter, default_logdir
from tbimage.compat.tensorboardx.summary import check_hparams, clean_tag
from tbimage.writer.caller_warnings import warn_caller

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["DummyFileWriter", "FileWriter", "SummaryWriter"]


class FileWriter(BaseFileWriter):
    """Writes the caller's protobuf messages to the event file of a run directory.

    Args:
        logdir: The run directory.
        max_queue: Not used: the limit for pending summaries is in bytes.
        flush_secs: Not used: no summary waits longer than a tenth of a second.
        filename_suffix: The end of the event file's name.
    """

    run_tag: ClassVar[str] = "profiler"
    fsync: ClassVar[str] = "flush"

    def __init__(
        self,
        logdir: Any,
        max_queue: Any = 10,
        flush_secs: Any = 120,
        filename_suffix: Any = "",
    ) -> None:
        super().__init__(logdir, filename_suffix)

    def add_openvino_graph(self, graph: Any, walltime: float | None = None) -> None:
        """Log a graph, as ``add_onnx_graph`` does."""
        self.add_onnx_graph(graph, walltime)

    @contextlib.contextmanager
    def use_metadata(
        self, *, global_step: Any = None, walltime: float | None = None
    ) -> Iterator[Self]:
        """Set a default step, a default time or both, within a block.

        Raises:
            ValueError: Neither a step nor a time is given.
        """
        if global_step is None and walltime is None:
            raise ValueError("use_metadata needs global_step, walltime or both, got none")
        with self._use_metadata(global_step=global_step, walltime=walltime):
            yield self


class DummyFileWriter(FileWriter):
    """A FileWriter that writes nothing; ``get_logdir`` returns ``logdir``."""

    def __init__(self, logdir: Any) -> None:
        BaseFileWriter.__init__(self, logdir, to_disk=False)


class SummaryWriter(PeerWriter):
    """``tensorboardX.SummaryWriter``, which logs with a ``tbimage.SummaryWriter``.

    Args:
        logdir: The run directory. None: a directory in ``runs/``, named by date and host.
        comment: A text that is appended to the default name of the directory.
        purge_step: TensorBoard discards earlier summaries with this step or a greater step.
        max_queue: Not used: the limit for pending summaries is in bytes.
        flush_secs: Not used: no summary waits longer than a tenth of a second.
        filename_suffix: The end of the event file's name.
        write_to_disk: False: nothing is written.
        log_dir: Another name for ``logdir``.
        comet_config: Not used. There is a warning, unless its item ``disabled`` is true.
        kwargs: Not used. If there are any, there is a warning.

    Attributes:
        scalar_dict: The numbers that ``add_scalars`` has logged, for ``export_scalars_to_json``.

    Example:
        >>> import tempfile
        >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     writer.add_scalar("loss", 0.5, global_step=0)
    """

    _single: ClassVar[bool] = False
    _channels_first: ClassVar[bool] = False
    _samples = staticmethod(sounds.shifted_samples)
    _clean = staticmethod(clean_tag)

    def __init__(
        self,
        logdir: Any = None,
        comment: Any = "",
        purge_step: Any = None,
        max_queue: Any = 10,
        flush_secs: Any = 120,
        filename_suffix: Any = "",
        write_to_disk: Any = True,
        log_dir: Any = None,
        comet_config: Any = {"disabled": True},  # noqa: B006  tensorboardX's default; never changed
        **kwargs: Any,
    ) -> None:
        if not (comet_config or {}).get("disabled", False):
            warn_caller("comet_config: nothing is sent to Comet", UserWarning)
        if kwargs:
            warn_caller(f"SummaryWriter does not know {', '.join(sorted(kwargs))}", UserWarning)
        self.kwargs = kwargs
        self.logdir: Any = logdir or log_dir or default_logdir(comment)
        self._filename_suffix = filename_suffix
        self._write_to_disk = write_to_disk
        self.scalar_dict: dict[str, list[list[Any]]] = {}
        super().__init__(purge_step)

    def _new_file_writer(self) -> FileWriter:
        if self._write_to_disk:
            return FileWriter(self.logdir, filename_suffix=self._filename_suffix)
        return DummyFileWriter(self.logdir)

    @staticmethod
    def _scalars_directory(main_tag: str, tag: str) -> str:
        return os.path.join(main_tag, tag)

    @contextlib.contextmanager
    def use_metadata(
        self, *, global_step: Any = None, walltime: float | None = None
    ) -> Iterator[Self]:
        """Set a default step, a default time or both, within a block."""
        with self._get_file_writer().use_metadata(global_step=global_step, walltime=walltime):
            yield self

    def add_scalar(
        self,
        tag: Any,
        scalar_value: Any,
        global_step: Any = None,
        walltime: Any = None,
        display_name: Any = "",
        summary_description: Any = "",
    ) -> None:
        """Log one number, as float32."""
        if not display_name and not summary_description:
            self._log_scalar(clean_tag(tag), scalar_value, global_step, walltime)
            return
        value = number("scalar_value", scalar_value)
        draft = series.scalar(
            clean_tag(tag),
            value,
            display_name=display_name or "",
            description=summary_description or "",
        )
        self._log(draft, global_step, walltime)

    def add_scalars(
        self,
        main_tag: Any,
        tag_scalar_dict: Any,
        global_step: Any = None,
        walltime: Any = None,
    ) -> None:
        """Log one number for each key of a dict. Each key has its own sub-run."""
        files = self._get_file_writer()
        step, walltime = files.when(global_step, walltime)
        walltime = time.time() if walltime is None else walltime
        super().add_scalars(main_tag, tag_scalar_dict, global_step, walltime)
        shown = None if global_step is None else step
        for tag, value in tag_scalar_dict.items():
            run = os.path.join(files.get_logdir(), self._scalars_directory(main_tag, tag))
            point = [walltime, shown, number("tag_scalar_dict", value)]
            self.scalar_dict.setdefault(run, []).append(point)

    def export_scalars_to_json(self, path: Any) -> None:
        """Write the numbers of ``add_scalars``: for each run, a list of [time, step, value]."""
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.scalar_dict, file)
        self.scalar_dict = {}

    def add_images(
        self,
        tag: Any,
        img_tensor: Any,
        global_step: Any = None,
        walltime: Any = None,
        dataformats: Any = "NCHW",
    ) -> None:
        """Log a batch as one grid. If the batch is a list, ``dataformats`` may omit "N"."""
        if isinstance(img_tensor, (list, tuple)) and len(dataformats) == 3:
            dataformats = f"N{dataformats}"
        self.add_image(tag, img_tensor, global_step, walltime, dataformats)

    def add_image_with_boxes(
        self,
        tag: Any,
        img_tensor: Any,
        box_tensor: Any,
        global_step: Any = None,
        walltime: Any = None,
        dataformats: Any = "CHW",
        labels: Any = None,
        **kwargs: Any,
    ) -> None:
        """Log an image with red boxes.

        ``box_tensor`` is [boxes, 4]: left, top, right and bottom of each box, in pixels. ``labels``
        has a text for each box. ``rescale`` is a scale factor.
        """
        rescale = kwargs.pop("rescale", 1)
        if kwargs:
            warn_caller(
                f"add_image_with_boxes does not know {', '.join(sorted(kwargs))}", UserWarning
            )
        draft = pictures.boxes(
            tag, img_tensor, box_tensor, dataformats, labels, rescale, single=self._single
        )
        self._log(draft, global_step, walltime)

    def add_video(
        self,
        tag: Any,
        vid_tensor: Any,
        global_step: Any = None,
        fps: Any = 4,
        walltime: Any = None,
        dataformats: Any = "NTCHW",
    ) -> None:
        """Log a batch of clips side by side in one GIF, or in one APNG if they have alpha.

        ``dataformats`` is a permutation of "NTCHW". Floats are from 0 to 1, integers from 0 to 255.
        A GIF has at most 50 frames a second, an APNG 60.
        """
        draft = pictures.video(clean_tag(tag), vid_tensor, fps, dataformats, single=self._single)
        self._log(draft, global_step, walltime)

    def add_hparams(
        self, hparam_dict: Any, metric_dict: Any, name: Any = None, global_step: Any = None
    ) -> None:
        """Log the hyperparameters and the metrics of a trial, in its own sub-run.

        ``hparam_dict`` has bools, numbers, strings and tensors of one element. Functions and
        classes are logged by name, other objects as ``str``. If ``name`` is ".", the trial is
        logged in the run of this writer.
        """
        values = check_hparams(hparam_dict, metric_dict)
        self._log_hparams(name, values, metric_dict, None, global_step)

    def add_onnx_graph(self, onnx_model_file: Any) -> None:
        """Log the graph of an ONNX file. The exporter of torch or tensorboardX reads the file."""
        self._log_graph(onnx_model_file)

    def add_openvino_graph(self, xmlname: Any) -> None:
        """Log the graph of an OpenVINO file. The exporter of tensorboardX reads the file."""
        try:
            exporter = import_module("tensorboardX.openvino_graph")
        except ImportError as error:
            raise ImportError(
                "add_openvino_graph needs tensorboardX's exporter: pip install tensorboardX "
                f"({error})"
            ) from error
        self._get_file_writer().add_openvino_graph(exporter.load_openvino_graph(xmlname))
