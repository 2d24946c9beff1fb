"""torch's SummaryWriter and FileWriter: the methods whose signatures differ from tensorboardX's."""

from __future__ import annotations

from typing import Any, ClassVar

from tbimage.compat.peers import pictures, series, sounds
from tbimage.compat.peers.file_writer import BaseFileWriter
from tbimage.compat.peers.numbers import number
from tbimage.compat.peers.peer_writer import PeerWriter, default_logdir
from tbimage.compat.torch.summary import check_hparams, warn_of_double_precision

__all__ = ["FileWriter", "SummaryWriter"]


class FileWriter(BaseFileWriter):
    """Writes the caller's protobuf messages to the event file of a run directory.

    Args:
        log_dir: The run directory.
        max_queue: Not used: the limit for pending summaries is in bytes.
        flush_secs: Not used: no summary waits longer than a tenth of a second.
        filename_suffix: The end of the event file's name.
    """

    def __init__(
        self,
        log_dir: Any,
        max_queue: Any = 10,
        flush_secs: Any = 120,
        filename_suffix: str = "",
    ) -> None:
        super().__init__(log_dir, filename_suffix)


class SummaryWriter(PeerWriter):
    """``torch.utils.tensorboard.SummaryWriter``, which logs with a ``tbimage.SummaryWriter``.

    Args:
        log_dir: The run directory. None: a directory in ``runs/``, named by date and host.
        comment: A text that is appended to the default name of the directory.
        purge_step: TensorBoard discards earlier summaries with this step or a greater step.
        max_queue: Not used: the limit for pending summaries is in bytes.
        flush_secs: Not used: no summary waits longer than a tenth of a second.
        filename_suffix: The end of the event file's name.

    Example:
        >>> import tempfile
        >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     writer.add_scalar("loss", 0.5, global_step=0)
    """

    _single: ClassVar[bool] = True
    _channels_first: ClassVar[bool] = True
    _samples = staticmethod(sounds.truncated_samples)

    def __init__(
        self,
        log_dir: Any = None,
        comment: Any = "",
        purge_step: Any = None,
        max_queue: Any = 10,
        flush_secs: Any = 120,
        filename_suffix: Any = "",
    ) -> None:
        self.log_dir: Any = log_dir or default_logdir(comment)
        self.max_queue = max_queue
        self.flush_secs = flush_secs
        self.filename_suffix = filename_suffix
        super().__init__(purge_step)

    def _new_file_writer(self) -> FileWriter:
        return FileWriter(self.log_dir, self.max_queue, self.flush_secs, self.filename_suffix)

    @staticmethod
    def _scalars_directory(main_tag: str, tag: str) -> str:
        return main_tag.replace("/", "_") + "_" + tag

    def get_logdir(self) -> Any:
        """Return the run directory."""
        return self.log_dir

    def add_scalar(
        self,
        tag: Any,
        scalar_value: Any,
        global_step: Any = None,
        walltime: Any = None,
        new_style: Any = False,
        double_precision: Any = False,
    ) -> None:
        """Log one number, as float32."""
        if double_precision:
            warn_of_double_precision()
        if not new_style:
            self._log_scalar(tag, scalar_value, global_step, walltime)
            return
        value = number("scalar_value", scalar_value)
        self._log(series.scalar(tag, value, as_tensor=True), global_step, walltime)

    def add_tensor(
        self, tag: Any, tensor: Any, global_step: Any = None, walltime: Any = None
    ) -> None:
        """Log a tensor of any shape with its own dtype."""
        self._log(series.tensor(tag, tensor), global_step, walltime)

    def add_image_with_boxes(
        self,
        tag: Any,
        img_tensor: Any,
        box_tensor: Any,
        global_step: Any = None,
        walltime: Any = None,
        rescale: Any = 1,
        dataformats: Any = "CHW",
        labels: Any = None,
    ) -> None:
        """Log an image with red boxes.

        ``box_tensor`` is [boxes, 4]: left, top, right and bottom of each box, in pixels.
        ``rescale`` is a scale factor. ``labels`` has a text for each box.
        """
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
    ) -> None:
        """Log a batch of clips side by side in one GIF, or in one APNG if they have alpha.

        ``vid_tensor`` is [clips, frames, C, H, W]. Floats are from 0 to 1, integers from 0 to 255.
        A GIF has at most 50 frames a second, an APNG 60.
        """
        draft = pictures.video(tag, vid_tensor, fps, "NTCHW", single=self._single)
        self._log(draft, global_step, walltime)

    def add_hparams(
        self,
        hparam_dict: Any,
        metric_dict: Any,
        hparam_domain_discrete: Any = None,
        run_name: Any = None,
        global_step: Any = None,
    ) -> None:
        """Log the hyperparameters and the metrics of a trial, in its own sub-run.

        ``hparam_dict`` has bools, numbers, strings and tensors of one element. Values of None are
        left out. ``hparam_domain_discrete`` maps names to lists of allowed values. If it is not
        empty, TensorBoard shows only the hyperparameters and metrics of this call. If ``run_name``
        is ".", the trial is logged in the run of this writer.
        """
        values, domains = check_hparams(hparam_dict, metric_dict, hparam_domain_discrete)
        self._log_hparams(run_name, values, metric_dict, domains, global_step)

    def add_onnx_graph(self, prototxt: Any) -> None:
        """Log the graph of an ONNX file. The exporter of torch or tensorboardX reads the file."""
        self._log_graph(prototxt)
