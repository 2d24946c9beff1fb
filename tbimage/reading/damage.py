"""Reports of the damaged parts of event files."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["REASONS", "Damage"]

#: The meaning of each kind of damage.
REASONS = {
    "header": "the checksum of a record's length is wrong",
    "payload": "the checksum of a record's payload is wrong",
    "message": "a record's payload is not an Event",
    "torn": "a record is incomplete: its writer is still writing, or was stopped",
    "unreadable": "it cannot be opened or read",
}


@dataclass(frozen=True, order=True)
class Damage:
    """A part of a file that was skipped.

    Attributes:
        path: The file. If the kind is ``"unreadable"``, this can also be a directory.
        offset: Where the part starts, in bytes.
        length: How many bytes the part has.
        kind: ``"header"``, ``"payload"``, ``"message"``, ``"torn"`` or ``"unreadable"``.
        detail: The error of the operating system if the kind is ``"unreadable"``, else empty.

    Example:
        >>> print(Damage("events.out.tfevents.1", 40, 133, "payload"))
        events.out.tfevents.1: 133 bytes at byte 40 skipped: the checksum of a record's payload
        is wrong
    """

    path: str
    offset: int
    length: int
    kind: str
    detail: str = ""

    def __str__(self) -> str:
        if self.kind == "unreadable":
            return f"{self.path}: {REASONS[self.kind]}: {self.detail}"
        return (
            f"{self.path}: {self.length} bytes at byte {self.offset} skipped: {REASONS[self.kind]}"
        )
