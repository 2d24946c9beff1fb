"""The run directories that this process writes to, and the sub-runs of forked or unpickled writers.

TensorBoard does not support two writers in one run directory (tensorboard#1063). Its Python loader
follows one file and loses the records of the other. Its data server mixes both, and drops points of
tags that both write.
"""

from __future__ import annotations

import itertools
import os
import weakref

from tbimage.events.names import host_name
from tbimage.events.storage import urls
from tbimage.writer.caller_warnings import warn_caller


class TwoWritersWarning(UserWarning):
    """Two live writers of one process write to one run directory."""


# The files that are written to, by the real path of their directory. Only single atomic calls
# change it: a lock that another thread holds during a fork would stay locked in the child.
_tenants: dict[str, weakref.ref[object]] = {}


def _reference(key: str, tenant: object) -> weakref.ref[object]:
    return weakref.ref(tenant, lambda dead: _forget(key, dead))


def _forget(key: str, reference: weakref.ref[object]) -> None:
    if _tenants.get(key) is reference:
        _tenants.pop(key, None)


def claim(directory: str, tenant: object) -> None:
    """Register a tenant of a directory, given by its real path; warn if there is another."""
    reference = _reference(directory, tenant)
    other = _tenants.setdefault(directory, reference)
    if other is reference:
        return
    _tenants[directory] = reference
    if other() is not None and other() is not tenant:
        warn_caller(
            f"another SummaryWriter of this process is writing to {directory!r}: TensorBoard "
            "follows one event file of a directory and may never show what the others get. Share "
            "one writer, close the first, or give each its own directory.",
            TwoWritersWarning,
        )


def release(tenant: object) -> None:
    """Unregister ``tenant`` from its directories."""
    for directory, reference in list(_tenants.items()):
        if reference() is tenant:
            _tenants.pop(directory, None)


def claim_sub_run(directory: str, tenant: object) -> str:
    """Choose the sub-run of a forked or unpickled writer, and claim it.

    Its name is ``worker-{host}-{process}``, with a number after it if this process writes to that
    sub-run already.
    """
    base = f"worker-{host_name()}-{os.getpid()}"
    for number in itertools.count(1):
        name = base if number == 1 else f"{base}-{number}"
        key = urls.join(directory, name)
        reference = _reference(key, tenant)
        if _tenants.setdefault(key, reference) is reference:
            break
    return name
