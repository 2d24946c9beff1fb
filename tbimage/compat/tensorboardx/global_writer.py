"""tensorboardX's GlobalSummaryWriter: one writer of a process, which counts steps by itself.

What lives here: the class. What does not: counting, which every writer of this package can do; so a
restarted program goes on counting where it was, and no server process is needed for it.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import Any, ClassVar

from tbimage.compat.peers.file_writer import AUTOMATIC
from tbimage.compat.tensorboardx.writer import SummaryWriter

__all__ = ["GlobalSummaryWriter"]

logger = logging.getLogger("tbimage")


class GlobalSummaryWriter:
    """A writer without steps: each call of a tag has the one after the last.

    Args:
        logdir: As in ``SummaryWriter``, like all up to ``log_dir``.
        comment: See there.
        purge_step: See there.
        max_queue: See there.
        flush_secs: See there.
        filename_suffix: See there.
        write_to_disk: See there.
        log_dir: See there.
        coalesce_process: Taken and not needed: each process has a run of its own.
        kwargs: Taken with a warning.

    Attributes:
        smw: The writer.
    """

    _instance: ClassVar[GlobalSummaryWriter | None] = None
    # By process: a lock that another thread holds during a fork is locked for good in the child.
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
        self.smw = SummaryWriter(
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
        """Return the one of this process, which the first call makes in ``runs/``."""
        with GlobalSummaryWriter._locks.setdefault(os.getpid(), threading.RLock()):
            if GlobalSummaryWriter._instance is None:
                GlobalSummaryWriter._instance = GlobalSummaryWriter()
                logger.info("the global writer is in %r", GlobalSummaryWriter._instance.smw.logdir)
            return GlobalSummaryWriter._instance

    @property
    def file_writer(self) -> Any:
        """Where ready messages go."""
        return self.smw._get_file_writer()

    def close(self) -> None:
        """Flush and close the writer."""
        self.smw.close()
