"""Events that are no summaries, on their way to the file.

What lives here: a ticket that brings a whole Event. What does not: everything that it shares with
other tickets (``tickets.py``).
"""

from __future__ import annotations

from tbimage.events.records import frame
from tbimage.pipeline.tickets import Ticket

__all__ = ["EventTicket"]


class EventTicket(Ticket):
    """One Event: a graph, a session log, an Event of the caller's own.

    Its ``make_summary`` makes the serialized Event; its step and wall time are for messages only,
    since the Event has its own.
    """

    __slots__ = ()

    def make_record(self) -> None:
        """Make the record, and let go of what it is made from.

        Example:
            >>> ticket = EventTicket("a", 7, 0.0, 0)
            >>> ticket.make_summary = lambda: [b"..."]
            >>> ticket.make_record()
            >>> len(b"".join(ticket.record))
            19
        """
        make_event, self.make_summary = self.make_summary, None
        if make_event is not None:
            self.record = frame(make_event())
