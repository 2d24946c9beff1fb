"""The use of the processors by other programs while a service is measured (Linux).

The target holds for free cores, and other programs on the machine take some of them. The report
gives their share. With ``--real-time`` the service and its client run before all others, as on a
machine of their own, except that others use the caches.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["busy_secs", "cpu_secs", "real_time"]

_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def busy_secs() -> float:
    """Return the busy seconds of all processors together, since the start of the machine.

    0 if that is not known.
    """
    with contextlib.suppress(OSError):
        ticks = list(map(int, Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]))
        return (sum(ticks) - ticks[3] - ticks[4]) / _TICK  # idle, and waiting for a disk: proc(5)
    return 0.0


def cpu_secs(processes: Iterable[int]) -> float:
    """Return the processor time of some processes and the calling one, in seconds."""
    ticks = 0
    for process in processes:
        with contextlib.suppress(OSError):
            # The fields after the name, which is in brackets and may have any characters: proc(5).
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICK


@contextlib.contextmanager
def real_time(processes: Iterable[int]) -> Iterator[None]:
    """Run some processes and the calling one before all others within a block.

    Raises:
        PermissionError: This needs the rights of root.
    """
    before: dict[int, int] = {}
    members = [*processes, os.getpid()]
    try:
        for thread in _threads(members):
            policy = os.sched_getscheduler(thread)
            os.sched_setscheduler(thread, os.SCHED_RR, os.sched_param(1))
            before[thread] = policy
        yield
    finally:
        for thread in _threads(members):  # new ones have inherited it
            with contextlib.suppress(ProcessLookupError):
                policy = before.get(thread, os.SCHED_OTHER)
                os.sched_setscheduler(thread, policy, os.sched_param(0))


def _threads(processes: Iterable[int]) -> list[int]:
    threads = []
    for process in processes:
        with contextlib.suppress(OSError):
            threads += [int(path.name) for path in Path(f"/proc/{process}/task").iterdir()]
    return threads
