"""One order of summaries and the files they go to: the run's own, or those of its sub-runs.

The owner decides what a commit takes and what follows it. A worker writes: it alone touches the
files and the batch while its commit is under way.
"""

from __future__ import annotations

import collections
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from tbimage.buffers import Piece
from tbimage.events.batches import Batch, concatenate
from tbimage.events.event_files import EventFiles
from tbimage.events.history import tags_of
from tbimage.events.records import small_record
from tbimage.events.reporting import Errors
from tbimage.events.segments import UnwritableError
from tbimage.events.steps import Steps
from tbimage.events.wire import small_event
from tbimage.pipeline.tickets import LIGHT_BYTES, Ticket, cost_of, make_record

# What one commit takes: enough to amortise a system call and the way to a worker and back, little
# enough that memory is freed, and a flush answered, soon.
_COMMIT_SUMMARIES, _COMMIT_BYTES = 4096, 16 << 20
# The disk is tried again after so many seconds, doubled each time up to the second figure.
_FIRST_RETRY, _LAST_RETRY = 0.05, 2.0


@dataclass(slots=True)
class Commit:
    """What one commit is to do, and what came of it: a worker sets that, ``ended`` at last."""

    tickets: list[Ticket]
    sync: Callable[[], None] | None  # makes durable what was written
    seal: bool
    written: int = 0
    lost: int = 0
    released: int = 0  # bytes
    secs: float = 0.0  # of encoding
    error: BaseException | None = None  # of writing, which is tried again
    sync_error: BaseException | None = None  # of making durable or closing, which is not
    ended: bool = False


