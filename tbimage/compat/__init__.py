"""Adapters with the interfaces of other writers of event files.

To use an adapter, change one import. ``tf_summary``, ``torch`` and ``tensorboardx`` have the same
names, order of arguments and defaults as their *peers*: ``tf.summary``, ``torch.utils.tensorboard``
and tensorboardX. docs/migrating.md lists the intended differences.

- An adapter writes the same pixels, tags and steps to the same directories as its peer, except
  where the peer has a fault.
- Arguments that have no meaning here are accepted. If a user could expect such an argument to have
  an effect, there is a warning.
- No peer is imported, except to export a graph. A peer's objects (tensors, messages) are accepted.
- ``install`` and ``installed`` put an adapter in place of its peer, for frameworks that import the
  peer by its name.
"""

from __future__ import annotations

from tbimage.compat.installation import install, installed

__all__ = ["install", "installed"]
