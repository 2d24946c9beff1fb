"""The side of the pipeline that callers see: put, wait for room, flush, close, look.

A call changes what is shared by exactly one ``put``. Whatever interrupts it, before that nothing
has happened, and after it the summary is the owner's. No caller does I/O, and none holds a lock.
"""

from __future__ import annotations

import copy
import os
import sys
import time
import weakref
from collections.abc import Callable, Sequence
from threading import get_ident
from typing import Any, TypeVar

from tbimage.events.event_files import EventFiles
from tbimage.events.steps import Steps
from tbimage.pipeline.channel import Channel
from tbimage.pipeline.owner import current_owner
from tbimage.pipeline.requests import PipelineOptions, Request
from tbimage.pipeline.tickets import LIGHT_BYTES, WORK_BYTES, Ticket, Work, purge_mark
from tbimage.pixels.fork_join import ForkJoin

T = TypeVar("T")
#: Given what takes lines for the log, and whether it is for a forked child, makes the files of each
#: lane.
MakeFiles = Callable[[Callable[..., None], bool], "tuple[EventFiles, ...]"]

#: A writer is not healthy when something is pending and for so many seconds nothing was encoded or
#: written: ten times what a slow disk takes for a write.
STUCK_SECS = 10.0
# A caller that waits looks again after so many seconds; an aflush, which has no gate, after the
# second figure, doubled each time up to the third.
_LOOK_SECS, _FIRST_LOOK_SECS, _LAST_LOOK_SECS = 0.1, 0.0005, 0.02
# With so much room left, even a thousand threads do not exceed the bound at once.
_MANY_LIGHT_BYTES = 1000 * LIGHT_BYTES
# How long a close that gives up waits for the owner to count what is lost.
_GIVE_UP_SECS = 1.0

#: The live pipelines, for the end of the process.
live: dict[int, weakref.ref[Pipeline]] = {}


