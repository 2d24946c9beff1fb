"""Session logs: they mark the steps at which a session began, stopped or saved a checkpoint.

TensorBoard's loader in Python ignores the first START of a run. At each later START, it discards
the loaded values with the same step as this START or a greater step
(``plugin_event_accumulator._MaybePurgeOrphanedData``). The data server ignores session logs. When
it reads a new point of a tag, it discards the points of this tag with the same or a greater step.
"""

from __future__ import annotations

from collections.abc import Sequence

from tbimage import checks

#: SessionLog.SessionStatus (tensorflow/core/util/event.proto).
STATUSES = {"start": 1, "stop": 2, "checkpoint": 3}


def check_status(status: object) -> str:
    """Check the status of a session."""
    return checks.choice("status", status, STATUSES)


def event(
    status: str, step: int, wall_time: float, checkpoint_path: object, message: object
) -> Sequence[bytes]:
    """Make the Event of a session log."""
    from tbimage.events.messages import Event, SessionLog

    log = SessionLog(
        status=STATUSES[status],
        checkpoint_path=checks.text("checkpoint_path", checkpoint_path),
        msg=checks.text("message", message),
    )
    return [Event(wall_time=wall_time, step=step, session_log=log).SerializeToString()]
