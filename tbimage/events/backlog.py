"""The unwritten records of a lane, and the commits that write them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tbimage.events.batches import Batch, concatenate
from tbimage.events.event_files import EventFiles
from tbimage.events.history import described
from tbimage.events.reporting import Errors
from tbimage.events.segments import PATIENCE_SECS, UnwritableError
from tbimage.events.tickets import LIGHT_BYTES, Ticket, make_batch

__all__ = ["Backlog", "Commit"]


@dataclass(slots=True, eq=False)
class Commit:
    """Tickets to write together, and the results. The results are valid when ``ended`` is True."""

    tickets: Sequence[Ticket]  # empty after all their records were added to the backlog
    sync: Callable[[], None] | None = None  # makes the written records durable
    seal: bool = False  # whether to close the file
    written: int = 0  # how many summaries were written
    lost: int = 0  # how many summaries can never be written
    released: int = 0  # the bytes of memory that this commit has freed
    secs: float = 0.0  # the time that encoding took in this commit
    error: BaseException | None = None  # the error of writing; the next commit tries again
    # The error of ``sync`` or of closing the file. The next commit does not try this again.
    sync_error: BaseException | None = None
    ended: bool = False


class Backlog:
    """The unwritten records of one lane. Only one thread at a time may use this object.

    Example:
        >>> import tempfile
        >>> from tbimage.events.segments import SegmentOptions, Segments
        >>> from tbimage.events.storage import LocalStorage
        >>> from tbimage.kinds.scalar import summary
        >>> files = Segments(LocalStorage(), tempfile.mkdtemp(), SegmentOptions())
        >>> backlog = Backlog(files, Errors(print, lambda: "here"))
        >>> commit = Commit([(0, "loss", 1, 1.5, summary, ("loss", 0.25, None), None)], seal=True)
        >>> backlog.carry_out(commit, False)
        >>> commit.written, commit.released
        (1, 640)
    """

    def __init__(self, files: EventFiles, errors: Errors) -> None:
        self.costs: list[int] = []  # the bytes of memory that count for each record
        self._batch = Batch()
        self._files = files
        self._errors = errors

    def clear(self) -> tuple[int, int]:
        """Drop all records; return their number and the sum of their ``costs``."""
        count, size = len(self.costs), sum(self.costs)
        self.costs, self._batch = [], Batch()
        return count, size

    def carry_out(self, commit: Commit, failing: bool) -> None:
        """Make the records of a commit. Write first the records of failed commits, then these.

        ``failing`` tells whether the last write failed. If it did, a success is logged.
        """
        try:
            self._add(commit)
            self._write(commit)
            self._end(commit)
            # With a spool, uploads fail and work again. Only a ``sync`` can end their failure.
            works = commit.sync_error is None and self._files.error is None
            if failing and works and (commit.written or commit.sync):
                self._errors.note_recovery()
        except BaseException as error:  # an OSError, no memory, or a bug
            commit.error = error
            if not isinstance(error, OSError):  # the number of written bytes is not known
                self._try(self._files.forget)
                time.sleep(PATIENCE_SECS)  # the owner may begin the next attempt at once
            self._errors.note(error, "writing failed")
        commit.ended = True

    def _add(self, commit: Commit) -> None:
        batch = make_batch(commit.tickets, self._errors.lose)
        works = [ticket[6] for ticket in commit.tickets]
        costs = self.costs + [LIGHT_BYTES if work is None else work.cost for work in works]
        commit.secs = sum(each.secs for each in works if each is not None and not each.apart)
        batch = concatenate([self._batch, batch]) if self.costs else batch
        # These assignments need no memory, so they cannot fail. Therefore each summary is either a
        # ticket of the commit or a record of this object, and never both.
        self._batch, self.costs, commit.tickets = batch, costs, ()

    def _write(self, commit: Commit) -> None:
        while self.costs:
            unwritable = 0
            try:
                done = self._files.append(self._batch)
            except UnwritableError as error:  # lose only this record
                record = b"".join(self._batch.first(1).pieces)
                self._errors.lose(error, f"{described(record, 'a summary')} was not written")
                done = unwritable = 1
            while True:
                try:
                    self._note_written(commit, done, unwritable)
                    break
                except MemoryError:  # try again: otherwise these records would be written twice
                    time.sleep(PATIENCE_SECS)

    def _note_written(self, commit: Commit, done: int, unwritable: int) -> None:
        """Drop and count the written records; after a MemoryError nothing has changed."""
        rest, costs = self._batch.without_first(done), self.costs[done:]
        released = commit.released + sum(self.costs[:done])
        lost = self._batch.sizes[:done].count(0) + unwritable
        written, lost = commit.written + done - lost, commit.lost + lost
        self._batch, self.costs = rest, costs
        commit.released, commit.written, commit.lost = released, written, lost

    def _end(self, commit: Commit) -> None:
        if commit.sync is not None:
            text = "written summaries may not survive a loss of power"
            commit.sync_error = self._try(commit.sync, text)
        if commit.seal:
            error = self._try(self._files.seal, "closing the file failed")
            commit.sync_error = commit.sync_error or error

    def _try(self, function: Callable[[], None], consequence: str = "") -> OSError | None:
        try:
            function()
        except OSError as error:
            if not self._files.sync_is_final and consequence:
                raise  # the next commit tries again
            if consequence:
                self._errors.lose(error, consequence)
            return error
        return None
