"""The way from a method to the queue, for kinds that differ from most.

What lives here: summaries whose steps are counted under another name than theirs, that need to know
their step, and whole Events. What does not: all others (``RunWriter._begin`` and ``_log``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, SupportsIndex

from tbimage import checks
from tbimage.buffers import Piece
from tbimage.pipeline.event_tickets import EventTicket
from tbimage.pipeline.tickets import Ticket
from tbimage.writer import defaults
from tbimage.writer.steps import Steps, check_step

if TYPE_CHECKING:
    from tbimage.writer.base import RunWriter

__all__ = ["MakeWithStep", "begin", "log_event", "log_with_step"]

#: Given its step, makes a serialized Summary.
MakeWithStep = Callable[[int], "list[Piece]"]


def begin(
    writer: RunWriter,
    name: str,
    step: SupportsIndex | None,
    steps: Steps,
    key: str,
    *,
    may_repeat: bool = False,
) -> tuple[int | None, bool]:
    """Do what ``RunWriter._begin`` does, with other steps than those of the name.

    Args:
        writer: The writer.
        name: Not checked.
        step: Not checked; None for the default step or an automatic one.
        steps: Those that count.
        key: Under which name they count.
        may_repeat: Whether nothing is lost where a step comes again.

    Returns:
        The step asked for, and whether ``record_if`` and ``keep`` let the summary through.

    Raises:
        TypeError: Name or step are of the wrong type.
        ValueError: Name or step are not what they may be.

    Example:
        >>> import tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     begin(writer, "bunny", 3, writer._steps, "bunny_VERTEX")
        (3, True)
    """
    checks.name(name)
    number = defaults.get_step() if step is None else check_step(step)
    if not defaults.should_record(number, name):
        return number, False
    if writer._keeper is not None and not writer._keeper.wants(name):
        writer._pipeline.intake.keep_out()
        return number, False
    last = steps.last.get(key)
    if number is None:
        steps.prepare_automatic(key)
    elif last is not None and number <= last and not may_repeat:
        steps.warn_of_repetition(name, number, last)
    return number, True


def log_with_step(
    writer: RunWriter,
    name: str,
    step: int | None,
    wall_time: float,
    cost: int,
    take_snapshot: Callable[[], MakeWithStep],
) -> bool:
    """Log a summary that a worker makes once its step is decided.

    Args:
        writer: The writer.
        name: As in ``RunWriter._log``, like the next three.
        step: See there.
        wall_time: See there.
        cost: See there.
        take_snapshot: Copies what the caller may change, and returns the function that makes the
            serialized Summary.

    Returns:
        Whether there was room.

    Example:
        >>> import tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     log_with_step(writer, "a", None, 0.0, 0, lambda: lambda step: [b"%d" % step])
        True
    """
    ticket = Ticket(name, step, wall_time, cost)
    intake = writer._pipeline.intake
    try:
        if not intake.admit(ticket):
            return False
        make = take_snapshot()

        def make_summary() -> list[Piece]:
            if ticket.step is None:
                raise RuntimeError(f"{name!r} has no step")
            return make(ticket.step)

        ticket.make_summary = make_summary
        return intake.put(ticket, writer._steps.take)
    except BaseException:
        intake.cancel(ticket)
        raise


def log_event(
    writer: RunWriter, name: str, step: int, pieces: Sequence[Piece], *, counts_step: bool = False
) -> bool:
    """Log a serialized Event.

    Args:
        writer: The writer.
        name: What it is called in messages.
        step: Its step.
        pieces: The Event, as pieces.
        counts_step: Whether automatic steps of that name go on after this one.

    Returns:
        Whether there was room.

    Example:
        >>> import tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     log_event(writer, "empty", 0, [b""])
        True
    """
    ticket = EventTicket(name, step, 0.0, sum(map(len, pieces)))
    ticket.make_summary = lambda: list(pieces)
    intake = writer._pipeline.intake
    try:
        if not intake.admit(ticket):
            return False
        return intake.put(ticket, writer._steps.take if counts_step else lambda name, given: step)
    except BaseException:
        intake.cancel(ticket)
        raise
