"""The calls into the pipeline: put a summary, wait for memory, flush, close, read counters.

A call gives its summary to the owner with one ``put``. If an interrupt comes earlier, nothing is
logged. Callers hold no lock. They do I/O only in ``Pipeline.open``, or if no thread can be started.
"""

from __future__ import annotations

import copy
import os
import sys
import time
import weakref
from collections.abc import Callable, Sequence
from os import getpid
from threading import get_ident
from typing import TypeVar

from tbimage.events.event_files import EventFiles
from tbimage.events.steps import Steps
from tbimage.events.tickets import LIGHT_BYTES, WORK_BYTES, Ticket, Work, purge_mark
from tbimage.pipeline.channel import Channel
from tbimage.pipeline.owner import current_owner, owners
from tbimage.pipeline.requests import PipelineOptions, Request
from tbimage.workers import take_all

T = TypeVar("T")
#: Makes each lane's files. Arguments: the function that logs; whether this is a forked child.
MakeFiles = Callable[[Callable[..., None], bool], "tuple[EventFiles, ...]"]

# The longest pause between a waiting caller's looks; the first and the longest pause of aflush.
_LOOK_SECS, _FIRST_LOOK_SECS, _LAST_LOOK_SECS = 0.1, 0.0005, 0.02
_MANY_LIGHT_BYTES = 1000 * LIGHT_BYTES  # enough if 1000 threads put a light ticket at the same time
_MANY_SMALL = 32  # small pictures usually wake the owner only if the inbox has 32, 64, ... tickets
_GIVE_UP_SECS = 1.0  # the longest time that a caller waits until summaries are dropped

live: dict[int, weakref.ref[Pipeline]] = {}  #: all pipelines; flushed when the process ends