class Lane:
    """The pending summaries of one order, and how far they have come."""

    def __init__(self, files: EventFiles, steps: Steps, errors: Errors) -> None:
        self.files = files
        self.steps = steps
        self.pending: collections.deque[Ticket] = collections.deque()
        self.taken = 0  # summaries that came in
        self.done = 0  # of these, how many are written or lost, in order
        self.synced = 0  # of these, how many a loss of power cannot take
        self.failures = 0  # commits that failed and are tried again
        self.given_up = 0
        self.due = 0.0  # when the light summaries at the head have waited long enough
        self.commit: Commit | None = None
        self.error: BaseException | None = None  # of the last write, None once one succeeds
        self.sealed = False
        self._errors = errors
        self._batch = Batch()  # what could not be written yet
        self._costs: list[int] = []  # of the records in it, in bytes
        self._retry_at = 0.0
        self._next_at = 0.0  # when the next commit may begin, unless somebody waits
        self._retry_secs = _FIRST_RETRY

    @property
    def is_idle(self) -> bool:
        """Whether nothing is pending or being written."""
        return not self.pending and not self._costs and self.commit is None

    @property
    def is_ending(self) -> bool:
        """Whether the file is closed, or about to be."""
        return self.sealed or (self.commit is not None and self.commit.seal)

    def durable(self, last: bool) -> int:
        """Return how many summaries are as durable as a flush, the last one or not, makes them."""
        return self.synced if last or self.files.syncs_on_flush else self.done

    def begin(self, *, hurry: bool, sync: bool, last: bool, seal: bool) -> Commit | None:
        """Begin a commit if one is due: to write, to make durable, or to close the file."""
        if self.commit is not None or self.sealed:
            return None
        now = time.monotonic()
        waits = not hurry and now < self._next_at
        tickets = [] if self._costs or waits else self._ready(hurry or now >= self.due)
        if self._costs and not sync and now < self._retry_at:  # only who waits hurries a retry
            return None
        seal = seal and len(tickets) == len(self.pending)
        sync = sync and (last or self.files.syncs_on_flush)
        sync = sync and self.synced < self.done + len(self._costs) + len(tickets)
        if not (tickets or self._costs or sync or seal):
            return None
        how = self.files.sync_at_end if last else self.files.sync
        self.commit = Commit(tickets, how if sync else None, seal)
        for _ in tickets:
            self.pending.popleft()
        more = self.pending[0][6] if self.pending else None  # than one commit takes
        if tickets and not (self.pending and (more is None or more.ready)):
            self._next_at = now + self.files.commit_secs
        return self.commit

    def _ready(self, is_due: bool) -> list[Ticket]:
        """Return the tickets at the head whose records are there or are cheap to make."""
        ready: list[Ticket] = []
        size = 0
        most = 1 << 20 if self.files.commit_secs else _COMMIT_SUMMARIES
        for ticket in islice(self.pending, most):
            work = ticket[6]
            if work is not None:
                if not work.ready:
                    break
                is_due = True
            size += LIGHT_BYTES if work is None else work.cost
            ready.append(ticket)
            if size >= _COMMIT_BYTES:
                break
        return ready if is_due or len(ready) == most else []

    def settle(self) -> Commit | None:
        """Take note of what came of a commit that ended."""
        commit = self.commit
        if commit is None or not commit.ended:
            return None
        done = self.done + commit.written + commit.lost
        failures, retry_at = (
            self.failures + 1,
            time.monotonic() + self._retry_secs * random.uniform(0.5, 1.0),
        )
        retry_secs = min(self._retry_secs * 2, _LAST_RETRY)
        if commit.error is not None:
            self.error, self.failures = commit.error, failures
            self._retry_at, self._retry_secs = retry_at, retry_secs
        elif commit.written or commit.sync_error is not None:
            self.error, self._retry_secs = commit.sync_error, _FIRST_RETRY
        if commit.error is None and (commit.sync is not None or commit.seal):
            self.synced = done
        self.sealed = commit.seal and commit.error is None
        self.done = done
        self.commit = None
        return commit

    def give_up(self) -> tuple[int, int]:
        """Forget what no commit has in hand; return how many summaries and bytes that were."""
        tickets, self.pending = self.pending, collections.deque()
        count, released = len(tickets), sum(map(cost_of, tickets))
        if self.commit is None:
            count += len(self._costs)
            released += sum(self._costs)
            self._costs.clear()
            self._batch = Batch()
        self.done += count
        self.given_up += count
        return count, released

    # A worker.

    def work(self, commit: Commit, report: Callable[[], None]) -> None:
        """Write what a commit took, make it durable, close the file: as far as it is asked to."""
        try:
            self._add(commit)
            self._write(commit)
            if commit.written and self.error is not None:
                self._errors.note_recovery()
            self._end(commit)
        except BaseException as error:  # an OSError, or a defect
            commit.error = error
            if not isinstance(error, OSError):  # it is not known how far the write came
                self._try(self.files.forget)
            self._errors.note(error, "writing failed")
        commit.ended = True
        report()

    def _add(self, commit: Commit) -> None:
        """Make the records of a commit's tickets, and put them behind what the last one left."""
        tickets, commit.tickets = commit.tickets, []
        costs = [LIGHT_BYTES if each[6] is None else each[6].cost for each in tickets]
        try:
            batch = make_batch(tickets, commit, self._errors)
        except BaseException as error:  # no memory to join them, say
            self._errors.lose(error, f"{len(tickets)} summaries were not written")
            batch = Batch((), [0] * len(tickets))
        self._batch = concatenate([self._batch, batch]) if self._costs else batch
        self._costs += costs

    def _write(self, commit: Commit) -> None:
        while self._costs:
            try:
                done = self.files.append(self._batch)
                lost = self._batch.sizes[:done].count(0)
            except UnwritableError as error:  # alone: what follows it is written
                record = b"".join(self._batch.first(1).pieces)
                what = ", ".join(f"{tag!r} at step {step}" for tag, step in tags_of(record).items())
                self._errors.lose(error, f"{what or 'a summary'} was not written")
                done = lost = 1
            self._batch = self._batch.without_first(done)
            commit.released += sum(self._costs[:done])
            del self._costs[:done]
            commit.written += done - lost
            commit.lost += lost

    def _end(self, commit: Commit) -> None:
        if commit.sync is not None:  # no later attempt would undo it: the system forgets the bytes
            error = self._try(commit.sync, "what was written may not survive a loss of power")
            commit.sync_error = error
        if commit.seal:
            error = self._try(self.files.seal, "closing the file failed")
            commit.sync_error = commit.sync_error or error

    def _try(self, function: Callable[[], None], consequence: str = "") -> OSError | None:
        try:
            function()
        except OSError as error:
            if consequence:
                self._errors.lose(error, consequence)
            return error
        return None


def make_batch(tickets: list[Ticket], commit: Commit, errors: Errors) -> Batch:
    """Give the records of some tickets, with an empty one for each that could not be made."""
    made: bytes | Sequence[Piece]
    pieces: list[Piece] = []
    sizes: list[int] = []
    small: list[bytes] = []  # records that follow each other and become one piece
    for ticket in tickets:
        _, name, step, wall_time, make, arguments, work = ticket
        try:
            if work is None:  # not by make_record: scalars are many
                made = small_record(small_event(wall_time, step, make(*arguments)))  # type: ignore[arg-type]
            elif work.apart:
                made = work.record
            else:
                made = make_record(ticket)
        except BaseException as error:  # those behind it go on
            errors.lose(error, f"{name!r} at step {step} was not written")
            made = b""
        if work is not None and not work.apart:
            commit.secs += work.secs
        if isinstance(made, bytes):
            small.append(made)
            sizes.append(len(made))
        else:
            pieces += (b"".join(small), *made)
            small = []
            sizes.append(sum(map(len, made)))
    return Batch([*pieces, b"".join(small)], sizes)
