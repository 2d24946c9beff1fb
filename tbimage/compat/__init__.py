"""Faces: the interfaces of other writers of event files, so that changing an import is enough.

``tf_summary``, ``torch`` and ``tensorboardx`` have the names, the order of arguments and the
defaults of ``tf.summary``, ``torch.utils.tensorboard`` and tensorboardX. docs/migrating.md lists
what is different on purpose.

- A face has its peer's pixels, tags, steps and directories wherever the peer is right.
- Arguments that mean nothing here are taken, with a warning where that could surprise.
- No peer is imported. A peer's objects (tensors, messages) are taken as they come.
- ``install`` and ``installed`` put a face in place of its peer, for frameworks that import the peer
  by its name.
"""

from __future__ import annotations

from tbimage.compat.installation import install, installed

__all__ = ["install", "installed"]