class Pipeline:
    """What one writer has on its way to its files, here and in the processes that it forks to."""

    def __init__(self, make_files: MakeFiles, options: PipelineOptions) -> None:
        self.close_timeout = options.close_timeout
        self._make_files = make_files
        self._options = options
        self._kept_out: dict[int, int] = {}  # by thread, see _add_one
        self._refused: dict[str, dict[int, int]] = {"full": {}, "disk": {}}
        self._in_hand: dict[int, weakref.ref[Work]] = {}  # by thread, until it is put
        self._abandoned = False
        owner = current_owner()
        self.note_end(owner.ending)
        lanes = [(files, Steps()) for files in make_files(owner.log.say, False)]
        self._channel = Channel(owner, lanes, options)
        self._channels = {self._channel.pid: self._channel}
        key = id(self)
        live[key] = weakref.ref(self, lambda _: live.pop(key, None))

    @property
    def channel(self) -> Channel:
        """The state in this process."""
        channel = self._channel
        return channel if channel.pid == os.getpid() else self._enter_child(channel)

    def _enter_child(self, parent: Channel) -> Channel:
        """Begin anew in a process that was forked: all that is pending is the parent's."""
        pid = os.getpid()
        channel = self._channels.get(pid)
        if channel is None:
            owner = current_owner()
            for lane in parent.lanes:
                lane.files.forget()
            files = tuple(lane.files for lane in parent.lanes)
            if not parent.closed:
                files = self._make_files(owner.log.say, True)
            steps = [lane.steps.copy() for lane in parent.lanes]
            while not parent.inbox.empty():  # what the parent's owner has yet to take in
                index, name, step, *_ = parent.inbox.get_nowait()
                if name is not None:
                    steps[index].draw(name, step)
            channel = Channel(owner, list(zip(files, steps, strict=True)), self._options)
            channel.closed = channel.finished = parent.closed
            channel = self._channels.setdefault(pid, channel)
            self._kept_out, self._refused = {}, {"full": {}, "disk": {}}
            self.note_end(owner.ending)
        self._channel = channel
        return channel

    def note_end(self, ending: bool) -> None:
        """Let light summaries take the short way, unless the process ends: see ``_wake``."""
        self._easy_bytes = -1 if ending else self._options.max_pending_bytes // 2

    def open(self) -> None:
        """Begin the first file now, so that the run and its errors show before the first record.

        Raises:
            OSError: The directory or the file cannot be made. With ``on_error="log"`` a full disk
                is only logged: a service must come up, and space may be freed.
        """
        lane = self._channel.lanes[0]
        try:
            lane.files.open()
        except OSError as error:
            if self._options.on_error == "raise" or not lane.files.may_pass(error):
                raise
            lane.error = error
            self._channel.errors.note(error, "writing failed")
            self._channel.owner.log.write()

    # Logging.

    def put_light(self, ticket: Ticket) -> bool:
        """Put a summary that costs less to make than to hand over; return whether it fits."""
        channel = self._channel
        if channel.pid != os.getpid():
            channel = self._enter_child(channel)
        if channel.closed:
            raise self._closed_error()
        inbox = channel.inbox
        # In this order: what the owner takes in meanwhile counts twice, and not never.
        pending = inbox.qsize() * LIGHT_BYTES + channel.pending_bytes
        if pending > self._easy_bytes or channel.reserved or channel.has_line:
            return self._put_carefully(channel, ticket)
        inbox.put(ticket)
        if not channel.awake:
            self._wake(channel, ticket)
        return True

    def _put_carefully(self, channel: Channel, ticket: Ticket) -> bool:
        """Put a light summary where memory may be short."""
        if not channel.has_line and channel.has_room(_MANY_LIGHT_BYTES):
            channel.inbox.put(ticket)
            if not channel.awake or channel.pending_bytes > self._easy_bytes:
                self._wake(channel, ticket)
            return True
        work = Work(LIGHT_BYTES - WORK_BYTES, apart=False)
        try:
            if not self.admit(work):
                return False
            lane, name, step, wall_time, make, work.arguments, _ = ticket
            self.put((lane, name, step, wall_time, make, (), work))
        finally:
            self.let_go()
        return True

    def let_go(self) -> None:
        """Note that this thread has nothing in hand that was admitted and is not put."""
        self._in_hand.pop(get_ident(), None)

    def admit(self, work: Work) -> bool:
        """Reserve memory before a snapshot is made, and wait for it as the options say.

        The reservation ends with the work, so there is nothing to undo for whoever is interrupted.
        """
        channel = self.channel
        if channel.closed:
            raise self._closed_error()
        # In a signal handler that interrupted an admission of this thread nobody can wait.
        in_hand = self._in_hand.get(get_ident())
        nested = in_hand is not None and in_hand() is not None
        self._in_hand[get_ident()] = weakref.ref(work)
        channel.reserve(work, channel.trying)
        if channel.has_room(0) and not channel.has_line:
            channel.reserved[id(work)] = work.cost
            channel.trying.pop(id(work), None)
            return True
        channel.release(id(work))
        if self._options.on_full == "block" and channel.error is None and not nested:
            room = Request("room", work)
            self._ask(channel, room, self._options.block_timeout)
            if room.result:
                return True
            if channel.closed:
                raise self._closed_error()
        _add_one(self._refused["full" if channel.error is None else "disk"])
        return False

    def put(self, ticket: Ticket) -> None:
        """Put a summary that was admitted."""
        channel = self._channel
        self.let_go()  # before: a call that is interrupted behind the put has nothing in hand
        channel.inbox.put(ticket)
        self._wake(channel, ticket)

    def _wake(self, channel: Channel, ticket: Ticket) -> None:
        if channel.inbox.qsize() <= 1:
            channel.woken_at = time.monotonic()
        channel.owner.send(channel)
        if channel.closed or channel.owner.ending:  # by another thread, or a handler, in this call
            self._ask(channel, Request("flush"), self.close_timeout)
        if id(ticket) in channel.late:
            channel.late.pop(id(ticket), None)
            raise self._closed_error()

    def go_back(self, step: int) -> None:
        """Let automatic steps of all names go on with this one at most."""
        for lane in range(len(self._channel.lanes)):
            self.put((lane, None, step, None, purge_mark, (), None))

    def last_step(self, lane: int, name: str) -> int | None:
        """Return the greatest step that was decided for a name."""
        return self._channel.lanes[lane].steps.last.get(name)

    def keep_out(self) -> None:
        """Count a call that ``keep`` leaves out."""
        _add_one(self._kept_out)

    # Waiting.

    def _ask(self, channel: Channel, request: Request, timeout: float | None) -> None:
        """Send a request, and wait for the answer for so many seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        channel.owner.send(channel, request)
        self.wait_for(channel, request, deadline)

    def wait_for(self, channel: Channel, request: Request, deadline: float | None) -> None:
        """Wait for the answer to a request that was sent."""
        owner = channel.owner
        while not (request.answered or owner.is_worker()):  # a worker would wait for itself
            secs = _LOOK_SECS if deadline is None else min(_LOOK_SECS, deadline - time.monotonic())
            if secs <= 0:
                return
            if sys.is_finalizing():
                owner.take_over()  # there is no other thread any more
                return
            request.gate.acquire(timeout=secs)
            if not (request.seen or request.answered):
                owner.send(channel, request)
            owner.see_to_it()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was put before is in the file; see ``SummaryWriter.flush``."""
        channel = self.channel
        if channel.is_quiet():
            return self._outcome(channel, True)
        flush = Request("flush")
        self._ask(channel, flush, timeout)
        return self._outcome(channel, flush.result)

    async def aflush(self, timeout: float | None = None) -> bool:
        """Wait as ``flush`` does, in an asyncio event loop, without a thread."""
        import asyncio  # 40 ms, unless it is there already

        channel = self.channel
        deadline = None if timeout is None else time.monotonic() + timeout
        flush = Request("flush")
        channel.owner.send(channel, flush)
        secs = _FIRST_LOOK_SECS
        while not flush.answered and (deadline is None or time.monotonic() < deadline):
            await asyncio.sleep(secs)
            secs = min(secs * 2, _LAST_LOOK_SECS)
            channel.owner.see_to_it()
        return self._outcome(channel, flush.result)

    def close(self, timeout: float | None = None) -> bool:
        """Write what is pending and close the files; see ``SummaryWriter.close``."""
        channel = self.channel
        channel.closed = True
        close = Request("close")
        if not channel.finished:
            self._ask(channel, close, self.close_timeout if timeout is None else timeout)
            if not close.answered:
                give_up = Request("give up")
                self._ask(channel, give_up, _GIVE_UP_SECS)
                channel.errors.note_unwritten(give_up.mark)
        return self._outcome(channel, close.result if close.answered else channel.finished)

    def close_soon(self) -> EventFiles:
        """Have the files closed once what is pending is written, without waiting.

        For writers that are garbage-collected without being closed. Returns the files of the first
        lane.
        """
        channel = self._channel
        if channel.pid == os.getpid():
            channel.closed = True
            if channel.known or not channel.inbox.empty():
                channel.owner.send(channel, Request("close"))
            else:  # no thread need be started for it
                channel.seal_unused()
        return channel.lanes[0].files

    def _outcome(self, channel: Channel, done: bool) -> bool:
        channel.owner.log.wait()  # what happened is logged before anybody who waited goes on
        error = channel.errors.take()
        if error is None and channel.error is not None and not done:
            error = copy.copy(channel.error)  # what is raised holds the frames of the caller
        if error is not None and self._options.on_error == "raise":
            raise error
        return done and error is None

    # Workers.

    def run_parts(self, parts: Sequence[Callable[[], T]]) -> list[T]:
        """Run the parts of one job on this thread and on encoders that have nothing else to do."""
        group = ForkJoin(parts)
        helpers = min(self._options.workers, len(parts)) - 1
        if helpers > 0:
            self._channel.owner.encoders.ask_for_help(group.help, helpers)
        return group.finish()

    def say(self, level: int, message: str, *arguments: object) -> None:
        """Take a line for the log, from any thread."""
        self._channel.owner.log.say(level, message, *arguments)

    # Looking.

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._channel.closed

    @property
    def files(self) -> EventFiles:
        """The files of the first lane; others in a forked child."""
        return self.channel.lanes[0].files

    def _closed_error(self) -> RuntimeError:
        return RuntimeError(
            f"the SummaryWriter of {self.files.directory!r} is closed; make a new one to go on "
            "logging"
        )

    def counters(self) -> dict[str, Any]:
        """Return the fields of ``Stats`` at this moment, without waiting for anybody."""
        channel = self.channel
        items, pending_bytes, written, dropped, failing = channel.counts()
        for cause, counts in self._refused.items():
            dropped[cause] += sum(list(counts.values()))
        if items and not channel.awake:
            channel.owner.send(channel)  # a wake-up may have been lost
        now = time.monotonic()
        age = now - channel.oldest_at() if items else 0.0
        files = [lane.files for lane in channel.lanes]
        return {
            "logged": written + sum(dropped.values()) + items,
            "written": written,
            "dropped": dropped,
            "kept_out": sum(list(self._kept_out.values())),
            "pending_items": items,
            "pending_bytes": pending_bytes,
            "oldest_pending_secs": age,
            "bytes_written": sum(each.bytes_written for each in files),
            "segments": sum(each.count for each in files),
            "displaced_files": sum(each.displaced for each in files),
            "encode_secs": channel.encode_secs,
            "last_error": channel.errors.latest,
            "healthy": not failing
            and min(age, now - channel.progress_at)
            < STUCK_SECS + max(each.commit_secs for each in files),
        }

    # The end of the process.

    def abandon(self) -> None:
        """Close for good, and log how many summaries are not written."""
        channel = self._channel
        if channel.pid == os.getpid() and not (channel.finished or self._abandoned):
            channel.closed = self._abandoned = True
            give_up = Request("give up")
            self._ask(channel, give_up, _GIVE_UP_SECS)
            channel.errors.note_unwritten(give_up.mark + channel.counts()[0])

    def begin_last_flush(self) -> tuple[Channel, Request] | None:
        """Ask for what is pending to be written; None where there can be nothing."""
        channel = self._channel
        if channel.pid != os.getpid() or channel.finished:
            return None
        flush = Request("last flush")
        channel.owner.send(channel, flush)
        return channel, flush


def _add_one(counts: dict[int, int]) -> None:
    """Count something: each thread in an entry of its own, which no other thread changes."""
    thread = get_ident()
    counts[thread] = counts.get(thread, 0) + 1
