"""A disk with planned faults."""

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
    """Return an OSError as the system raises it."""
    return OSError(number, text or os.strerror(number))


class FaultyStorage(LocalStorage):
    """Asks a plan before each operation which fault it has.

    Args:
        plan: Gets the operation ("write", "sync", "create", "close" or "sync_directory") and the
            bytes of a write, and returns the fault. A number is a short write of so many bytes.

    Attributes:
        operations: All operations so far, and the bytes that each wrote.
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
    """Plan no faults."""
    return None


def failing(what: str, fault: Fault, times: int = 1 << 60, after: int = 0) -> Plan:
    """Plan a fault of one operation: ``after`` calls succeed, and the next ``times`` calls fail."""
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
    """Use up all descriptors of this process within a block."""
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
