"""A lane: the ordered summaries for the files of a run, or for the files of its sub-runs."""

from __future__ import annotations

import math
import time
from collections import deque
from itertools import islice

from tbimage.events.backlog import Backlog, Commit
from tbimage.events.event_files import FIRST_RETRY_SECS, EventFiles, retry_after
from tbimage.events.reporting import Errors
from tbimage.events.steps import Steps
from tbimage.events.tickets import LIGHT_BYTES, Ticket, cost_of
from tbimage.workers import Job

# With these limits of a commit, many summaries share one system call, and memory is freed soon.
_COMMIT_SUMMARIES, _COMMIT_BYTES = 4096, 16 << 20


class Lane:
    """Pending summaries in order, and the numbers of written and durable summaries."""

    def __init__(self, files: EventFiles, steps: Steps, errors: Errors) -> None:
        self.files = files
        self.steps = steps
        self.pending: deque[Ticket] = deque()
        self.done: int = 0  # how many summaries are written, lost or given up
        self.written: int = 0
        self.lost: int = 0  # summaries that could not be encoded or written
        self.synced: int = 0  # how many of the ``done`` summaries survive a loss of power
        self.in_commit: int = 0  # summaries that are in the commit, or wait after a failed commit
        self.failures: int = 0  # how many commits have failed
        self.due: float = 0.0  # when light tickets at the head must be written
        self.moved_at: float = 0.0  # when the head last changed
        self.commit: Commit | None = None  # the commit that a worker writes now
        self.job: Job | None = None  # the job of the commit; None if there was no memory for it
        self.reading: Job | None = None  # the job that reads the history
        self.error: BaseException | None = None  # the last write's error; None after a success
        self.sealed: bool = False  # the file was closed
        self.at_end = False  # the process is ending, so a flush syncs like a close
        self.backlog = Backlog(files, errors)
        self._next_at = 0.0  # when the next commit may begin
        self._retry_at = 0.0
        self._retry_secs = FIRST_RETRY_SECS

    @property
    def taken(self) -> int:
        """How many summaries this lane has received."""
        return self.done + self.in_commit + len(self.pending)

    @property
    def is_idle(self) -> bool:
        """Whether no summary is pending, is being written, or waits for a sync."""
        return not (self.pending or self.in_commit or self.commit or self.files.sync_at < math.inf)

    @property
    def is_ending(self) -> bool:
        """Whether the file is closed or is being closed."""
        return self.sealed or (self.commit is not None and self.commit.seal)

    @property
    def durable(self) -> int:
        """How many summaries a flush counts as finished: if it must sync, only the synced ones."""
        return self.synced if self.at_end or self.files.syncs_on_flush else self.done

    def begin(self, *, hurry: bool, sync: bool, seal: bool) -> Commit | None:
        """Begin a commit if it is time to write or to sync summaries, or to close the file."""
        if self.commit is not None or self.sealed:
            return None
        now, waiting, files = time.monotonic(), len(self.backlog.costs), self.files
        if (waiting or seal) and not sync and now < self._retry_at:  # sooner only if a caller waits
            return None
        may_begin = not waiting and (hurry or now >= self._next_at)
        tickets = self._ready(hurry or now >= self.due) if may_begin else []
        seal = seal and len(tickets) == len(self.pending)
        behind = self.synced < self.done + waiting + len(tickets)
        sync = (sync and behind and (self.at_end or files.syncs_on_flush)) or now >= files.sync_at
        if not (tickets or waiting or sync or seal):
            return None
        if files.commit_secs and sum(map(cost_of, tickets)) < _COMMIT_BYTES:
            self._next_at = now + files.commit_secs
        how = files.sync_at_end if self.at_end else files.sync
        # Only the next line can raise MemoryError. Then all tickets are still in ``pending``.
        commit, each = Commit(tickets, how if sync else None, seal), iter(tickets)
        self.commit, self.in_commit = commit, waiting + len(tickets)
        for _ in each:
            self.pending.popleft()
        return commit

    def _ready(self, is_due: bool) -> list[Ticket]:
        """Return the ready tickets at the head, or [] if they can wait for more tickets."""
        ready: list[Ticket] = []
        size = 0
        # Uploads to stores are rare. So their commits have no limit of tickets, only of bytes.
        most = _COMMIT_BYTES if self.files.commit_secs else _COMMIT_SUMMARIES
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
        """If the commit has ended, store its results and return the commit; else return None."""
        commit = self.commit
        if commit is None or (self.job is not None and not self.job.ended):
            return None
        if not commit.ended and commit.error is None:
            commit.error = MemoryError()  # the worker could not begin
        # Compute all values first, then store them. So after an error, no value has changed.
        written, lost = self.written + commit.written, self.lost + commit.lost
        done, in_commit = self.done + commit.written + commit.lost, len(self.backlog.costs)
        # Tickets without a record go back to the head.
        pending = deque([*commit.tickets, *self.pending]) if commit.tickets else self.pending
        failures, (retry_at, retry_secs) = self.failures + 1, retry_after(self._retry_secs)
        self.moved_at = time.monotonic() if commit.error is None else self.moved_at
        tried = commit.written or commit.sync is not None or commit.sync_error is not None
        if commit.error is not None:
            self.error, self.failures = commit.error, failures
            self._retry_at, self._retry_secs = retry_at, retry_secs
        elif tried or (commit.seal and done == written + lost):  # nothing was given up
            self.error, self._retry_secs = commit.sync_error or self.files.error, FIRST_RETRY_SECS
        if commit.error is None and (commit.sync is not None or commit.seal):
            self.synced = done - self.files.unsynced
        self.sealed = commit.seal and commit.error is None
        self.written, self.lost, self.done, self.in_commit = written, lost, done, in_commit
        self.pending, self.commit, self.job = pending, None, None
        return commit

    def give_up(self) -> tuple[int, int]:
        """Drop all summaries that are in no commit; return their number and their bytes."""
        tickets, self.pending = self.pending, deque()
        count, released = (0, 0) if self.commit is not None else self.backlog.clear()
        self.in_commit -= count
        count, released = count + len(tickets), released + sum(map(cost_of, tickets))
        self.done += count
        return count, released
