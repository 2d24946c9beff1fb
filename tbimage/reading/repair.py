"""Copy the undamaged records of an event file to a new file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from tbimage.events.records import OVERHEAD_BYTES, frame
from tbimage.events.wire import file_version_event
from tbimage.reading.damage import Damage
from tbimage.reading.places import read_payload
from tbimage.reading.scan import RecordScanner

if TYPE_CHECKING:
    from tbimage.events.messages import Event

__all__ = ["Repair", "new_file", "repair", "whole_records"]


@dataclass(frozen=True)
class Repair:
    """The results of ``repair``.

    Attributes:
        kept: How many records were copied.
        kept_bytes: How many bytes these records have.
        lost: The damaged parts, which were left out.
    """

    kept: int
    kept_bytes: int
    lost: tuple[Damage, ...]


def repair(path: str | os.PathLike[str], output: str | os.PathLike[str]) -> Repair:
    """Copy all undamaged records to a new file, which both loaders of TensorBoard can read.

    Args:
        path: The damaged file, which is not changed.
        output: The new file, which must not exist. TensorBoard reads it if its name contains
            ``tfevents``. If the first event (``file_version``) is lost, a new one is written.

    Returns:
        The copied records and the damaged parts.

    Raises:
        FileExistsError: ``output`` exists.
        ValueError: The file has no undamaged record.
        OSError: A file cannot be read or written.

    Example:
        >>> import tbimage
        >>> with tbimage.SummaryWriter("runs") as writer:
        ...     _ = writer.scalar("loss", 0.5, step=1)
        >>> (file,) = tbimage.read("runs")["."].files
        >>> with open(file, "ab") as damaged:
        ...     _ = damaged.write(b"damage")
        >>> done = repair(file, "repaired.tfevents")
        >>> done.kept, [damage.length for damage in done.lost]
        (2, [6])
    """
    source = os.fspath(path)
    lost: list[Damage] = []
    kept = kept_bytes = 0
    descriptor = os.open(source, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        with new_file(os.fspath(output)) as file:
            for _, payload, event in whole_records(source, descriptor, lost):
                if not kept and not event.file_version:
                    file.writelines(frame([file_version_event(0.0, "tbimage")]))
                file.writelines(frame([payload]))
                kept += 1
                kept_bytes += len(payload) + OVERHEAD_BYTES
            if not kept:
                raise ValueError(f"{source}: it has no undamaged record")
    finally:
        os.close(descriptor)
    return Repair(kept, kept_bytes, tuple(sorted(lost)))


def whole_records(
    path: str, descriptor: int, lost: list[Damage]
) -> Iterator[tuple[int, bytes | memoryview, Event]]:
    """Yield offset, payload and Event of each undamaged record. Add the damage to ``lost``."""
    from google.protobuf.message import DecodeError

    from tbimage.events.messages import Event

    scanner = RecordScanner(path, verify=True)
    for offset, length, small in scanner.records(descriptor):
        payload = read_payload(path, offset) if small is None else small
        try:
            # A loader of TensorBoard stops at a payload that is not an Event.
            event = Event.FromString(bytes(payload))
        except DecodeError:
            lost.append(Damage(path, offset, length + OVERHEAD_BYTES, "message"))
        else:
            yield offset, payload, event
    lost += scanner.damage
    if scanner.tail is not None:
        lost.append(scanner.tail)


@contextmanager
def new_file(path: str) -> Iterator[BinaryIO]:
    """Open a file that must not exist, and remove it if writing fails."""
    file = open(path, "xb")  # noqa: SIM115
    try:
        with file:
            yield file
    except BaseException:
        os.unlink(path)  # Windows deletes only closed files
        raise
