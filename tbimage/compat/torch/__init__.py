"""The interface of ``torch.utils.tensorboard`` in torch 2.13.

``from tbimage.compat.torch import SummaryWriter`` replaces ``from torch.utils.tensorboard import
SummaryWriter``. ``tbimage.compat.torch.summary`` replaces ``torch.utils.tensorboard.summary``.

Example:
    >>> import numpy, tempfile
    >>> from tbimage.compat.torch import SummaryWriter
    >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
    ...     writer.add_image("photo", numpy.zeros((3, 64, 64)), 0)
    ...     writer.add_scalar("loss", 0.5, 0)
"""

from __future__ import annotations

from tbimage.compat.torch import summary
from tbimage.compat.torch.writer import FileWriter, SummaryWriter

__all__ = ["FileWriter", "SummaryWriter", "summary"]
