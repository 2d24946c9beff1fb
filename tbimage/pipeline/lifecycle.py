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
import logging
import os
import sys
import time

from tbimage.pipeline.callers import live
from tbimage.pipeline.owner import at_first_use, current_owner

# What is imported with its first use.
_IMPORTED = frozenset({"tbimage", "numpy", "PIL", "google", "crc32c", "isal"})


def drain() -> None:
    """Write what is pending, for ``close_timeout`` seconds at most, and say what is not written."""
    owner, started = current_owner(), time.monotonic()
    pipelines = [each for each in (reference() for reference in list(live.values())) if each]
    try:
        begun = [(pipeline, pipeline.begin_last_flush()) for pipeline in pipelines]
        for pipeline, asked in begun:  # they drain side by side
            if asked is not None:
                pipeline.wait_for(*asked, started + pipeline.close_timeout)
                if asked[1].result:
                    pipelines.remove(pipeline)
    except KeyboardInterrupt:
        owner.log.say(logging.ERROR, "interrupted while the process ended")
    owner.ending = True  # no thread of ours logs from here on: the interpreter may stop it at that
    for reference in list(live.values()):
        ending = reference()
        if ending is not None:
            ending.note_end(True)
    for pipeline in pipelines:
        channel = pipeline.channel
        if not channel.finished:
            channel.errors.note_unwritten(channel.counts()[0])
    owner.log.write()


def _drain_with_multiprocessing(_: object = None) -> None:
    """Let a child of ``multiprocessing`` drain, after the finalizers of the program."""
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        from multiprocessing import util

        util.Finalize(None, drain, exitpriority=-1)
        # A child that unpickles a writer forgets its finalizers after that, and then calls this.
        util.register_after_fork(drain, _drain_with_multiprocessing)


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
