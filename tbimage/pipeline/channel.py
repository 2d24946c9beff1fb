"""A channel: the state of one writer in one process. Callers fill it, and the owner empties it."""

from __future__ import annotations

import collections
import contextlib
import os
import time
import weakref
from collections.abc import Sequence
from queue import Empty, SimpleQueue

from tbimage.events import tickets
from tbimage.events.event_files import EventFiles
from tbimage.events.reporting import Errors
from tbimage.events.steps import Steps
from tbimage.events.tickets import LIGHT_BYTES, MAIN, Ticket, Work
from tbimage.pipeline.lane import Lane
from tbimage.pipeline.owner import Owner
from tbimage.pipeline.requests import PipelineOptions, Request
from tbimage.workers import Job, take_all

_MOST_AT_ONCE = 8192  # one turn takes at most this number of tickets from the inbox
_MOST_LOOKS, _LOOK_SECS = 200, 0.0005  # how often ``counts`` tries to read; the pause between tries


class Channel:
    """The pending summaries of one writer. Callers put tickets, reserve memory and read counts."""

    def __init__(
        self, owner: Owner, lanes: Sequence[tuple[EventFiles, Steps]], options: PipelineOptions
    ) -> None:
        self.pid: int = os.getpid()
        self.owner = owner
        self.options = options
        main = lanes[0][0]  # a lambda with self would make a reference cycle
        self.errors = Errors(owner.log.say, lambda: main.directory)
        self.lanes = tuple(Lane(files, steps, self.errors) for files, steps in lanes)
        self.inbox: SimpleQueue[Ticket] = SimpleQueue()
        self.reserved: dict[weakref.ref[Work], int] = {}  # bytes that callers have reserved
        self.trying: dict[weakref.ref[Work], int] = {}  # bytes that callers are asking for now
        self.line: collections.deque[weakref.ref[Request]] = collections.deque()  # wait for memory
        self.late: dict[int, None] = {}  # ids of tickets put too late; the calls raise errors
        self.closed = False  # no more summaries are accepted
        self.abandoned = False  # pending summaries are dropped, so no more of them are encoded
        self.inherited: list[EventFiles] = []  # files of the parent process, to be closed
        self.awake: bool = False  # the owner reads the inbox even if no caller wakes the owner
        self.active: bool = False  # the owner gives this channel a turn 20 times a second
        self.finished: bool = False
        self.woken_at: float = 0.0  # when a caller last woke the owner while nothing was pending
        self.pending_bytes: int = 0  # the bytes of the tickets that the owner has taken in
        # Up to this number of pending bytes, light tickets need no reservation.
        self.easy_bytes = -1 if owner.ending else options.max_pending_bytes // 2
        self.kept_out: dict[int, int] = {}  # calls that ``keep`` left out, by thread
        self.refused: dict[str, dict[int, int]] = {"full": {}, "disk": {}}
        self.dropped = dict.fromkeys(("full", "disk", "error", "closed"), 0)
        self.encode_secs: float = 0.0
        self.received_at: float = 0.0  # when the owner last took a ticket from the inbox
        self._turns = 0
        self._in_turn = False
        self._passed = 0  # how many tickets from the inbox were given to no lane
        self._held: Ticket | None = None  # this ticket waits until steps in older files are read
        self._encoding: collections.deque[tuple[Work, Job]] = collections.deque()
        self._asked: list[Request] = []  # flushes, writes and closes that have no answer yet
        self._closing = False
        self._tried = False  # the attempt to write at the close has failed
        self._begun: list[object] = []  # the commits that had begun before the close
        # When tickets were taken in, and how many tickets each lane had received at that time.
        self.marks: collections.deque[tuple[float, list[int]]] = collections.deque()

    # Callers.

    def bytes_pending(self) -> int:
        """Return the pending bytes or more, because admitted tickets in the inbox count twice."""
        # In this order, a ticket that moves between two reads is counted twice, and never missed.
        return sum(self.reserved.values()) + self.inbox.qsize() * LIGHT_BYTES + self.pending_bytes

    def reserve(self, work: Work, where: dict[weakref.ref[Work], int]) -> weakref.ref[Work]:
        """Count the bytes of ``work`` until its ticket is taken in, or ``work`` is deleted."""
        where[key := weakref.ref(work, self.release)] = work.cost
        work.key = key  # last: the hash of a key must be computed before ``work`` is deleted
        return key

    def release(self, reference: weakref.ref[Work] | None) -> None:
        """Stop counting the bytes of a ``Work``. This needs no memory."""
        if reference is not None:
            self.reserved.pop(reference, None)
            self.trying.pop(reference, None)
            if (work := reference()) is not None:
                work.key = None  # so that no callback runs: there, an interrupt would be ignored

    def has_room(self, cost: int) -> bool:
        """Tell whether ``cost`` more bytes fit. If nothing else is pending, any size fits."""
        # Read ``trying`` first. So a ``Work`` that moves between the reads is not missed.
        others, trying = len(self.trying) > 1, sum(self.trying.values())
        total = (pending := self.bytes_pending()) + trying + cost
        return total <= self.options.max_pending_bytes or not (pending or others)

    def counts(self) -> tuple[int, int, int, dict[str, int], bool]:
        """Return pending items and bytes, written and dropped items, and whether writing fails."""
        lowest = self.bytes_pending()  # may be too large: moving tickets count twice
        for _ in range(_MOST_LOOKS):
            turns, total = self._turns, self.bytes_pending()
            twice = min(len(self.reserved), self.inbox.qsize()) * LIGHT_BYTES
            lowest = max(min(lowest, total - twice), 0)
            items = self.inbox.qsize() + (self._held is not None)
            items += sum(lane.taken - lane.done for lane in self.lanes)
            dropped = {**self.dropped, "error": sum(lane.lost for lane in self.lanes)}
            written = sum(lane.written for lane in self.lanes)
            counts = items, lowest, written, dropped, self.error is not None
            if turns == self._turns and not self._in_turn:
                break
            time.sleep(_LOOK_SECS)  # the owner is changing the counters
        return counts

    @property
    def error(self) -> BaseException | None:
        """The error of the first lane that cannot write now, or that waits for older steps."""
        return next(filter(None, [x.error or x.steps.error for x in self.lanes]), None)

    # The owner: requests.

    def receive(self, request: Request) -> None:
        """Receive a request from a caller."""
        if request.seen:
            return
        if self.finished:
            self._refuse_late()
            request.answer(request.what != "room")
        elif request.what == "room":
            # The reference is weak, so a request leaves the line when its caller stops waiting.
            self.line.append(weakref.ref(request))
        else:
            if request.what in ("close", "give up") and not self._closing:
                self._closing, self._begun = True, [lane.commit for lane in self.lanes]
            if request.what == "give up":
                self._give_up()
                request.answer(False)
            else:
                request.mark = self._received() + self.inbox.qsize()
                request.given_up = self.dropped["closed"]
                self._asked.append(request)
        request.seen = True

    def _refuse_late(self) -> None:
        """Refuse tickets that were put after the close: the calls that put them raise an error."""
        for ticket in take_all(self.inbox):
            self.late[id(ticket)] = None
            if ticket[6] is not None:
                self.release(ticket[6].key)

    def _give_up(self) -> None:
        """Drop all tickets that are in no commit."""
        for lane in self.lanes:
            self._settle(lane)
        held, self._held = self._held, None
        forgotten = take_all(self.inbox) + ([] if held is None else [held])
        for work in (ticket[6] for ticket in forgotten if ticket[6] is not None):
            self.release(work.key)
        self._passed += (count := len(forgotten))
        for lane in self.lanes:
            given_up, released = lane.give_up()
            count += given_up
            self.pending_bytes -= released
        self.dropped["closed"] += count
        if not self.owner.ending:  # otherwise ``drain`` logs one line at the end
            self.errors.note_unwritten(self.dropped["closed"])

    def _serve_line(self) -> None:
        """Admit callers that wait for memory, in FIFO order."""
        hopeless = self._closing or self.error is not None
        while self.line:
            request = self.line[0]()
            if request is not None and (work := request.work) is not None:
                if not (hopeless or self.has_room(work.cost)):
                    break
                if not hopeless:
                    self.reserve(work, self.reserved)
                request.answer(not hopeless)
            self.line.popleft()

    def _answer(self) -> None:
        """Answer flushes and writes that are done. If all files are closed, answer all requests."""
        for request in [each for each in self._asked if each.what != "close"]:
            all_in = self.inbox.empty() or self._received() >= request.mark
            if all_in and not request.targets and self._held is None:
                # A running commit began before the request, so a failure of this commit is ignored.
                request.targets = [(x, x.taken, x.failures + bool(x.commit)) for x in self.lanes]
            if (result := self._result(request)) is not None:
                self._asked.remove(request)
                request.answer(result)
        self.finished = all(lane.sealed for lane in self.lanes)
        if self.finished:
            self._refuse_late()
            asked, self._asked = self._asked, []
            for request in asked:
                request.answer(self.dropped["closed"] == request.given_up)

    def _result(self, request: Request) -> bool | None:
        """Return the answer to a request; None if it is not known yet."""
        if self.dropped["closed"] != request.given_up:
            return False
        done, is_write = bool(request.targets), request.what == "write"
        for lane, target, failures in request.targets:
            if (lane.done if is_write else lane.durable) < target:
                # A "write" is not answered yet if a commit runs, or if no record needs a retry.
                waits = is_write and (lane.commit is not None or not lane.in_commit)
                if lane.failures > failures and not waits:
                    return False
                done = False
        return True if done else None

    # The owner: turns.

    def turn(self) -> None:
        """Settle commits, take in tickets, begin commits that are due, and answer callers."""
        self._turns += 1
        try:
            self._in_turn = self.active = True
            # False during a close: then callers check whether their ticket came too late.
            self.awake = not (self.closed or self.owner.ending)
            while self.inherited:  # closing a file may take long
                self.owner.files.give(Job(None, self.inherited[-1].forget))
                self.inherited.pop()
            self._note_encoded()
            for lane in self.lanes:
                self._settle(lane)
            self._take_in()
            self._begin_commits()
            self._serve_line()
            self._answer()
            self._rest()
        finally:
            self._in_turn = False

    def _rest(self) -> None:
        """Become inactive if nothing is pending; ask for a turn if a ticket has just come."""
        if self.finished:
            self.awake = self.active = False
        elif self._held is None and not any(lane.is_ending for lane in self.lanes):
            is_idle = all(lane.is_idle for lane in self.lanes)
            if is_idle and self.inbox.empty() and not (self.line or self._asked):
                self.marks.clear()
                self.pending_bytes = 0  # after errors, the number may be wrong
                self.awake = self.active = False  # from now on callers wake the owner
            if not self.inbox.empty():
                self.active = True
                self.owner.send(self)

    def _take_in(self) -> None:
        """Take tickets from the inbox, decide their steps, and give pictures to encoders."""
        if any(lane.is_ending for lane in self.lanes):
            return
        before = self._received()
        if (held := self._held) is not None:
            self._take(held)
        get, lane = self.inbox.get_nowait, self.lanes[MAIN]
        last, pending = lane.steps.last, lane.pending
        with contextlib.suppress(Empty):
            for _ in range(_MOST_AT_ONCE):
                if self._held is not None:
                    break
                ticket = get()
                index, name, step, _, _, _, work = ticket
                # The fast path: an explicit step, a known name, and other tickets are pending.
                if work is None and index == MAIN and pending and name in last and step is not None:
                    try:
                        self.pending_bytes += LIGHT_BYTES
                        if step > last[name]:
                            last[name] = step
                        pending.append(ticket)
                    except MemoryError:
                        self._held = ticket  # the next turn takes it
                else:
                    self._take(ticket)
                    last = lane.steps.last
        if held is not self._held or before != self._received():
            self.received_at = time.monotonic()
            self.marks.append((self.received_at, [lane.taken for lane in self.lanes]))

    def _received(self) -> int:
        """Return how many tickets the owner has taken out of the inbox."""
        return sum(x.taken for x in self.lanes) + self._passed + (self._held is not None)

    def _take(self, ticket: Ticket) -> None:
        index, name, step, _, make, _, work = ticket
        lane, self._held = self.lanes[index], ticket  # after a MemoryError, the next turn takes it
        if make is tickets.purge_mark:
            lane.steps.go_back(step or 0)
            self._passed, self._held = self._passed + 1, None
            return
        if step is None and name is not None and lane.steps.needs_history(name):
            if lane.reading is None or lane.reading.ended:
                asked = [x for x in self._asked if x.what != "close" and not x.targets]
                lane.reading = self.owner.files.give(Job(None, self._read_history, lane, asked))
            return
        job = None
        try:
            if name is not None:
                ticket = self._held = (index, name, lane.steps.draw(name, step), *ticket[3:])
            if not lane.pending:
                lane.due = (now := time.monotonic()) + self.options.flush_secs
                lane.moved_at = lane.moved_at if lane.in_commit else now
            pending_bytes = self.pending_bytes + tickets.cost_of(ticket)
            if work is not None and work.apart:
                job = Job(self.wake, self._encode, ticket, work)
                self._encoding.append((work, job))
            lane.pending.append(ticket)
        except BaseException as error:  # no memory, or no greater step is possible for the name
            if self._encoding and self._encoding[-1][1] is job:
                self._encoding.pop()
            if isinstance(error, MemoryError):
                return
            self.errors.lose(error, f"{name!r} was not written")
            lane.done, lane.lost = lane.done + 1, lane.lost + 1
            pending_bytes, job = self.pending_bytes, None
        self.pending_bytes, self._held = pending_bytes, None
        if work is not None:
            self.release(work.key)
        if job is not None:
            self.owner.encoders.give(job, self.options.workers)

    def _begin_commits(self) -> None:
        seal = self._closing and self._held is None and self.inbox.empty()
        seal = seal or any(lane.is_ending for lane in self.lanes)
        # No flush can be answered while a ticket is held, so failed commits are retried slowly.
        waiting = self._held is None and any(x.what == "flush" for x in self._asked)
        waiting = waiting or (self._closing and not self._tried)
        is_short = self.bytes_pending() > self.options.max_pending_bytes // 2
        hurry = bool(self._asked) or self._closing or is_short or self.owner.ending
        for lane in self.lanes:
            commit = lane.begin(hurry=hurry, sync=waiting, seal=seal)
            if commit is not None:
                job = Job(self.wake, lane.backlog.carry_out, commit, lane.error is not None)
                lane.job = self.owner.files.give(job)

    def _settle(self, lane: Lane) -> None:
        if (commit := lane.settle()) is None:
            return
        self.pending_bytes -= commit.released
        self.encode_secs += commit.secs
        if commit.error is None:
            done = [each.done for each in self.lanes]
            while self.marks and all(map(int.__ge__, done, self.marks[0][1])):
                self.marks.popleft()
        elif self._closing and not (commit in self._begun or isinstance(commit.error, MemoryError)):
            self._tried = True  # one attempt to write; uploads and closing are then retried slowly
            self._give_up()

    def _note_encoded(self) -> None:
        """Count the bytes of finished records instead of the bytes of their snapshots."""
        while self._encoding and self._encoding[0][1].ended:
            work, _ = self._encoding[0]
            cost = tickets.RECORD_BYTES + sum(map(len, work.record))
            pending_bytes = self.pending_bytes + cost - work.cost
            self.encode_secs += work.secs
            self.pending_bytes, work.cost, work.ready = pending_bytes, cost, True
            self._encoding.popleft()
        if self._encoding and self.owner.encoders.is_idle():  # there was no memory to queue the job
            self.owner.encoders.give(self._encoding[0][1], self.options.workers)

    # Workers.

    def wake(self) -> None:
        """Tell the owner that a job has ended."""
        self.owner.send(self)

    def _encode(self, ticket: Ticket, work: Work) -> None:
        try:
            work.record = () if self.abandoned else tickets.make_record(ticket, work)
        except BaseException as error:  # no error may stop the tickets after this one
            self.errors.lose(error, f"{ticket[1]!r} at step {ticket[2]} was not written")
        work.arguments = ()  # frees the snapshot

    def _read_history(self, lane: Lane, asked: Sequence[Request]) -> None:
        if lane.steps.read(lane.files, self.errors, raises=self.options.on_error == "raise"):
            self.wake()
        else:  # the next tick tries again; a close waits for this, but a flush does not
            for request in asked:
                request.answer(False)
