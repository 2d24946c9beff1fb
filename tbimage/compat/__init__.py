"""Faces: the interfaces of other writers of event files, for who comes from there.

What lives here: ``tf_summary``, ``torch`` and ``tensorboardx``, each with its peer's names, order
of arguments and defaults, so that changing an import is the whole migration; docs/migrating.md has
what is different on purpose. What does not: anything that a face could leave to the writer.

Rules:
- A face has its peer's pixels, tags, steps and directories wherever the peer is right.
- Arguments that mean nothing here are taken, and warned of where that could surprise.
- No peer is imported. A peer's objects (tensors, messages) are taken as they come.
"""
