"""Which run directories are written to, and where a forked or unpickled writer goes on.

TensorBoard does not support two writers in one run directory (tensorboard#1063): its Python loader
follows one file and loses what the other one gets; its data server mixes them and drops points of
tags that both write.
"""

from __future__ import annotations

import itertools
import os
import weakref

from tbimage.events.locks import file_of_another_process
from tbimage.events.names import host_name
from tbimage.events.storage import urls
from tbimage.writer.caller_warnings import warn_caller

__all__ = ["TwoWritersWarning", "claim", "claim_run", "claim_sub_run", "release"]


class TwoWritersWarning(UserWarning):
    """Two live writers write to one run directory: of one process, or of two on one file system."""


# By the real path of a directory, what writes to it. Changed by single steps of CPython only: a
# lock that another thread holds during a fork would be locked for good in the child.
_tenants: dict[str, weakref.ref[object]] = {}


def _reference(key: str, tenant: object) -> weakref.ref[object]:
    return weakref.ref(tenant, lambda dead: _forget(key, dead))


def _forget(key: str, reference: weakref.ref[object]) -> None:
    if _tenants.get(key) is reference:
        _tenants.pop(key, None)


# Directories of which it was said that another process writes to them.
_warned: dict[str, None] = {}


def claim(directory: str, tenant: object) -> None:
    """Note that something writes to a directory; warn where another one of this process does.

    Args:
        directory: Its real path.
        tenant: Held weakly; until it is released or collected it has the directory.

    Warns:
        TwoWritersWarning: Another one has it.
    """
    reference = _reference(directory, tenant)
    other = _tenants.setdefault(directory, reference)
    if other is reference:
        return
    _tenants[directory] = reference
    if other() is not None and other() is not tenant:
        warn_caller(
            f"another SummaryWriter of this process, or of one that it was forked from, is writing "
            f"to {directory!r}: TensorBoard follows one event file of a directory and may never "
            "show what the others get. Share one writer, close the first, or give each its own "
            "directory.",
            TwoWritersWarning,
        )


def claim_run(directory: str, tenant: object) -> None:
    """Claim a directory in which an event file was opened; warn also of another process.

    Args:
        directory: As for ``claim``.
        tenant: As for ``claim``.

    Warns:
        TwoWritersWarning: Another writer has it, or another process has an event file of it open
            (``events/locks.py``). Of a process it is said once for each directory.
    """
    claim(directory, tenant)
    name = file_of_another_process(directory)
    if name is None or directory in _warned:
        return
    _warned[directory] = None
    warn_caller(
        f"another process is writing {name!r} in {directory!r}: TensorBoard's default loader drops "
        "every point of a tag whose step is not smaller than a new one, so of two processes that "
        "log the same 50 steps it shows 50 of 100 points or fewer. Give each process a directory "
        'of its own, with SummaryWriter(logdir, rank="separate"), or let one process log, with '
        'rank="zero".',
        TwoWritersWarning,
    )


def release(tenant: object) -> None:
    """Note that something has ended writing to its directories."""
    for directory, reference in list(_tenants.items()):
        if reference() is tenant:
            _tenants.pop(directory, None)


def claim_sub_run(directory: str, tenant: object) -> str:
    """Choose the sub-run in which a forked or unpickled writer goes on, and claim it.

    Returns:
        The name ``worker-{host}-{process}``, with a number behind it where this process writes to
        that already.
    """
    base = f"worker-{host_name()}-{os.getpid()}"
    for number in itertools.count(1):
        name = base if number == 1 else f"{base}-{number}"
        key = urls.join(directory, name)
        reference = _reference(key, tenant)
        if _tenants.setdefault(key, reference) is reference:
            break
    return name
