"""Which run directories this process is writing to, and where a forked or unpickled writer goes.

What lives here: the registry of live writers by directory. What does not: the writers.

Why: TensorBoard does not support two writers in one run directory (tensorboard#1063). Its Python
loader follows one file and loses what the other one gets; its data server mixes them and drops
points of tags that both write.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import TypeVar

from tbimage.events.names import host_name
from tbimage.pipeline.lifecycle import fork_safe_lock
from tbimage.writer.caller_warnings import warn_caller

__all__ = ["TwoWritersWarning", "claim", "in_sub_run", "release"]

T = TypeVar("T")


class TwoWritersWarning(UserWarning):
    """Two live writers of one process write to one run directory."""


# By the real path of a directory, whatever writes to it for as long as it lives.
_tenants: weakref.WeakValueDictionary[str, object] = weakref.WeakValueDictionary()
_lock = fork_safe_lock()


def claim(directory: str, tenant: object) -> None:
    """Note that something writes to a directory.

    Args:
        directory: Absolute.
        tenant: Held weakly; until it is released or collected it has the directory.

    Warns:
        TwoWritersWarning: Another one has it.

    Example:
        >>> class Tenant: ...
        >>> tenant = Tenant()
        >>> claim("run", tenant)
        >>> release("run", tenant)
    """
    key = os.path.realpath(directory)
    with _lock:
        other = _tenants.get(key)
        _tenants[key] = tenant
    if other is not None:
        warn_caller(
            f"another SummaryWriter of this process is writing to {directory!r}: TensorBoard "
            "follows one event file of a directory and may never show what the others get. Share "
            "one writer, close the first, or give each its own directory.",
            TwoWritersWarning,
        )


def release(directory: str, tenant: object) -> None:
    """Note that something has ended writing to a directory.

    Args:
        directory: As it was claimed.
        tenant: See there.

    Example:
        >>> release("run", object())  # another one may have it by now
    """
    key = os.path.realpath(directory)
    with _lock:
        if _tenants.get(key) is tenant:
            del _tenants[key]


def in_sub_run(logdir: str, make_tenant: Callable[[str], T]) -> T:
    """Choose the directory in which a forked or unpickled writer of a run continues, and claim it.

    Args:
        logdir: The run's directory.
        make_tenant: Given ``logdir/worker-{host}-{process}``, with a number behind it where this
            process writes to that already, makes what writes there.

    Returns:
        What it made.

    Example:
        >>> class Tenant:
        ...     def __init__(self, directory):
        ...         self.directory = directory
        >>> one, two = in_sub_run("run", Tenant), in_sub_run("run", Tenant)
        >>> two.directory == one.directory + "-2"
        True
    """
    base = os.path.join(logdir, f"worker-{host_name()}-{os.getpid()}")
    directory, number = base, 1
    with _lock:
        while os.path.realpath(directory) in _tenants:
            number += 1
            directory = f"{base}-{number}"
        tenant = make_tenant(directory)
        _tenants[os.path.realpath(directory)] = tenant
    return tenant
