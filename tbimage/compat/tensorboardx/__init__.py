"""The interface of ``tensorboardX`` 2.6.5.

``from tbimage.compat.tensorboardx import SummaryWriter`` replaces ``from tensorboardX import
SummaryWriter``. ``tbimage.compat.tensorboardx.summary`` replaces ``tensorboardX.summary``.

Example:
    >>> import numpy, tempfile
    >>> from tbimage.compat.tensorboardx import SummaryWriter
    >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
    ...     writer.add_image("photo", numpy.zeros((3, 64, 64)), 0)
    ...     writer.add_scalar("loss", 0.5, 0)
"""

from __future__ import annotations

from tbimage.compat.tensorboardx import summary
from tbimage.compat.tensorboardx.global_writer import GlobalSummaryWriter
from tbimage.compat.tensorboardx.record_writer import RecordWriter
from tbimage.compat.tensorboardx.writer import DummyFileWriter, FileWriter, SummaryWriter

__all__ = [
    "DummyFileWriter",
    "FileWriter",
    "GlobalSummaryWriter",
    "RecordWriter",
    "SummaryWriter",
    "summary",
]
