"""Whole Summaries and whole Events that the caller has made.

They may be protobuf messages of any package, or serialized messages. The bytes are parsed as a
check, but are written unchanged, so that fields that this package does not know are not lost.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tbimage import checks
from tbimage.buffers import Piece
from tbimage.events import wire

_WALL_TIME_KEY = b"\x09"  # Event.wall_time, field 1, double
_STEP_KEY = b"\x10"  # Event.step, field 2, int64


@dataclass(frozen=True, slots=True)
class Event:
    """A serialized Event, its step and its wall time, and the tags of its Summary."""

    pieces: Sequence[Piece]
    step: int
    wall_time: float
    tags: Sequence[str]


def serialized(argument: str, message: object, kind: str) -> bytes:
    """Return the bytes of a message of the class ``kind`` in ``tbimage.events.messages``."""
    return _parsed(argument, message, kind)[0]


def _parsed(argument: str, message: object, kind: str) -> tuple[bytes, Any]:
    """Return the bytes of a message, and the parsed message."""
    from google.protobuf.message import DecodeError

    from tbimage.events import messages

    serialize = getattr(message, "SerializeToString", None)
    name = type(message).__name__
    if callable(serialize) and name == kind:
        data = serialize()
    elif isinstance(message, (bytes, bytearray, memoryview)):
        data = bytes(message)
    else:
        raise TypeError(
            f"{argument} must be a {kind} message or its bytes, got {checks.given(message)}"
        )
    try:
        return data, getattr(messages, kind).FromString(data)
    except DecodeError as error:
        raise ValueError(
            f"{argument} must be a serialized {kind}, got {len(data)} bytes that cannot be parsed: "
            f"{error}"
        ) from None


def prepare_summary(summary: object) -> tuple[bytes, Sequence[str]]:
    """Return the bytes of a Summary, and its tags."""
    data, parsed = _parsed("summary", summary, "Summary")
    return data, [value.tag for value in parsed.value]


def prepare_event(event: object, now: float, step: int | None = None) -> Event:
    """Check an Event. ``now`` becomes its time if it has none. ``step`` replaces its step."""
    data, parsed = _parsed("event", event, "Event")
    if not math.isfinite(parsed.wall_time):
        # TensorBoard's data server stops reading a file at an Event whose time is NaN.
        raise ValueError(f"event must have a finite wall_time, got {parsed.wall_time}")
    # An appended field replaces an earlier value (protobuf.dev, "Last One Wins").
    added = b""
    wall_time = parsed.wall_time
    if wall_time == 0:
        wall_time = now
        added += _WALL_TIME_KEY + struct.pack("<d", now)
    if step is not None:
        added += _STEP_KEY + wire.varint(step)
    tags = [value.tag for value in parsed.summary.value]
    return Event([data, added], parsed.step if step is None else step, wall_time, tags)
