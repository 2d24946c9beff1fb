"""What happens when the process ends.

``atexit`` calls ``drain`` after the handlers that the program registered later. A child of
``multiprocessing`` has no ``atexit``: a finalizer of ``multiprocessing.util`` calls it. After that,
each call waits until its summary is written, so that summaries of other exit handlers and of
threads are not lost.
"""

from __future__ import annotations

import atexit
import contextlib
import signal
import sys
import weakref
from collections.abc import Callable, Sequence

from tbimage.pipeline.callers import live
from tbimage.pipeline.owner import at_first_use, current_owner

_MOST_INTERRUPTS = 10  # after so many Ctrl-C that were caught here, give up
_IDLE_SECS = 2.0  # enough to finish the current pictures, unless they are very large


def drain() -> None:
    """Write what is pending, within ``close_timeout``, and log the rest; Ctrl-C ends the wait."""
    interrupts: list[None] = []

    def note(*_: object) -> None:
        interrupts.append(None)

    for _ in range(_MOST_INTERRUPTS):
        try:  # Ctrl-C in a call outside of it would end the drain
            if _drain(note, interrupts):
                break
        except KeyboardInterrupt:  # where _drain is in its except clause
            continue
    if signal.getsignal(signal.SIGINT) is note:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _drain(note: Callable[..., None], interrupts: Sequence[None]) -> bool:
    try:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            # An exception in a log handler would lose the line that it is writing.
            with contextlib.suppress(ValueError):  # not the main thread
                signal.signal(signal.SIGINT, note)
        _end(interrupts)
        return True
    except KeyboardInterrupt:  # raised before that, or by a handler of the program
        note()
        return False


def _end(interrupts: Sequence[None]) -> None:
    owner = current_owner()
    pipelines = [each for each in (reference() for reference in list(live.values())) if each]
    begun = [(pipeline, pipeline.begin_last_flush()) for pipeline in pipelines]
    for pipeline, flush in begun:  # all pipelines write at the same time
        if flush is not None:
            pipeline.wait_for(flush, interrupts)
    left = [pipeline for pipeline, flush in begun if flush is not None and not flush.result]
    owner.ending = True
    owner.log.stop_workers()  # the interpreter could stop a thread while it logs
    for pipeline in pipelines:
        pipeline.channel.easy_bytes = -1  # now put_light waits until its summary is written
    owner.encoders.discard()
    given_up = [pipeline.give_up() for pipeline in left]
    owner.wait_until_idle(_IDLE_SECS if left else 0.0)
    for pipeline, count in zip(left, given_up, strict=True):
        pipeline.end(count)
    owner.log.write()


def _drain_with_multiprocessing(is_registered: object = None) -> None:
    """Make a child of ``multiprocessing`` drain after the finalizers of the program."""
    process = sys.modules.get("multiprocessing.process")
    if process is None:
        return
    from multiprocessing import util

    if is_registered is None:
        # A new child deletes its finalizers, and then calls this.
        util.register_after_fork(drain, _drain_with_multiprocessing)
    if process.parent_process() is not None:
        util.Finalize(None, drain, exitpriority=-1)


# Finalizers end the sessions of stores. Those run after ``drain``, as one is registered before it.
weakref.finalize(drain, int)
atexit.register(drain)
at_first_use.append(_drain_with_multiprocessing)
