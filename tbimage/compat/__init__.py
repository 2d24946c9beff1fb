"""Adapters with the interfaces of other writers of event files.

To use an adapter, change one import. ``tf_summary``, ``torch`` and ``tensorboardx`` have the same
names, order of arguments and defaults as their *peers*: ``tf.summary``, ``torch.utils.tensorboard``
and tensorboardX. docs/migrating.md lists the intended differences.

- An adapter writes the same pixels, tags and steps to the same directories as its peer, except
  where the peer has a fault.
- An adapter accepts arguments that it does not use. It warns if a user could expect such an
  argument to have an effect.
- An adapter imports its peer only to export a graph. It accepts its peer's tensors and messages.
- ``install`` and ``installed`` put an adapter in place of its peer, for frameworks that import the
  peer by its name.
"""

from __future__ import annotations

from tbimage.compat.installation import install, installed

__all__ = ["install", "installed"]
