"""A fork waits for imports: modules are imported at their first use, in any thread.

If a process forks while another thread imports a module, the lock of that module stays locked in
the child. The child would hang when it imports the module.
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
    """Wait until no other thread imports a module that a writer needs.

    Importing a module of ``sys.modules`` again only waits for another thread that imports it.
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
