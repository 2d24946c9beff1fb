"""Makes a fork wait for imports in other threads.

The first call that needs a module imports it, in any thread. If a process forks while another
thread imports a module, the lock of that module stays locked in the child. Then the child hangs
when it imports the module.

If a Ctrl-C comes during an import in the main thread, CPython's import lock can stay locked. Then
each import in another thread hangs. So the threads of a writer import nothing, except packages of
object stores, and ``subprocess`` to search for a font (``tests/pipeline/test_worker_imports.py``).
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import time
from threading import get_ident
from types import FrameType

from tbimage.pipeline.callers import live

# Packages that are imported at their first use.
_IMPORTED = frozenset({"tbimage", "numpy", "PIL", "google", "crc32c", "isal"})


_IMPORTLIB = "<frozen importlib._bootstrap>"
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_PATIENCE_SECS = 10.0


def _let_imports_end() -> None:
    """Wait until no other thread imports a module that a writer needs."""
    _wait_for_known_modules()
    deadline = time.monotonic() + _PATIENCE_SECS
    while live and _is_imported_for_us() and time.monotonic() < deadline:
        time.sleep(0.001)


def _is_imported_for_us() -> bool:
    """Tell whether another thread imports or searches for a module that this package needs."""
    here = get_ident()
    frames = sys._current_frames().items()
    return any(_imports_for_us(frame) for thread, frame in frames if thread != here)


def _imports_for_us(frame: FrameType | None) -> bool:
    is_importing = is_ours = False
    while frame is not None and not (is_importing and is_ours):
        file = frame.f_code.co_filename
        is_importing = is_importing or file == _IMPORTLIB
        is_ours = is_ours or file.startswith(_PACKAGE)
        frame = frame.f_back
    return is_importing and is_ours


def _wait_for_known_modules() -> None:
    """Wait for modules that other threads are executing.

    If a module is in ``sys.modules``, a second import only waits until the first import is done.
    """
    seen: set[str] = set()
    while live and (new := set(sys.modules) - seen):  # other threads may import more modules
        seen |= new
        for name in new:
            if name.partition(".")[0] in _IMPORTED:
                with contextlib.suppress(Exception):
                    importlib.import_module(name)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_let_imports_end)
