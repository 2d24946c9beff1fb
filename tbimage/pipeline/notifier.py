"""How callers wait for what workers do, so that a signal may come at any moment.

What lives here: one class. What does not: what is waited for.

Why no ``threading.Condition``: its ``wait`` lets go of the lock before it is ready to take it back.
A Ctrl-C in between, which is where a thread often stands, turns into "cannot release un-acquired
lock". And a handler that flushes between a look at the state and the wait would take away the
notification that the wait is for.

Rule: take the gate, then look, then wait at the gate without the lock. A gate that was opened stays
open, so news between the look and the wait is not lost.
"""

from __future__ import annotations

import threading

__all__ = ["Gate", "Progress"]

#: Closed while it is locked.
Gate = threading.Lock

# A signal that raises may come between a change and its news; then who waits looks again by himself
# after so many seconds.
_LONGEST_WAIT = 0.5


class Progress:
    """News for any number of waiting threads.

    Args:
        lock: Guards what is waited for; reentrant.

    Example:
        >>> lock = threading.RLock()
        >>> progress = Progress(lock)
        >>> with lock:
        ...     gate = progress.gate()
        ...     progress.tell()
        >>> progress.wait(gate, None)
    """

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._gate: Gate | None = None

    def gate(self) -> Gate:
        """Return what opens with the next news. With the lock held."""
        gate = self._gate
        if gate is None:
            gate = threading.Lock()
            gate.acquire()
            self._gate = gate
        return gate

    def tell(self) -> None:
        """Wake all that wait. With the lock held."""
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.release()

    def wait(self, gate: Gate, seconds: float | None) -> None:
        """Wait for news.

        Args:
            gate: What ``gate`` returned before the state was looked at.
            seconds: The longest wait; None: any. It may end sooner without news: look again.
        """
        held = None
        if self._lock._is_owned():  # type: ignore[attr-defined]
            # By the code that a signal handler has interrupted; nobody else can go on before it.
            held = self._lock._release_save()  # type: ignore[attr-defined]
        secs = _LONGEST_WAIT if seconds is None else min(seconds, _LONGEST_WAIT)
        try:
            if gate.acquire(timeout=secs):
                gate.release()  # for the next one
        finally:
            if held is not None:
                self._lock._acquire_restore(held)  # type: ignore[attr-defined]
