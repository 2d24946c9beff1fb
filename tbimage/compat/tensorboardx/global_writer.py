"""tensorboardX's GlobalSummaryWriter: one run that modules and forked processes share.

The writer counts the steps itself. A restarted program continues with the next step.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from typing import Any, ClassVar

from tbimage.compat.peers import series
from tbimage.compat.peers.drafts import Draft, serialized
from tbimage.compat.peers.file_writer import AUTOMATIC
from tbimage.compat.peers.numbers import check_step, check_walltime, number
from tbimage.compat.tensorboardx.relay import Relay
from tbimage.compat.tensorboardx.writer import SummaryWriter
from tbimage.writer import defaults
from tbimage.writer.caller_warnings import warn_caller

__all__ = ["GlobalSummaryWriter"]

logger: logging.Logger = logging.getLogger("tbimage")


class SharedWriter(SummaryWriter):
    """A SummaryWriter whose forked copies log to the run of the original writer.

    Methods that log no ``Draft`` (``add_scalars``, ``add_hparams``, ``add_graph``, …) log to a
    sub-run of the forked copy. When the process that made the writer has ended, all methods of the
    copy log to this sub-run.
    """

    _relay: Relay | None = None

    def share(self) -> None:
        """Accept summaries of processes that are forked from now on."""
        this = weakref.ref(self)

        def log(summary: bytes, step: int | None, wall_time: float) -> None:
            writer = this()
            if writer is None:
                raise RuntimeError("the process that made this GlobalSummaryWriter has deleted it")
            writer._get_file_writer().native.raw_summary(summary, step, wall_time=wall_time)

        try:
            self._relay = Relay(log)
        except OSError as error:  # no Unix sockets on this system, or TMPDIR is too long
            logger.warning("forked processes will log to runs of their own: %s", error)

    def _log(self, draft: Draft, global_step: Any, walltime: float | None) -> None:
        if self._relay is None or self._relay.is_here:
            super()._log(draft, global_step, walltime)
            return
        # The default step and ``record_if`` are those of this process, not of the other one.
        automatic = global_step is AUTOMATIC
        step = defaults.get_step() if automatic else check_step(global_step or 0)
        if not defaults.should_record(step, draft.name):
            return
        if draft.kind is not None:
            self._get_file_writer().native._kinds.check(draft.name, draft.kind)
        wall_time = time.time() if walltime is None else check_walltime(walltime)
        try:
            self._relay.send(serialized(draft), step, wall_time)
        except (EOFError, OSError) as error:
            self._relay = None
            super()._log(draft, global_step, walltime)
            native = self._get_file_writer().native
            warn_caller(
                f"the process that made this GlobalSummaryWriter has ended ({error!r}): process "
                f"{os.getpid()} logs to a run of its own, {native.logdir}. Log before that process "
                "ends, or make a writer in this process.",
                UserWarning,
            )

    def _log_scalar(self, tag: Any, value: Any, global_step: Any, walltime: float | None) -> None:
        if self._relay is None or self._relay.is_here:
            super()._log_scalar(tag, value, global_step, walltime)
        else:
            self._log(series.scalar(tag, number("scalar_value", value)), global_step, walltime)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_relay": None}


class GlobalSummaryWriter:
    """A writer that counts steps: each call with a tag gets the next step of this tag.

    One process makes the writer. Processes that are forked from this process log to the same run,
    as long as this process runs. A process that gets a pickled copy logs to a sub-run.

    Args:
        logdir: As in ``SummaryWriter``, like all arguments up to ``log_dir``.
        coalesce_process: Not used: forked processes always log to one run.
        kwargs: Not used. If there are any, there is a warning.

    Attributes:
        smw: The ``SummaryWriter`` that logs.
    """

    _instance: ClassVar[GlobalSummaryWriter | None] = None
    # One lock for each process, because a lock that another thread holds during a fork stays locked
    # in the child.
    _locks: ClassVar[dict[int, Any]] = {}

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
        coalesce_process: Any = True,
        **kwargs: Any,
    ) -> None:
        self.smw: SharedWriter = SharedWriter(
            logdir,
            comment,
            purge_step,
            max_queue,
            flush_secs,
            filename_suffix,
            write_to_disk,
            log_dir,
            **kwargs,
        )
        if write_to_disk and hasattr(os, "fork"):
            self.smw.share()

    def add_scalar(self, tag: Any, scalar_value: Any, walltime: Any = None) -> None:
        """Log one number."""
        self.smw.add_scalar(tag, scalar_value, AUTOMATIC, walltime)

    def add_image(
        self, tag: Any, img_tensor: Any, walltime: Any = None, dataformats: Any = "CHW"
    ) -> None:
        """Log an image."""
        self.smw.add_image(tag, img_tensor, AUTOMATIC, walltime, dataformats)

    def add_text(self, tag: Any, text_string: Any, walltime: Any = None) -> None:
        """Log Markdown."""
        self.smw.add_text(tag, text_string, AUTOMATIC, walltime)

    @staticmethod
    def getSummaryWriter() -> GlobalSummaryWriter:  # noqa: N802  tensorboardX's name
        """Return the writer that all callers share. The first call makes it, in ``runs/``."""
        with GlobalSummaryWriter._locks.setdefault(os.getpid(), threading.RLock()):
            if GlobalSummaryWriter._instance is None:
                GlobalSummaryWriter._instance = GlobalSummaryWriter()
                logger.info("the global writer is in %r", GlobalSummaryWriter._instance.smw.logdir)
            return GlobalSummaryWriter._instance

    @property
    def file_writer(self) -> Any:
        """The FileWriter, which logs the caller's protobuf messages."""
        return self.smw._get_file_writer()

    def close(self) -> None:
        """Flush and close the writer."""
        self.smw.close()
