"""The state of one writer in one process, which only the owner changes."""

from __future__ import annotations

import collections
import contextlib
import os
import time
import weakref
from collections.abc import Mapping, Sequence
from functools import partial
from queue import Empty, SimpleQueue

from tbimage.events.event_files import EventFiles
from tbimage.events.reporting import Errors
from tbimage.events.steps import Steps
from tbimage.pipeline.lane import Lane
from tbimage.pipeline.owner import Owner
from tbimage.pipeline.requests import PipelineOptions, Request
from tbimage.pipeline.tickets import (
    LIGHT_BYTES,
    MAIN,
    RECORD_BYTES,
    Ticket,
    Work,
    cost_of,
    make_record,
    purge_mark,
)

_MOST_AT_ONCE = 8192  # tickets that are taken in before commits begin
# Counters are read so often, after so many seconds each time, while the owner changes them.
_MOST_LOOKS, _LOOK_SECS = 200, 0.0005


class Channel:
    """What one writer has pending in one process; callers use ``inbox``, ``reserve``, and read."""

    def __init__(
        self, owner: Owner, lanes: Sequence[tuple[EventFiles, Steps]], options: PipelineOptions
    ) -> None:
        self.pid = os.getpid()
        self.owner = owner
        self.options = options
        self.encoders = options.workers
        main = lanes[0][0]  # not self, which would make a circle of references
        self.errors = Errors(owner.log.say, lambda: main.directory)
        self.lanes = tuple(Lane(files, steps, self.errors) for files, steps in lanes)
        self.inbox: SimpleQueue[Ticket] = SimpleQueue()
        # The bytes of work that the owner has not taken in, by id. They count while it exists.
        self.reserved: dict[int, int] = {}
        self._references: dict[int, weakref.ref[Work]] = {}
        self.trying: dict[int, int] = {}  # the bytes of callers that look whether there is room
        self.late: dict[int, None] = {}  # tickets that came after the end, by id: calls that raise
        self.closed = False  # callers may put nothing more
        self.awake = False  # the owner looks into the inbox without being woken
        self.active = False  # the owner looks at this channel from time to time
        self.known = False  # the owner has seen it
        self.finished = False
        self.has_line = False  # callers wait for room
        self.woken_at = 0.0  # when a caller last woke the owner for an empty channel
        self.pending_bytes = 0  # of what was taken in
        self.written = 0
        self.dropped = dict.fromkeys(("full", "disk", "error", "closed"), 0)
        self.encode_secs = 0.0
        self.progress_at = time.monotonic()
        self._version = 0  # odd while the owner is at it
        self._received = 0  # tickets that were taken out of the inbox
        self._held: Ticket | None = None  # waits until a worker has read the history of its lane
        self._reading: dict[Lane, None] = {}
        self._encoding: list[Ticket] = []
        self._line: collections.deque[weakref.ref[Request]] = collections.deque()
        self._flushes: list[Request] = []
        self._closes: list[Request] = []
        self._closing = False
        # When tickets were taken in, and how many each lane had by then:
        self._marks: collections.deque[tuple[float, list[int]]] = collections.deque()

    def bytes_pending(self) -> int:
        """Return how many bytes may be pending: what is put after an admission counts twice."""
        # In this order: what the owner takes in meanwhile counts twice, and not never.
        waiting = sum(self.reserved.values()) + self.inbox.qsize() * LIGHT_BYTES
        return waiting + self.pending_bytes

    def reserve(self, work: Work, where: dict[int, int]) -> None:
        """Count the bytes of a work until the owner takes it in, or nobody has it any more."""
        key = id(work)
        self._references[key] = weakref.ref(work, partial(self.release, key))
        where[key] = work.cost

    def release(self, key: int, _: object = None) -> None:
        """Do not count a work any more."""
        self.reserved.pop(key, None)
        self.trying.pop(key, None)
        self._references.pop(key, None)

    def has_room(self, cost: int) -> bool:
        """Tell whether so many bytes more may be pending; a larger summary passes alone."""
        trying = list(self.trying.values())
        pending = self.bytes_pending()
        total = pending + sum(trying) + cost
        return total <= self.options.max_pending_bytes or not (pending or trying[1:])

    def is_quiet(self) -> bool:
        """Tell whether nothing is pending, if that is sure."""
        # In this order: the owner is awake before it takes a ticket out of the inbox.
        return self.inbox.empty() and not self.awake

    def counts(self) -> tuple[int, int, int, dict[str, int], bool]:
        """Return items and bytes pending, written, dropped, failing: of one moment if possible."""
        lowest = self.bytes_pending()  # what moves meanwhile counts twice
        for _ in range(_MOST_LOOKS):
            version, total = self._version, self.bytes_pending()
            twice = min(len(self.reserved), self.inbox.qsize()) * LIGHT_BYTES
            lowest = max(min(lowest, total - twice), 0)
            items = self.inbox.qsize() + (self._held is not None)
            items += sum(lane.taken - lane.done for lane in self.lanes)
            failing = self.error is not None
            counts = items, lowest, self.written, self.dropped.copy(), failing
            if version == self._version and version % 2 == 0:
                break
            time.sleep(_LOOK_SECS)  # the owner is just moving them from one to another
        return counts

    @property
    def error(self) -> BaseException | None:
        """What the last write failed with."""
        return next((lane.error for lane in self.lanes if lane.error is not None), None)

    def oldest_at(self) -> float:
        """Return since when the oldest pending summary is on its way."""
        return self._marks[0][0] if self._marks else self.woken_at

    def seal_unused(self) -> None:
        """Close the files of a channel that the owner has never seen; no caller is left."""
        for lane in self.lanes:
            with contextlib.suppress(OSError):
                lane.files.seal()
        self.finished = True

    # The owner.
    def receive(self, request: Request) -> None:
        """Take a caller's request."""
        if request.seen:
            return
        if self.finished:
            self._refuse_late()
            request.answer(request.what != "room")
        elif request.what == "room":
            # Held weakly: who stops waiting, for whatever reason, leaves the line.
            self._line.append(weakref.ref(request))
            self.has_line = True
        elif request.what in ("flush", "last flush"):
            request.mark = self._received + self.inbox.qsize()
            self._flushes.append(request)
        else:
            self._closing = True
            self._closes.append(request)
            if request.what == "give up":
                request.mark = self._give_up()
                request.answer(False)
        request.seen = True

    def _refuse_late(self) -> None:
        """Let calls raise that put a ticket after the end."""
        while not self.inbox.empty():
            ticket = self.inbox.get_nowait()
            self.late[id(ticket)] = None
            self.release(id(ticket[6]))

    def _give_up(self) -> int:
        """Forget what no commit has in hand, and count it."""
        tickets = [] if self._held is None else [self._held]
        self._held = None
        while not self.inbox.empty():
            tickets.append(self.inbox.get_nowait())
        for ticket in tickets:
            self.release(id(ticket[6]))
        count = len(tickets)
        for lane in self.lanes:
            given_up, released = lane.give_up()
            count += given_up
            self.pending_bytes -= released
        self.dropped["closed"] += count
        return count

    def turn(self) -> None:
        """Take in what callers put, begin what can begin, and answer who waits."""
        self._version += 1
        try:
            self.known = self.active = True
            # Callers of a channel that is being closed look what became of their ticket.
            self.awake = not (self.closed or self.owner.ending)
            while self._has_more():
                pass
        finally:
            self._version += 1

    def _has_more(self) -> bool:
        if self.finished:
            self._refuse_late()
            while self._flushes:  # of calls that raced with the close
                self._flushes.pop().answer(not any(lane.given_up for lane in self.lanes))
            self.awake = self.active = False
            return False
        self._note_encoded()
        for lane in self.lanes:
            self._settle(lane)
        self._take_in()
        self._begin_commits()
        self._serve_line()
        if self._answer():
            return True
        if self._held is not None or any(lane.is_ending for lane in self.lanes):
            return False
        if not self.inbox.empty():
            return True
        if not all(lane.is_idle for lane in self.lanes):
            return False
        if self._encoding or self._line or self._flushes or self._closes:
            return False
        self._marks.clear()
        self.awake = False  # from here on a caller wakes the owner
        if self.inbox.empty():
            self.active = False
            return False
        self.awake = not self.closed
        return True

    def _take_in(self) -> None:
        """Decide the steps of what callers put, in order, and have pictures encoded."""
        if any(lane.is_ending for lane in self.lanes):
            return
        held, self._held = self._held, None
        if held is not None:
            self._take(held)
        received, get, lane = self._received, self.inbox.get_nowait, self.lanes[MAIN]
        last, pending = lane.steps.last, lane.pending
        with contextlib.suppress(Empty):
            for _ in range(_MOST_AT_ONCE):
                if self._held is not None:
                    break
                ticket = get()
                self._received += 1
                index, name, step, _, _, _, work = ticket
                # The short way of most tickets: a scalar with the next step of a name.
                if work is None and index == MAIN and pending and name in last and step is not None:
                    if step > last[name]:
                        last[name] = step
                    pending.append(ticket)
                    lane.taken += 1
                    self.pending_bytes += LIGHT_BYTES
                else:
                    self._take(ticket)
                    last = lane.steps.last
        if held is not None or received != self._received:
            self._marks.append((time.monotonic(), [lane.taken for lane in self.lanes]))

    def _take(self, ticket: Ticket) -> None:
        index, name, step, _, make, _, work = ticket
        lane = self.lanes[index]
        if make is purge_mark:
            lane.steps.go_back(step or 0)
            return
        if step is None and name is not None and lane.steps.needs_history(name):
            self._held = ticket
            if lane not in self._reading:
                self._reading[lane] = None
                self.owner.files.give(self._read_history, lane)
            return
        try:
            if name is not None:
                drawn = lane.steps.draw(name, step)
                if step is None:
                    ticket = (index, name, drawn, *ticket[3:])
            if not lane.pending:
                lane.due = time.monotonic() + self.options.flush_secs
            taken, pending_bytes = lane.taken + 1, self.pending_bytes + cost_of(ticket)
            lane.pending.append(ticket)
        except BaseException as error:  # there is no greater step, or no memory
            self.dropped["error"] += 1
            self.errors.lose(error, f"{name!r} was not written")
            return
        lane.taken, self.pending_bytes = taken, pending_bytes
        if work is not None:
            self.release(id(work))
            if work.apart:
                self._encoding.append(ticket)
                self.owner.encoders.give(self._encode, ticket, work, count=self.encoders)

    def _settle(self, lane: Lane) -> None:
        commit = lane.settle()
        if commit is None:
            return
        self.written += commit.written
        self.dropped["error"] += commit.lost
        self.pending_bytes -= commit.released
        self.encode_secs += commit.secs
        if commit.error is None:
            self._note_progress()
        elif self._closing:
            # Who closes waits for one attempt, and not for the disk.
            self.errors.note_unwritten(self._give_up())

    def _note_encoded(self) -> None:
        encoding = self._encoding
        self._encoding = [each for each in encoding if each[6] is not None and not each[6].ready]
        if len(encoding) != len(self._encoding):
            for ticket in encoding:
                work = ticket[6]
                if work is not None and work.ready:
                    cost = RECORD_BYTES + sum(map(len, work.record))
                    self.pending_bytes += cost - work.cost
                    work.cost = cost
                    self.encode_secs += work.secs
            self._note_progress()

    def _note_progress(self) -> None:
        self.progress_at = time.monotonic()
        done, marks = [lane.done for lane in self.lanes], self._marks
        while marks and all(map(int.__ge__, done, marks[0][1])):
            marks.popleft()

    def _begin_commits(self) -> None:
        seal = self._closing and self._held is None and self.inbox.empty()
        seal = seal or any(lane.is_ending for lane in self.lanes)
        waiting = bool(self._flushes) or self._closing
        is_short = self.bytes_pending() > self.options.max_pending_bytes // 2
        hurry = waiting or is_short or self.owner.ending
        last = any(flush.what == "last flush" for flush in self._flushes)
        for lane in self.lanes:
            commit = lane.begin(hurry=hurry, sync=waiting, last=last, seal=seal)
            if commit is not None:
                self.owner.files.give(lane.work, commit, partial(self.owner.send, self))

    def _serve_line(self) -> None:
        """Admit callers that wait for room, in the order in which they came."""
        hopeless = self._closing or self.error is not None
        while self._line:
            request = self._line[0]()
            if request is not None and (work := request.work) is not None:
                if not (hopeless or self.has_room(work.cost)):
                    break
                if not hopeless:
                    self.reserve(work, self.reserved)
                request.answer(not hopeless)
            self._line.popleft()
        self.has_line = bool(self._line)

    def _answer(self) -> bool:
        """Answer who waits; return whether the channel is finished."""
        for flush in self._flushes[:]:
            if not flush.targets and self._held is None and self._received >= flush.mark:
                # A commit that is under way began before: that it fails does not count.
                flush.targets = [
                    (each.taken, each.failures + (each.commit is not None), each.given_up)
                    for each in self.lanes
                ]
            result = self._result(flush)
            if result is not None:
                self._flushes.remove(flush)
                flush.answer(result)
        self.finished = all(lane.sealed for lane in self.lanes)
        if self.finished:
            for close in self._closes:
                close.answer(not any(lane.given_up for lane in self.lanes))
            self._closes.clear()
        return self.finished

    def _result(self, flush: Request) -> bool | None:
        """Return what to answer: False after a failure, None: nothing yet."""
        done = bool(flush.targets)
        for lane, (target, failures, given_up) in zip(self.lanes, flush.targets, strict=False):
            if lane.given_up != given_up:
                return False
            if lane.durable(flush.what == "last flush") < target:
                if lane.failures > failures:
                    return False
                done = False
        return True if done else None

    def _encode(self, ticket: Ticket, work: Work) -> None:
        try:
            made = make_record(ticket)
            work.record = [made] if isinstance(made, bytes) else made
        except BaseException as error:  # whatever it is: the tickets behind this one must not wait
            self.errors.lose(error, f"{ticket[1]!r} at step {ticket[2]} was not written")
        work.arguments = ()  # the snapshot
        work.ready = True
        self.owner.send(self)

    def _read_history(self, lane: Lane) -> None:
        history: Mapping[str, int] = {}
        try:
            history = lane.files.history()
        except Exception as error:
            note = self.errors.lose if self.options.on_error == "raise" else self.errors.note
            note(error, "automatic steps begin with 0")
        lane.steps.history = history
        self.owner.send(self)
