"""Methods for messages that the caller has made, and for events that are not summaries."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, SupportsIndex

from tbimage import checks
from tbimage.events.tickets import SUB_RUNS
from tbimage.writer.steps import check_step

if TYPE_CHECKING:
    from tbimage.writer.base import RunWriter

# The name of a message without tags, for record_if and errors.
_NAMELESS = "(raw)"


def raw_summary(
    self: RunWriter,
    summary: Any,
    step: SupportsIndex | None = None,
    *,
    wall_time: float | None = None,
) -> bool:
    """Log a Summary that the caller has made.

    Args:
        summary: A ``Summary`` message from any package, or its bytes.
        step: As in ``image``, for the Summary's first tag.
        wall_time: Seconds since the epoch; None: now.

    Returns:
        As ``image``.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: The bytes are not a Summary.
        RuntimeError: The writer is closed.

    Example:
        >>> import tbimage, tempfile
        >>> from tbimage.events.messages import Summary
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     message = Summary(value=[Summary.Value(tag="loss", simple_value=0.5)])
        ...     writer.raw_summary(message, step=0)
        True
    """
    from tbimage.kinds import raw as kind

    data, tags = kind.prepare_summary(summary)
    name, step, wanted = self._begin(tags[0] if tags and tags[0] else _NAMELESS, step)
    if not wanted:
        return False
    return self._log(name, step, checks.wall_time(wall_time), bytes, data)


def raw_event(self: RunWriter, event: Any, step: SupportsIndex | None = None) -> bool:
    """Log an Event that the caller has made.

    Args:
        event: An ``Event`` message from any package, or its bytes. An Event without a wall time
            gets the current time.
        step: The step. None: the step of the Event.

    Returns:
        As ``image``.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: The bytes are not an Event, or the wall time is not finite.
        RuntimeError: The writer is closed.

    Example:
        >>> import tbimage, tempfile
        >>> from tbimage.events.messages import Event, Summary
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     summary = Summary(value=[Summary.Value(tag="loss", simple_value=0.5)])
        ...     writer.raw_event(Event(step=3, summary=summary))
        True
    """
    from tbimage.kinds import raw as kind

    prepared = kind.prepare_event(event, time.time(), None if step is None else check_step(step))
    name = prepared.tags[0] if prepared.tags and prepared.tags[0] else _NAMELESS
    if not self._begin(name, prepared.step, may_repeat=True)[2]:
        return False
    return self._log_event(name, prepared.step, prepared.pieces, counts_step=name != _NAMELESS)


def session_log(
    self: RunWriter,
    status: str,
    step: SupportsIndex,
    *,
    checkpoint_path: str = "",
    message: str = "",
    wall_time: float | None = None,
) -> bool:
    """Log that a session began, stopped or saved a checkpoint.

    At the second "start" of a run and at each later one, TensorBoard's Python loader discards all
    data with the step of this event or a greater step. Use ``purge`` to discard data.

    Args:
        status: "start", "stop" or "checkpoint".
        step: The step of the event.
        checkpoint_path: The path of the checkpoint.
        message: Any text.
        wall_time: Seconds since the epoch; None: now.

    Returns:
        True if the event will be written. False if there was no room (``on_full``), or the process
        is ending and the event was not written within ``close_timeout``.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: The status is unknown, or another value does not fit.
        RuntimeError: The writer is closed.

    Example:
        >>> import tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     writer.session_log("checkpoint", 500, checkpoint_path="model-500.pt")
        True
    """
    from tbimage.kinds import session_log as kind

    number = check_step(step)
    pieces = kind.event(
        kind.check_status(status),
        number,
        checks.wall_time(wall_time),
        checkpoint_path,
        message,
    )
    return self._log_event("session_log", number, pieces, counts_step=False)


def purge(self: RunWriter, step: SupportsIndex) -> bool:
    """Discard the summaries of a step and of all later steps, to continue from a checkpoint.

    TensorBoard's Python loader then discards the points of these steps for all tags, also in the
    runs of ``scalars`` below the run directory. The loader ignores the first "start" event of a
    run, so this call writes two "start" events. The data server ignores both events. But when it
    reads a new point of a tag, it discards the tag's points with the same or a greater step. If the
    next automatic step of a name in this writer is greater than ``step``, it becomes ``step``.

    Args:
        step: The first step that is discarded. The program continues with this step.

    Returns:
        True if the events will be written. False if there was no room (``on_full``), or the process
        is ending and the events were not written within ``close_timeout``.

    Raises:
        TypeError: ``step`` is not an integer.
        ValueError: ``step`` does not fit an int64.
        RuntimeError: The writer is closed.

    Example:
        >>> import tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     writer.purge(500)
        True
    """
    from tbimage.kinds import scalars

    number = check_step(step)
    logged = session_log(self, "start", number) & session_log(self, "start", number)
    # A worker searches for the runs of scalars, because a call must not read directories.
    logged &= self._log(
        "purge",
        number,
        time.time(),
        bytes,
        scalars.PURGE,
        lane=SUB_RUNS,
        counts_step=False,
        in_commit=True,
    )
    for watch in self._watches:
        watch.go_back(number)
    self._pipeline.go_back(number)
    return logged