class Pipeline:
    """The pipeline of one writer, in this process and in the processes that are forked from it."""

    def __init__(self, make_files: MakeFiles, options: PipelineOptions) -> None:
        self._make_files = make_files
        self._options = options
        self.is_over = False  # the process is ending, and ``drain`` has waited for this pipeline
        self._in_hand: dict[int, weakref.ref[Work]] = {}  # each thread's ``Work`` before its put
        owner = current_owner()
        lanes = [(files, Steps()) for files in make_files(owner.log.say, False)]
        self._channel = Channel(owner, lanes, options)
        self._channels = {self._channel.pid: self._channel}
        key = id(self)
        live[key] = weakref.ref(self, lambda _: live.pop(key, None))

    @property
    def channel(self) -> Channel:
        """The channel of this process; the first call in a forked child makes a new channel."""
        channel = self._channel
        return channel if channel.pid == getpid() else self._enter_child(channel)

    def _enter_child(self, parent: Channel) -> Channel:
        """Make a new channel in a forked child. The parent keeps all pending summaries."""
        pid = getpid()
        channel = self._channels.get(pid)
        if channel is None:
            owner = current_owner()
            inherited = [lane.files for lane in parent.lanes]
            files = tuple(inherited) if parent.closed else self._make_files(owner.log.say, True)
            steps = [lane.steps.copy() for lane in parent.lanes]
            for index, name, step, *_ in take_all(parent.inbox):
                if name is not None:  # the parent's owner has not counted this step yet
                    steps[index].draw(name, step)
            channel = Channel(owner, list(zip(files, steps, strict=True)), self._options)
            channel.closed = channel.finished = parent.closed
            channel.inherited = inherited
            channel = self._channels.setdefault(pid, channel)
        self._channel = channel
        return channel

    def open(self) -> None:
        """Begin the first file now, so that the run is visible and errors are raised at once."""
        lane = self._channel.lanes[0]
        try:
            lane.files.open()
        except OSError as error:
            # A service must be able to start while the disk is full or the store is down.
            if self._options.on_error == "raise" or not lane.files.may_pass(error):
                raise
            lane.error = error
            self._channel.errors.note(error, "writing failed")
            self._channel.owner.log.write()

    def put_light(self, ticket: Ticket) -> bool:
        """Put a light ticket (it has no ``Work``); return whether the ticket was accepted."""
        channel = self._channel
        if channel.pid != getpid():
            channel = self._enter_child(channel)
        if channel.closed:
            raise self._closed_error()
        inbox = channel.inbox
        # Read the inbox first. So if the owner moves a ticket between the two reads, the ticket is
        # counted twice, and never missed.
        pending = inbox.qsize() * LIGHT_BYTES + channel.pending_bytes
        if pending > channel.easy_bytes or channel.reserved or channel.line:
            return self._put_carefully(channel, ticket)
        inbox.put(ticket)
        return channel.awake or self._wake(channel, ticket)

    def _put_carefully(self, channel: Channel, ticket: Ticket) -> bool:
        """Put a light ticket when memory may be short."""
        work = Work(LIGHT_BYTES - WORK_BYTES, apart=False)  # reserves LIGHT_BYTES for this call
        try:
            if (channel.line or not channel.has_room(_MANY_LIGHT_BYTES)) and not self.admit(work):
                return False
            accepted = self.put(ticket)
            channel.release(work.key)
        finally:  # release again: an interrupt may have stopped the call above
            channel.release(work.key)
        return accepted

    def let_go(self) -> None:
        """If this thread has reserved memory for a summary that was not put, free the memory."""
        self._channel.release(self._in_hand.pop(get_ident(), None))

    def admit(self, work: Work) -> bool:
        """Reserve memory for ``work``, perhaps after a wait (``on_full``); tell if it succeeded."""
        channel = self.channel
        if channel.closed:
            raise self._closed_error()
        in_hand = self._in_hand.get(thread := get_ident())
        self._in_hand[thread] = key = channel.reserve(work, channel.trying)
        if channel.has_room(0) and not channel.line:
            channel.reserved[key] = work.cost
            channel.trying.pop(key, None)
            return True
        channel.release(key)
        # A signal handler must not wait for the memory of the call that it has interrupted.
        may_wait = in_hand is None or in_hand() is None
        if self._options.on_full == "block" and channel.error is None and may_wait:
            if self.ask("room", self._options.block_timeout, work).result:
                return True
            if channel.closed:
                raise self._closed_error()
        _add_one(channel.refused["full" if channel.error is None else "disk"])
        return False

    def put(self, ticket: Ticket) -> bool:
        """Put a ticket whose memory is reserved; return whether the ticket was accepted."""
        channel, work = self._channel, ticket[6]
        channel.inbox.put(ticket)
        self._in_hand.pop(get_ident(), None)
        is_due = work is not None and (work.apart or not channel.inbox.qsize() % _MANY_SMALL)
        if is_due or not channel.awake or channel.pending_bytes > channel.easy_bytes:
            return self._wake(channel, ticket)
        return True

    def _wake(self, channel: Channel, ticket: Ticket) -> bool:
        if channel.inbox.qsize() <= 1:
            channel.woken_at = time.monotonic()
        channel.owner.send(channel)
        accepted = True
        if channel.closed or channel.owner.ending:  # set by another thread during this call
            # After ``drain``, nobody counts what is lost. So only a written summary is accepted.
            accepted = self.ask("flush", self._options.close_timeout).result
        if id(ticket) in channel.late:
            channel.late.pop(id(ticket), None)
            raise self._closed_error()
        return accepted

    def go_back(self, step: int) -> None:
        """Lower each name's next automatic step to ``step``; leave smaller steps unchanged."""
        for lane in range(len(self._channel.lanes)):
            self.put((lane, None, step, None, purge_mark, (), None))

    def last_step(self, lane: int, name: str) -> int | None:
        """Return the greatest stored step of a name; None if no step is stored."""
        return self._channel.lanes[lane].steps.last.get(name)

    def keep_out(self) -> None:
        """Count a call that ``keep`` leaves out."""
        _add_one(self.channel.kept_out)

    def ask(
        self, what: str, timeout: float | None, work: Work | None = None, *, waits: bool = True
    ) -> Request:
        """Send a request, and wait at most ``timeout`` seconds for the answer."""
        channel, deadline = self._channel, None if timeout is None else time.monotonic() + timeout
        request = Request(what, deadline, work)
        try:
            channel.owner.send(channel, request)
            if waits:
                self.wait_for(request)
        finally:
            request.work = None  # if this call was interrupted, the owner drops its request
        return request

    def wait_for(self, request: Request, interrupts: Sequence[None] = ()) -> None:
        """Wait until a request is answered, its deadline passes, or ``interrupts`` has an item."""
        channel, owner, deadline = self._channel, self._channel.owner, request.deadline
        # The owner may need this thread. If a signal handler forks, the child gets no answer.
        while not (request.answered or owner.is_worker() or channel.pid != getpid()):
            secs = _LOOK_SECS if deadline is None else min(_LOOK_SECS, deadline - time.monotonic())
            if secs <= 0 or interrupts:
                return
            if sys.is_finalizing():
                owner.take_over()  # no other thread runs any more
                return
            request.bell.wait(secs)
            if not request.answered:
                owner.send(channel, request)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all earlier summaries are in the file; see ``SummaryWriter.flush``."""
        channel = self.channel
        # Read the inbox first: the owner sets ``active`` before it takes tickets from the inbox.
        is_quiet = channel.inbox.empty() and not channel.active
        if is_quiet and all(lane.durable == lane.done for lane in channel.lanes):
            return self._outcome(channel, True)
        return self._outcome(channel, self.ask("flush", timeout).result)

    async def aflush(self, timeout: float | None = None) -> bool:
        """Do the same as ``flush``, in an asyncio event loop and without a thread."""
        import asyncio  # takes 40 ms if the program has not imported it

        channel, secs = self.channel, _FIRST_LOOK_SECS
        flush = self.ask("flush", timeout, waits=False)
        while not flush.answered and (flush.deadline is None or time.monotonic() < flush.deadline):
            await asyncio.sleep(secs)
            secs = min(secs * 2, _LAST_LOOK_SECS)
            channel.owner.send(channel, flush)  # as wait_for: the first message may be lost
        since = time.monotonic()
        while channel.owner.log.is_busy(since):
            await asyncio.sleep(secs)
        return self._outcome(channel, flush.result, since)

    def close(self, timeout: float | None = None) -> bool:
        """Write the pending summaries and close the files; see ``SummaryWriter.close``."""
        channel = self.channel
        channel.closed = True
        if channel.finished:
            return self._outcome(channel, True)
        close = self.ask("close", self._options.close_timeout if timeout is None else timeout)
        if not (close.answered or channel.owner.is_worker()):
            self.give_up()
            channel.errors.note_unwritten(channel.dropped["closed"])
        return self._outcome(channel, close.result)

    def close_soon(self) -> EventFiles:
        """Ask the owner to close the files; return the first lane's files, without waiting."""
        channel = self._channel
        if channel.pid == getpid():
            channel.closed = True
            self.ask("close", None, waits=False).sender = self  # until then, ``drain`` finds it
        return channel.lanes[0].files

    def give_up(self) -> None:
        """Close, and drop all summaries that are not being written now."""
        self._channel.closed = self._channel.abandoned = True
        self.ask("give up", _GIVE_UP_SECS)

    def begin_last_flush(self) -> Request | None:
        """Ask for a flush at the end of the process; None if this process has nothing to flush."""
        channel = self._channel
        if channel.pid != getpid() or channel.finished or self.is_over:
            return None
        channel.easy_bytes = -1  # from now on, put_light waits until its summary is written
        for lane in channel.lanes:
            lane.at_end = True
        return self.ask("flush", self._options.close_timeout, waits=False)

    def end(self) -> None:
        """Log how many summaries are lost because the process ends."""
        self.is_over = True
        self.give_up()  # once more, so that the owner has settled the commits that have ended
        counts = self._channel.counts()
        self._channel.errors.note_unwritten(counts[0] + counts[3]["closed"])

    def _outcome(self, channel: Channel, done: bool, since: float | None = None) -> bool:
        channel.owner.log.wait(since)  # errors are logged before a waiting caller continues
        error = channel.errors.take()
        if error is None and channel.error is not None and not done:
            error = copy.copy(channel.error)  # raising an error adds the caller's frames to it
        if error is not None and self._options.on_error == "raise":
            raise error
        return done and error is None

    def _closed_error(self) -> RuntimeError:
        return RuntimeError(
            f"the SummaryWriter of {self.files.directory!r} is closed; make a new one to log more"
        )

    def run_parts(self, parts: Sequence[Callable[[], T]]) -> list[T]:
        """Run the parts of one job in this thread and in idle encoders."""
        return self._channel.owner.encoders.share(parts, self._options.workers)

    def say(self, level: int, message: str, *arguments: object) -> None:
        """Log a line, from any thread, without waiting."""
        self._channel.owner.log.say(level, message, *arguments)

    @property
    def closed(self) -> bool:
        """Whether the writer was closed."""
        return self._channel.closed

    @property
    def files(self) -> EventFiles:
        """The files of the first lane; a forked child has files of its own."""
        return self.channel.lanes[0].files


def _forget_ancestors() -> None:
    """Before a fork: the child may get the process id of an ancestor that has ended."""
    pid = getpid()
    for ancestor in owners.keys() - {pid}:
        owners.pop(ancestor, None)
    for pipeline in [each for each in (reference() for reference in list(live.values())) if each]:
        for ancestor in pipeline._channels.keys() - {pid}:
            if channel := pipeline._channels.pop(ancestor, None):
                channel.pid = 0


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_forget_ancestors)


def _add_one(counts: dict[int, int]) -> None:
    """Add one to the count of the calling thread; each thread changes only its own entry."""
    thread = get_ident()
    counts[thread] = counts.get(thread, 0) + 1
