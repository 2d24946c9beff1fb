"""A disk that misbehaves as it is told: the real one, with faults put in.

What lives here: storages. What does not: what the faults are to lead to.
"""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tbimage.buffers import Piece
from tbimage.events.storage import AppendFile, LocalStorage

#: What happens to an operation: nothing, so many bytes less than whole, or an error.
Fault = OSError | int | None
#: Given the operation and, of a write, how many bytes it is for, tells the fault.
Plan = Callable[[str, int], Fault]


def error(number: int, text: str | None = None) -> OSError:
    """An error as the system raises it."""
    return OSError(number, text or os.strerror(number))


class FaultyStorage(LocalStorage):
    """Asks before each operation what is to happen to it.

    Args:
        plan: Given the operation ("write", "sync", "create", "close" and "sync_directory") and, of
            a write, how many bytes it is for, tells the fault. A number is of a short write: so
            many bytes are written, of as many as there are.

    Attributes:
        operations: All operations so far, with how many bytes they wrote.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.operations: list[tuple[str, int]] = []

    def meet(self, operation: str, size: int = 0) -> int:
        fault = self.plan(operation, size)
        self.operations.append((operation, 0))
        if isinstance(fault, OSError):
            raise fault
        return size if fault is None else min(fault, size)

    def create(self, path: str) -> AppendFile:
        self.meet("create")
        return _FaultyFile(self, super().create(path))

    def sync_directory(self, directory: str) -> None:
        self.meet("sync_directory")
        super().sync_directory(directory)

    def count(self, operation: str) -> int:
        return sum(each == operation for each, _ in self.operations)


#: Lets the writers of a test write to a storage with such faults: the fixture ``faulty``.
Storages = Callable[[Plan], FaultyStorage]


class _FaultyFile:
    def __init__(self, storage: FaultyStorage, file: AppendFile) -> None:
        self._storage = storage
        self._file = file

    def write(self, pieces: Sequence[Piece]) -> int:
        data = b"".join(pieces)
        size = self._storage.meet("write", len(data))
        written = self._file.write([data[:size]]) if size else 0
        self._storage.operations[-1] = ("write", written)
        return written

    def sync(self) -> None:
        self._storage.meet("sync")
        self._file.sync()

    def in_place(self) -> bool:
        return self._file.in_place()

    def close(self) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def healthy(operation: str, size: int) -> Fault:
    """A plan without faults."""
    return None


def failing(what: str, fault: Fault, times: int = 1 << 60, after: int = 0) -> Plan:
    """A plan in which an operation meets a fault so many times, after so many that did not."""
    seen = 0

    def plan(operation: str, size: int) -> Fault:
        nonlocal seen
        if operation != what:
            return None
        seen += 1
        return fault if after < seen <= after + times else None

    return plan


@contextlib.contextmanager
def no_descriptors_left() -> Iterator[None]:
    """A block in which this process can open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in taken:
            os.close(descriptor)
