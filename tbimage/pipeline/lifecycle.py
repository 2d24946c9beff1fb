"""What happens to live pipelines when the process forks or ends.

What lives here: the registry of live pipelines and the hooks that the interpreter calls. What does
not: what a pipeline does then (``pipeline.py``).

Rules:
- The registry holds pipelines weakly and is only changed by operations that are atomic in CPython,
  because a fork may happen while another thread is in the middle of one.
- The end drains at ``atexit``, after the handlers that the program registered later. A forked child
  of ``multiprocessing`` has no ``atexit``: it drains when the interpreter begins to shut its
  threads down, of which there is a notice, if no documented one.
- From then on each call writes what it logs, so that nothing is lost that handlers and threads log
  on the way out.
- After ``atexit`` the interpreter stops all threads but one for good, wherever they are. No other
  may hold a lock then.
"""

from __future__ import annotations

import atexit
import importlib
import os
import sys
import threading
import time
import weakref
from typing import Protocol

__all__ = ["fork_safe_lock", "register"]


class Drained(Protocol):
    """What the hooks need of a pipeline."""

    close_timeout: float

    def shut_out_other_threads(self) -> None:
        """From here on, let no thread but the calling one log, or take a lock."""

    def drain_at_exit(self, timeout: float) -> None:
        """Write what is pending, within so many seconds; raise nothing."""

    def do_without_threads(self) -> None:
        """Give up what is pending still; from here on, write within each call what it logs."""

    def reset_after_fork(self) -> None:
        """Forget in a new child everything that belongs to the parent."""


_live: dict[int, weakref.ref[Drained]] = {}
_locks: weakref.WeakSet[threading.RLock] = weakref.WeakSet()
_is_ending = False


def register(pipeline: Drained) -> None:
    """Let a pipeline know of forks and of the end, for as long as it lives.

    Args:
        pipeline: Held weakly.

    Example:
        >>> class Pipeline:
        ...     close_timeout = 30.0
        >>> pipeline = Pipeline()
        >>> register(pipeline)
        >>> del pipeline  # and no hook knows of it any more
    """
    key = id(pipeline)
    _live[key] = weakref.ref(pipeline, lambda _: _live.pop(key, None))
    if _is_ending:
        pipeline.do_without_threads()


def fork_safe_lock() -> threading.RLock:
    """Make a lock that is free in a forked child, also when a thread of the parent held it.

    It is reentrant: a signal handler may log while its thread holds it.

    Example:
        >>> with fork_safe_lock():
        ...     pass
    """
    lock = threading.RLock()
    _locks.add(lock)
    return lock


def _pipelines() -> list[Drained]:
    return [pipeline for reference in list(_live.values()) if (pipeline := reference())]


def _end_threads() -> None:
    global _is_ending
    _is_ending = True
    started = time.monotonic()
    for pipeline in _pipelines():  # they drain side by side; their deadlines run together
        elapsed = time.monotonic() - started
        pipeline.drain_at_exit(max(pipeline.close_timeout - elapsed, 0.0))
        pipeline.do_without_threads()
        # What came in between the two, and was left to a thread that will not look any more.
        elapsed = time.monotonic() - started
        pipeline.drain_at_exit(max(pipeline.close_timeout - elapsed, 0.0))


def _before_threads_end() -> None:
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        _end_threads()  # a forked child ends without atexit, once its own threads have ended


def _at_exit() -> None:
    for pipeline in _pipelines():
        pipeline.shut_out_other_threads()
    _end_threads()


def _let_imports_end() -> None:
    """Wait until no other thread is within an import, for a second at most.

    A child inherits the lock of the module that is being imported, locked for good, and would hang
    where it imports the same: some of what a writer needs is imported with its first use.
    """
    locks = getattr(importlib._bootstrap, "_module_locks", {})
    this_thread = threading.get_ident()
    deadline = time.monotonic() + 1.0
    while _live and time.monotonic() < deadline:
        held = [lock for reference in list(locks.values()) if (lock := reference()) is not None]
        if all(lock.owner in (None, this_thread) for lock in held):
            return
        time.sleep(0.001)


def _reset_all() -> None:
    for lock in list(_locks):
        lock._at_fork_reinit()  # type: ignore[attr-defined]  # as logging does with its own
    for pipeline in _pipelines():
        pipeline.reset_after_fork()
        if _is_ending:
            pipeline.do_without_threads()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_let_imports_end, after_in_child=_reset_all)
atexit.register(_at_exit)
# concurrent.futures ends its threads through the same hook; there is no public one that forked
# children of multiprocessing run.
_register_threading_atexit = getattr(threading, "_register_atexit", None)
if _register_threading_atexit is not None:
    try:
        _register_threading_atexit(_before_threads_end)
    except RuntimeError:  # imported by an exit handler
        _is_ending = True
