"""Messages that the caller has made: whole Summaries and whole Events.

What lives here: taking a message of any package, or its bytes, and what must be known of it. Bytes
are checked by parsing them and written as they came, so that fields that this package does not know
stay.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tbimage.buffers import Piece
from tbimage.events import wire

__all__ = ["Event", "prepare_event", "prepare_summary", "serialized"]

_WALL_TIME_KEY = b"\x09"  # Event.wall_time, field 1, double
_STEP_KEY = b"\x10"  # Event.step, field 2, int64


@dataclass(frozen=True, slots=True)
class Event:
    """What must be known of an Event before it is written.

    Attributes:
        pieces: The serialized message, with a wall time.
        step: Its step.
        wall_time: Its time, in seconds since the epoch.
        tags: Those of the Summary in it, if there is one.
    """

    pieces: Sequence[Piece]
    step: int
    wall_time: float
    tags: Sequence[str]


def serialized(argument: str, message: object, kind: str) -> bytes:
    """Give the bytes of a message, checked.

    Args:
        argument: The argument's name, for errors.
        message: A message of that kind of any package, or its bytes.
        kind: The name of a class of ``tbimage.events.messages``.

    Raises:
        TypeError: It is neither.
        ValueError: The bytes are no such message.

    Example:
        >>> serialized("summary", b"", "Summary")
        b''
    """
    return _parsed(argument, message, kind)[0]


def _parsed(argument: str, message: object, kind: str) -> tuple[bytes, Any]:
    """Give the bytes of a message, and the message as one of ours."""
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
            f"{argument} must be a {kind} message or its bytes, got {message!r:.80} of type {name}"
        )
    try:
        return data, getattr(messages, kind).FromString(data)
    except DecodeError as error:
        raise ValueError(
            f"{argument} must be a serialized {kind}, got {len(data)} bytes that are none: {error}"
        ) from None


def prepare_summary(summary: object) -> tuple[bytes, Sequence[str]]:
    r"""Check a Summary.

    Args:
        summary: A message, or its bytes.

    Returns:
        The serialized message, and the tags of its values.

    Raises:
        TypeError: It is neither.
        ValueError: The bytes are no Summary.

    Example:
        >>> prepare_summary(b"\n\x03\n\x01a")
        (b'\n\x03\n\x01a', ['a'])
    """
    data, parsed = _parsed("summary", summary, "Summary")
    return data, [value.tag for value in parsed.value]


def prepare_event(event: object, now: float, step: int | None = None) -> Event:
    r"""Check an Event, and give it a time if it has none.

    Args:
        event: A message, or its bytes.
        now: Seconds since the epoch.
        step: The step it gets; None: the one it has.

    Raises:
        TypeError: It is neither.
        ValueError: The bytes are no Event, or its time is not finite: TensorBoard's data server
            gives the rest of a file up at a NaN.

    Example:
        >>> prepare_event(b"\x10\x05", 1.5).step
        5
    """
    data, parsed = _parsed("event", event, "Event")
    if not math.isfinite(parsed.wall_time):
        raise ValueError(f"event must have a finite wall_time, got {parsed.wall_time}")
    # Of a field that comes twice the last one counts (protobuf.dev, "Last One Wins").
    added = b""
    wall_time = parsed.wall_time
    if wall_time == 0:
        wall_time = now
        added += _WALL_TIME_KEY + struct.pack("<d", now)
    if step is not None:
        added += _STEP_KEY + wire.varint(step)
    tags = [value.tag for value in parsed.summary.value]
    return Event([data, added], parsed.step if step is None else step, wall_time, tags)


def pieces(data: bytes) -> list[Piece]:
    """Return serialized data as pieces."""
    return [data]
