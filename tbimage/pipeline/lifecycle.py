"""What happens when the process ends.

The end drains at ``atexit``, after the handlers that the program registered later. A child of
``multiprocessing`` has no ``atexit``: it drains by a finalizer of ``multiprocessing.util``. From
then on each call waits until its summary is written, so that nothing is lost that handlers and
threads log on the way out.
"""

from __future__ import annotations

import atexit
import contextlib
import signal
import sys
from collections.abc import Callable, Sequence

from tbimage.pipeline.callers import live
from tbimage.pipeline.owner import at_first_use, current_owner

_MOST_INTERRUPTS = 10  # Ctrl-C so many times, at the wrong instants, is an end
_IDLE_SECS = 2.0  # what is being encoded ends by then, unless it is very large


def drain() -> None:
    """Write what is pending, for ``close_timeout`` seconds at most, and log what is not written.

    Ctrl-C ends the waiting, and nothing else.
    """
    interrupts: list[None] = []

    def note(*_: object) -> None:
        interrupts.append(None)

    for _ in range(_MOST_INTERRUPTS):
        with contextlib.suppress(KeyboardInterrupt):  # where _drain is in its except clause
            if _drain(note, interrupts):
                break
    if signal.getsignal(signal.SIGINT) is note:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _drain(note: Callable[..., None], interrupts: Sequence[None]) -> bool:
    try:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            # An exception within a log handler would take the line that it is about to write.
            with contextlib.suppress(ValueError):  # this is not the main thread
                signal.signal(signal.SIGINT, note)
        _end(interrupts)
        return True
    except KeyboardInterrupt:  # from before that, or from a handler of the program's
        note()
        return False


def _end(interrupts: Sequence[None]) -> None:
    owner = current_owner()
    pipelines = [each for each in (reference() for reference in list(live.values())) if each]
    begun = [(pipeline, pipeline.begin_last_flush()) for pipeline in pipelines]
    for pipeline, flush in begun:  # they drain side by side
        if flush is not None:
            pipeline.wait_for(flush, interrupts)
    left = [pipeline for pipeline, flush in begun if flush is not None and not flush.result]
    owner.ending = True
    owner.log.stop_workers()  # the interpreter may stop a thread while it logs
    for pipeline in pipelines:
        pipeline.channel.easy_bytes = -1  # light summaries take the long way, and wait
    owner.encoders.discard()
    given_up = [pipeline.give_up() for pipeline in left]
    owner.wait_until_idle(_IDLE_SECS if left else 0.0)
    for pipeline, count in zip(left, given_up, strict=True):
        pipeline.end(count)
    owner.log.write()


def _drain_with_multiprocessing(is_registered: object = None) -> None:
    """Let a child of ``multiprocessing`` drain, after the finalizers of the program."""
    process = sys.modules.get("multiprocessing.process")
    if process is None:
        return
    from multiprocessing import util

    if is_registered is None:
        # A child forgets its finalizers as it begins, then calls this.
        util.register_after_fork(drain, _drain_with_multiprocessing)
    if process.parent_process() is not None:
        util.Finalize(None, drain, exitpriority=-1)


atexit.register(drain)
at_first_use.append(_drain_with_multiprocessing)
