"""The run directories of open writers, and the sub-runs of forked or unpickled writers.

TensorBoard does not support two writers in one run directory (tensorboard#1063). Its Python loader
follows one file and loses the records of the other file. Its data server mixes both files, and
drops points of tags that are in both files.
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
    """Two open writers, in one process or in two processes, write to one run directory."""


# Keys: the real path of a directory; the id of a *tenant*, the ``EventFiles`` of a writer. Each
# change is one atomic call. There is no lock: a lock that another thread holds during a fork would
# stay locked in the child.
_tenants: dict[str, dict[int, weakref.ref[object]]] = {}


def _entry(directory: str, tenant: object) -> dict[int, weakref.ref[object]]:
    key = id(tenant)
    return {key: weakref.ref(tenant, lambda _: _leave(directory, key))}


def _leave(directory: str, key: int) -> None:
    tenants = _tenants.get(directory, {})
    tenants.pop(key, None)
    if not tenants:
        _tenants.pop(directory, None)


# Directories for which a warning about another process was issued.
_warned: dict[str, None] = {}


def claim(directory: str, tenant: object) -> None:
    """Register a tenant of a directory (a real path); warn if there already is another tenant."""
    entry = _entry(directory, tenant)
    tenants = _tenants.setdefault(directory, entry)
    if tenants is entry:
        return
    others = [each for each in list(tenants.values()) if each() not in (None, tenant)]
    tenants.update(entry)
    if others:
        warn_caller(
            f"another SummaryWriter of this process, or of the process from which it was forked, "
            f"is writing to {directory!r}: TensorBoard follows one event file of a directory and "
            "may never show the summaries in other files. Share one writer, close the first, or "
            "give each writer its own directory.",
            TwoWritersWarning,
        )


def claim_run(directory: str, tenant: object) -> None:
    """Claim a directory in which an event file was opened; also warn about other processes.

    Args:
        directory: As for ``claim``.
        tenant: As for ``claim``.

    Warns:
        TwoWritersWarning: Another writer of this process has claimed the directory, or another
            process has an open event file in the directory (``events/locks.py``). The warning about
            another process is issued once for each directory.
    """
    claim(directory, tenant)
    name = file_of_another_process(directory)
    if name is None or directory in _warned:
        return
    _warned[directory] = None
    warn_caller(
        f"another process is writing {name!r} in {directory!r}: when TensorBoard's default loader "
        "reads a new point, it drops the tag's points with the same or a greater step. If two "
        "processes log the same 50 steps, it shows at most 50 of the 100 points. Give each process "
        'its own directory, with SummaryWriter(logdir, rank="separate"), or let only one process '
        'log, with rank="zero".',
        TwoWritersWarning,
    )


def release(tenant: object) -> None:
    """Remove the entries of ``tenant``, and empty ones, which an interrupt may have left."""
    for directory in list(_tenants):
        _leave(directory, id(tenant))


def claim_sub_run(directory: str, tenant: object) -> str:
    """Choose the sub-run of a forked or unpickled writer, and claim it.

    The name is ``worker-{host}-{pid}``. If another writer of this process uses this name, a number
    is added.
    """
    base = f"worker-{host_name()}-{os.getpid()}"
    for number in itertools.count(1):
        name = base if number == 1 else f"{base}-{number}"
        key = urls.join(directory, name)
        entry = _entry(key, tenant)
        if _tenants.setdefault(key, entry) is entry:
            break
    return name
