"""Session logs: marks in an event file of where a session began, stopped or saved a checkpoint.

What readers make of them: TensorBoard's Python loader discards what it has loaded of a START's step
and later ones, at the second START and those that follow it; the first one it ignores
(``plugin_event_accumulator._MaybePurgeOrphanedData``). The data server ignores them all: there,
writing a tag at an earlier step is what discards its later points.
"""

from __future__ import annotations

from collections.abc import Sequence

from tbimage.kinds.names import check_text

__all__ = ["STATUSES", "check_status", "event"]

#: SessionLog.SessionStatus (tensorflow/core/util/event.proto).
STATUSES = {"start": 1, "stop": 2, "checkpoint": 3}


def check_status(status: object) -> str:
    """Check what a session log says.

    Args:
        status: "start", "stop" or "checkpoint".

    Raises:
        ValueError: It is another one.

    Example:
        >>> check_status("stop")
        'stop'
    """
    if not isinstance(status, str) or status not in STATUSES:
        raise ValueError(f"status must be {' or '.join(map(repr, STATUSES))}, got {status!r}")
    return status


def event(
    status: str, step: int, wall_time: float, checkpoint_path: object, message: object
) -> Sequence[bytes]:
    r"""Make the Event of a session log.

    Args:
        status: A key of ``STATUSES``.
        step: Where the session is.
        wall_time: Seconds since the epoch.
        checkpoint_path: Where a checkpoint is, or empty.
        message: Anything, or empty.

    Returns:
        The serialized Event, as pieces.

    Raises:
        TypeError: One of the last two is no string.
        ValueError: One of them is not valid Unicode.

    Example:
        >>> event("start", 7, 0.0, "", "")
        [b'\x10\x07:\x02\x08\x01']
    """
    from tbimage.events.messages import Event, SessionLog

    log = SessionLog(
        status=STATUSES[status],
        checkpoint_path=check_text("checkpoint_path", checkpoint_path),
        msg=check_text("message", message),
    )
    return [Event(wall_time=wall_time, step=step, session_log=log).SerializeToString()]
