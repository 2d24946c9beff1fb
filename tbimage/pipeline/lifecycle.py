"""The end of the process: ``drain`` writes pending summaries, and counts those that are lost.

``atexit`` calls ``drain`` after the handlers that were registered later than ``drain``. Children of
``multiprocessing`` do not run ``atexit``: a finalizer of ``multiprocessing.util`` calls ``drain``.
Exit handlers and threads can log during ``drain`` and after it, but each call waits for its write.
"""

from __future__ import annotations

import atexit
import contextlib
import signal
import sys
import weakref
from collections.abc import Sequence

from tbimage.pipeline.callers import live
from tbimage.pipeline.owner import at_first_use, current_owner

_MOST_INTERRUPTS = 10  # after this number of exceptions from signal handlers, ``drain`` gives up
# Python aborts if it stops a thread that runs C++. So, after some summaries were given up, the
# drain waits for jobs that have begun. One picture may take seconds; a write may hang for ever.
_ENCODE_SECS, _WRITE_SECS = 20.0, 2.0


def drain() -> None:
    """Write pending summaries until ``close_timeout``, Ctrl-C or SystemExit; log the lost ones."""
    interrupts: list[None] = []

    def note(*_: object) -> None:
        interrupts.append(None)

    for _ in range(_MOST_INTERRUPTS):
        with contextlib.suppress(BaseException):  # of a signal handler, also in the except clause
            try:
                if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                    # If Ctrl-C raised an exception in a log handler, the line would be lost.
                    with contextlib.suppress(ValueError):  # raised outside of the main thread
                        signal.signal(signal.SIGINT, note)
                _end(interrupts)
                break
            except (KeyboardInterrupt, SystemExit):  # before ``note`` was set, or by the program
                note()
    else:
        _end([None])  # give up, and log how many summaries are lost
    if signal.getsignal(signal.SIGINT) is note:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(interrupts: Sequence[None]) -> None:
    owner = current_owner()
    owner.ending = True  # before the flush: from now on, each call waits for its write
    pipelines = [each for each in (reference() for reference in list(live.values())) if each]
    begun = [(each, flush) for each in pipelines if (flush := each.begin_last_flush()) is not None]
    for pipeline, flush in begun:  # all pipelines write at the same time
        pipeline.wait_for(flush, interrupts)
    left = [pipeline for pipeline, flush in begun if not flush.result]
    owner.log.stop_workers()  # so that the interpreter stops no thread while it logs
    for pipeline in left:
        pipeline.give_up()
    if left:
        owner.encoders.wait_until_idle(_ENCODE_SECS)
        owner.files.wait_until_idle(_WRITE_SECS)
    for pipeline in left:
        pipeline.end()
    for pipeline in pipelines:
        pipeline.is_over = True  # so the next call of ``drain`` does not wait again
    owner.log.write()


def _drain_with_multiprocessing(is_registered: object = None) -> None:
    """In a child of ``multiprocessing``, let ``drain`` run after the program's finalizers."""
    if (process := sys.modules.get("multiprocessing.process")) is None:
        return
    from multiprocessing import util

    if is_registered is None:
        # A new child deletes all inherited finalizers, and then calls this function.
        util.register_after_fork(drain, _drain_with_multiprocessing)
    if process.parent_process() is not None:
        util.Finalize(None, drain, exitpriority=-1)


# ``weakref``'s exit handler ends the sessions of stores. It is registered first, so it runs last.
weakref.finalize(drain, int)
for _ in range(_MOST_INTERRUPTS):
    atexit.register(drain)  # many times, because a Ctrl-C at its first instruction ends one call
at_first_use.append(_drain_with_multiprocessing)
