"""A fork waits for imports: modules are imported at their first use, in any thread.

A child that is forked while another thread imports inherits that module's lock, locked for good,
and hangs where it imports the same.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys

from tbimage.pipeline.callers import live

# Packages that are imported at their first use.
_IMPORTED = frozenset({"tbimage", "numpy", "PIL", "google", "crc32c", "isal"})


def _let_imports_end() -> None:
    """Wait until no other thread is within an import of what a writer needs.

    To import a module that is there waits, if another thread is at it, and does nothing else.
    """
    seen: set[str] = set()
    while live and (new := set(sys.modules) - seen):  # another thread may import one after another
        seen |= new
        for name in new:
            if name.partition(".")[0] in _IMPORTED:
                with contextlib.suppress(Exception):
                    importlib.import_module(name)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_let_imports_end)
