"""What happens to live pipelines when the process forks or ends.

What lives here: the registry of live pipelines and the hooks that the interpreter calls. What does
not: what a pipeline does then (``pipeline.py``).

Rules:
- The registry holds pipelines weakly and is only changed by operations that are atomic in CPython,
  because a fork may happen while another thread is in the middle of one.
- Exit drains twice: when the interpreter begins to shut its threads down, which is also the only
  notice that a child of ``multiprocessing`` gets, and at ``atexit``, after the handlers that the
  program registered.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from typing import Protocol

__all__ = ["register"]


class Drained(Protocol):
    """What the hooks need of a pipeline."""

    close_timeout: float

    def drain_at_exit(self, timeout: float) -> None:
        """Write what is pending, within so many seconds; raise nothing."""

    def reset_after_fork(self) -> None:
        """Forget in a new child everything that belongs to the parent."""


_live: dict[int, weakref.ref[Drained]] = {}


def register(pipeline: Drained) -> None:
    """Let a pipeline know of forks and of the end, for as long as it lives.

    Args:
        pipeline: Held weakly.
    """
    key = id(pipeline)
    _live[key] = weakref.ref(pipeline, lambda _: _live.pop(key, None))


def _drain_all() -> None:
    pipelines = [pipeline for reference in list(_live.values()) if (pipeline := reference())]
    started = time.monotonic()
    for (
        pipeline
    ) in pipelines:  # they drain side by side, each in its own threads; the deadlines run together
        elapsed = time.monotonic() - started
        pipeline.drain_at_exit(max(pipeline.close_timeout - elapsed, 0.0))


def _reset_all() -> None:
    for reference in list(_live.values()):
        pipeline = reference()
        if pipeline is not None:
            pipeline.reset_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all)
atexit.register(_drain_all)
# concurrent.futures ends its threads through the same hook; there is no public one that children of
# multiprocessing run.
_register_threading_atexit = getattr(threading, "_register_atexit", None)
if _register_threading_atexit is not None:
    _register_threading_atexit(_drain_all)
