"""Which run directories this process is writing to, and where a forked or unpickled writer goes.

What lives here: the registry of live writers by directory. What does not: the writers.

Why: TensorBoard does not support two writers in one run directory (tensorboard#1063). Its Python
loader follows one file and loses what the other one gets; its data server mixes them and drops
points of tags that both write.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Protocol

from tbimage.events.names import host_name
from tbimage.misuse import warn_caller

__all__ = ["TwoWritersWarning", "claim", "sub_run"]


class TwoWritersWarning(UserWarning):
    """Two live writers of one process write to one run directory."""


class Writer(Protocol):
    """What the registry needs of a writer."""

    @property
    def closed(self) -> bool:
        """Whether it was closed."""


_writers: dict[str, weakref.ref[Writer]] = {}
_lock = threading.Lock()


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def claim(directory: str, writer: Writer) -> None:
    """Note that a writer writes to a directory.

    Args:
        directory: Absolute.
        writer: Held weakly.

    Warns:
        TwoWritersWarning: Another one that is not closed does, too.
    """
    key = os.path.realpath(directory)
    with _lock:
        taken = _is_taken(key)
        _writers[key] = weakref.ref(writer)
    if taken:
        warn_caller(
            f"another SummaryWriter of this process is writing to {directory!r}: TensorBoard "
            "follows one event file of a directory and may never show what the others get. Share "
            "one writer, close the first, or give each its own directory.",
            TwoWritersWarning,
        )


def sub_run(logdir: str) -> str:
    """Return the directory in which a forked or unpickled writer of a run continues.

    Args:
        logdir: The run's directory.

    Returns:
        ``logdir/worker-{host}-{process}``, with a number behind it where a live writer of this
        process has that already.

    Example:
        >>> os.path.basename(sub_run("run")).startswith("worker-")
        True
    """
    base = os.path.join(logdir, f"worker-{host_name()}-{os.getpid()}")
    directory, number = base, 1
    with _lock:
        while _is_taken(os.path.realpath(directory)):
            number += 1
            directory = f"{base}-{number}"
    return directory


def _is_taken(key: str) -> bool:
    reference = _writers.get(key)
    writer = reference() if reference is not None else None
    return writer is not None and not writer.closed
