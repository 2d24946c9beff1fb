"""What happens when the process ends, or forks while it imports.

The end drains at ``atexit``, after the handlers that the program registered later. A child of
``multiprocessing`` has no ``atexit``: it drains by a finalizer of ``multiprocessing.util``. From
then on each call waits until its summary is written, so that nothing is lost that handlers and
threads log on the way out.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import os
import sys
import time

from tbimage.pipeline.callers import live
from tbimage.pipeline.owner import at_first_use, current_owner

# Ctrl-C so many times, at the wrong instants, is an end.
_MOST_INTERRUPTS = 10
# What is being encoded ends within so many seconds, unless it is very large.
_IDLE_SECS = 2.0
# Packages that are imported at their first use.
_IMPORTED = frozenset({"tbimage", "numpy", "PIL", "google", "crc32c", "isal"})


def drain() -> None:
    """Write what is pending, for ``close_timeout`` seconds at most, and log what is not written.

    Ctrl-C ends the waiting, and nothing else.
    """
    waits = True
    for _ in range(_MOST_INTERRUPTS):
        try:
            _end(waits)
            return
        except KeyboardInterrupt:
            waits = False


def _end(waits: bool) -> None:
    owner, started = current_owner(), time.monotonic()
    pipelines = [each for each in (reference() for reference in list(live.values())) if each]
    left = pipelines
    if waits:
        begun = [(pipeline, pipeline.begin_last_flush()) for pipeline in pipelines]
        for pipeline, asked in begun:  # they drain side by side
            if asked is not None:
                pipeline.wait_for(*asked, started + pipeline.close_timeout)
        left = [pipeline for pipeline, asked in begun if asked is not None and not asked[1].result]
    owner.stop_logging()  # the interpreter may stop a thread while it logs
    for pipeline in pipelines:
        pipeline.note_end(True)
    if left:
        owner.encoders.discard()
    for pipeline in left:
        pipeline.abandon()
    owner.wait_until_idle(_IDLE_SECS if left else 0.0)
    owner.log.write()


def _drain_with_multiprocessing(is_registered: object = None) -> None:
    """Let a child of ``multiprocessing`` drain, after the finalizers of the program."""
    process = sys.modules.get("multiprocessing.process")
    if process is None:
        return
    from multiprocessing import util

    if is_registered is None:
        # A child forgets its finalizers as it begins, then calls this.
        util.register_after_fork(drain, _drain_with_multiprocessing)
    if process.parent_process() is not None:
        util.Finalize(None, drain, exitpriority=-1)


def _let_imports_end() -> None:
    """Wait until no other thread is within an import of what a writer needs.

    A child would inherit that module's lock, locked for good, and hang where it imports the same.
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
atexit.register(drain)
at_first_use.append(_drain_with_multiprocessing)
